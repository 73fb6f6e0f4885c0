"""Random workflows for the oracle: what their tasks are, how they are written for axmake, and as what shell scripts they run.

A task has a number that never changes, which stands in what it logs and in its outputs' paths, and a name, which may change. The tasks of one matrix are tasks
like others, that differ by a value only; they are written as one.
"""

import dataclasses
import functools
import json
import re

PLAN = "out/plan.ax.yaml"  # included, and made by a task
FIELDS = ("n", "in.x")
AGENTS = ("plain", "twin", "wise")  # `twin` differs from `plain` by its name only


@dataclasses.dataclass
class Task:
    uid: int
    name: str
    kind: str = "run"  # run, agent or group
    inputs: list = dataclasses.field(default_factory=list)  # as declared: files, globs, !excludes, trees/
    outputs: list = dataclasses.field(default_factory=list)  # file, tree/ or glob
    edits: list = dataclasses.field(default_factory=list)
    deps: list = dataclasses.field(default_factory=list)  # uids; `dependencies`
    after: list = dataclasses.field(default_factory=list)  # uids
    results: dict = dataclasses.field(default_factory=dict)  # uid -> "" or "?": named in the prompt, or as AX_RESULT_
    fields: dict = dataclasses.field(default_factory=dict)  # uid -> (one of FIELDS, "" or "?"): used of that result
    vars: list = dataclasses.field(default_factory=list)
    env: list = dataclasses.field(default_factory=list)  # (name, pieces); a piece is text, ("var", name), ("result", uid) or ("field", uid)
    env_inputs: list = dataclasses.field(default_factory=list)
    makes: str = "full"  # what of all that it read goes into its outputs: full, keys (lines that begin with k), const
    says: str = "none"  # the same for its standard output, or json
    tidy: bool = True  # it clears its trees and patterns first; else what an earlier run left stays
    guard: str = ""  # run: it fails when this input holds BAD; agent: a var whose value may tell it to fail
    guard_late: bool = False  # after it has written half an output
    uses_name: bool = False
    lists_inputs: bool = False
    optional: bool = False
    always: bool = False
    approve: bool = False
    on_edit: str = ""
    cache: str = ""
    isolate: str = ""
    family: int = 0  # the number of its matrix
    value: str = ""  # of the matrix's key k
    run_if: str = ""
    when: tuple = ()  # ("equal", var, value), ("exists", path), ("said", uid, mark), ("not", x), ("and", x, y), ("or", x, y)
    agent: str = ""
    salt: int = 0  # part of the script or prompt
    cosmetic: list = dataclasses.field(default_factory=list)  # lines of YAML that count for nothing


    @property
    def log(self):
        return f"u{self.family}{self.value}" if self.family else f"u{self.uid}"


@dataclasses.dataclass
class Workflow:
    tasks: list
    vars: dict
    roles: dict  # agent -> (role, model)
    comment: int = 0
    cache_dir: str = ""
    planner: int = 0  # uid of the task that makes PLAN, if there is one
    plans: dict = dataclasses.field(default_factory=dict)  # what PLAN may say -> the tasks in it
    spare: list = dataclasses.field(default_factory=list)  # tasks of a matrix for a value that it does not have now

    @property
    def planned(self):
        """All tasks that a plan may have, each as each plan has it."""
        return [t for tasks in self.plans.values() for t in tasks]

    def members(self, family):
        return sorted((t for t in self.tasks if t.family == family), key=lambda t: t.uid)

    def in_order(self):
        """As they stand in the file: those of a matrix where its first one does."""
        for t in self.tasks:
            of = self.members(t.family) if t.family else [t]
            yield from of if t is of[0] else ()

    def alike(self, t):
        """All tasks of its matrix, those to come too."""
        return [u for u in (*self.tasks, *self.spare) if u.family == t.family] if t.family else [t]

    def of(self, uid):
        return next(t for t in self.tasks if t.uid == uid)


def is_tree(path):
    return path.endswith("/")


def is_glob(path):
    return "*" in path


