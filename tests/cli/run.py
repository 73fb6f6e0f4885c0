#!/usr/bin/env python3
"""Golden tests of axmake's command line.

A case is one file, NAME.case: comment lines that say what it shows, then sections. A section begins with a line `--- WORD …`:

  --- file PATH [mode=0755] [no-newline] [escaped]
                      writes the file. `escaped`: \\t \\n \\r \\0 \\\\ \\xHH in the text are these bytes
  --- file-hex PATH   writes the bytes that stand there as hexadecimal digits
  --- dir PATH [mode=0755]
  --- link PATH TARGET
  --- remove PATH     a file, a link or a whole folder
  --- do              a shell script that prepares something; it must succeed
  --- run             a shell script, usually one call of axmake, with what is expected of it in the sections that follow:
  --- out [no-newline]  its standard output; without this section there must be none
  --- err [no-newline]  its standard error; likewise
  --- exit N            its exit status; 0 without this section
  --- unchanged         it changed no path, byte, mode or time of modification
  --- check           a shell script that must succeed
  --- needs WHAT      a shell script; where it fails the case is skipped, saying WHAT was missing

Sections are done in their order, all in one temporary folder, scripts with /bin/sh. A line of content that begins with `--- `
is written `\\--- `.
In `out` and `err` [[…]] encloses a Python regular expression that matches within the line; [[ROOT]] is the case's folder,
[[BASE]] the one that it lies in, and [[TIME]] a span of time as axmake writes it. A line `...` stands for any number of lines.

`$TREE` is the project's own tree. Beside the folder (`../home`) lies an empty home. `unprivileged COMMAND …` calls the command as a user who may not do
everything.
"""

import argparse
import concurrent.futures
import difflib
import fnmatch
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_S = 120
MARK = "AXMAKE_TEST_CASE"  # in the environment of all that a case starts

TIME = r"(?:\d+(?:\.\d+)?(?:ms|s)|\d+m\d+s|\d+h\d+m)"
WORDS = ("file", "file-hex", "dir", "link", "remove", "do", "run", "out", "err", "exit", "unchanged", "check", "needs")
NO_BODY = ("dir", "link", "remove", "exit", "unchanged")
OF_A_RUN = ("out", "err", "exit", "unchanged")

UNPRIVILEGED = """#!/bin/sh
[ "$(id -u)" = 0 ] || exec "$@"
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
"""


class CaseError(Exception):
    """The case file itself is wrong."""


class Section:
    def __init__(self, word, args, line):
        self.word, self.args, self.line = word, args, line
        self.lines = []

    def body(self):
        text = "".join(re.sub(r"^\\(\\*--- )", r"\1", l) + "\n" for l in self.lines)
        return text[:-1] if "no-newline" in self.args and text else text

    def set_body(self, text):
        self.args = [a for a in self.args if a != "no-newline"]
        if text and not text.endswith("\n"):
            self.args.append("no-newline")
            text += "\n"
        self.lines = [re.sub(r"^(\\*--- )", r"\\\1", l) for l in text.split("\n")[:-1]]

    def mode(self, usual):
        return next((int(a[5:], 8) for a in self.args if a.startswith("mode=")), usual)

    def write(self):
        return "".join(l + "\n" for l in [" ".join(["---", self.word] + self.args)] + self.lines)


