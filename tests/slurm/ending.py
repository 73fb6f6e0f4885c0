"""Runs and tasks that are ended early leave nothing in the queue, and nothing that runs on a node."""

import os
import signal
import subprocess
import time

from runs import EXECUTORS, Run, project, task
from suite import check, equal, read

SLEEP = "4242.5"


def sleepers():
    """Processes of the tasks' that still run on this machine, which both nodes are."""
    return subprocess.run(["pgrep", "-f", f"^[^ ]*sleep {SLEEP}"], capture_output=True, text=True, check=False).stdout.split()


def under_way(box, cluster, executor, n=6):
    """A run whose tasks all run on nodes."""
    root = project(box, executor, executor, [task(f"t{i}", f"touch begun{i}; exec sleep {SLEEP}") for i in range(n)])
    run = Run(box, root)
    run.until(lambda: all(os.path.exists(os.path.join(root, f"begun{i}")) for i in range(n)), "tasks that run")
    check(cluster.queue(), "no job in the queue")
    return root, run


def nothing_is_left(cluster):
    cluster.until(lambda: not cluster.queue(), "an empty queue", limit_s=15)
    cluster.until(lambda: not sleepers(), "the end of what ran on nodes", limit_s=40)


def ctrl_c_leaves_nothing(box, cluster):
    for executor in EXECUTORS:
        _, run = under_way(box, cluster, executor)
        os.killpg(run.p.pid, signal.SIGINT)
        run.end(status=130, limit_s=30)
        nothing_is_left(cluster)


def ctrl_c_takes_what_waits_out_of_the_queue(box, cluster):
    cluster.call("scontrol", "update", "partitionname=p", "state=down")
    try:
        for executor in EXECUTORS:
            run = Run(box, project(box, executor, executor, [task(f"t{i}", "true") for i in range(3)]))
            run.until(cluster.queue, "a job that waits")
            os.killpg(run.p.pid, signal.SIGINT)
            run.end(status=130, limit_s=30)
            nothing_is_left(cluster)
    finally:
        cluster.call("scontrol", "update", "partitionname=p", "state=up")


def a_time_out_ends_the_task_there(box, cluster):
    """All processes of a task are told, in any order: one of `sleep` may end before the shell hears of it, which is not to take that for a failure and leave, as `-e` has it."""
    for executor in EXECUTORS:
        tasks = [task("late", f"trap 'echo told >> told; exit' TERM; sleep {SLEEP} & while :; do sleep 0.1 || :; done", timeout="1s"), task("deaf", f"trap '' TERM; sleep {SLEEP}; sleep {SLEEP}", timeout="1s"), task("well", "echo well")]
        root = project(box, executor, executor, tasks)
        said = Run(box, root, "-k").end(status=2, limit_s=60)
        check(os.path.exists(os.path.join(root, "told")), "late was not told to end", said)
        equal(read(os.path.join(root, "told")), "told\n", said)
        check("warning" not in said and "scancel" not in said, said)
        for words in ("late] ", "deaf] ", "late] Timeout after 1s", "well: done"):
            check(words in said, f"no {words!r} in", said)
        nothing_is_left(cluster)


def a_killed_axmake_takes_its_tasks_along(box, cluster):
    for executor in EXECUTORS:
        root, run = under_way(box, cluster, executor)
        os.kill(run.axmake(), signal.SIGKILL)
        run.p.wait()
        if executor == "slurm":
            nothing_is_left(cluster)
        end_by_next_run(box, cluster, root)


def end_by_next_run(box, cluster, root):
    """What a killed run left in the queue is cancelled by the next run that does something."""
    project(box, os.path.basename(root), os.path.basename(root), [task("next", "echo next")])
    Run(box, root).end()
    nothing_is_left(cluster)


def the_next_run_ends_what_a_lost_machine_left(box, cluster):
    for executor in EXECUTORS:
        root, run = under_way(box, cluster, executor)
        run.die()
        time.sleep(1)
        check(cluster.queue() and sleepers(), "srun's own helper has cleaned up: this tests nothing", *cluster.queue())
        end_by_next_run(box, cluster, root)


def slurms_own_time_limit_is_the_tasks_failure(box, cluster):
    settings = "[executor slurm]\nwrap = srun --quiet --time=1 --ntasks=1 '--job-name=${name}@${mark}' --\n"
    tasks = [task("polite", f"sleep {SLEEP}"), task("deaf", f"trap '' TERM; echo run >> runs; sleep {SLEEP}; sleep {SLEEP}")]
    root = project(box, "limit", "slurm", tasks, settings)
    said = Run(box, root, "-k").end(status=2)
    check("DUE TO TIME LIMIT" in said, said)
    with open(os.path.join(root, "runs"), encoding="ascii") as f:
        equal(f.read(), "run\n", said)
    nothing_is_left(cluster)


QUICK = [ctrl_c_leaves_nothing, a_time_out_ends_the_task_there, the_next_run_ends_what_a_lost_machine_left]
LONG = [ctrl_c_takes_what_waits_out_of_the_queue, a_killed_axmake_takes_its_tasks_along, slurms_own_time_limit_is_the_tasks_failure]
