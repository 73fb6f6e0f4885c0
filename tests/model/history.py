"""A random history of one workflow: changes and runs, each run compared with what the reference says."""

import collections
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time

import generate
import workflow as w
from reference import Mismatch, Reference, Run, read_tree

HIDDEN = (".axmake", ".automatosx")
OURS = ("workflow.ax.yaml", "axmake.ini")
LIMIT_S = 60
WOULD_RUN = re.compile(r"^would (?:run|restore) (.+?): ", re.MULTILINE)


class History:
    def __init__(self, axmake, answers, seed):
        self.asked = None
        self.axmake, self.answers, self.rng = axmake, answers, random.Random(seed)
        self.box = os.path.realpath(tempfile.mkdtemp(prefix="axmake-model-"))
        self.root, self.home = self.path("root"), self.path("home")
        self.steps = []  # shell text that does the same
        self.env = {"PATH": f"{self.home}:{os.path.dirname(axmake)}:{os.environ['PATH']}", "HOME": self.home, "LC_ALL": "C.UTF-8"}
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        self.ref = Reference(answers)
        self.cached = seed % 2 == 0  # then no run is killed or ends early: what is stored would not be certain
        if self.cached:
            self.ref.cache = {}
        else:
            self.env["AXMAKEFLAGS"] = "--no-cache"
        self.wf = generate.Maker(self.rng).workflow()
        self.before = collections.defaultdict(list)  # path -> what it held
        self.keeps_edits = self.rng.random() < 0.5  # may somebody's change to an output stand?
        self.runs = 0
        self.plan = ""  # what -n said before the run

    def path(self, *parts):
        return os.path.join(self.box, *parts)

    def play(self):
        os.makedirs(self.path("root", "out"))
        os.mkdir(self.home)
        self.write(self.path("home", "model-agent"), w.MODEL_AGENT.encode())
        os.chmod(self.path("home", "model-agent"), 0o755)
        for path, data in generate.sources(self.rng).items():
            self.change(path, data)
        self.save()
        self.run()
        for _ in range(self.rng.randint(4, 9)):
            for _ in range(self.rng.randint(0, 3)):
                self.rng.choices(*zip(*CHANGES))[0](self)
            self.run()
        self.finish()

    def finish(self):
        """All of it once more, without what makes tasks fail; the outputs are then those of a clean build."""
        for path in generate.SOURCES:
            if b"BAD" in self.ref.disk[path]:
                self.change(path, b"k 1\nx 1\n")
        self.wf.vars["MOOD"] = "fine"
        for t in self.wf.tasks:  # what is skipped keeps what it made when it was not
            t.when = ()
        self.save()
        self.run(full=True)
        self.compare_result()
        self.compare_clean_build()

    # Changes to files

    def write(self, path, data):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)

    def change(self, path, data):
        text = data.decode()
        self.steps.append(f"mkdir -p {os.path.dirname(path)}; printf %s {shell_quote(text)} > {path}")
        self.before[path].append(data)
        self.write(self.path("root", path), data)
        self.ref.disk[path] = data

    def save(self):
        for name, text in zip(OURS, (w.workflow_yaml(self.wf), w.settings_ini(self.wf))):
            path = self.path("root", name)
            if not os.path.exists(path) or read(path) != text.encode():
                self.write(path, text.encode())
                self.steps.append(f"cat > {name} <<'END'\n{text}END")

    # Runs

    def command(self, *words, env=None):
        p = subprocess.run(
            [self.axmake, *words], cwd=self.root, env=env or self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=LIMIT_S, check=False
        )
        return p.returncode, p.stdout.decode(errors="replace")

    def ran(self):
        """uid -> how often, since the last look."""
        path = self.path("home", "ran")
        lines = read(path).decode().split() if os.path.exists(path) else []
        self.write(path, b"")
        return collections.Counter(int(line[1:]) for line in lines)

    def ask(self, full):
        """How axmake is called: jobs, $INHERITED, variables, targets, -k."""
        rng = self.rng
        overrides = {} if full or rng.random() < 0.9 else {"V1": "other"}
        targets = None if full or rng.random() < 0.7 else [rng.choice(self.wf.tasks).uid]
        return rng.randint(1, 4), rng.choice([None, None, "", "x"]), overrides, targets, self.cached or rng.random() < 0.5

    def run(self, full=False):
        rng = self.rng
        self.runs += 1
        if full or not self.asked or rng.random() < 0.4:  # else as last time: that is what a seal is for
            self.asked = self.ask(full)
        jobs, inherited, overrides, targets, keep_going = self.asked
        env = dict(self.env)
        if inherited is not None:
            env["INHERITED"] = inherited
        words = [f"-j{jobs}"] + ["-k"] * keep_going + [f"{n}={v}" for n, v in overrides.items()]
        words += [self.target_word(t) for t in targets or ()]
        args = self.wf, env, overrides
        imagined = None if self.ref.unsure else Run(self.ref.clone(), *args).go(targets)
        listed = self.look(words, env, imagined)
        if not full and not targets and not self.cached and rng.random() < 0.12:
            return self.run_and_kill(words, args, shell_env(inherited))
        self.steps.append(shell_env(inherited) + "axmake " + " ".join(map(shell_quote, words)) + "; echo status $?; look")
        status, text = self.command(*words, env=env)
        ran = self.ran()
        twice = [u for u, n in ran.items() if n > 1]
        self.hold(not twice, f"u{twice} ran twice in one run", text)
        self.hold(status in (0, 2), f"exit status {status}", text)
        missed = [self.wf.of(u).name for u in ran if self.wf.of(u).name not in listed and self.wf.of(u).run_if != "failure"]
        self.hold(not missed, f"-n did not list {missed}", text)
        try:
            real = Run(self.ref, *args, ran=ran, free=not keep_going).go(targets)
        except Mismatch as e:
            raise Mismatch(f"{e}\n{self.plan}{text}") from None
        self.hold(status == real.status, f"exit status {status}, not {real.status}", text)
        self.compare_disk(text)
        if status == 0:
            self.after_success(words, args, targets, text)

    def target_word(self, uid):
        t = self.wf.of(uid)
        files = [o for o in t.outputs if not w.is_glob(o) and not w.is_tree(o)]
        return files[0] if files and self.rng.random() < 0.3 else t.name

    def look(self, words, env, imagined):
        """-n and -q before the run; the names that -n listed."""
        words = [x for x in words if x[:2] not in ("-j", "-k")]
        status, text = self.command("-n", *words, env=env)
        self.plan = "-n said before:\n" + "".join(line + "\n" for line in text.splitlines() if line[:1] != " ")
        self.hold(status == 0, f"-n: exit status {status}", text)
        listed = set(WOULD_RUN.findall(text))
        if imagined:
            stale = [u for u, s in imagined.states.items() if s in ("done", "failed", "restored")]
            self.hold(stale or not listed, "-n lists what is up to date", self.explain(words, env), text)
            if self.rng.random() < 0.5:
                status, text = self.command("-q", *words, env=env)
                self.hold(status == bool(stale), f"-q: exit status {status}, but stale are u{stale}", self.explain(words, env), text)
        return listed

    def after_success(self, words, args, targets, text):
        if self.ref.unsure:
            return
        again = Run(self.ref.clone(), *args).go(targets)
        stale = [u for u, s in again.states.items() if s in ("done", "failed", "restored")]
        if not stale:
            self.seal(words, args[1])
        words = [x for x in words if x[:2] not in ("-j", "-k")]
        status, said = self.command("-q", *words, env=args[1])
        self.hold(status == bool(stale), f"-q after the run: exit status {status}, stale are u{stale}", self.explain(words, args[1]), text + said)
        failed = [u for u, s in again.states.items() if s == "failed"]
        stands = "skipped" in again.states.values()  # and what it made when it was not skipped may still be there
        if not targets and not failed and not stands and not self.ref.tainted:
            clean = Reference(self.answers)
            clean.disk = {p: b for p, b in self.ref.disk.items() if not p.startswith("out/")}
            Run(clean, *args).go()
            self.hold(clean.disk == self.ref.disk, "the outputs are not those of a clean build: " + differences(self.ref.disk, clean.disk), text)

    def seal(self, words, env):
        """Nothing to be done, twice: the first leaves a seal, which the second and perhaps the next run of the history rely on."""
        time.sleep(0.03)  # what has just changed is not sealed
        self.steps.append("sleep 0.03; " + "; ".join(["axmake " + " ".join(map(shell_quote, words)) + "; look"] * 2))
        for _ in range(2):
            status, text = self.command(*words, env=env)
            self.hold(status == 0 and not self.ran(), f"exit status {status} or a task ran where nothing was to be done", text)

    def run_and_kill(self, words, args, setting):
        """Killed when so many tasks have begun."""
        wait, how = self.rng.randint(1, 3), self.rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        log = self.path("home", "ran")
        self.steps.append(
            f"{setting}axmake {' '.join(map(shell_quote, words))} & until [ $(wc -l < \"$HOME/ran\") -ge {wait} ] || ! kill -0 $!; do :; done; "
            f"kill -{how.name[3:]} $!; wait; sleep 1; look"
        )
        nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        p = subprocess.Popen([self.axmake, *words], cwd=self.root, env=args[1], **nowhere)
        while p.poll() is None and (not os.path.exists(log) or read(log).count(b"\n") < wait):
            time.sleep(0.001)
        p.send_signal(how)
        p.wait(LIMIT_S)
        self.wait_for_the_rest()
        ran = self.ran()
        Run(self.ref, *args, ran=ran, free=True, killed=True).go()
        disk = self.real_disk()
        for t in self.wf.tasks:
            if t.name in self.ref.began:
                for d in (*t.outputs, *t.edits):
                    for p in self.ref.content(d):
                        del self.ref.disk[p]
                    self.ref.disk.update({p: b for p, b in disk.items() if w.hits(d, p)})
        self.compare_disk("after the kill")

    def wait_for_the_rest(self):
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            if not any(works_in(pid, self.root) for pid in filter(str.isdigit, os.listdir("/proc"))):
                return
            time.sleep(0.005)
        raise Mismatch("processes of a killed run are left")

    def explain(self, words, env):
        _, text = self.command("--explain", *words, env=env)
        return "".join(line + "\n" for line in text.splitlines() if ": stale: " in line)

    # Comparing

    def hold(self, holds, *what):
        if not holds:
            raise Mismatch("\n".join((*what, self.plan)))

    def real_disk(self):
        return {p: b for p, b in read_tree(self.root, HIDDEN).items() if p not in OURS}

    def compare_disk(self, text):
        disk = self.real_disk()
        self.hold(disk == self.ref.disk, "files differ from what was to come: " + differences(disk, self.ref.disk), text)

    def compare_result(self):
        known = [t.name for t in self.wf.tasks if t.kind != "group" and t.name in self.ref.records]
        if known:
            name = self.rng.choice(known)
            status, text = self.command("--result", name)
            self.hold(status == 0 and text == self.ref.records[name].result.decode(), f"--result {name}: exit status {status}", text)

    def compare_clean_build(self):
        """A fresh copy, built by axmake."""
        copy = self.path("copy")
        shutil.copytree(self.root, copy, ignore=shutil.ignore_patterns(*HIDDEN, "out"))
        os.mkdir(os.path.join(copy, "out"))
        clean = Reference(self.answers)
        clean.disk = {p: b for p, b in self.ref.disk.items() if not p.startswith("out/")}
        clean.cache = {} if self.cached else None
        self.root, self.ref = copy, clean
        self.steps.append("# in a fresh copy without out/ and .axmake/:")
        self.run(full=True)


