#!/usr/bin/env python3
"""Fails axmake's system calls, one in each run, and looks what becomes of it.

    python3 tests/faults/run.py [--axmake ./axmake] [--all [--part K/N]] [--seed N] [--rounds N] [--only SCENE[:CALL[:NTH[:ERROR]]]]

strace says which calls a run makes and fails one of them in the next; what axmake starts is left alone. After the run without luck come
one without a fault and one with nothing to do. Of each is asked:

- it ends by itself, in time and by no signal; if it failed, it said so in words, with the error that there was;
- where it says that all is done, all is done; what stands there after the next run is what a run without faults makes;
- the run after that has nothing to do, nothing half-done is left, and no agent was asked twice for one answer.

Three more faults are played: a read or write that moves one byte only (SHORT, by strike.c, no fault for axmake), and a disk with so many pages or names left (full.py). Those of
a watch and of the rounds that it forks are told in watched.py, those of axmake-guard in guarded.py, those of axmake-http and axmake-carry in helped.py.

--all: every call of every scene with every error, of those that look alike the first and the last, and of them what --only names. --only alone: all that
it names. Otherwise some of them, by the seed.
"""

import argparse
import collections
import concurrent.futures
import errno
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import guarded  # noqa: E402
import helped  # noqa: E402
import watched  # noqa: E402
from scenes import SCENES, made  # noqa: E402

LIMIT_S = 40
CALL = re.compile(r"^(\w+)\((.*)")

