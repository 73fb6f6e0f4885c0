"""axmake --watch as a process that is written to by edits and read line by line. Nothing waits for a time to pass: each step waits for what the last one brings about."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from suite import Failed, check, equal, read, write  # noqa: E402

LIMIT_S = 60
IDLE = r"^axmake: watching \d+ folders?; Ctrl-C ends$"


class Watch:
    """Of the folder `root` in the box; what it prints on both streams comes in one order."""

    def __init__(self, box, *args, workflow=None, cwd="root", **how):
        self.box, self.root = box, box.path("root")
        self.text = ""
        os.makedirs(self.root, exist_ok=True)
        if workflow:
            self.put("workflow.ax.yaml", workflow)
        env = {"AXMAKEFLAGS": "--no-cache", **box.env, **how.pop("env", {})}
        command = how.pop("before", []) + [box.axmake, "--watch", *args]
        self.process = subprocess.Popen(
            command, cwd=box.path(cwd), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, **how)
        self.lines = queue.Queue()
        threading.Thread(target=self.read_lines, daemon=True).start()

    def read_lines(self):
        for line in self.process.stdout:
            self.lines.put(line.decode(errors="replace"))
        self.lines.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    # Edits

    def path(self, name):
        return os.path.join(self.root, name)

    def put(self, name, text):
        write(self.path(name), text)

    def save(self, name, text):
        """As editors do that write another file and rename it."""
        write(self.path(name + ".new~"), text)
        os.rename(self.path(name + ".new~"), self.path(name))

    def burst(self, *edits):
        """So many at once that the watcher sees no pause between them."""
        self.process.send_signal(signal.SIGSTOP)
        for edit in edits:
            edit()
        self.process.send_signal(signal.SIGCONT)

    def standby(self):
        """The process that holds the next round ready, asleep, where no round is on its way (it waits in recvfrom); else None."""
        children = read(f"/proc/{self.process.pid}/task/{self.process.pid}/children").split()
        try:
            asleep = len(children) == 1 and read(f"/proc/{children[0]}/syscall").startswith(("45 ", "207 "))
        except OSError:
            return None
        return int(children[0]) if asleep else None

    def ready(self):
        """Until the next round is ready."""
        wait_for(self.standby, "the next round is ready")
        return self.standby()

    # What comes of it

    def until(self, pattern):
        """All that is printed until a line matches."""
        text = ""
        while True:
            try:
                line = self.lines.get(timeout=LIMIT_S)
            except queue.Empty:
                raise Failed(f"waited for {pattern!r}; since the last step:\n{text}\nbefore that:\n{self.text}")
            if line is None:
                raise Failed(f"it ended, waiting for {pattern!r}; since the last step:\n{text}\nbefore that:\n{self.text}")
            text += line
            self.text += line
            if re.search(pattern, line.rstrip("\n")):
                return text

    def idle(self):
        """Until it waits. The round as a text."""
        return self.until(IDLE)

    def round(self, name):
        """A round that begins because of this path."""
        text = self.idle()
        check(text.startswith(f"axmake: {name} changed\n"), f"no round for {name}:", text)
        return text

    def ended(self):
        """The exit status, when all its output has come."""
        while True:
            line = self.lines.get(timeout=LIMIT_S)
            if line is None:
                return self.process.wait(LIMIT_S)
            self.text += line

    def ends_by(self, number, send=True):
        if send:
            self.process.send_signal(number)
        equal(self.ended(), -number, self.text)

    def ran(self):
        """Names that tasks wrote into `ran`, which lies outside of what is watched."""
        path = self.box.path("ran")
        return read(path).split() if os.path.exists(path) else []


def wait_for(holds, what):
    """For what no line tells."""
    import time

    end = time.monotonic() + LIMIT_S
    while not holds():
        check(time.monotonic() < end, f"waited in vain: {what}")
        time.sleep(0.01)
