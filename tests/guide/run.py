#!/usr/bin/env python3
"""The blocks of the parallel-execution guide, run as they stand with stand-ins for the agents' programs.

    python3 tests/guide/run.py [--axmake ./axmake] [PART-OF-A-NAME...]

`blocks/` holds an equivalent of each of its 27 fenced blocks, in our own words: these are always run. The guide itself is not part of
this tree. Where AXMAKE_GUIDE names its text, its own blocks are taken out and held to the same, all but the two that are TypeScript,
whose equivalents are `ax monitor` and `complexity`. ORIGINALS knows each by its number, its language and a hash of its text."""

import hashlib
import json
import os
import re
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from suite import Failed, check, equal, read, run_cases, write  # noqa: E402

BLOCKS = os.path.join(HERE, "blocks")
GUIDE = os.environ.get("AXMAKE_GUIDE", "")
LATE_S = 20

RULES = f"""[provider standin]
command = {sys.executable} {HERE}/agent.py ${{agent}} ${{name}}
prompt  = stdin
result  = text
privacy = private

[axmake]
provider = standin
"""


class Call:
    def __init__(self, agent, name, begin, prompt):
        self.agent, self.name, self.begin, self.end, self.prompt = agent, name, begin, None, prompt


class Ran:
    """A block that has been run: what it printed, and which calls it made, in the order of their beginnings."""

    def __init__(self, status, text, calls):
        self.status, self.text, self.calls = status, text, calls

    def tell(self):
        return "\n".join([f"exit status {self.status}", self.text] + [f"{c.begin:.3f} {c.end or 0:.3f} {c.agent} {c.name}: {c.prompt[:60]}" for c in self.calls])


def read_calls(log):
    calls, open_calls = [], {}
    for line in read(log).splitlines() if os.path.exists(log) else []:
        what, agent, name, pid, at, prompt = line.split("\t")
        if what == "begin":
            calls.append(Call(agent, name, float(at), prompt))
            open_calls[pid] = calls[-1]
        else:
            open_calls.pop(pid).end = float(at)
    return calls


def prepare(box, **plan):
    """A folder in which every agent is played by agent.py, and sleeping does not take long."""
    folder = box.path("work")
    os.makedirs(folder, exist_ok=True)
    log = box.path("log")
    if os.path.exists(log):
        os.remove(log)
    write(os.path.join(folder, "axmake.ini"), RULES)
    write(box.path("standin.json"), json.dumps({"log": log, **plan}))
    write(box.path("bin", "sleep"), f'#!/bin/sh\necho "$1" >> {box.path("slept")}\nexec /bin/sleep 0.2\n', 0o755)
    for name in ("ax", "axmake"):
        if not os.path.lexists(box.path("bin", name)):
            os.symlink(box.axmake, box.path("bin", name))
    return folder


def run(box, block, expected_calls=None, **plan):
    """Runs a shell block in bash, as a file. What it leaves in the background is waited for, up to the calls that are expected."""
    folder = prepare(box, **plan)
    script = box.path("block.sh")
    write(script, block)
    env = {"PATH": f"{box.path('bin')}:{os.path.dirname(box.axmake)}:{os.environ['PATH']}", "STANDIN": box.path("standin.json")}
    r = box.call(f"exec bash {script}", folder, **env)
    end = time.monotonic() + LATE_S
    wanted = expected_calls if expected_calls is not None else sum(plan.get("stages", []))
    calls = read_calls(box.path("log"))
    while (len(calls) < wanted or any(c.end is None for c in calls)) and time.monotonic() < end:
        time.sleep(0.05)
        calls = read_calls(box.path("log"))
    ran = Ran(r.status, r.text, calls)
    equal(len(calls), wanted, ran.tell())
    check(all(c.end for c in calls), "a call did not end", ran.tell())
    check_status_files(folder, ran)
    return ran


def check_status_files(folder, ran):
    """Every call has left its file."""
    where = os.path.join(folder, ".automatosx/status")
    end = time.monotonic() + LATE_S
    while True:
        files = [f for f in os.listdir(where) if f.endswith(".json")] if os.path.isdir(where) else []
        if len(files) >= len(ran.calls) or time.monotonic() > end:
            break
        time.sleep(0.05)
    equal(len(files), len(ran.calls), "status files", ran.tell())
    shutil.rmtree(where, ignore_errors=True)


def check_stages(ran, stages):
    """The first N calls were under way at once, and had all ended when the next N began."""
    at = 0
    for n in stages:
        group = ran.calls[at : at + n]
        check(max(c.begin for c in group) < min(c.end for c in group), f"calls {at + 1} to {at + n} were not all under way at once", ran.tell())
        if at:
            check(max(c.end for c in ran.calls[:at]) <= min(c.begin for c in group), f"call {at + 1} began before earlier ones had ended", ran.tell())
        at += n


