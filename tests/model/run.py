#!/usr/bin/env python3
"""Checks the models of this folder with spin: all that can happen in them, and that each mutation which they name is found.

    python3 tests/model/run.py [--axmake ./axmake] [--all] [NAME...]

--all: larger models too. NAME is a part of a model's or mutation's name. Skipped, and said so, where spin or cc is missing.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT_S = 900
# model: sizes in the short form, sizes besides, mutations with the sizes that show them
MODELS = {
    "jobserver.pml": (["", "NO_KILL"], ["TOKENS=1", "TOKENS=3", "TOKENS=4"], {"LOSE": "", "TWICE": "", "NO_TOP_UP": "", "EAGER_TOP_UP": "", "NO_WATCH": "NO_KILL", "NO_HEIR": "NO_KILL"}),
    "waiting.pml": (["", "TOKENS=0"], ["TOKENS=1", "TOKENS=3", "TOKENS=4"], {"HOLD": "", "HOLD_SLOTS": "TOKENS=0", "KEEP_ASKING": "TOKENS=0", "KEEP_PLACE": ""}),
}


def check(model, defines):
    """(errors, states, text)"""
    with tempfile.TemporaryDirectory(prefix="axmake-model-") as folder:
        flags = ["-D" + d for d in defines if d]
        made = subprocess.run(["spin", *flags, "-a", os.path.join(HERE, model)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if made.returncode or "error" in made.stdout.lower():
            return None, 0, made.stdout
        subprocess.run(["cc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=4000", "-o", "pan", "pan.c"], cwd=folder, check=True)
        r = subprocess.run(["./pan", "-m100000", "-w20"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False)
        errors, states = re.search(r"errors: (\d+)", r.stdout), re.search(r"(\d+) states, stored", r.stdout)
        whole = errors and "Search not completed" not in r.stdout and "max search depth too small" not in r.stdout
        if errors and int(errors[1]):
            trail = subprocess.run(["spin", *flags, "-t", "-p", "-k", os.path.join(folder, model + ".trail"), os.path.join(HERE, model)], cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
            r.stdout += trail.stdout[-2000:]
        return (int(errors[1]) if errors and (whole or int(errors[1])) else None), int(states[1]) if states else 0, r.stdout


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake")
    p.add_argument("--all", action="store_true")
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    lacks = [w for w in ("spin", "cc") if not shutil.which(w)]
    if lacks:
        print(f"skipped  model: there is no {lacks[0]}\n0 passed, 0 failed, 1 skipped")
        return 0
    passed = failed = 0
    for model, (short, more, mutations) in MODELS.items():
        todo = [(s, None) for s in short + (more if args.all else [])] + [(s, m) for m, s in mutations.items()]
        for size, mutation in todo:
            name = " ".join(w for w in (model, size, mutation) if w)
            if args.names and not any(n in name for n in args.names):
                continue
            errors, states, text = check(model, [size, mutation or ""])
            good = errors is not None and (errors > 0) == (mutation is not None)
            print(f"{'ok' if good else 'FAILED':8}{name}: {states} states, " + ("not checked" if errors is None else f"{errors} errors" + (", as there should be" if mutation and good else "")))
            if not good:
                print(text[-4000:])
            passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