@functools.cache
def glob_regex(pattern):
    """`*` and `**` as axmake has them; names that begin with a dot do not occur here."""
    out, i = "", 0
    while i < len(pattern):
        if pattern.startswith("**/", i):
            out, i = out + "(?:[^/]+/)*", i + 3
        elif pattern[i] == "*":
            out, i = out + "[^/]*", i + 1
        else:
            out, i = out + re.escape(pattern[i]), i + 1
    return re.compile(out + r"\Z")


def hits(pattern, path):
    """Does a declared file, tree or glob hold this path?"""
    if is_tree(pattern):
        return path.startswith(pattern)
    return bool(glob_regex(pattern).match(path)) if is_glob(pattern) else path == pattern


def files_made(output):
    """The files that a task writes for one declared output, but for one_more."""
    if is_tree(output):
        return [output + "a"]
    return [output.replace("*", "a"), output.replace("*", "b")] if is_glob(output) else [output]


def has_more(output):
    """Does it take in files whose names hang on what was read?"""
    return is_tree(output) or is_glob(output)


def one_more(output, count):
    return f"{output}n{count}" if is_tree(output) else output.replace("*", f"n{count}")


def makes(task, path):
    return any(hits(o, path) for o in task.outputs)


def result_variable(name):
    return "AX_RESULT_" + "".join(c if c.isalnum() else "_" for c in name.upper())


def literal_edges(wf, task):
    """uids of the tasks that make one of its literal inputs."""
    return {
        u.uid for p in task.inputs if p[0] != "!" and not is_glob(p) and p not in task.edits for u in wf.tasks if u is not task and
        (makes(u, p) or is_tree(p) and any(files_made(o)[0].startswith(p) for o in u.outputs))
    }


def results_in(when):
    """(uid, mark) of the tasks whose results a condition asks for."""
    if not when:
        return []
    return [when[1:]] if when[0] == "said" else [u for part in when[1:] if isinstance(part, tuple) for u in results_in(part)]


def tolerated(found, t):
    """uids of those that it uses as `${x?}` only: their failure is nothing."""
    strict = {*t.deps, *t.after, *(u for u, mark in results_in(t.when) if mark != "?"), *(p[1] for _, pieces in t.env for p in pieces if p[0] == "result")}
    strict |= {u for u, mark in t.results.items() if mark != "?"} | {u for u, (_, mark) in t.fields.items() if mark != "?"}
    named = {u for u, _ in results_in(t.when)} | t.results.keys() | t.fields.keys()
    return {u for u in found[t.uid] if u in named - strict and not found[t.uid][u] == "file"}


def condition(wf, when):
    """As `when` is written."""
    kind, *rest = when
    if kind == "equal":
        return '${%s} == "%s"' % tuple(rest)
    if kind == "exists":
        return f"exists({rest[0]})"
    if kind == "said":
        return '${%s%s} != ""' % (wf.of(rest[0]).name, rest[1])
    parts = [f"({condition(wf, part)})" for part in rest]
    return "!" + parts[0] if kind == "not" else {"and": " && ", "or": " || "}[kind].join(parts)


def edges(wf):
    """uid -> {uid: does its content count? "file": that of files}; edges by name first, then those of globs to tasks that do not come after."""
    found = {}
    for t in wf.tasks:
        found[t.uid] = {d: False for d in t.after}
        found[t.uid].update({d: True for d in (*t.deps, *t.results, *literal_edges(wf, t))})
        found[t.uid].update({u: True for u in t.fields})
        found[t.uid].update({p[1]: True for _, pieces in t.env for p in pieces if p[0] == "result"})
        found[t.uid] = {u: False for u, _ in results_in(t.when)} | found[t.uid]
        found[t.uid].update({d: "file" for d in literal_edges(wf, t)})
        if t in wf.planned:
            found[t.uid].setdefault(wf.planner, False)
    for t in wf.in_order():
        for p in t.inputs:
            if p[0] == "!" or not is_glob(p):
                continue
            for u in wf.tasks:
                if u is not t and any(hits(p, f) for o in u.outputs for f in files_made(o)) and t.uid not in before(found, u.uid):
                    found[t.uid][u.uid] = "file"
    return found


