"""Workflows that are played on the cluster, and axmake at work on them."""

import json
import os
import signal
import subprocess
import time

from suite import check, equal, read, write

PARTS, TENS = 180, 18
EXECUTORS = ("slurm", "slurm-steps")


def task(name, run, **keys):
    return {"name": name, "run": run, **keys}


def project(box, name, executor, tasks, settings=""):
    """A folder with these tasks, run by that executor."""
    root = box.path(name)
    write(os.path.join(root, "workflow.ax.yaml"), json.dumps({"defaults": {"executor": executor}, "tasks": tasks}, indent=1))
    write(os.path.join(root, "axmake.ini"), settings)
    return root


def two_hundred(doing="true"):
    """200 tasks: texts are made, counted one by one, summed by tens and in all. `doing` is done by each of the 180; who did it is written beside."""
    tasks = [task("make", f"mkdir -p where parts sums; for i in $(seq {PARTS}); do seq $i > parts/$i.txt; done", outputs=["parts/*.txt"])]
    for i in range(1, PARTS + 1):
        run = f"echo ${{SLURMD_NODENAME-here}} > where/$AX_TASK; {doing}; wc -l < parts/{i}.txt > parts/{i}.n"
        tasks.append(task(f"c{i}", run, dependencies=["make"], inputs=[f"parts/{i}.txt"], outputs=[f"parts/{i}.n"]))
    for s in range(TENS):
        of = range(s * 10 + 1, s * 10 + 11)
        run = "awk '{s += $1} END {print s}' " + " ".join(f"parts/{i}.n" for i in of) + f" | tee sums/{s}"
        tasks.append(task(f"s{s}", run, dependencies=[f"c{i}" for i in of], outputs=[f"sums/{s}"]))
    tasks.append(task("total", "cat sums/* | sort -n | tee all; awk '{s += $1} END {print s}' all", dependencies=[f"s{s}" for s in range(TENS)], outputs=["all"]))
    return tasks


def made(root):
    """{path: text} of all that the tasks made, but for who did it."""
    files = {}
    for folder, _, names in os.walk(root):
        if "/.axmake" in folder or folder.endswith("/where"):
            continue
        for n in names:
            if n not in ("workflow.ax.yaml", "axmake.ini", "said"):
                files[os.path.relpath(os.path.join(folder, n), root)] = read(os.path.join(folder, n))
    return files


def nodes(root):
    """Which nodes did how many of the tasks that say so."""
    where = [read(os.path.join(root, "where", n)).strip() for n in os.listdir(os.path.join(root, "where"))]
    return {n: where.count(n) for n in sorted(set(where))}


class Run:
    """axmake at work, in a process group of its own as a shell gives one, and where it cannot see what runs on the nodes: they are other machines to it."""

    APART = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", '"$0" "$@"; s=$?; [ $s != 137 ] || sleep 3; exit $s')

    def __init__(self, box, root, *words):
        self.said = open(os.path.join(root, "said"), "w+b")
        self.p = subprocess.Popen([*self.APART, box.axmake, *words], cwd=root, env=box.env, stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said, start_new_session=True)

    def axmake(self):
        """Its number, as seen from here: below unshare and the shell."""
        pid = self.p.pid
        for _ in range(2):
            pid = int(read(f"/proc/{pid}/task/{pid}/children").split()[0])
        return pid

    def until(self, condition, what, limit_s=60):
        end = time.monotonic() + limit_s
        while not condition():
            check(time.monotonic() < end and self.p.poll() is None, f"waited in vain for {what}", self.text()[-3000:])
            time.sleep(0.05)

    def text(self):
        return read(self.said.name)

    def die(self):
        """The machine that axmake runs on is gone, with all that runs there."""
        os.killpg(self.p.pid, signal.SIGKILL)
        self.p.wait()

    def end(self, status=0, limit_s=240):
        """What it said."""
        try:
            self.p.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.die()
            check(False, f"it has not ended in {limit_s} s", self.text()[-3000:])
        equal(self.p.returncode, status, self.text()[-3000:])
        return self.text()


def local_twin(box, tasks):
    """What a local run of the same tasks makes."""
    root = project(box, "local", "local", tasks)
    Run(box, root, "-j4", "-s").end()
    return made(root)
