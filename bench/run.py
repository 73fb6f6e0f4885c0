#!/usr/bin/env python3
"""axmake beside ninja, samurai, make and the least that each thing can cost: one session, interleaved rounds, medians; a table in Markdown and a plot.

Every tool builds the same files: task i copies one small file, and waits for others by the shape of the graph. Times are whole processes, memory is the
tool's own peak. A ratio in brackets is axmake's figure divided by that one. What is not there (samurai: --samu PATH, or SAMU=PATH) is left out, and said.

The whole takes 20 to 40 minutes with two processors, and some 6 GB in --folder; --quick the same rows with small graphs, in under a minute. No row begins
after --minutes. It writes table.md, plot.svg and results.json into --out, and the table on the terminal; how it goes on is told on standard error.
"""
import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import builds  # noqa: E402
import files  # noqa: E402
import makespan  # noqa: E402
import plot  # noqa: E402
import screen  # noqa: E402
import starts  # noqa: E402
import watch  # noqa: E402
from measured import Bench, Failed  # noqa: E402
from rows import markdown  # noqa: E402

GROUPS = ("cold", "first", "noop", "edit", "memory", "growth", "makespan", "hash", "cache", "agents", "watch", "screen")
BUILDS = {"first", "noop", "edit", "memory", "growth"}
STEPS = (({"cold"}, starts.cold_row), ({"agents"}, starts.agent_rows), ({"hash"}, files.hash_rows), ({"cache"}, files.cache_rows), ({"watch"}, watch.rows), ({"screen"}, screen.screen_row), ({"makespan"}, makespan.rows), (BUILDS, builds.sizes))
FULL = dict(sizes="10000,100000", rounds=5, first=3, many=201, graphs=200, seconds=2.0, idle=10, minutes=60)
QUICK = dict(sizes="200,2000", rounds=3, first=1, many=31, graphs=8, seconds=0.8, idle=2, minutes=5)


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake", default=os.path.join(HERE, "../axmake"), help="the program; ax and axmake-offline stand beside it")
    p.add_argument("--programs", default=os.path.join(HERE, "../build/bench"), help="where the bench's own programs were built")
    p.add_argument("--samu", default=os.environ.get("SAMU") or shutil.which("samu"), help="samurai's program")
    p.add_argument("--tools", default="ninja,samurai,make", help="which to compare with, where they are there")
    p.add_argument("--rows", default=",".join(GROUPS), help="of " + ", ".join(GROUPS))
    p.add_argument("--shapes", default="layered,wide,chain,random")
    p.add_argument("--sizes", help="two numbers of tasks: goals of small, and of large graphs (%s; quick: %s)" % (FULL["sizes"], QUICK["sizes"]))
    p.add_argument("--rounds", type=int, help="of most rows (%d; quick: %d)" % (FULL["rounds"], QUICK["rounds"]))
    p.add_argument("--first", type=int, help="rounds of first runs (%d; quick: %d; 0: none is measured)" % (FULL["first"], QUICK["first"]))
    p.add_argument("--many", type=int, help="rounds of what takes a millisecond (%d; quick: %d)" % (FULL["many"], QUICK["many"]))
    p.add_argument("--graphs", type=int, help="of the makespan (%d; quick: %d)" % (FULL["graphs"], QUICK["graphs"]))
    p.add_argument("--seconds", type=float, help="which such a graph takes at the least (%g; quick: %g)" % (FULL["seconds"], QUICK["seconds"]))
    p.add_argument("--at-once", type=int, default=8, help="so many of them at the same time (%(default)s)")
    p.add_argument("--idle", type=int, help="seconds in which --watch is to do nothing (%d; quick: %d)" % (FULL["idle"], QUICK["idle"]))
    p.add_argument("--minutes", type=float, help="after which no row begins any more (%g; quick: %g)" % (FULL["minutes"], QUICK["minutes"]))
    p.add_argument("-j", "--jobs", type=int, default=2, help="of builds (%(default)s)")
    p.add_argument("--million", action="store_true", help="a graph of 1 000 000 tasks, too, for axmake alone: half an hour and 20 GB more; with --first 0 some minutes, since its outputs are then noted, not made")
    p.add_argument("--quick", action="store_true", help="small graphs, few rounds")
    p.add_argument("--folder", help="where to work: the file system that is measured (TMPDIR)")
    p.add_argument("--out", default=os.path.join(HERE, "../build/bench"), help="where the table and the plot go")
    a = p.parse_args()
    a.out = os.path.abspath(a.out)  # the rows are made elsewhere
    for name, value in (QUICK if a.quick else FULL).items():
        if getattr(a, name) is None:
            setattr(a, name, value)
    a.wanted, a.shapes = set(a.rows.split(",")), a.shapes.split(",")
    sizes = sorted(int(n) for n in a.sizes.split(","))
    a.middle, a.large = sizes[0], sizes[-1]
    unknown = a.wanted - set(GROUPS)
    if unknown:
        p.error(f"no row '{sorted(unknown)[0]}'; there are {', '.join(GROUPS)}")
    return a