class Case:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)[: -len(".case")]
        self.head, self.sections = [], []
        with open(path, encoding="utf-8", newline="\n") as f:
            text = f.read()
        if not text.endswith("\n"):
            raise CaseError(f"{path}: no newline at its end")
        for number, line in enumerate(text.split("\n")[:-1], 1):
            self.take(number, line)
        if not self.head:
            raise CaseError(f"{path}: begin with a comment that says what it shows")
        if not any(s.word == "run" for s in self.sections):
            raise CaseError(f"{path}: no 'run'")

    def take(self, number, line):
        where = f"{self.path}:{number}"
        if not line.startswith("--- "):
            if not self.sections:
                if line and not line.startswith("#"):
                    raise CaseError(f"{where}: neither a comment nor a section")
                self.head.append(line)
            elif self.sections[-1].word in NO_BODY:
                if line:
                    raise CaseError(f"{where}: '{self.sections[-1].word}' has no text")
                self.sections[-1].lines.append(line)
            else:
                self.sections[-1].lines.append(line)
            return
        word, *args = line[4:].split()
        if word not in WORDS:
            raise CaseError(f"{where}: unknown section '{word}'")
        if word in OF_A_RUN and not (self.sections and self.sections[-1].word in OF_A_RUN + ("run",)):
            raise CaseError(f"{where}: '{word}' without a 'run' before it")
        if word in OF_A_RUN and word in self.of_last_run():
            raise CaseError(f"{where}: a second '{word}' of one 'run'")
        self.sections.append(Section(word, args, number))

    def of_last_run(self):
        words = [s.word for s in self.sections]
        return words[len(words) - words[::-1].index("run") :]

    def write(self):
        return "".join(l + "\n" for l in self.head) + "".join(s.write() for s in self.sections)

    def save(self):
        with open(self.path, "w", encoding="utf-8", newline="\n") as f:
            f.write(self.write())


# Expected text

def line_regex(expected, folder):
    """The regular expression for one expected line."""
    named = {"ROOT": re.escape(folder), "BASE": re.escape(os.path.dirname(folder)), "TIME": TIME}
    out, at = [], 0
    for m in re.finditer(r"\[\[(.+?)\]\](?!\])", expected):
        out.append(re.escape(expected[at : m.start()]))
        out.append("(?:" + named.get(m[1], m[1]) + ")")
        at = m.end()
    return re.compile("".join(out) + re.escape(expected[at:]), re.DOTALL)