def most_at_once(calls):
    edges = sorted([(c.begin, 1) for c in calls] + [(c.end, -1) for c in calls])
    now = most = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most


def last_echo(block):
    """The text of the last `echo "…"` of a block that holds no variable."""
    return [m for m in re.findall(r'echo "([^"]*)"', block) if "$" not in m][-1]


def check_last_line(ran, block):
    equal(ran.text.rstrip("\n").rsplit("\n", 1)[-1], last_echo(block), ran.tell())


def staged(stages, last=True, status=0):
    def case(box, block):
        ran = run(box, block, stages=stages)
        check_stages(ran, stages)
        equal(ran.status, status, ran.tell())
        for c in ran.calls:
            check(f"{c.agent} says: " in ran.text, "no answer of " + c.agent, ran.tell())
        if last:
            check_last_line(ran, block)
        return ran

    return case


def workflow_name(block):
    """The name that a workflow's block says in its first line."""
    m = re.match(r"# (\S+\.ax\.yaml)$", block.splitlines()[0])
    return m.group(1) if m else "workflow.ax.yaml"


def check_dag(box, workflow, command=None, **plan):
    """Each task began after all that it needs had ended, and what can run at once did."""
    name = workflow_name(workflow)
    folder = prepare(box)
    write(os.path.join(folder, name), workflow)
    tasks = json.loads(box.call(f"axmake -f {name} --list=json", folder).ok().text)["tasks"]
    ran = run(box, command or f"ax spec run {name}", len(tasks), hold=0.3, **plan)
    equal(ran.status, 0, ran.tell())
    by_name = {c.name: c for c in ran.calls}
    equal(sorted(by_name), sorted(t["name"] for t in tasks), ran.tell())
    for t in tasks:
        for need in t["dependencies"]:
            check(by_name[need].end <= by_name[t["name"]].begin, f"{t['name']} began before {need} had ended", ran.tell())
    again = run(box, command or f"ax spec run {name}", 0)
    check("nothing to be done" in again.text, again.tell())
    return ran, tasks


def in_parallel(ran, n):
    check(most_at_once(ran.calls) >= n, f"never {n} at once", ran.tell())


# One function a block: it gets the text, and the texts of all blocks of the same source.


def block_1(box, block, blocks):
    staged([3])(box, block)


def block_2(box, block, blocks):
    ran = run(box, block, 1)
    equal(ran.status, 0, ran.tell())


def block_3(box, block, blocks):
    folder = prepare(box)
    write(os.path.join(folder, "workflow.ax.yaml"), block)
    box.call("ax spec validate workflow.ax.yaml && ax spec plan workflow.ax.yaml && axmake -n", folder).ok()


def block_4(box, block, blocks):
    ran, _ = check_dag(box, blocks[3], block, stages=[1, 2, 1])
    check_stages(ran, [1, 2, 1])
    for c in ran.calls:  # nobody said what is asked: the agent's name and the task's say it
        check(c.name in c.prompt, f"{c.name} is asked: {c.prompt}")


def block_5(box, block, blocks):
    ran = staged([4])(box, block)
    equal(len(re.findall(r"(?m)^(?:Starting|Asking) ", ran.text)), 4, ran.tell())


def block_6(box, block, blocks):
    staged([3])(box, block)
    ran = run(box, block, 3, fail={"frontend": 9})
    equal(ran.status, 1, ran.tell())
    check(re.search(r": frontend\n\Z", ran.text), ran.tell())


def block_7(box, block, blocks):
    staged([1, 1, 3, 2, 1])(box, block)


def block_8(box, block, blocks):
    ran = run(box, block, 6, hold=0.3)
    equal(ran.status, 0, ran.tell())
    check(2 <= most_at_once(ran.calls) <= 3, f"{most_at_once(ran.calls)} at once", ran.tell())
    check_last_line(ran, block)


def block_9(box, block, blocks):
    folder = prepare(box)
    write(os.path.join(folder, workflow_name(block)), block)
    box.call(f"ax spec validate {workflow_name(block)}", folder).ok()
    # `privacy: private` admits no provider that is public.
    write(os.path.join(folder, "axmake.ini"), RULES.replace("= private", "= public"))
    r = box.call(f"ax spec run {workflow_name(block)}", folder)
    equal(r.status, 2, r.text)
    check("private" in r.text, r.text)


def block_10(box, block, blocks):
    ran, _ = check_dag(box, blocks[9], block, stages=[1, 3, 1, 1, 1])
    check_stages(ran, [1, 3, 1, 1, 1])


def block_11(box, block, blocks):
    ran, tasks = check_dag(box, block)
    equal(len(tasks), 12)
    in_parallel(ran, 2)


