"""The round that is ready before it is asked for: when it begins, what it is told, and when it is of no use."""

import glob
import os
import shutil
import signal
import subprocess
import time

from harness import Watch, check, equal, read, wait_for, write

QUIET_S = 0.045  # the time that a burst's end is waited for is a little more

AGENT = """\
[provider fake]
command = sh -c 'echo asked >> ../ran; cat in'
result = text
[agent fake]
provider = fake
"""


def _saves(w, name, times, gap, ends=lambda: False):
    """Saves the file so often, or until `ends`; whether no pause between two saves was so long that a burst would have ended in it."""
    at = time.monotonic()
    close = True
    for i in range(times):
        w.put(name, f"save {i} at {at}\n")
        now = time.monotonic()
        close = close and now - at < QUIET_S
        at = now
        if ends() or i == times - 1:
            return close
        time.sleep(gap)


def _tries(some):
    """`some` until the machine lets it be: it tells whether its edits came when they were to come."""
    for _ in range(40):
        if some():
            return
    check(False, "edits never came as close together as they were to come")


def a_short_script_begins_before_the_edits_end(box):
    write(box.path("root", "in"), "1")
    with Watch(box, workflow="tasks:\n  - {name: t, inputs: [in], outputs: [out], run: 'echo t >> ../ran; cat in > out'}\n") as w:
        w.idle()

        def some():
            w.ready()
            before = len(w.ran())
            close = _saves(w, "in", 40, 0.02, lambda: len(w.ran()) > before)
            ran = len(w.ran()) > before
            w.put("in", "rest\n")
            wait_for(lambda: read(w.path("out")) == "rest\n" and w.standby(), "all is up to date")
            check(ran or not close, "nothing ran while edits came", w.ran())
            return close

        _tries(some)


def _waits_for_the_end(box, flow):
    write(box.path("root", "axmake.ini"), AGENT)
    write(box.path("root", "text"), "1")
    write(box.path("root", "in"), "1")
    with Watch(box, workflow=flow) as w:
        w.idle()
        rounds = len(w.ran())

        def some():
            w.ready()
            before = len(w.ran())
            close = _saves(w, "in", 20, 0.02)
            at_end = len(w.ran())
            wait_for(lambda: len(w.ran()) >= before + rounds, "it ran after the edits")
            w.ready()
            if close:
                equal((at_end, len(w.ran())), (before, before + rounds))
            return close

        _tries(some)


def an_agent_is_not_asked_before_the_edits_end(box):
    _waits_for_the_end(box, "tasks:\n  - {name: t, agent: fake, task: do, inputs: [in]}\n")


def a_script_before_an_agent_waits_with_it(box):
    """Its time is nothing beside the agent's, which must not see half of what is saved."""
    _waits_for_the_end(box, "tasks:\n  - {name: s, inputs: [in], outputs: [o], run: 'echo s >> ../ran; cat in > o'}\n  - {name: t, agent: fake, task: do, inputs: [o]}\n")


def what_changes_files_in_place_waits(box):
    _waits_for_the_end(box, "tasks:\n  - {name: t, inputs: [in], edits: [text], run: 'echo t >> ../ran; cat in > text'}\n")


def what_took_long_waits(box):
    _waits_for_the_end(box, "tasks:\n  - {name: t, inputs: [in], run: 'echo t >> ../ran; sleep 1.1'}\n")


def two_saves_in_a_row_ask_an_agent_once(box):
    write(box.path("root", "axmake.ini"), AGENT)
    write(box.path("root", "in"), "1")
    with Watch(box, workflow="tasks:\n  - {name: t, agent: fake, task: do, inputs: [in]}\n") as w:
        w.idle()

        def some():
            w.ready()
            before = len(w.ran())
            close = _saves(w, "in", 2, 0.03)
            w.idle()
            w.ready()
            check(not close or len(w.ran()) == before + 1, w.ran())
            return close

        for _ in range(3):
            _tries(some)


def a_script_that_began_on_half_of_what_is_saved_runs_again(box):
    """Whether the second half comes before it reads, while it runs, or when it has ended."""
    flow = "tasks:\n  - {name: t, inputs: [a, b], outputs: [out], run: 'cat a b > out; sleep 0.02'}\n  - {name: u, inputs: [out], outputs: [sum], run: 'cat out > sum'}\n"
    write(box.path("root", "a"), "0")
    write(box.path("root", "b"), "0")
    with Watch(box, workflow=flow) as w:
        w.idle()
        for i in range(12):
            w.ready()
            w.put("a", f"{i}")
            time.sleep(0.004 * i)
            w.put("b", f"{i}")
            wait_for(lambda: os.path.exists(w.path("sum")) and read(w.path("sum")) == f"{i}{i}", "both halves")
        w.ready()
        equal(subprocess.run([box.axmake, "-q"], cwd=w.root, env=box.env, stdout=subprocess.DEVNULL).returncode, 0)


