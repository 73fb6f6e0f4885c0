#!/usr/bin/env python3
"""Completion in the real shells: a line is typed, then Tab, and what stands there is what the shell would run. A shell that is not installed is skipped.

    python3 tests/completions/run.py [--axmake ./axmake] [CASE...]
"""

import os
import pty
import re
import resource
import select
import shutil
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from suite import TREE, Skipped, check, equal, run_cases, write  # noqa: E402

HERE = os.path.join(TREE, "completions")
WAIT_S = 120
PROMPT = "at the prompt$ "

# What is typed before Tab, and the words of the line after it.
LINES = [
    ("axmake --provi", ["axmake", "--provider"]),
    ("axmake --provider off", ["axmake", "--provider", "offline"]),
    ("axmake --provider=off", ["axmake", "--provider=offline"]),
    ("axmake --jobserver-style=f", ["axmake", "--jobserver-style=fifo"]),
    ("axmake bui", ["axmake", "build"]),
    ("axmake -k --log ben", ["axmake", "-k", "--log", "bench"]),
    ("axmake two", ["axmake", "two words"]),
    ("axmake 'two w", ["axmake", "two words"]),
    ("axmake 'letter[to=b", ["axmake", "letter[to=b]"]),
    ("axmake letter\\[to=b", ["axmake", "letter[to=b]"]),
    ("axmake sta", ["axmake", "stage="]),
    ("axmake -f work", ["axmake", "-f", "workflow.ax.yaml"]),
    ("axmake --file=work", ["axmake", "--file=workflow.ax.yaml"]),
    ("axmake -f my", ["axmake", "-f", "my plan.ax.yaml"]),
    ("axmake -f 'my plan.ax.yaml' pl", ["axmake", "-f", "my plan.ax.yaml", "planned"]),
    ("axmake -C su", ["axmake", "-C", "sub/"]),
    ("axmake -C sub/ in", ["axmake", "-C", "sub/", "inner"]),
    ("axmake -W inp", ["axmake", "-W", "input.txt"]),
    ("axmake -f broken.ax.yaml bui", ["axmake", "-f", "broken.ax.yaml", "bui"]),
    ("ax mon", ["ax", "monitor"]),
    ("ax run qual", ["ax", "run", "quality"]),
    ("ax spec run work", ["ax", "spec", "run", "workflow.ax.yaml"]),
    ("ax spec run workflow.ax.yaml --task ben", ["ax", "spec", "run", "workflow.ax.yaml", "--task", "bench"]),
    ("ax gen dag workflow.ax.yaml --format=d", ["ax", "gen", "dag", "workflow.ax.yaml", "--format=dot"]),
]


def folder(box):
    write(box.path("w", "workflow.ax.yaml"), """vars: {stage: dev}
tasks:
  - {name: build, run: "true"}
  - {name: bench, agent: quality, task: measure}
  - {name: letter, matrix: {to: [a, b]}, run: "true"}
  - {name: two words, run: "true"}
""")
    write(box.path("w", "my plan.ax.yaml"), "tasks: [{name: planned, run: 'true'}]\n")
    write(box.path("w", "sub", "workflow.ax.yaml"), "tasks: [{name: inner, run: 'true'}]\n")
    write(box.path("w", "broken.ax.yaml"), "tasks: [{name: build, run: 'true'}, {name: bad, what: 1}]\n")
    write(box.path("w", "input.txt"), "")
    return box.path("w")


def program_of(name):
    path = shutil.which(name)
    if not path:
        raise Skipped(f"{name} is not installed")
    return path


class Shell:
    """An interactive shell at a terminal of its own."""

    def __init__(self, box, command, begin):
        env = {**box.env, "TERM": "xterm", "PS1": PROMPT}
        cwd = folder(box)
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.chdir(cwd)
            os.execve(command[0], command, env)
        self.send(begin + "\n")
        self.until(re.compile(r"begun42"))
        self.until(re.compile(re.escape(PROMPT)))

    def send(self, text):
        os.write(self.fd, text.encode())

    def until(self, pattern):
        """What came up to the pattern and with it."""
        end = time.monotonic() + WAIT_S
        while not (found := pattern.search(self.seen)):
            ready = select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]
            check(ready, "it did not come:", pattern.pattern, "seen:", self.seen)
            self.seen += os.read(self.fd, 65536).decode(errors="replace")
        before, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return before

    def words(self, line):
        """Of the line once Tab was pressed; Ctrl-A goes to its beginning, and what is put there shows them."""
        self.send(line + "\t\x01printf '@%s@\\n' \n")
        text = self.until(re.compile(r"\n(?:@[^\n]*@\r?\n)+(?=[^@])"))
        self.until(re.compile(re.escape(PROMPT)))
        return re.findall(r"^@([^\n]*)@\r?$", text, re.MULTILINE), text

    def close(self):
        self.send("\x15exit\n")
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def all_lines(shell):
    try:
        for line, wanted in LINES:
            words, text = shell.words(line)
            equal(words, wanted, line, text)
            check("rror" not in text, line, text)
    finally:
        shell.close()