def before(found, uid):
    """All tasks that uid comes after."""
    seen, todo = set(), [uid]
    while todo:
        for d in found[todo.pop()]:
            if d not in seen:
                seen.add(d)
                todo.append(d)
    return seen


# As scripts and prompts


JSON = [
    "n=$(all | grep -c '^k 1' || :); x=$(all | grep -c '^x 1' || :)",
    r'''[ $x = 0 ] && in='{}' || in="{\"x\": $x}"''',
    r'''echo "{\"n\": $n, \"in\": $in, \"all\": $(all | wc -l)}"''',
]


def sink(how):
    return {"full": "all", "keys": "all | grep '^k' || :", "const": "echo k same", "plan": "cat src/plan"}[how]


def read_lines(wf, t):
    lines = []
    if t.lists_inputs:
        lines.append('echo "k $AX_INPUTS"')
    if t.inputs:
        lines.append('[ -z "$AX_INPUTS" ] || cat $AX_INPUTS')
    for d in sorted(t.deps):
        for o in sorted(wf.of(d).outputs):
            lines.append(f"cat {o + '*' if is_tree(o) else o} 2>/dev/null || :")
    for d in sorted(t.results):
        v = result_variable(wf.of(d).name)
        lines.append(f'[ -z "${{{v}-}}" ] || cat "${v}"' if t.results[d] else f'cat "${v}"')
    lines += [f'echo "k {v}=${v}"' for v in sorted(t.vars)]
    lines += [f'echo "k {n}=${n}"' for n in sorted(n for n, _ in t.env)]
    lines += [f'echo "k {n}=${{{n}-unset}}"' for n in sorted(t.env_inputs)]
    if t.uses_name:
        lines.append('echo "k $AX_TASK"')
    return lines or [":"]


def script(wf, t):
    fail = f"if grep -q BAD {t.guard}; then exit 3; fi"
    lines = [f'echo {t.log} >> "$HOME/ran" # {t.salt}', "all() {", *("\t" + line for line in read_lines(wf, t)), "}"]
    if t.guard and not t.guard_late:
        lines.append(fail)
    for o in sorted(t.outputs):
        lines += [f"rm -rf {o}" if is_tree(o) else f"rm -f {o}"] if t.tidy and has_more(o) else []
        lines += [f"mkdir -p {o}"] if is_tree(o) else []
        lines.append(f"echo half > {files_made(o)[0]}")
    if t.guard and t.guard_late:
        lines.append(fail)
    for o in sorted(t.outputs):
        lines += [f"{{ {sink(t.makes)}; }} > {f}" for f in files_made(o)]
        lines += [f"echo k > {one_more(o, '$(all | wc -l)')}"] if has_more(o) else []
    for e in sorted(t.edits):
        lines += [f"grep -q '^k mark{t.uid}$' {f} || printf '\\nk mark{t.uid}\\n' >> {f}" for f in files_made(e)]
    lines += JSON if t.says == "json" else [sink(t.says)] if t.says != "none" else []
    return "\n".join(lines) + "\n"


def prompt(t, name, field, var):
    """The text; name(uid, mark), field(uid) and var(name) say how a reference looks there, or what it means."""
    lines = [f"LOG {t.log}", f"This is question {t.salt}."]
    lines += [f"k {name(d, t.results[d])}" for d in sorted(t.results)]
    lines += [f"k {field(d)}" for d in sorted(t.fields)]
    lines += [f"k {v}={var(v)}" for v in sorted(t.vars)]
    if t.lists_inputs:
        lines.append("Read " + var("inputs"))
    if t.guard:
        lines.append(var(t.guard))
    if t.says == "json":
        lines.append('JSON {"n": "%s", "in": {"x": "%s"}}' % (var("V1"), var("V2")))
    elif t.makes == "const":
        lines.append('JSON {"k": 1}')
    lines += [f"WRITE {f}" for o in sorted(t.outputs) for f in files_made(o)]
    return "\n".join(lines) + "\n"


# As files


def block(text):
    return "|\n" + "".join(" " * 6 + line + "\n" for line in text.splitlines())


