"""Faults of a watch: of the process that watches, of the round that it begins with, of the one that stands by and becomes the next, each call fails once (strike.c).

The watch is started, gets an edit as soon as it rests and the next round is ready, another one when it rests again, and SIGINT or SIGTERM when it has followed that too. Calls of such a run come as time will have it: they are told apart by
the process, their name, and the path that they are about, and counted among those. A fault that is not met in the run is none, and the run has to go well.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib

sys.dont_write_bytecode = True
from scenes import Scene, edit, made  # noqa: E402
from strikes import HARMLESS, Strike, calls_in, failed_in  # noqa: E402

LIMIT_S = 20
WAITS = re.compile(r"232 0x\w+ 0x\w+ 0x\w+ 0xffffffff ")  # epoll_wait without an end
EXCUSED_S = 1
FAILURE = re.compile(r"\*\*\*|: error: |cannot watch|cannot write \.axmake/log")
ROLES = ("watch", "round", "standby", "next")

WORKFLOW = """tasks:
  - {name: first, run: "cat src/a >first.txt", inputs: [src/a], outputs: [first.txt]}
  - {name: draft, agent: helper, task: "Write it", inputs: [src/b], outputs: [draft.txt]}
  - {name: tree, run: "rm -rf tree; mkdir -p tree/d; cat src/* >tree/d/x; ln -s d/x tree/l", outputs: [tree/], inputs: ["src/*"]}
  - {name: join, run: "cat first.txt draft.txt >join.txt", inputs: [first.txt, draft.txt], outputs: [join.txt], dependencies: [tree]}