def bash_completes(box):
    begin = f"bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; . {HERE}/axmake.bash; echo begun$((40+2))"
    all_lines(Shell(box, [program_of("bash"), "--norc", "--noprofile", "-i"], begin))


def bash_completes_where_words_end_at_blanks_alone(box):
    begin = f"bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; COMP_WORDBREAKS=' '; . {HERE}/axmake.bash; echo begun$((40+2))"
    all_lines(Shell(box, [program_of("bash"), "--norc", "--noprofile", "-i"], begin))


def zsh_completes(box):
    begin = (
        f"unset zle_bracketed_paste; setopt nopromptsp nobeep noautoremoveslash; fpath=({HERE} $fpath); autoload -Uz compinit; compinit -u -D;"
        f" PS1='{PROMPT}'; echo begun$((40+2))"
    )
    all_lines(Shell(box, [program_of("zsh"), "-f", "-i"], begin))


def fish_completes(box):
    fish = program_of("fish")
    cwd = folder(box)
    script = [f"source {HERE}/axmake.fish"]
    for line, _ in LINES:
        quoted = line.replace("\\", "\\\\").replace("'", "\\'")
        script.append(f"for found in (complete -C '{quoted}'); string replace -r '\\t.*' '' -- $found; end; echo @@")
    write(box.path("script.fish"), "\n".join(script) + "\n")
    text = box.call(f"{fish} -N {box.path('script.fish')}", cwd, XDG_DATA_HOME=box.path("data"), XDG_CONFIG_HOME=box.path("config")).ok().text
    for (line, wanted), seen in zip(LINES, text.split("@@\n")[:-1], strict=True):
        # What is completed to itself is not completed.
        last = [wanted[-1]] if not line.endswith(wanted[-1]) else []
        equal(seen.split("\n")[:-1], last, line)


def many_tasks_take_no_time(box):
    """50 ms are what nobody waits for."""
    check(os.path.getsize(box.axmake) > 0)
    with open(box.axmake, "rb") as f:
        if b"__asan_init" in f.read():
            raise Skipped("with the sanitizers all is slower")
    tasks = "".join(f"  - {{name: task{i}, agent: quality, task: 'do ${{task{i - 1}}}'}}\n" if i else "  - {name: task0, run: 'true'}\n" for i in range(1000))
    write(box.path("w", "workflow.ax.yaml"), "vars: {stage: dev}\ntasks:\n" + tasks)
    os.makedirs(box.path("w", "files"))
    for i in range(1000):
        write(box.path("w", "files", f"input-{i}.txt"), "")

    def used():
        u = resource.getrusage(resource.RUSAGE_CHILDREN)
        return u.ru_utime + u.ru_stime

    for program, words, wanted in (
        ("axmake", "task", 1001),  # targets
        ("axmake", "--log task9", 112),
        ("axmake", "-k --prov", 2),  # options
        ("axmake", "--provider off", 2),
        ("axmake", "sta", 2),  # a variable
        ("axmake", "-W files/inp", 1),  # tasks and files: those are the shell's to find
        ("ax", "run qual", 2),  # agents
        ("ax", "spec run workflow.ax.yaml --task task1", 112),
    ):
        times = []
        for _ in range(5):
            begin = used()
            r = box.call(f"exec {program} --complete {words}", box.path("w")).ok()
            times.append(used() - begin)
        lines = len(r.text.splitlines())
        check(lines == wanted, program, words, lines, r.text[:300])
        check(min(times) < 0.05, program, words, "seconds of processor time", times)


if __name__ == "__main__":
    sys.exit(run_cases([bash_completes, bash_completes_where_words_end_at_blanks_alone, zsh_completes, fish_completes, many_tasks_take_no_time]))
