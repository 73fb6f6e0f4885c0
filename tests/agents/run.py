#!/usr/bin/env python3
"""Runs the real agents' programs under axmake, against a server on 127.0.0.1 that stands in for their services. No account is needed.

    python3 tests/agents/run.py --axmake ./axmake [--all] [--store DIR] [--program NAME]... [--keep] [CASE...]

The programs come from npm, each at one version, into folders of DIR (build/agents beside this tree's Makefile). Without --all only the
smallest one is tried, in the shorter cases, and where it cannot be had all is skipped; with --all that is a failure. CASE is a part of a
name. At most two programs run at once, but for the cases about many. Exit status 1 when a case failed.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True
import harness  # noqa: E402
import programs  # noqa: E402
from cases import CASES  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
STORE = os.path.join(HERE, "..", "..", "build", "agents")
NODE_NEEDED = 20
MEMORY_MB_NEEDED = 2500


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def show(self, outcome, name, text="", seconds=0.0):
        self.passed += outcome == "ok"
        self.failed += outcome == "FAILED"
        self.skipped += outcome == "skipped"
        print(f"{outcome:8} {name}" + (f" ({seconds:.1f} s)" if outcome != "skipped" else f": {text}"), flush=True)
        if outcome == "FAILED":
            print("\n".join(f"         {line}" for line in text.strip().splitlines()), flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else ""))
        return 1 if self.failed else 0


def find_node():
    """(path, why not)"""
    node = shutil.which("node")
    if not node:
        return None, "node is not installed"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30).stdout.strip()
    found = re.match(r"v(\d+)\.", version)
    if not found or int(found[1]) < NODE_NEEDED:
        return None, f"node is {version}, and {NODE_NEEDED} is the least that these programs run on"
    return os.path.realpath(node), ""


def run_case(suite, program, fn, keep):
    name = f"{program.name}: {fn.__name__}"
    began = time.monotonic()
    c = None
    try:
        c = harness.Case(suite, program, fn.__name__)
        fn(c)
        outcome, text = "ok", ""
    except harness.Skipped as e:
        outcome, text = "skipped", str(e)
    except harness.Failed as e:
        outcome, text = "FAILED", f"{e}\n(its folder: {c.folder})" if keep else str(e)
    except Exception:  # a case that cannot even be judged has failed
        outcome, text = "FAILED", traceback.format_exc()
    finally:
        if c:
            c.close(keep and outcome == "FAILED")
    return outcome, name, text, time.monotonic() - began


def install_all(chosen, store, counts, all_wanted):
    there = []
    for p in chosen:
        try:
            programs.install(p, store)
            there.append(p)
        except programs.CannotInstall as e:
            counts.show("FAILED" if all_wanted else "skipped", f"{p.name} {p.version}", f"cannot be installed: {e}")
    return there


def run_all(suite, there, fns, counts, keep):
    for alone in (False, True):
        work = [(p, f) for f in fns for p in there if f.alone == alone]
        with concurrent.futures.ThreadPoolExecutor(1 if alone else 2) as pool:
            for done in pool.map(lambda w: run_case(suite, *w, keep), work):
                counts.show(*done)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake", default="./axmake")
    p.add_argument("--all", action="store_true")
    p.add_argument("--store", default=os.environ.get("AXMAKE_TEST_AGENTS") or os.path.abspath(STORE))
    p.add_argument("--program", action="append")
    p.add_argument("--keep", action="store_true", help="keep the folders of cases that failed")
    p.add_argument("cases", nargs="*")
    args = p.parse_args()
    # A shell's background job inherits SIGINT ignored, and axmake would keep it so: a handler here is the default there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    counts = Counts()
    wanted = args.program or ([q.name for q in programs.PROGRAMS] if args.all else [programs.SMALLEST])
    chosen = [q for q in programs.PROGRAMS if q.name in wanted]
    fns = [f for n, f in CASES.items() if (args.all or args.cases or f.short) and (not args.cases or any(part in n for part in args.cases))]
    node, why = find_node()
    if node and harness.free_memory_mb() < MEMORY_MB_NEEDED:
        node, why = None, f"less than {MEMORY_MB_NEEDED} MB of memory are free"
    if not node:
        counts.show("FAILED" if args.all else "skipped", "all", why)
        return counts.end()
    os.makedirs(args.store, exist_ok=True)
    there = install_all(chosen, os.path.abspath(args.store), counts, args.all)
    suite = harness.Suite(os.path.abspath(args.axmake), os.path.abspath(args.store), node, there)
    try:
        run_all(suite, there, fns, counts, args.keep)
    finally:
        suite.server.stop()
    return counts.end()


if __name__ == "__main__":
    sys.exit(main())
