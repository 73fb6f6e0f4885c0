"""The machine's power is lost: what a recorded history had written by some moment, as the disk may have it, is gone on with.

What is asked of the runs that come after: they end well; what stands there then is what a clean build makes; what is said to be up to date is; and an
agent whose task was reported as done is not asked again.
"""

import collections
import os
import random
import re
import shutil
import subprocess
import tempfile

from disk import Disk, Surprise, lay, record
from overlay import View, Views

LIMIT_S = 60
AGENT = """echo "$1" >>"$CALLS"
cat >/dev/null
body=$(cat src/a)
case $1 in
draft | kept) printf 'half' >$1.txt; { echo "$1 of"; cat src/a; } >$1.txt ;;
fix) { echo fixed; cat src/a; } >notes.txt ;;
esac
[ "$1" != lines ] || { echo '{"type": "begin"}'; echo "{\\"type\\": \\"result\\", \\"result\\": \\"lines about $(echo $body)\\"}"; }
[ "$1" = lines ] || printf 'the answer of %s about %s\\n```json\\n{"title": "one"}\\n```\\n' "$1" "$body"
[ "$1" != lead ] || echo "@asked: look at $body"
[ "$1" != lines ] || [ ! -e "$KILLS" ] || { rm "$KILLS"; kill -9 $PPID; }
"""
RULES = """[provider stand-in]
command = sh agent.sh ${name}
result = text
[provider in-lines]
command = sh agent.sh ${name}
result = jsonl:/result
final = jsonl:/type=result
[provider by-agent]
command = sh agent.sh ${agent}
result = text
[agent helper]
provider = stand-in
[agent lead]
provider = by-agent
[agent asked]
provider = by-agent
[agent liner]
provider = in-lines
"""
WORKFLOW = """tasks:
  - {name: first, run: "cat src/a >first.txt; cat src/a", inputs: [src/a], outputs: [first.txt]}
  - {name: plan, agent: helper, task: "Plan it", inputs: [src/a]}
  - {name: lines, agent: liner, task: "Plan more", inputs: [src/a]}
  - {name: draft, agent: helper, task: "Write ${plan.title}", inputs: [first.txt], outputs: [draft.txt]}
  - {name: kept, run: "printf half >kept.txt; sed s/^/kept/ src/a >kept.txt", on_edit: keep, inputs: [src/a], outputs: [kept.txt]}
  - {name: fix, agent: helper, task: "Mend it", inputs: [first.txt], edits: [notes.txt]}
  - {name: tree, run: "rm -rf tree; mkdir tree; mkdir tree/d; cat src/a >tree/d/x; cp src/a tree/y; ln -s d/x tree/l; seq 9", outputs: [tree/], inputs: [src/a]}
  - {name: join, run: "cat first.txt draft.txt kept.txt tree/d/x \\"$AX_RESULT_LINES\\" >join.txt", inputs: [first.txt, draft.txt, kept.txt, tree/], outputs: [join.txt], dependencies: [lines]}
"""
VIEWS = WORKFLOW.replace("agent: helper, task: \"Write", "isolate: copy, agent: helper, task: \"Write").replace("run: \"printf half", "isolate: copy, run: \"printf half")
OVERLAYS = re.sub(r"name: (draft|kept|fix|tree|lines),", r"name: \1, isolate: overlay,", WORKFLOW)
TOGETHER = WORKFLOW + "".join(f'  - {{name: ask{i}, agent: helper, task: "Say {i}", inputs: [src/a]}}\n' for i in range(6))
DELEGATES = WORKFLOW + '  - {name: lead, agent: lead, task: "Lead it", inputs: [src/a], delegates: [asked]}\n'
HELD = WORKFLOW.replace("{name: draft,", "{name: draft, approve: Draft it?,")
RUN, RUN_TOGETHER = "axmake -j1\n", "axmake -j8\n"
VERSIONS = ("a\n", "a\nb\n")
EDIT = "echo b >>src/a; sync src/a; echo VERSION 1\n"
APPROVED = "axmake -j1 || :\naxmake --approve draft\n" + RUN
BACK = "echo a >src/a; sync src/a; echo VERSION 0\n"
HISTORIES = {
    "anew, an edit, and back": (WORKFLOW, RUN + EDIT + RUN + BACK + RUN),
    "a loss, restored, an edit": (WORKFLOW, RUN + "echo LOST draft\nrm draft.txt join.txt tree/d/x\n" + RUN + EDIT + RUN),
    "views": (VIEWS, RUN + EDIT + RUN + BACK + RUN),
    "overlays": (OVERLAYS, RUN + EDIT + RUN + BACK + RUN),
    "an overlay, killed with an answer": (OVERLAYS, ": >$KILLS\naxmake -j1 || :\n" + RUN + EDIT + ": >$KILLS\naxmake -j1 || :\n" + RUN),
    "a rejection": (WORKFLOW, RUN + "axmake --reject plan=bad\n" + RUN + "axmake --reject draft\n" + RUN),
    "several that end together": (TOGETHER, RUN_TOGETHER + EDIT + RUN_TOGETHER),
    "an answer that asks": (DELEGATES, RUN + EDIT + RUN + BACK + RUN),
    "held, and approved": (HELD, APPROVED + EDIT + APPROVED),
    "killed with an answer": (WORKFLOW, ": >$KILLS\naxmake -j1 || :\n" + RUN + EDIT + ": >$KILLS\naxmake -j1 || :\n" + RUN),
}
TASKS = sorted(set(re.findall(r"name: (\w+)", TOGETHER + DELEGATES)))
AGENTS = sorted(set(re.findall(r"name: (\w+), agent", TOGETHER + DELEGATES)))
SAID = re.compile(r"^\[\d+/\d+\] (\w+): (done|restored|agent|taken)|^VERSION (\d)|^LOST (\w+)|^rejected (\w+)|^approved (\w+)", re.MULTILINE)
OTHER_BOOT = ["sh", "-c", 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"']


class Recording:
    def __init__(self, power, name, top):
        self.name = name
        workflow, script = HISTORIES[name]
        self.workflow = workflow
        folder = os.path.join(top, "recorded")
        power.begin(folder, workflow)
        disk = Disk(folder)
        calls, parents = record(["sh", "-e", "-c", script], folder, power.env(folder), folder + ".trace")
        self.calls, views = [], Views(folder, parents)
        for pid, call in calls:
            if views.see(pid, call):
                continue
            view = views.of(pid)
            if self.step(disk, view, call) or (call[0] == "write" and call[1][0][0] == "1"):
                self.calls.append((view, call))
        seen, there = disk.whole(), Disk(folder).whole()
        wrong = [p for p in set(seen) | set(there) if seen.get(p, ("", 0, b""))[::2] != there.get(p, ("", 0, b""))[::2]]
        if wrong:
            raise Surprise(f"the recording of '{name}' lacks something of {sorted(wrong)}")
        self.top = folder

    @staticmethod
    def step(disk, view, call):
        return (View(disk, *view) if view and call[0] != "mount" else disk).step(call)

    def at(self, n):
        """The disk after n calls; what was said by then: task to version of its last end, and the version; whose answer was rejected since that; and what version was approved."""
        disk = Disk(self.top + ".first")
        disk.top = self.top
        done, version, rejected, approved, noted = {}, 0, set(), None, False
        for view, call in self.calls[:n]:
            self.step(disk, view, call)
            noted = noted or (call[0] == "write" and call[1][0][1].endswith("/.axmake/log"))
            if call[0] == "write" and call[1][0][0] == "1":
                noted = False
                for task, what, number, lost, bad, good in SAID.findall(call[1][1].decode(errors="replace")):
                    if bad:
                        done.pop(bad, None)
                        rejected.add(bad)
                    elif good:
                        approved = version
                    elif lost:  # by somebody else: the cache may give it back, if the loss of power left that
                        done.pop(lost, None)
                    elif number:
                        version = int(number)
                    elif what in ("done", "restored"):
                        done[task] = version
                    else:
                        done.pop(task, None)
                        rejected.discard(task)
        # A rejection is on record before it is told: between the two it may count or not.
        told = next((c[1][1] for _, c in self.calls[n:] if c[0] == "write" and c[1][0][0] == "1"), b"")
        for bad in re.findall(r"^rejected (\w+)", told.decode(errors="replace")) if noted else []:
            done.pop(bad, None)
        return disk, done, version, rejected, approved


class Power:
    def __init__(self, axmake, top):
        self.axmake, self.top = axmake, top
        self.wanted = {}
        self.other_boot = None
        for unshare in (["unshare", "-m"], ["unshare", "-Urm"]):
            with open(os.path.join(top, "boot"), "w", encoding="ascii") as f:
                f.write("00000000-1111-2222-3333-444444444444\n")
            words = [*unshare, *OTHER_BOOT, os.path.join(top, "boot")]
            if not self.other_boot and shutil.which("unshare") and subprocess.run([*words, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
                self.other_boot = words

    def why_not(self):
        if not shutil.which("strace"):
            return "there is no strace"
        if subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            return "strace may not trace here"
        return None if self.other_boot else "no mount namespace may be made here, by which a boot looks like another"

    def env(self, folder):
        env = {"PATH": os.path.dirname(self.axmake) + ":" + os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TMPDIR": self.top}
        env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # which strace does not let it do
        env.update(CALLS=folder + ".calls", KILLS=folder + ".kills", XDG_RUNTIME_DIR=folder + ".limits")
        os.makedirs(env["XDG_RUNTIME_DIR"], mode=0o700, exist_ok=True)
        return env

    def begin(self, folder, workflow):
        for to in (folder, folder + ".first"):
            os.makedirs(to + "/src")
            for name, text in {"src/a": VERSIONS[0], "notes.txt": "raw\n", "agent.sh": AGENT, "axmake.ini": RULES, "workflow.ax.yaml": workflow}.items():
                with open(os.path.join(to, name), "w", encoding="utf-8") as f:
                    f.write(text)

    def call(self, folder, *words):
        with tempfile.TemporaryFile() as out:
            p = subprocess.Popen([*self.other_boot, self.axmake, *words], cwd=folder, env=self.env(folder), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            try:
                status = p.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
                status = "has not ended"
            out.seek(0)
            return status, out.read().decode(errors="replace")

    def made(self, folder):
        """What stands there, and what the tasks answered."""
        found = {p: v for p, v in Disk(folder).whole().items() if not re.match(r"\.(axmake|automatosx|ax-)", p)}
        return {p: (kind, text) for p, (kind, mode, text) in found.items()} | {t + "'s result": self.call(folder, "--result", t)[1] for t in TASKS}

    def approved_run(self, folder):
        """A run to the end, by somebody who approves what is held."""
        status, text = self.call(folder, "-j1")
        if status and "draft is held" in text:
            self.call(folder, "--approve", "draft")
            status, text = self.call(folder, "-j1")
        return status, text

    def clean(self, workflow, version):
        if (workflow, version) not in self.wanted:
            folder = tempfile.mkdtemp(dir=self.top) + "/clean"
            self.begin(folder, workflow)
            with open(folder + "/src/a", "w", encoding="utf-8") as f:
                f.write(VERSIONS[version])
            status, text = self.approved_run(folder)
            if status:
                raise Surprise(text)
            self.wanted[workflow, version] = self.made(folder)
        return self.wanted[workflow, version]

    def judge(self, recording, at, rng, folder):
        """What is wrong after the loss, in words."""
        disk, done, version, rejected, approved = recording.at(at)
        lay(disk.after_loss(rng), folder)
        chosen = version if rng.random() < 0.7 else 1 - version
        for name, text in {"src/a": VERSIONS[chosen], "agent.sh": AGENT, "axmake.ini": RULES, "workflow.ax.yaml": recording.workflow}.items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        if not os.path.exists(folder + "/notes.txt"):
            with open(folder + "/notes.txt", "w", encoding="utf-8") as f:
                f.write("raw\n")
        subprocess.run(["cp", "-a", folder, folder + ".state"], check=True)  # with what only an overlay's layers hold
        wanted = self.clean(recording.workflow, chosen)
        status, text = self.call(folder, "-q")
        if status not in (0, 1):
            yield f"-q ended with {status}\n{text}"
        elif not status and rejected:
            yield f"-q says that all is done, and rejected was {sorted(rejected)}"
        elif not status and self.made(folder) != wanted:
            yield f"-q says that all is done: {difference(self.made(folder), wanted)}"
        approval_counts = approved == chosen == version
        status, text = self.call(folder, "-j1") if approval_counts else self.approved_run(folder)
        if status:
            yield f"the next run ended with {status}\n{text}"
            return
        if self.made(folder) != wanted:
            yield f"the next run left something else: {difference(self.made(folder), wanted)}\n{text}"
        with open(folder + ".calls", "a+", encoding="utf-8") as f:
            f.seek(0)
            asked = collections.Counter(f.read().split())
        again = [t for t in AGENTS if asked[t] and done.get(t) == chosen and chosen == version]
        if again:
            yield f"reported as done, and asked again: {again}\n{text}"
        believed = [t for t in rejected if not asked[t]]
        if believed:
            yield f"rejected, and not asked again: {believed}\n{text}"
        if max(asked.values(), default=0) > 1:
            yield f"asked more than once: {dict(asked)}\n{text}"
        status, why = self.call(folder, "-q")
        if status:
            yield f"the run after that has something to do\n{text}\n" + self.call(folder, "--explain")[1]


def difference(seen, wanted):
    return ", ".join(f"{n}: {seen.get(n)!r} for {wanted.get(n)!r}" for n in sorted(set(seen) | set(wanted)) if seen.get(n) != wanted.get(n))[:2000]


def rounds(axmake, count, seed, names, only=None):
    """Plays so many losses of these histories; (passed, failed, skipped)."""
    passed = failed = 0
    top = os.path.realpath(tempfile.mkdtemp(prefix="axmake-power-"))
    power = Power(axmake, top)
    why = power.why_not()
    if why:
        print(f"skipped  crash: losses of power: {why}")
        return 0, 0, 1
    recordings = {}
    for i in range(count):
        if only is not None and i != only:
            continue
        name = names[i % len(names)]
        if name not in recordings:
            recordings[name] = Recording(power, name, tempfile.mkdtemp(dir=top))
        rng = random.Random(f"{seed}-{i}")
        at = rng.randint(0, len(recordings[name].calls))
        folder = os.path.join(top, f"r{i}")
        wrong = list(power.judge(recordings[name], at, rng, folder))
        for what in wrong:
            print(f"FAIL (--seed {seed} --only-loss {i}{' --history ' + repr(name) if len(names) < len(HISTORIES) else ''}): '{name}', after {at} of {len(recordings[name].calls)} calls, in {folder}.state: {what}", flush=True)
        failed += bool(wrong)
        passed += not wrong
        for path in [folder, folder + ".limits"] + ([] if wrong else [folder + ".state"]):
            shutil.rmtree(path, ignore_errors=True)
        if os.path.exists(folder + ".calls"):
            os.unlink(folder + ".calls")
    if not failed:
        shutil.rmtree(top)
    return passed, failed, 0
