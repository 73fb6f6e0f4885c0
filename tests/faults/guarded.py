"""Faults of axmake-guard: of the process that keeps the other two, of the one that builds the sandbox until that begins, and of the one that watches it (strike.c).

A folder holds axmake and, in the place of axmake-guard, a script that runs it under strike.c. The watcher decides nothing: whatever fails there, the task is done as if it had not, and so is one
that nobody can watch. Where there can be no sandbox axmake says why.
"""

import os
import re
import sys
import tempfile

sys.dont_write_bytecode = True
from scenes import WALLS, Scene, made  # noqa: E402
from strikes import HARMLESS, Strike, calls_in, failed_in, played_beside  # noqa: E402

ROLES = ("keeper", "builder", "watcher")

WORKFLOW = """tasks:
  - {name: left, sandbox: {network: false}, run: "cat src/a >left.txt; cat /root/.profile /no/such || :; (echo no >/etc/no) || :", inputs: [src/a], outputs: [left.txt]}
  - {name: join, run: "cat left.txt src/b >join.txt", inputs: [left.txt, src/b], outputs: [join.txt]}
"""

MORE_ERRORS = {"ioctl": "ENOENT EIO EINTR"}
OWN = re.compile(r"left\.txt|/src|/root|/no|notify")
NEEDLESS = ("seccomp@builder", "sendmsg@builder", "recvmsg@keeper")  # without what comes of them nobody watches


class Guarded(Scene):
    """tried: the faults are those of the empty sandbox by which axmake finds out whether it can be had; else those of the task's."""

    processes = ROLES

    def __init__(self, name, tried):
        super().__init__(name, ["-j2"], workflow=WORKFLOW)
        self.tried = tried


GUARDED = [Guarded("guarded", False), Guarded("guard tried", True)] if WALLS else []


def played(suite, folder, scene, words):
    """The run, and what strike.c told of its sandbox."""
    other = "=" if scene.tried else "!="
    return played_beside(suite, folder, scene, "axmake-guard", words, lambda struck, guard: f'[ "$1" {other} - ] || exec {guard} "$@"\nexec {struck} "$@"\n')


def watches(suite):
    """Is there a watcher, here?"""
    folder = tempfile.mkdtemp(dir=suite.top)
    GUARDED[0].lay(folder)
    told = played(suite, folder, GUARDED[0], ["-"])[1]
    suite.clear(folder)
    return "\nended 2\n" in told


def record(suite, scene, errors, may_fail):
    folder = tempfile.mkdtemp(dir=suite.top)
    scene.lay(folder)
    run, told = played(suite, folder, scene, ["-"])
    if run.status:
        sys.exit(f"faults: the scene '{scene.name}' does not work without faults\n{run.text}")
    suite.clear(folder)
    found = []
    for role, call, about, nth in calls_in(told, scene, errors, may_fail):
        alike = about if role != "watcher" or OWN.search(about) else ""  # of all that a shell opens two are enough
        found += [Strike(scene, f"{call}@{role}", f"{about},{nth}", error, f"{role} {alike}") for error in MORE_ERRORS.get(call, errors[call]).split()]
    return found


def left_of(folder):
    """Processes that are in the folder."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd").startswith(folder):
                yield pid
        except OSError:
            pass


def wrong(suite, fault, folder, run, told):
    scene, injected = fault.scene, "(INJECTED)" in told
    needless = not injected or fault.error in HARMLESS or fault.call.endswith("@watcher") or fault.call in NEEDLESS
    if not isinstance(run.status, int):
        yield "it " + run.status
    elif run.status < 0 or run.status > 100:
        yield f"it ended by a signal ({run.status})"
    elif run.status and needless:
        yield f"{fault.error} made it fail with {run.status}"
    elif run.status and not fault.said(run.text):
        yield f"it ended with {run.status} and did not say by what"
    elif not run.status and made(folder) != suite.wanted[scene.name]:
        yield f"it said that all is done, and it is not: {suite.difference(made(folder), suite.wanted[scene.name])}"
    for role in re.findall(r"^left (\d)$", told, re.M):
        yield f"a process is left ({role})"
    for pid in left_of(folder):
        yield f"a process is left ({pid})"
    yield from suite.after(scene, folder)


def judge(suite, fault):
    folder = tempfile.mkdtemp(dir=suite.top, prefix="root-")
    try:
        fault.scene.lay(folder)
        run, told = played(suite, folder, fault.scene, fault.words())
        suite.met += "(INJECTED)" in told
        return [f"{w}\n-- failed: {failed_in(told)}\n{run.text}" for w in wrong(suite, fault, folder, run, told)]
    finally:
        suite.clear(folder)
