"""Faults of the programs that help (strike.c): axmake-http, which brings entries of a shared cache from a server and puts some there, and axmake-carry, which takes a task's files to where its
command runs and brings back what it made.

A folder holds axmake and, in the place of the helper, a script that runs it under strike.c. Whatever fails in axmake-http, the run does its work without it; where something did not go to the server
or come from it, somebody has said so; and what the server has makes what a run without faults makes, in a clone that has nothing else. What fails in axmake-carry costs the task that try, by
a word, and never a half of what it sends or brings.
"""

import os
import re
import shlex
import sys
import tempfile

sys.dont_write_bytecode = True
import scenes  # noqa: E402
from scenes import SCRIPTS, Scene, clone, made  # noqa: E402
from strikes import HARMLESS, Strike, calls_in, failed_in, played_beside  # noqa: E402

NETWORK = {
    "socket": "EMFILE ENFILE ENOBUFS", "connect": "ECONNREFUSED ENETUNREACH ETIMEDOUT", "getsockopt": "ENOBUFS", "setsockopt": "ENOBUFS", "getsockname": "ENOBUFS", "getpeername": "ENOTCONN",
    "sendto": "EPIPE ENOBUFS EINTR EAGAIN ECONNRESET", "recvfrom": "ECONNRESET EINTR EAGAIN", "eventfd2": "EMFILE ENFILE", "ppoll": "EINTR ENOMEM",
}  # fmt: skip
SHORTENED = ("read", "pread64", "write", "pwrite64")


FAR = """tasks:
  - {name: first, executor: far, run: "cat src/a; cat >first.txt <src/a", inputs: [src/a], outputs: [first.txt]}
  - {name: tree, run: "rm -rf tree; mkdir -p tree/d; seq 9000 >tree/d/x; ln -s d/x tree/l", outputs: [tree/], inputs: ["src/*"]}
  - {name: join, executor: far, run: "cat first.txt tree/l >join.txt; cp -r tree copy", inputs: [first.txt, tree/], outputs: [join.txt, copy/]}
"""
ELSEWHERE = """[executor far]
wrap = sh far.sh
shared_root = no
env = stdin
"""
FAR_SH = """exec env -i PATH="$PATH" TMPDIR="$TMPDIR" sh -c 'cd /; exec "$@"' sh "$@"\n"""


class Served(Scene):
    """axmake-http, of which a run has one."""

    program, processes, first_only = "axmake-http", ("helper",), ""

    def __init__(self, name, first):
        super().__init__(name, ["-j2"], workflow=SCRIPTS, first=first, shared=True)

    def wrong(self, suite, fault, folder, run, met):
        warned = "warning: " in run.text
        lacks = len(self.stored - on_server(folder)) + max(0, ran(run.text) - self.ran)
        if run.status:
            yield f"it failed: {run.status}"
        elif made(folder) != suite.wanted[self.name]:
            yield f"it said that all is done, and it is not: {suite.difference(made(folder), suite.wanted[self.name])}"
        if lacks and not warned:
            yield f"{lacks} were not put there or brought, and nobody said so"
        if warned and (not met or fault.error in HARMLESS):
            yield f"{fault.error} made it warn"
        yield from suite.after(self, folder)
        clone(folder)
        again = suite.call(folder, self.command)
        if again.status or "warning: " in again.text or made(folder) != suite.wanted[self.name]:
            yield f"a clone made something else of what the server has: {suite.difference(made(folder), suite.wanted[self.name])}\n{again.text}"


class Carried(Scene):
    """axmake-carry, the first of those of a run."""

    program, processes, first_only = "axmake-carry", ("helper",), "mkdir {0} 2>/dev/null && "

    def __init__(self, name):
        super().__init__(name, ["-j1"], workflow=FAR)

    def lay(self, folder):
        super().lay(folder)
        with open(os.path.join(folder, "axmake.ini"), "a", encoding="utf-8") as f:
            f.write(ELSEWHERE)
        with open(os.path.join(folder, "far.sh"), "w", encoding="utf-8") as f:
            f.write(FAR_SH)

    def wrong(self, suite, fault, folder, run, met):
        lost = re.search(r"lost it|did not start it", run.text)
        if not isinstance(run.status, int) or run.status < 0 or run.status > 100:
            yield f"it ended so: {run.status}"
        elif run.status and not re.search(r"axmake: |: error: ", run.text):
            yield f"it ended with {run.status} and without a word"
        elif not run.status and made(folder) != suite.wanted[self.name]:
            yield f"it said that all is done, and it is not: {suite.difference(made(folder), suite.wanted[self.name])}"
        if (run.status or lost) and (not met or fault.error in HARMLESS):
            yield f"{fault.error} made it fail, or lose it"
        elif (run.status or lost) and not fault.said(run.text):
            yield "it did not say by what"
        yield from suite.after(self, folder)


HELPED = [Served("helped to a server", None), Served("helped from a server", clone), Carried("carried")]


def on_server(folder):
    """What the server has of this folder's."""
    begin = f"/{os.path.basename(folder)}/"
    return {path.split(begin, 1)[1] for path in list(scenes.STARTED[0].store) if begin in path}


def played(suite, folder, scene, words):
    """The run, and what strike.c told of the helper."""
    once = scene.first_only.format(shlex.quote(folder + ".beside/once"))
    return played_beside(suite, folder, scene, scene.program, words, lambda struck, helper: f'[ "$1" != --version ] && {once}exec {struck} "$@"\nexec {helper} "$@"\n')


def ran(text):
    return text.count(": done in ")


def record(suite, scene, errors, may_fail):
    folder = tempfile.mkdtemp(dir=suite.top, prefix="root-")
    suite.lay(scene, folder)
    run, told = played(suite, folder, scene, ["-"])
    if run.status or "warning" in run.text or not told:
        sys.exit(f"faults: the scene '{scene.name}' does not work without faults\n{run.text}")
    scene.stored, scene.ran = on_server(folder) if scene.shared else set(), ran(run.text)
    suite.clear(folder)
    errors = {**errors, **NETWORK}
    return [Strike(scene, f"{call}@helper", f"{about},{nth}", error, about)
            for _, call, about, nth in calls_in(told, scene, errors, may_fail) for error in errors[call].split() + (["SHORT"] if call in SHORTENED and not about.startswith("socket") else [])]  # fmt: skip


def judge(suite, fault):
    folder = tempfile.mkdtemp(dir=suite.top, prefix="root-")
    try:
        suite.lay(fault.scene, folder)
        run, told = played(suite, folder, fault.scene, fault.words())
        met = "(INJECTED)" in told
        suite.met += met
        return [f"{w}\n-- failed: {failed_in(told)}\n{run.text}" for w in fault.scene.wrong(suite, fault, folder, run, met)]
    finally:
        suite.clear(folder)
