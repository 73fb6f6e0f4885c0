"""What a round does with what changed, and what the rounds know of each other."""

import os
import shutil
import signal
import subprocess
import sys
import time

from harness import Watch, check, equal, read, wait_for, write


def own_writes_start_no_round(box):
    flow = """\
tasks:
  - {name: gen, inputs: [in], outputs: [a.txt, "made/"], run: "echo gen >> ../ran; mkdir -p made; date +%N > made/x; date +%N > a.txt; date > left-over"}
  - {name: sum, inputs: ["*.txt", in], run: "echo sum >> ../ran; cat *.txt"}
  - {name: ask, agent: backend, task: "Say hello"}
"""
    write(box.path("root", "in"), "1")
    with Watch(box, "--provider", "offline", workflow=flow) as w:
        w.idle()
        w.put("in", "2")
        text = w.round("in")
        check("2 tasks done, 1 up to date" in text, text)
        w.put("in", "3")
        w.round("in")
        equal(w.ran(), ["gen", "sum"] * 3)


def nothing_happens_while_nothing_happens(box):
    write(box.path("root", "in"), "1")
    with Watch(box, workflow="tasks:\n  - {name: t, inputs: [in], run: cat in}\n") as w:
        w.idle()

        def woken():
            return [line for line in read(f"/proc/{w.process.pid}/status").splitlines() if "ctxt_switches" in line]

        wait_for(lambda: "epoll" in read(f"/proc/{w.process.pid}/wchan") or read(f"/proc/{w.process.pid}/stat").split()[2] == "S", "asleep")
        before = woken()
        time.sleep(1)
        equal(woken(), before)


SLOW = """\
tasks:
  - name: slow
    inputs: [in]
    run: |
      cat in > got; echo slow >> ../ran
      until [ -e go ]; do sleep 0.02; done
  - {name: quick, inputs: [other], run: echo quick >> ../ran}
"""


def an_edit_during_a_run_restarts_only_what_it_makes_stale(box):
    write(box.path("root", "in"), "1")
    write(box.path("root", "other"), "1")
    with Watch(box, "-j2", workflow=SLOW) as w:
        w.until("quick: done")
        wait_for(lambda: os.path.exists(w.path("got")), "the task has begun")
        w.put("in", "2")
        w.put("go", "")
        text = w.until("^axmake: in changed$")
        check("slow: input 'in' changed" in text and "stays stale" in text, text)
        text = w.idle()
        check("1 task done, 1 up to date" in text, text)
        equal(read(w.path("got")), "2")
        equal(sorted(w.ran()), ["quick", "slow", "slow"])


def an_edit_of_what_was_done_before_in_the_same_run(box):
    write(box.path("root", "in"), "1")
    write(box.path("root", "other"), "1")
    with Watch(box, "-j2", workflow=SLOW) as w:
        w.until("quick: done")
        w.put("other", "2")
        w.put("go", "")
        check("1 task done, 1 up to date" in w.until("^axmake: other changed$") + w.idle())
        equal(sorted(w.ran()), ["quick", "quick", "slow"])


def a_file_that_comes_during_the_first_run(box):
    """Its folder is watched only afterwards."""
    flow = """\
tasks:
  - {name: all, inputs: ["src/*.c"], run: "echo all >> ../ran; cat src/*.c"}
  - {name: gate, run: "until [ -e go ]; do sleep 0.02; done"}
"""
    write(box.path("root", "src", "a.c"), "a\n")
    with Watch(box, "-j2", workflow=flow) as w:
        w.until("all: done")
        w.put("src/b.c", "b\n")
        w.put("go", "")
        check("src changed\n" in w.until("^b$"))
        w.idle()
        equal(w.ran(), ["all", "all"])