def works_in(pid, folder):
    try:
        return os.readlink(f"/proc/{pid}/cwd") == folder
    except OSError:
        return False


def read(path):
    with open(path, "rb") as f:
        return f.read()


def differences(seen, wanted):
    paths = [p for p in sorted({*seen, *wanted}) if seen.get(p) != wanted.get(p)]
    return "".join(f"\n  {p}: {seen.get(p)!r}, not {wanted.get(p)!r}" for p in paths)


def shell_quote(text):
    return text if re.fullmatch(r"[\w/.=-]+", text) else "'" + text.replace("'", "'\\''") + "'"


def shell_env(inherited):
    return "" if inherited is None else f"INHERITED='{inherited}' "


# What people do between runs


def edit_source(h):
    h.change(h.rng.choice([*generate.SOURCES, *generate.FOUND[:2]]), generate.content(h.rng, 0.15).encode())


def edit_back(h):
    path = h.rng.choice(generate.SOURCES)
    h.change(path, h.rng.choice(h.before[path]))


def touch(h):
    path = h.rng.choice(sorted(h.ref.disk))
    h.steps.append(f"touch {path}")
    os.utime(h.path("root", path))


def add_or_remove(h):
    path = h.rng.choice([*generate.FOUND, "d/new.txt", "d/sub/new.txt", "tree/new"])
    if path not in h.ref.disk:
        return h.change(path, generate.content(h.rng).encode())
    h.steps.append(f"rm {path}")
    os.unlink(h.path("root", path))
    del h.ref.disk[path]


