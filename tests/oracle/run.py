#!/usr/bin/env python3
"""The oracle: random workflows and random histories; each run of axmake is compared with what a small reference says has to run.

    run.py [--axmake PATH] [--only runs|watch|sliced] [--steps N | --rounds N] [--seed S] [-j N]

A step is one action of a history: a change, a run, a kill. Rounds, each a history of its own, are played until there are so many of them; then a fifth as many
steps of histories under a watch (watched.py), and half as many in two folders at once (sliced.py). A round that fails prints its seed and a shell script that does the same. Repeat it with the words that it prints; under
a watch, what happens at which moment may differ.
"""

import argparse
import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True

from history import History  # noqa: E402
from reference import Answers, Mismatch  # noqa: E402
from sliced import Sliced  # noqa: E402
from watched import Watched  # noqa: E402
from workflow import MODEL_AGENT  # noqa: E402

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KINDS = {"runs": History, "watch": Watched, "sliced": Sliced}
SCRIPT = """export HOME=$(mktemp -d) LC_ALL=C.UTF-8; {cache}export PATH="$HOME:$PATH"
cat > "$HOME/model-agent" <<'END'
{agent}END
chmod +x "$HOME/model-agent"; mkdir -p "$HOME/root/out"; cd "$HOME/root"
look() {{ sort "$HOME/ran"; : > "$HOME/ran"; }}
: > "$HOME/ran"
{steps}"""


def script(history):
    return SCRIPT.format(cache="" if history.env.get("AXMAKEFLAGS") is None else "export AXMAKEFLAGS=--no-cache; ", agent=MODEL_AGENT, steps="\n".join(history.steps))


def start_worker(axmake):
    global answers  # what was asked before need not be asked again
    answers = Answers(axmake)


def one_round(kind, axmake, seed):
    """(seed, what went wrong or nothing, how many steps, how many runs)"""
    history, fault = KINDS[kind](axmake, answers, seed), ""
    try:
        history.play()
    except Mismatch as e:
        fault = str(e)
    except subprocess.TimeoutExpired as e:
        fault = f"it did not end: {e}"
    except Exception:  # a round that cannot be judged has failed
        fault = traceback.format_exc()
    finally:
        shutil.rmtree(history.box, ignore_errors=True)
    fault = fault and f"{fault}\n--- the history as a script, axmake on the PATH:\n{script(history)}"
    return seed, fault, history.n_steps, history.runs


def play(options, kind, most, pool):
    """(rounds, failed, steps, runs)"""
    axmake, seed, pending, done = os.path.abspath(options.axmake), options.seed, set(), [0, 0, 0, 0]
    more = lambda: done[1] < 20 and (seed - options.seed < options.rounds if options.rounds else done[2] < most)
    while pending or more():
        while more() and len(pending) < options.jobs:
            pending.add(pool.submit(one_round, kind, axmake, seed))
            seed += 1
        ready, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
        for at, fault, steps, runs in (f.result() for f in ready):
            done = [a + b for a, b in zip(done, (1, bool(fault), steps, runs))]
            if fault:
                print(f"FAILED  --only {kind} --rounds 1 --seed {at}", fault, sep="\n", flush=True)
    return done


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake", default=os.path.join(TREE, "axmake"))
    p.add_argument("--only", choices=KINDS)
    p.add_argument("--steps", type=int, default=300)
    p.add_argument("--rounds", type=int)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    options = p.parse_args()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it to what it starts with `&`: axmake would inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "TMPDIR" not in os.environ and os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"
    passed, bad = 0, 0
    print(f"from --seed {options.seed}", flush=True)
    for kind, most in (("runs", options.steps), ("watch", options.steps // 5), ("sliced", options.steps // 2)):
        if options.only not in (None, kind):
            continue
        begin = time.monotonic()
        with concurrent.futures.ProcessPoolExecutor(options.jobs, initializer=start_worker, initargs=(os.path.abspath(options.axmake),)) as pool:
            rounds, failed, steps, runs = play(options, kind, most, pool)
        print(f"{kind}: {steps} steps, {runs} runs, seeds {options.seed} to {options.seed + rounds - 1}, {time.monotonic() - begin:.1f} s", flush=True)
        passed, bad = passed + rounds - failed, bad + failed
    print(f"{passed} passed, {bad} failed")
    return 1 if bad or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