def a_look_that_finds_nothing_after_a_round_hides_not_that_it_watches(box):
    """What comes during a round and matches nothing is looked at behind it, and nothing is said of that look: but that the round was the last is."""
    flow = """\
tasks:
  - name: all
    inputs: ["src/*.c"]
    run: |
      echo all >> ../ran; touch ../begun
      until [ -e go ]; do sleep 0.02; done
"""
    write(box.path("root", "src", "a.c"), "a\n")
    write(box.path("root", "go"), "")
    with Watch(box, "-j2", workflow=flow) as w:
        w.idle()
        os.remove(w.path("go"))
        os.remove(box.path("begun"))
        w.put("src/a.c", "b\n")
        wait_for(lambda: os.path.exists(box.path("begun")), "the task has begun")
        os.symlink("me@here.1", w.path("src/.#a.c"))
        os.remove(w.path("src/.#a.c"))
        w.put("go", "")
        w.round("src/a.c")
        equal(w.ran(), ["all", "all"])


def a_file_that_comes_while_the_task_runs_that_lists_its_folder(box):
    """When the task has ended, its folder is listed again: the file is known then, and as it stands."""
    flow = """\
tasks:
  - name: all
    inputs: ["src/**/*.c"]
    run: |
      cat $AX_INPUTS; echo all >> ../ran; touch ../begun
      until [ -e go ]; do sleep 0.02; done
"""
    write(box.path("root", "src", "deep", "a.c"), "a\n")
    write(box.path("root", "go"), "")
    with Watch(box, "-j2", workflow=flow) as w:
        for i, name in enumerate(("src/b.c", "src/deep/b.c")):
            w.idle()
            os.remove(w.path("go"))
            os.remove(box.path("begun"))
            w.put("src/deep/a.c", f"{i}\n")
            wait_for(lambda: os.path.exists(box.path("begun")), "the task has begun")
            w.put(name, f"b{i}\n")
            w.put("go", "")
            w.until(f"^b{i}$")
        w.idle()
        equal(w.ran(), ["all"] * 5)


def a_file_that_comes_before_a_later_task_lists_its_folder(box):
    """The first task was judged without it, the second with it: the first is stale."""
    flow = """\
tasks:
  - {name: first, inputs: ["src/*.c"], run: "echo first >> ../ran"}
  - {name: gate, inputs: [in], run: "until [ -e go ]; do sleep 0.02; done"}
  - {name: second, inputs: ["src/*.c"], dependencies: [gate], run: "echo second >> ../ran"}
"""
    write(box.path("root", "src", "a.c"), "1")
    write(box.path("root", "in"), "1")
    write(box.path("root", "go"), "")
    with Watch(box, "-j2", workflow=flow) as w:
        w.idle()
        os.remove(w.path("go"))
        w.put("in", "2")
        w.put("src/a.c", "2")
        w.until("first: done")
        w.put("src/b.c", "2")
        w.put("go", "")
        w.until("second: done")
        w.until("first: done")
        w.idle()
        equal(sorted(w.ran()), ["first"] * 3 + ["second"] * 2)


def an_edit_of_a_shared_input_that_a_later_task_sees(box):
    """The first task was judged by the old content, the second by the new one: the first is stale."""
    flow = """\
tasks:
  - {name: first, inputs: [in], run: "echo first >> ../ran"}
  - {name: gate, run: "until [ -e go ]; do sleep 0.02; done"}
  - {name: second, inputs: [in], dependencies: [gate], run: "echo second >> ../ran"}
"""
    write(box.path("root", "in"), "1")
    with Watch(box, "-j2", workflow=flow) as w:
        w.until("first: done")
        w.put("in", "2")
        w.put("go", "")
        check("1 task done, 2 up to date" in w.until("^axmake: in changed$") + w.idle())
        equal(w.ran(), ["first", "second", "first"])


def what_failed_is_tried_again_when_what_it_uses_changes(box):
    flow = "tasks:\n  - {name: bad, inputs: [in], run: 'echo bad >> ../ran; exit `cat in`'}\n  - {name: user, dependencies: [bad], run: echo user}\n  - {name: good, inputs: [other], run: echo good >> ../ran}\n"
    write(box.path("root", "in"), "3")
    write(box.path("root", "other"), "1")
    with Watch(box, "-k", "-j1", workflow=flow) as w:
        check("Error 3" in w.idle())
        w.put("other", "2")
        text = w.round("other")
        check("not run         it failed, and nothing that it uses has changed since" in text and "because of bad" in text, text)
        w.put("in", "4")
        check("Error 4" in w.round("in"))
        w.put("in", "0")
        check("2 tasks done" in w.round("in"))
        equal([x for x in w.ran() if x == "bad"], ["bad"] * 3)