def lines_of(text):
    """The lines with their newlines; only \\n ends a line."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


class Wanted:
    """Expected text, line by line; lines keep their newline, so that a missing one at the end differs."""

    def __init__(self, text, folder):
        self.lines = lines_of(text)
        self.regexes = [None if l == "...\n" else line_regex(l, folder) for l in self.lines]

    def is_line(self, i, seen):
        return self.regexes[i] is not None and self.regexes[i].fullmatch(seen) is not None

    def align(self, seen):
        """Pairs (expected or None, seen or None) with as many matches as can be; `...` takes in what stands where it does."""
        n, m = len(self.lines), len(seen)
        best = [[0] * (m + 1) for _ in range(n + 1)]
        step = [[""] * (m + 1) for _ in range(n + 1)]
        for i in range(n, -1, -1):
            for j in range(m, -1, -1):
                options = []
                if i < n and j < m and self.is_line(i, seen[j]):
                    options.append((best[i + 1][j + 1] + 10, "match"))
                if i < n and self.regexes[i] is None:
                    options.append((best[i + 1][j], "end"))
                    if j < m:
                        options.append((best[i][j + 1] + 1, "absorb"))
                elif i < n:
                    options.append((best[i + 1][j] - 1, "lost"))
                if j < m:
                    options.append((best[i][j + 1] - 1, "new"))
                if options:
                    best[i][j], step[i][j] = max(options, key=lambda o: o[0])
        i = j = 0
        while i < n or j < m:
            how = step[i][j]
            yield how, self.lines[i] if i < n else None, seen[j] if j < m else None
            i += how in ("match", "end", "lost")
            j += how in ("match", "absorb", "new")

    def matches(self, text):
        """Line by line; a set of positions so that several `...` cost no backtracking."""
        seen = lines_of(text)
        at = {0}
        for regex in self.regexes:
            if not at:
                return False
            if regex is None:
                at = set(range(min(at), len(seen) + 1))
            else:
                at = {j + 1 for j in at if j < len(seen) and regex.fullmatch(seen[j])}
        return len(seen) in at


def scrub(line, folder):
    """A seen line as it should stand in a case."""
    line = line.replace("[[", r"[[\[\[]]")
    line = line.replace(folder, "[[ROOT]]").replace(os.path.dirname(folder), "[[BASE]]")
    line = re.sub(r"\b(in|about) " + TIME + r"(?![\w.])", r"\1 [[TIME]]", line)
    line = re.sub(r"^(  .*?  )" + TIME + r"(?=\s)", r"\1[[TIME]]", line)
    line = re.sub(r"\bpid \d+", r"pid [[\\d+]]", line)
    line = re.sub(r'("duration_ms":)\d+', r"\1[[\\d+]]", line)
    return line


def updated(wanted, seen, folder):
    out = []
    for how, old, new in wanted.align(lines_of(seen)):
        if how in ("match", "end"):
            out.append(old)
        elif how == "new":
            out.append(scrub(new, folder))
    return "".join(out)


def difference(wanted, seen, what):
    lines = list(wanted.align(lines_of(seen)))
    old = [o for how, o, _ in lines if how in ("match", "end", "lost")]
    absorbed = ("new", "absorb") if any(how == "lost" for how, _, _ in lines) else ("new",)
    new = []
    for how, o, s in lines:
        if how in absorbed:
            new.append(s)
        elif how in ("match", "end"):
            new.append(o)
    diff = difflib.unified_diff(old, new, f"{what} expected", f"{what} seen", n=2)
    return [l.rstrip("\n") + ("" if l.endswith("\n") or l.startswith(("---", "+++", "@@")) else " (no newline)") for l in diff]


# Folders

def snapshot(folder):
    """Everything below the folder that a read-only command must leave alone."""
    seen = {}
    for parent, folders, files in os.walk(folder):
        for name in [""] + files + [f for f in folders if os.path.islink(os.path.join(parent, f))]:
            path = os.path.join(parent, name) if name else parent
            st = os.lstat(path)
            content = ""
            if stat.S_ISLNK(st.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(st.st_mode) and os.access(path, os.R_OK):
                with open(path, "rb") as f:
                    content = hashlib.sha256(f.read()).hexdigest()
            seen[os.path.relpath(path, folder)] = (st.st_mode, st.st_size, st.st_mtime_ns, content)
    return seen


def changes(before, after):
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            yield f"removed: {path}"
        elif path not in before:
            yield f"made: {path}"
        elif before[path] != after[path]:
            names = ("mode", "size", "time", "content")
            yield f"changed: {path} ({', '.join(n for n, a, b in zip(names, before[path], after[path]) if a != b)})"


ESCAPES = {"t": b"\t", "n": b"\n", "r": b"\r", "0": b"\0", "\\": b"\\"}


def unescape(text):
    out = b""
    for plain, code, known in re.findall(r"([^\\]+)|\\(?:x([0-9a-fA-F]{2})|([tnr0\\]))", text):
        out += plain.encode() if plain else bytes([int(code, 16)]) if code else ESCAPES[known]
    return out


def write_file(path, content, mode):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content)
    os.chmod(path, mode)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


def left_behind(mark):
    """Processes that a case started and that still live."""
    needle = f"{MARK}={mark}".encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if needle not in f.read().split(b"\0"):
                    continue
            with open(f"/proc/{pid}/stat", "rb") as f:
                if f.read().rsplit(b")", 1)[1].split()[0] in (b"Z", b"X"):
                    continue
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                command = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        yield int(pid), command


class Skipped(Exception):
    pass


class Failed(Exception):
    pass


class Runner:
    """One case on its way."""

    def __init__(self, case, options):
        self.case, self.options = case, options
        self.base = tempfile.mkdtemp(prefix="axmake-cli-")
        self.mark = os.path.basename(self.base)
        os.chmod(self.base, 0o755)
        self.root = os.path.join(self.base, "root")
        self.faults = []
        self.dirty = False
        for name in ("root", "home", "bin"):
            os.mkdir(os.path.join(self.base, name))
        write_file(os.path.join(self.base, "bin", "unprivileged"), UNPRIVILEGED.encode(), 0o755)
        tools = os.path.dirname(options.axmake)
        self.env = {
            "PATH": f"{tools}:{self.base}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": os.path.join(self.base, "home"),
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TREE": os.path.dirname(os.path.dirname(HERE)),
            MARK: self.mark,
        }

    def shell(self, script):
        """(exit status, stdout, stderr) of a shell script. Outputs are files, so that a process left behind cannot hold us up."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            p = subprocess.Popen(
                ["/bin/sh", "-c", script], cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )
            try:
                status = p.wait(self.options.limit)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
                status = None
            texts = []
            for f in (out, err):
                f.seek(0)
                texts.append(f.read().decode("utf-8", errors="backslashreplace"))
        return status, texts[0], texts[1]

    def must(self, section):
        status, out, err = self.shell(section.body())
        if status:
            raise Failed([f"'{section.word}' in line {section.line} ended with {status}"] + (out + err).splitlines())
        if status is None:
            raise Failed([f"'{section.word}' in line {section.line} took longer than {self.options.limit} s"])

    def path(self, section):
        if not section.args:
            raise CaseError(f"{self.case.path}:{section.line}: '{section.word}' wants a path")
        return os.path.join(self.root, section.args[0])

    def prepare(self, s):
        if s.word == "file":
            content = unescape(s.body()) if "escaped" in s.args else s.body().encode()
            write_file(self.path(s), content, s.mode(0o644))
        elif s.word == "file-hex":
            write_file(self.path(s), bytes.fromhex(s.body()), s.mode(0o644))
        elif s.word == "dir":
            os.makedirs(self.path(s), exist_ok=True)
            os.chmod(self.path(s), s.mode(0o755))
        elif s.word == "link":
            os.makedirs(os.path.dirname(self.path(s)), exist_ok=True)
            os.symlink(s.args[1], self.path(s))
        elif s.word == "remove":
            remove(self.path(s))
        elif s.word == "needs":
            if self.shell(s.body())[0] != 0:
                raise Skipped(" ".join(s.args))
        else:
            self.must(s)

    def compare(self, run, of_run, word, seen):
        section = of_run.get(word)
        wanted = Wanted(section.body() if section else "", self.root)
        if wanted.matches(seen):
            return
        if self.options.update:
            if not section:
                section = Section(word, [], 0)
                after = of_run["out"] if word == "err" and "out" in of_run else run
                self.case.sections.insert(self.case.sections.index(after) + 1, section)
                of_run[word] = section
            text = updated(wanted, seen, self.root)
            if text:
                section.set_body(text)
            else:
                self.case.sections.remove(of_run.pop(word))
            self.dirty = True
            return
        self.faults += [f"'run' in line {run.line}: {run.lines[0] if run.lines else ''}"] + difference(wanted, seen, word)

    def run(self, run, of_run):
        before = snapshot(self.base) if "unchanged" in of_run else None
        status, out, err = self.shell(run.body())
        if status is None:
            raise Failed([f"'run' in line {run.line} took longer than {self.options.limit} s"] + (out + err).splitlines()[-20:])
        self.compare(run, of_run, "out", out)
        self.compare(run, of_run, "err", err)
        wanted = int(of_run["exit"].args[0]) if "exit" in of_run else 0
        if status != wanted:
            self.faults.append(f"'run' in line {run.line}: exit status {status}, expected {wanted}")
        if before is not None:
            self.faults += [f"'run' in line {run.line} {c}" for c in changes(before, snapshot(self.base))]
        for pid, command in left_behind(self.mark):
            self.faults.append(f"'run' in line {run.line} left process {pid} behind: {command}")
            os.kill(pid, signal.SIGKILL)

    def all(self):
        sections = list(self.case.sections)
        for i, s in enumerate(sections):
            if s.word in OF_A_RUN:
                continue
            if s.word != "run":
                self.prepare(s)
                continue
            of_run = {}
            for follower in sections[i + 1 :]:
                if follower.word not in OF_A_RUN:
                    break
                of_run[follower.word] = follower
            self.run(s, of_run)

    def clean_up(self):
        for pid, _ in left_behind(self.mark):
            os.kill(pid, signal.SIGKILL)
        if self.options.keep:
            return
        for parent, folders, _ in os.walk(self.base):
            for f in folders:
                if not os.path.islink(os.path.join(parent, f)):
                    os.chmod(os.path.join(parent, f), 0o755)
        shutil.rmtree(self.base, ignore_errors=True)


