#!/usr/bin/env python3
"""Stands in for an agent's program: writes down when it is asked and when it answers, and answers `NAME says: …`.

It is told by the file named in STANDIN what to do: {"log": FILE, "stages": [N, …], "hold": SECONDS, "fail": {AGENT: how often}}.
`stages`: the first N calls are expected to be under way at once; each waits for the others, so that one call at a time is seen as
such without a race. A call that waits in vain answers all the same."""

import fcntl
import json
import os
import sys
import time

WAIT_S = 10


def main():
    agent, name = sys.argv[1], sys.argv[2]
    plan = json.load(open(os.environ["STANDIN"]))
    log = open(plan["log"], "a+")

    def write(what):
        fcntl.flock(log, fcntl.LOCK_EX)
        log.seek(0)
        before = [l.split("\t") for l in log.read().splitlines()]
        log.write("\t".join([what, agent, name, str(os.getpid()), f"{time.monotonic():.6f}", " ".join(prompt.split())]) + "\n")
        log.flush()
        fcntl.flock(log, fcntl.LOCK_UN)
        return before

    def begun():
        log.seek(0)
        return sum(l.startswith("begin") for l in log.read().splitlines())

    prompt = sys.stdin.read()
    before = write("begin")
    mine, together = sum(l[0] == "begin" for l in before), 0
    for n in plan.get("stages", []):
        together += n
        if mine < together:
            break
    end = time.monotonic() + WAIT_S
    while begun() < together and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(plan.get("hold", 0.02))
    often = plan.get("fail", {}).get(agent, 0)
    fails = sum(l[0] == "begin" and l[1] == agent for l in before) < often
    write("end")
    if fails:
        print(f"{agent} cannot do that", file=sys.stderr)
        return 1
    print(f"{agent} says: {' '.join(prompt.split())[:200]}")
    return 0


sys.exit(main())
