#!/usr/bin/env python3
"""What a task costs, in instructions and system calls: a run that takes a tenth more of them than is on record has failed.

    python3 tests/cost/run.py [--axmake ./axmake] [CASE...]
    python3 tests/cost/run.py --update [--axmake ./axmake]

Not seconds, which hang on the machine and on what else it does. Each figure is the difference of two sizes of one graph by that of their tasks: the start of
a program, and with it most of what hangs on libraries and linking, falls out. Instructions are counted outside the kernel, by perf where it may count, else by
valgrind; compilers differ in them, so each has figures of its own. `--update` puts on record what it sees, which is to be done after something became cheaper.
"""

import json
import os
import shutil
import sys
import time

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")]
import counted  # noqa: E402
from counted import RECORD, Callgrind, Perf, calls, compiler, counter, graph, hold, slope, unseal  # noqa: E402
from suite import Failed, check, run_cases, write  # noqa: E402


# Instructions


def sealed_instructions(box, by, n):
    folder = graph(box, n, True)
    by.prepare(box, folder)
    by.prepare(box, folder)
    check(os.path.exists(f"{folder}/.axmake/seal"), "there is no seal")
    return by.count(box, folder, "-s")


def nothing_to_do_at_ten_thousand_tasks_takes_few_instructions(box):
    kind, by = compiler(box.axmake), counter(box)
    hold(kind, "instructions, no-op", slope((2000, 10000), lambda n: sealed_instructions(box, by, n)))


def judged_instructions(box, by, n):
    folder = graph(box, n, True)
    by.prepare(box, folder)
    unseal(folder)
    return by.count(box, folder, "-s")


def judging_tasks_takes_few_instructions(box):
    kind, by = compiler(box.axmake), counter(box)
    hold(kind, "instructions, judged", slope((1000, 2000), lambda n: judged_instructions(box, by, n)))


def edit(folder, n, text):
    write(f"{folder}/src/{n - 1}", text)
    time.sleep(0.05)


def edited_instructions(box, by, n):
    """After one edit, of a workflow with a seal: its run leaves one for the next, so that the third is as cheap as the second."""
    folder = graph(box, n, True)
    by.prepare(box, folder)
    by.prepare(box, folder)
    edit(folder, n, "once\n")
    by.prepare(box, folder)
    edit(folder, n, "twice\n")
    return by.count(box, folder, "-s", starts=True)


def one_edit_looks_at_what_it_reaches(box):
    kind, by = compiler(box.axmake), counter(box)
    hold(kind, "instructions, edit", slope((2000, 10000), lambda n: edited_instructions(box, by, n)))


def running_tasks_takes_few_instructions(box):
    kind, by = compiler(box.axmake), counter(box)
    hold(kind, "instructions, run", slope((20, 60), lambda n: by.count(box, graph(box, n, False), "-s", "-j1", starts=True)))


def agents(box, n):
    """A folder with n agents, whose program repeats what it is asked."""
    folder = box.path(f"agents-{n}")
    write(f"{folder}/axmake.ini", "[provider p]\ncommand = cat\n[agent a]\nprovider = p\n")
    write(f"{folder}/workflow.ax.yaml", "tasks:\n" + "".join(f"- {{name: t{i}, agent: a, task: x}}\n" for i in range(n)))
    return folder


def running_agents_takes_few_instructions(box):
    kind, by = compiler(box.axmake), counter(box)
    hold(kind, "instructions, agent", slope((20, 60), lambda n: by.count(box, agents(box, n), "-s", "-j1", starts=True)))


def a_start_reads_little_of_the_built_in_rules(box):
    kind, by = compiler(box.axmake), counter(box)
    folder = agents(box, 1)
    hold(kind, "instructions, built-in rules", by.count(box, folder, "-n", "-s") - by.count(box, folder, "-n", "-s", "--no-builtin-rules"), "a start")


# System calls


def sealed_calls(box, n):
    folder = graph(box, n, True)
    for _ in range(2):
        box.call("axmake -s", folder).ok()
    return calls(box, folder, "-s")


def nothing_to_do_looks_at_each_file_once(box):
    hold("calls", "calls, no-op", slope((500, 1500), lambda n: sealed_calls(box, n)))


def judged_calls(box, n):
    folder = graph(box, n, True)
    box.call("axmake -s", folder).ok()
    unseal(folder)
    return calls(box, folder, "-s")


def judging_tasks_takes_few_system_calls(box):
    hold("calls", "calls, judged", slope((500, 1500), lambda n: judged_calls(box, n)))


