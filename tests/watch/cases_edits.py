"""Which changes are noticed."""

import os
import shutil

from harness import Watch, check, equal, read, write

ONE = """\
tasks:
  - {name: all, inputs: ["src/**/*.c"], outputs: [out], run: "echo all >> ../ran; cat `find src -name '*.c' | sort` > out"}
  - {name: other, inputs: [b.txt], run: "echo other >> ../ran; cat b.txt"}
"""


def _one(box, *args, **how):
    write(box.path("root", "src", "a.c"), "a\n")
    write(box.path("root", "b.txt"), "b\n")
    w = Watch(box, *args, workflow=ONE, **how)
    w.idle()
    return w


def an_edit_runs_what_it_makes_stale(box):
    with _one(box) as w:
        w.put("src/a.c", "aa\n")
        text = w.round("src/a.c")
        check("1 task done, 1 up to date" in text, text)
        equal(sorted(w.ran()), ["all", "all", "other"])
        w.put("b.txt", "bb\n")
        check("\nbb\n" in w.round("b.txt"))
        equal(sorted(w.ran()), ["all", "all", "other", "other"])


def a_touch_is_said_and_runs_nothing(box):
    with _one(box) as w:
        os.utime(w.path("b.txt"), (1, 1))
        check("nothing to be done (2 tasks up to date)" in w.round("b.txt"))
        equal(sorted(w.ran()), ["all", "other"])


def a_burst_of_edits_is_one_round(box):
    with _one(box) as w:
        w.burst(lambda: w.put("src/a.c", "1\n"), lambda: w.put("b.txt", "1\n"), lambda: w.put("src/a.c", "2\n"), lambda: w.put("src/new.c", "3\n"))
        text = w.idle()
        check("and " in text.split("\n")[0] and "2 tasks done" in text, text)
        equal(read(w.path("out")), "2\n3\n")


def files_that_come_go_and_come_again(box):
    with _one(box) as w:
        w.put("src/z.c", "z\n")
        check("1 task done" in w.round("src/z.c"))
        equal(read(w.path("out")), "a\nz\n")
        os.remove(w.path("src/z.c"))
        check("1 task done" in w.round("src/z.c"))
        w.put("src/z.c", "zz\n")
        w.round("src/z.c")
        equal(read(w.path("out")), "a\nzz\n")


def editors_save_by_rename(box):
    with _one(box) as w:
        w.save("src/a.c", "saved\n")
        w.round("src/a.c")
        w.save("src/a.c", "and again\n")
        w.round("src/a.c")

        def vim():
            write(w.path("src/4913"), "")
            os.remove(w.path("src/4913"))
            os.rename(w.path("src/a.c"), w.path("src/a.c~"))
            write(w.path("src/a.c"), "vim\n")
            os.remove(w.path("src/a.c~"))

        def emacs():
            os.symlink("me@here.1", w.path("src/.#a.c"))
            write(w.path("src/a.c"), "emacs\n")
            os.remove(w.path("src/.#a.c"))

        w.burst(vim)
        equal(len(w.round("src/a.c").split("changed\n")), 2)
        w.burst(emacs)
        w.round("src/a.c")
        equal(read(w.path("out")), "emacs\n")
        equal(w.ran().count("all"), 5)


def what_matches_nothing_runs_nothing_and_is_not_said(box):
    with _one(box) as w:
        for i in range(3):
            w.put("src/notes.txt", f"{i}\n")
            w.put(f"src/.a.c.sw{i}", "")
        w.put("elsewhere", "x")
        w.put("src/a.c", "now\n")
        text = w.idle()
        check(text.startswith("axmake: src/a.c changed\n") and text.count("axmake:") == 3, text)
        equal(sorted(w.ran()), ["all", "all", "other"])


def folders_that_come_and_go(box):
    with _one(box) as w:
        write(box.path("away", "deep", "d.c"), "d\n")
        os.rename(box.path("away"), w.path("src/moved"))
        check("1 task done" in w.round("src/moved"))
        equal(read(w.path("out")), "a\nd\n")
        w.put("src/moved/deep/d.c", "dd\n")
        w.round("src/moved/deep/d.c")
        os.rename(w.path("src/moved"), box.path("away"))
        w.round("src/moved/deep/d.c")
        equal(read(w.path("out")), "a\n")
        w.put("src/x/y/z/e.c", "e\n")
        w.idle()
        equal(read(w.path("out")), "a\ne\n")
        w.burst(lambda: os.rename(w.path("src"), w.path("src.old")), lambda: shutil.copytree(w.path("src.old"), w.path("src")), lambda: w.put("src/x/y/z/e.c", "new\n"))
        w.idle()
        w.put("src/a.c", "in the new one\n")
        w.round("src/a.c")
        equal(read(w.path("out")), "in the new one\nnew\n")


def a_folder_that_is_not_there_yet(box):
    flow = "tasks:\n  - {name: t, inputs: ['gen/deep/*.txt', '!gen/deep/x'], run: 'echo t >> ../ran; cat gen/deep/*.txt || :'}\n"
    with Watch(box, workflow=flow) as w:
        w.idle()
        os.mkdir(w.path("gen"))
        os.mkdir(w.path("gen/deep"))
        w.put("gen/deep/a.txt", "hello\n")
        w.until("^hello$")
        w.idle()
        w.put("gen/deep/a.txt", "again\n")
        check("again\n" in w.round("gen/deep/a.txt"))


