"""What the cases stand on: our server, a clean home and root for each case, axmake in an empty environment, and a look at what is left."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
LONGEST_S = 600  # a guard against hangs, also where the machine has much else to do


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def free_memory_mb():
    with open("/proc/meminfo") as f:
        return int(re.search(r"MemAvailable:\s+(\d+)", f.read())[1]) // 1024


class Server:
    """Ends with our end of its standard input, so it cannot outlive us."""

    def __init__(self, node):
        self.folder = tempfile.mkdtemp(prefix="axmake-agents-server-")
        self.log = os.path.join(self.folder, "requests")
        words = [node, os.path.join(HERE, "server.mjs"), self.log]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port = self.process.stdout.readline().strip()
        if not port.isdigit():
            raise Failed("the server did not start")
        self.url = f"http://127.0.0.1:{port}"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def orders(**kw):
    return ";".join(f"{k}={urllib.parse.quote(str(v), safe='')}" for k, v in kw.items())


def heard(prompt):
    data = prompt.strip().encode()
    return f"heard {len(data)} bytes, {hashlib.sha256(data).hexdigest()[:16]}"


class Result:
    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds

    @property
    def text(self):
        return f"--- exit status {self.status}, {self.seconds:.1f} s\n{self.out}--- standard error\n{self.err}"


class Case:
    def __init__(self, suite, program, name):
        self.suite, self.program = suite, program
        self.path = f"/case/{program.name}/{name}"  # tells this case's requests from others' in the server's log
        # Not in /tmp: codex makes no helpers for its sandbox in a home there, and fails where bubblewrap is installed.
        self.folder = tempfile.mkdtemp(prefix="axmake-agents-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        self.home, self.root, self.bin = (os.path.join(self.folder, d) for d in ("home", "root", "bin"))
        for d in (self.home, self.root, self.bin):
            os.mkdir(d)
        os.symlink(suite.node, os.path.join(self.bin, "node"))
        self.env = {"HOME": self.home, "PATH": f"{self.bin}:/usr/bin:/bin", "TERM": "dumb", "LANG": "C.UTF-8"}
        self.add(program)

    def add(self, program, key="dummy-key-of-a-test", model="stub-model", once=False, **by_path):
        """Lets the program be found, and tells it where to call, and with `once` not to try again if it can be told. Orders in `by_path` hold for all that it asks."""
        url = self.suite.server.url + self.path + (f"/do/{orders(**by_path)}" if by_path else "")
        self.env.update(program.env(url, key, model))
        for path, text in program.files(url, key, model, once).items():
            self.write(os.path.join(self.home, path), text)
        link = os.path.join(self.bin, program.bin)
        if not os.path.lexists(link):
            os.symlink(os.path.join(program.bin_folder(self.suite.store), program.bin), link)

    def allow_shell(self):
        """Lets the program run `sh FILE`, by its own settings where its rule alone does not."""
        for path, more in (self.program.shell or {}).items():
            path = os.path.join(self.home, path)
            settings = json.load(open(path)) if os.path.exists(path) else {}
            self.write(path, json.dumps({**settings, **more}))

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)

    def workflow(self, *tasks, **top):
        """JSON is YAML. A task without an agent or script asks `writer` by the case's program."""
        for t in tasks:
            if "task" in t or "task_file" in t:
                t.setdefault("agent", "writer")
                t.setdefault("provider", self.program.name)
                t.setdefault("model", self.program.model)
        tasks = [{k: v for k, v in t.items() if v is not None} for t in tasks]
        self.write("workflow.ax.yaml", json.dumps({**top, "tasks": tasks}))

    def start(self, *words):
        out, err = (open(os.path.join(self.folder, n), "w+") for n in ("out", "err"))
        p = subprocess.Popen([self.suite.axmake, *words], cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
        p.files, p.began = (out, err), time.monotonic()
        return p

    def finish(self, p, limit_s=LONGEST_S):
        try:
            p.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGTERM)
            try:
                p.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
            raise Failed(f"axmake had not ended after {limit_s} s\n{self.outcome(p).text}") from None
        return self.outcome(p)

    def outcome(self, p):
        texts = []
        for f in p.files:
            f.seek(0)
            texts.append(f.read())
            f.close()
        return Result(p.returncode, *texts, time.monotonic() - p.began)

    def script(self, text, limit_s=LONGEST_S):
        env = {**self.env, "PATH": f"{os.path.dirname(self.suite.axmake)}:{self.env['PATH']}", "TMPDIR": self.root}
        p = subprocess.run(["sh", "-c", text], cwd=self.root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit_s)
        return Result(p.returncode, p.stdout, "", 0)

    def axmake(self, *words, status=0, limit_s=LONGEST_S):
        r = self.finish(self.start(*words), limit_s)
        if r.status != status:
            raise Failed(f"exit status {r.status} instead of {status}\n{r.text}")
        return r

    def expect(self, holds, r, what):
        if not holds:
            raise Failed(f"{what}\n{r.text if isinstance(r, Result) else r}")

    def expect_text(self, pattern, r):
        self.expect(re.search(pattern, r.out + r.err), r, f"nothing in its output is like {pattern!r}")

    def result(self, task):
        return self.axmake("--result", task).out.rstrip("\n")

    def requests(self):
        """What the server noted of this case: statuses, or `hang`."""
        if not os.path.exists(self.suite.server.log):
            return []
        with open(self.suite.server.log) as f:
            lines = [json.loads(line) for line in f]
        return [line["what"] for line in lines if line["path"].startswith(self.path + "/")]

    def left(self):
        """Processes that carry a mark of a try below this case's home."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    env = f.read().split(b"\0")
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"HOME={self.home}".encode() in env and any(e.startswith(b"AX_RUN=") for e in env) and words:
                found.append(f"{pid} {words[:100]}")
        return found

    def expect_nothing_left(self, r):
        left = self.left()
        self.expect(not left, r, "still running:\n" + "\n".join(left))

    def wait_for(self, holds, p, seconds=LONGEST_S):
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end or p.poll() is not None:
                os.killpg(p.pid, signal.SIGTERM) if p.poll() is None else None
                raise Failed(f"what was waited for did not happen\n{self.finish(p).text}")
            time.sleep(0.05)

    def close(self, keep):
        for line in self.left():
            os.kill(int(line.split()[0]), signal.SIGKILL)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


class Suite:
    def __init__(self, axmake, store, node, programs):
        self.axmake, self.store, self.node, self.programs = axmake, store, node, programs
        self.server = Server(node)
