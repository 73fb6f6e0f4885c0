"""Random workflows for the model check: what their tasks are, how they are written for axmake, and as what shell scripts they run.

A task has a number that never changes, which stands in what it logs and in its outputs' paths, and a name, which may change.
"""

import dataclasses
import functools
import json
import re

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
    vars: list = dataclasses.field(default_factory=list)
    env: list = dataclasses.field(default_factory=list)  # (name, pieces); a piece is text, ("var", name) or ("result", uid)
    env_inputs: list = dataclasses.field(default_factory=list)
    makes: str = "full"  # what of all that it read goes into its outputs: full, keys (lines that begin with k), const
    says: str = "none"  # the same for its standard output
    guard: str = ""  # run: it fails when this input holds BAD; agent: a var whose value may tell it to fail
    guard_late: bool = False  # after it has written half an output
    uses_name: bool = False
    lists_inputs: bool = False
    optional: bool = False
    always: bool = False
    on_edit: str = ""
    cache: str = ""
    run_if: str = ""
    when: tuple = ()  # ("equal", var, value), ("exists", path), ("said", uid, mark), ("not", x), ("and", x, y), ("or", x, y)
    agent: str = ""
    salt: int = 0  # part of the script or prompt
    cosmetic: list = dataclasses.field(default_factory=list)  # lines of YAML that count for nothing


@dataclasses.dataclass
class Workflow:
    tasks: list
    vars: dict
    roles: dict  # agent -> (role, model)
    comment: int = 0
    cache_dir: str = ""

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
    """The files that a task writes for one declared output (a tree has one more, whose name hangs on what was read)."""
    if is_tree(output):
        return [output + "a"]
    return [output.replace("*", "a"), output.replace("*", "b")] if is_glob(output) else [output]


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
    """uids of the tasks whose results a condition asks for."""
    if not when:
        return []
    return [when[1]] if when[0] == "said" else [u for part in when[1:] if isinstance(part, tuple) for u in results_in(part)]


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
    """uid -> {uid: does its content count?}; edges by name first, then those of globs to tasks that do not come after."""
    found = {}
    for t in wf.tasks:
        found[t.uid] = {d: False for d in t.after}
        found[t.uid].update({d: True for d in (*t.deps, *t.results, *literal_edges(wf, t))})
        found[t.uid].update({p[1]: True for _, pieces in t.env for p in pieces if p[0] == "result"})
        found[t.uid] = {u: False for u in results_in(t.when)} | found[t.uid]
    for t in wf.tasks:
        for p in t.inputs:
            if p[0] == "!" or not is_glob(p):
                continue
            for u in wf.tasks:
                if u is not t and any(hits(p, f) for o in u.outputs for f in files_made(o)) and t.uid not in before(found, u.uid):
                    found[t.uid][u.uid] = True
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


def sink(how):
    return {"full": "all", "keys": "all | grep '^k' || :", "const": "echo k same"}[how]


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
    lines = [f'echo u{t.uid} >> "$HOME/ran" # {t.salt}', "all() {", *("\t" + line for line in read_lines(wf, t)), "}"]
    if t.guard and not t.guard_late:
        lines.append(fail)
    for o in sorted(t.outputs):
        lines += [f"rm -rf {o}; mkdir {o}"] if is_tree(o) else []
        lines.append(f"echo half > {files_made(o)[0]}")
    if t.guard and t.guard_late:
        lines.append(fail)
    for o in sorted(t.outputs):
        lines += [f"{{ {sink(t.makes)}; }} > {f}" for f in files_made(o)]
        lines += [f"echo k > {o}n$(all | wc -l)"] if is_tree(o) else []
    for e in sorted(t.edits):
        lines += [f"grep -q '^k mark{t.uid}$' {f} || printf '\\nk mark{t.uid}\\n' >> {f}" for f in files_made(e)]
    lines += [sink(t.says)] if t.says != "none" else []
    return "\n".join(lines) + "\n"


def prompt(t, name, var):
    """The text; name(uid, mark) and var(name) say how a reference looks there, or what it means."""
    lines = [f"LOG u{t.uid}", f"This is question {t.salt}."]
    lines += [f"k {name(d, t.results[d])}" for d in sorted(t.results)]
    lines += [f"k {v}={var(v)}" for v in sorted(t.vars)]
    if t.lists_inputs:
        lines.append("Read " + var("inputs"))
    if t.guard:
        lines.append(var(t.guard))
    if t.makes == "const":
        lines.append('JSON {"k": 1}')
    lines += [f"WRITE {f}" for o in sorted(t.outputs) for f in files_made(o)]
    return "\n".join(lines) + "\n"


# As files


def block(text):
    return "|\n" + "".join(" " * 6 + line + "\n" for line in text.splitlines())


def flow(items):
    return "[" + ", ".join(i if re.fullmatch(r"[\w/.-]+", i) else json.dumps(i) for i in items) + "]\n"


def task_yaml(wf, t):
    ref = lambda uid, mark="": "${" + wf.of(uid).name + mark + "}"
    var = lambda v: "${" + v + "}"
    text = f"  - name: {t.name}\n"
    if t.kind == "run":
        text += "    run: " + block(script(wf, t))
    elif t.kind == "agent":
        text += f"    agent: {t.agent}\n    task: " + block(prompt(t, ref, var))
    for key in ("inputs", "outputs", "edits", "env_inputs"):
        if getattr(t, key):
            text += f"    {key}: " + flow(getattr(t, key))
    for key, uids in (("dependencies", t.deps), ("after", t.after)):
        if uids:
            text += f"    {key}: " + flow([wf.of(d).name for d in uids])
    if t.env:
        values = {n: "".join(p if isinstance(p, str) else var(p[1]) if p[0] == "var" else ref(p[1]) for p in pieces) for n, pieces in t.env}
        text += "    env:\n" + "".join(f"      {n}: {json.dumps(v)}\n" for n, v in values.items())
    for key in ("optional", "always"):
        if getattr(t, key):
            text += f"    {key}: true\n"
    if t.run_if:
        text += f"    run_if: {t.run_if}\n"
    if t.when:
        text += f"    when: {json.dumps(condition(wf, t.when))}\n"
    for key in ("on_edit", "cache"):
        if getattr(t, key):
            text += f"    {key}: {getattr(t, key)}\n"
    return text + "".join(f"    {line}\n" for line in t.cosmetic)


def workflow_yaml(wf):
    text = "".join(f"# comment {i}\n" for i in range(wf.comment))
    text += "vars:\n" + "".join(f"  {n}: {json.dumps(v)}\n" for n, v in wf.vars.items())
    return text + "tasks:\n" + "".join(task_yaml(wf, t) for t in wf.tasks)


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