def inputs_that_are_links(box):
    write(box.path("far", "real.txt"), "one\n")
    write(box.path("far", "next.txt"), "two\n")
    write(box.path("far", "dir", "in.txt"), "in\n")
    os.makedirs(box.path("root"))
    os.symlink("../far/hop", box.path("root", "link.txt"))
    os.symlink("real.txt", box.path("far", "hop"))
    os.symlink(box.path("far", "dir"), box.path("root", "folder"))
    flow = "tasks:\n  - {name: t, inputs: [link.txt, folder/in.txt], run: cat link.txt folder/in.txt}\n"
    with Watch(box, workflow=flow) as w:
        w.idle()
        write(box.path("far", "real.txt"), "uno\n")
        check("uno\nin\n" in w.round("link.txt"))
        os.remove(box.path("far", "hop"))
        os.symlink("next.txt", box.path("far", "hop"))
        check("two\nin\n" in w.idle())
        write(box.path("far", "dir", "in.txt"), "inside\n")
        check("two\ninside\n" in w.round("folder/in.txt"))
        os.rename(box.path("far", "dir"), box.path("far", "old"))
        write(box.path("far", "dir", "in.txt"), "exchanged\n")
        check("two\nexchanged\n" in w.idle())
        shutil.rmtree(box.path("far", "dir"))
        check("error" in w.idle())
        write(box.path("far", "dir", "in.txt"), "back\n")
        check("two\nback\n" in w.idle())
        shutil.copytree(box.path("far"), box.path("near"), symlinks=True)
        write(box.path("near", "dir", "in.txt"), "near\n")
        os.symlink(box.path("near", "dir"), w.path("tmp"))
        os.rename(w.path("tmp"), w.path("folder"))
        check("two\nnear\n" in w.round("folder/in.txt"))


def the_workflow_its_parts_rules_and_settings(box):
    write(box.path("root", "part.ax.yaml"), "tasks:\n  - {name: p, run: echo part}\n")
    write(box.path("root", "ask.md"), "Say hello\n")
    flow = "include: [part.ax.yaml]\ntasks:\n  - {name: t, run: echo one}\n  - {name: q, agent: backend, task_file: ask.md}\n"
    with Watch(box, "--provider", "offline", workflow=flow) as w:
        w.idle()
        w.put("workflow.ax.yaml", flow.replace("one", "two"))
        check("two\n" in w.round("workflow.ax.yaml"))
        w.save("part.ax.yaml", "tasks:\n  - {name: p, run: echo other part}\n")
        check("other part\n" in w.round("part.ax.yaml"))
        w.put("ask.md", "Say goodbye\n")
        check("q: done" in w.round("ask.md"))
        w.put("axmake.ini", "[agent backend]\nrole = You are brief.\n")
        check("q: done" in w.round("axmake.ini"))
        write(box.path("home", ".config", "axmake", "mine.ini"), "[provider offline]\nrevision = 2\n")
        check("q: done" in w.idle())
        write(box.path("home", ".config", "axmake", "mine.ini"), "[provider offline]\nrevision = 3\n")
        check("q: done" in w.idle())
        w.put("automatosx.config.json", '{"execution": {"maxConcurrentAgents": "x"}}')
        check("error" in w.round("automatosx.config.json"))
        os.remove(w.path("automatosx.config.json"))
        check("nothing to be done" in w.round("automatosx.config.json"))


def outputs_that_someone_changed(box):
    with _one(box) as w:
        w.put("out", "spoilt\n")
        check("all: done" in w.round("out"))
        equal(read(w.path("out")), "a\n")
        os.remove(w.path("out"))
        check("all: done" in w.round("out"))
        equal(w.ran().count("all"), 3)


def a_broken_workflow_waits_for_the_next_edit(box):
    with _one(box) as w:
        w.put("workflow.ax.yaml", "tasks: [\n")
        text = w.round("workflow.ax.yaml")
        check("workflow.ax.yaml:2:1: error:" in text, text)
        w.put("workflow.ax.yaml", ONE + "  - {name: c, dependencies: [nobody], run: echo}\n")
        check("nobody" in w.round("workflow.ax.yaml"))
        os.remove(w.path("workflow.ax.yaml"))
        check("there is no workflow here" in w.round("workflow.ax.yaml"))
        w.put("axmake.yaml", ONE.replace("other >>", "another >>"))
        check("1 task done, 1 up to date" in w.idle() or sorted(w.ran()[-2:]) == ["all", "another"], w.ran())


def the_root_may_be_another_folder(box):
    write(box.path("root", "in.txt"), "one\n")
    write(box.path("root", "flows", "w.ax.yaml"), "root: ..\ntasks:\n  - {name: t, inputs: [in.txt, 'd/*'], outputs: [o], run: cat in.txt | tee o}\n")
    with Watch(box, "-C", "flows", "-f", "w.ax.yaml") as w:
        text = w.idle()
        check(text.startswith(f"axmake: Entering directory '{box.path('root', 'flows')}'\n"), text)
        w.put("in.txt", "two\n")
        text = w.idle()
        check(text.startswith("axmake: ../in.txt changed\n") and "\ntwo\n" in text and "Leaving" not in text, text)
        w.put("d/x", "")
        check("t: done" in w.idle())
        w.put("flows/w.ax.yaml", "root: ..\ntasks:\n  - {name: t, run: echo three}\n")
        check("three\n" in w.round("w.ax.yaml"))


def events_that_the_system_dropped(box):
    most = int(read("/proc/sys/fs/inotify/max_queued_events"))
    if most > 50000:
        return

    def flood():
        for i in range(most // 2 + 100):
            name = w.path(f"src/f{i % 7}")
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
            os.remove(name)
        w.put("src/sub/late.c", "late\n")
        w.put("b.txt", "late\n")

    with _one(box) as w:
        w.burst(flood)
        w.until("^axmake: 2 tasks done")
        equal(read(w.path("out")), "a\nlate\n")