def outputs(h, kept):
    """Outputs that stand there; with kept only those where a change stays, without it only where it is made again."""
    tasks = [t for t in h.wf.tasks if kept is None or kept == ((t.on_edit or ("keep" if t.kind == "agent" else "rerun")) == "keep")]
    return [(o, p) for t in tasks for o in t.outputs for p in sorted(h.ref.content(o))]


def delete_output(h):
    found = [] if h.ref.unsure else outputs(h, None)
    for o, _ in h.rng.sample(found, min(1, len(found))):  # the whole of a glob too: where edits are kept, a part of it is just edited
        for p in h.ref.content(o):
            os.unlink(h.path("root", p))
            del h.ref.disk[p]
        if w.is_tree(o):
            os.rmdir(h.path("root", o))
        h.steps.append(f"rm -r {o}")


def edit_output(h):
    kept = h.keeps_edits and h.rng.random() < 0.5
    found = [] if h.ref.unsure else outputs(h, kept)
    for _, path in h.rng.sample(found, min(1, len(found))):
        h.change(path, generate.content(h.rng).encode())
        h.ref.tainted = h.ref.tainted or kept


def edit_edited(h):
    """A file that some task changes in place."""
    found = [e for t in h.wf.tasks for e in t.edits if e in h.ref.disk and e in generate.EDITED]
    if found and h.keeps_edits and not h.ref.unsure:
        h.change(h.rng.choice(found), generate.content(h.rng).encode())
        h.ref.tainted = True


