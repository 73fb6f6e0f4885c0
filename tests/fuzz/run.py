#!/usr/bin/env python3
"""Each fuzz target with all inputs of its corpus, and with a few mutations of them: the short form of `make fuzz`, without a fuzzer.

    python3 tests/fuzz/run.py [--targets build/fuzz] [--seed N] [--mutations N] [TARGET...]

What fails prints its seed and where the input lies that did it.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import inputs

LIMIT_S = 300


def call(program, arguments, keep):
    """(exit status, what it said)"""
    try:
        p = subprocess.run([program, "-o", keep, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as e:
        return -1, (e.stdout or b"").decode(errors="replace") + f"\nit takes longer than {LIMIT_S} s\n"
    return p.returncode, p.stdout.decode(errors="replace")


class Suite:
    def __init__(self, options):
        self.options = options
        self.counts = {True: 0, False: 0}

    def said(self, name, ok, begin, text=""):
        self.counts[ok] += 1
        print(f"{'ok' if ok else 'FAILED':8}{name} ({time.monotonic() - begin:.1f} s)", *(f"    {line}" for line in text.splitlines()), sep="\n", flush=True)

    def run(self, target):
        program = os.path.join(self.options.targets, target)
        with tempfile.TemporaryDirectory(prefix="axmake-fuzz-") as box:
            cases, keep = os.path.join(box, "cases"), os.path.join(box, "input")
            os.mkdir(cases)
            inputs.gather(target, cases)
            paths = inputs.folders(target) + [cases]
            for name, arguments in ((f"{target}: corpus", []), (f"{target}: {self.options.mutations} mutations", ["-n", str(self.options.mutations), "-s", str(self.options.seed)])):
                begin = time.monotonic()
                status, text = call(program, arguments + paths, keep)
                if status:
                    kept = os.path.abspath(f"{program}.failed")
                    shutil.copyfile(keep, kept)
                    text += f"exit status {status}; the input is kept in {kept}; again by --seed {self.options.seed} {target}\n"
                self.said(name, not status, begin, text if status else "")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake", help="for all suites; not used")
    p.add_argument("--targets", default=os.path.join(inputs.HERE, "..", "..", "build", "fuzz"))
    p.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(40))
    p.add_argument("--mutations", type=int, default=4000)
    p.add_argument("names", nargs="*", metavar="TARGET")
    options = p.parse_args()
    print(f"seed {options.seed}")
    suite = Suite(options)
    for target in options.names or inputs.targets():
        suite.run(target)
    print(f"{suite.counts[True]} passed, {suite.counts[False]} failed")
    return 1 if suite.counts[False] else 0


if __name__ == "__main__":
    sys.exit(main())
