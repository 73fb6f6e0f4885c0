"""Running commands and measuring them; rounds; where rows are kept. A row's figures come from one session, its rounds interleaved."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import rows


class Failed(Exception):
    pass


class Seen:
    """One whole process."""

    def __init__(self, line):
        wall, cpu, kib = line.split()
        self.wall, self.cpu, self.mib = float(wall), float(cpu), float(kib) / 1024


class Bench:
    """What all rows share: programs, an environment without the user's settings, a folder, the time that is left, and the rows so far."""

    def __init__(self, args):
        self.args, self.begun, self.rows, self.figures, self.left_out, self.makespans = args, time.monotonic(), [], {}, [], []
        self.axmake = os.path.abspath(args.axmake)
        self.bin = os.path.dirname(self.axmake)
        self.ax, self.offline = (os.path.join(self.bin, name) for name in ("ax", "axmake-offline"))
        programs = os.path.abspath(args.programs)
        self.measure, self.atonce, self.least, self.stamp = (os.path.join(programs, name) for name in ("measure", "atonce", "least", "stamp"))
        self.env = {"PATH": self.bin + ":" + os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C"}
        self.fast_env = {**self.env, "PATH": os.path.join(programs, "fast") + ":" + self.env["PATH"]}
        self.folder = tempfile.mkdtemp(prefix="axmake-bench-", dir=args.folder)
        self.tools = self.find_tools()

    def find_tools(self):
        """{name: command} of those that are there"""
        j = f"-j{self.args.jobs}"
        there = {"axmake": [self.axmake, j], "ninja": ["ninja", j], "samurai": [self.args.samu, j], "make": ["make", "-r", "-R", j]}
        return {name: command for name, command in there.items() if command[0] and shutil.which(command[0]) and (name == "axmake" or name in self.args.tools.split(","))}

    def version(self, name):
        text = subprocess.run([self.tools[name][0], "--version"], env=self.env, capture_output=True, text=True).stdout
        return (text.split("\n")[0].split() or ["?"])[-1]

    def say(self, text):
        """Progress, with the minutes and seconds since the beginning."""
        gone = int(time.monotonic() - self.begun)
        print(f"[{gone // 60:2}:{gone % 60:02}] {text}", file=sys.stderr, flush=True)

    def late(self):
        return time.monotonic() - self.begun > self.args.minutes * 60

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def fresh(self, name):
        """A new empty folder."""
        path = self.path(name)
        os.makedirs(path)
        return path

    def remove(self, path):
        subprocess.run(["rm", "-rf", path])  # of hundred thousands of files, in a third of the time that Python takes

    def close(self):
        self.remove(self.folder)

    def run(self, command, cwd, env=None):
        """Measures a command that has to end well. Its output is thrown away."""
        r, w = os.pipe()
        p = subprocess.Popen([self.measure, str(w), *command], cwd=cwd, env=env or self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=[w])
        os.close(w)
        err = p.stderr.read()
        line = os.read(r, 200).decode()
        os.close(r)
        p.stderr.close()
        if p.wait():
            raise Failed(f"{' '.join(command)[:200]} failed in {cwd}: {err.decode(errors='replace')[:500]}")
        return Seen(line)

    def rounds(self, what, times, steps, between=None):
        """Calls each of {name: function} once a round, the order turned by one each time; {name: [what they returned]}. What is out of time ends after a whole round."""
        seen, names = {name: [] for name in steps}, list(steps)
        for r in range(times):
            if r and self.late():
                self.say(f"{what}: out of time after {r} of {times} rounds")
                break
            for name in names[r % len(names):] + names[: r % len(names)]:
                seen[name].append(steps[name]())
            if between:
                between()
        return seen

    def row(self, *given, **named):
        """Keeps a row and shows it."""
        row = rows.Row(*given, **named)
        self.rows.append(row)
        self.say("  " + row.line())
        return row

    def leave_out(self, what, why):
        self.left_out.append((what, why))
        self.say(f"  not measured: {what}: {why}")


def medians(seen, of):
    """{name: median of that figure}"""
    return {name: statistics.median(getattr(s, of) for s in each) for name, each in seen.items() if each}


def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb" if isinstance(text, bytes) else "w") as f:
        f.write(text)
