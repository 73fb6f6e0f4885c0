#!/usr/bin/env python3
"""--watch: what starts a round, what does not, and how it ends.

    python3 tests/watch/run.py [--axmake ./axmake] [CASE...]
"""

import sys

sys.dont_write_bytecode = True
import cases_edits  # noqa: E402
import cases_ends  # noqa: E402
import cases_ready  # noqa: E402
import cases_rounds  # noqa: E402
from harness import sys as _  # noqa: E402,F401
from suite import run_cases  # noqa: E402

CASES = [f for m in (cases_edits, cases_rounds, cases_ready, cases_ends) for n, f in vars(m).items() if callable(f) and getattr(f, "__module__", "") == m.__name__ and not n.startswith("_")]

if __name__ == "__main__":
    sys.exit(run_cases(CASES))
