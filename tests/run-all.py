#!/usr/bin/env python3
"""Runs the test suites one after another: what failed is shown in full, what passed in a line. The last line sums them all.

    python3 tests/run-all.py [--axmake ./axmake] [--build build] [--seed N] [SUITE...]

SUITE is `unit` or a folder of tests/ with a run.py, which is called with --axmake and prints `N passed, N failed` as its last line.
Suites of random rounds get a seed of the sources': the same tree plays the same rounds, another tree others. Called by itself, or with
more rounds by its long form, such a suite has a new seed each time.
Exit status 1 when anything failed.
"""

import argparse
import concurrent.futures
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ORDER = ("unit", "project", "fuzz", "cost", "cli", "watch", "jobserver", "model", "examples", "executors", "readme", "guide", "terminal", "completions", "integrations", "package", "browser", "http", "agents", "slurm", "crash", "faults", "secrets", "paths", "answers", "sandbox", "load", "oracle")
SEEDED = ("fuzz", "crash", "faults", "secrets", "paths", "answers", "sandbox", "oracle")
UNIT_LIMIT_S, SUITE_LIMIT_S = 300, 1800
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?", re.MULTILINE)
CMOCKA = re.compile(r"^\[  (PASSED|FAILED)  \](?: \w+:)? (\d+) test\(s\)", re.MULTILINE)


def environment():
    """Without an outer make's flags, variables and jobserver: the suites start makes of their own."""
    drop = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKE_TERMOUT", "MAKE_TERMERR", "CC", "CFLAGS", "B", "OUT", "SUITES", "GITHUB_ACTIONS")
    return {k: v for k, v in os.environ.items() if k not in drop and (k == "AXMAKE_GUIDE" or not k.startswith("AXMAKE"))}


def call(command, limit_s):
    """(exit status, output). The output goes to a file, so that a process left behind cannot hold us up; what hangs is ended and has failed."""
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment(), start_new_session=True)
        late = ""
        try:
            status = p.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
            status, late = 1, f"\nended: it took longer than {limit_s} s\n"
        except KeyboardInterrupt:
            os.killpg(p.pid, signal.SIGTERM)
            raise
        out.seek(0)
        return status, out.read().decode(errors="replace") + late


def run_program(path):
    """One cmocka program: (passed, failed, output). One that ends without its summary has failed as a whole."""
    status, text = call([path], UNIT_LIMIT_S)
    counts = {"PASSED": 0, "FAILED": 0}
    for how, n in CMOCKA.findall(text):
        counts[how] += int(n)
    if (status and not counts["FAILED"]) or not sum(counts.values()):
        counts["FAILED"] += 1
        text += f"\n{path}: exit status {status}\n"
    return counts["PASSED"], counts["FAILED"], text


def seed_of_tree():
    """A CRC-32 over the names and contents of src, rules and tests: a failure that comes by a seed comes again in the same tree."""
    seed = 0
    for top in ("src", "rules", "tests"):
        for at, folders, files in os.walk(os.path.join(os.path.dirname(HERE), top)):
            folders[:] = sorted(f for f in folders if f != "__pycache__")
            for name in sorted(files):
                path = os.path.join(at, name)
                seed = zlib.crc32(os.path.relpath(path, HERE).encode(errors="surrogateescape"), seed)
                if os.path.isfile(path):
                    with open(path, "rb") as f:
                        seed = zlib.crc32(f.read(), seed)
    return seed


def run_unit(options):
    programs = [os.path.join(options.build, "unit", os.path.basename(c)[:-2]) for c in sorted(glob.glob(os.path.join(HERE, "unit", "test_*.c")))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(run_program, programs))
    return sum(r[0] for r in results), sum(r[1] for r in results), 0, "".join(r[2] for r in results if r[1])


def run_suite(name, options):
    """(passed, failed, skipped, output)"""
    command = [sys.executable, os.path.join(HERE, name, "run.py"), "--axmake", options.axmake]
    if name == "jobserver":
        command += ["--tools", os.path.join(options.build, "jobserver")]
    if name == "fuzz":
        command += ["--targets", os.path.join(options.build, "fuzz")]
    if name in SEEDED:
        command += ["--seed", str(options.seed)]
    status, text = call(command, SUITE_LIMIT_S)
    sums = SUMMARY.findall(text)
    passed, failed, skipped = (int(n or 0) for n in sums[-1]) if sums else (0, 0, 0)
    if not passed + failed + skipped or (status and not failed):
        failed += 1
        text += f"\n{name}: exit status {status}, and no failure counted\n"
    return passed, failed, skipped, text


def suites(wanted):
    there = ["unit"] + [os.path.basename(os.path.dirname(p)) for p in glob.glob(os.path.join(HERE, "*", "run.py"))]
    there.sort(key=lambda s: (ORDER.index(s) if s in ORDER else len(ORDER), s))
    unknown = [s for s in wanted if s not in there]
    if unknown:
        sys.exit(f"run-all.py: no suite '{unknown[0]}'; there are {', '.join(there)}")
    return [s for s in there if not wanted or s in wanted]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake", default="./axmake")
    p.add_argument("--build", default="build")
    p.add_argument("--seed", type=int, default=None, help="of the suites of random rounds, in place of the sources'")
    p.add_argument("suites", nargs="*")
    options = p.parse_args()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it to what it starts with `&`: tests of Ctrl-C would inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    options.axmake = os.path.abspath(options.axmake)
    if options.seed is None:
        options.seed = seed_of_tree()
    print(f"random rounds by --seed {options.seed}", flush=True)
    total = [0, 0]
    for name in suites(options.suites):
        begin = time.monotonic()
        passed, failed, skipped, text = run_unit(options) if name == "unit" else run_suite(name, options)
        total[0] += passed
        total[1] += failed
        if failed:
            print(text.rstrip())
        elif skipped:
            print("".join(line + "\n" for line in text.splitlines() if line.startswith("skipped")), end="")
        print(f"{name}: {passed} passed, {failed} failed{f', {skipped} skipped' if skipped else ''} ({time.monotonic() - begin:.1f} s)", flush=True)
    print(f"{total[0]} passed, {total[1]} failed")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
