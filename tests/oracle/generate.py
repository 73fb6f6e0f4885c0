"""Random workflows and the files that they start from."""

import copy

import workflow as w

SOURCES = ("src/a", "src/b", "src/c")
FOUND = ("d/1.txt", "d/2.txt", "d/sub/3.txt", "d/skip.txt", "tree/x", "tree/deep/y")  # by globs and trees
EDITED = ("ed/1", "ed/2")
PATTERNS = (["d/*.txt"], ["d/**/*.txt", "!d/skip.txt"], ["tree/"], ["d/*.txt", "tree/"])
VALUES = ("Ka7", "Kb7", "Kc7")  # of a matrix's key, and nowhere else in the text of a workflow
MOODS = ("fine", "good", "FAIL: not today")


def content(rng, bad=0.0):
    """A line that the way `keys` keeps and one that it drops, so that a change may stop halfway."""
    return f"k {rng.randint(0, 2)}\nx {rng.randint(0, 2)}\n{'BAD' if rng.random() < bad else ''}\n"


def pick(rng, items, most):
    items = list(items)
    return rng.sample(items, min(len(items), rng.randint(0, most)))


class Maker:
    def __init__(self, rng, views):
        self.rng = rng
        self.views = views
        self.spare = []
        self.untidy = rng.random() < 0.25
        self.tasks = []
        self.editors = {}  # uid of a task whose outputs are edited, or an edited file -> uids that edit, in their order
        self.used = set()
        self.settled = set()  # of those in editors: somebody reads them as the last editor leaves them
        self.collector = False

    def workflow(self):
        rng = self.rng
        most, family = rng.randint(3, 9), rng.randint(0, 9) if rng.random() < 0.5 else None
        for uid in range(most):
            t = self.task(uid)
            self.tasks += self.family(t) if uid == family and t.kind in ("run", "agent") and not t.edits else [t]
        roles = {"plain": ("", ""), "twin": ("", ""), "wise": ("You are wise", "m1")}
        wf = w.Workflow(list(self.tasks), {"V1": "one", "V2": "two", "MOOD": "fine", "UNUSED": "u"}, roles, spare=self.spare)
        if rng.random() < 0.3:
            self.plans(wf)
        rng.shuffle(wf.tasks)
        return wf

    def plans(self, wf):
        """A task that makes an included file, and what that may say."""
        rng = self.rng
        planner = w.Task(90, "plan", inputs=["src/plan", *pick(rng, SOURCES, 1)], outputs=[w.PLAN], makes="plan", says=rng.choice(["none", "const"]))
        planner.guard = planner.inputs[1] if len(planner.inputs) > 1 and rng.random() < 0.5 else ""
        planner.guard_late = rng.random() < 0.5
        wf.planner = planner.uid
        wf.tasks.append(planner)
        made = [f for t in self.tasks for o in t.outputs for f in w.files_made(o) if not t.optional and not t.when and not t.run_if and t.uid not in self.editors]
        for _ in range(3):
            tasks = []
            for uid in range(91, 91 + rng.randint(0, 3)):
                t = w.Task(uid, f"g{uid}", salt=rng.randint(0, 1), makes=rng.choice(["full", "keys", "const"]), says=rng.choice(["none", "keys"]))
                t.inputs = pick(rng, SOURCES, 1) + pick(rng, made, 1)
                t.outputs = [f"out/g{uid}.{rng.choice('kx')}"]
                t.deps = pick(rng, [u.uid for u in tasks], 1)
                tasks.append(t)
            both = w.Workflow(wf.tasks + tasks, wf.vars, wf.roles)
            wf.plans["tasks:\n" + "".join(w.task_yaml(both, t) for t in tasks) if tasks else "tasks: []\n"] = tasks

    def family(self, t):
        """Tasks of one matrix; the last one comes and goes."""
        of = []
        for i, value in enumerate(VALUES):
            u = copy.deepcopy(t)
            u.uid, u.family, u.value = 100 + i, t.uid + 20, value
            u.outputs = [o.replace(f"t{t.uid}", f"m{value}") for o in t.outputs]
            u.name = w.full_name(t.name, u)
            of.append(u)
        self.used.update(u.uid for u in of)  # nobody edits its outputs
        self.spare = of[2:]
        return of[:2]

    def task(self, uid):
        rng = self.rng
        t = w.Task(uid, rng.choice(["t%d", "t-%d", "Task %d"]) % uid)
        t.kind = rng.choices(["run", "agent", "group", "editor"], [10, 5, 1, 2])[0]
        if t.kind == "group":
            t.deps = self.earlier(rng.randint(1, 3))
            t.deps += [e for e in self.editors_of(t.deps) if e not in t.deps]
            return t
        if t.kind == "editor" and self.editor(t):
            return t
        t.kind = "run" if t.kind == "editor" else t.kind
        self.reads(t)
        self.gives(t)
        self.ways(t)
        self.conditions(t)
        return t

    def earlier(self, n):
        found = pick(self.rng, [t.uid for t in self.tasks if t.run_if != "failure"], n)
        self.used.update(found)
        return found

    def editor(self, t):
        """It marks a file that stands there, or the outputs of a task that nobody uses yet. One after another, all who use these come after."""
        rng, free = self.rng, lambda u: u.outputs and u.uid not in self.used and not u.optional and not u.when and not u.run_if
        makers = [u for u in self.tasks if free(u) and not any(".k" in o for o in u.outputs)]
        t.kind, t.says = "run", rng.choice(["none", "const"])
        again = [m for m in self.editors if isinstance(m, int) and m not in self.settled]
        if again and rng.random() < 0.4:
            maker = self.editors[again[0]][0]
            first = next(u for u in self.tasks if u.uid == maker)
            t.edits, t.deps = list(first.edits), [again[0], *self.editors[again[0]]]
            self.editors[again[0]].append(t.uid)
        elif makers and rng.random() < 0.7:
            m = rng.choice(makers)
            t.edits, t.deps = [self.part(o) for o in m.outputs[:1]], [m.uid]
            self.used.add(m.uid)
            self.editors[m.uid] = [t.uid]
        else:
            free = [e for e in EDITED if e not in self.editors]
            if not free:
                return False
            t.edits = [free[0]]
            t.inputs = list(t.edits) if rng.random() < 0.3 else []
            self.editors[free[0]] = [t.uid]
        return True

    def editors_of(self, uids):
        self.settled.update(uids)
        return [e for u in uids for e in self.editors.get(u, [])]

    def part(self, output):
        return output + "a" if w.is_tree(output) else output

    def reads(self, t):
        rng = self.rng
        t.inputs = pick(rng, SOURCES, 2)
        if rng.random() < 0.3:
            t.inputs += rng.choice(PATTERNS)
        if self.tasks and rng.random() < 0.3:
            maker = rng.choice(self.tasks)
            if maker.outputs and not maker.optional and not maker.when and not maker.run_if:
                t.inputs.append(w.files_made(rng.choice(maker.outputs))[0])
                self.used.add(maker.uid)
        if not self.collector and rng.random() < 0.15:
            self.collector = True
            t.inputs += ["out/*.k"]
        t.deps, t.after = self.earlier(2), self.earlier(1)
        named = pick(rng, [u for u in self.tasks if u.kind != "group" and u.run_if != "failure"], 1)
        for u in named:
            self.used.add(u.uid)
            t.results[u.uid] = "?" if u.optional and rng.random() < 0.7 else ""
            if t.kind == "run" and u.uid not in t.deps:
                t.deps.append(u.uid)
            if t.kind == "run" and u.optional:
                t.results[u.uid] = "?"
        for u in pick(rng, [u for u in self.tasks if u.says == "json" and u.run_if != "failure"], 2):
            self.used.add(u.uid)
            t.fields[u.uid] = rng.choice(w.FIELDS), "?" if u.optional or rng.random() < 0.5 else ""
        t.after = [u for u in t.after if u not in t.deps]
        t.vars = pick(rng, ["V1", "V2"], 1)
        for u in {*t.deps, *(u.uid for u in self.tasks for i in t.inputs if w.makes(u, i))}:
            t.after += [e for e in self.editors_of([u]) if e not in t.deps and e not in t.after]
        for e in (e for e in EDITED if e in self.editors and rng.random() < 0.3):
            t.inputs.append(e)
            t.after += [u for u in self.editors[e] if u not in t.deps and u not in t.after]

    def gives(self, t):
        rng = self.rng
        kinds = ["out/t%d.k", "out/t%d.x", "out/t%d.d/", "out/t%d-*.g"]
        if any("*.k" in i for i in t.inputs):
            kinds = kinds[1:]
        t.outputs = [k % t.uid for k in pick(rng, kinds, 2)]
        t.makes = rng.choices(["full", "keys", "const"], [3, 3, 1])[0]
        t.says = rng.choice(["none", "full", "keys", "const", "json", "json"])
        t.tidy = not self.untidy or rng.random() < 0.5
        t.isolate = rng.choice(self.views) if rng.random() < 0.1 else ""

    def ways(self, t):
        rng = self.rng
        t.lists_inputs = bool(t.inputs) and rng.random() < 0.3
        if t.kind == "run":
            literals = [i for i in t.inputs if i in SOURCES]
            t.guard = literals[0] if literals and rng.random() < 0.5 else ""
            t.guard_late = rng.random() < 0.5
            t.uses_name = rng.random() < 0.15
            t.env_inputs = ["INHERITED"] if rng.random() < 0.15 else []
            if rng.random() < 0.2:
                t.env = [("E1", ["e ", ("var", "V1")]), ("E2", ["plain"])]
                for u in t.results if rng.random() < 0.5 else ():
                    t.env[1] = ("E2", [("result", u)])
            if t.fields:
                t.env.append(("E3", ["f ", *(("field", u) for u in t.fields)]))
        else:
            t.agent = rng.choice(w.AGENTS)
            t.guard = "MOOD" if rng.random() < 0.3 else ""
        if t.guard and rng.random() < 0.35:
            t.optional = True
            t.says = "const" if t.says == "none" else t.says
        t.always = rng.random() < 0.04
        t.approve = rng.random() < 0.08
        t.on_edit = rng.choice(["", "", "", "keep", "rerun", "fail"]) if t.outputs else ""
        if not t.always and rng.random() < 0.3:
            t.cache = rng.choice(["true", "true", "false"])

    def conditions(self, t):
        """When it is to run at all. What is for failures makes nothing and is used by nobody: no plan can tell whether it will run."""
        rng = self.rng
        if (t.deps or t.after) and rng.random() < 0.25:
            t.run_if = rng.choice(["failure", "done"])
            t.results = {u: "?" for u in t.results}
            t.fields = {u: (path, "?") for u, (path, _) in t.fields.items()}
            t.env = [(n, [p for p in pieces if p[0] != "result"]) for n, pieces in t.env]
            if t.run_if == "failure":
                t.outputs, t.on_edit = [], ""
        if rng.random() < 0.25:
            t.when = self.condition(t, 2)

    def condition(self, t, depth):
        rng = self.rng
        kind = rng.choice(["equal", "equal", "exists", "exists", "said", "not", "and", "or"] if depth else ["equal", "exists"])
        if kind == "equal":
            return kind, "V1", rng.choice(["one", "two"])
        if kind in ("and", "or"):
            return kind, self.condition(t, depth - 1), self.condition(t, depth - 1)
        if kind == "not":
            return kind, self.condition(t, depth - 1)
        makers = [u for u in self.tasks if u.uid in t.after and u.outputs]
        if kind == "exists":
            return kind, w.files_made(makers[0].outputs[0])[0] if makers and rng.random() < 0.5 else rng.choice(FOUND)
        said = [u for u in self.tasks if u.kind != "group" and u.run_if != "failure"]
        if not said:
            return "equal", "V1", "one"
        u = rng.choice(said)
        self.used.add(u.uid)
        return kind, u.uid, "?" if u.optional or t.run_if else ""


def sources(rng):
    return {p: content(rng).encode() for p in (*SOURCES, *FOUND, *EDITED)}
