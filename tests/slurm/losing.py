"""Nodes that die or are taken away, and a controller that is away: the work is done elsewhere, and nobody's tries are spent."""

import os
import signal
import time

from ending import SLEEP, nothing_is_left
from runs import EXECUTORS, Run, local_twin, made, nodes, project, task, two_hundred
from suite import check, equal, read

# The first that comes to n1 says so, and never ends there.
TRAP = f"[ $SLURMD_NODENAME = n1 ] && mkdir trapped 2>/dev/null && exec sleep {SLEEP}; true"


def node_back(cluster, node):
    cluster.kill(f"slurmd-{node}")
    cluster.start_node(node)
    cluster.until(lambda: cluster.states()[node] == "idle", f"{node} to be idle again")
    nothing_is_left(cluster)


def a_node_dies_in_the_middle(box, cluster):
    wanted = local_twin(box, two_hundred())
    for executor in EXECUTORS:
        root = project(box, executor, executor, two_hundred(f"sleep 0.2; {TRAP}"))
        run = Run(box, root)
        run.until(lambda: os.path.isdir(os.path.join(root, "trapped")), "a task on n1")
        cluster.kill("slurmd-n1")
        said = run.end()
        check("axmake: 200 tasks done" in said, said[-2000:])
        check("lost" in said, "no try was told as lost", said[-2000:])
        os.rmdir(os.path.join(root, "trapped"))
        equal(made(root), wanted)
        equal(sum(nodes(root).values()), 180)
        node_back(cluster, "n1")


def a_machine_dies_with_all_that_runs_there(box, cluster):
    for executor in EXECUTORS:
        root = project(box, executor, executor, [task(f"t{i}", f"{TRAP}; sleep 0.3; echo $SLURMD_NODENAME", retry=1) for i in range(20)])
        run = Run(box, root)
        run.until(lambda: os.path.isdir(os.path.join(root, "trapped")), "a task on n1")
        cluster.kill("slurmd-n1")
        cluster.end_steps("n1")
        said = run.end()
        check("axmake: 20 tasks done" in said and "lost" in said, said)
        node_back(cluster, "n1")


def a_node_is_drained(box, cluster):
    wanted = local_twin(box, two_hundred())
    for executor in EXECUTORS:
        root = project(box, executor, executor, two_hundred("sleep 0.2"))
        run = Run(box, root)
        run.until(lambda: len(os.listdir(os.path.join(root, "where"))) >= 30 if os.path.isdir(os.path.join(root, "where")) else False, "30 tasks")
        cluster.call("scontrol", "update", "nodename=n1", "state=drain", "reason=test")
        try:
            said = run.end()
        finally:
            cluster.call("scontrol", "update", "nodename=n1", "state=resume")
        check("axmake: 200 tasks done" in said, said[-2000:])
        equal(made(root), wanted)
        if executor == "slurm":  # a drained node keeps the allocations that it has
            check(nodes(root)["n2"] > nodes(root)["n1"], nodes(root))


def a_node_set_down_ends_its_tasks_at_once(box, cluster):
    for executor in EXECUTORS:
        root = project(box, executor, executor, [task(f"t{i}", f"{TRAP}; echo $SLURMD_NODENAME") for i in range(8)])
        run = Run(box, root)
        run.until(lambda: os.path.isdir(os.path.join(root, "trapped")), "a task on n1")
        cluster.call("scontrol", "update", "nodename=n1", "state=down", "reason=test")
        said = run.end(limit_s=60)
        cluster.call("scontrol", "update", "nodename=n1", "state=idle")
        check("axmake: 8 tasks done" in said and "lost" in said, said)


def an_allocation_that_is_gone_is_passed_over(box, cluster):
    """All that is kept is lost between two tasks: the second has a new one, in its first try."""
    tasks = [task(f"a{i}", f"touch a{i}; while [ ! -e go ]; do sleep 0.05; done") for i in range(6)]
    tasks.append(task("gone", "scancel --user=root; while [ \"$(squeue --noheader)\" ]; do sleep 0.1; done", dependencies=[t["name"] for t in tasks], executor="local"))
    tasks.append(task("then", "echo fine", dependencies=["gone"]))
    root = project(box, "gone", "slurm-steps", tasks)
    run = Run(box, root)
    run.until(lambda: all(os.path.exists(os.path.join(root, f"a{i}")) for i in range(6)), "six tasks that run")
    open(os.path.join(root, "go"), "w", encoding="ascii").close()
    said = run.end(limit_s=60)
    check("axmake: 8 tasks done" in said and "lost" not in said and "did not start" not in said, said)


def somebody_cancels_a_job(box, cluster):
    root = project(box, "cancelled", "slurm", [task("t", f"echo run >> runs; exec sleep {SLEEP}"), task("other", "echo other")])
    run = Run(box, root, "-k")
    run.until(lambda: os.path.exists(os.path.join(root, "runs")), "a task that runs")
    cluster.call("scancel", "--user=root", "--state=RUNNING")
    run.end(status=2, limit_s=60)
    equal(read(os.path.join(root, "runs")), "run\n", run.text())


def the_controller_is_away_for_a_while(box, cluster):
    for executor in EXECUTORS:
        root = project(box, executor, executor, two_hundred("sleep 0.2"))
        run = Run(box, root)
        run.until(lambda: os.path.isdir(os.path.join(root, "where")) and len(os.listdir(os.path.join(root, "where"))) >= 30, "30 tasks")
        # One that crashes may forget the jobs of the last seconds, for which srun then waits for ever. An allocation is older than that.
        cluster.kill("slurmctld", signal.SIGKILL if executor == "slurm-steps" else signal.SIGTERM)
        time.sleep(12)
        cluster.start_controller()
        said = run.end()
        check("axmake: 200 tasks done" in said, said[-2000:])
        nothing_is_left(cluster)
        # What a controller was told while it was away it asks for again, in its own time.
        cluster.until(lambda: set(cluster.states().values()) == {"idle"}, "two idle nodes", limit_s=240)


QUICK = [a_node_set_down_ends_its_tasks_at_once]
LONG = [an_allocation_that_is_gone_is_passed_over, a_node_dies_in_the_middle, a_machine_dies_with_all_that_runs_there, a_node_is_drained, somebody_cancels_a_job, the_controller_is_away_for_a_while]
