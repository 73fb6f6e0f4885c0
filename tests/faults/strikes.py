"""Faults of one of several processes, by strike.c: what watched.py and guarded.py have in common."""

import collections
import errno
import os

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
