#!/usr/bin/env python3
"""A shared cache over HTTP (cache_url), with a small store of our own that can be as bad as a server may be, and with nginx.

    python3 tests/http/run.py [--axmake ./axmake] [CASE...]

CASE is a part of a name. Cases with nginx are skipped, and said so, where it is not installed (`make check-http` installs it)."""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, HERE)

from suite import run_cases  # noqa: E402
import cases_hostile  # noqa: E402
import cases_nginx  # noqa: E402
import cases_store  # noqa: E402

sys.exit(run_cases(cases_store.CASES + cases_hostile.CASES + cases_nginx.CASES))
