#!/usr/bin/env python3
"""Which tasks hang on these files? By `axmake --graph=json`, which runs nothing.

    axmake --graph=json | affected.py [--names] FILE...

A line a task, with why: it reads the file, it makes it, or what it needs does. --names: the names alone, as targets of another call:
axmake -k $(axmake --graph=json | affected.py --names $(git diff --name-only main)). Exit status 1: none does.
"""

import argparse
import json
import os
import sys


def below(path, declared):
    """Is it the declared path, or in the tree that this is?"""
    return path == declared or (declared.endswith("/") and path.startswith(declared))


def direct(task, path):
    """Why the task itself has to do with the file; None: it has not."""
    if path in task["input_files"]:
        return f"reads {path}"
    if path == task["task_file"]:
        return f"its prompt is {path}"
    if any(below(path, edited) for edited in task["edits"]):
        return f"edits {path}"
    if any(below(path, made) for made in task["outputs"]):
        return f"makes {path}"
    return None


def affected(graph, paths):
    """{task: why}, those next to the files first."""
    why = {}
    for task in graph["tasks"]:
        reasons = [r for r in (direct(task, p) for p in paths) if r]
        if reasons:
            why[task["name"]] = reasons[0]
    queue = list(why)
    for name in queue:  # grows
        for edge in graph["edges"]:
            if edge["from"] == name and edge["counts"] and edge["to"] not in why:
                why[edge["to"]] = f"needs {name}"
                queue.append(edge["to"])
    return why


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--names", action="store_true", help="print the names alone")
    p.add_argument("files", nargs="+", metavar="FILE")
    options = p.parse_args()
    why = affected(json.load(sys.stdin), [os.path.normpath(f) for f in options.files])
    width = max(map(len, why), default=0)
    for name, reason in why.items():
        print(name if options.names else f"{name:{width}}  {reason}")
    return 0 if why else 1


if __name__ == "__main__":
    sys.exit(main())
