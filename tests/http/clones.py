"""Clones of one project that have nothing in common but the server."""

import functools
import os
import re
import time

from server import Server
from suite import Skipped, check, read, write

WORKFLOW = """\
tasks:
  - {name: small, run: 'seq 10 > small.txt; echo small >> "$RUNS"', outputs: [small.txt]}
  - {name: large, run: 'seq 90000 > out/large.txt; cat small.txt >> out/large.txt; echo large >> "$RUNS"', inputs: [small.txt], outputs: [out/large.txt]}
  - {name: tree, run: 'mkdir -p t/a; seq 3000 > t/a/b; ln -sf b t/a/l; cp small.txt t/; chmod +x t/small.txt; echo tree >> "$RUNS"', inputs: [small.txt], outputs: [t/]}
"""
ALL = ["large", "small", "tree"]
WARNING = re.compile(r"^axmake: warning: (.*)$", re.MULTILINE)


def of_server(case):
    """Gives a case a store of its own, and skips it where axmake was built without HTTP."""

    @functools.wraps(case)
    def run(box):
        if not os.path.exists(os.path.join(os.path.dirname(box.axmake), "axmake-http")):
            raise Skipped("axmake-http was not built (libcurl4-openssl-dev and libssl-dev)")
        server = Server()
        try:
            case(box, server)
        finally:
            server.vanish()

    return run


class Clone:
    def __init__(self, box, name, url, workflow=WORKFLOW, **settings):
        self.box, self.folder, self.runs = box, box.path(name), box.path(f"{name}.runs")
        write(os.path.join(self.folder, "workflow.ax.yaml"), workflow)
        os.makedirs(os.path.join(self.folder, "out"), exist_ok=True)
        self.set(cache_url=url, cache_timeout="1s", **settings)

    def set(self, **settings):
        write(os.path.join(self.folder, "axmake.ini"), "[axmake]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))

    def call(self, words="", **env):
        write(self.runs, "")
        begin = time.monotonic()
        ended = self.box.call(f"axmake {words}", self.folder, RUNS=self.runs, no_proxy="127.0.0.1", **env)
        ended.seconds = time.monotonic() - begin
        ended.ran = sorted(read(self.runs).split())
        ended.warnings = WARNING.findall(ended.text)
        return ended

    def content(self):
        """{path: what stands there} of all outputs."""
        found = {}
        for at in ("small.txt", "out", "t"):
            top = os.path.join(self.folder, at)
            files = [top] if os.path.isfile(top) else [os.path.join(d, f) for d, _, fs in os.walk(top) for f in fs]
            for f in files:
                rel = os.path.relpath(f, self.folder)
                found[rel] = os.readlink(f) if os.path.islink(f) else (read(f), os.stat(f).st_mode & 0o111 != 0)
        return found


def filled(box, server, name="first", **settings):
    """A clone that has run, so that the server has what it made."""
    clone = Clone(box, name, server.url, **settings)
    ended = clone.call().ok()
    check(ended.ran == ALL and not ended.warnings, ended.text)
    check(len(server.entries()) == 3, server.entries())
    return clone


def check_good(ended, clone, like, ran=None):
    """It ended well, and what stands there is what stands in the other clone."""
    ended.ok()
    if ran is not None:
        check(ended.ran == ran, f"ran {ended.ran}, not {ran}", ended.text)
    check(clone.content() == like.content(), clone.content(), like.content())
