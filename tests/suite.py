"""What the suites in Python share: a case is a function that gets a Box and fails by `check` or any exception."""

import argparse
import os
import re
import shutil
import subprocess
import tempfile
import time
import traceback

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT_S = 300
DONE = re.compile(r"^\[\d+/\d+\] (.+): done in ", re.MULTILINE)


class Failed(Exception):
    pass


class Skipped(Exception):
    """The machine lacks what a case needs; the text says what."""


def check(holds, *what):
    if not holds:
        raise Failed("\n".join(str(w) for w in what))


def equal(seen, wanted, *where):
    check(seen == wanted, f"seen   {seen!r}", f"wanted {wanted!r}", *where)


class Ended:
    """A command that has ended; `text` is its standard output and error together."""

    def __init__(self, status, text):
        self.status, self.text = status, text
        self.tasks = sorted(DONE.findall(text))

    def ok(self):
        check(self.status == 0, f"exit status {self.status}", self.text)
        return self


class Box:
    """A temporary folder, an empty home, and axmake first on the PATH."""

    def __init__(self, axmake, long=False):
        self.axmake, self.long = axmake, long
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="axmake-suite-"))
        home = self.path("home")
        os.mkdir(home)
        self.env = {"PATH": f"{os.path.dirname(axmake)}:{os.environ['PATH']}", "HOME": home, "TMPDIR": self.folder, "LC_ALL": "C.UTF-8"}
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def example(self, name):
        """A copy of an example as it is in a fresh clone."""
        to = self.path(name)
        dirty = shutil.ignore_patterns(".axmake", ".automatosx", "out", "*.o", "wordfreq", "manual.md")
        shutil.copytree(os.path.join(TREE, "examples", name), to, ignore=dirty)
        return to

    def call(self, command, cwd=None, **env):
        """A shell command line."""
        with tempfile.TemporaryFile() as out:
            p = subprocess.Popen(
                ["/bin/sh", "-c", command], cwd=cwd or self.folder, env={**self.env, **env}, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
            try:
                status = p.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                p.terminate()
                p.wait()
                status = -1
            out.seek(0)
            return Ended(status, out.read().decode(errors="replace"))

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        os.fchmod(f.fileno(), mode)  # not by its name: who waits for it may have removed it
        f.write(text)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def edit(path, old, new):
    text = read(path)
    check(old in text, f"{path} does not hold {old!r}")
    write(path, text.replace(old, new, 1), os.stat(path).st_mode & 0o777)


def run_cases(cases):
    """Runs functions by name; the exit status."""
    p = argparse.ArgumentParser()
    p.add_argument("--axmake", default=os.path.join(TREE, "axmake"))
    p.add_argument("--long", action="store_true", help="also what takes minutes, where a suite has such")
    p.add_argument("cases", nargs="*", help="parts of names")
    options = p.parse_args()
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    for case in cases:
        name = case.__name__
        if options.cases and not any(c in name for c in options.cases):
            continue
        begin = time.monotonic()
        box, outcome, fault = Box(os.path.abspath(options.axmake), options.long), "ok", ""
        try:
            case(box)
        except Skipped as e:
            outcome, name = "skipped", f"{name}: {e}"
        except Failed as e:
            outcome, fault = "FAILED", str(e)
        except Exception:  # a case that cannot be judged has failed
            outcome, fault = "FAILED", traceback.format_exc()
        finally:
            box.close()
        counts[outcome] += 1
        print(f"{outcome:8}{name} ({time.monotonic() - begin:.1f} s)", *(f"    {line}" for line in fault.splitlines()), sep="\n", flush=True)
    print(f"{counts['ok']} passed, {counts['FAILED']} failed" + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 1 if counts["FAILED"] or not counts["ok"] + counts["skipped"] else 0