def edited_calls(box, n):
    folder = graph(box, n, True)
    for _ in range(2):
        box.call("axmake -s", folder).ok()
    edit(folder, n, "once\n")
    box.call("axmake -s", folder).ok()
    edit(folder, n, "twice\n")
    return calls(box, folder, "-s")


def one_edit_takes_few_system_calls(box):
    hold("calls", "calls, edit", slope((500, 1500), lambda n: edited_calls(box, n)))


def run_calls(box, n):
    """The least of some: what ends while the program looks costs no turn of its loop."""
    seen = []
    for _ in range(5):
        folder = graph(box, n, False)
        seen.append(calls(box, folder, "-s", "-j1", threads=False))
        shutil.rmtree(folder)
    return min(seen)


def running_tasks_takes_few_system_calls(box):
    hold("calls", "calls, run", slope((20, 60), lambda n: run_calls(box, n)))


def agent_calls(box, n):
    seen = []
    for _ in range(5):
        folder = agents(box, n)
        seen.append(calls(box, folder, "-s", "-j1", threads=False))
        shutil.rmtree(folder)
    return min(seen)


def running_agents_takes_few_system_calls(box):
    hold("calls", "calls, agent", slope((20, 60), lambda n: agent_calls(box, n)))


# Who follows a run

FOLLOWERS = {
    "events": ["--events", "../followed.events"],
    "trace": ["--trace-file", "../followed.trace"],
    "json": ["--report", "../followed.json"],
    "page": ["--report", "../followed.html"],
    "xml": ["--report", "../followed.xml"],
    "md": ["--report", "../followed.md"],
}
SHARE = 0.02         # of what nobody's run takes
RUN_MOST = 12 * 4000  # a fiftieth of the 0.6 ms that a task takes, be it the script `true`, in which any processor of today does four thousand of these a microsecond


def shares_of_followers(box, n, figure, kind, prepare, count):
    """What each follower adds to a run of n tasks that has nothing to do: within its share, and, by that kind of figures, about as much as on record."""
    folder = graph(box, n, True)
    prepare(folder)
    prepare(folder)
    alone = count(folder)
    for name, words in FOLLOWERS.items():
        prepare(folder, *words)
        more = count(folder, *words) - alone
        check(more < SHARE * alone, f"{name}: {more} more than {alone}")
        if kind:
            hold(kind, f"{figure}, no-op with {name}", more, "a run")
        else:
            print(f"        {name}: {more} {figure} more than {alone}")


def as_counted(box, by):
    """What runs as those that are counted do, but is not: it leaves what they find."""
    def prepare(folder, *words):
        if isinstance(by, Callgrind):
            by.count(box, folder, "-s", *words, counts=False)
        else:
            box.call(" ".join(["axmake -s", *words]), folder).ok()
    return prepare


def followers_of_nothing_to_do_take_few_instructions(box):
    kind, by = compiler(box.axmake), counter(box)
    shares_of_followers(box, 10000, "instructions", kind, as_counted(box, by), lambda folder, *words: by.count(box, folder, "-s", *words))


def followers_of_nothing_to_do_take_few_system_calls(box):
    def prepare(folder, *words):
        box.call(" ".join(["axmake -s", *words]), folder).ok()
    shares_of_followers(box, 1000, "calls", "calls", prepare, lambda folder, *words: calls(box, folder, "-s", *words))


def touch(folder, n):
    os.utime(f"{folder}/src/{n - 1}")
    time.sleep(0.05)


def followers_of_a_touch_take_few_instructions(box):
    """Nothing is to be done, and only what a file that was touched reaches is looked at more closely, whoever follows."""
    _, by = compiler(box.axmake), counter(box)
    as_it_runs = as_counted(box, by)

    def prepare(folder, *words):
        as_it_runs(folder, *words)
        touch(folder, 10000)

    def count(folder, *words):
        as_it_runs(folder, *words)
        touch(folder, 10000)
        return by.count(box, folder, "-s", *words)
    shares_of_followers(box, 10000, "instructions", None, prepare, count)