def run_case(path, options):
    """(name, "passed" | "failed" | "skipped", lines to show)"""
    name = os.path.basename(path)[: -len(".case")]
    try:
        case = Case(path)
    except (CaseError, UnicodeDecodeError) as e:
        return name, "failed", [str(e)]
    runner = Runner(case, options)
    try:
        runner.all()
    except Skipped as e:
        return name, "skipped", [f"needs {e}"]
    except Failed as e:
        runner.faults += e.args[0]
    except (CaseError, OSError, ValueError, re.error) as e:
        runner.faults.append(f"{type(e).__name__}: {e}")
    finally:
        runner.clean_up()
    if runner.dirty:
        case.save()
    if runner.faults:
        return name, "failed", runner.faults + ([f"folder: {runner.base}"] if options.keep else [])
    return name, "passed", ["updated"] if runner.dirty else []


def find_cases(patterns):
    every = sorted(f for f in os.listdir(HERE) if f.endswith(".case"))
    chosen = set()
    for p in patterns or ["*"]:
        name = re.sub(r"\.case$", "", os.path.basename(p))
        found = [f for f in every if fnmatch.fnmatchcase(f[: -len(".case")], name)]
        if not found:
            sys.exit(f"run.py: no case is called '{p}'")
        chosen.update(found)
    return [os.path.join(HERE, f) for f in every if f in chosen]


