"""What the cases of the jobserver suite share: folders, workflows, a parent that counts tokens, overlaps."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

NOBODY = 65534


class Failed(Exception):
    pass


class Late(Failed):
    """Something took too long or too little ran at once: a busy machine may do that now and then, so the case is tried again."""


class Skipped(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failed(message)


def in_time(condition, message):
    if not condition:
        raise Late(message)


def equal(got, want, what):
    check(got == want, f"{what}: {got!r}, expected {want!r}")


def overlap(spans):
    """The most stretches that ran at one moment."""
    events = sorted([(s, 1) for s, _, _ in spans] + [(e, -1) for _, e, _ in spans])
    now = most = 0
    for _, step in events:
        now += step
        most = max(most, now)
    return most


class Result:
    """How a command ended, and what the parent counted if there was one."""

    def __init__(self, rc, out, err, report=None):
        self.rc, self.out, self.err = rc, out, err
        self.report = report or {}

    def has(self, text):
        check(text in self.err, f"stderr lacks {text!r}:\n{self.err}")
        return self

    def lacks(self, *texts):
        for text in texts:
            check(text not in self.err, f"stderr has {text!r}:\n{self.err}")
        return self

    def quiet(self):
        """Nothing was said of a jobserver, and no warning."""
        return self.lacks("jobserver", "warning", "INTERNAL")

    def ended(self, rc=0):
        check(self.rc == rc, f"exit status {self.rc}, expected {rc}:\n{self.err}")
        check(not self.report.get("timed_out"), f"it hung:\n{self.err}")
        return self

    def balanced(self):
        """Exactly the bytes that were in the pool are in it."""
        r = self.report
        check(not r["timed_out"], f"it hung:\n{self.err}")
        check(not r["lost"] and not r["extra"], f"tokens lost: {r['lost']}, not ours: {r['extra']}\n{self.err}")
        equal(r["flag_changes"], 0, "samples with a changed mode of the inherited descriptors")
        equal(r["decoy"], 0, "bytes in the pipe that was not the pool")
        return self

    def fewest_free(self, from_ms=0, to_ms=1 << 30):
        """The least that was in the pool between two moments after the start."""
        changes = [(us / 1000, free) for us, free in self.report["free"]]
        before = [free for at, free in changes if at < from_ms][-1:]
        within = [free for at, free in changes if from_ms <= at < to_ms]
        return min(before + within)

    def free_between(self, from_ms, to_ms, want, what):
        least = self.fewest_free(from_ms, to_ms)
        in_time(least == want, f"{what}: {least} tokens free, expected {want}")


class Case:
    """A folder of its own and the programs under test."""

    def __init__(self, suite, name):
        self.suite, self.name = suite, name
        self.dir = os.path.join(suite.base, name)
        os.mkdir(self.dir)
        self.axmake, self.peer, self.client = suite.axmake, suite.peer, suite.client
        self.spans_file = os.path.join(self.dir, "spans")
        self.n_reports = 0
        with open(self.axmake, "rb") as f:
            # A program with a sanitizer takes several times as long to start: what is to overlap has to last longer, by this factor.
            self.slow = 4 if b"__asan_init" in f.read() else 1

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def span(self, name="t", ms=80):
        """A shell command that takes that long and is written down."""
        return f"{shlex.quote(self.client)} span {shlex.quote(self.spans_file)} {name} {ms * self.slow}"

    def take(self, k, ms, *options):
        return " ".join([shlex.quote(self.client), "take", str(k), str(ms), *options])

    def workflow(self, tasks, name="workflow.ax.yaml"):
        """tasks: name -> keys, or name -> script. JSON is YAML enough for the values."""
        text = "tasks:\n"
        for task, keys in tasks.items():
            if isinstance(keys, str):
                keys = {"run": keys}
            text += f"  - name: {json.dumps(task)}\n"
            for key, value in keys.items():
                text += f"    {key}: {json.dumps(value)}\n"
        return self.write(name, text)

    def many(self, n, ms=80, name="workflow.ax.yaml", prefix="t"):
        """n independent tasks."""
        return self.workflow({f"{prefix}{i}": self.span(f"{prefix}{i}", ms) for i in range(n)}, name)

    def spans(self):
        if not os.path.exists(self.spans_file):
            return []
        with open(self.spans_file) as f:
            lines = [line.split() for line in f]
        return [(int(a), int(b), name) for a, b, name in lines]

    def span_of(self, name):
        found = [s for s in self.spans() if s[2] == name]
        check(len(found) == 1, f"task {name} ran {len(found)} times")
        return found[0]

    def forget_spans(self):
        if os.path.exists(self.spans_file):
            os.unlink(self.spans_file)

    def overlaps(self, want, ran=None):
        got = self.spans()
        if ran is not None:
            equal(len(got), ran, "stretches written down")
        check(overlap(got) <= want, f"{overlap(got)} tasks at one moment, {want} allowed")
        in_time(overlap(got) == want, f"only {overlap(got)} tasks at one moment, expected {want}")

    def fresh(self):
        """As if nothing had run here."""
        shutil.rmtree(self.path(".axmake"), ignore_errors=True)
        self.forget_spans()

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if "MAKE" not in k and "XDG" not in k and not k.startswith("AX")}
        env["HOME"] = env["TMPDIR"] = self.dir
        env.update({k: v for k, v in more.items() if v is not None})
        return env

    def run(self, argv, cwd=None, timeout=30, pass_fds=(), **env):
        """A command without a counting parent."""
        try:
            p = subprocess.run(argv, cwd=cwd or self.dir, env=self.env(**env), capture_output=True, text=True, timeout=timeout,
                               stdin=subprocess.DEVNULL, pass_fds=pass_fds)
        except subprocess.TimeoutExpired as e:
            raise Failed(f"it hung: {' '.join(argv)}\n{(e.stderr or b'').decode(errors='replace')}")
        return Result(p.returncode, p.stdout, p.stderr)

    def ax(self, *args, **kw):
        return self.run([self.axmake, *args], **kw)

    def under(self, tokens, *args, peer=(), command=None, cwd=None, **env):
        """axmake (or a shell command) under the counting parent."""
        self.n_reports += 1
        report = os.path.join(self.suite.base, f"{self.name}.{self.n_reports}.json")
        argv = [self.peer, "--tokens", str(tokens), "--report", report, *map(str, peer), "--"]
        argv += ["/bin/sh", "-c", command] if command else [self.axmake, *args]
        r = self.run(argv, cwd=cwd, timeout=40, **env)
        check(os.path.exists(report), f"the parent itself failed: {r.err}")
        with open(report) as f:
            text = f.read()
        check(text.strip(), f"the parent itself failed: {r.err}")
        r.report = json.loads(text)
        # A signal as subprocess names it.
        r.rc = -r.report["signal"] if r.report["signal"] else r.report["rc"]
        return r

    def start(self, argv, **env):
        p = subprocess.Popen(argv, cwd=self.dir, env=self.env(**env), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                             stdin=subprocess.DEVNULL)
        self.suite.children.append(p)
        return p

    def finish(self, p, timeout=20):
        try:
            _, err = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            raise Failed("it hung")
        return Result(p.returncode, "", err)

    def wait_for(self, condition, what, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            check(time.monotonic() < end, f"waited {seconds} s in vain for {what}")
            time.sleep(0.005)


class Suite:
    def __init__(self, axmake, peer, client):
        self.base = tempfile.mkdtemp(prefix="axmake-jobserver-suite.")
        os.chmod(self.base, 0o755)
        self.axmake, self.peer, self.client = (self.borrow(p) for p in (axmake, peer, client))
        self.children = []

    def borrow(self, program):
        """A copy that another user may run too, whatever the folder it comes from."""
        to = os.path.join(self.base, os.path.basename(program))
        shutil.copyfile(program, to)
        os.chmod(to, 0o755)
        return to

    def close(self):
        for p in self.children:
            if p.poll() is None:
                p.kill()
                p.wait()
        shutil.rmtree(self.base, ignore_errors=True)


SIGNALS = {"int": signal.SIGINT, "term": signal.SIGTERM, "hup": signal.SIGHUP, "quit": signal.SIGQUIT, "pipe": signal.SIGPIPE}
