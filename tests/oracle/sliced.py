"""Runs of what a change reaches alone, beside runs of all: two folders with the same workflow and the same history, in one of which nothing is known beforehand of who looks at what, since
its seal is taken away before each run. Both must run the same, say the same, and come to the same files."""

import json
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
# The order of starts, which hangs on times; and these; and columns, which hang on them.
VARIES = re.compile(r"(?<=\[)\d+(?=/\d+\])| in (\d+ms|[0-9.]+s)|\d+(\.\d+)?m?s\b|[0-9]{8}-[0-9]{6}-[0-9a-f]+|pid \d+|(?<=because of )\S+")
# A head that comes again, since others came between; rows that may not fit into the table; a warning that whoever is the first tells for all.
PASSED_OVER = re.compile(r"^\[/\d+\] \S+:$|^\s*$|^  \S+ +(done|restored|not run)\b|^ +… and |warning: .* finds no file")
GAPS = re.compile(r"  +")


def differ(a, b):
    return [[x for x in a[i] if x not in b[i]] for i in (1, 2)]


class Task:
    def __init__(self, rng, i, others, dense):
        self.i, self.name, self.salt, self.guarded = i, f"t{i}", 0, rng.random() < 0.2
        self.sources = sorted(rng.sample(range(8 + i), rng.randint(1, 3))) if dense else [i]
        near = others[-6:] if dense or rng.random() < 0.4 else []
        self.needs = rng.sample(near, min(len(near), rng.choice([0, 0, 1, 1, 2])))
        self.by_name = rng.sample(near, min(len(near), rng.choice([0, 0, 0, 1])))
        self.after = rng.sample(near, min(len(near), rng.choice([0, 0, 0, 1])))
        self.kind = rng.choices(["file", "says", "group", "glob", "tree", "result", "when", "not", "matrix", "always"], [50, 12, 6, 4, 3, 3, 2, 1, 1, 0.3])[0]
        self.way = rng.choices(["src/{}", "ln/{}", "lsrc/{}", "${{d}}/{}"], [30, 2, 2, 2])[0]  # as its sources are called
        self.more = [key for key in ("pool: p", "slots: 2", "retry: {attempts: 2, delay: 1ms}", "check: 'true'", "timeout: 20s", "env: {SET: x}", "env_inputs: [SEEN]", "optional: true", "cache: false", "on_edit: rerun")
                     if rng.random() < 0.04]
        if self.kind == "group" and not self.by_name:
            self.kind = "file"

    def text(self):
        out = f"out/{self.i}"
        made = {"glob": f"out/{self.i}", "tree": f"out/{self.i}/f"}.get(self.kind, out)
        if self.kind == "group":
            return f"- name: {self.name}\n  dependencies: [{', '.join(t.name for t in self.by_name)}]\n"
        reads = [f"src/{n}" for n in self.sources] + [t.made() for t in self.needs if t.made()]
        declared = [self.way.format(n) for n in self.sources] + reads[len(self.sources):]
        if self.kind == "glob":
            declared.append("src/g*")
            reads.append("$(ls src/g* 2>/dev/null)")
        guard = f"if grep -q BAD src/{self.sources[0]}; then exit 3; fi; " if self.guarded else ""
        mark = f'echo {self.i} >> "$RAN"; '
        says = "echo said; " if self.kind == "says" else f"cat src/{self.sources[0]}; " if self.kind == "result" else ""
        makes = f"mkdir -p out/{self.i}; " if self.kind == "tree" else ""
        if self.kind == "result" and self.by_name:
            says += 'cat $AX_RESULTS | wc -l; '
        lines = [f"- name: {self.name}", f"  run: '{mark}{guard}{says}{makes}cat {' '.join(reads)} > {made}; echo {self.salt} >> {made}'"]
        if self.kind == "matrix":
            lines = [f"- name: {self.name}", f"  matrix: {{k: [a, b]}}", f"  run: '{mark}{guard}cat {' '.join(reads)} > {out}${{k}}; echo {self.salt}'"]
            lines.append(f"  outputs: ['{out}${{k}}']")
        else:
            lines.append(f"  outputs: [{out + '/' if self.kind == 'tree' else out}]")
        lines.append(f"  inputs: [{', '.join(json.dumps(d) for d in declared)}]")
        if self.by_name:
            lines.append(f"  dependencies: [{', '.join(t.name for t in self.by_name)}]")
        if self.after:
            lines.append(f"  after: [{', '.join(t.name for t in self.after)}]")
        lines += [f"  {key}" for key in self.more]
        if self.kind in ("when", "not"):
            lines.append(f"  when: 'exists(\"src/{'0' if self.kind == 'when' else 'nothing'}\")'")
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
        self.steps, self.follow = [], []
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("AX", "MAKE", "MFLAGS"))}
        self.env.update(HOME=self.box, LC_ALL="C.UTF-8")
        self.tasks = []
        dense = self.rng.random() < 0.3
        plain = self.rng.random() < 0.7  # else a task of another kind may keep much of it from being looked at apart
        for i in range(self.rng.randint(12, 36)):
            t = Task(self.rng, i, [x for x in self.tasks if x.kind != "always"], dense)
            t.kind = "file" if plain and t.kind not in ("says", "group", "result") else t.kind
            self.tasks.append(t)
        self.default = self.rng.random() < 0.2
        self.plain_default = self.rng.random() < 0.1
        self.head = "pools: {p: 1}\nvars: {d: src}\n" + ("#" + "x" * 70000 + "\n" if self.rng.random() < 0.2 else "")  # long enough for its tree to be kept
        self.shared = False
        for side in "ab":
            os.makedirs(f"{self.box}/{side}/src")
            os.mkdir(f"{self.box}/{side}/out")
            os.mkdir(f"{self.box}/{side}/ln")
            os.symlink("src", f"{self.box}/{side}/lsrc")
            for n in range(8 + len(self.tasks)):
                os.symlink(f"../src/{n}", f"{self.box}/{side}/ln/{n}")
            open(f"{self.box}/{side}/README", "w").close()

    # What is done in both.

    def both(self, what, path="", data=""):
        self.steps.append(f"# {what} {path} {data[-10000:]!r}")
        for side in "ab":
            at = f"{self.box}/{side}/{path}"
            if what == "write" and os.path.isdir(at):
                at += "/f"
            if what in ("write", "replace") and not os.path.isdir(os.path.dirname(at)):
                continue  # no folder any more, or not yet
            if what == "write":
                if os.path.islink(at) and not os.path.exists(at):
                    os.remove(at)
                with open(at, "w") as f:
                    f.write(data)
            elif what == "replace":
                with open(at + ".new", "w") as f:
                    f.write(data)
                os.rename(at + ".new", at)
            elif what == "remove" and os.path.lexists(at):
                shutil.rmtree(at) if os.path.isdir(at) and not os.path.islink(at) else os.remove(at)
            elif what == "touch" and os.path.exists(at):
                os.utime(at)
            elif what == "stamp" and os.path.isfile(at):  # another content, the same size and time of modification
                was = os.stat(at)
                with open(at) as f:
                    old = f.read()
                with open(at, "w") as f:
                    f.write("".join(reversed(old)))
                os.utime(at, ns=(was.st_atime_ns, was.st_mtime_ns))
            elif what in ("link", "hard"):
                if os.path.lexists(at):
                    os.remove(at)
                if what == "link":
                    os.symlink(data, at)
                elif os.path.exists(os.path.join(os.path.dirname(at), data)):
                    os.link(os.path.join(os.path.dirname(at), data), at)
            elif what == "keep":
                shutil.rmtree(f"{self.box}/{side}-kept", ignore_errors=True)
                shutil.copytree(f"{self.box}/{side}/.axmake", f"{self.box}/{side}-kept", symlinks=True)
            elif what == "back" and os.path.exists(f"{self.box}/{side}-kept"):
                shutil.rmtree(f"{self.box}/{side}/.axmake")
                shutil.copytree(f"{self.box}/{side}-kept", f"{self.box}/{side}/.axmake", symlinks=True)
            elif what == "log":
                if os.path.exists(f"{self.box}/{side}/.axmake/log"):
                    os.remove(f"{self.box}/{side}/.axmake/log")
            elif what == "seal" and side == "a":
                self.spoil_seal()

    def spoil_seal(self):
        at = f"{self.box}/a/.axmake/seal"
        if not os.path.exists(at):
            return
        with open(at, "rb") as f:
            text = bytearray(f.read())
        way = self.rng.randrange(4)
        if way == 0:
            text = text[:self.rng.randrange(len(text))]
        elif way < 3:
            for _ in range(self.rng.choice([1, 3, 30])):
                text[self.rng.randrange(len(text))] = self.rng.randrange(256)
        with open(at, "wb") as f:
            f.write(text)
        if way == 3:
            os.chmod(at, 0o400)

    def write_workflow(self):
        text = "tasks:\n" + "".join(t.text() for t in self.tasks)
        if self.default or self.plain_default:
            names = (["README"] if self.plain_default else []) + [t.name for t in self.tasks[len(self.tasks) // 2 if self.default else 0:]]
            text = f"default: [{', '.join(names)}]\n" + text
        self.both("write", "axmake.yaml", self.head + text)

    def source(self):
        t = self.rng.choice(self.tasks)
        return f"src/{self.rng.choice(t.sources)}"

    def rename(self, t):
        """Anew, or as another task is called, or was."""
        way, other = self.rng.randrange(3), self.rng.choice(self.tasks)
        if way == 0:
            t.name, other.name = other.name, t.name
        else:
            new = f"t{self.rng.randrange(len(self.tasks))}" if way == 1 else f"n{self.rng.randrange(10**6)}"
            if all(x.name != new for x in self.tasks):
                t.name = new

    def change(self):
        rng = self.rng
        t = rng.choice(self.tasks)
        word = rng.choice(["x", "y", "z", "BAD", f"{rng.randrange(9)}"]) + "\n"
        way = rng.choices(["write", "replace", "touch", "stamp", "remove", "back", "output", "lost", "salt", "rename", "glob", "reorder", "state", "seal", "trees", "link", "env"],
                          [30, 8, 5, 4, 2, 6, 2, 2, 2, 2, 1, 1, 0.6, 2, 1, 1, 1])[0]
        if way in ("write", "replace"):
            self.both(way, self.source(), word * rng.randint(1, 3))
        elif way in ("touch", "stamp", "remove"):
            self.both(way, self.source())
        elif way == "back":
            for n in range(8 + len(self.tasks)):
                if rng.random() < 0.3 or not os.path.exists(f"{self.box}/a/src/{n}"):
                    self.both("replace", f"src/{n}", f"source {n}\n")
        elif way == "output" and t.made():
            self.both("write", t.made(), word)
        elif way == "lost" and t.made():
            self.both("remove", t.made())
        elif way == "salt":
            t.salt += 1
            self.write_workflow()
        elif way == "rename":
            self.rename(t)
            self.write_workflow()
        elif way == "glob":
            self.both(rng.choice(["write", "remove"]), f"src/g{rng.randrange(3)}", word)
        elif way == "reorder":
            self.default = not self.default
            self.write_workflow()
        elif way == "state" and os.path.exists(f"{self.box}/a/.axmake"):
            self.both(rng.choice(["keep", "back", "back", "log"]))
        elif way == "seal":
            self.both("seal")
        elif way == "trees":
            self.both("remove", ".axmake/trees")
        elif way == "link":
            self.both(rng.choice(["link", "hard"]), self.source(), rng.choice([f"{rng.randrange(8)}", "nothing"]))
        elif way == "env":
            self.env["SEEN"] = word
        self.n_steps += 1

    # Runs.

    def start(self, side, words):
        if side == "b" and os.path.exists(f"{self.box}/b/.axmake/seal"):
            os.remove(f"{self.box}/b/.axmake/seal")
        ran = f"{self.box}/ran-{side}"
        open(ran, "w").close()
        return subprocess.Popen([self.axmake, *words], cwd=f"{self.box}/{side}", env={**self.env, "RAN": ran}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def tell(self, text):
        return sorted(GAPS.sub(" ", line).rstrip() for line in VARIES.sub("", text).splitlines() if not PASSED_OVER.search(line))

    def run(self, side, words):
        text, _ = (p := self.start(side, words)).communicate(timeout=LIMIT_S)
        with open(f"{self.box}/ran-{side}") as f:
            ran = f.read().split()
        return p.returncode, sorted(ran), self.tell(text)

    def ask(self, side, words, name="axmake"):
        p = subprocess.run([os.path.join(os.path.dirname(self.axmake), name), *words], cwd=f"{self.box}/{side}", env={**self.env, "RAN": "/dev/null"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S)
        return p.returncode, self.tell(p.stdout.replace(f"{self.box}/{side}", "ROOT"))

    def hold(self, yes, *what):
        if not yes:
            raise Mismatch("\n".join(map(str, what)))

    def compare(self, words):
        self.runs += 2
        self.steps.append("axmake " + " ".join(words))
        a, b = self.run("a", words), self.run("b", words)
        self.hold(a == b, "with what a seal knows:", a[0], *differ(a, b), "without:", b[0], *differ(b, a))
        self.hold(self.files("a") == self.files("b"), "the files differ", self.files("a"), self.files("b"))
        told = [self.followed(side) for side in "ab"]
        self.hold(told[0] == told[1], "who follows is told, with what a seal knows:", *differ((0, told[0], []), (0, told[1], []))[:1], "without:", *differ((0, told[1], []), (0, told[0], []))[:1])
        if self.rng.random() < 0.15:
            for name, asked in (("axmake", ["--status"]), ("axmake", ["--explain"]), ("axmake", ["--log", self.rng.choice(self.tasks).name]), ("ax", ["runs", "show"])):
                a1, b1 = self.ask("a", asked, name), self.ask("b", asked, name)
                self.hold(a1 == b1, f"{name} {asked} with what a seal knows:", *a1, "without:", *b1)
        return a

    def followed(self, side):
        """What who follows was told, but for times and for who is up to date or skipped, of which a seal tells a number alone."""
        told = []
        if "--events" in self.follow:
            with open(f"{self.box}/{side}/ev") as f:
                for line in map(json.loads, f):
                    if line["ev"] not in ("begin", "fresh", "skipped") and not PASSED_OVER.search("warning: " + line.get("text", "") if line["ev"] == "warning" else "-"):
                        told.append(json.dumps({k: v for k, v in line.items() if k not in ("at", "ms", "duration_ms", "log", "saved")}))
        if "--report" in self.follow:
            with open(f"{self.box}/{side}/r.json") as f:
                report = json.load(f)
            told += [report["state"], *(json.dumps({k: t.get(k) for k in ("name", "state", "reason", "class", "signature", "fields", "outputs", "result")} | {"tries": len(t["tries"])}) for t in report["tasks"])]
        return sorted(VARIES.sub("", x) for x in told)

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
                os.killpg(p.pid, self.rng.choice([signal.SIGKILL, signal.SIGINT]))
            p.communicate()
        self.steps.append("# killed")
        for side in "ab":
            self.run(side, ["-s", "-k"])
            self.run(side, ["-s", "-k"])

    def settle(self, words):
        """That all is up to date is so in truth: judged without any seal, it still is."""
        status, _, text = self.compare(words)
        asked = self.run("a", ["-q"])
        self.hold(status or not asked[0] or any(t.kind == "always" or "optional: true" in t.more for t in self.tasks), "it ended well, but not all is up to date", text, self.run("a", ["-n"])[2])

    def play(self):
        for n in range(8 + len(self.tasks)):
            self.both("write", f"src/{n}", f"source {n}\n")
        self.write_workflow()
        words = self.rng.choice([["-k"], ["-k", "-j1"], ["-k", "-s"], ["-k", "--no-cache"], ["-k", "d=src"]])
        self.follow = self.rng.choice([[], [], ["--events", "ev"], ["--report", "r.json"], ["--events", "ev", "--report", "r.json"]])
        words += self.follow
        self.settle(words)
        for _ in range(self.rng.randint(15, 25)):
            for _ in range(self.rng.choice([0, 1, 1, 1, 1, 2, 3])):
                self.change()
            if self.rng.random() < 0.3:
                time.sleep(0.02)  # what was written is older than any clock's grain
            if self.rng.random() < 0.04:
                self.kill(words)
            self.settle(words)