def block_12(box, block, blocks):
    """A picture of block 11: each name in it is a task of it."""
    folder = prepare(box)
    write(os.path.join(folder, "w.ax.yaml"), blocks[11])
    edges = box.call("ax gen dag w.ax.yaml --format dot", folder).ok().text
    names = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)+|\b[a-z]{4,}\b", block))
    check(len(names) >= 10, names)
    for n in names:
        check(f'"{n}"' in edges, f"{n} is in the picture only", edges)


def block_13(box, block, blocks):
    ran = run(box, block, stages=[3], hold=2)
    equal(ran.status, 0, ran.tell())
    check_stages(ran, [3])
    lines = [l for l in ran.text.splitlines() if not l.startswith("ax: ")]
    equal(sorted(lines[1:4]), ["backend", "devops", "frontend"], ran.tell())
    equal(lines[4], "monitor says 0", ran.tell())
    ran = run(box, block, stages=[3], hold=2, fail={"devops": 1})
    check("monitor says 1\n" in ran.text, ran.tell())


def block_14(box, block, blocks):
    ran, _ = check_dag(box, block, "ax spec run workflow.ax.yaml -j 9")
    of = lambda kind: [c for c in ran.calls if c.name.startswith(kind)]
    equal(most_at_once(of("hard")), 1, ran.tell())
    check(most_at_once(of("mid")) <= 2, ran.tell())
    in_parallel(ran, 3)


def block_15(box, block, blocks):
    ran = run(box, block, 5, fail={"frontend": 2})
    equal(ran.status, 0, ran.tell())
    equal([c.agent for c in ran.calls].count("frontend"), 3, ran.tell())
    ran = run(box, block, 5, fail={"backend": 9})
    equal([c.agent for c in ran.calls].count("backend"), 3, ran.tell())
    check(re.search(r"backend .*after 3 ", ran.text), ran.tell())


MANY = "tasks:\n" + "".join(f"  - {{name: t{i}, agent: backend, task: Do part {i}}}\n" for i in range(9))


def block_16(box, block, blocks):
    folder = prepare(box)
    write(os.path.join(folder, "automatosx.config.json"), block)
    limit = json.loads(block)["execution"]["maxConcurrentAgents"]
    ran, _ = check_dag(box, MANY)
    check(2 <= most_at_once(ran.calls) <= limit, f"{most_at_once(ran.calls)} at once, the limit is {limit}", ran.tell())
    ran, _ = check_dag(box, MANY.replace("Do part", "Do as part"), "ax spec run workflow.ax.yaml -j 9")
    check(most_at_once(ran.calls) <= limit, f"{most_at_once(ran.calls)} at once, the limit is {limit}", ran.tell())


def block_17(box, block, blocks):
    folder = prepare(box)
    write(os.path.join(folder, "automatosx.config.json"), block)
    r = box.call('ax run backend "Do it"', folder, STANDIN=box.path("standin.json")).ok()
    check("backend says: " in r.text and "error" not in r.text, r.text)


def block_18(box, block, blocks):
    staged([3, 2], last=False)(box, block)


def block_19(box, block, blocks):
    ran, _ = check_dag(box, block, stages=[1, 1])
    check_stages(ran, [1, 1])
    check(all(c.name in c.prompt for c in ran.calls), ran.tell())


def block_20(box, block, blocks):
    staged([2], last=False)(box, block)


def block_21(box, block, blocks):
    ran = staged([2])(box, block)
    equal(ran.status, 0, ran.tell())


def block_22(box, block, blocks):
    ran = run(box, block, stages=[1, 2])
    check_stages(ran, [1, 2])
    equal(ran.status, 0, ran.tell())
    check_last_line(ran, block)
    ran = run(box, block, 1, fail={"backend": 1})
    equal(ran.status, 1, ran.tell())
    ran = run(box, block, 3, fail={"frontend": 1, "devops": 1})
    equal(ran.status, 0, ran.tell())
    for said in re.findall(r'\|\| echo "([^"]*)"', block):
        check(said + "\n" in ran.text, f"not said: {said}", ran.tell())


def variable_is_set(box, block, blocks):
    name = re.search(r"(?m)^(\w+)=", block).group(1)
    ran = run(box, block + f'\necho "${name}"\n', 0)
    equal(ran.status, 0, ran.tell())
    check(re.match(r"\d+\n\Z", ran.text), ran.tell())


block_23 = block_24 = variable_is_set


def block_25(box, block, blocks):
    run(box, block, 0)  # of its two programs each is on one system only, as it says itself


