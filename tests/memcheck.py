#!/usr/bin/env python3
"""Unit tests and golden cases under valgrind's memcheck: no error, and nothing lost.

    python3 tests/memcheck.py --axmake ./axmake --build build [--cases PATTERN...] [PROGRAM...]

A program under it is some thirty times slower: tests that ask for a time, a limit of memory or a stack are left out by name, each with its reason.
"""

import argparse
import concurrent.futures
import glob
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect", "--num-callers=20", "--track-fds=no"]
LIMIT_S = 1200
# What cannot be as it is under another program's eyes.
UNIT_OUT = {
}
CASES = ("bad-*", "ini-*", "log-*", "cache-damaged*", "seal-*", "yaml-*", "jobserver-*", "expand*", "answer-*", "agent-status*")


def run_unit(options, program):
    with tempfile.NamedTemporaryFile(prefix="axmake-memcheck-") as log:
        command = [*VALGRIND, "--trace-children=no", "--child-silent-after-fork=yes", f"--log-file={log.name}", os.path.join(options.build, "unit", program)]
        try:
            p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False)
            status, text = p.returncode, p.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired:
            status, text = -1, f"longer than {LIMIT_S} s"
        said = log.read().decode(errors="replace")
    return status == 0 and not said, said or text


def run_cases(options):
    """The golden cases with axmake under valgrind; what it has to say lies in a file for each process."""
    with tempfile.TemporaryDirectory(prefix="axmake-memcheck-") as box:
        wrapper = os.path.join(box, "axmake")
        with open(wrapper, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\nexec {" ".join(VALGRIND)} --trace-children=no --child-silent-after-fork=yes --log-file={box}/log.%p {os.path.abspath(options.axmake)} "$@"\n')
        os.chmod(wrapper, 0o755)
        os.symlink("axmake", os.path.join(box, "ax"))
        os.symlink(os.path.join(os.path.dirname(os.path.abspath(options.axmake)), "axmake-offline"), os.path.join(box, "axmake-offline"))
        p = subprocess.run([sys.executable, os.path.join(HERE, "cli", "run.py"), "--axmake", wrapper, *(options.cases or CASES)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        said = ""
        for path in sorted(glob.glob(os.path.join(box, "log.*"))):
            with open(path, encoding="utf-8", errors="replace") as f:
                said += f.read()
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
    for name in [n for n in names if n in UNIT_OUT and not options.programs]:
        print(f"left out: {name}: {UNIT_OUT[name]}")
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        todo = [n for n in names if n not in UNIT_OUT or options.programs]
        for name, (ok, text) in zip(todo, pool.map(lambda n: run_unit(options, n), todo)):
            failed, passed = failed + (not ok), passed + ok
            print(f"{'ok' if ok else 'FAILED':8}{name}" + ("" if ok else "\n" + text), flush=True)
    if not options.no_cases and not options.programs:
        status, text, said = run_cases(options)
        print(text + said, end="")
        failed, passed = failed + bool(status or said), passed + (not status and not said)
    print(f"{passed} passed, {failed} failed ({time.monotonic() - begin:.0f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