# What each call may fail with, on a machine that is full, broken or busy. What is not listed is not failed: it has no way to, or (brk) none that
# strace can play.
ERRORS = {
    "openat": "EMFILE ENFILE EACCES ENOSPC EIO ENOMEM", "read": "EIO EINTR EAGAIN", "pread64": "EIO EINTR", "write": "ENOSPC EIO EINTR EAGAIN", "pwrite64": "ENOSPC EIO EINTR",
    "writev": "ENOSPC EIO EINTR", "fsync": "EIO ENOSPC", "fdatasync": "EIO", "ftruncate": "EIO ENOSPC", "close": "EIO EINTR",
    "renameat": "EIO ENOSPC EACCES", "renameat2": "EIO ENOSPC EINVAL EACCES", "rename": "EIO EACCES", "linkat": "EIO EMLINK EPERM EACCES", "unlinkat": "EIO EACCES", "unlink": "EIO EACCES",
    "mkdirat": "ENOSPC EACCES EIO", "mkdir": "ENOSPC EACCES", "symlinkat": "ENOSPC EIO EACCES", "rmdir": "EIO", "newfstatat": "EIO EACCES ENOMEM", "statx": "EIO EACCES ENOMEM", "fstat": "EIO",
    "faccessat2": "EACCES EIO", "access": "EACCES", "readlink": "EIO EACCES ENOMEM", "readlinkat": "EIO EACCES", "getdents64": "EIO ENOMEM", "lseek": "EIO", "getcwd": "ENOENT",
    "fcntl": "ENOLCK EINTR EAGAIN", "flock": "EINTR ENOLCK EAGAIN", "ioctl": "ENOTTY EIO", "mmap": "ENOMEM EAGAIN", "mprotect": "ENOMEM", "madvise": "ENOMEM EAGAIN",
    "pipe2": "EMFILE ENFILE", "epoll_create1": "EMFILE ENFILE", "epoll_ctl": "ENOMEM ENOSPC", "epoll_wait": "EINTR", "poll": "EINTR ENOMEM", "inotify_init1": "EMFILE ENFILE",
    "inotify_add_watch": "ENOSPC ENOMEM EACCES", "signalfd4": "EMFILE ENFILE", "memfd_create": "EMFILE ENFILE", "pidfd_open": "EMFILE ENFILE ENOMEM", "pidfd_send_signal": "EPERM",
    "socketpair": "EMFILE ENFILE", "sendto": "EPIPE ENOBUFS EINTR EAGAIN", "recvfrom": "ECONNRESET EINTR EAGAIN",
    "vfork": "EAGAIN ENOMEM", "clone": "EAGAIN ENOMEM", "clone3": "EAGAIN", "wait4": "EINTR", "waitid": "EINTR", "kill": "EPERM", "getrandom": "EINTR EAGAIN",
    "fchmodat": "EPERM EIO EACCES", "fchmod": "EPERM EIO", "utimensat": "EIO EACCES", "copy_file_range": "EIO ENOSPC EXDEV", "sendfile": "EIO EAGAIN EINTR", "fallocate": "ENOSPC",
    "dup2": "EMFILE", "dup3": "EMFILE", "prctl": "EINVAL", "unshare": "EPERM ENOSPC", "setns": "EPERM", "mount": "EPERM", "fstatfs": "EIO", "fgetxattr": "EIO", "nanosleep": "EINTR",
    "seccomp": "EBUSY EINVAL", "sendmsg": "ENOBUFS EINTR", "recvmsg": "ENOBUFS EINTR", "process_vm_readv": "EPERM ESRCH", "close_range": "ENOSYS", "execve": "ENOMEM EACCES",
}  # fmt: skip
OTHERS = [(watched, watched.WATCHED), (guarded, guarded.GUARDED), (helped, helped.HELPED)]  # by strike.c
HARMLESS = {"EINTR", "SHORT"}  # is no fault: the run has to succeed
SHORTENED = ("read", "pread64", "write", "pwrite64", "copy_file_range", "sendfile")
FULL = {"pages": range(0, 64), "names": range(0, 96)}  # what a disk has left
# What was found here once is played each time: scene, call, a pattern in its arguments, error.
FOUND = [
    ("nothing to do", "newfstatat", '"results/', "EIO"),
    ("an edit", "newfstatat", '"results/', "EACCES"),
    ("anew", "newfstatat", '"first.txt"', "EIO"),
    ("anew", "openat", '"first.txt"', "ENOMEM"),
    ("an edit", "pread64", "", "EIO"),
    ("restored", "newfstatat", '"first.txt"', "EACCES"),
    ("restored", "openat", '"cache/v1"', "EMFILE"),
    ("restored", "newfstatat", r'"draft.txt", .*AT_SYMLINK_NOFOLLOW', "ENOMEM"),
    ("restored", "read", "", "EIO"),
    ("an edit after a seal", "read", ", 65536", "EIO"),
    ("anew", "pwrite64", "", "SHORT"),
    ("anew", "pread64", "", "SHORT"),
    ("anew", "names", "20", "FULL"),
    ("sandboxed", "wait4", "WNOHANG", "EINTR"),
    # These were told by another error's name.
    ("anew", "fchmod", "0700", "EIO"),
    ("anew", "fchmodat", "", "EIO"),
    ("anew", "openat", '"/dev/null"', "ENOMEM"),
    ("an edit", "read", "the answer of plan", "EIO"),
    ("an edit after a seal", "openat", r'"\.axmake"', "ENOMEM"),
    ("views", "openat", '/began"', "ENOMEM"),
    ("sandboxed", "newfstatat", '"folder"', "ENOMEM"),
    ("sandboxed", "readlink", '/axmake-faults-[^/"]*/tmp[^/"]*", ', "EIO"),  # the root: a sandbox was made without it
    ("removed in an overlay", "openat", '"(tree|d)"', "ENFILE"),
    ("removed in an overlay", "fgetxattr", "", "EIO"),
    ("removed in an overlay", "newfstatat", '"tree"', "EIO"),
    ("to a server", "newfstatat", 'axmake-http"', "ENOMEM"),
    ("watched", "wait4@watch", "", "EINTR"),
    ("watched", "inotify_add_watch@watch", "watch src$", "EACCES"),
    ("watched", "recvfrom@standby", "", "ECONNRESET"),
    ("watched", "kill@watch", "", "EPERM"),
    ("watched and followed", "epoll_ctl@watch", "", "ENOSPC"),
    ("watched, a new file", "newfstatat@watch", "watch src/c$", "EIO"),
    ("guarded", "recvmsg@keeper", "", "ENOBUFS"),
    ("guarded", "sendmsg@builder", "", "ENOBUFS"),
    ("watched", "newfstatat@watch", r"watch \.?$", "EIO"),
    # What was not shared, and a command's input that was cut, without a word.
    ("helped to a server", "openat@helper", "^objects", "EIO"),
    ("helped to a server", "openat@helper", "^cache", "EMFILE"),
    ("helped from a server", "renameat@helper", "^tmp", "ENOSPC"),
    ("carried", "read@helper", "^pipe", "EIO"),
    ("carried", "write@helper", "^pipe", "EIO"),
]