def a_file_that_is_still_open_is_no_saved_one(box):
    write(box.path("root", "in"), "1")
    with Watch(box, workflow="tasks:\n  - {name: t, inputs: [in], run: 'echo t >> ../ran; cat in'}\n") as w:
        w.idle()

        def some():
            w.ready()
            before = len(w.ran())
            at, close = time.monotonic(), True
            with open(w.path("in"), "w") as f:
                for i in range(20):
                    f.write(f"line {i}\n")
                    f.flush()
                    close = close and time.monotonic() - at < QUIET_S
                    at = time.monotonic()
                    time.sleep(0.015)
                close = close and time.monotonic() - at < QUIET_S
                ran = len(w.ran()) > before
            w.until("^line 19$")
            w.idle()
            check(not (close and ran), "it ran while the file was written")
            return close

        _tries(some)


def only_what_an_edit_reaches_is_looked_at(box):
    """Of others not even the files are: what changed unseen is found when the round has ended."""
    flow = "tasks:\n  - {name: t, inputs: [in], run: 'echo t >> ../ran; until [ -e go ]; do sleep 0.02; done'}\n  - {name: u, inputs: [linked], run: 'echo u >> ../ran'}\n"
    write(box.path("root", "in"), "1")
    write(box.path("root", "go"), "")
    write(box.path("elsewhere"), "1")
    os.link(box.path("elsewhere"), box.path("root", "linked"))
    with Watch(box, workflow=flow) as w:
        w.idle()
        w.ready()
        write(box.path("elsewhere"), "2")  # of which no event tells in the root
        w.put("in", "2")
        text = w.until("^axmake: linked changed$")
        check("t: done" in text and "u: " not in text, text)
        w.idle()
        equal(sorted(w.ran()), ["t", "t", "u", "u"])


def a_file_saved_by_rename_in_a_listed_folder_is_one_round(box):
    write(box.path("root", "src", "a"), "1")
    write(box.path("root", "src", "b"), "1")
    with Watch(box, workflow="tasks:\n  - {name: t, inputs: [src], run: 'echo t >> ../ran; cat src/a'}\n  - {name: u, inputs: [src/b], run: 'cat src/b'}\n") as w:
        w.idle()
        for i in range(3):
            w.ready()
            w.save("src/a", f"{i}\n")
            text = w.round("src/a")
            check("1 task done, 1 up to date" in text, text)
        w.ready()
        equal(w.ran(), ["t"] * 4)
        w.put("src/c", "new")
        check("1 task done, 1 up to date" in w.round("src/c"))
        w.ready()
        os.remove(w.path("src/c"))
        check("1 task done, 1 up to date" in w.round("src/c"))


def another_run_in_between_makes_it_useless(box):
    flow = "tasks:\n  - {name: t, inputs: [in], outputs: [out], run: 'echo t >> ../ran; cat in > out'}\n  - {name: u, inputs: [other], run: 'echo u >> ../ran'}\n"
    write(box.path("root", "in"), "1")
    write(box.path("root", "other"), "1")
    with Watch(box, workflow=flow) as w:
        w.idle()
        w.ready()

        def both():
            w.put("in", "2")
            subprocess.run([box.axmake, "-s", "--no-cache"], cwd=w.root, env=box.env, check=True)
            w.put("other", "2")

        w.burst(both)
        text = w.idle()
        check("1 task done, 1 up to date" in text, text)
        equal(sorted(w.ran()), ["t", "t", "u", "u"])


def another_run_under_way_is_waited_for(box):
    flow = "tasks:\n  - {name: t, inputs: [in], run: 'echo t >> ../ran'}\n  - {name: slow, inputs: [other], run: 'echo slow >> ../ran; until [ -e go ]; do sleep 0.02; done'}\n"
    for name in ("in", "other"):
        write(box.path("root", name), "1")
    write(box.path("root", "go"), "")
    with Watch(box, workflow=flow) as w:
        w.idle()
        w.ready()
        os.remove(w.path("go"))
        w.process.send_signal(signal.SIGSTOP)
        w.put("other", "2")
        with subprocess.Popen([box.axmake, "-s", "--no-cache"], cwd=w.root, env=box.env) as p:
            wait_for(lambda: w.ran().count("slow") == 2, "the other run has begun")
            w.put("in", "2")
            w.process.send_signal(signal.SIGCONT)
            w.until("waiting for another run")
            w.put("go", "")
            equal(p.wait(), 0)
        w.idle()
        w.ready()
        equal(sorted(w.ran()), ["slow"] * 2 + ["t"] * 2)