def rename(h):
    if not h.ref.unsure:
        t = h.rng.choice(h.wf.tasks)
        taken = {u.name for u in h.wf.tasks}  # after swap_names also by another task than the number says
        t.name = h.rng.choice([n for n in (f"t{t.uid}", f"new-{t.uid}", f"Task {t.uid}", f"t-{t.uid}") if n not in taken])
        h.save()


def swap_names(h):
    if not h.ref.unsure:
        a, b = h.rng.sample(h.wf.tasks, 2)
        a.name, b.name = b.name, a.name
        h.save()


def change_var(h):
    name = h.rng.choice(sorted(h.wf.vars))
    h.wf.vars[name] = h.rng.choice(generate.MOODS if name == "MOOD" else ("one", "two", "three"))
    h.save()


def reorder(h):
    t = h.rng.choice(h.wf.tasks)
    for items in (t.inputs, t.deps, t.outputs, t.edits, t.env, t.env_inputs, t.after, h.wf.tasks):
        h.rng.shuffle(items)
    h.save()


def say_nothing_new(h):
    """Comments, and keys that do not count."""
    h.wf.comment = h.rng.randint(0, 3)
    t = h.rng.choice(h.wf.tasks)
    if t.kind != "group":
        t.cosmetic = h.rng.choice([[], ["timeout: 50"], ["description: a task"], ["# a comment", "timeout: 2m"]])
    if t.agent in ("plain", "twin"):
        t.agent = h.rng.choice(["plain", "twin"])
    h.save()


def change_command(h):
    h.rng.choice(h.wf.tasks).salt = h.rng.randint(0, 2)
    h.save()


def change_role(h):
    h.wf.roles["wise"] = h.rng.choice([("You are wise", "m1"), ("You are wiser", "m1"), ("You are wise", "m2")])
    h.save()


CHANGES = [
    (edit_source, 5), (edit_back, 4), (touch, 1), (add_or_remove, 3), (delete_output, 2), (edit_output, 3), (edit_edited, 1), (rename, 3),
    (swap_names, 0.3), (change_var, 2), (reorder, 2), (say_nothing_new, 1), (change_command, 2), (change_role, 1),
]
