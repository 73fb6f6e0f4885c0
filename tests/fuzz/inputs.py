"""What the targets are called with: seeds/TARGET, written by hand; found/TARGET, what once broke something; and files out of the command line's golden cases."""

import glob
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = os.path.join(os.path.dirname(HERE), "cli")
FILE = re.compile(r"^--- file (\S+)([^\n]*)\n(.*?)(?=^--- |\Z)", re.MULTILINE | re.DOTALL)
OF_CASES = {"workflow": (".yaml",), "rules": (".ini",), "config": (".config.json",)}  # of one case, with form feeds between
MOST = 4096


def targets():
    return sorted(os.path.basename(p)[5:-2] for p in glob.glob(os.path.join(HERE, "fuzz_*.c")))


def folders(target):
    return [p for p in (os.path.join(HERE, kind, target) for kind in ("seeds", "found")) if os.path.isdir(p)]


def gather(target, to):
    """Writes what golden cases have for the target into a folder; how many files."""
    n = 0
    for case in sorted(glob.glob(os.path.join(CASES, "*.case"))) if target in OF_CASES else ():
        with open(case, encoding="utf-8", errors="surrogateescape") as f:
            files = [text for name, _, text in FILE.findall(f.read()) if name.endswith(OF_CASES[target])]
        data = "\f".join(files[:3]).encode("utf-8", "surrogateescape")
        if files and len(data) <= MOST:
            with open(os.path.join(to, os.path.basename(case)[:-5]), "wb") as f:
                f.write(data)
            n += 1
    return n
