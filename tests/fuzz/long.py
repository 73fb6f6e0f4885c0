#!/usr/bin/env python3
"""Each fuzz target for a while under libFuzzer or AFL++, and a table of what that came to.

    python3 tests/fuzz/long.py --targets FOLDER --corpus FOLDER [--engine libfuzzer|afl] [--seconds N] [TARGET...]

The corpus grows from run to run. What breaks a target is kept as TARGET-crash-… beside the corpora, and ends that target; exit status 1.
"""

import argparse
import glob
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import inputs

STAT = re.compile(rb"^stat::(\w+):\s+(\d+)", re.MULTILINE)
COVERED = re.compile(rb" cov: (\d+) ft: (\d+) corp: (\d+)")
EDGES = re.compile(rb"\((\d+) inline 8-bit counters\)")


def libfuzzer(options, target, corpus, seeds):
    """(exit status, executions, edges covered, edges, inputs kept, output)"""
    program = os.path.abspath(os.path.join(options.targets, target))
    prefix = os.path.join(os.path.abspath(options.corpus), f"{target}-")
    flags = [f"-max_total_time={options.seconds}", "-timeout=30", "-rss_limit_mb=2048", f"-max_len={inputs.MOST}", "-print_final_stats=1", f"-artifact_prefix={prefix}"]
    p = subprocess.run([program, *flags, corpus, *seeds], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    stats = dict(STAT.findall(p.stdout))
    covered = (COVERED.findall(p.stdout) or [(0, 0, 0)])[-1]
    edges = EDGES.search(p.stdout)
    return p.returncode, int(stats.get(b"number_of_executed_units", 0)), int(covered[0]), int(edges.group(1)) if edges else 0, int(covered[2]), p.stdout


def afl(options, target, corpus, seeds):
    """The same."""
    program = os.path.abspath(os.path.join(options.targets, target))
    out = os.path.join(os.path.abspath(options.corpus), f"{target}-afl")
    env = dict(os.environ, AFL_SKIP_CPUFREQ="1", AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1", AFL_NO_UI="1", AFL_NO_AFFINITY="1",
               AFL_HANG_TMOUT="30000")  # ms: what takes longer is a finding, as in libFuzzer
    with tempfile.TemporaryDirectory() as begin:
        for folder in [corpus, *seeds]:
            for path in glob.glob(os.path.join(folder, "*")):
                shutil.copy(path, os.path.join(begin, os.path.basename(path)))
        shutil.rmtree(out, ignore_errors=True)
        p = subprocess.run(["afl-fuzz", "-V", str(options.seconds), "-i", begin, "-o", out, "--", program], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    said = {}
    if os.path.exists(os.path.join(out, "default", "fuzzer_stats")):
        with open(os.path.join(out, "default", "fuzzer_stats"), encoding="utf-8") as f:
            said = dict(re.split(r"\s*:\s*", line.strip(), maxsplit=1) for line in f)
    found = int(said.get("saved_crashes", 0)) + int(said.get("saved_hangs", 0))
    executed = int(said.get("execs_done", 0))
    return p.returncode or found or not executed, executed, int(said.get("edges_found", 0)), int(said.get("total_edges", 0)), int(said.get("corpus_count", 0)), p.stdout


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--engine", choices=("libfuzzer", "afl"), default="libfuzzer")
    p.add_argument("--targets", required=True)
    p.add_argument("--corpus", required=True)
    p.add_argument("--seconds", type=int, default=600)
    p.add_argument("names", nargs="*", metavar="TARGET")
    options = p.parse_args()
    failed = 0
    print("| target | seconds | of the processor | executions | edges reached | inputs kept |", "|---|---|---|---|---|---|", sep="\n", flush=True)
    for target in options.names or inputs.targets():
        corpus = os.path.join(options.corpus, target)
        os.makedirs(corpus, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="axmake-fuzz-") as cases:
            inputs.gather(target, cases)
            begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
            status, runs, covered, edges, kept, output = {"libfuzzer": libfuzzer, "afl": afl}[options.engine](options, target, os.path.abspath(corpus), [*inputs.folders(target), cases])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"| {target} | {time.monotonic() - begin:.0f} | {used:.0f} | {runs} | {covered} of {edges} | {kept} |", flush=True)
        if status:
            failed += 1
            sys.stdout.write(output[-6000:].decode(errors="replace"))
    print(f"{failed} targets failed" if failed else "no target failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