def machine(b):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = int(open("/proc/meminfo").readline().split()[1]) / 1048576
    system = subprocess.run(["stat", "-f", "-c", "%T", b.folder], capture_output=True, text=True).stdout.strip()
    tools = ", ".join(f"{name} {b.version(name)}" for name in b.tools)
    page = subprocess.run([b.least, "pages"], capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0]
    busy = ", so others were at work: the times are not worth much" if load > os.cpu_count() / 2 else ""
    return f"{model}, {os.cpu_count()} processors, {memory:.0f} GiB, Linux {platform.release()}, {system}; a page after rest {page} µs; {tools}; load {load:.1f} at the beginning{busy}"


def report(b, about):
    """Writes what there is; the table's text."""
    tools = [name for name in ("axmake", "ninja", "samurai", "make") if name in b.tools]
    parts = [about, markdown(b.rows, tools), builds.growth_table(b)]
    parts += ["Not measured: " + "; ".join(f"{what} ({why})" for what, why in b.left_out)] if b.left_out else []
    text = "\n\n".join(part for part in parts if part) + "\n"
    os.makedirs(b.args.out, exist_ok=True)
    for name, content in (("table.md", text), ("plot.svg", plot.draw(b.rows, builds.growth(b)))):
        with open(os.path.join(b.args.out, name), "w") as f:
            f.write(content)
    with open(os.path.join(b.args.out, "results.json"), "w") as f:
        json.dump({"about": about, "command": sys.argv, "rows": [r.data() for r in b.rows], "growth": builds.growth(b), "makespans": b.makespans, "left_out": b.left_out}, f, indent=1)
    return text


def main():
    args = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    b = Bench(args)
    about = f"{'Quick: small graphs, for which the goals were not made. ' if args.quick else ''}{time.strftime('%Y-%m-%d')}. {machine(b)}."
    status = 0
    try:
        b.say(about)
        for name in filter(None, args.tools.split(",")):
            if name not in b.tools:
                b.leave_out(name, "it is not there" + (": --samu PATH" if name == "samurai" else ""))
        for groups, step in STEPS:
            if not groups & args.wanted:
                continue
            if b.late():
                b.leave_out(", ".join(sorted(groups & args.wanted)), "out of time")
                continue
            try:
                step(b)
            except KeyboardInterrupt:
                b.leave_out("the rest", "interrupted")
                status = 130
                break
            except Exception as e:  # what was measured before is not lost by it
                if not isinstance(e, Failed):
                    traceback.print_exc()
                b.leave_out(", ".join(sorted(groups & args.wanted)), str(e) or type(e).__name__)
                status = 1
        print(report(b, about))
        b.say(f"table: {os.path.relpath(args.out)}/table.md, plot: {os.path.relpath(args.out)}/plot.svg")
    finally:
        os.chdir("/")
        b.close()
    return status


if __name__ == "__main__":
    sys.exit(main())