def an_optional_failure_is_not_repeated_and_its_users_go_on(box):
    flow = "tasks:\n  - {name: may, optional: true, run: 'echo may >> ../ran; exit 3'}\n  - {name: user, dependencies: [may], inputs: [in], run: 'echo user >> ../ran'}\n"
    write(box.path("root", "in"), "1")
    with Watch(box, workflow=flow) as w:
        w.idle()
        w.put("in", "2")
        check("user: done" in w.round("in"))
        equal(w.ran(), ["may", "user", "user"])


def what_runs_after_a_failure_does_so_once_for_each(box):
    flow = """\
tasks:
  - {name: bad, inputs: [in], run: "echo bad >> ../ran; exit `cat in`"}
  - {name: user, dependencies: [bad], run: echo user}
  - {name: mourn, run_if: failure, dependencies: [user], run: "echo mourn >> ../ran"}
  - {name: always, run_if: done, dependencies: [bad], run: "echo always >> ../ran"}
  - {name: good, inputs: [other], run: "echo good >> ../ran"}
"""
    write(box.path("root", "in"), "3")
    write(box.path("root", "other"), "1")
    with Watch(box, "-k", "-j1", workflow=flow) as w:
        w.idle()
        equal(sorted(w.ran()), ["always", "bad", "good", "mourn"])
        w.put("other", "2")
        w.round("other")
        equal(sorted(w.ran()), ["always", "bad", "good", "good", "mourn"])
        w.put("in", "4")
        w.round("in")
        equal(sorted(w.ran()), ["always"] * 2 + ["bad"] * 2 + ["good"] * 2 + ["mourn"] * 2)
        w.put("workflow.ax.yaml", flow.replace("echo mourn", "echo wail"))
        w.round("workflow.ax.yaml")
        equal(w.ran()[-1], "wail")
        equal(len(w.ran()), 9)


def a_workflow_that_tasks_make(box):
    flow = """\
include: [plan.ax.yaml]
tasks:
  - {name: plan, inputs: [in], outputs: [plan.ax.yaml], run: "echo plan >> ../ran; { echo tasks:; for i in `cat in`; do echo \\" - {name: $i, run: 'echo $i >> ../ran'}\\"; done; } > plan.ax.yaml"}
"""
    write(box.path("root", "in"), "a b")
    with Watch(box, "-j1", workflow=flow) as w:
        w.idle()
        equal(sorted(w.ran()), ["a", "b", "plan"], w.text)
        w.put("in", "a b c")
        text = w.round("in")
        check(text.count("axmake:") == 3, text)
        equal(sorted(w.ran()), ["a", "b", "c", "plan", "plan"])


def a_script_that_changes_its_own_input_ends_some_time(box):
    with Watch(box, workflow="tasks:\n  - {name: t, inputs: [in], run: 'echo t >> ../ran; date +%s%N > in'}\n" , ) as w:
        w.text += w.until("error")  # the input must be there first
        w.idle()
        w.put("in", "1")
        text = w.idle()
        check("in changed during the run, 8 times in a row; waiting for another change" in text, text)
        equal(len(w.ran()), 8)
        w.put("in", "2")
        w.idle()
        equal(len(w.ran()), 16)


AGENT = """\
[provider fake]
command = sh -c 'echo asked >> ../ran; date +%s%N > in; echo answer'
result = text
[agent fake]
provider = fake
"""


