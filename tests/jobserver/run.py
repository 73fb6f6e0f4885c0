#!/usr/bin/env python3
"""The jobserver's conformance suite: each case runs the real axmake, as a client under a parent that counts tokens byte by byte, or as the server.

    python3 tests/jobserver/run.py --axmake ./axmake --tools build/jobserver [--trials N] [--jobs N] [CASE...]

--tools holds peer and client, which `make` builds from the C files here. CASE is a part of a name. Exit status 1 when a case failed.
"""

import argparse
import concurrent.futures
import os
import signal
import sys
import time
import traceback

sys.dont_write_bytecode = True
import cases_client  # noqa: E402
import cases_server  # noqa: E402
import cases_world  # noqa: E402
from harness import Case, Failed, Late, Skipped, Suite  # noqa: E402


TRIES = 5


def try_case(suite, name, fn):
    for left in reversed(range(TRIES)):
        try:
            return fn(Case(suite, f"{name}.{TRIES - left}"))
        except Late:
            if not left:
                raise


def run_case(suite, name, fn):
    began = time.monotonic()
    try:
        try_case(suite, name, fn)
        outcome, text = "ok", ""
    except Skipped as e:
        outcome, text = "skipped", str(e)
    except Failed as e:
        outcome, text = "FAILED", str(e)
    except Exception:  # a case that cannot even be judged has failed
        outcome, text = "FAILED", traceback.format_exc()
    return name, outcome, text, time.monotonic() - began


def show(name, outcome, text, seconds):
    print(f"{outcome:8} {name} ({seconds:.1f} s)")
    for line in text.strip().splitlines():
        print(f"         {line}")
    sys.stdout.flush()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--axmake", default="./axmake")
    p.add_argument("--tools", default="build/jobserver")
    p.add_argument("--trials", type=int, default=12, help="signals at random moments, each kind")
    p.add_argument("--jobs", type=int, default=2, help="cases at once")
    p.add_argument("--long", action="store_true", help="64 axmakes at once, 100000 takes under kills")
    p.add_argument("--list", action="store_true")
    p.add_argument("cases", nargs="*")
    args = p.parse_args()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it to what it starts with `&`
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    cases = dict(sorted({**cases_client.CASES, **cases_server.CASES, **cases_world.CASES}.items()))
    chosen = {n: f for n, f in cases.items() if not args.cases or any(part in n for part in args.cases)}
    if args.list:
        print("\n".join(chosen))
        return 0
    for program in (args.axmake, os.path.join(args.tools, "peer"), os.path.join(args.tools, "client")):
        if not os.access(program, os.X_OK):
            print(f"run.py: {program} is not there: build it first", file=sys.stderr)
            return 2
    suite = Suite(args.axmake, os.path.join(args.tools, "peer"), os.path.join(args.tools, "client"))
    suite.trials, suite.long = args.trials, args.long
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    try:
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for done in pool.map(lambda item: run_case(suite, *item), chosen.items()):
                show(*done)
                counts[done[1]] += 1
    finally:
        suite.close()
    print(f"{counts['ok']} passed, {counts['FAILED']} failed" + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 1 if counts["FAILED"] or not counts["ok"] else 0


sys.exit(main())
