"""The manual pages: complete, without mistakes in form, and with examples that run."""

import os
import re
import shutil

import tables
from suite import TREE, Skipped, check, equal, read, write

DOC = os.path.join(TREE, "doc")
PAGES = ("axmake.1", "ax.1", "axmake-workflow.5", "axmake-rules.5", "axmake-state.5")


def page(name):
    return read(os.path.join(DOC, name))


def section(text, title):
    found = re.search(rf"^\.Sh {re.escape(title)}\n(.*?)(?=^\.Sh |\Z)", text, re.MULTILINE | re.DOTALL)
    check(found, f"there is no section {title}")
    return found[1]


def items(text, macro):
    """What stands on lines `.It MACRO a , b`, in their order."""
    return [w for line in re.findall(rf"^\.It {macro} (.*)", text, re.MULTILINE) for w in line.split() if w != ","]


def same(seen, wanted, where):
    """`seen` on a page, each thing once; `wanted` by the tables."""
    check(len(seen) == len(set(seen)), f"{where}: twice: {sorted(w for w in set(seen) if list(seen).count(w) > 1)}")
    check(set(seen) == set(wanted), f"{where} lacks {sorted(set(wanted) - set(seen))}", f"{where} has too much: {sorted(set(seen) - set(wanted))}")


def spelled(option):
    return ([f"-{option.letter}"] if option.letter else []) + [f"--{n}" for n in option.names]


def page_options(text):
    """Of each `.It Fl` line what it names, and whether it takes a value: no, maybe, must."""
    for line in re.findall(r"^\.It (Fl .*)", text, re.MULTILINE):
        names = ["--" + n if long else "-" + n for long, n in re.findall(r"Fl (Fl )?([\w-]+)", line)]
        takes = "must" if re.search(r"Fl Fl [\w-]+ Ns = Ns", line) else "maybe" if "Oo =" in line else "no"
        yield names, takes


def every_option_stands_in_axmake_1_as_it_is_spelled(_box):
    seen = list(page_options(section(page("axmake.1"), "DESCRIPTION")))
    takes = {"ARG_NONE": "no", "ARG_REQUIRED": "must"}
    wanted = [(spelled(o), takes.get(o.arg, "maybe")) for o in tables.options() if o.built]
    text = lambda pairs: [f"{' '.join(sorted(names))} ({how})" for names, how in pairs]
    same(text(seen), text(wanted), "axmake.1")


def every_verb_stands_in_ax_1_with_its_options(box):
    text = section(page("ax.1"), "DESCRIPTION")
    parts = re.split(r"^\.It Nm Cm ((?:[a-z]+ ?)+?)(?: Ar .*)?$", text, flags=re.MULTILINE)
    seen = {verb: sorted(n for names, _ in page_options(body) for n in names) for verb, body in zip(parts[1::2], parts[2::2])}
    wanted = {verb: sorted(names) for verb, names in tables.verbs(box).items()}
    for verb in wanted:
        same(seen.get(verb, []), wanted[verb], f"ax.1: {verb}")
    same(list(seen), list(wanted), "ax.1")


def every_key_of_a_workflow_stands_in_its_page(_box):
    text = page("axmake-workflow.5")
    policy, constraints = tables.policy_keys()
    for title, wanted in (
        ("KEYS OF THE FILE", tables.file_keys()),
        ("KEYS OF A TASK", tables.task_keys()),
        ("TRIES", tables.retry_keys()),
        ("POLICY", policy | constraints | tables.budget_keys()),
    ):
        same(items(section(text, title), "Cm"), wanted, f"axmake-workflow.5: {title}")
    for key, words in tables.choices().items():
        told = re.search(rf"^\.It Cm {key}\n(.*?)^\.(?:It|El)", text, re.MULTILINE | re.DOTALL)[1]
        check(words <= set(re.findall(r"^\.Cm (\w+)", told, re.MULTILINE)), f"axmake-workflow.5: {key}: {sorted(words)}", told)
    values = lambda title: [w for line in re.findall(r"^\.Va (.*)", section(text, title), re.MULTILINE) for w in line.split() if w not in ",."]
    same(values("DEFAULTS"), tables.default_keys(), "axmake-workflow.5: DEFAULTS")
    same(values("KEYS OF THE FILE"), tables.foreign_sections() | {"name"}, "axmake-workflow.5: foreign sections")
    same(values("POLICY"), tables.foreign_policy() | tables.foreign_constraints(), "axmake-workflow.5: foreign keys of policy")
    same(values("ACTORS AND STAGES"), tables.foreign_entry_keys(), "axmake-workflow.5: foreign keys of stages")
    for name in tables.try_classes():
        check(re.search(rf"^\.Cm (.* )?{name}\b", section(text, "TRIES"), re.MULTILINE), f"TRIES does not name {name}")
    same(items(section(text, "WHAT A SCRIPT FINDS"), "Ev"), tables.variables_given(), "axmake-workflow.5: variables")


def every_key_of_rules_and_settings_stands_in_their_page(box):
    text = page("axmake-rules.5")
    same(items(section(text, "PROVIDER SECTIONS"), "Cm"), tables.provider_keys(), "axmake-rules.5: [provider]")
    same(items(section(text, "AGENT SECTIONS"), "Cm"), tables.agent_keys(), "axmake-rules.5: [agent]")
    same(items(section(text, "EXECUTOR SECTIONS"), "Cm"), tables.executor_keys(), "axmake-rules.5: [executor]")
    equal(set(re.findall(r"\$\{(\w+)\}", section(text, "EXECUTOR SECTIONS"))), tables.executor_placeholders())
    same(items(section(text, "SETTINGS"), "Cm"), tables.settings(box), "axmake-rules.5: [axmake]")
    same(items(section(text, "JSON SETTINGS"), "Cm"), tables.json_keys(), "axmake-rules.5: JSON settings")
    same(re.findall(r"^\.Li \[(\w+)", text, re.MULTILINE), tables.kinds_of_section(), "axmake-rules.5: sections")
    named = set(re.findall(r"\$\{(\w+)\}", section(text, "PROVIDER SECTIONS")))
    equal(named, tables.placeholders() | {"session"})


