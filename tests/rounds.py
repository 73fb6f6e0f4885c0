"""What suites of random rounds share: a round is a function that gets a Round, plays with its random numbers, and fails by `check` or any exception.

    run.py [--axmake PATH] [--rounds N] [--seed S] [-j N] [--keep]

Each round is by its own seed, counted on from S; one that fails prints it, and `--rounds 1 --seed` plays it again. What happens at which moment may then differ.
"""

import argparse
import concurrent.futures
import json
import os
import pty
import random
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT_S = 120
MEMORY = 2 << 30
# What a terminal must not get from anybody but axmake itself, which sends none of these. Hostile texts hold them.
NOT_FOR_TERMINALS = (b"\x07", b"\x1b]", b"\x1bP", b"\x1b_", b"\x1b[31;7m", b"\x1bc", b"\x08", b"\xc2\x9b", b"\xc2\x9d", b"\x00")
CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|\xc2[\x80-\x9f]")


class Failed(Exception):
    pass


def check(holds, *what):
    if not holds:
        raise Failed("\n".join(w.decode("utf-8", "backslashreplace") if isinstance(w, bytes) else str(w) for w in what))


def tree(top, content=True):
    """Relative paths, as bytes, to kind and content: nothing is followed."""
    top, found, todo = os.fsencode(top), {}, [b""]
    while todo:
        at = todo.pop()
        for e in os.scandir(os.path.join(top, at) if at else top):
            path = os.path.join(at, e.name) if at else e.name
            if e.is_symlink():
                found[path] = ("link", os.readlink(e.path))
            elif e.is_dir(follow_symlinks=False):
                found[path] = ("folder",)
                todo.append(path)
            elif e.is_file(follow_symlinks=False):
                with open(e.path, "rb") as f:
                    found[path] = ("file", f.read() if content else b"")
            else:
                found[path] = ("other",)
    return found


def differences(before, after):
    return [(p, before.get(p), after.get(p)) for p in sorted(before.keys() | after.keys()) if before.get(p) != after.get(p)]


class Ended:
    def __init__(self, words, status, out, err):
        self.words, self.status, self.out, self.err = words, status, out, err

    def __str__(self):
        return f"{' '.join(self.words)}: {self.status}\n{self.out[-3000:].decode('utf-8', 'backslashreplace')}\n{self.err[-3000:].decode('utf-8', 'backslashreplace')}"