def parse_options():
    p = argparse.ArgumentParser(description="Golden cases of axmake's command line.", epilog="See the head of this file.")
    p.add_argument("--axmake", default=os.path.join(HERE, "..", "..", "axmake"), help="the program; its helpers lie beside it")
    p.add_argument("-j", type=int, default=(os.cpu_count() or 1) + 1, metavar="N", help="cases at once")
    p.add_argument("--limit", type=int, default=TIMEOUT_S, metavar="SECONDS", help="how long a section may take")
    p.add_argument("--update", action="store_true", help="rewrite out and err as they were seen; exit statuses stay")
    p.add_argument("--keep", action="store_true", help="keep the folders")
    p.add_argument("-v", action="store_true", help="name the cases that passed, too")
    p.add_argument("patterns", nargs="*", metavar="PATTERN", help="names of cases; * and ? as in a shell")
    options = p.parse_args()
    options.axmake = os.path.abspath(options.axmake)
    if not os.access(options.axmake, os.X_OK):
        sys.exit(f"run.py: no program '{options.axmake}'; build it first")
    return options


def main():
    options = parse_options()
    cases = find_cases(options.patterns)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max(1, options.j)) as pool:
        for done in [pool.submit(run_case, c, options) for c in cases]:
            name, how, lines = done.result()
            counts[how] += 1
            if how == "failed":
                print(f"FAILED {name}", *("    " + l for l in lines), sep="\n")
            elif how == "skipped" or lines or options.v:
                print(how, name, *lines)
            sys.stdout.flush()
    print(f"{counts['passed']} passed, {counts['failed']} failed"
          + (f", {counts['skipped']} skipped" if counts["skipped"] else "")
          + f" in {time.monotonic() - begin:.1f} s")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
