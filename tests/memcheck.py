#!/usr/bin/env python3
"""Unit tests and golden cases under valgrind's memcheck: no error, and nothing lost.

    python3 tests/memcheck.py --axmake ./axmake --build build [--cases PATTERN...] [PROGRAM...]

A program under it is some thirty times slower, and not all of the system is as it was: tests that cannot do with that are left out by name, each with its reason.
"""

import argparse
import concurrent.futures
import fnmatch
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VALGRIND = [shutil.which("valgrind") or "valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect", "--num-callers=20", "--track-fds=no"]
LIMIT_S = 1200
# What cannot be as it is under another program's eyes: tests of a program, and why.
VFORK = "vfork is fork there: nobody waits until the child has started, or learns why it could not"
UNIT_OUT = {
    "test_admission": {"many_waiting_tasks_are_no_burden": "asks for a time"},
    "test_live": {"an_endless_line_is_passed_over": "asks for a time"},
    "test_lock": {"a_waiter_can_be_ended_by_a_signal": "a signal does not end a wait for F_OFD_SETLKW there"},
    "test_probe": {"what_is_no_answer_is_said": VFORK},
    "test_process": {"a_child_leads_a_session_of_its_own": VFORK, "descriptors_may_overlap_in_every_way": VFORK, "a_failed_start_gives_the_errno_and_leaves_no_child": VFORK},
    "test_refusal": {"hidden_is_what_is_there_outside_alone": "it knows no openat2, without which nothing is told"},
}
CASES_OUT = {"seal-gives-way": "asks for a time"}
CASES = ("bad-*", "log-*", "cache-damaged*", "seal-*", "yaml-*", "answer*", "agent-status*", "values-*", "matrix*", "when*", "rule-*")
# It does not know all of Linux, and says so, with the address of its bug tracker.
UNKNOWN = re.compile(r"^--\d+-- (WARNING: unhandled|You may be able to write|Read the file README_MISSING|Nevertheless we consider|it at http).*\n", re.MULTILINE)


def sift(said):
    return UNKNOWN.sub("", said)


def build_skip(box):
    """What leaves tests out by name, to be preloaded."""
    path = os.path.join(box, "skip.so")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", path, os.path.join(HERE, "memcheck_skip.c"), "-ldl"], check=True)
    return path


def find_cases(patterns):
    names = [os.path.basename(c)[:-5] for c in glob.glob(os.path.join(HERE, "cli", "*.case"))]
    return sorted(n for n in names if n not in CASES_OUT and any(fnmatch.fnmatchcase(n, p) for p in patterns))


def run_unit(options, program, skip):
    with tempfile.NamedTemporaryFile(prefix="axmake-memcheck-") as log:
        command = [*VALGRIND, "--trace-children=no", "--child-silent-after-fork=yes", f"--log-file={log.name}", os.path.join(options.build, "unit", program)]
        env = dict(os.environ, LD_PRELOAD=skip, MEMCHECK_SKIP=f" {' '.join(UNIT_OUT[program])} ") if program in UNIT_OUT else None
        try:
            p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False, env=env)
            status, text = p.returncode, p.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired:
            status, text = -1, f"longer than {LIMIT_S} s"
        said = sift(log.read().decode(errors="replace"))
    return status == 0 and not said, (text if status else "") + said


def run_cases(options):
    """The golden cases with axmake under valgrind; what it has to say lies in a file for each process."""
    with tempfile.TemporaryDirectory(prefix="axmake-memcheck-") as box:
        built, wrapper = os.path.dirname(os.path.abspath(options.axmake)), os.path.join(box, "axmake")
        with open(wrapper, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\nexec {" ".join(VALGRIND)} --trace-children=no --child-silent-after-fork=yes --log-file={box}/log.%p {built}/"${{0##*/}}" "$@"\n')
        os.chmod(wrapper, 0o755)
        os.symlink("axmake", os.path.join(box, "ax"))
        for name in [n for n in ("axmake-offline", "axmake-carry", "axmake-guard", "axmake-http") if os.path.exists(os.path.join(built, n))]:
            os.symlink(os.path.join(built, name), os.path.join(box, name))
        p = subprocess.run([sys.executable, os.path.join(HERE, "cli", "run.py"), "--axmake", wrapper, "--limit", str(LIMIT_S), *(options.cases or find_cases(CASES))], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        said = ""
        for path in sorted(glob.glob(os.path.join(box, "log.*"))):
            with open(path, encoding="utf-8", errors="replace") as f:
                said += sift(f.read())
        return p.returncode, p.stdout.decode(errors="replace"), said


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake", default="./axmake")
    p.add_argument("--build", default="build")
    p.add_argument("--cases", nargs="*")
    p.add_argument("--no-cases", action="store_true")
    p.add_argument("programs", nargs="*")
    options = p.parse_args()
    names = options.programs or [os.path.basename(c)[:-2] for c in sorted(glob.glob(os.path.join(HERE, "unit", "test_*.c")))]
    failed = passed = 0
    for name, test, why in [(n, t, w) for n in names for t, w in UNIT_OUT.get(n, {}).items()]:
        print(f"left out: {name}: {test}: {why}")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="axmake-memcheck-") as box, concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        skip = build_skip(box)
        for name, (ok, text) in zip(names, pool.map(lambda n: run_unit(options, n, skip), names)):
            failed, passed = failed + (not ok), passed + ok
            print(f"{'ok' if ok else 'FAILED':8}{name}" + ("" if ok else "\n" + text), flush=True)
    if not options.no_cases and not options.programs:
        for name, why in CASES_OUT.items():
            print(f"left out: {name}: {why}")
        status, text, said = run_cases(options)
        print(text + said, end="")
        failed, passed = failed + bool(status or said), passed + (not status and not said)
    print(f"{passed} passed, {failed} failed ({time.monotonic() - begin:.0f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
