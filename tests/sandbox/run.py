#!/usr/bin/env python3
"""Sandboxes under attack, by chance: several at once, each with a program that tries what there is to try, in any order: to read what is hidden, write what is not to be written, get
out by links, mounts, namespaces and descriptors, trace and kill, connect, fork, fill, and stay. None of it succeeds, nothing of it is left, and what is declared comes out.

    run.py [--axmake PATH] [--rounds N] [--seed S] [-j N] [--keep]

Where it runs as root, half of the rounds do as another user.
"""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import rounds  # noqa: E402
from attack import ATTACKS  # noqa: E402
from rounds import check, differences, tree  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
NOBODY = 65534
PROCESSES, DISK = 40, 4 << 20
BWRAP = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]


class Outside:
    """What the attacks are after: processes, sockets and files that are none of theirs."""

    def __init__(self, r):
        self.r, self.sockets = r, []
        self.victims = [subprocess.Popen(["sleep", "999.5"], start_new_session=True, preexec_fn=r.become, env={"PATH": os.environ["PATH"]}) for _ in range(2)]
        self.tcp = self.listen(socket.AF_INET, ("127.0.0.1", 0))
        self.named = self.listen(socket.AF_UNIX, r.path("home", "socket"))
        self.abstract = self.listen(socket.AF_UNIX, "\0" + r.mark)
        os.chmod(r.path("home", "socket"), 0o777)

    def listen(self, family, address):
        s = socket.socket(family)
        s.bind(address)
        s.listen()
        s.setblocking(False)
        self.sockets.append(s)
        return s

    def called(self, s):
        try:
            s.accept()
        except BlockingIOError:
            return False
        return True

    def close(self):
        for s in self.sockets:
            s.close()
        for p in self.victims:
            p.kill()
            p.wait()


def prepare(r):
    other = os.geteuid() == 0 and r.maybe(0.5)
    r.become = (lambda: (os.setgroups([]), os.setgid(NOBODY), os.setuid(NOBODY))) if other else None
    r.before_words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if other else []
    r.write("of nobody else", "home", ".ssh", "id")
    r.write("kept", "outside", "canary")
    r.write("code\n", "root", "src", "code")
    os.symlink(r.path("home", ".ssh", "id"), r.path("root", "src", "key"))
    os.symlink(r.path("outside"), r.path("root", "src", "out"))
    names = r.rng.randint(2, 4)
    lines, plan, network = ["tasks:", "  - {name: other, isolate: none, run: 'echo of another'}"], {}, {}
    for i in range(names):
        network[f"t{i}"] = r.maybe(0.4)
        box = [f"network: {str(network[f't{i}']).lower()}", f"disk: {DISK}", f"processes: {PROCESSES}"] + (["watch: false"] if r.maybe(0.2) else [])
        attacks = [r.rng.choice(sorted(ATTACKS)) for _ in range(r.rng.randint(3, 14))]
        plan[f"t{i}"] = {"seed": r.rng.randrange(1 << 30), "attacks": attacks}
        lines.append(f"  - {{name: t{i}, run: 'exec python3 {HERE}/attack.py {r.path('plan.json')} t{i}', isolate: {r.rng.choice(['overlay', 'copy'])}, sandbox: {{{', '.join(box)}, read: [{r.path('plan.json')}, {HERE}]}}, "
                     f"dependencies: [other], outputs: [made{i}, tree{i}/], timeout: 8s}}")
    r.write("\n".join(lines) + "\n", "root", "workflow.ax.yaml")
    return plan, network, other


def hand_over(r):
    for at, folders, files in os.walk(r.box):
        for name in [*folders, *files, "."]:
            os.chown(os.path.join(at, name), NOBODY, NOBODY, follow_symlinks=False)


def nothing_outside(r, before, seen, said):
    after = tree(r.path("outside")), {p: v for p, v in tree(r.path("home")).items() if not p.startswith((b".config", b".cache"))}
    for b, a in zip(before, after):
        check(not differences(b, a), "outside:", differences(b, a), said)
    for path in ("/etc/axmake-was-here", "/usr/axmake-was-here", "/dev/shm/axmake-was-here", "/tmp/axmake-was-here", "/var/tmp/axmake-was-here", "/run/axmake-was-here", "/dev/axmake-was-here"):
        check(not os.path.lexists(path), f"{path} was made", said)
    check(all(p.poll() is None for p in seen.victims), "a stranger's process was ended", said)