class Round:
    """A box with `root`, `home` and `outside`; `rng` for all that happens by chance."""

    def __init__(self, axmake, seed):
        self.axmake, self.seed, self.rng = axmake, seed, random.Random(seed)
        self.box = os.path.realpath(tempfile.mkdtemp(prefix="axmake-round-"))
        for name in ("root", "home", "outside", "bin", "tmp"):
            os.mkdir(self.path(name))
        self.root = self.path("root")
        self.mark = f"{os.path.basename(self.box)}-{seed}"
        self.env = {"PATH": ":".join((self.path("bin"), os.path.dirname(axmake), os.environ["PATH"])), "HOME": self.path("home"), "TMPDIR": self.path("tmp"), "LC_ALL": "C.UTF-8",
                    "AXMAKE_ROUND": self.mark}
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        self.before_words = []  # of another user, say
        with open(axmake, "rb") as f:
            self.bounded = b"__asan_init" not in f.read()  # a sanitizer reserves terabytes

    def path(self, *parts):
        return os.path.join(self.box, *parts)

    def write(self, text, *parts, mode=0o644):
        path = self.path(*parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        return path

    def maybe(self, chance):
        return self.rng.random() < chance

    def start(self, *words, **kw):
        limit = None if not self.bounded else lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        return subprocess.Popen([*self.before_words, self.axmake, *words], cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=limit, **kw)

    def run(self, *words, limit=LIMIT_S, clean=True):
        """To the end. clean: what it says holds no control character."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            p = self.start(*words, stdout=out, stderr=err)
            try:
                status = p.wait(limit)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
                status = None
            out.seek(0)
            err.seek(0)
            r = Ended(words, status, out.read(), err.read())
        check(r.status is not None, "it hangs", r)
        check(r.status >= 0 and r.status < 3, "a status that is none of axmake's", r)
        for text in (r.out, r.err) if clean else ():
            bad = CONTROLS.search(text)
            check(not bad, f"control character {bad and bad.group()!r}", text[max(0, bad.start() - 100):bad.end() + 100] if bad else "", r)
        return r

    def run_on_terminal(self, *words, limit=LIMIT_S):
        """The same on a terminal of 80 columns; (status, all that came)."""
        pid, fd = pty.fork()
        if not pid:
            os.chdir(self.root)
            argv = [*self.before_words, self.axmake, *words]
            os.execvpe(argv[0], argv, {**self.env, "TERM": "xterm-256color"})
        out, end = b"", time.monotonic() + limit
        while time.monotonic() < end:
            if not select.select([fd], [], [], 1)[0]:
                continue
            try:
                piece = os.read(fd, 65536)
            except OSError:
                piece = b""
            if not piece:
                break
            out += piece
        late = time.monotonic() >= end
        if late:
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        check(not late, "it hangs on a terminal", out[-3000:])
        bad = [b for b in NOT_FOR_TERMINALS if b in out]
        check(not bad, f"{bad} reached a terminal", out[-6000:])
        check(status in (0, 1, 2), f"status {status} on a terminal", out[-3000:])
        return Ended(words, status, out, b"")

    def reported(self, name):
        """A report as data, of whichever kind; all have to be whole."""
        with open(self.path("root", name) if not name.startswith("/") else name, "rb") as f:
            raw = f.read()
        text = raw.decode()  # strictly
        if name.endswith(".json"):
            return json.loads(text)
        if name.endswith(".jsonl"):
            check(text.endswith("\n"), "the last line of events has no end")
            return [json.loads(line) for line in text.split("\n")[:-1]]
        if name.endswith(".xml"):
            return xml.etree.ElementTree.fromstring(raw)
        bad = re.search(rb"[\x00-\x08\x0b-\x1f]|\xc2[\x80-\x9f]", raw)
        check(not bad, f"control character {bad and bad.group()!r} in {name}", raw[max(0, bad.start() - 100):bad.end() + 100] if bad else "")
        return text

    def left_alive(self):
        """Processes that carry this round's mark."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    marked = self.mark.encode() in f.read()
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().replace(b"\0", b" ")
                with open(f"/proc/{pid}/stat", "rb") as f:
                    living = f.read().rsplit(b")", 1)[1].split()[0] not in (b"Z", b"X")
            except OSError:
                continue
            if (marked or self.box.encode() in words) and int(pid) != os.getpid() and living:
                found.append((int(pid), words.decode(errors="replace")[:200]))
        return found

    def close(self):
        for pid, _ in self.left_alive():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        subprocess.run(["chmod", "-R", "u+rwX", self.box], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["rm", "-rf", "--one-file-system", self.box], stderr=subprocess.DEVNULL, check=False)  # paths may be too long for others


def one(play, axmake, seed, keep):
    """(seed, what went wrong or nothing, counts)"""
    r, fault, counts = Round(axmake, seed), "", {}
    try:
        counts = play(r) or {}
    except Failed as e:
        fault = str(e)
    except Exception:  # a round that cannot be judged has failed
        fault = traceback.format_exc()
    finally:
        if keep and fault:
            fault += f"\nkept: {r.box}"
        else:
            r.close()
    return seed, fault, counts


def main(play, rounds, words=""):
    """words: those of the failing round's command line that a seed does not say."""
    p = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake", default=os.path.join(TREE, "axmake"))
    p.add_argument("--rounds", type=int, default=rounds)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    p.add_argument("--keep", action="store_true", help="the folders of rounds that fail")
    o = p.parse_args()
    if "TMPDIR" not in os.environ and os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    print(f"from --seed {o.seed}", flush=True)
    passed, failed, sums, begin = 0, 0, {}, time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(o.jobs) as pool:
        pending, at = set(), o.seed
        while pending or (at < o.seed + o.rounds and failed < 20):
            while at < o.seed + o.rounds and failed < 20 and len(pending) < o.jobs:
                pending.add(pool.submit(one, play, os.path.abspath(o.axmake), at, o.keep))
                at += 1
            ready, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for seed, fault, counts in (f.result() for f in ready):
                passed, failed = passed + (not fault), failed + bool(fault)
                for k, n in counts.items():
                    sums[k] = sums.get(k, 0) + n
                if fault:
                    print(f"FAILED  --rounds 1 --seed {seed}{words}", fault, sep="\n", flush=True)
    print(", ".join(f"{n} {k}" for k, n in sorted(sums.items())) + f"; seeds {o.seed} to {at - 1}, {time.monotonic() - begin:.1f} s", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
