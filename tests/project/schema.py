"""doc/workflow.schema.json: it has the keys of the tables, takes what axmake takes, and refuses what it can tell is wrong."""

import importlib.util
import json
import os
import re

import tables
from pages import same
from suite import TREE, Skipped, check, equal, read, write

CLI = os.path.join(TREE, "tests", "cli")


def schema():
    return json.loads(read(os.path.join(TREE, "doc", "workflow.schema.json")))


def properties(of):
    return list(of["properties"])


def the_schema_has_the_keys_of_the_tables(_box):
    s = schema()
    d = s["$defs"]
    policy, constraints = tables.policy_keys()
    task, retry = d["task"], d["task"]["properties"]["retry"]["anyOf"][1]
    same(properties(s), tables.file_keys() | tables.foreign_sections(), "the schema's file")
    same(properties(task), tables.task_keys(), "the schema's task")
    same(properties(d["entry"]), tables.task_keys() | {"actor"} | tables.foreign_entry_keys(), "the schema's stage")
    same(properties(d["defaults"]), tables.default_keys(), "the schema's defaults")
    same(properties(d["policy"]), policy | tables.foreign_policy(), "the schema's policy")
    same(properties(d["policy"]["properties"]["constraints"]), constraints | tables.foreign_constraints(), "the schema's constraints")
    same(properties(d["budget"]), tables.budget_keys(), "the schema's budget")
    same(properties(retry), tables.retry_keys(), "the schema's retry")
    for key, words in tables.choices().items():
        same(task["properties"][key]["enum"], words, f"the schema's {key}")
    same(d["tryClass"]["enum"], tables.try_classes(), "the schema's classes of tries")


def described(of, s):
    """A key's own description, or that of what it refers to."""
    while "description" not in of and "$ref" in of:
        target = s
        for name in of["$ref"].split("/")[1:]:
            target = target[name]
        of = target
    return of.get("description")


def every_key_of_the_schema_is_described(_box):
    def walk(of, at):
        if isinstance(of, dict):
            for name, value in of.get("properties", {}).items():
                if isinstance(value, dict):
                    check(described(value, s), f"{at}: {name} has no description")
            for name, value in of.items():
                walk(value, f"{at}/{name}")
        elif isinstance(of, list):
            for i, value in enumerate(of):
                walk(value, f"{at}/{i}")

    s = schema()
    walk(s, "#")


def validator():
    try:
        import jsonschema
    except ImportError:
        raise Skipped("python3-jsonschema is not installed") from None
    kind = getattr(jsonschema, "Draft202012Validator", None)
    if not kind:
        raise Skipped("this python3-jsonschema does not know draft 2020-12")
    kind.check_schema(schema())
    return kind(schema())


def loader():
    """Reads YAML as editors do: plain scalars by the core schema of YAML 1.2, and merge keys."""
    try:
        import yaml
    except ImportError:
        raise Skipped("python3-yaml is not installed") from None

    class Core(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # the first is libyaml, as in axmake
        yaml_implicit_resolvers = {}

    def whole(l, node):
        return int(l.construct_scalar(node), 10)

    def mapping(l, node):
        l.flatten_mapping(node)
        return {k.value: l.construct_object(v, deep=True) for k, v in node.value}

    for tag, regex, first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("int", r"[-+]?[0-9]+", "-+0123456789"),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
        ("merge", "<<", "<"),
    ):
        Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{regex})$"), first)
    Core.add_constructor("tag:yaml.org,2002:int", whole)
    Core.add_constructor("tag:yaml.org,2002:map", mapping)
    return lambda text: yaml.load(text, Core), lambda text: yaml.compose(text, Core), yaml.YAMLError