def outputs(r, plan, said):
    """What came out is what is declared, as files that nobody runs as somebody else."""
    allowed = {b"src", b"src/code", b"src/key", b"src/out", b"workflow.ax.yaml"}
    for path in tree(r.root, content=False):
        top = path.split(b"/")[0]
        if top == b".axmake" or path in allowed:
            continue
        check(re.fullmatch(rb"(made|tree)\d+", top) and os.fsdecode(top).replace("made", "t").replace("tree", "t") in plan, f"{path} came out", said)
        st = os.lstat(os.path.join(os.fsencode(r.root), path))
        check(not stat.S_IMODE(st.st_mode) & (stat.S_ISUID | stat.S_ISGID) or stat.S_ISDIR(st.st_mode) and not st.st_mode & stat.S_ISUID, f"{path} has mode {st.st_mode:o}", said)
        check(not stat.S_ISBLK(st.st_mode) and not stat.S_ISCHR(st.st_mode), f"{path} is a device", said)
    with open(r.path("root", "src", "code"), encoding="utf-8") as f:
        check(f.read() == "code\n", "an input was changed", said)


def told(r, name):
    """What the program itself saw of it: lines of JSON."""
    found = []
    for log in ("stdout", "output"):
        path = r.path("root", ".axmake", "tasks", name, log)
        if os.path.exists(path):
            with open(path, "rb") as f:
                for line in f.read().decode(errors="replace").split("\n"):
                    if line.startswith('{"attack"'):
                        found.append(json.loads(line))
    return found


def play(r):
    plan, network, other = prepare(r)
    before = tree(r.path("outside")), tree(r.path("home"))
    seen = Outside(r)
    try:
        before = before[0], tree(r.path("home"))
        group = bool(other) or os.access("/sys/fs/cgroup/pids", os.W_OK)
        for name, what in plan.items():
            what.update(home=r.path("home"), outside=r.path("outside"), root=r.root, port=seen.tcp.getsockname()[1], abstract=r.mark, victims=[p.pid for p in seen.victims], runner=os.getpid(),
                        network=network[name], processes=PROCESSES if group else 0, disk=DISK, others=[n for n in plan if n != name])
        r.write(json.dumps(plan), "plan.json")
        if other:
            hand_over(r)
            os.chmod(r.box, 0o755)
        x = r.run("-k", "-j4", "--report", "../report.json" if not other else "report.json", "--report", "../report.html" if not other else "report.html", limit=120, clean=False)
        check(b"not possible here" not in x.err, x)
        reports = [r.path("report.json" if not other else "root/report.json"), r.path("report.html" if not other else "root/report.html")]
        report = r.reported(reports[0])
        r.reported(reports[1])
        for path in reports:
            os.unlink(path)
        end = time.monotonic() + 5
        while r.left_alive() and time.monotonic() < end:
            time.sleep(0.05)
        check(not r.left_alive(), "processes are left:", r.left_alive(), x)
        nothing_outside(r, before, seen, x)
        outputs(r, plan, x)
        tried = 0
        for t in report["tasks"]:
            if t["name"] not in plan:
                continue
            seen_by = told(r, t["name"])
            tried += len(seen_by)
            won = [a for a in seen_by if a["won"]]
            check(not won, f"{t['name']} has won:", won, plan[t["name"]], x)
            check(t["state"] in ("done", "failed"), f"{t['name']} is {t['state']}", x)
        check(not seen.called(seen.tcp) or any(network.values()), "somebody was called, without a network", x)
        check(not seen.called(seen.named), "a socket that is hidden was called", x)
        check(not seen.called(seen.abstract) or any(network.values()), "an abstract socket was called, without a network", x)
        second = r.run("-k", "-j4", "-n", clean=False)
        done = [t["name"] for t in report["tasks"] if t["state"] == "done"]
        for name in done:
            check(f"] {name}: ".encode() not in second.out, f"{name} is done and would run again", x, second)
        return {"attacks": tried, "sandboxes": len(plan), "as root": int(os.geteuid() == 0 and not other), "refusals told": sum(len(t.get("refused", [])) for t in report["tasks"])}
    finally:
        seen.close()


def possible():
    return subprocess.run(BWRAP, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    try:
        able = possible()
    except FileNotFoundError:
        able = False
    if not able:
        print("skipped: bubblewrap, or namespaces for it, cannot be had here\n0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    sys.exit(rounds.main(play, 4))
