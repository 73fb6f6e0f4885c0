"""make/axmake.mk: what axmake makes as prerequisites of a makefile."""

import os
import re
import shutil

from suite import TREE, Skipped, check, equal, read, write

INI = "[axmake]\nprovider = offline\n"
WORKFLOW = """tasks:
  - {name: manual, agent: writer, task: "On tools\\nWRITE manual.md", inputs: [facts.txt], outputs: [manual.md]}
  - {name: words, run: wc -w < manual.md > words.txt, inputs: [manual.md], outputs: [words.txt]}
  - {name: other, run: echo other > other.txt, outputs: [other.txt]}
  - {name: opinion, agent: writer, task: What is it worth?}
"""
MAKEFILE = """AXMAKE_TARGETS := manual.md words.txt other.txt
AXMAKE_TASKS := opinion
include axmake.mk
book.txt: manual.md words.txt
	cat $^ > $@
after: opinion
	echo after the opinion
none:
	echo nothing of axmake
"""


def project(box, makefile=MAKEFILE, workflow=WORKFLOW):
    """A folder with a makefile; `make` there finds axmake.mk."""
    for tool in ("make", "cat"):
        if not shutil.which(tool):
            raise Skipped(f"no {tool}")
    folder = box.path("project")
    for name, text in (("axmake.ini", INI), ("workflow.ax.yaml", workflow), ("facts.txt", "one\n"), ("Makefile", makefile)):
        write(os.path.join(folder, name), text)
    return folder


def make(box, folder, words=""):
    return box.call(f"make -I {TREE}/make {words}", folder)


def calls(text):
    """Each call of axmake that make shows."""
    return [line.strip() for line in text.splitlines() if re.match(r"axmake( |$)", line)]


def mk_one_call_makes_all_that_is_listed_and_then_the_rest(box):
    folder = project(box)
    r = make(box, folder, "-j4").ok()
    equal(calls(r.text), ["axmake manual.md words.txt other.txt opinion"], r.text)
    equal(r.tasks, ["manual", "opinion", "other", "words"], r.text)
    equal(read(os.path.join(folder, "book.txt")), read(os.path.join(folder, "manual.md")) + read(os.path.join(folder, "words.txt")))


def mk_the_first_goal_is_the_makefile_s(box):
    folder = project(box)
    make(box, folder).ok()
    check(os.path.exists(os.path.join(folder, "book.txt")), "the first goal was not book.txt")


def mk_what_stands_makes_nothing_stale(box):
    folder = project(box)
    make(box, folder).ok()
    r = make(box, folder).ok()
    check("nothing to be done (4 tasks up to date)" in r.text and "cat " not in r.text, r.text)
    box.call("touch facts.txt", folder).ok()
    check("cat " not in make(box, folder).ok().text, "a touched input made the book anew")
    write(os.path.join(folder, "facts.txt"), "one\ntwo\n")
    r = make(box, folder).ok()
    check("manual" in r.tasks and "cat manual.md words.txt > book.txt" in r.text, r.text)


def mk_only_what_is_asked_for_is_made(box):
    folder = project(box)
    r = make(box, folder, "words.txt other.txt").ok()
    equal(calls(r.text), ["axmake words.txt other.txt"])
    equal(r.tasks, ["manual", "other", "words"])


def mk_axmake_is_not_called_where_nothing_of_it_is_needed(box):
    r = make(box, project(box), "none").ok()
    equal(calls(r.text), [], r.text)


def mk_tasks_without_files_are_prerequisites_too(box):
    r = make(box, project(box), "after").ok()
    check(r.text.rindex("opinion: done") < r.text.rindex("after the opinion"), r.text)


def mk_dry_runs_and_questions_run_nothing(box):
    folder = project(box)
    before = sorted(os.listdir(folder))
    r = make(box, folder, "-n").ok()
    check("would run manual" in r.text and "cat manual.md" in r.text, r.text)
    equal(make(box, folder, "-q").status, 1)
    equal(sorted(os.listdir(folder)), before)
    make(box, folder, "-j2").ok()
    equal(make(box, folder, "-q").status, 0)
    r = make(box, folder, "-n").ok()
    check("cat " not in r.text and "would run" not in r.text, r.text)


def mk_a_failure_is_make_s_and_nothing_that_needs_it_is_made(box):
    folder = project(box, workflow=WORKFLOW.replace("wc -w < manual.md > words.txt", "'exit 3'"))
    r = make(box, folder)
    equal(r.status, 2, r.text)
    check("axmake-targets] Error 2" in r.text and "words] Error 3" in r.text, r.text)
    check(not os.path.exists(os.path.join(folder, "book.txt")), "the book was made of nothing")
    r = make(box, folder, "-k book.txt none")
    equal(r.status, 2)
    check("nothing of axmake" in r.text and "other" in box.call("axmake --status", folder).text, r.text)


def mk_make_s_own_files_come_before_the_tasks_that_read_them(box):
    folder = project(box, "AXMAKE_NEEDS := facts.txt\n" + MAKEFILE + "facts.txt: source.txt\n\tcp $< $@\n")
    os.unlink(os.path.join(folder, "facts.txt"))
    write(os.path.join(folder, "source.txt"), "from make\n")
    r = make(box, folder, "-j4").ok()
    check(r.text.index("cp source.txt facts.txt") < r.text.index("manual: agent"), r.text)
    write(os.path.join(folder, "source.txt"), "anew\n")
    box.call("touch -d '+1 minute' source.txt", folder).ok()
    check("manual" in make(box, folder, "-j4").ok().tasks, "the task did not see what make had made")


def mk_several_roots_have_a_call_each(box):
    folder = project(box)
    shutil.copytree(folder, os.path.join(folder, "sub"))
    write(os.path.join(folder, "Makefile"), """include axmake.mk
$(eval $(call axmake,here,manual.md))
$(eval $(call axmake,below,sub/words.txt,,,-s,sub))
all: manual.md sub/words.txt
	wc -w $^
""")
    r = make(box, folder, "-j4 all").ok()
    equal(sorted(calls(r.text)), ["axmake -C 'sub' -s words.txt", "axmake manual.md"], r.text)
    check(os.path.exists(os.path.join(folder, "sub", "words.txt")), r.text)
    equal(calls(make(box, folder, "sub/words.txt").ok().text), ["axmake -C 'sub' -s words.txt"])


def most(log):
    running = highest = 0
    for line in read(log).split():
        running += 1 if line == "+" else -1
        highest = max(highest, running)
    equal(running, 0)
    return highest


def mk_one_j_bounds_recipes_and_tasks_together(box):
    log, busy = box.path("log"), "echo + >> {log}; sleep 0.1; echo - >> {log}"
    work = busy.format(log=log)
    tasks = "".join(f"  - {{name: t{i}, run: '{work}; echo {i} > t{i}', outputs: [t{i}]}}\n" for i in range(8))
    rules = "".join(f"m{i}:\n\t@{work}\n" for i in range(8))
    folder = project(box, f"AXMAKE_TARGETS := {' '.join(f't{i}' for i in range(8))}\ninclude axmake.mk\nall: $(AXMAKE_TARGETS) {' '.join(f'm{i}' for i in range(8))}\n{rules}", "tasks:\n" + tasks)
    make(box, folder, "-s -j3 all").ok()
    equal(read(log).count("+"), 16)
    check(2 <= most(log) <= 3, f"{most(log)} ran at once under -j3")


CASES = [f for n, f in list(globals().items()) if n.startswith("mk_")]