def block_26(box, block, blocks):
    """What looks like a redirection is part of what is asked."""
    ran = run(box, block, stages=[4])
    in_parallel(ran, 4)
    equal(sorted(f for f in os.listdir(box.path("work")) if not f.startswith(".")), ["axmake.ini"], ran.tell())
    check(all(" > " in c.prompt for c in ran.calls), ran.tell())


def block_27(box, block, blocks):
    ran = run(box, block, 3, hold=0.3)
    equal(ran.status, 0, ran.tell())
    equal([c.agent for c in ran.calls], ["backend", "frontend", "devops"], ran.tell())
    equal(len(read(box.path("slept")).split()), 2)


NEVER_THE_ORIGINAL = (13, 14)  # TypeScript for another program


def own_blocks():
    return {int(f[:2]): read(os.path.join(BLOCKS, f)) for f in sorted(os.listdir(BLOCKS))}


def original_blocks():
    found = re.findall(r"^```\w*\n(.*?)^```", read(GUIDE), re.S | re.M)
    return dict(enumerate(found, 1))


# The first eight digits of SHA-256 of each block's text.
ORIGINALS = """
4eb4cf0c 831d23e5 8a0a5e7d 5834bb56 6d4a7d2c addf8052 0dae6178 bd66a856 3819d164
5316a23b 3516b604 0aee3f91 0522e858 0ecc3122 3bbaa320 31674d78 ca32b70c c0a40193
f7dae60d 7e5556cd 8211eaf9 76f03401 7efd2772 a2b8e355 3114234e 3b7ce538 73e389b4
""".split()


def case_of(number, source, blocks):
    def case(box):
        of = blocks()
        check(number in of, f"there is no block {number}")
        if source == "original":
            equal(hashlib.sha256(of[number].encode()).hexdigest()[:8], ORIGINALS[number - 1], f"block {number} is not the one that this suite knows")
        globals()[f"block_{number}"](box, of[number], of)

    case.__name__ = f"{source}_block_{number}"
    return case


# What shells do with ax run, beyond the blocks.


def eight_at_once(box):
    lines = "".join(f'ax run backend "Part {i}" >out{i} &\n' for i in range(8))
    ran = run(box, lines + "wait\ncat out*\n", stages=[8])
    check_stages(ran, [8])
    equal(sorted(re.findall(r"Part \d", "".join(l for l in ran.text.splitlines() if "says" in l))), [f"Part {i}" for i in range(8)], ran.tell())


def pipes_carry_the_answer_alone(box):
    ran = run(box, 'ax run backend "Say it" 2>/dev/null | tr a-z A-Z\necho "${PIPESTATUS[0]}"\n', 1)
    check(re.match(r"BACKEND SAYS: .*SAY IT\n0\n\Z", ran.text), ran.tell())
    ran = run(box, 'set -o pipefail; ax run backend "Say it" 2>/dev/null | cat; echo "$?"\n', 1, fail={"backend": 1})
    equal(ran.text, "1\n", ran.tell())


def an_exit_status_is_kept_for_wait(box):
    ran = run(box, 'ax run backend "One" & p=$!\nwait $p; echo "was $?"\n', 1, fail={"backend": 1})
    check("was 1\n" in ran.text, ran.tell())


def or_runs_after_a_failure_alone(box):
    ran = run(box, 'ax run backend "One" || echo other\nax run frontend "Two" || echo never\n', 2, fail={"backend": 1})
    check("other\n" in ran.text and "never" not in ran.text, ran.tell())


def a_timeout_ends_one_of_two(box):
    prepare(box)
    write(box.path("work", "slow.sh"), "exec sleep 30\n")
    write(box.path("work", "axmake.ini"), RULES + "[provider slow]\ncommand = /bin/sleep 30\nprompt = stdin\nresult = text\n")
    begin = time.monotonic()
    r = box.call(
        "ax run backend Slow --provider slow --timeout 0.5 & a=$!; ax run frontend Fast --timeout 3600 & b=$!; wait $a; x=$?; wait $b; echo $x $?",
        box.path("work"), STANDIN=box.path("standin.json"),
    )
    check(r.text.endswith("1 0\n") and "Timeout after" in r.text, r.text)
    check(time.monotonic() - begin < 25, "the slow one was not ended")


CASES = [eight_at_once, pipes_carry_the_answer_alone, an_exit_status_is_kept_for_wait, or_runs_after_a_failure_alone, a_timeout_ends_one_of_two]
CASES += [case_of(n, "own", own_blocks) for n in range(1, 28)]
if GUIDE:
    CASES += [case_of(n, "original", original_blocks) for n in range(1, 28) if n not in NEVER_THE_ORIGINAL]
else:
    print("skipped the guide's own blocks: AXMAKE_GUIDE does not name its text; their equivalents are run")

if __name__ == "__main__":
    sys.exit(run_cases(CASES))
