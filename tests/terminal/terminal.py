"""A real terminal (tmux) of a case's own, and what stands on its screen."""

import importlib.util
import os
import re
import subprocess
import time

import suite
from suite import check, write

_spec = importlib.util.spec_from_file_location("cli", os.path.join(suite.TREE, "tests", "cli", "run.py"))
cli = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cli)

PATIENCE_S = 60


class Terminal:
    """A shell in a terminal of that size, in the box's folder `w`."""

    def __init__(self, box, columns=80, rows=14, **env):
        self.box, self.folder = box, box.path("w")
        os.makedirs(self.folder, exist_ok=True)
        self.tmux = ["tmux", "-S", box.path("socket"), "-f", "/dev/null"]
        drop = ("CI", "MAKELEVEL", "NO_COLOR", "TMUX")
        settings = {**{k: v for k, v in os.environ.items() if k not in drop}, **box.env, **env}
        settings = {k: v for k, v in settings.items() if k not in drop or k in env}
        subprocess.run([*self.tmux, "new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", self.folder, "sh"], env=settings, check=True)
        self.type("; ".join(["PS1='$ '", "clear", *(f"export {name}={value}" for name, value in env.items())]))
        self.wait(r"^\$$")

    def close(self):
        subprocess.run([*self.tmux, "kill-server"], stderr=subprocess.DEVNULL, check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def key(self, *keys):
        subprocess.run([*self.tmux, "send-keys", *keys], check=True)

    def type(self, line):
        self.key("-l", line)
        self.key("Enter")

    def resize(self, columns, rows):
        subprocess.run([*self.tmux, "resize-window", "-x", str(columns), "-y", str(rows)], check=True)

    def screen(self):
        text = subprocess.run([*self.tmux, "capture-pane", "-p"], check=True, capture_output=True, text=True, encoding="utf-8").stdout
        return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n") + "\n"

    def asks(self, what):
        """What tmux knows of the terminal, by its formats."""
        return subprocess.run([*self.tmux, "display-message", "-p", what], check=True, capture_output=True, text=True).stdout.strip()

    def _until(self, holds, wanted):
        end = time.monotonic() + PATIENCE_S
        while not holds(seen := self.screen()):
            check(time.monotonic() < end, "seen:", seen, "wanted:", wanted)
            time.sleep(0.05)
        return seen

    def wait(self, regex):
        """Until the screen holds it."""
        return self._until(lambda seen: re.search(regex, seen, re.MULTILINE), regex)

    def shows(self, golden):
        """Until the screen is this."""
        wanted = cli.Wanted(golden.lstrip("\n"), self.folder)
        return self._until(wanted.matches, golden)

    def go(self, name):
        write(os.path.join(self.folder, name), "")


def workflow(box, tasks, **files):
    write(box.path("w", "w.ax.yaml"), "tasks:\n" + "".join(f"  - {t}\n" for t in tasks))
    for name, text in files.items():
        write(box.path("w", name.replace("_", ".")), text)