def shell_quote(text):
    return text if re.fullmatch(r"[\w/.=-]+", text) else "'" + text.replace("'", "'\\''") + "'"


def flow(items, quoted=False):
    return "[" + ", ".join(i if re.fullmatch(r"[\w/.-]+", i) and not quoted else json.dumps(i) for i in items) + "]\n"


def full_name(name, t):
    return f"{name}[k={t.value}]" if t.family else name


def names(wf, uids):
    """Where all tasks of a matrix are meant, its own name says so."""
    out = []
    for uid in uids:
        t = wf.of(uid)
        whole = t.family and {u.uid for u in wf.members(t.family)} <= {*uids}
        out.append(t.name.split("[")[0] if whole else t.name)
    return list(dict.fromkeys(out))


def task_yaml(wf, t):
    ref = lambda uid, mark="": "${" + wf.of(uid).name + mark + "}"
    field = lambda uid: ref(uid, "." + "".join(t.fields[uid]))
    var = lambda v: "${" + v + "}"
    text = ""
    if t.kind == "run":
        code = script(wf, t)
        text += "    run: " + block(code.replace(t.value, "$k") if t.family else code)
    elif t.kind == "agent":
        text += f"    agent: {t.agent}\n    task: " + block(prompt(t, ref, field, var))
    for key in ("inputs", "outputs", "edits", "env_inputs"):
        if getattr(t, key):
            text += f"    {key}: " + flow(getattr(t, key), t.family)
    for key, uids in (("dependencies", t.deps), ("after", t.after)):
        if uids:
            text += f"    {key}: " + flow(names(wf, uids))
    if t.env:
        piece = {"var": var, "result": ref, "field": field}
        values = {n: "".join(p if isinstance(p, str) else piece[p[0]](p[1]) for p in pieces) for n, pieces in t.env}
        text += "    env:\n" + "".join(f"      {n}: {json.dumps(v)}\n" for n, v in values.items())
    for key in ("optional", "always"):
        if getattr(t, key):
            text += f"    {key}: true\n"
    text += "    approve: Sure?\n" * t.approve
    if t.when:
        text += f"    when: {json.dumps(condition(wf, t.when))}\n"
    for key in ("run_if", "on_edit", "cache", "isolate"):
        if getattr(t, key):
            text += f"    {key}: {getattr(t, key)}\n"
    text += "".join(f"    {line}\n" for line in t.cosmetic)
    head = f"  - name: {t.name.split('[')[0]}\n"
    if not t.family:
        return head + text
    values = flow([u.value for u in wf.members(t.family)]).rstrip()
    return head + f"    matrix: {{k: {values}}}\n" + text.replace(t.value, "${k}")


def workflow_yaml(wf):
    text = "".join(f"# comment {i}\n" for i in range(wf.comment))
    text += f"include: [{PLAN}]\n" if wf.planner else ""
    text += "vars:\n" + "".join(f"  {n}: {json.dumps(v)}\n" for n, v in wf.vars.items())
    return text + "tasks:\n" + "".join(task_yaml(wf, t) for t in wf.tasks if not t.family or t is wf.members(t.family)[0])


def settings_ini(wf):
    text = (
        "[provider model]\ncommand = model-agent\nmodel_args = --model ${model}\nrole_args = --role ${role}\nprompt = stdin\n"
        "result = json:/result\nfailed = json:/is_error\nerror = json:/error\n"
    )
    for name, (role, model) in wf.roles.items():
        text += f"[agent {name}]\nprovider = model\n" + (f"role = {role}\n" if role else "") + (f"model = {model}\n" if model else "")
    return text + (f"[axmake]\ncache_dir = {wf.cache_dir}\n" if wf.cache_dir else "")


MODEL_AGENT = """#!/bin/sh
# Logs who asks, and lets axmake-offline answer.
cat > "$HOME/prompt.$$"
while IFS= read -r line; do
	case $line in "LOG "*) echo "${line#LOG }" >> "$HOME/ran" ;; esac
done < "$HOME/prompt.$$"
exec axmake-offline "$@" < "$HOME/prompt.$$"
"""