def cli_runner():
    spec = importlib.util.spec_from_file_location("cli_run", os.path.join(CLI, "run.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def workflows_of_cases(box):
    """(case, path, axmake's messages or "") of each workflow that stands in a case before its first run."""
    runner = cli_runner()
    for name in sorted(os.listdir(CLI)):
        if not name.endswith(".case"):
            continue
        case, folder, files = runner.Case(os.path.join(CLI, name)), box.path(name), []
        os.makedirs(folder)
        for s in case.sections:
            if s.word == "run":
                break
            if s.word in ("file", "dir"):
                path = os.path.normpath(os.path.join(folder, s.args[0]))
                os.makedirs(os.path.dirname(path) if s.word == "file" else path, exist_ok=True)
            if s.word == "file":
                with open(path, "wb") as f:
                    f.write(runner.unescape(s.body()) if "escaped" in s.args else s.body().encode())
                if path.startswith(folder) and re.search(r"ax\.yaml$|axmake\.yaml$", path):
                    files.append(os.path.relpath(path, folder))
        for file in files:
            r = box.call(f"axmake --validate -f '{file}'", folder)
            yield name, file, os.path.join(folder, file), "" if not r.status else r.text


def faults(check_one, load, text):
    return {f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in check_one.iter_errors(load(text))}


def the_schema_takes_every_example(_box):
    one, (load, _, _) = validator(), loader()
    seen = 0
    for folder, _, names in os.walk(os.path.join(TREE, "examples")):
        for name in names:
            if name.endswith(".ax.yaml") and ".axmake" not in folder:
                equal(faults(one, load, read(os.path.join(folder, name))), set(), name)
                seen += 1
    check(seen >= 4, seen)


def place(top, line):
    """How faults of the entry of `tasks` in that line begin; "" where the line is of another part."""
    for key, value in top.value:
        for i, entry in enumerate(value.value if key.value == "tasks" and value.id == "sequence" else ()):
            if entry.start_mark.line < line <= max(entry.end_mark.line, entry.start_mark.line + 1):
                return (f"tasks/{i}/", f"tasks/{i}:")
    return ""


# Of axmake's messages those that a schema can know of, and of these some that it cannot: what a key means by others.
KNOWABLE = re.compile(r"unknown key|' wants |is not built yet|two spellings|not both|cannot be a default|without a name|has no values|is for a task with 'run'|how many tries|both give the prompt|runs a script|its name already|both list the tasks|has no keys|' is empty$")
BEYOND = re.compile(r"^'actor' is a key|main file only")


def the_schema_judges_the_cases_as_axmake_does(box):
    one, (load, compose, yaml_error) = validator(), loader()
    good = bad = 0
    for case, file, path, said in workflows_of_cases(box):
        told = [(int(n), e) for n, e in re.findall(rf"^{re.escape(file)}:(\d+):\d+: error: (.*)", said, re.MULTILINE) if KNOWABLE.search(e) and not BEYOND.search(e)]
        if said and not told:
            continue
        try:
            text = read(path)
            found, top = faults(one, load, text), compose(text)
        except yaml_error:  # two readers of YAML are not one
            continue
        if not said:
            equal(found, set(), case, file)
            good += 1
        for line, error in told:
            check(any(f.startswith(place(top, line)) for f in found), f"{case}: {file}:{line}: {error}", "of this the schema knows nothing, but of:", *found)
            bad += 1
    check(good > 150 and bad > 50, f"only {good} good workflows and {bad} mistakes were found")


# A line is a workflow; a task is added where it speaks of none.
GOOD = """
name: 7
metadata: {name: x, else: [1]}
x-mine: [1, 2]
pools: {gpu: "2"}
vars: {a: 1, b: yes, c: , d: ""}
default: []
policy: {constraints: {maxLatency: "5", privacy: {cloud: x}, cost: 1}, budget: {cost_usd: "0.50", tokens: 2M}, goal: x}
defaults: {agent: backend, timeout: 10m, retry: 2, env: {A: 1}, slots: 0, isolate: none, sandbox: false}
tasks: [{name: no, run: ""}]
tasks: [{name: 1.0, run: "true", timeout: 1.5h, stall: 0, retry: {attempts: "3", on: crash}}]
tasks: [{id: a, agent: backend, task_file: /dev/null, model: 4}]
tasks: [{name: a, run: b, always: On, optional: "no", jobserver: FALSE, memory: 1.5Gi, env: , inputs: }]
tasks: [{name: a, run: b, matrix: {k: [1, yes, ""]}, leave: true, shell: bash, complexity: high}]
tasks: [{name: a, agent: backend, prompt: p, delegates: backend, budget: {tokens: 200k}, context: paths}, {name: b, needs: a}]
tasks: [{name: a, run: b, sandbox: On}, {name: c, run: b, isolate: copy, sandbox: {network: no, read: ~/x, write: [/x, ~/y], disk: 1G, processes: "7"}}]
actors: {backend: {task: x, permissions: {a: b}}, other: {run: x, timeout: 30000}}
stages: [{name: s, actor: backend, description: x, depends_on: []}]
"""

BAD = """
taks: []
x_mine: 1
root: [a]
outputs: [a]
pools: {gpu: 0}
vars: {a: [1]}
vars: {inputs: 1}
default: {a: b}
include: [[a]]
policy: {constraints: {privacy: secret}}
policy: {constraints: {maxlatency: 5}}
policy: {budget: {}}
policy: {budget: {cost_usd: 0}}
policy: {budget: {tokens: many}}
defaults: {name: a}
defaults: {run: a}
tasks: {a: {run: b}}
tasks: [a]
tasks: [{run: b}]
tasks: [{name: , run: b}]
tasks: [{name: "", run: b}]
tasks: [{name: a/b, run: b}]
tasks: [{name: -a, run: b}]
tasks: [{name: a, id: a, run: b}]
tasks: [{name: a, run: }]
tasks: [{name: a, run: b, agent: backend}]
tasks: [{name: a, run: b, task: c}]
tasks: [{name: a, run: b, task_file: /dev/null}]
tasks: [{name: a, run: b, model: c}]
tasks: [{name: a, run: b, provider: c}]
tasks: [{name: a, run: b, context: paths}]
tasks: [{name: a, run: b, delegates: backend}]
tasks: [{name: a, run: b, budget: {tokens: 5}}]
tasks: [{name: a, run: b, actor: backend}]
tasks: [{name: a, agent: backend, task: c, prompt: c}]
tasks: [{name: a, agent: backend, task: c, task_file: /dev/null}]
tasks: [{name: a, agent: backend, task: c, shell: bash}]
tasks: [{name: a, agent: backend, task: c, leave: true}]
tasks: [{name: a, agent: }]
tasks: [{name: a, run: b, deps: [], needs: []}]
tasks: [{name: a, run: b, depends: [], dependencies: []}]
tasks: [{name: a, run: b, inputs: {x: y}}]
tasks: [{name: a, run: b, outputs: [""]}]
tasks: [{name: a, run: b, env: [A]}]
tasks: [{name: a, run: b, env: {A=B: c}}]
tasks: [{name: a, run: b, env: {A: [c]}}]
tasks: [{name: a, run: b, env_inputs: [A=B]}]
tasks: [{name: a, run: b, timeout: soon}]
tasks: [{name: a, run: b, timeout: -1}]
tasks: [{name: a, run: b, stall: 1d}]
tasks: [{name: a, run: b, retry: 0}]
tasks: [{name: a, run: b, retry: 1001}]
tasks: [{name: a, run: b, retry: {delay: 5}}]
tasks: [{name: a, run: b, retry: {attempts: 2, backoff: linear}}]
tasks: [{name: a, run: b, retry: {attempts: 2, on: [crashed]}}]
tasks: [{name: a, run: b, retry: {attempts: 2, tries: 2}}]
tasks: [{name: a, run: b, always: maybe}]
tasks: [{name: a, run: b, optional: 1}]
tasks: [{name: a, run: b, cache: perhaps}]
tasks: [{name: a, run: b, slots: -1}]
tasks: [{name: a, run: b, slots: 1.5}]
tasks: [{name: a, run: b, memory: much}]
tasks: [{name: a, run: b, memory: 0}]
tasks: [{name: a, run: b, complexity: huge}]
tasks: [{name: a, run: b, matrix: {}}]
tasks: [{name: a, run: b, matrix: {k: []}}]
tasks: [{name: a, run: b, matrix: {k: v}}]
tasks: [{name: a, run: b, matrix: {"k=l": [v]}}]
tasks: [{name: a, run: b, when: ""}]
tasks: [{name: a, run: b, run_if: always}]
tasks: [{name: a, run: b, isolate: yes}]
tasks: [{name: a, run: b, on_edit: ask}]
tasks: [{name: a, run: b, sandbox: perhaps}]
tasks: [{name: a, run: b, sandbox: {read: [docs]}}]
tasks: [{name: a, run: b, sandbox: {disk: 0}}]
tasks: [{name: a, run: b, sandbox: {processes: 0}}]
tasks: [{name: a, run: b, sandbox: {net: false}}]
tasks: [{name: a, run: b, permissions: {}}]
actors: {a: {name: a, run: b}}
actors: [{run: b}]
actors: a
stages: {s: {run: b, actor: x}}
stages: {s: {run: b, timeout: 5x}}
"""


def the_schema_judges_small_workflows_as_axmake_does(box):
    one, (load, _, _) = validator(), loader()
    for texts, wanted in ((GOOD, True), (BAD, False)):
        for text in texts.strip().splitlines():
            if not text.startswith(("tasks", "actors", "stages")):
                text += "\ntasks: [{name: z, run: z}]"
            write(box.path("workflow.ax.yaml"), text + "\n")
            r = box.call("axmake --validate")
            equal(not r.status, wanted, text, r.text)
            found = faults(one, load, text)
            equal(not found, wanted, text, *found)


CASES = [
    the_schema_has_the_keys_of_the_tables,
    every_key_of_the_schema_is_described,
    the_schema_takes_every_example,
    the_schema_judges_small_workflows_as_axmake_does,
    the_schema_judges_the_cases_as_axmake_does,
]