class Fault(collections.namedtuple("Fault", "scene call nth error what")):
    def __str__(self):
        return f"{self.scene.name}:{self.call}:{self.nth}:{self.error}"


class Ended(collections.namedtuple("Ended", "status text")):
    pass


MEMORY = {"mmap", "mprotect", "madvise"}  # of these most are a sanitizer's own, which ends the program where one fails


class Suite:
    def __init__(self, axmake, top):
        self.axmake, self.top = os.path.abspath(axmake), top
        with open(self.axmake, "rb") as f:
            self.sanitized = b"__asan_init" in f.read()
        self.beside = None  # where else than beside a scene's folder its counts are kept
        self.strike, self.shortened = None, SHORTENED  # the program that shortens calls, and fails those of forked processes
        self.copy = os.path.join(top, "axmake")
        self.met = 0  # faults by strike.c that the run has met
        self.home = os.path.join(top, "home")
        os.makedirs(self.home, exist_ok=True)

    def near(self, folder, ending):
        return (self.beside or folder) + ending

    def env(self, folder):
        env = {"PATH": os.environ["PATH"], "HOME": self.home, "LC_ALL": "C.UTF-8", "TMPDIR": self.top}
        env.update(CALLS=self.near(folder, ".calls"), XDG_RUNTIME_DIR=self.near(folder, ".limits"))
        env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # which strace does not let it do
        os.makedirs(env["XDG_RUNTIME_DIR"], mode=0o700, exist_ok=True)
        return env

    def call(self, folder, words, strace=(), program=None):
        env = self.env(folder)
        with tempfile.TemporaryFile() as out:
            p = subprocess.Popen([*strace, program or self.axmake, *words], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
            try:
                status = p.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
                status = "has not ended"
            out.seek(0)
            return Ended(status, out.read().decode(errors="replace"))

    def lay(self, scene, folder):
        scene.lay(folder)
        if scene.first:
            first = self.call(folder, ["-j2"])
            if first.status:
                sys.exit(f"faults: the scene '{scene.name}' does not work without faults\n{first.text}")
            if scene.sealed:
                self.call(folder, scene.command)
                time.sleep(0.03)  # what was made is old enough now
                self.call(folder, scene.command)
            scene.first(folder)

    def record(self, scene):
        """The calls of a run without faults, after those that start the program: (name, which of that name, arguments)."""
        folder = tempfile.mkdtemp(dir=self.top)
        self.lay(scene, folder)
        trace = folder + ".trace"
        r = self.call(folder, scene.command, ["strace", "-o", trace])
        if r.status and not (scene.command == ["-n"] and r.status == 0):
            sys.exit(f"faults: the scene '{scene.name}' does not work under strace\n{r.text}")
        counts, calls, started = collections.Counter(), [], False
        with open(trace, encoding="utf-8", errors="replace") as f:
            for line in f:
                m = CALL.match(line)
                if not m:
                    continue
                counts[m[1]] += 1
                if started and m[1] in ERRORS and self.may_fail(m[1]) and (m[1] != "fcntl" or "SETLK" in m[2]):  # the kernel has no other way to refuse one
                    calls.append((m[1], counts[m[1]], m[2].strip()))
                started = started or m[1] == "rt_sigaction" or "/proc/self/exe" in m[2] or "RLIMIT_CORE" in m[2]  # the program's own first call
        shutil.rmtree(folder)
        return calls

    def may_fail(self, call):
        return not (self.sanitized and call in MEMORY)

    def faults(self):
        found = []
        for scene in SCENES:
            for call, nth, what in self.record(scene):
                short = ["SHORT"] if call in SHORTENED and self.strike else []
                opened = "AT_EMPTY_PATH" in what  # whose descriptor is there nobody can refuse a look
                found += [Fault(scene, call, nth, error, what) for error in ERRORS[call].split() + short if not (opened and error == "EACCES")]
        full = [Fault(scene, what, n, "FULL", f"{n}") for scene in SCENES if scene.writes for what in FULL for n in FULL[what]] if self.full else []
        others = [f for part, scenes in OTHERS for scene in scenes for f in part.record(self, scene, ERRORS, self.may_fail)] if self.strike else []
        return found + full + others

    def tools(self):
        """What more than strace may do here; what may not, in words."""
        self.strike = os.path.join(self.top, "strike")
        lacks = []
        if subprocess.run(["cc", "-O1", "-o", self.strike, os.path.join(HERE, "strike.c")], stderr=subprocess.DEVNULL, check=False).returncode:
            self.strike = None
            lacks.append("no reads and writes of one byte, and no watch: strike.c cannot be compiled here")
        if guarded.GUARDED and not (self.strike and guarded.watches(self)):
            guarded.GUARDED.clear()
            lacks.append("no watched sandbox: axmake-guard was not built, or cannot hear of calls here")
        self.full = next((u for u in (["unshare", "-m"], ["unshare", "-Urm"]) if subprocess.run([*u, "mount", "-t", "tmpfs", "tmpfs", self.home], stderr=subprocess.DEVNULL, check=False).returncode == 0), None)
        if not self.full:
            lacks.append("no full disk: no file system may be mounted here")
        return lacks

    def prefix(self, fault, trace):
        if fault.error == "SHORT":
            return [self.strike, trace, "0", fault.call, "*", str(fault.nth), "0"]
        return ["strace", "-o", trace, "-e", "signal=none", "-e", f"inject={fault.call}:error={fault.error}:when={fault.nth}"]

    def judge_full(self, fault):
        r = subprocess.run([*self.full, sys.executable, os.path.join(HERE, "full.py"), self.axmake, fault.scene.name, fault.call, str(fault.nth)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return [r.stdout] if r.stdout or r.returncode else []

    def judge(self, fault):
        """What is wrong after this fault, in words; empty where nothing is."""
        if fault.error == "FULL":
            return self.judge_full(fault)
        for part, scenes in OTHERS:
            if fault.scene in scenes:
                return part.judge(self, fault)
        folder = tempfile.mkdtemp(dir=self.top, prefix="root-")
        try:
            self.lay(fault.scene, folder)
            hit = self.call(folder, fault.scene.command, self.prefix(fault, folder + ".trace"))
            with open(folder + ".trace", encoding="utf-8", errors="replace") as f:
                trace = f.read()
            injected = [line for line in trace.splitlines() if "(INJECTED)" in line]
            if injected and fault.call == "fcntl" and "SETLK" not in injected[-1]:
                return []  # this time it was another of that name, which cannot fail so
            if injected and fault.error == "EACCES" and "AT_EMPTY_PATH" in injected[-1]:
                return []  # as above: time made it another one
            return [f"{w}\n-- failed: {injected[-1] if injected else 'nothing'}\n{hit.text}" for w in self.wrong(fault, folder, hit, bool(injected))]
        finally:
            self.clear(folder)

    def clear(self, folder):
        for path in (folder, folder + ".limits"):
            shutil.rmtree(path, ignore_errors=True)
        for path in (folder + ".calls", folder + ".trace"):
            if os.path.exists(path):
                os.unlink(path)

    def asked_in(self, folder):
        return calls_of(self.near(folder, ".calls"))

    def difference(self, seen, wanted):
        return difference(seen, wanted)

    def wrong(self, fault, folder, hit, injected):
        if not isinstance(hit.status, int):
            yield "it " + hit.status
            return
        if hit.status < 0 or hit.status > 100:
            yield f"it ended by a signal ({hit.status})"
        # What only reads has no handler of signals, by which a write could be broken off: that it fails with a word is enough.
        if hit.status and injected and fault.error in HARMLESS and fault.scene.writes:
            yield f"{fault.error} made it fail with {hit.status}"
        if hit.status and not re.search(r"axmake: |: error: ", hit.text):
            yield f"it ended with {hit.status} and without a word"
        elif hit.status and injected and fault.error in errno.errorcode.values() and fault.error not in HARMLESS and os.strerror(getattr(errno, fault.error)) not in hit.text:
            yield f"it ended with {hit.status} and did not say by what"
        if not fault.scene.writes:
            return
        wanted = self.wanted[fault.scene.name]
        if hit.status == 0 and made(folder) != wanted:
            yield "it said that all is done, and it is not: " + difference(made(folder), wanted)
        may_pay = fault.error == "EACCES" and re.search(r"warning: .*cannot (use|read) the cache", hit.text)  # who may not read it goes on without it
        yield from self.after(fault.scene, folder, may_pay)

    def after(self, scene, folder, may_pay=None):
        """What is wrong in the runs that follow, without faults."""
        wanted = self.wanted[scene.name]
        after = self.call(folder, scene.command)
        if after.status:
            yield f"the next run failed with {after.status}\n{after.text}"
        elif made(folder) != wanted:
            yield f"the next run left something else: {difference(made(folder), wanted)}\n{after.text}"
        elif self.call(folder, ["-q"]).status:
            yield "the run after the next has something to do\n" + self.call(folder, ["--explain"]).text
        elif scene.sealed:
            scene.sealed(folder)
            last = self.call(folder, scene.command)
            if last.status or made(folder) != self.later[scene.name]:
                yield f"an edit after that was not followed: {difference(made(folder), self.later[scene.name])}\n{last.text}"
        twice = calls_of(self.near(folder, ".calls"))
        if not may_pay and any(n > self.asked[scene.name].get(task, 0) for task, n in twice.items()):
            yield f"an answer was paid for twice: {dict(twice)}"
        left = [n for n in leftovers(folder)]
        if left:
            yield f"it is left: {left}"

    def learn(self, scenes=None):
        """What each scene makes, and whom it asks how often, when nothing fails."""
        self.wanted, self.asked, self.later, self.stages = {}, {}, {}, {}
        for scene in scenes or SCENES + guarded.GUARDED + helped.HELPED:
            folder = tempfile.mkdtemp(dir=self.top)
            self.lay(scene, folder)
            self.call(folder, scene.command)
            self.call(folder, scene.command)
            self.wanted[scene.name], self.asked[scene.name] = made(folder), calls_of(self.near(folder, ".calls"))
            if scene.sealed:
                scene.sealed(folder)
                self.call(folder, scene.command)
                self.later[scene.name] = made(folder)
            shutil.rmtree(folder)
            if self.beside and os.path.exists(self.beside + ".calls"):
                os.unlink(self.beside + ".calls")
        for scene in () if scenes else watched.WATCHED:
            self.stages[scene.name], self.asked[scene.name] = watched.learn(self, scene)
            self.wanted[scene.name] = self.stages[scene.name][-1]


def difference(seen, wanted):
    names = [n for n in sorted(set(seen) | set(wanted)) if seen.get(n) != wanted.get(n)]
    return ", ".join(f"{n} ({'lacks' if n not in seen else 'is too much' if n not in wanted else 'differs'})" for n in names)


def calls_of(path):
    try:
        with open(path, encoding="utf-8") as f:
            return collections.Counter(f.read().split())
    except OSError:
        return collections.Counter()


def leftovers(folder):
    """Unfinished files below .axmake that two good runs have not taken away."""
    for at, folders, files in os.walk(os.path.join(folder, ".axmake")):
        for name in files + folders:
            if name.endswith(".tmp") or os.path.basename(at) == "tmp" or name in ("restore", "views"):
                yield os.path.relpath(os.path.join(at, name), folder)


def usable():
    """Why not, in words; None where strace may trace here."""
    if not shutil.which("strace"):
        return "there is no strace"
    r = subprocess.run(["strace", "-o", "/dev/null", "-e", "inject=getcwd:error=ENOENT:when=1", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    return None if r.returncode == 0 else "strace may not trace here: " + r.stderr.strip()


def unlike(faults):
    """Of faults that differ in numbers and random names only, the first and the last."""
    alike = {}
    for f in faults:
        alike.setdefault((f.scene.name, f.call, f.error, re.sub(r"[0-9a-f]*[0-9][0-9a-f]*|/[0-9a-f]{2}(?=[/\"])", "N", f.what)), []).append(f)
    return [f for of in alike.values() for f in of[:1] + of[1:][-1:]]


def of_each_kind(rng, faults, n):
    by_kind = collections.defaultdict(list)
    for f in faults:
        by_kind[f.call, f.error].append(f)
    kinds = sorted(by_kind)
    return [rng.choice(by_kind[kinds[i % len(kinds)]]) for i in rng.sample(range(max(n, len(kinds))), n)] if kinds else []


def chosen(faults, args):
    if args.only:
        parts = args.only.split(":")
        faults = [f for f in faults if all(p in ("", str(v)) for p, v in zip(parts, (f.scene.name, f.call, f.nth, f.error)))]
    if args.only and not args.all:
        return faults
    if args.all:
        which, of = (int(n) for n in args.part.split("/"))
        return unlike(faults)[which - 1 :: of]
    rng = random.Random(args.seed)
    found = [f for f in faults for scene, call, part, error in FOUND if (f.scene.name, f.call, f.error) == (scene, call, error) and re.search(part, f.what)]
    others = [f for f in faults if any(f.scene in scenes for _, scenes in OTHERS)]
    plain = [f for f in faults if not any(f.scene in scenes for _, scenes in OTHERS)]
    return rng.sample(found, min(len(found), args.rounds // 3)) + of_each_kind(rng, plain, args.rounds) + of_each_kind(rng, others, args.rounds // 3)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake", default=os.path.join(os.path.dirname(__file__), "../../axmake"))
    p.add_argument("--all", action="store_true")
    p.add_argument("--part", default="1/1", help="K/N: of all, every Nth from the Kth on")
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--rounds", type=int, default=40)
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    p.add_argument("--only", default="")
    args = p.parse_args()
    why = usable()
    if why:
        print(f"skipped  faults: {why}\n0 passed, 0 failed, 1 skipped")
        return 0
    failed = 0
    with tempfile.TemporaryDirectory(prefix="axmake-faults-") as top:
        suite = Suite(args.axmake, os.path.realpath(top))
        lacks = suite.tools()
        if not os.path.exists(os.path.join(os.path.dirname(suite.axmake), "axmake-http")):
            SCENES[:] = [s for s in SCENES if not s.shared]
            helped.HELPED.clear()
            lacks.append("no shared cache: axmake-http was not built")
        for why in lacks:
            print(f"skipped  faults: {why}")
        suite.learn()
        todo = chosen(suite.faults(), args)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for fault, wrong in zip(todo, pool.map(suite.judge, todo)):
                failed += bool(wrong)
                for what in wrong:
                    print(f"FAILED   --only '{fault}': {what}", flush=True)
    by_strike = sum(any(f.scene in scenes for _, scenes in OTHERS) for f in todo)
    if by_strike:
        print(f"of {by_strike} faults of watches, guards and helpers {suite.met} were met")
    print(f"seed {args.seed}\n{len(todo) - failed} passed, {failed} failed" + (f", {len(lacks)} skipped" if lacks else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
