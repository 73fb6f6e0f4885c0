"""What has to run, and what comes of it: a second, slow and simple opinion on staleness, by the words of the contract.

It keeps the bytes of every file and of every success and compares these; it hashes nothing that axmake hashes and never looks into axmake's state.
"""

import copy
import dataclasses
import json
import os
import subprocess
import tempfile

import workflow as w


class Mismatch(Exception):
    pass


class NoResult(Exception):
    """`${x}` of an optional task that failed, a field that is not there, an input whose maker was not run."""


class Refused(Exception):
    """`on_edit: fail`."""


class Answers:
    """What axmake-offline answers, each question asked once."""

    def __init__(self, axmake):
        self.command = os.path.join(os.path.dirname(axmake), "axmake-offline")
        self.known = {}

    def ask(self, prompt, role, model):
        """(result or None where it failed, {path: bytes written})"""
        if (prompt, role, model) not in self.known:
            self.known[prompt, role, model] = self.call(prompt, role, model)
        return self.known[prompt, role, model]

    def call(self, prompt, role, model):
        options = (["--model", model] if model else []) + (["--role", role] if role else [])
        with tempfile.TemporaryDirectory() as folder:
            p = subprocess.run([self.command, *options], input=prompt.encode(), stdout=subprocess.PIPE, cwd=folder, check=False)
            wrote = read_tree(folder)
        return None if p.returncode else json.loads(p.stdout)["result"].encode(), wrote


def read_tree(folder, skip=()):
    found = {}
    for at, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if f not in skip]
        for f in files:
            path = os.path.join(at, f)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


@dataclasses.dataclass
class Record:
    """A success."""

    signature: dict
    outputs: dict  # declared -> {path: bytes}
    edits: dict
    result: bytes
    order: int
    run: int = 0  # the number of the run that made it
    deps: dict = dataclasses.field(default_factory=dict)  # name -> what that dependency counted


class Reference:
    """All that is remembered from run to run; records and failures are by task name."""

    def __init__(self, answers):
        self.answers = answers
        self.disk, self.records = {}, {}
        self.began = set()  # started, and no success since
        self.starts = {}  # name -> the order of its last start
        self.unsure = {}  # name -> records that successes would have left: axmake was killed meanwhile; none: perhaps it began
        self.tried = {}  # name -> when a run was killed in which it perhaps began, and left all as it was: who edits that may be taken for older
        self.yes = {}  # name -> the signature that somebody said yes to; None: to all
        self.rejected = {}  # name -> why: what the record there stands for was no good
        self.order, self.runs = 0, 0
        self.cache = {}  # signature -> the outputs and result of a success; another clone may have the same one
        self.perhaps = {}  # the same, of successes in a run that was killed: stored or not
        self.taint = [False]  # somebody's change to an output stands: a clean build makes something else. Clones have one in common

    def clone(self):
        """Records and bytes are never changed, only replaced."""
        other = copy.copy(self)
        other.disk, other.records, other.began, other.unsure = dict(self.disk), dict(self.records), set(self.began), dict(self.unsure)
        other.starts, other.taint, other.tried = dict(self.starts), list(self.taint), dict(self.tried)
        other.cache, other.perhaps, other.rejected = dict(self.cache), dict(self.perhaps), dict(self.rejected)
        other.yes = self.yes and dict(self.yes)
        return other

    def write(self, files):
        """None: it is removed."""
        self.disk.update(files)
        self.disk = {p: b for p, b in self.disk.items() if b is not None}

    def content(self, declared):
        return {p: b for p, b in self.disk.items() if w.hits(declared, p)}


ALL = "all"
REJECTED = "\n\n[The last answer to this task was rejected. The reason that was given:]\n%s\n[End of the reason. Answer the task anew.]\n"
NO_TURN = "it was killed, and perhaps had no turn in the next run"


