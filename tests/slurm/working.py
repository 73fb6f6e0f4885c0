"""What runs on the cluster is what runs here."""

import os
import time

from runs import EXECUTORS, Run, local_twin, made, nodes, project, task, two_hundred
from suite import check, equal, read, write


def statuses_streams_and_prompts_pass_through(box, cluster):
    settings = "[provider mine]\ncommand = cat\nprompt = stdin\n[agent writer]\nprovider = mine\nrole =\n"
    for executor in EXECUTORS:
        tasks = [
            task("says", "echo out; echo err >&2; pwd; echo \"$MINE\"", env={"MINE": "a  b"}),
            task("seven", "exit 7"),
            task("killed", "kill -9 $$"),
            task("segv", "kill -SEGV $$"),
            task("ended", "kill -TERM $$"),
            task("status", "exit 137"),
            task("missing", "no-such-program"),
            {"name": "agent", "agent": "writer", "task": "Say ${says}", "dependencies": ["says"]},
        ]
        root = project(box, executor, executor, tasks, settings)
        said = Run(box, root, "-k").end(status=2)
        for words in ("seven] Error 7", "killed] Killed (crash)", "segv] Segmentation fault (crash)", "ended] Terminated (crash)", "status] Error 137", "missing] Error 127", f"out\n{root}\na  b", f"Say out\n{root}\na  b"):
            check(words in said, f"no {words!r} in", said)
        equal(read(os.path.join(root, ".axmake/tasks/says/stderr")), "err\n", said)


def two_hundred_tasks_come_out_as_here(box, cluster):
    wanted = local_twin(box, two_hundred())
    for executor in EXECUTORS:
        root = project(box, executor, executor, two_hundred())
        said = Run(box, root).end()
        check("axmake: 200 tasks done" in said, said[-2000:])
        equal(made(root), wanted)
        equal(sum(nodes(root).values()), 180)
        equal(sorted(nodes(root)), ["n1", "n2"])
        check(not cluster.queue(), *cluster.queue())
        Run(box, root, "-q").end()  # nothing is stale, wherever it ran


def in_an_allocation_of_the_users_own_tasks_are_its_steps(box, cluster):
    root = project(box, "inside", "slurm", [task(f"t{i}", "echo $SLURM_JOB_ID.$SLURM_STEP_ID") for i in range(8)])
    said = box.call(f"salloc --quiet --ntasks=4 {box.axmake} 2>&1", cwd=root).ok().text
    steps = {line for line in said.split("\n") if line.replace(".", "").isdigit()}
    equal(len(steps), 8, said)
    equal(len({s.split(".")[0] for s in steps}), 1, said)


def time_in_the_queue_is_not_the_tasks(box, cluster):
    cluster.call("scontrol", "update", "partitionname=p", "state=down")
    root = project(box, "late", "slurm", [task("t", "sleep 0.5; echo fine", timeout="3s")])
    run = Run(box, root)
    run.until(cluster.queue, "a job that waits")
    time.sleep(4)
    check(run.p.poll() is None, run.text())
    cluster.call("scontrol", "update", "partitionname=p", "state=up")
    check("fine" in run.end(), run.text())


def counted(box, name):
    """From now on calls of the program are noted in the file that is told, and come one after another, 0.15 s apart."""
    seen = box.path(f"{name}s")
    write(box.path("bin", name), f'#!/bin/sh\necho x >> {seen}\nflock {box.path("turn")} sleep 0.15\nPATH=$PATH_BELOW exec {name} "$@"\n', 0o755)
    box.env.update(PATH_BELOW=box.env["PATH"], PATH=f"{box.path('bin')}:{box.env['PATH']}")
    return seen


def steps_keep_their_allocations_while_others_are_waited_for(box, cluster):
    seen = counted(box, "salloc")
    root = project(box, "kept", "slurm-steps", [task(f"t{i}", "true") for i in range(40)], "[executor slurm-steps]\nmax_concurrent = 4\n")
    said = Run(box, root).end()
    check("axmake: 40 tasks done" in said, said[-2000:])
    check(len(read(seen).split()) <= 6, read(seen))  # four, but on a machine that is very slow


def who_needs_more_gets_what_steps_have_left(box, cluster):
    """All processors of the cluster belong to allocations that nobody uses: they are given back to who waits, while the tasks of another kind go on in theirs."""
    meet = "touch met$AX_TASK; while [ $(ls met* | wc -l) -lt 16 ]; do sleep 0.05; done"
    tasks = [task(f"s{i}", meet) for i in range(16)]
    tasks.append(task("large", "echo $SLURM_CPUS_PER_TASK > large", dependencies=[t["name"] for t in tasks], slots=8))
    tasks.append(task("small", "touch small; while [ ! -e large ]; do sleep 0.05; done", dependencies=[f"s{i}" for i in range(16)]))
    root = project(box, "more", "slurm-steps", tasks)
    said = Run(box, root).end(limit_s=60)
    check("axmake: 18 tasks done" in said, said[-2000:])
    equal(read(os.path.join(root, "large")), "8\n")


def steps_of_two_kinds_say_nothing_of_their_own(box, cluster):
    root = project(box, "kinds", "slurm-steps", [task(f"t{i}", "sleep 0.1", slots=1 + i % 2) for i in range(30)])
    said = Run(box, root, "-s").end()
    equal(said, "")


QUICK = [steps_of_two_kinds_say_nothing_of_their_own, steps_keep_their_allocations_while_others_are_waited_for, who_needs_more_gets_what_steps_have_left, statuses_streams_and_prompts_pass_through, two_hundred_tasks_come_out_as_here, in_an_allocation_of_the_users_own_tasks_are_its_steps]
LONG = [time_in_the_queue_is_not_the_tasks]
