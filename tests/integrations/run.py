#!/usr/bin/env python3
"""What stands beside axmake in a project: makefiles by axmake.mk, git's hooks and worktrees, direnv, readers of --graph=json and of traces, and CI's recipes.

    python3 tests/integrations/run.py [--axmake ./axmake] [--long] [CASE...]

--long: the recipes of CI build axmake, too.
"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import ci  # noqa: E402
import makefiles  # noqa: E402
import repository  # noqa: E402
import traces  # noqa: E402
from suite import run_cases  # noqa: E402

if __name__ == "__main__":
    sys.exit(run_cases(makefiles.CASES + repository.CASES + ci.CASES + traces.CASES))