class Run:
    """One run of axmake. `ran` holds the uids that really ran, `restored` those that the cache gave back; None: the run that ought to be is imagined.

    free: what could run need not have (after a failure without -k, or before a kill). there: the paths that are there after it. anew: of -B, or what -W names:
    uids and paths. old: what -o names. touch: -t. asked: names of tasks that were said to be held.
    """

    def __init__(self, ref, wf, env, overrides, cached=True, ran=None, restored=(), free=False, killed=False, there=None, anew=(), old=(), touch=False, asked=()):
        self.ref, self.wf, self.env, self.ran, self.free, self.killed = ref, wf, env, ran, free, killed
        self.cached, self.restored, self.there, self.anew, self.old, self.touch, self.asked = cached, restored, there, anew, old, touch, asked
        self.vars = {**wf.vars, **overrides}
        self.states, self.reasons, self.results = {}, {}, {}
        self.link()
        self.unrun = set()  # failed without a start
        ref.runs += 1
        self.untouched = False  # -t could not record something
        self.held = {}  # uid -> signature: it waits for a yes

    def link(self):
        self.edges = w.edges(self.wf)
        self.before = {u: w.before(self.edges, u) for u in self.edges}

    def plan(self):
        """First the planner, then what it planned. Is there a plan to go by?"""
        self.do(self.wf.planner)
        if self.states[self.wf.planner] not in ("done", "restored", "up to date"):
            return False
        text = self.ref.disk[w.PLAN].decode()
        if text not in self.wf.plans:
            raise Mismatch(f"this is no plan: {text}")
        self.wf = dataclasses.replace(self.wf, tasks=self.wf.tasks + self.wf.plans[text])
        self.link()
        return True

    def do(self, uid):
        self.states[uid] = self.visit(self.wf.of(uid))
        self.check(uid, self.states[uid])

    def go(self, targets=None):
        known = not self.wf.planner or self.plan()
        todo = set(targets or self.edges)
        for t in list(todo):
            todo |= self.before[t]
        todo -= self.states.keys()
        while todo:
            uid = min(u for u in todo if not self.edges[u].keys() & todo)
            todo.remove(uid)
            fails = not known and self.states[self.wf.planner] == "failed"
            if known or fails and self.wf.of(uid).run_if:
                self.do(uid)
            else:
                self.states[uid] = "not run" if fails else "left"
                self.check(uid, self.states[uid])
        failed = [u for u, s in self.states.items() if s == "failed" and not self.wf.of(u).optional]
        left = [u for u, s in self.states.items() if s == "left"]
        if left and not failed and not self.killed:
            if NO_TURN not in (self.reasons.get(u) for u in left):
                raise Mismatch(self.must_run(left[0]))
            failed = left  # what failed without a start comes after one of which nothing is known
        self.status = 2 if failed or self.held or self.untouched else 0
        return self

    def check(self, uid, state):
        """Did axmake as was to be done?"""
        did = "ran" if self.ran and uid in self.ran else "was restored" if uid in self.restored else ""
        if did == "ran" and (state not in ("done", "failed") or uid in self.unrun) or did == "was restored" and state != "restored":
            why = ", ".join(f"{self.wf.of(d).name} is {self.states.get(d)}: {self.reasons.get(d)}" for d in self.edges[uid])
            raise Mismatch(f"{self.wf.of(uid).name} (u{uid}) {did}, but it was {state} ({self.reasons.get(uid)}; {why}); ran: {sorted(self.ran)}")

    def must_run(self, uid):
        return f"{self.wf.of(uid).name} (u{uid}) did not run, but it is stale: {self.reasons[uid]}"

    def visit(self, t):
        stopped = self.stopped(t)
        if stopped:
            return stopped
        if t.kind == "group":
            return "up to date"
        try:
            if t.when and not self.holds(t.when):
                return self.skip(t)
            if self.is_old(t):
                return self.keep_old(t)
            reason = self.reasons[t.uid] = self.judge(t, self.signature(t, True))
            signature = self.signature(t) if reason else {}
        except (NoResult, Refused) as e:
            self.reasons[t.uid] = str(e)
            self.unrun.add(t.uid)
            self.untouched |= self.touch and isinstance(e, NoResult) and not self.is_judged_by_record(t)
            return "failed"
        if not reason:
            self.results[t.uid] = self.ref.records[t.name].result
            return "up to date"
        self.set_aside(t)
        if self.touch:
            return self.touched(t, signature)
        restored = self.is_restored(t, self.key(t, signature))
        refused = self.refused_edit(t, self.key(t, signature) if restored else None)
        if refused:
            self.reasons[t.uid] = refused
            self.unrun.add(t.uid)
            return "failed"
        if t.approve and self.ref.yes is not None and self.ref.yes.get(t.name) != signature:
            self.held[t.uid] = signature
            return "held"
        if restored:
            return self.restore(t, signature)
        if self.ran is not None and t.uid not in self.ran:
            perhaps = all(d in self.unrun or self.states[d] == "left" for d in self.unsuccessful(t))  # what would fail at its start had no turn
            if not self.free or t.run_if and not self.killed and not perhaps:
                raise Mismatch(self.must_run(t.uid))
            if self.killed:
                self.maybe_restored(t, signature)
            return "left"
        return self.perform(t, signature)

    # Whether it is to run at all

    def unsuccessful(self, t):
        """Of what comes before it: what failed or was not run."""
        bad = ("failed", "not run", "left", *(("held", "behind") if self.outran(t) else ()))
        return [d for d in self.edges[t.uid] if self.states[d] in bad]

    def outran(self, t):
        """After a failure without -k it ran although something would have been held: for that nobody was asked any more."""
        return self.free and t.run_if and t.uid in self.ran and not any(self.wf.of(d).name in self.asked for d in self.before[t.uid])

    def stopped(self, t):
        """Why it is not even judged; nothing when it is."""
        if any(self.states[d] in ("held", "behind") for d in self.edges[t.uid]) and not self.outran(t):
            return "behind"
        bad = {d: self.states[d] for d in self.unsuccessful(t)}
        if t.run_if == "failure" and not bad:
            return self.skip(t)
        if t.run_if and (not self.killed or t.uid in self.ran):
            return "left" if t.run_if == "failure" and set(bad.values()) == {"left"} else ""
        lost = {d for d, s in bad.items() if s == "not run" or s == "failed" and not self.wf.of(d).optional}
        if lost - w.tolerated(self.edges, t):
            return "not run" if not t.run_if else ""
        return "left" if "left" in bad.values() else ""

    def skip(self, t):
        self.results[t.uid] = b""
        return "skipped"

    def holds(self, when):
        kind, *rest = when
        if kind == "equal":
            return self.vars[rest[0]] == rest[1]
        if kind == "exists":
            return rest[0] in self.ref.disk
        if kind == "said":
            return self.text_of(*rest) != ""
        if kind == "not":
            return not self.holds(rest[0])
        return (all if kind == "and" else any)(self.holds(part) for part in rest)

    # What -o names

    def is_old(self, t):
        return t.uid in self.old or any(o in self.old for o in t.outputs)

    def is_old_input(self, path):
        return path in self.old or any(w.makes(u, path) and self.is_old(u) for u in self.wf.tasks)

    def keep_old(self, t):
        own = self.ref.records.get(t.name)
        if not own:
            self.take_over(t, self.signature(t, True), own)
        if t.name in self.ref.records:
            self.results[t.uid] = self.ref.records[t.name].result
        return "up to date"

    def as_recorded(self, t, s):
        """A signature, but what -o names is taken from the record."""
        record = self.ref.records.get(t.name)
        if not record or not self.old:
            return s
        known = {f"input {p}" for p in self.ref.disk if self.is_old_input(p)} | {f"result of u{d}" for d in t.results if self.is_old(self.wf.of(d))}
        deps = {n: record.deps.get(n, c) if self.is_old(self.wf.of(d)) else c for d, (n, c) in self.counted(t).items()}
        gone = {f"input {p}" for p in t.inputs if self.is_gone_as_known(t, p)}
        return s | {k: record.signature[k] for k in (known & s.keys() | gone) & record.signature.keys()} | {"dependencies": sorted(deps.values())}

    def is_gone_as_known(self, t, path):
        """Is it an input that is not there, and that -o takes for what it was?"""
        record = self.ref.records.get(t.name)
        return path[0] != "!" and not w.has_more(path) and path not in self.ref.disk and bool(record) and f"input {path}" in record.signature and self.is_old_input(path)

    def counted(self, t):
        return {d: (self.wf.of(d).name, self.contribution(self.wf.of(d), t)) for d in t.deps}

    # What counts

    def input_files(self, t):
        """Sorted; a pattern does not count what its own task, or one that comes after, makes. What it edits is no input."""
        later = [u for u in self.wf.tasks if u is t or t.uid in self.before[u.uid]]
        found = []
        for path in self.ref.disk:
            hit = [p for p in t.inputs if p[0] != "!" and w.hits(p, path)]
            if not hit or any(p[0] == "!" and w.hits(p[1:], path) for p in t.inputs) or any(w.hits(e, path) for e in t.edits):
                continue
            if path in hit or not any(w.makes(u, path) for u in later):
                found.append(path)
        lacking = [p for p in t.inputs if p[0] != "!" and not w.has_more(p) and p not in (*t.edits, *self.ref.disk) and not self.is_gone_as_known(t, p)]
        if lacking:
            raise NoResult(f"input {lacking[0]} is not there")
        return sorted(found)

    def contribution(self, dep, user):
        """What a dependency counts: its outputs (those that its user edits as they were made), else its result; a group, its dependencies."""
        if dep.kind == "group":
            return repr(sorted(self.contribution(self.wf.of(d), user) for d in dep.deps))
        if not dep.outputs:
            return repr(self.results.get(dep.uid))
        files = {}
        for o in sorted(dep.outputs):
            now, made = self.ref.content(o), self.ref.records[dep.name].outputs.get(o, {}) if dep.name in self.ref.records else {}
            editors = [u for u in self.wf.tasks if dep.uid in self.edges[u.uid]] if any(w.hits(e, p) for e in user.edits for p in {*now, *made}) else []
            edited = [p for p in {*now, *made} if any(w.hits(e, p) for u in editors for e in u.edits)]
            files[o] = {p: b for p, b in now.items() if p not in edited} | {p: made[p] for p in edited if p in made}
        return repr(sorted((o, sorted(f.items())) for o, f in files.items()))

    def text_of(self, uid, mark=""):
        result = self.results.get(uid)
        if result is None and mark != "?":
            raise NoResult(f"there is no result of {self.wf.of(uid).name}")
        return (result or b"").decode().rstrip("\n")

    def field_of(self, t, uid):
        (path, mark), result = t.fields[uid], self.results.get(uid)
        if self.states[uid] == "skipped":
            return ""  # its result is empty, with all its fields
        value = None if result is None else field_in(result, path)
        if value is None and mark != "?":
            raise NoResult(f"there is no {path} of {self.wf.of(uid).name}")
        return value or ""

    def lacks_field(self, t, result):
        return any(u.fields[t.uid][1] != "?" and field_in(result, u.fields[t.uid][0]) is None for u in self.wf.tasks if t.uid in u.fields)

    def environment(self, t):
        piece = {"var": lambda v: self.vars[v], "result": self.text_of, "field": lambda uid: self.field_of(t, uid)}
        return {n: "".join(p if isinstance(p, str) else piece[p[0]](p[1]) for p in pieces) for n, pieces in t.env}

    def prompt(self, t):
        var = lambda v: "\n".join(self.input_files(t)) if v == "inputs" else self.vars[v]
        return w.prompt(t, self.text_of, lambda uid: self.field_of(t, uid), var)

    def signature(self, t, judging=False):
        s = {f"env {n}": v for n, v in self.environment(t).items()}
        s |= {f"inherited {n}": self.env.get(n) for n in t.env_inputs}
        s |= {f"input {p}": self.ref.disk[p] for p in self.input_files(t)}
        s |= {f"declared {d}": True for d in (*t.outputs, *("edit " + e for e in t.edits))}
        s["dependencies"] = sorted(c for _, c in self.counted(t).values())
        s["a failure"] = self.follows_failure(t)
        if t.kind == "agent":
            s |= {"prompt": self.prompt(t), "role and model": self.wf.roles[t.agent]}
        else:
            s |= {"script": w.script(self.wf, t), "name": t.name if t.uses_name else ""}
            s |= {f"var {v}": self.vars[v] for v in t.vars}
            s |= {f"result of u{d}": self.results.get(d) for d in t.results}
        return self.as_recorded(t, s) if judging else s

    def follows_failure(self, t):
        return bool(t.run_if) and any(self.edges[t.uid][d] or t.run_if == "failure" for d in self.unsuccessful(t))

    # What is stale

    def is_judged_by_record(self, t):
        """Else it is stale whatever it uses."""
        own = self.ref.records.get(t.name)
        return own and not (t.always or self.is_rejected(t) or other_work(own, t) or self.is_another_kind(t, own) or self.follows_failure(t))

    def is_another_kind(self, t, record):
        return (t.kind == "agent") != ("prompt" in record.signature)

    def judge(self, t, signature):
        """Why it has to run; nothing when it is up to date."""
        ref = self.ref
        if self.is_asked_for(t):
            return "-B or -W"
        if t.always:
            return "always"
        if signature["a failure"]:
            return "it follows a failure"
        if t.name in ref.unsure:
            return self.judge_unsure(t, signature)
        own = ref.records.get(t.name)
        if not own or own.signature != signature and not self.is_rejected(t):
            self.take_over(t, signature, own)
        reason = self.judge_record(t, signature, t.name in ref.began)
        if not reason:
            ref.began.discard(t.name)
        return reason

    def is_asked_for(self, t):
        reads = lambda f: any(w.hits(p, f) for p in t.inputs) and not any(p[0] == "!" and w.hits(p[1:], f) for p in t.inputs)
        return self.anew == ALL or any(a == t.uid or isinstance(a, str) and reads(a) for a in self.anew)

    def judge_record(self, t, signature, begun):
        record = self.ref.records.get(t.name)
        if not record:
            return "it never succeeded"
        if self.is_rejected(t):
            return "it was rejected"
        changed = [k for k in sorted({*signature, *record.signature}) if signature.get(k) != record.signature.get(k)]
        return "changed: " + ", ".join(changed) if changed else self.judge_outputs(t, record, begun) or self.judge_edits(t, record, begun)

    def is_rejected(self, t):
        return t.name in self.ref.rejected and not other_work(self.ref.records[t.name], t)

    def is_orphan(self, name):
        """Does the record stand for nothing that its name's bearer does?"""
        bearers = [u for u in self.wf.tasks if u.name == name]
        return not bearers or other_work(self.ref.records[name], bearers[0])

    def is_overwritten(self, t, r, own):
        """May what it stands for have been made anew since: by the task itself, or by another that made the same output?"""
        if own and own.order > r.order and own.run != r.run and not other_work(own, t):
            return True
        return any(self.made_since(r, o) for o in r.outputs)

    def made_since(self, r, output):
        return any(x.order > r.order and output in x.outputs for x in self.ref.records.values())

    def take_over(self, t, signature, own):
        """The record of a name that nobody bears any more, or whose bearer does other work."""
        for name, r in sorted(self.ref.records.items(), key=lambda x: -x[1].order):
            if r.signature == signature and self.is_orphan(name) and not self.is_overwritten(t, r, own):
                self.set_aside(t)
                return self.move(name, t.name)

    def set_aside(self, t):
        """A record of other work is kept for whoever does that now."""
        own = self.ref.records.get(t.name)
        if own and other_work(own, t):
            self.move(t.name, f"{t.name}, {own.order}")

    def move(self, name, to):
        ref = self.ref
        ref.records[to] = ref.records.pop(name)
        ref.starts[to], ref.tried[to] = ref.starts.get(name, 0), ref.tried.get(name, 0)
        (ref.began.add if name in ref.began else ref.began.discard)(to)
        ref.began.discard(name)
        if name in (ref.yes or ()):
            ref.yes.setdefault(to, ref.yes[name])
        if name in ref.rejected:
            ref.rejected[to] = ref.rejected.pop(name)

    def stands(self, record):
        return all(self.ref.content(d) == c for d, c in (record.outputs | record.edits).items())

    def judge_unsure(self, t, signature):
        ref, possible, ran = self.ref, self.ref.unsure[t.name], self.ran and t.uid in self.ran or t.uid in self.restored
        own = ref.records.get(t.name)
        if not own or own.signature != signature:
            self.take_over(t, signature, own)
        if not possible:
            reasons = [self.judge_record(t, signature, begun) for begun in (False, True)]
            if not any(reasons):
                ref.tried[t.name] = ref.order
                del ref.unsure[t.name]
            return reasons[1] if ran else reasons[0]
        if ran or t.name in self.asked:
            return "it was killed"
        stopped = self.killed or self.free and not t.run_if and t.uid != self.wf.planner  # it may have had no turn
        seen = not stopped or self.was_used(t, by_handlers=False)
        for r in (*reversed(possible), ref.records.get(t.name)):
            if r and r.signature == signature and self.stands(r):
                if not seen:
                    return NO_TURN
                ref.records[t.name] = r
                ref.began.discard(t.name)
                del ref.unsure[t.name]
                return ""
        return "it was killed, and is not as either success left it"

    def judge_outputs(self, t, record, begun):
        """An edited output of an agent is kept, that of a script made again; what a failed try of its own left is no edit."""
        ref = self.ref
        for o in sorted(t.outputs):
            now = ref.content(o)
            if not now or not w.is_tree(o) and not w.is_glob(o) and o not in now:
                return f"output {o} is missing"
            if now == record.outputs[o] or self.left_by_editor(t, o, record, True):
                continue
            if not (self.ran and t.uid in self.ran or t.uid in self.restored) and self.left_by_editor(t, o, record, False):
                continue
            if begun:
                return f"a failed try left {o}"
            if self.made_since(record, o):
                return f"another task made {o} anew"
            rule = t.on_edit or ("keep" if t.kind == "agent" else "rerun")
            if rule == "fail":
                raise Refused(f"output {o} was changed")
            if rule == "rerun":
                return f"output {o} was changed"
        return ""

    def refused_edit(self, t, key):
        """What somebody else made of an output is not written over where `on_edit: fail` is said, for whatever reason the task is stale; nor by what the cache has, but that."""
        record = self.ref.records.get(t.name)
        if t.on_edit != "fail" or not record or t.name in self.ref.began:
            return ""
        had = ((self.ref.cache.get(key) or self.ref.perhaps.get(key)) if key else None) or ({}, b"")
        for o in sorted(t.outputs):
            now = self.ref.content(o)
            if not now or o not in record.outputs or now in (record.outputs[o], had[0].get(o)):
                continue
            ran = self.ran and t.uid in self.ran
            if not (self.left_by_editor(t, o, record, not ran) or self.made_since(record, o)):
                return f"output {o} was changed"
        return ""

    def left_by_editor(self, t, output, record, sure):
        """Is each file as made, or as a task that edits it left it later? Not sure: it may have been killed before it was known to have succeeded."""
        known = list(self.ref.records.values())
        if not sure:
            known += [r for possible in self.ref.unsure.values() for r in possible]
        edits = [r.edits for r in known if r and r.order > record.order]
        now, made = self.ref.content(output), record.outputs[output]
        left = lambda p: any(p in files and files[p] == now[p] for e in edits for files in e.values())
        return now.keys() == made.keys() and all(now[p] == made[p] or left(p) for p in now)

    def judge_edits(self, t, record, begun):
        for u in (self.wf.of(d) for d in self.before[t.uid]):
            other = self.ref.records.get(u.name) if u.outputs or u.edits else None  # by a name that others bore it may be a record of theirs
            since = max(other.order, self.ref.starts.get(u.name, 0)) if other else 0
            if self.ran and t.uid in self.ran:
                since = max(since, self.ref.tried.get(u.name, 0))
            if since > record.order and any(w.hits(e, p) for e in t.edits for f in (other.outputs | other.edits).values() for p in f):
                return "what it edits was made again, or edited by one that comes before it"
        if t.edits and begun and any(self.ref.content(e) != record.edits[e] for e in t.edits):
            return "a failed try left what it edits"
        return ""

    # What it does

    def perform(self, t, signature):
        ref = self.ref
        ref.began.add(t.name)
        ref.order += 1
        ref.starts[t.name] = ref.order
        possible = ref.unsure.pop(t.name, ())
        result, wrote = self.answer(t) if t.kind == "agent" else self.execute(t)
        failed = result is None or self.lacks_field(t, result)
        if not (t.isolate and failed):
            ref.write(wrote)
        if failed:
            if possible:
                ref.unsure[t.name] = possible
            return "failed"
        ref.order += 1
        ref.rejected.pop(t.name, None)
        record = self.record(t, signature, result)
        self.results[t.uid] = result
        sure = not self.killed or self.was_used(t)
        if sure:
            ref.records[t.name] = record
            ref.began.discard(t.name)
        else:
            ref.unsure[t.name] = (*possible, record)
        self.store(self.key(t, signature), record, sure)
        return "done"

    def record(self, t, signature, result):
        content = lambda declared: {d: self.ref.content(d) for d in declared}
        return Record(signature, content(t.outputs), content(t.edits), result, self.ref.order, self.ref.runs, dict(self.counted(t).values()))

    def touched(self, t, signature):
        """-t: nothing is made, and what stands there is taken for what it would have made."""
        ref, own = self.ref, self.ref.records.get(t.name)
        if t.kind == "agent" and (not own or self.is_another_kind(t, own)) or any(not ref.content(o) or not w.has_more(o) and o not in ref.disk for o in t.outputs):
            self.untouched = True
            return "failed"
        ref.order += 1
        ref.rejected.pop(t.name, None)
        ref.began.discard(t.name)
        self.results[t.uid] = own.result if own else b""
        ref.records[t.name] = self.record(t, signature, self.results[t.uid])
        ref.taint[0] = True
        return "done"

    def was_used(self, t, by_handlers=True):
        """Has one begun that comes after it? What runs after failures does so too where t has had no turn."""
        after = [u for u in self.ran if u in self.before and (by_handlers or not self.wf.of(u).run_if)]
        return any(t.uid in self.before[u] or self.wf.planner and u != t.uid == self.wf.planner for u in after)

    def was_had(self, t):
        """Did somebody start who needs its success, or its end where nothing failed?"""
        ways = ("", "done") if "failed" not in self.states.values() else ("",)
        if "done" in ways and any(t.uid in self.before[u] for u in self.ran if u in self.before):
            return True
        return any(t.uid in self.edges[u] and self.wf.of(u).run_if in ways for u in self.ran if u in self.edges)

    # What is had again without a run

    def key(self, t, signature):
        """Nothing for what is not cached."""
        kind = t.kind != "group" and not t.edits and not t.always and t.cache != "false" and (t.outputs or t.cache == "true")
        return t.kind + repr(sorted(signature.items())) if self.cached and kind and not signature["a failure"] else None

    def store(self, key, record, sure):
        if key:
            (self.ref.cache if sure else self.ref.perhaps)[key] = record.outputs, record.result

    def is_restored(self, t, key):
        """axmake is believed only where both would be right: what a killed run made is stored or not, and after a failure without -k it is restored or not."""
        ref = self.ref
        known = ref.cache.get(key) or ref.perhaps.get(key)
        if not known or self.lacks_field(t, known[1]) or self.anew or self.is_rejected(t):
            return False
        if self.ran is None or t.uid in self.restored:
            return True
        if t.uid in self.ran:
            return key in ref.cache
        return not self.free and key in ref.cache or self.killed and self.was_had(t)

    def restore(self, t, signature):
        """Each output becomes what it was; but what somebody else put beside a task's own files stays."""
        ref, key = self.ref, self.key(t, signature)
        ref.cache.setdefault(key, ref.perhaps.get(key))
        outputs, result = ref.cache[key]
        old, begun = ref.records.get(t.name), t.kind == "run" and (t.name in ref.began or t.name in ref.unsure)
        perhaps = begun and t.name not in ref.began and self.there is not None  # then what stands there tells whether it had begun
        for o, made in outputs.items():
            now = ref.content(o)
            if begun or old and (now == old.outputs.get(o) or o in old.outputs and self.left_by_editor(t, o, old, True)):
                for p in now:
                    if perhaps and p not in made and p in self.there:
                        ref.taint[0] = True
                    else:
                        del ref.disk[p]
            elif now.keys() - made.keys():
                ref.taint[0] = True  # a run might have removed it
                if self.there is not None and any(r.outputs.get(o) == now for r in ref.unsure.get(t.name, ())):
                    for p in now.keys() - self.there:  # a run that was killed ended with it or did not: then it was the task's own
                        del ref.disk[p]
            ref.disk.update(made)
        ref.order += 2
        ref.starts[t.name] = ref.order - 1
        ref.records[t.name] = self.record(t, signature, result)
        ref.began.discard(t.name)
        ref.unsure.pop(t.name, None)
        self.results[t.uid] = result
        return "restored"

    def maybe_restored(self, t, signature):
        """It had perhaps begun when axmake was killed, or its restoring, or that was even over."""
        ref, key = self.ref, self.key(t, signature)
        known, possible = ref.cache.get(key) or ref.perhaps.get(key), ref.unsure.get(t.name, ())
        if known:
            ref.order += 1
            possible = (*possible, Record(signature, known[0], {}, known[1], ref.order, ref.runs))
        ref.unsure[t.name] = possible

    def maybe_restored_as(self, imagined):
        """The same of what would have been restored after such a one, as the run that ought to have been did it."""
        for t in imagined.wf.tasks:
            if imagined.states.get(t.uid) == "restored" and self.states.get(t.uid) == "left" and t.name not in self.ref.unsure:
                self.ref.order += 1
                self.ref.unsure[t.name] = (dataclasses.replace(imagined.ref.records[t.name], order=self.ref.order),)

    def reject(self, t, why):
        """What it made is no good, and is not to be had from the cache either."""
        record = self.ref.records[t.name]
        self.ref.rejected[t.name] = why
        for cache in (self.ref.cache, self.ref.perhaps) if self.cached else ():
            cache.pop(t.kind + repr(sorted(record.signature.items())), None)

    def answer(self, t):
        why = self.ref.rejected.get(t.name)
        return self.ref.answers.ask(self.prompt(t) + (REJECTED % why if why else ""), *self.wf.roles[t.agent])

    def execute(self, t):
        """The script: see workflow.script."""
        disk, wrote = self.ref.disk, {}
        fails = t.guard and b"BAD" in disk[t.guard]
        if fails and (t.isolate or not t.guard_late):
            return None, {}
        everything = self.read_all(t)
        for o in t.outputs:
            for p in self.ref.content(o) if w.has_more(o) else ():
                if t.tidy:
                    wrote[p] = None
            wrote[w.files_made(o)[0]] = b"half\n"
        if fails:
            return None, wrote
        for o in t.outputs:
            wrote.update({f: disk["src/plan"] if t.makes == "plan" else drain(t.makes, everything) for f in w.files_made(o)})
            if w.has_more(o):
                wrote[w.one_more(o, everything.count(10))] = b"k\n"
        for e in t.edits:
            for f in w.files_made(e):
                mark, old = b"k mark%d" % t.uid, disk.get(f, b"")
                wrote[f] = old + (b"" if mark in old.split(b"\n") else b"\n" + mark + b"\n")
        return drain(t.says, everything), wrote

    def read_all(self, t):
        ref, files = self.ref, self.input_files(t)
        out = b"k %s\n" % "\n".join(files).encode() if t.lists_inputs else b""
        out += b"".join(ref.disk[p] for p in files)
        for d in sorted(t.deps):
            for o in sorted(self.wf.of(d).outputs):
                out += b"".join(b for _, b in sorted(ref.content(o).items()))
        for d in sorted(t.results):
            out += self.results.get(d) or b""
        env = self.environment(t)
        named = [(v, self.vars[v]) for v in sorted(t.vars)] + sorted(env.items()) + [(n, self.env.get(n, "unset")) for n in sorted(t.env_inputs)]
        out += "".join(f"k {n}={v}\n" for n, v in named).encode()
        return out + (f"k {t.name}\n".encode() if t.uses_name else b"")


def other_work(r, t):
    """Does the record stand for other work than the task's? Then both declare something, and nothing in common."""
    return bool((r.outputs or r.edits) and (t.outputs or t.edits)) and not (r.outputs.keys() & {*t.outputs} or r.edits.keys() & {*t.edits})


def field_in(result, path):
    """Its text, or None."""
    try:
        value = json.loads(result)
        for key in path.split("."):
            value = value[key]
    except (ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def drain(how, everything):
    if how == "json":
        lines = everything.split(b"\n")
        n, x = sum(line.startswith(b"k 1") for line in lines), sum(line.startswith(b"x 1") for line in lines)
        return b'{"n": %d, "in": %s, "all": %d}\n' % (n, b'{"x": %d}' % x if x else b"{}", everything.count(10))
    if how == "keys":
        lines = everything.split(b"\n")
        return b"".join(line + b"\n" for line in lines if line.startswith(b"k"))
    return {"full": everything, "const": b"k same\n", "none": b""}[how]