"""


def new_file(folder):
    with open(os.path.join(folder, "src/c"), "w", encoding="utf-8") as f:
        f.write("c\n")


class Watched(Scene):
    """roles: whose calls fail; edit: what happens while it rests."""

    processes = ROLES

    def __init__(self, name, roles, edit, words=()):
        super().__init__(name, ["-j2"], workflow=WORKFLOW)
        self.roles, self.edit, self.words = roles, edit, ["--watch", "-j2", *words]


WATCHED = [
    Watched("watched", ("watch", "round", "standby"), edit),
    Watched("watched, a new file", ("watch", "standby"), new_file),
    Watched("watched and followed", ("watch",), edit, words=["--events", "events.jsonl"]),
]


def call_of(pid):
    """The system call in which a process is, as the kernel tells it; empty if it is gone."""
    try:
        with open(f"/proc/{pid}/syscall", encoding="utf-8") as f:
            return f.read()
    except OSError:
        return ""


class Run:
    """A watch under strike.c: what it prints, and what strike.c tells."""

    def __init__(self, suite, folder, scene, words):
        read, write = os.pipe()
        command = [suite.strike, f"/dev/fd/{write}", *words, suite.axmake, *scene.words]
        self.text, self.told = "", ""
        self.process = subprocess.Popen(command, cwd=folder, env=suite.env(folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[write], start_new_session=True)
        os.close(write)
        self.threads = [threading.Thread(target=self.take, args=a, daemon=True) for a in ((self.process.stdout.fileno(), "text"), (read, "told"))]
        self.read = read
        for t in self.threads:
            t.start()

    def take(self, fd, name):
        while True:
            more = os.read(fd, 65536)
            if not more:
                return
            setattr(self, name, getattr(self, name) + more.decode(errors="replace"))

    def until(self, condition, limit=LIMIT_S):
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        return True

    def over(self):
        return self.process.poll() is not None

    def pid(self):
        m = re.search(r"^pid (\d+)$", self.told, re.M)
        return int(m[1]) if m else 0

    def rests(self):
        """It waits for whatever may come, and no other process is there but one that waits to be told something."""
        told = self.told
        alive = [p for role, p in re.findall(r"^forked (\d+) (\d+)$", told, re.M) if f"\nended {role}\n" not in told]
        return "forked 1 " in told and WAITS.match(call_of(self.pid())) and all(call_of(p).startswith("45 ") for p in alive) and told == self.told

    def has_rested(self):
        """Also a moment later."""
        if not self.rests():
            return False
        told = self.told
        time.sleep(0.01)
        return told == self.told and self.rests()

    def signal(self, number):
        if self.pid() and not self.over():
            os.kill(self.pid(), number)

    def end(self):
        """Nothing is left of it."""
        if not self.over():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for t in self.threads:
            t.join(LIMIT_S)
        os.close(self.read)
        self.process.stdout.close()


def follows(run, folder, wanted):
    """Waits until it has followed an edit. None, or that it has not."""
    before = run.text
    excused = FAILURE.search(before)  # what failed before may be waited for elsewhere
    done = run.until(lambda: run.over() or (run.has_rested() and (made(folder) == wanted or FAILURE.search(run.text[len(before) :]))), EXCUSED_S if excused else LIMIT_S)
    if not done and excused:  # a round that is under way on a busy machine is waited for
        done = run.until(lambda: run.over() or run.has_rested(), LIMIT_S)
    return None if done else "it has not followed an edit"


def played(suite, folder, scene, words, ending=signal.SIGINT):
    """The run, ended; and what it has not done in time."""
    run, late = Run(suite, folder, scene, words), None
    try:
        if not run.until(lambda: run.over() or run.has_rested()):
            late = "it has not come to rest"
        for change, wanted in zip((scene.edit, edit), suite.stages[scene.name]):
            change(folder)
            late = late or follows(run, folder, wanted)
        run.by_itself = run.over()
        run.made = made(folder)
        run.signal(ending)
        if not run.until(run.over) and not late:
            late = f"{ending.name} has not ended it"
    finally:
        run.end()
    run.status = run.process.returncode
    return run, late


def record(suite, scene, errors, may_fail):
    """The faults of a scene."""
    folder = tempfile.mkdtemp(dir=suite.top)
    scene.lay(folder)
    run, late = played(suite, folder, scene, ["-"])
    if late or run.status != -signal.SIGINT:
        sys.exit(f"faults: the scene '{scene.name}' does not work without faults: {late or run.status}\n{run.text}")
    shutil.rmtree(folder)
    found = []
    for role, call, about, nth in calls_in(run.told, scene, errors, may_fail):
        if role not in scene.roles:
            continue
        kinds = errors[call].split()
        if role == "round" or role == "standby" and scene is not WATCHED[0]:  # what plain runs do as well
            kinds = [kinds[zlib.crc32(f"{call} {about} {nth}".encode()) % len(kinds)]]
        alone = "i" * nth + " " if role == "watch" else ""  # each of these counts, not the first and the last alone
        short = ["SHORT"] if call in suite.shortened and re.match(r"/|pipe|[^/]*/|\w+\.\w+$", about) and "anon_inode" not in about else []
        found += [Strike(scene, f"{call}@{role}", f"{about},{nth}", error, alone + f"{role} {about}") for error in kinds + short]
    return found


def ending_of(fault):
    """Each signal for some."""
    return (signal.SIGINT, signal.SIGTERM)[zlib.crc32(str(fault).encode()) % 2]


def wrong(suite, fault, folder, run, late):
    """What is wrong in the run with the fault and after it, in words."""
    scene, injected = fault.scene, "(INJECTED)" in run.told
    harmless = not injected or fault.error in HARMLESS
    wanted = suite.wanted[scene.name]
    if late:
        yield late
    if not run.by_itself and not late and run.status != -ending_of(fault):
        yield f"interrupted, it ended with {run.status}"
    if run.by_itself and (run.status < 1 or run.status > 100):
        yield f"it ended by itself with {run.status}"
    if run.by_itself and harmless:
        yield f"{fault.error} made it end with {run.status}"
    if run.by_itself and not re.search(r"axmake: |: error: ", run.text):
        yield "it ended by itself without a word"
    if run.by_itself and injected and not harmless and not fault.said(run.text):
        yield "it ended by itself and did not say by what"
    if not run.by_itself and not late and run.made != wanted and (harmless or not FAILURE.search(run.text)):
        yield f"it rests, and not all is done: {suite.difference(run.made, wanted)}"
    for role in re.findall(r"^left (\d)$", run.told, re.M):
        yield f"a process is left ({ROLES[int(role)] if int(role) < len(ROLES) else role})"
    yield from suite.after(scene, folder)


def judge(suite, fault):
    folder = tempfile.mkdtemp(dir=suite.top, prefix="root-")
    try:
        fault.scene.lay(folder)
        run, late = played(suite, folder, fault.scene, fault.words(), ending_of(fault))
        suite.met += "(INJECTED)" in run.told
        return [f"{w}\n-- failed: {failed_in(run.told)}\n{run.text}" for w in wrong(suite, fault, folder, run, late)]
    finally:
        suite.clear(folder)


def learn(suite, scene):
    """What the scene makes after each edit, and whom it asks how often, when nothing fails."""
    folder = tempfile.mkdtemp(dir=suite.top)
    scene.lay(folder)
    suite.call(folder, scene.command)
    stages = []
    for change in (scene.edit, edit):
        change(folder)
        suite.call(folder, scene.command)
        stages.append(made(folder))
    asked = suite.asked_in(folder)
    suite.clear(folder)
    return stages, asked
