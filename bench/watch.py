"""Rows of --watch: what it does while nothing happens, and how soon after an edit a task starts."""
import os
import select
import statistics
import subprocess
import time

from measured import Failed, write
from rows import Goal, number


class Watch:
    """axmake --watch as a process; `stamps` is a pipe into which tasks write when they began."""

    def __init__(self, b, folder):
        self.err = open(f"{folder}/../err", "w+")
        self.p = subprocess.Popen([b.axmake, "--watch", "-j2"], cwd=folder, env=b.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.err)
        self.told = 0

    def wait(self):
        """Until it says once more that it watches."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with open(self.err.name) as f:
                text = f.read()
            if text.count("watching ") > self.told:
                self.told = text.count("watching ")
                return
            if self.p.poll() is not None:
                break
            time.sleep(0.005)
        raise Failed(f"--watch does not watch: {text[-500:]}")

    def processes(self):
        """Its own, and of the round that it holds ready."""
        with open(f"/proc/{self.p.pid}/task/{self.p.pid}/children") as f:
            return [self.p.pid, *(int(n) for n in f.read().split())]

    def wakings(self):
        """How often their threads have waited for something, or were taken from the processor."""
        n = 0
        for p in self.processes():
            for t in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{t}/status") as f:
                    n += sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
        return n

    def asleep(self):
        """Do all of them wait for something? One that works and is never interrupted has woken no more often."""
        states = []
        for p in self.processes():
            with open(f"/proc/{p}/stat") as f:
                states.append(f.read().rsplit(")", 1)[1].split()[0])
        return set(states) == {"S"}

    def rest(self):
        """Until all have slept for a tenth of a second: the next round is ready."""
        self.wait()
        end, before, quiet = time.monotonic() + 120, None, 0
        while quiet < 5:
            if time.monotonic() > end:
                raise Failed("--watch does not come to rest")
            try:
                now = (self.processes(), self.wakings()) if self.asleep() else None
            except OSError:
                now = None
            quiet = quiet + 1 if now and now == before else 0
            before = now
            time.sleep(0.02)

    def close(self):
        self.p.terminate()
        self.p.wait()
        self.err.close()


def few_tasks(b, top, n):
    """100 tasks whose inputs are folders of files."""
    for i in range(n):
        write(f"{top}/in/{i % 100}/{i}", "%d\n" % i)
    text = "".join(f"- {{name: t{k}, run: {b.stamp} ../stamps, inputs: [in/{k}]}}\n" for k in range(100))
    write(f"{top}/workflow.ax.yaml", "tasks:\n" + text)
    return f"{top}/in/7/{7 + n // 100 // 2 * 100}"


def many_tasks(b, top, n):
    """As many tasks as half the files, each with one input and one output."""
    lines = [f"- {{name: t{i}, run: cp src/{i} out/{i}, inputs: [src/{i}], outputs: [out/{i}]}}\n" for i in range(n // 2 - 1)]
    for i in range(n // 2 - 1):
        write(f"{top}/src/{i}", "%d\n" % i)
        write(f"{top}/out/{i}", "%d\n" % i)
    write(f"{top}/src/last", "last\n")
    lines.append(f"- {{name: last, run: {b.stamp} ../stamps, inputs: [src/last]}}\n")
    write(f"{top}/workflow.ax.yaml", "tasks:\n" + "".join(lines))
    return f"{top}/src/last"


def begun(pipe):
    """What the next task writes."""
    if not select.select([pipe], [], [], 30)[0]:
        raise Failed("--watch: no task starts after an edit")
    return float(os.read(pipe, 100).split()[0])


def edits(b, path, pipe, ready):
    """Seconds from before a file is written until a task's program begins."""
    out = []
    for k in range(b.args.rounds * 2 + 1):
        time.sleep(0.1)
        at = time.clock_gettime(time.CLOCK_MONOTONIC)
        with open(path, "w") as f:
            f.write(f"edit {k}\n")
        out.append(begun(pipe) - at)
        ready()
    return statistics.median(out)


def bare_edits(b, path, pipe):
    """The same by a program that waits for a change in that folder, and does nothing else."""
    times = b.args.rounds * 2 + 1
    command = [b.least, "change", os.path.dirname(path), str(times), b.stamp, os.path.join(os.path.dirname(pipe[1]), "stamps")]
    p = subprocess.Popen(command, env=b.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    p.stdout.readline()
    took = edits(b, path, pipe[0], lambda: None)
    p.stdout.close()
    p.wait()
    return took


def one(b, title, make, n, idles):
    base = b.fresh("watch")
    top = os.path.join(base, "root")
    os.mkfifo(f"{base}/stamps")
    pipe = os.open(f"{base}/stamps", os.O_RDWR | os.O_CLOEXEC)
    b.say(f"--watch: {title}")
    path = make(b, top, n)
    b.run([b.axmake, "-t", "-s"], top)
    bare = bare_edits(b, path, (pipe, f"{base}/stamps"))
    b.run([b.axmake, "-t", "-s"], top)
    w = Watch(b, top)
    try:
        w.rest()
        idle = idle_row(b, w, title) if idles else None
        took = edits(b, path, pipe, w.rest)
    finally:
        w.close()
        os.close(pipe)
    b.row(f"`--watch`, {title}: edit to first start", {"axmake": took * 1000, "bare": bare * 1000}, "ms", [Goal(20, None, "≤ 20 ms", "ms")], ("bare", "inotify and a spawn"))
    b.remove(base)
    return idle


def idle_row(b, w, title):
    time.sleep(1)
    before = w.wakings()
    time.sleep(b.args.idle)
    b.row(f"`--watch`, {title}: wake-ups in {b.args.idle} idle s", {"axmake": w.wakings() - before}, "count", [Goal(0, None, "none")])


def rows(b):
    for n in sorted({b.args.middle, b.args.large}):
        one(b, f"{number(n)} files in 100 tasks", few_tasks, n, n == b.args.large)
        one(b, f"{number(n)} files in {number(n // 2)} tasks", many_tasks, n, False)