def followers_of_what_is_judged_take_few_instructions(box):
    """Of each task that no seal answers for, and that is up to date: events tell of it, and reports of the run before say the same."""
    _, by = compiler(box.axmake), counter(box)
    prepare = as_counted(box, by)

    def count(n, *words):
        folder = graph(box, n, True)
        for _ in range(2):
            unseal(folder)
            prepare(folder, *words)
        unseal(folder)
        seen = by.count(box, folder, "-s", *words)
        shutil.rmtree(folder)
        return seen
    alone = slope((1000, 2000), count)
    for name in ("events", "json"):  # where nothing is written anew all reports are alike
        more = slope((1000, 2000), lambda n, words=FOLLOWERS[name]: count(n, *words)) - alone
        check(more < SHARE * alone, f"{name}: {more} more than {alone} a task")
        print(f"        {name}: {more:.1f} more than {alone:.1f} a task")


def followers_of_a_run_take_few_instructions(box):
    """Of axmake's own, for each task: their time is less than a fiftieth of what the shortest of tasks takes in all."""
    kind, by = compiler(box.axmake), counter(box)

    def count(n, *words):
        folder = graph(box, n, False)
        seen = by.count(box, folder, "-s", "-j1", *words, starts=True)
        shutil.rmtree(folder)
        return seen
    alone = slope((20, 60), count)
    for name, words in FOLLOWERS.items():
        more = slope((20, 60), lambda n, words=words: count(n, *words)) - alone
        check(more < RUN_MOST, f"{name}: {more} more than {alone} a task")
        if more > 10000:  # of less a tenth is chance
            hold(kind, f"instructions, run with {name}", more)


# The terminal


def with_lines(box, n):
    """A folder whose task prints n lines, each in time for a frame of its own, beside one that takes longer."""
    folder = box.path(f"lines-{n}")
    write(f"{folder}/workflow.ax.yaml", f"""tasks:
- {{name: a, run: "for i in $(seq {n}); do echo line $i; sleep 0.12; done"}}
- {{name: b, run: "sleep {0.15 * n}"}}
""")
    return folder


def drawing_a_frame_takes_few_instructions(box):
    kind, by = compiler(box.axmake), counter(box)
    hold(kind, "instructions, frame", slope((5, 25), lambda n: by.count(box, with_lines(box, n), "-B", "-j2", starts=True, screen=True)), "a line that is drawn")


def drawing_a_frame_takes_few_system_calls(box):
    hold("calls", "calls, frame", slope((5, 25), lambda n: calls(box, with_lines(box, n), "-B", "-j2", threads=False, screen=True)), "a line that is drawn")


# The suite itself


def what_costs_a_tenth_more_is_found(_box):
    with open(RECORD) as f:
        known = json.load(f)["calls"]["calls, no-op"]
    for seen, fails in ((known * 1.09, False), (known * 1.11, True)):
        try:
            hold("calls", "calls, no-op", seen)
        except Failed:
            check(fails, f"{seen} of {known} has failed")
        else:
            check(not fails, f"{seen} of {known} has not failed")


def perf_is_understood(_box):
    check(Perf.read("# started on Thu\n\n1536838,,instructions:u,503125,100.00,,\n") == 1536838)
    check(Perf.read("<not supported>,,instructions:u,0,100.00,,\n") is None, "it may not count, and yet it did")


CASES = [
    nothing_to_do_at_ten_thousand_tasks_takes_few_instructions,
    judging_tasks_takes_few_instructions,
    one_edit_looks_at_what_it_reaches,
    running_tasks_takes_few_instructions,
    running_agents_takes_few_instructions,
    a_start_reads_little_of_the_built_in_rules,
    nothing_to_do_looks_at_each_file_once,
    judging_tasks_takes_few_system_calls,
    one_edit_takes_few_system_calls,
    running_tasks_takes_few_system_calls,
    running_agents_takes_few_system_calls,
    followers_of_nothing_to_do_take_few_instructions,
    followers_of_nothing_to_do_take_few_system_calls,
    followers_of_a_touch_take_few_instructions,
    followers_of_what_is_judged_take_few_instructions,
    followers_of_a_run_take_few_instructions,
    drawing_a_frame_takes_few_instructions,
    drawing_a_frame_takes_few_system_calls,
]
OF_ITSELF = [what_costs_a_tenth_more_is_found, perf_is_understood]


def update():
    sys.argv.remove("--update")
    counted.updates = {}
    status = run_cases(CASES)
    record = {}
    if os.path.exists(RECORD):
        with open(RECORD) as f:
            record = json.load(f)
    for (kind, figure), seen in counted.updates.items():
        record.setdefault(kind, {})[figure] = seen
    with open(RECORD, "w") as f:
        json.dump(record, f, indent="\t", sort_keys=True)
        f.write("\n")
    return status


if __name__ == "__main__":
    sys.exit(update() if "--update" in sys.argv else run_cases(CASES + OF_ITSELF))
