"""A random history of one workflow: changes and runs, each run compared with what the reference says."""

import collections
import copy
import functools
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time

import changes
import generate
import workflow as w
from reference import ALL, Mismatch, Reference, Run, other_work, read_tree

HIDDEN = (".axmake", ".automatosx")
OURS = ("workflow.ax.yaml", "axmake.ini")
LIMIT_S = 60
ASKED = re.compile(r"^axmake: (.+?) is held: ", re.MULTILINE)
HELD = re.compile(r"^held (.+?): ", re.MULTILINE)
WOULD = re.compile(r"^would (run|restore) (.+?): ", re.MULTILINE)
RESTORED = re.compile(r"^\[\d+/\d+\] (.+?): restored from the cache", re.MULTILINE)


class History:
    def __init__(self, axmake, answers, seed):
        self.asked = None
        self.axmake, self.answers, self.rng = axmake, answers, random.Random(seed)
        self.box = os.path.realpath(tempfile.mkdtemp(prefix="axmake-oracle-"))
        self.root, self.home = self.path("root"), self.path("home")
        self.steps = []  # shell text that does the same
        self.env = {"PATH": f"{self.home}:{os.path.dirname(axmake)}:{os.environ['PATH']}", "HOME": self.home, "LC_ALL": "C.UTF-8"}
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        self.ref = Reference(answers)
        self.wf = generate.Maker(self.rng, views(os.path.dirname(self.box))).workflow()
        self.caches = self.rng.choice(["none", "own", "own", "shared", "shared"])
        if self.caches == "none":
            self.env["AXMAKEFLAGS"] = "--no-cache"
        elif self.caches == "shared":
            self.wf.cache_dir = "../cache"
        self.logs = {t.log: t.uid for t in (*self.wf.tasks, *self.wf.spare, *self.wf.planned)}
        self.ref.taint = [any(not t.tidy for t in self.wf.tasks)]
        self.elsewhere = None  # the other clone: its root, workflow and reference
        self.branches = []  # (workflow, files) as they were
        self.before = collections.defaultdict(list)  # path -> what it held
        self.keeps_edits = self.rng.random() < 0.5  # may somebody's change to an output stand?
        self.runs, self.n_steps = 0, 0
        self.plan = ""  # what -n said before the run

    def path(self, *parts):
        return os.path.join(self.box, *parts)

    def prepare(self):
        """The folders, the agent, the sources, and the workflow."""
        os.makedirs(self.path("root", "out"))
        os.mkdir(self.home)
        self.write(self.path("home", "model-agent"), w.MODEL_AGENT.encode())
        os.chmod(self.path("home", "model-agent"), 0o755)
        for path, data in generate.sources(self.rng).items():
            self.change(path, data)
        if self.wf.planner:
            changes.change_plan(self)
        self.save()

    def play(self):
        self.prepare()
        self.run()
        for _ in range(self.rng.randint(4, 9)):
            for _ in range(self.rng.randint(0, 3)):
                before = len(self.steps)
                self.rng.choices(*zip(*changes.ALL))[0](self)
                self.n_steps += len(self.steps) > before  # not all can always be done
            self.run()
        self.finish()

    def finish(self):
        """All of it once more, without what makes tasks fail; the outputs are then those of a clean build."""
        for path in generate.SOURCES:
            if b"BAD" in self.ref.disk[path]:
                self.change(path, b"k 1\nx 1\n")
        self.wf.vars["MOOD"] = "fine"
        for t in self.wf.tasks:  # what is skipped keeps what it made when it was not, and what somebody changed is in the way
            t.when = ()
            t.on_edit = "rerun" if t.on_edit == "fail" else t.on_edit
            t.approve = False
        self.save()
        self.run(full=True)
        self.compare_result()
        self.compare_clean_build()

    # Changes to files

    def at(self, path):
        return os.path.join(self.root, path)

    def remove(self, path):
        self.steps.append(f"rm {path}")
        os.unlink(self.at(path))
        del self.ref.disk[path]

    def write(self, path, data):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)

    def change(self, path, data):
        self.steps.append(f"mkdir -p {os.path.dirname(path)}; printf %s {w.shell_quote(data.decode())} > {path}")
        self.before[path].append(data)
        self.write(self.at(path), data)
        self.ref.disk[path] = data

    def save(self):
        for name, text in zip(OURS, (w.workflow_yaml(self.wf), w.settings_ini(self.wf))):
            path = self.at(name)
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
        return collections.Counter(self.logs[line] for line in lines)

    def restored(self, text):
        """uids"""
        names = set(RESTORED.findall(text))
        return {t.uid for t in (*self.wf.tasks, *self.wf.planned) if t.name in names}

    def ask(self, full):
        """How axmake is called: jobs, $INHERITED, variables, targets, -k."""
        rng = self.rng
        overrides = {} if full or rng.random() < 0.9 else {"V1": "other"}
        targets = None if full or rng.random() < 0.7 else [rng.choice([t for t in self.wf.tasks if t.value != generate.VALUES[2]]).uid]
        words = ["-k"] * (rng.random() < 0.5) + ["--no-cache"] * (rng.random() < 0.1)
        return rng.randint(1, 4), rng.choice([None, None, "", "x"]), overrides, targets, words

    def run(self, full=False):
        rng = self.rng
        self.runs += 1
        self.n_steps += 1
        if full or not self.asked or rng.random() < 0.4:  # else as last time: that is what a seal is for
            self.asked = self.ask(full)
        jobs, inherited, overrides, targets, extra = self.asked
        env = dict(self.env)
        if inherited is not None:
            env["INHERITED"] = inherited
        words = [f"-j{jobs}"] + extra + [f"{n}={v}" for n, v in overrides.items()]
        words += [self.target_word(t) for t in targets or ()]
        args = self.wf, env, overrides, self.caches != "none" and "--no-cache" not in extra
        plain, (more, how) = words, ([], {}) if full else self.ask_otherwise()
        words = words + more
        imagined = None if self.ref.unsure or self.edits_unsure() else Run(self.ref.clone(), *args, **how).go(targets)
        if how.get("touch"):
            return self.run_touch(plain, more, args, targets)
        listed = self.look(words, env, imagined)
        if not full and not targets and not how and not self.ref.rejected and rng.random() < 0.15:
            return self.run_and_kill(words, args, shell_env(inherited), imagined)
        self.steps.append(shell_env(inherited) + "axmake " + " ".join(map(w.shell_quote, words)) + "; echo status $?; look")
        status, text = self.command(*words, env=env)
        ran = self.ran()
        twice = [u for u, n in ran.items() if n > 1]
        self.hold(not twice, f"u{twice} ran twice in one run", text)
        self.hold(status in (0, 2), f"exit status {status}", text)
        restored = self.restored(text)
        known = self.wf.tasks if self.wf.planner not in {*ran, *restored} else []  # with another plan there are other files to collect
        perhaps = self.behind_perhaps_held(status)
        missed = [t.name for t in known if t.uid in ran and t.name not in listed and t.run_if != "failure" and t.uid not in perhaps]
        self.hold(not missed, f"-n did not list {missed}", text)
        try:
            seen = {"ran": ran, "restored": restored, "there": self.real_disk().keys(), "asked": ASKED.findall(text)}
            real = Run(self.ref, *args, **seen, free=status and "-k" not in extra and "axmake: *** " in text, **how).go(targets)  # not where some are only held
        except Mismatch as e:
            raise Mismatch(f"{e}\n{self.plan}{text}") from None
        self.hold(status == real.status, f"exit status {status}, not {real.status}", text)
        self.compare_disk(text)
        if status == 0:
            self.after_success(plain, args, targets, text)
        for uid in real.held if "old" not in how else ():
            self.approve(real, uid, overrides, env, text)

    def run_touch(self, plain, more, args, targets):
        """-t with -k: nothing runs, and the next run is up to date, but for what could not be recorded."""
        words = [x for x in plain if x != "-k"] + more
        self.steps.append("axmake " + " ".join(map(w.shell_quote, words)) + "; echo status $?; look")
        status, text = self.command(*words, env=args[1])
        self.hold(not self.ran(), "a task ran by -t", text)
        try:
            real = Run(self.ref, *args, touch=True).go(targets)
        except Mismatch as e:
            raise Mismatch(f"{e}\n{text}") from None
        self.hold(status == real.status, f"-t: exit status {status}, not {real.status}", text)
        self.compare_disk(text)
        if status == 0:
            self.after_success(plain, args, targets, text)

    def approve(self, real, uid, overrides, env, text):
        """Perhaps somebody says yes to what was held."""
        t, settled = real.wf.of(uid), ("up to date", "done", "restored", "skipped")
        if f"{t.name} is held: " not in text or any(real.states[d] not in settled for d in real.before[uid]) or self.rng.random() < 0.3:
            return
        words = ["--approve", t.name, *(f"{n}={v}" for n, v in overrides.items())]
        self.steps.append(shell_env(env.get("INHERITED")) + "axmake " + " ".join(map(w.shell_quote, words)))
        status, said = self.command(*words, env=env)
        self.hold(status == 0, f"--approve: exit status {status}", said, text)
        self.ref.yes[t.name] = real.held[uid]

    def ask_otherwise(self):
        """-B, -W with a task or a file that is only read, -o with a task or any file, -t: words, and what they mean."""
        rng, way = self.rng, self.rng.random()
        t = rng.choice(self.wf.tasks)
        if way < 0.04:
            return ["-B"], {"anew": ALL}
        if way < 0.07:
            read = [p for p in t.inputs if p in generate.SOURCES]
            if read and rng.random() < 0.5:
                return ["-W", read[0]], {"anew": read[:1]}
            return (["-W", t.name], {"anew": [t.uid]}) if t.kind != "group" else ([], {})
        if self.ref.unsure or self.wf.planner and self.ref.disk.get(w.PLAN, b"").decode() not in self.wf.plans:
            return [], {}  # nobody's plan would count
        # What is on record there for other work, as after a swap of names, the reference would take for what stands.
        if way < 0.12 and t.name in self.ref.records and not other_work(self.ref.records[t.name], t):
            files = [*generate.SOURCES, *generate.FOUND, *(o for u in self.wf.tasks if u.name in self.ref.records for o in u.outputs if not w.has_more(o))]
            old = [rng.choice(files)] if rng.random() < 0.5 else [t.uid]
            return ["-o", t.name if old[0] == t.uid else old[0]], {"old": old}
        if way < 0.15:
            return ["-t", "-k"], {"touch": True}
        return [], {}

    def imagine(self):
        """A run that does nothing yet."""
        return Run(self.ref, self.wf, self.env, {}, self.caches != "none")

    def target_word(self, uid):
        t = self.wf.of(uid)
        files = [o for o in t.outputs if not w.is_glob(o) and not w.is_tree(o)]
        return files[0] if files and self.rng.random() < 0.3 else t.name

    def look(self, words, env, imagined):
        """-n and -q before the run; the names that -n listed."""
        words = questions(words)
        status, text = self.command("-n", *words, env=env)
        self.plan = "-n said before:\n" + "".join(line + "\n" for line in text.splitlines() if line[:1] != " ")
        unrun = imagined.unrun if imagined else {0}  # something that comes before may run first
        plans = imagined and imagined.states.get(self.wf.planner) not in (None, "up to date")  # what comes of that a plan cannot know
        left = imagined and {"left", "not run"} & {*imagined.states.values()}  # what a plan does not know to fail keeps these from being judged; by it they may be refused
        self.hold(status == 0 or (unrun or plans or left) and status == 2, f"-n: exit status {status}", text)
        listed = {name for _, name in WOULD.findall(text)}
        if imagined:
            stale = [u for u, s in imagined.states.items() if s in ("done", "failed", "restored", "held") and u not in unrun]
            self.hold(stale or unrun or not listed, "-n lists what is up to date", self.explain(words, env), text)
            if self.rng.random() < 0.5:
                status, text = self.command("-q", *words, env=env)
                self.hold(status == bool(stale) or (unrun or plans or left) and status in (1, 2), f"-q: exit status {status}, but stale are u{stale}", self.explain(words, env), text)
        return listed

    def edits_unsure(self):
        """Is there an editor of something that was perhaps begun since? Whether it has to run is seen when it does."""
        records = self.ref.records
        return any(t.edits and t.name in records and any(at > records[t.name].order for at in self.ref.tried.values()) for t in self.wf.tasks)

    def behind_perhaps_held(self, failed):
        """uids of what -n took for held, and of what comes after it, though it may come to be skipped, or not to be judged after a failure; or a yes is there for what it comes to be, but it was
        asked last for something else."""
        held, found = set(HELD.findall(self.plan)), w.edges(self.wf)
        perhaps = {t.uid for t in self.wf.tasks if t.name in held and (t.when or failed or t.name in (self.ref.yes or ()))}
        return {u for u in found if u in perhaps or w.before(found, u) & perhaps}

    def after_success(self, words, args, targets, text):
        if self.ref.unsure or self.edits_unsure():
            return
        again = Run(self.ref.clone(), *args).go(targets)
        stale = [u for u, s in again.states.items() if s in ("done", "failed", "restored", "held")]
        if not stale and not again.unrun:
            self.seal(words, args[1])
        words = questions(words)
        status, said = self.command("-q", *words, env=args[1])
        self.hold(status == bool(stale) or again.unrun and status in (1, 2), f"-q after the run: exit status {status}, stale are u{stale}", self.explain(words, args[1]), text + said)
        failed = [u for u, s in again.states.items() if s == "failed"]
        stands = "skipped" in again.states.values()  # and what it made when it was not skipped may still be there
        if not targets and not failed and not stale and not stands and not self.ref.taint[0]:
            clean = Reference(self.answers)
            clean.yes = None
            clean.disk = {p: b for p, b in self.ref.disk.items() if not p.startswith("out/")}
            Run(clean, *args).go()
            self.hold(clean.disk == self.ref.disk, "the outputs are not those of a clean build: " + differences(self.ref.disk, clean.disk), text)

    def seal(self, words, env):
        """Nothing to be done, twice: the first leaves a seal, which the second and perhaps the next run of the history rely on."""
        time.sleep(0.03)  # what has just changed is not sealed
        self.steps.append("sleep 0.03; " + "; ".join(["axmake " + " ".join(map(w.shell_quote, words)) + "; look"] * 2))
        for _ in range(2):
            status, text = self.command(*words, env=env)
            self.hold(status == 0 and not self.ran(), f"exit status {status} or a task ran where nothing was to be done", text)

    def run_and_kill(self, words, args, setting, imagined):
        """Killed when so many tasks have begun, or after so many seconds: then perhaps something is being restored. What SIGKILL cuts off is not told."""
        wait, delay, how = self.rng.randint(0, 3), self.rng.uniform(0, 0.1), self.rng.choice([signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGKILL])
        log = self.path("home", "ran")
        self.steps.append(
            f"{setting}axmake {' '.join(map(w.shell_quote, words))} & until [ $(wc -l < \"$HOME/ran\") -ge {wait} ] || ! kill -0 $!; do :; done; {'' if wait else f'sleep {delay:.3f}; '}"
            f"kill -{how.name[3:]} $!; wait; sleep 1; look"
        )
        with open(self.path("home", "said"), "w+b") as said:
            p = subprocess.Popen([self.axmake, *words], cwd=self.root, env=args[1], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            while p.poll() is None and (not os.path.exists(log) or read(log).count(b"\n") < wait):
                time.sleep(0.001)
            time.sleep(0 if wait else delay)
            p.send_signal(how)
            p.wait(LIMIT_S)
            self.wait_for_the_rest()
            said.seek(0)
            text = said.read().decode(errors="replace")
        try:
            real = Run(self.ref, *args, ran=self.ran(), restored=self.restored(text), asked=ASKED.findall(text), free=True, killed=True).go()
        except Mismatch as e:
            raise Mismatch(f"{e}\n{self.plan}killed:\n{text}") from None
        if imagined:
            real.maybe_restored_as(imagined)
        disk = self.real_disk()
        for t in (*self.wf.tasks, *self.wf.planned):
            if t.name in self.ref.began or t.name in self.ref.unsure:
                for d in (*t.outputs, *t.edits):
                    for p in self.ref.content(d):
                        del self.ref.disk[p]
                    self.ref.disk.update({p: b for p, b in disk.items() if w.hits(d, p)})
        self.compare_disk("after the kill\n" + text)

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
        self.steps.append("# in a fresh copy without out/ and .axmake/:")
        self.clone("copy")
        self.asked, self.ref.cache, self.ref.perhaps = None, {}, {}
        self.caches = "own" if self.caches == "shared" else self.caches
        self.wf.cache_dir, self.wf.comment = "", self.wf.comment + 1
        self.save()
        self.run(full=True)

    def clone(self, name):
        """Go on in a copy of the root, as git clones it: without outputs, and what axmake knows."""
        shutil.copytree(self.root, self.path(name), ignore=shutil.ignore_patterns(*HIDDEN, "out"))
        os.mkdir(self.path(name, "out"))
        self.steps.append(f"cp -r . ../{name}; cd ../{name}; rm -rf .axmake .automatosx out; mkdir out")
        old = self.ref
        self.root, self.ref, self.wf = self.path(name), Reference(self.answers), copy.deepcopy(self.wf)
        self.ref.disk = {p: b for p, b in old.disk.items() if not p.startswith("out/")}
        self.ref.taint = old.taint
        if self.caches == "shared":
            self.ref.cache, self.ref.perhaps = old.cache, old.perhaps


def questions(words):
    return [x for x in words if x[:2] not in ("-j", "-k")]


@functools.cache
def views(folder):
    """What `isolate` may be there: can a user mount an overlay?"""
    with tempfile.TemporaryDirectory(dir=folder) as box:
        script = "mkdir l u w m && mount -t overlay -o lowerdir=l,upperdir=u,workdir=w,userxattr o m"
        p = subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=box, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return ("copy",) if p.returncode else ("overlay", "overlay", "copy")


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




def shell_env(inherited):
    return "" if inherited is None else f"INHERITED='{inherited}' "
