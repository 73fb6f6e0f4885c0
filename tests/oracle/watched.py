"""A watch under random edits: whatever is edited, and while whatever runs, in the end all is up to date, the files are those of a clean build, and it rests."""

import os
import re
import shutil
import signal
import subprocess
import time

import changes
import generate
import meddling
import workflow as w
from history import LIMIT_S, History, differences, read, works_in

SETTLED_S = 0.4  # it then is to have nothing to do any more
EDITS = [
    (changes.edit_source, 6), (changes.edit_back, 4), (changes.touch, 1), (changes.add_or_remove, 4), (changes.rename, 2), (changes.swap_names, 1),
    (changes.change_var, 2), (changes.reorder, 1), (changes.say_nothing_new, 1), (changes.change_command, 3), (changes.change_role, 1),
    (changes.change_matrix, 1), (changes.change_plan, 2), (changes.allow_cache, 1),
    *meddling.ALL,
]


class Watched(History):
    def __init__(self, axmake, answers, seed):
        super().__init__(axmake, answers, seed)
        self.tame(self.wf)
        self.log = self.path("watch.log")

    def tame(self, wf):
        """Nothing fails, waits for a person, or is never up to date: then there is one end that it must come to."""
        for t in (*wf.tasks, *wf.spare, *wf.planned):
            t.guard, t.always, t.approve, t.optional = "", False, False, False
            t.run_if = ""
            t.on_edit = "rerun" if t.outputs else ""
            t.fields = {u: (path, "?") for u, (path, _) in t.fields.items()}
        texts = {text: [u for u in tasks] for text, tasks in wf.plans.items()}
        wf.plans.clear()
        for tasks in texts.values():
            both = w.Workflow(wf.tasks + tasks, wf.vars, wf.roles)
            wf.plans["tasks:\n" + "".join(w.task_yaml(both, t) for t in tasks) if tasks else "tasks: []\n"] = tasks

    def play(self):
        self.prepare()
        self.watch = watch = self.begin()
        try:
            self.settle(watch)
            for _ in range(self.rng.randint(3, 6)):
                self.edit()
                self.settle(watch)
            self.end(watch)
        finally:
            if watch.poll() is None:
                watch.kill()
                watch.wait()
        self.compare_with_clean_build()

    def change(self, path, data):
        super().change(path, data.replace(b"BAD", b""))

    def begin(self):
        words = [self.axmake, "--watch", f"-j{self.rng.randint(1, 4)}"]
        self.steps.append(" ".join(["axmake", *words[1:]]) + " &")
        with open(self.log, "wb") as log:
            return subprocess.Popen(words, cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def edit(self):
        """A few, at once or one after another while tasks run."""
        if self.rng.random() < 0.5:
            self.rng.choice(meddling.AT_REST)(self)
        for _ in range(self.rng.randint(1, 6)):
            self.rng.choices(*zip(*EDITS))[0](self)
            self.n_steps += 1
            time.sleep(self.rng.choice([0, 0, 0.01, 0.05, 0.1, 0.3]))

    def settle(self, watch):
        """Until all is up to date, and stays so: then nothing more may run."""
        self.runs += 1
        deadline = time.monotonic() + LIMIT_S
        quiet = time.monotonic()
        before = (-1, 0)
        while True:
            self.hold(watch.poll() is None, f"it ended: {watch.returncode}", self.said())
            now = os.path.getsize(self.log), len(self.runs_so_far())
            quiet = time.monotonic() if now != before else quiet
            before = now
            if time.monotonic() - quiet > SETTLED_S:
                status, text = self.command("-q")
                _, why = self.command("--explain") if status else (0, "")
                if (status == 0 or self.is_given_up(why)) and now == (os.path.getsize(self.log), len(self.runs_so_far())):
                    return
                self.hold(time.monotonic() < deadline, f"-q: exit status {status}, and nothing goes on", text, why, self.said())
            self.hold(time.monotonic() < deadline + LIMIT_S, "it does not come to rest", self.said())
            time.sleep(0.02)

    def is_given_up(self, why):
        """An agent whose input changed under it twice in a row is not asked a third time, until that changes once more; what comes after it waits."""
        first = [line.split(": stale: ")[0] for line in why.splitlines() if ": stale: an input changed while it ran" in line]
        rest = [line for line in why.splitlines() if ": stale: " in line and "an input changed while it ran" not in line and not re.search(r"its dependency '.*' runs first", line)]
        agents = {t.name for t in (*self.wf.tasks, *self.wf.planned) if t.kind == "agent"}
        return first and not rest and all(name in agents and read(self.log).decode(errors="replace").count(f"warning: {name}: input ") > 1 for name in first)

    def runs_so_far(self):
        path = self.path("home", "ran")
        return read(path).split() if os.path.exists(path) else []

    def said(self):
        return read(self.log).decode(errors="replace")[-6000:]

    def end(self, watch):
        watch.send_signal(signal.SIGINT)
        watch.wait(LIMIT_S)
        self.hold(watch.returncode == -signal.SIGINT, f"it ended by Ctrl-C with {watch.returncode}", self.said())
        left = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if works_in(pid, self.root)]
        self.hold(not left, f"processes are left: {left}", self.said())

    def compare_with_clean_build(self):
        """Of a workflow whose tasks clear what they make, and change nothing in place."""
        tasks = [*self.wf.tasks, *self.wf.plans.get(self.ref.disk.get("src/plan", b"").decode(), [])]
        if any(not t.tidy or t.edits or t.when for t in tasks) or self.ref.taint[0]:
            return
        here = self.real_disk()
        shutil.copytree(self.root, self.path("copy"), ignore=shutil.ignore_patterns(".axmake", ".automatosx", "out"))
        os.mkdir(self.path("copy", "out"))
        self.root = self.path("copy")
        status, text = self.command("-j2", "--no-cache")
        self.hold(status == 0, f"a clean build: exit status {status}", text)
        clean = self.real_disk()
        self.hold(clean == here, "the files are not those of a clean build: " + differences(here, clean), self.said())

