#!/usr/bin/env python3
"""A model check: random workflows and random histories; each run of axmake is compared with what a small reference says has to run.

    run.py [--axmake PATH] [--rounds N] [--seed S]

A round that fails prints its seed and a shell script that does the same. Repeat it with `--rounds 1 --seed SEED`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True

from history import History  # noqa: E402
from reference import Answers, Mismatch  # noqa: E402
from workflow import MODEL_AGENT  # noqa: E402

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = """export HOME=$(mktemp -d) LC_ALL=C.UTF-8; {cache}export PATH="$HOME:$PATH"
cat > "$HOME/model-agent" <<'END'
{agent}END
chmod +x "$HOME/model-agent"; mkdir -p "$HOME/root/out"; cd "$HOME/root"
look() {{ sort "$HOME/ran"; : > "$HOME/ran"; }}
: > "$HOME/ran"
{steps}"""


def script(history):
    return SCRIPT.format(cache="" if history.cached else "export AXMAKEFLAGS=--no-cache; ", agent=MODEL_AGENT, steps="\n".join(history.steps))


def one_round(axmake, answers, seed):
    """(what went wrong or nothing, how many runs)"""
    history, fault = History(axmake, answers, seed), ""
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
    return fault and f"{fault}\n--- the history as a script, axmake on the PATH:\n{script(history)}", history.runs


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake", default=os.path.join(TREE, "axmake"))
    p.add_argument("--rounds", type=int, default=12)
    p.add_argument("--seed", type=int, default=int(time.time()))
    options = p.parse_args()
    axmake = os.path.abspath(options.axmake)
    answers, failed, runs = Answers(axmake), 0, 0
    print(f"seeds {options.seed} to {options.seed + options.rounds - 1}", flush=True)
    for seed in range(options.seed, options.seed + options.rounds):
        fault, n = one_round(axmake, answers, seed)
        runs += n
        if fault:
            failed += 1
            print(f"FAILED  --rounds 1 --seed {seed}", fault, sep="\n", flush=True)
    print(f"{runs} runs")
    print(f"{options.rounds - failed} passed, {failed} failed")
    return 1 if failed or not options.rounds else 0


if __name__ == "__main__":
    sys.exit(main())
