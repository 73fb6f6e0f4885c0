"""Counting what a program does: instructions by perf or valgrind, system calls by strace; and holding what was seen to what is on record."""

import fcntl
import json
import os
import platform
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(HERE, "../../bench")]
from graphs import write_graph  # noqa: E402
from suite import Failed, Skipped, check, write  # noqa: E402

RECORD = os.path.join(HERE, "record.json")
MARGIN = 1.10
ENDS = re.compile(r"^(?:\d+ +)?(?:---|\+\+\+)|resumed>", re.M)
updates = None  # {(kind, figure): value} where they are to be recorded


def ask(command, cwd, box, screen=False):
    """(exit status, what it said), on a terminal of its own where `screen` is true. A script's program is looked for in folders of PATH: so that is the same everywhere."""
    env = {**box.env, "PATH": "/usr/bin:/bin", "TERM": "xterm"}
    if screen:
        return ask_on_screen(command, cwd, env)
    p = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return p.returncode, p.stdout.decode(errors="replace")


def ask_on_screen(command, cwd, env):
    pid, fd = pty.fork()
    if not pid:
        os.chdir(cwd)
        os.execvpe(command[0], command, {name: value for name, value in env.items() if name not in ("CI", "MAKELEVEL")})
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    text = b""
    while True:
        try:
            piece = os.read(fd, 65536)
        except OSError:  # nobody has it open any more
            break
        text += piece
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode(errors="replace")


def content_of(program):
    """Skips where figures would say nothing."""
    with open(program, "rb") as f:
        content = f.read()
    if b"__asan_init" in content or b"__tsan_init" in content:
        raise Skipped("a program with a sanitizer does other work")
    return content


def compiler(program):
    """gcc or clang, where this build's instructions may be compared."""
    if platform.machine() != "x86_64":
        raise Skipped(f"there are no figures for {platform.machine()}")
    content = content_of(program)
    flags = re.search(rb"GNU C11 [^\0]*", content)
    if flags and not re.search(rb"-O[23]", flags.group()):
        raise Skipped("it was not compiled with -O2")
    return "clang" if b"clang version" in content else "gcc"


class Perf:
    """starts: the program starts others, which are not to be counted; then its threads are not, either. screen: on a terminal."""

    def count(self, box, cwd, *words, starts=False, screen=False):
        status, text = ask(["perf", "stat", *(["-i"] if starts else []), "-x", ",", "-e", "instructions:u", "-o", box.path("count"), box.axmake, *words], cwd, box, screen)
        check(status == 0, f"perf stat ended with {status}", text)
        with open(box.path("count")) as f:
            return self.read(f.read())

    @staticmethod
    def read(text):
        found = re.search(r"^(\d+),[^,]*,instructions", text, re.M)
        return int(found.group(1)) if found else None

    def prepare(self, box, cwd):
        box.call("axmake -s", cwd).ok()


class Callgrind:
    """Of threads, but not of other programs."""

    def count(self, box, cwd, *words, counts=True, starts=False, screen=False):
        program = box.path("axmake")
        if not os.path.exists(program):  # some versions cannot read what compilers say for debuggers
            if ask(["strip", "-o", program, box.axmake], cwd, box)[0]:
                shutil.copy(box.axmake, program)
        options = ["--tool=callgrind", f"--callgrind-out-file={os.devnull}", f"--instr-atstart={'yes' if counts else 'no'}"]
        status, text = ask(["valgrind", *options, program, *words], cwd, box, screen)
        found = re.search(r"Collected : (\d+)", text)
        if status and not found and "debuginfo reader" in text:
            raise Skipped("this valgrind cannot read the program")
        check(status == 0 and found, f"valgrind ended with {status}", text)
        return int(found.group(1))

    def prepare(self, box, cwd):
        self.count(box, cwd, "-s", counts=False)  # a seal is bound to the program that runs, and that is valgrind's


def counter(box):
    """perf, if it may count here, else valgrind."""
    if shutil.which("perf"):
        try:
            if Perf().count(box, box.folder, "--version"):
                return Perf()
        except Failed:
            pass
    if shutil.which("valgrind"):
        return Callgrind()
    raise Skipped("there is neither a perf that may count instructions, nor valgrind")


def graph(box, n, made):
    """Its folder. `made`: all is up to date by the record, without having run."""
    folder = box.path(f"graph-{n}")
    write_graph(folder, "axmake", "layered", n)
    if made:
        for i in range(n):
            write(f"{folder}/out/{i}", f"{i}\n")
        box.call("axmake -t -s", folder).ok()
        time.sleep(0.05)  # beyond the clock's grain: what is as young as that is hashed again
    return folder


def unseal(folder):
    seal = os.path.join(folder, ".axmake/seal")
    if os.path.exists(seal):
        os.unlink(seal)


def slope(sizes, count):
    low, high = (count(n) for n in sizes)
    return (high - low) / (sizes[1] - sizes[0])


def hold(kind, figure, seen, of="a task"):
    """Is it at most a tenth above what is on record?"""
    print(f"        {figure}: {seen:.1f} {of} ({kind})")
    if updates is not None:
        updates[kind, figure] = round(seen, 1)
        return
    with open(RECORD) as f:
        known = json.load(f)[kind][figure]
    check(seen <= known * MARGIN, f"{figure}: {seen:.1f} {of}, and {known} is on record ({kind})", "Either it need not cost that much, or: python3 tests/cost/run.py --update")
    if seen < known / MARGIN:
        print(f"        that is less than the {known} on record: python3 tests/cost/run.py --update")


def calls(box, folder, *words, threads=True, screen=False):
    """How many the program makes: with those of its threads, and of programs that it starts, unless `threads` is false."""
    if not shutil.which("strace"):
        raise Skipped("there is no strace")
    content_of(box.axmake)
    out = box.path("trace")
    status, text = ask(["strace", "-qq", *(["-f"] if threads else []), "-o", out, box.axmake, *words], folder, box, screen)
    if status and "ptrace" in text:
        raise Skipped("strace may not trace here")
    check(status == 0, f"strace ended with {status}", text)
    with open(out, errors="replace") as f:
        return sum(1 for line in f if not ENDS.search(line))
