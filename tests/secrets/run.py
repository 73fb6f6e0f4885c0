#!/usr/bin/env python3
"""No file that axmake writes holds a secret's value, but for results, outputs and the cache: whatever is asked of it, and after it was killed.

    python3 tests/secrets/run.py [--axmake ./axmake] [--kills N] [--seed N]

Everything that prints, writes or fails has the values in hand; then every file below the root, the home and the folders for temporary files and limits is looked through.
A run is killed at random moments, and the next one has to take away what the killed one could not.
"""

import argparse
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
VALUES = {"MY_API_KEY": "wholly-secret-value", "DB_PASSWORD": 'pass"word\\with/all', "X_TOKEN": "täglich-neues-tökn", "DEPLOY_SECRET": "s" * 40}
AGENT = """#!/bin/sh
cat
env
env >&2
printf 'begun wholly-'
sleep 0.05
echo secret-value
printf '{"title": "%s"}\\n' "$DEPLOY_SECRET"
case $1 in fails) exit 3 ;; hangs) sleep 5 ;; esac
test "$1" != writes || env >made.txt
"""
RULES = """[axmake]
notify = sh -c "echo $AX_SUMMARY"
[provider p]
command = sh agent.sh ${name}
error = stderr-json:/none
[provider q]
command = sh agent.sh fails ${agent}
[agent a]
provider = p
role = You know ${env.MY_API_KEY}
[agent b]
provider = q
"""
WORKFLOW = """vars: {plain: word}
tasks:
  - {name: asks, agent: a, task: "With ${env.MY_API_KEY} and ${env.DB_PASSWORD}", env: {AUTH: "Bearer ${env.X_TOKEN}"}}
  - {name: writes, agent: a, task: "${env.DEPLOY_SECRET}", outputs: [made.txt]}
  - {name: fails, agent: b, task: "${env.MY_API_KEY}", optional: true, retry: {attempts: 2, delay: 10ms}}
  - {name: script, run: "env; echo $X; env >&2", env: {X: "${env.X_TOKEN} ${asks}"}, dependencies: [asks]}
  - {name: broken, run: "echo \\"$MY_API_KEY\\"; exit 4", optional: true}
  - {name: checked, run: "true", check: "env; false", optional: true}
  - {name: apart, isolate: copy, run: "env >apart.txt; env", outputs: [apart.txt]}
  - {name: cond, when: '"${env.MY_API_KEY}" == "x"', run: "true"}
  - {name: held, approve: "for ${env.MY_API_KEY}", run: "true"}
  - {name: asked, approve: "${env.X_TOKEN}?", agent: a, task: "With ${env.DEPLOY_SECRET} and ${env.DB_PASSWORD}"}
"""
# Results, outputs, and copies of these.
ALLOWED = re.compile(r"^root/(\.axmake/(results/|cache/|tasks/[^/]+/(edited|dropped)/|tasks/[^/]+/result$|tasks/[^/]+/delegates/\d+/result$)|made\.txt$|apart\.txt$)")


class Place:
    def __init__(self, axmake):
        self.axmake = axmake
        self.top = os.path.realpath(tempfile.mkdtemp(prefix="axmake-secrets-"))
        for name in ("root", "home", "tmp", "limits"):
            os.mkdir(self.path(name), 0o700)
        for name, text in {"agent.sh": AGENT, "axmake.ini": RULES, "workflow.ax.yaml": WORKFLOW}.items():
            with open(self.path("root", name), "w", encoding="utf-8") as f:
                f.write(text)

    def path(self, *parts):
        return os.path.join(self.top, *parts)

    def env(self):
        env = {"PATH": os.path.dirname(self.axmake) + ":" + os.environ["PATH"], "HOME": self.path("home"), "TMPDIR": self.path("tmp"), "XDG_RUNTIME_DIR": self.path("limits"), "LC_ALL": "C.UTF-8"}
        env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        return {**env, **VALUES}

    def start(self, *words, **kw):
        return subprocess.Popen([self.axmake, *words], cwd=self.path("root"), env=self.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **kw)

    def call(self, *words):
        return self.start(*words).communicate(timeout=60)[0].decode(errors="replace")

    def holders(self):
        found = []
        for at, _, files in os.walk(self.top):
            for name in files:
                path = os.path.join(at, name)
                short = os.path.relpath(path, self.top)
                if ALLOWED.match(short) or os.path.islink(path):
                    continue
                try:
                    with open(path, "rb") as f:
                        text = f.read()
                except OSError:
                    continue
                found += [f"{short} holds {n}" for n, v in VALUES.items() if v.encode() in text]
        return found

    def close(self):
        shutil.rmtree(self.top, ignore_errors=True)