def an_agent_that_changes_its_own_input_is_asked_twice(box):
    write(box.path("root", "axmake.ini"), AGENT)
    write(box.path("root", "in"), "1")
    with Watch(box, workflow="tasks:\n  - {name: t, agent: fake, task: do, inputs: [in]}\n") as w:
        text = w.idle()
        text = text if "twice" in text else text + w.idle()
        check("what it uses changed while it ran, twice; it is asked again when that changes once more" in text, text)
        equal(w.ran(), ["asked"] * 2)
        w.put("in", "2")
        w.until("twice")
        w.idle()
        equal(w.ran(), ["asked"] * 4)


def a_failed_agent_is_not_paid_again_for_another_file(box):
    write(box.path("root", "axmake.ini"), AGENT.replace("date +%s%N > in; echo answer", "exit 5"))
    write(box.path("root", "in"), "1")
    write(box.path("root", "other"), "1")
    flow = "tasks:\n  - {name: t, agent: fake, task: do, inputs: [in]}\n  - {name: u, inputs: [other], run: cat other}\n"
    with Watch(box, "-k", workflow=flow) as w:
        w.idle()
        w.put("other", "2")
        w.round("other")
        equal(w.ran(), ["asked"])
        w.put("axmake.ini", AGENT.replace("date +%s%N > in; ", ""))
        check("t: done" in w.round("axmake.ini"))
        equal(w.ran(), ["asked"] * 2)


def the_budget_is_that_of_the_whole_watch(box):
    write(box.path("root", "axmake.ini"), """\
[provider paid]
command = sh -c 'echo asked >> ../ran; echo "{\\"cost\\": 2, \\"result\\": \\"x\\"}"'
result = json:/result
cost_usd = json:/cost
[agent paid]
provider = paid
""")
    write(box.path("root", "in"), "1")
    with Watch(box, "--budget=3", workflow="tasks:\n  - {name: t, agent: paid, task: do, inputs: [in]}\n") as w:
        w.idle()
        w.put("in", "2")
        text = w.round("in")
        check("the budget is spent, or would be by this" in text, text)
        equal(w.ran(), ["asked"])


def what_was_made_before_is_restored(box):
    flow = "tasks:\n  - {name: t, inputs: [in], outputs: [out], run: 'echo t >> ../ran; cat in > out'}\n"
    write(box.path("root", "in"), "1")
    with Watch(box, workflow=flow, env={"AXMAKEFLAGS": ""}) as w:
        w.idle()
        w.put("in", "2")
        check("t: done" in w.idle())
        w.put("in", "1")
        check("t: restored" in w.idle())
        equal(read(w.path("out")), "1")
        w.put("out", "3")
        check("t: restored" in w.idle())
        check(len(w.ran()) == 2, w.ran())


def between_rounds_another_run_may_go(box):
    flow = "tasks:\n  - {name: t, inputs: [in], outputs: [out], run: 'echo t >> ../ran; cat in > out'}\n"
    write(box.path("root", "in"), "1")
    with Watch(box, workflow=flow) as w:
        w.idle()
        os.remove(w.path("out"))
        subprocess.run([box.axmake, "-s", "--no-cache"], cwd=w.root, env=box.env, check=True)
        text = w.until("nothing to be done|t: done")
        w.idle()
        equal(read(w.path("out")), "1", text)
        check(len(w.ran()) == 2, w.ran())


def a_yes_from_elsewhere_lets_a_held_task_go(box):
    with Watch(box, workflow="tasks:\n  - {name: t, approve: 'Really?', run: echo here it is}\n") as w:
        check("t is held: Really?" in w.idle())
        subprocess.run([box.axmake, "--approve", "t"], cwd=w.root, env=box.env, check=True, stdout=subprocess.DEVNULL)
        text = w.idle()
        check(text.startswith("axmake: what is on record changed\n") and "here it is" in text, text)


