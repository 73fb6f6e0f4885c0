"""Runs of what a change reaches alone, beside runs of all: two folders with the same workflow and the same history, in one of which nothing is known beforehand of who looks at what, since
its seal is taken away before each run. Both must run the same, say the same, and come to the same files."""

import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time

from reference import Mismatch

LIMIT_S = 60
TELLS = re.compile(r"^axmake: (?!warning)|\*\*\*|: restored")
VARIES = re.compile(r"(?<=\[)\d+(?=/\d+\])| in (\d+ms|[0-9.]+s)|\d+\.\d+s|[0-9]{8}-[0-9]{6}-[0-9a-f]+")  # times; and the order of starts, which hangs on them


class Task:
    def __init__(self, rng, i, others, dense):
        self.i, self.name, self.salt, self.guarded = i, f"t{i}", 0, rng.random() < 0.2
        self.sources = sorted(rng.sample(range(8 + i), rng.randint(1, 3))) if dense else [i]
        near = others[-6:] if dense or rng.random() < 0.4 else []
        self.needs = rng.sample(near, min(len(near), rng.choice([0, 0, 1, 1, 2])))
        self.by_name = rng.sample(near, min(len(near), rng.choice([0, 0, 0, 1])))
        self.after = rng.sample(near, min(len(near), rng.choice([0, 0, 0, 1])))
        self.kind = rng.choices(["file", "says", "group", "glob", "tree", "result", "when", "matrix", "always"], [50, 12, 6, 4, 3, 3, 2, 1, 0.3])[0]
        if self.kind == "group" and not self.by_name:
            self.kind = "file"

    def text(self):
        out = f"out/{self.i}"
        made = {"glob": f"out/{self.i}", "tree": f"out/{self.i}/f"}.get(self.kind, out)
        if self.kind == "group":
            return f"- name: {self.name}\n  dependencies: [{', '.join(t.name for t in self.by_name)}]\n"
        reads = [f"src/{n}" for n in self.sources] + [t.made() for t in self.needs if t.made()]
        declared = list(reads)
        if self.kind == "glob":
            declared.append("src/g*")
            reads.append("$(ls src/g* 2>/dev/null)")
        guard = f"if grep -q BAD src/{self.sources[0]}; then exit 3; fi; " if self.guarded else ""
        mark = f'echo {self.name} >> "$RAN"; '
        says = "echo said; " if self.kind in ("says", "result") else ""
        makes = f"mkdir -p out/{self.i}; " if self.kind == "tree" else ""
        lines = [f"- name: {self.name}", f"  run: '{mark}{guard}{says}{makes}cat {' '.join(reads)} > {made}; echo {self.salt} >> {made}'"]
        if self.kind == "matrix":
            lines = [f"- name: {self.name}", f"  matrix: {{k: [a, b]}}", f"  run: '{mark}{guard}cat {' '.join(reads)} > {out}${{k}}; echo {self.salt}'"]
            lines.append(f"  outputs: ['{out}${{k}}']")
        else:
            lines.append(f"  outputs: [{out + '/' if self.kind == 'tree' else out}]")
        lines.append(f"  inputs: [{', '.join(declared)}]")
        if self.by_name:
            lines.append(f"  dependencies: [{', '.join(t.name for t in self.by_name)}]")
        if self.after:
            lines.append(f"  after: [{', '.join(t.name for t in self.after)}]")
        if self.kind == "when":
            lines.append("  when: 'exists(\"src/0\")'")
        if self.kind == "always":
            lines.append("  always: true")
        return "\n".join(lines) + "\n"

    def made(self):
        return {"group": None, "matrix": f"out/{self.i}a", "tree": f"out/{self.i}/f"}.get(self.kind, f"out/{self.i}")