def every_variable_that_is_read_stands_in_axmake_1(_box):
    same(items(section(page("axmake.1"), "ENVIRONMENT"), "Ev"), tables.variables_read(), "axmake.1: ENVIRONMENT")


def statuses_are_those_of_the_reference(_box):
    table = read(os.path.join(DOC, "reference.md")).split("## Exit statuses")[1].split("\n## ")[0]
    equal(re.findall(r"^\.It (\d+)", section(page("axmake.1"), "EXIT STATUS"), re.MULTILINE), re.findall(r"^\| (\d+) \|", table, re.MULTILINE))


def state_names(text):
    """Names directly in .axmake, and in a task's folder, of the page."""
    inner = re.search(r"^\.It Pa tasks/NAME\n.*?\.Bl.*?\n(.*?)^\.El", text, re.MULTILINE | re.DOTALL)
    outer = text.replace(inner[1], "")
    first = lambda lines: {w.split("/")[0] for w in items(lines, "Pa")}
    return first(outer), first(inner[1])


def what_a_run_leaves_in_axmake_stands_in_axmake_state_5(box):
    text = section(page("axmake-state.5"), "FILES IN .axmake")
    outer, inner = state_names(text)
    write(
        box.path("workflow.ax.yaml"),
        """tasks:
  - {name: ask, agent: writer, provider: offline, task: "Say something\\nWRITE said.txt\\n", outputs: [said.txt]}
  - {name: tries, run: "echo one; exit 1", retry: {attempts: 2, delay: 0}, optional: true}
  - {name: made, run: echo made | tee made.txt, outputs: [made.txt], on_edit: rerun}
  - {name: alone, run: echo alone > alone.txt, outputs: [alone.txt], isolate: copy}
  - {name: server, run: sleep 0.2 >/dev/null 2>&1 & echo up, leave: true, always: true}
""",
    )
    box.call("axmake -k; echo edit > made.txt; axmake -k; axmake ask; axmake ask")
    seen = set(os.listdir(box.path(".axmake")))
    check({"log", "lock", "results", "tasks", "runs"} <= seen, seen)
    check(seen <= outer, f"axmake-state.5 lacks {sorted(seen - outer)}")
    seen = {name for task in os.listdir(box.path(".axmake/tasks")) for name in os.listdir(box.path(".axmake/tasks", task))}
    check({"result", "stdout", "tries", "edited", "started"} <= seen, seen)
    check(seen <= inner, f"axmake-state.5 lacks {sorted(seen - inner)} of a task")


def what_axmake_state_5_names_is_known_to_the_source(_box):
    headers = [os.path.join(TREE, "src", d, f) for d in ("state", "run") for f in os.listdir(os.path.join(TREE, "src", d)) if f.endswith(".h")]
    code = "".join(tables.all_sources()) + "".join(read(f) for f in headers)
    for names in state_names(section(page("axmake-state.5"), "FILES IN .axmake")):
        for name in names:
            check(re.search(rf"[\"/]{re.escape(name)}[\"/]|\"{re.escape(name)}-", code), f"nothing in the source is called {name}")


def lines_of_tool(box, command):
    return [line for line in box.call(command, DOC).text.splitlines() if line]


def pages_have_no_mistakes_for_mandoc(box):
    if not shutil.which("mandoc"):
        raise Skipped("mandoc is not installed")
    other_pages = ("referenced manual not found", "outdated mandoc.db")  # which depends on the machine
    equal([line for line in lines_of_tool(box, "mandoc -T lint " + " ".join(PAGES)) if not any(o in line for o in other_pages)], [])


def pages_have_no_mistakes_for_groff(box):
    if not shutil.which("groff") or box.call("echo .Sh | groff -mdoc -z").status:
        raise Skipped("groff with its mdoc macros is not installed")
    for name in PAGES:
        equal(lines_of_tool(box, f"groff -mdoc -ww -z {name}"), [])


def examples(text):
    """The commands of a page's examples as one script; roff's escapes undone."""
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", section(text, "EXAMPLES"), re.MULTILINE | re.DOTALL)
    script = "".join(blocks)
    for escape, plain in ((r"\(aq", "'"), (r"\(ga", "`"), (r"\(ha", "^"), (r"\(ti", "~"), (r"\-", "-"), (r"\&", ""), (r"\e", "\\")):
        script = script.replace(escape, plain)
    return script


def examples_of_the_pages_run(box):
    for name in PAGES:
        folder = box.path("examples", name)
        os.makedirs(folder)
        write(box.path(name + ".sh"), "set -e\n" + examples(page(name)))
        r = box.call(f"sh -x {box.path(name + '.sh')}", folder)
        check(r.status == 0 and r.text.count("+ ax") > 1, name, r.text)


CASES = [
    every_option_stands_in_axmake_1_as_it_is_spelled,
    every_verb_stands_in_ax_1_with_its_options,
    every_key_of_a_workflow_stands_in_its_page,
    every_key_of_rules_and_settings_stands_in_their_page,
    every_variable_that_is_read_stands_in_axmake_1,
    statuses_are_those_of_the_reference,
    what_a_run_leaves_in_axmake_stands_in_axmake_state_5,
    what_axmake_state_5_names_is_known_to_the_source,
    pages_have_no_mistakes_for_mandoc,
    pages_have_no_mistakes_for_groff,
    examples_of_the_pages_run,
]