def spoken(text):
    return [f"{n} is shown" for n, v in VALUES.items() if v in text]


# What they all write: the runs' files, and those that are asked for.
def case_nothing_that_is_written_or_shown_holds_a_value(p, args):
    reports = [w for e in ("html", "json", "xml", "md") for w in ("--report", "r." + e)]
    yield from spoken(p.call("-k", "-j4", "--events", "events.jsonl", "--trace-file", "trace.json", *reports))
    yield from p.holders()
    for words in (["--explain"], ["-p"], ["-d", "-n"], ["--graph=json"], ["--graph=dot"], ["--graph=mermaid"], ["--list=json"], ["--status=json"], ["--status"], ["--log", "asks"], ["--log", "script"], ["--log", "fails"],
                  ["--doctor"], ["--validate"], ["--trace", "-k", "-B", "script", "broken"], ["--reject", "asks=for " + VALUES["MY_API_KEY"]], ["--approve", "held"], ["--approve", "asked"], ["-Onone", "-k"], ["--cache-stats"]):
        yield from (f"{words[0]}: {w}" for w in spoken(p.call(*words)))
    yield from p.holders()


# A kill leaves what the next run takes away.
def case_a_killed_run_leaves_none_to_the_next(p, args):
    rng = random.Random(args.seed)
    for n in range(args.kills):
        began = time.time()
        r = p.start("-k", "-j4", "-B", "--events", "events.jsonl")
        time.sleep(rng.random() * 0.5)
        r.send_signal(signal.SIGKILL)
        r.communicate()
        p.call("-k", "-j4")
        found = p.holders()
        if found:
            yield from (f"after kill {n} ({time.time() - began:.2f} s): {w}" for w in found)
            return


# Not even its own memory.
class Skipped(Exception):
    pass


def case_a_crash_leaves_no_core_and_tasks_keep_their_limit(p, args):
    def as_large_as_may_be():
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    with open(args.axmake, "rb") as f:
        if b"__asan_init" in f.read():
            raise Skipped("a sanitizer has its own way with core dumps")
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    with open(p.path("root", "w.yaml"), "w", encoding="utf-8") as f:
        f.write('tasks: [{name: t, run: "ulimit -c >limit; sleep 20"}]\n')
    for name in ("ABRT", "SEGV"):
        r = p.start("-f", "w.yaml", "-B", preexec_fn=as_large_as_may_be)
        limit = p.path("root", "limit")
        for _ in range(500):
            if os.path.exists(limit) and os.path.getsize(limit):
                break
            time.sleep(0.01)
        r.send_signal(getattr(signal, "SIG" + name))
        r.communicate(timeout=30)
        if r.returncode != -getattr(signal, "SIG" + name):
            yield f"SIG{name} ended it with {r.returncode}"
        with open(limit, encoding="ascii") as f:
            seen = f.read().strip()
        wanted = "unlimited" if hard == resource.RLIM_INFINITY else str(hard // 512)
        if seen != wanted:
            yield f"a task's limit on core dumps is {seen}, and was {wanted}"
        os.unlink(limit)
        yield from (f"there is {n}" for n in os.listdir(p.path("root")) if n.startswith("core"))
        with open(f"/proc/{os.getpid()}/limits", encoding="ascii"):
            pass
    yield from p.holders()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--axmake", default=os.path.join(os.path.dirname(__file__), "../../axmake"))
    a.add_argument("--kills", type=int, default=8)
    a.add_argument("--seed", type=int, default=int(time.time()))
    args = a.parse_args()
    passed = failed = skipped = 0
    for name, case in [(n[5:], f) for n, f in globals().items() if n.startswith("case_")]:
        place = Place(os.path.abspath(args.axmake))
        try:
            wrong = sorted(set(case(place, args)))
        except Skipped as e:
            skipped += 1
            print("skipped ", f"{name}: {e}", flush=True)
            continue
        finally:
            place.close()
        passed, failed = passed + (not wrong), failed + bool(wrong)
        print("FAILED  " if wrong else "ok      ", name, *(f"\n    {w}" for w in wrong), flush=True)
    print(f"seed {args.seed}\n{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
