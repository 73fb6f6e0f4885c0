"""What happens to a root under a watch beside edits of its sources: how editors save, what stands where tasks write, other runs, and the watch's own processes."""

import os
import shutil
import signal
import time

import generate

MOMENTS = [0, 0.002, 0.01, 0.06]


def save_by_rename(h):
    path = h.rng.choice(generate.SOURCES)
    data = generate.content(h.rng).encode()
    h.steps.append(f"printf %s '{data.decode()}' > {path}.new~; mv {path}.new~ {path}")
    h.write(h.at(path + ".new~"), data)
    time.sleep(h.rng.choice(MOMENTS))
    os.rename(h.at(path + ".new~"), h.at(path))
    h.before[path].append(data)
    h.ref.disk[path] = data


def keep_mtime(h):
    """Other content of the same size, perhaps, and the old time of change."""
    path = h.rng.choice(generate.SOURCES)
    was = os.stat(h.at(path))
    h.change(path, h.rng.choice([generate.content(h.rng).encode(), h.ref.disk[path].swapcase()]))
    os.utime(h.at(path), ns=(was.st_atime_ns, was.st_mtime_ns))
    h.steps.append(f"touch -d @{was.st_mtime_ns / 1e9} {path}")


def twice_at_once(h):
    path = h.rng.choice(generate.SOURCES)
    for _ in range(2):
        h.change(path, generate.content(h.rng).encode())


def away_and_back(h):
    """A file, or a folder with all in it; none that tasks change in place, who could do nothing but fail meanwhile."""
    known = [*generate.SOURCES, *generate.FOUND]
    found = [p for p in [*known, *sorted({os.path.dirname(p) for p in known})] if os.path.exists(h.at(p))]
    path = h.rng.choice(found)
    h.steps.append(f"mv {path} away~; mv away~ {path}")
    h.watch.send_signal(signal.SIGSTOP)  # no task is to begin meanwhile
    os.rename(h.at(path), h.at("away~"))
    time.sleep(h.rng.choice(MOMENTS))
    os.rename(h.at("away~"), h.at(path))
    h.watch.send_signal(signal.SIGCONT)


def spoil_output(h):
    """What a task has made is changed or removed by hand."""
    found = [p for p in sorted(h.real_disk()) if p.startswith("out/") and os.path.isfile(h.at(p))]
    for path in h.rng.sample(found, min(1, len(found))):
        way = h.rng.choice(["rm", "chmod +x", "echo by hand >", "truncate -s0"])
        h.steps.append(f"{way} {path}")
        if way == "rm":
            os.unlink(h.at(path))
        elif way == "chmod +x":
            os.chmod(h.at(path), 0o755)
        else:
            h.write(h.at(path), b"by hand\n" if way[0] == "e" else b"")


def another_run(h):
    words = [h.rng.choice(["-s", "-k", "-q", "-n", "-j3"])]
    h.steps.append("axmake " + words[0])
    h.command(*words)


def reject(h):
    t = h.rng.choice([t for t in h.wf.tasks if t.kind != "group"])
    h.steps.append(f"axmake --reject {t.name}")
    h.command("--reject", t.name)


def forget_all(h):
    h.steps.append("rm -rf .axmake")
    shutil.rmtree(h.at(".axmake"), ignore_errors=True)


def other_name_of_root(h):
    name = h.path("root" if os.path.basename(h.root) != "root" else "moved")
    h.steps.append(f"mv ../{os.path.basename(h.root)} ../{os.path.basename(name)}")
    os.rename(h.root, name)
    h.root = name


def kill_standby(h):
    """Of a watch that rests: else it may be a round by now."""
    pid = h.watch.pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        children = f.read().split()
    for child in children:
        h.steps.append("kill -9 STANDBY")
        os.kill(int(child), signal.SIGKILL)


ALL = [(save_by_rename, 4), (keep_mtime, 2), (twice_at_once, 2), (another_run, 3), (reject, 1)]
# What would make a task fail that is at work.
AT_REST = [kill_standby, away_and_back, away_and_back, spoil_output, spoil_output, forget_all, other_name_of_root]