def a_root_that_got_another_name_is_known_by_it(box):
    """Whatever there may be by the old one."""
    flow = "tasks:\n  - {name: t, inputs: [in], isolate: copy, outputs: [out], run: 'cat in > out'}\n  - {name: u, inputs: [in], run: 'echo at $PWD $AX_ROOT'}\n"
    write(box.path("root", "in"), "1")
    with Watch(box, workflow=flow) as w:
        w.idle()
        w.ready()
        os.rename(w.root, box.path("new"))
        shutil.copytree(box.path("new"), w.root)
        time.sleep(3 * QUIET_S)  # it has seen that and found nothing changed
        w.root = box.path("new")
        w.put("in", "2")
        text = w.round("in")
        check("2 tasks done" in text and f"at {w.root} {w.root}\n" in text, text)
        equal((read(w.path("out")), read(box.path("root", "out"))), ("2", "1"))


def a_result_that_is_gone_is_asked_for_again(box):
    """As in a round that looks at everything."""
    write(box.path("root", "axmake.ini"), AGENT)
    write(box.path("root", "in"), "1")
    write(box.path("root", "other"), "1")
    flow = "tasks:\n  - {name: t, agent: fake, task: do}\n  - {name: u, agent: fake, task: 'Of ${t}', inputs: [other]}\n"
    with Watch(box, workflow=flow) as w:
        w.idle()
        w.ready()
        for path in glob.glob(w.path(".axmake/results/*")):
            os.remove(path)
        w.put("other", "2")
        text = w.round("other")
        check("2 tasks done" in text, text)


def a_result_that_nobody_uses_is_missed_too(box):
    write(box.path("root", "axmake.ini"), AGENT)
    write(box.path("root", "in"), "1")
    write(box.path("root", "other"), "1")
    flow = "tasks:\n  - {name: t, agent: fake, task: do}\n  - {name: u, inputs: [other], run: cat other}\n"
    with Watch(box, workflow=flow) as w:
        w.idle()
        w.ready()
        for path in glob.glob(w.path(".axmake/results/*")):
            os.remove(path)
        w.put("other", "2")
        text = w.round("other")
        check("2 tasks done" in text, text)


def without_its_standby_it_goes_on(box):
    write(box.path("root", "in"), "1")
    with Watch(box, workflow="tasks:\n  - {name: t, inputs: [in], run: cat in}\n") as w:
        w.idle()
        os.kill(w.ready(), signal.SIGKILL)
        w.put("in", "2\n")
        check("t: done" in w.round("in"))


def ended_it_leaves_no_standby(box):
    write(box.path("root", "in"), "1")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with Watch(box, workflow="tasks:\n  - {name: t, inputs: [in], run: cat in}\n") as w:
            w.idle()
            pid = w.ready()
            w.ends_by(number)
            wait_for(lambda: not os.path.exists(f"/proc/{pid}") or read(f"/proc/{pid}/stat").split()[2] == "Z", "it has ended too")


def a_standby_wakes_no_more_than_its_watch(box):
    write(box.path("root", "in"), "1")
    with Watch(box, workflow="tasks:\n  - {name: t, inputs: [in], run: cat in}\n") as w:
        w.idle()
        pid = w.ready()

        def woken():
            return [line for p in (pid, w.process.pid) for line in read(f"/proc/{p}/status").splitlines() if "ctxt_switches" in line]

        before = woken()
        time.sleep(1)
        equal(woken(), before)


def edits_before_it_is_ready_are_not_lost(box):
    flow = "tasks:\n" + "".join(f"  - {{name: t{i}, inputs: [in/{i}], outputs: [out/{i}], run: 'cat in/{i} > out/{i}'}}\n" for i in range(300))
    for i in range(300):
        write(box.path("root", "in", str(i)), "0")
    os.makedirs(box.path("root", "out"))
    with Watch(box, "-s", workflow=flow) as w:
        w.ready()
        for i in range(20):
            w.put(f"in/{i}", f"{i + 1}")
            wait_for(lambda: read(w.path(f"out/{i}")) == f"{i + 1}", "made by it")
            if i % 5 == 4:
                w.ready()  # else they could be eight in a row, each during the run for the last one, and then it waits for another
        equal(subprocess.run([box.axmake, "-q"], cwd=w.root, env=box.env, stdout=subprocess.DEVNULL).returncode, 0)


def where_nothing_can_be_prepared_edits_are_honoured_all_the_same(box):
    """An include that a task makes, and another root: whether the edit comes at once or when it sleeps."""
    flow = """\
root: ..
include: [flows/plan.ax.yaml]
tasks:
  - {name: plan, inputs: [in], outputs: [flows/plan.ax.yaml], run: "{ echo tasks:; for i in `cat in`; do echo \\" - {name: $i, run: 'echo $i >> ../ran'}\\"; done; } > flows/plan.ax.yaml"}
"""
    write(box.path("root", "in"), "a")
    write(box.path("root", "flows", "w.ax.yaml"), flow)
    with Watch(box, "-f", "flows/w.ax.yaml", "-j1") as w:
        w.idle()
        for i in range(6):
            if i % 2:
                w.ready()
            w.put("in", f"a b{i}")
            text = w.round("in")
            check("2 tasks done, 1 up to date" in text, text)
        equal(w.ran(), ["a"] + [f"b{i}" for i in range(6)])