def a_round_with_nothing_to_do_leaves_a_seal(box):
    """A run of its own is then answered by it, but not where a round had spared what failed, or had run something."""
    flow = """\
tasks:
  - {name: t, inputs: [in], outputs: [out], run: cp in out}
  - {name: weak, optional: true, inputs: [in], run: "echo weak >> ../ran; ! grep -q bad in"}
"""

    def run():
        was = os.stat(box.path("root", ".axmake", "lock")).st_mtime_ns
        text = box.call("axmake", cwd=box.path("root"), AXMAKEFLAGS="--no-cache").text
        return ("judged" if os.stat(box.path("root", ".axmake", "lock")).st_mtime_ns != was else "by a seal"), text

    def session(edit):
        with Watch(box) as w:
            w.idle()
            edit(w)
            w.ends_by(signal.SIGINT)

    def spares(w):
        w.put("in", "bad")
        w.round("in")
        w.put("workflow.ax.yaml", flow + "# the same\n")
        check("weak: $" not in w.round("workflow.ax.yaml"), w.text)
        time.sleep(0.05)
        w.put("workflow.ax.yaml", flow)
        check("weak: $" not in w.round("workflow.ax.yaml"), w.text)

    write(box.path("root", "in"), "1")
    write(box.path("root", "workflow.ax.yaml"), flow)
    session(lambda w: None)
    time.sleep(0.05)  # what has just changed is not sealed
    session(lambda w: None)
    equal(run(), ("by a seal", "axmake: nothing to be done (2 tasks up to date)\n"))
    session(lambda w: (w.put("in", "2"), w.round("in")))
    equal(run()[0], "judged")
    session(spares)
    how, text = run()
    check(how == "judged" and "weak" in text, how, text)
    equal(read(box.path("ran")).split(), ["weak"] * 4)


def a_job_server_s_slots_are_given_back_between_rounds(box):
    """Under make -j2 the watcher holds nothing but the slot that make gave it."""
    shutil.copyfile("/dev/null", box.path("in"))
    write(box.path("root", "in"), "1")
    write(box.path("root", "workflow.ax.yaml"), "tasks:\n" + "".join(f"  - {{name: t{i}, inputs: [in], run: cat in}}\n" for i in range(4)))
    write(box.path("root", "Makefile"), "all: watched other\nwatched:\n\t+axmake --watch\nother:\n\t@until [ -e stop ]; do sleep 0.02; done; echo other is done\n")
    if not shutil.which("make"):
        return
    with Watch(box, cwd="root", before=["sh", "-c", 'exec make -j3 -C "$PWD" --no-print-directory', "sh"]) as w:
        w.until(r"watching \d+ folder")
        w.put("in", "2")
        w.until("4 tasks done")
        w.until(r"watching \d+ folder")
        w.put("stop", "")
        w.until("other is done")
        os.killpg(w.process.pid, 15)
        w.ended()


def silent_it_says_nothing_between_rounds(box):
    write(box.path("root", "in"), "1\n")
    with Watch(box, "-s", workflow="tasks:\n  - {name: t, inputs: [in], run: cat in}\n") as w:
        w.until("^1$")
        w.ready()
        w.put("in", "2\n")
        equal(w.until("^2$"), "2\n")


def a_refused_answer_is_judged_once_and_again_when_its_check_is_mended(box):
    """Nor does another file's change show it to the check again, and nobody is asked twice."""
    flow = """\
tasks:
  - {name: t, inputs: [in], run: cat in}
  - {name: ask, agent: a, task: Say it, check: "echo judged >> ../ran; false"}
"""
    write(box.path("root", "axmake.ini"), "[provider lines]\ncommand = sh -c 'cat > /dev/null; echo asked >> ../ran; echo yes'\n[agent a]\nprovider = lines\n")
    write(box.path("root", "in"), "1\n")
    with Watch(box, "-k", workflow=flow) as w:
        w.idle()
        equal(w.ran(), ["asked", "judged"])
        w.put("in", "2\n")
        check("nothing that it uses has changed since" in w.round("in"))
        equal(w.ran(), ["asked", "judged"])
        w.put("workflow.ax.yaml", flow.replace("false", "true"))
        check("is accepted now" in w.round("workflow.ax.yaml"))
        equal(w.ran(), ["asked", "judged", "judged"])
        w.put("in", "3\n")
        check("1 task done, 1 up to date" in w.round("in"))
