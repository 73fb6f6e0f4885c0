#!/usr/bin/env python3
"""What axmake is given away as: Debian's package, a program without shared libraries, a container's image.

    python3 tests/package/run.py [--axmake ./axmake] [--long] [CASE...]

--long: also the static program, and what needs Debian's archive, from which debootstrap makes a small system.
"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import container  # noqa: E402
import deb  # noqa: E402
import static  # noqa: E402
import system  # noqa: E402
from suite import run_cases  # noqa: E402

if __name__ == "__main__":
    status = run_cases(deb.CASES + static.CASES + container.CASES)
    system.away()
    sys.exit(status)