class Sliced:
    def __init__(self, axmake, answers, seed):
        self.axmake, self.rng = axmake, random.Random(seed)
        self.box = tempfile.mkdtemp(prefix="ax-sliced-")
        self.n_steps = self.runs = 0
        self.steps = []
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("AX", "MAKE", "MFLAGS"))}
        self.env.update(HOME=self.box, LC_ALL="C.UTF-8")
        self.tasks = []
        dense = self.rng.random() < 0.3
        plain = self.rng.random() < 0.7  # else a task of another kind may keep much of it from being looked at apart
        for i in range(self.rng.randint(12, 36)):
            t = Task(self.rng, i, [x for x in self.tasks if x.kind != "always"], dense)
            t.kind = "file" if plain and t.kind not in ("says", "group") else t.kind
            self.tasks.append(t)
        self.default = self.rng.random() < 0.2
        for side in "ab":
            os.makedirs(f"{self.box}/{side}/src")
            os.mkdir(f"{self.box}/{side}/out")

    # What is done in both.

    def both(self, what, path="", data=""):
        self.steps.append(f"# {what} {path} {data!r}")
        for side in "ab":
            at = f"{self.box}/{side}/{path}"
            if what == "write" and os.path.isdir(at):
                at += "/f"
            if what == "write":
                with open(at, "w") as f:
                    f.write(data)
            elif what == "replace":
                with open(at + ".new", "w") as f:
                    f.write(data)
                os.rename(at + ".new", at)
            elif what == "remove" and os.path.lexists(at):
                shutil.rmtree(at) if os.path.isdir(at) else os.remove(at)
            elif what == "touch" and os.path.exists(at):
                os.utime(at)
            elif what == "stamp" and os.path.isfile(at):  # another content, the same size and time of modification
                was = os.stat(at)
                with open(at) as f:
                    old = f.read()
                with open(at, "w") as f:
                    f.write("".join(reversed(old)))
                os.utime(at, ns=(was.st_atime_ns, was.st_mtime_ns))

    def write_workflow(self):
        text = "tasks:\n" + "".join(t.text() for t in self.tasks)
        if self.default:
            text = f"default: [{', '.join(t.name for t in self.tasks[len(self.tasks) // 2:])}]\n" + text
        self.both("write", "axmake.yaml", text)

    def source(self):
        t = self.rng.choice(self.tasks)
        return f"src/{self.rng.choice(t.sources)}"

    def change(self):
        rng = self.rng
        t = rng.choice(self.tasks)
        word = rng.choice(["x", "y", "z", "BAD", f"{rng.randrange(9)}"]) + "\n"
        way = rng.choices(["write", "replace", "touch", "stamp", "remove", "back", "output", "lost", "salt", "rename", "glob", "reorder"], [30, 8, 5, 4, 2, 6, 2, 2, 2, 1, 1, 1])[0]
        if way in ("write", "replace"):
            self.both(way, self.source(), word * rng.randint(1, 3))
        elif way in ("touch", "stamp", "remove"):
            self.both(way, self.source())
        elif way == "back":
            for n in range(8 + len(self.tasks)):
                if rng.random() < 0.3 or not os.path.exists(f"{self.box}/a/src/{n}"):
                    self.both("write", f"src/{n}", f"source {n}\n")
        elif way == "output" and t.made():
            self.both("write", t.made(), word)
        elif way == "lost" and t.made():
            self.both("remove", t.made())
        elif way == "salt":
            t.salt += 1
            self.write_workflow()
        elif way == "rename":
            t.name = f"n{rng.randrange(10**6)}"
            self.write_workflow()
        elif way == "glob":
            self.both(rng.choice(["write", "remove"]), f"src/g{rng.randrange(3)}", word)
        elif way == "reorder":
            self.default = not self.default
            self.write_workflow()
        self.n_steps += 1

    # Runs.

    def start(self, side, words):
        if side == "b" and os.path.exists(f"{self.box}/b/.axmake/seal"):
            os.remove(f"{self.box}/b/.axmake/seal")
        ran = f"{self.box}/ran-{side}"
        open(ran, "w").close()
        return subprocess.Popen([self.axmake, *words], cwd=f"{self.box}/{side}", env={**self.env, "RAN": ran}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def run(self, side, words):
        text, _ = (p := self.start(side, words)).communicate(timeout=LIMIT_S)
        with open(f"{self.box}/ran-{side}") as f:
            ran = f.read().split()
        return p.returncode, sorted(ran), sorted(line for line in VARIES.sub("", text).splitlines() if TELLS.search(line))

    def hold(self, yes, *what):
        if not yes:
            raise Mismatch("\n".join(map(str, what)))

    def compare(self, words):
        self.runs += 2
        self.steps.append("axmake " + " ".join(words))
        a, b = self.run("a", words), self.run("b", words)
        self.hold(a == b, "with what a seal knows:", *a, "without:", *b)
        self.hold(self.files("a") == self.files("b"), "the files differ", self.files("a"), self.files("b"))
        return a

    def files(self, side):
        found = {}
        for folder, _, names in os.walk(f"{self.box}/{side}/out"):
            for name in names:
                with open(os.path.join(folder, name)) as f:
                    found[os.path.relpath(os.path.join(folder, name), f"{self.box}/{side}")] = f.read()
        return found

    def kill(self, words):
        """Both may come out of it otherwise; then both are brought to their ends, whatever that takes."""
        for side in "ab":
            p = self.start(side, words)
            time.sleep(self.rng.random() * 0.03)
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)
            p.communicate()
        self.steps.append("# killed")
        for side in "ab":
            self.run(side, ["-s", "-k"])

    def settle(self, words):
        """That all is up to date is so in truth: judged without any seal, it still is."""
        status, _, text = self.compare(words)
        asked = self.run("a", ["-q"])
        self.hold(status or not asked[0] or any(t.kind == "always" for t in self.tasks), "it ended well, but not all is up to date", text, self.run("a", ["-n"])[2])

    def play(self):
        for n in range(8 + len(self.tasks)):
            self.both("write", f"src/{n}", f"source {n}\n")
        self.write_workflow()
        words = self.rng.choice([["-k"], ["-k", "-j1"], ["-k", "-s"]])
        self.settle(words)
        for _ in range(self.rng.randint(15, 25)):
            for _ in range(self.rng.choice([0, 1, 1, 1, 1, 2, 3])):
                self.change()
            if self.rng.random() < 0.3:
                time.sleep(0.02)  # what was written is older than any clock's grain
            if self.rng.random() < 0.04:
                self.kill(words)
            self.settle(words)
