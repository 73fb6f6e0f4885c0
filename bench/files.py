"""Rows of content: hashing beside reading, the cache beside `cp`."""
import os
import shutil
import statistics

from measured import medians, write
from rows import Goal, number, shown


def hashing(b, title, n, size, reader, goal, how, more=None, walk=False):
    """A run whose one task has the files as inputs and does nothing. reader, more: {name: command}. walk: beside a walk through the folders, too."""
    top = b.fresh("hash")
    block = os.urandom(size)
    for i in range(n):
        write(f"{top}/in/{i % 100}/{i}", i.to_bytes(8, "little") + block[8:])
    write(f"{top}/workflow.ax.yaml", 'tasks: [{name: t, run: "true", inputs: [in]}]\n')
    write(f"{top}/list", "".join(f"in/{i % 100}/{i}\n" for i in range(n)))

    def ours():
        shutil.rmtree(f"{top}/.axmake", ignore_errors=True)
        return b.run([b.axmake, "-s"], top)

    steps = {"axmake": ours, **{name: lambda c=c: b.run(c, top) for name, c in {**reader, **(more or {})}.items()}}
    if walk:
        steps["walk"] = lambda: b.run([b.least, "walk", "in"], top)
    for step in steps.values():
        step()
    seen = b.rounds(title, b.args.rounds, steps)
    b.row(title, medians(seen, "wall"), "s", [goal], (next(iter(reader)), how))
    if walk:
        row = b.rows[-1]
        row.note = f"to list the folders, and to read what is found there in the order found, takes {shown(row.values['walk'], 's')} ({row.ratio('walk'):.2f}×)"
    if more:
        goal = Goal(0.5, "b2sum", "≥ 2× the rate of `b2sum`, CPU")
        cpu = medians(seen, "cpu")
        b.row(f"{title}: CPU", cpu, "s", [goal], ("b2sum", "`b2sum`"))
    b.remove(top)


def hash_rows(b):
    mib, small = (1024, 100000) if b.args.large >= 100000 else (128, 5000)
    cat = {"cat": ["sh", "-c", "cat in/*/* > /dev/null"]}
    hashing(b, f"hashing {mib} MiB in 4 files", 4, mib << 18, cat, Goal(1 / 0.9, "cat", "≥ 0.9× the rate of `cat`"), "`cat` to nowhere")
    b2sum = {"b2sum": ["sh", "-c", "xargs b2sum < list"]}
    hashing(b, f"hashing {number(small)} files of 4 KiB", small, 4096, {"read": [b.least, "read", "list"]}, Goal(1.3, "read", "≤ 1.3× reading"), "`open` and `read` of each", b2sum, walk=True)


def cache_rows(b):
    """Bringing an output tree back, and what a run takes longer because it stores it, beside a copy of that tree."""
    n, size, top = (1000 if b.args.large >= 100000 else 200), 100000, b.fresh("cache")
    for i in range(n):
        write(f"{top}/src/{i % 10}/{i}", os.urandom(size))
    write(f"{top}/workflow.ax.yaml", "tasks: [{name: tree, run: cp -r src out, outputs: [out/]}]\n")

    def without(*words):
        shutil.rmtree(f"{top}/out", ignore_errors=True)
        shutil.rmtree(f"{top}/.axmake", ignore_errors=True)
        return b.run([b.axmake, "-s", *words], top)

    def restore():
        shutil.rmtree(f"{top}/out")
        return b.run([b.axmake, "-s"], top)

    def copy():
        shutil.rmtree(f"{top}/copy", ignore_errors=True)
        return b.run(["cp", "-r", "src", "copy"], top)

    seen = {name: [] for name in ("plain", "stored", "restored", "cp")}
    b.say(f"cache: {number(n)} files of {number(size)} bytes")
    for _ in range(b.args.rounds):
        for name, step in (("plain", lambda: without("--no-cache")), ("stored", without), ("restored", restore), ("cp", copy)):
            seen[name].append(step())
    cp = statistics.median(s.wall for s in seen["cp"])
    more = statistics.median(s.wall - p.wall for s, p in zip(seen["stored"], seen["plain"]))
    goals, how = [Goal(1.3, "cp", "≤ 1.3× `cp -r`")], ("cp", "`cp -r`")
    b.row(f"restoring {number(n)} files of 100 KB", {"axmake": statistics.median(s.wall for s in seen["restored"]), "cp": cp}, "s", goals, how)
    b.row(f"storing {number(n)} files of 100 KB", {"axmake": more, "cp": cp}, "s", goals, how)
    b.remove(top)
