"""Faults of one of several processes, by strike.c: what watched.py and guarded.py have in common."""

import collections
import errno
import os
import shlex
import shutil

HARMLESS = ("EINTR", "SHORT")


class Strike(collections.namedtuple("Strike", "scene call nth error what")):
    """call: CALL@PROCESS, one of scene.processes. nth: what the call is about, and which of those."""

    def __str__(self):
        return f"{self.scene.name}:{self.call}:{self.nth}:{self.error}"

    def words(self):
        call, process = self.call.split("@")
        about, nth = self.nth.rsplit(",", 1)
        return [str(self.scene.processes.index(process)), call, about, nth, "0" if self.error == "SHORT" else str(getattr(errno, self.error))]

    def said(self, text):
        """Does it name the error?"""
        return os.strerror(getattr(errno, self.error)) in text


def calls_in(told, scene, errors, may_fail):
    """Of what strike.c has written down those that may fail: (process, call, what it is about, which of those)."""
    counts = collections.Counter()
    for line in told.splitlines():
        if not line.startswith("call "):
            continue
        _, n, call, about = line.split(" ", 3)
        if int(n) < len(scene.processes) and call in errors and may_fail(call):
            counts[n, call, about] += 1
            yield scene.processes[int(n)], call, about, counts[n, call, about]


def failed_in(told):
    return next((line for line in told.splitlines() if "(INJECTED)" in line), "nothing")


def played_beside(suite, folder, scene, program, words, script):
    """The run of a copy of axmake that finds a script in the place of its helper `program`, and what strike.c told of that. script: of the words that run the helper under strike.c, and of the helper, its text."""
    beside, trace = folder + ".beside", folder + ".trace"
    os.mkdir(beside)
    if not os.path.exists(suite.copy):
        shutil.copy(suite.axmake, suite.copy)
    os.link(suite.copy, os.path.join(beside, "axmake"))
    helper = os.path.join(os.path.dirname(suite.axmake), program)
    with open(os.path.join(beside, program), "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n" + script(shlex.join([suite.strike, trace, *words, helper]), shlex.quote(helper)))
        os.chmod(f.fileno(), 0o755)
    run = suite.call(folder, scene.command, program=os.path.join(beside, "axmake"))
    shutil.rmtree(beside)
    try:
        with open(trace, encoding="utf-8", errors="replace") as f:
            return run, f.read()
    except OSError:
        return run, ""
