#!/usr/bin/env python3
"""Workflows on a real Slurm: a controller and two nodes on this machine, in a folder of their own. Nodes die, are drained, jobs are cancelled: what comes out is what a local run makes,
and nothing is left in the queue.

    python3 tests/slurm/run.py [--axmake ./axmake] [--all] [CASE...]

It needs root and Debian's slurm-wlm and munge: where they are missing all is skipped, and with --all that is a failure. Without --all only the quick cases are played. CASE is a part of a
name.
"""

import atexit
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cluster  # noqa: E402
import ending  # noqa: E402
import losing  # noqa: E402
import working  # noqa: E402
from suite import Failed, Skipped, run_cases  # noqa: E402

_running = []


def the_cluster(required):
    """One for all cases: each case leaves it with two idle nodes and an empty queue, or has failed."""
    if not _running:
        try:
            folder = os.path.realpath(tempfile.mkdtemp(prefix="axmake-slurm-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            _running.append(cluster.started(folder, more=f"SchedulerParameters={cluster.SCHEDULER}"))
            atexit.register(_running[0].stop)
        except Skipped as e:
            if required:
                raise Failed(str(e)) from None
            raise
    return _running[0]


def on_cluster(case, required):
    def with_cluster(box):
        c = the_cluster(required)
        box.env.update(c.env, PATH=f"{os.path.dirname(box.axmake)}:{cluster.SBIN}")
        case(box, c)
        c.until(lambda: not c.queue(), "an empty queue", limit_s=15)

    with_cluster.__name__ = case.__name__
    return with_cluster


def main():
    whole = "--all" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--all"]
    cases = working.QUICK + ending.QUICK + losing.QUICK
    if whole:
        cases += working.LONG + ending.LONG + losing.LONG
    return run_cases([on_cluster(case, whole) for case in cases])


if __name__ == "__main__":
    sys.exit(main())
