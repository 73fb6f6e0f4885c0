#!/usr/bin/env python3
"""Runs the README's tour and chapters, and those of doc/guide.md, doc/agents.md and doc/integrations.md: every ```sh block in order, a chapter in one shell,
and compares what it prints with the ```text block that follows.

    python3 tests/readme/run.py [--axmake ./axmake]

In a ```text block `…` stands for anything within a line, and a line that is only `…` for any lines. ```sh exit=N: the block's
last command ends with N. Also: links between the project's own pages lead somewhere, and the recorded session is what a run shows.
"""

import glob
import importlib.util
import os
import re
import shutil
import sys
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from suite import TREE, Failed, Skipped, check, equal, read, run_cases, write  # noqa: E402

TOUR = "## A tour in five minutes"
# Each list is played in one shell. Not here: `With your agent`, which wants an agent's program and is played by tests/agents.
CHAPTERS = (["## What is stale", "## The cache"], ["## A planner that fans out"])
PAGES = ("README.md", "doc/guide.md", "doc/agents.md", "doc/integrations.md")
BLOCK = re.compile(r"^```(sh|text)(?: exit=(\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "@@ block ended with "


def section(text, title):
    check(title in text, f"README.md has no section '{title}'")
    return re.split(r"^## ", text[text.index(title) + len(title) :], maxsplit=1, flags=re.MULTILINE)[0]


class Step:
    def __init__(self, script, status):
        self.script, self.status, self.expected = script, int(status or 0), None


def steps_of(tour):
    steps = []
    for kind, status, body in BLOCK.findall(tour):
        if kind == "sh":
            steps.append(Step(body, status))
        else:
            check(steps and steps[-1].expected is None, "a text block follows no sh block:", body)
            steps[-1].expected = body
    return steps


def pattern(expected):
    lines = [r"(?:.*\n)*?" if line == "…\n" else ".*?".join(re.escape(p) for p in line.split("…")) for line in expected.splitlines(True)]
    return re.compile("".join(lines))


def compare(step, text, status):
    where = ["in", *("  " + line for line in step.script.splitlines())]
    equal(status, step.status, text, *where)
    if step.expected is None:
        equal(text, "", *where)
    elif not pattern(step.expected).fullmatch(text):
        raise Failed("\n".join(["seen:", text, "wanted:", step.expected, *where]))


def play(steps, call):
    """Runs the steps in one shell, as a reader does, and compares each. `call` takes a script and gives what it printed."""
    text = call("".join(f"{s.script}printf '\\n{MARK}%d\\n' $?\n" for s in steps))
    parts = re.split(rf"\n{MARK}(\d+)\n", text)
    equal(len(parts), 2 * len(steps) + 1, text)
    for i, step in enumerate(steps):
        compare(step, parts[2 * i], int(parts[2 * i + 1]))


def the_tour_is_true(box):
    steps = steps_of(section(read(os.path.join(TREE, "README.md")), TOUR))
    check(len(steps) > 5, "only", len(steps), "steps")
    play(steps, lambda script: box.call(script, os.path.dirname(box.axmake)).text)


def the_chapters_are_true(box):
    readme = read(os.path.join(TREE, "README.md"))
    played = 0
    for titles in CHAPTERS:
        steps = [step for title in titles for step in steps_of(section(readme, title))]
        play(steps, lambda script: box.call(script, TREE).text)
        played += len(steps)
    chapters = [TOUR, "## With your agent", *(title for titles in CHAPTERS for title in titles)]
    equal(len(steps_of(readme)), sum(len(steps_of(section(readme, title))) for title in chapters), "a chapter that is not played")
    check(played > 3, "only", played, "steps")


def the_guide_is_true(box):
    chapters_are_true(box, "doc/guide.md", 3)


def the_page_about_agents_is_true(box):
    chapters_are_true(box, "doc/agents.md", 1)


def the_page_on_integrations_is_true(box):
    box.env["MAKEFLAGS"] = f"-I{TREE}/make"  # as installed
    chapters_are_true(box, "doc/integrations.md", 2)


def chapters_are_true(box, page, at_least):
    played = 0
    for chapter in re.split(r"^## ", read(os.path.join(TREE, page)), flags=re.MULTILINE):
        if steps := steps_of(chapter):
            play(steps, lambda script: box.call(script, TREE).text)
            played += 1
    check(played >= at_least, "only", played, "chapters")


def their_workflows_have_no_mistakes(box):
    """What stands there to be copied can be run, once the files that it speaks of are there."""
    for name in ("TODO.md", "src/parser/a", "src/lexer/a"):
        write(box.path(name), "")
    text = "".join(read(os.path.join(TREE, page)) for page in PAGES)
    blocks = [b for b in re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) if "tasks:" in b]
    check(len(blocks) > 2, "only", len(blocks), "workflows")
    for block in blocks:
        write(box.path("block.yaml"), block)
        box.call("axmake --validate -f block.yaml").ok()


def anchors(page):
    """What GitHub calls its headings."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links_lead_somewhere(_):
    pages = glob.glob(os.path.join(TREE, "*.md")) + glob.glob(os.path.join(TREE, "*", "*.md")) + glob.glob(os.path.join(TREE, "examples", "*", "*.md"))
    pages = [p for p in pages if not os.path.relpath(p, TREE).startswith("build")]
    count = 0
    for page in pages:
        for link, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", read(page)):
            count += 1
            to = os.path.join(os.path.dirname(page), link) if link else page
            check(os.path.exists(to), f"{os.path.relpath(page, TREE)}: no {link}")
            check(not anchor or anchor in anchors(to), f"{os.path.relpath(page, TREE)}: no #{anchor} in {os.path.relpath(to, TREE)}")
    check(count > 5, "only", count, "links")


def every_key_is_listed(_):
    """The table of keys is that of the code."""
    rows = read(os.path.join(TREE, "src/load/task_keys.c"))
    rows = rows[rows.index("task_rows[] = {") :]
    rows = rows[: rows.index("};")]
    table = section(read(os.path.join(TREE, "doc", "reference.md")), "## Keys of a task")
    other_spellings = {"id", "actor", "prompt", "depends_on", "dependsOn", "deps", "needs", "depends"}
    built = set(re.findall(r'^    \{"(\w+)"', rows, re.MULTILINE)) - other_spellings
    check(built, "no keys found in task_keys.c")
    for key in built:
        check(f"`{key}`" in table, f"the table lacks `{key}`")


SVG = "{http://www.w3.org/2000/svg}"
TIMES = ((r"\b\d+:\d\d\b", "M:SS"), (r"\bin (?:\d+m)?[\d.]+s\b", "in TIME"), (r"\bsaved (?:\d+m)?[\d.]+s\b", "saved TIME"), (r"  about \w+ left", ""))


def without_times(screen):
    for regex, name in TIMES:
        screen = re.sub(regex, name, screen)
    return [line for line in screen.split("\n") if line]


def the_recorded_session_is_what_a_run_shows(box):
    """doc/session.svg by its text, screen by screen. If what is seen has changed on purpose: `make session`."""
    if not shutil.which("tmux"):
        raise Skipped("tmux is missing")
    spec = importlib.util.spec_from_file_location("record", os.path.join(TREE, "doc", "session", "record.py"))
    session = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(session)
    screens = session.record(box.axmake, 0)
    kept, anew = read(os.path.join(TREE, "doc", "session.svg")), session.picture(screens)
    for svg in kept, anew:
        root = xml.etree.ElementTree.fromstring(svg)
        check(not [e.tag for e in root.iter() if e.tag in (SVG + "script", SVG + "foreignObject", SVG + "image")], "only text and shapes")
        groups = root.findall(SVG + "g")
        equal(len(groups), len(screens))
        for group, screen in zip(groups, screens):
            shown = "\n".join("".join(t.itertext()) for t in group.iter(SVG + "text"))
            equal(without_times(shown), without_times(session.plain(screen)))


if __name__ == "__main__":
    sys.exit(
        run_cases(
            [
                the_tour_is_true,
                the_chapters_are_true,
                the_guide_is_true,
                the_page_about_agents_is_true,
                the_page_on_integrations_is_true,
                their_workflows_have_no_mistakes,
                links_lead_somewhere,
                every_key_is_listed,
                the_recorded_session_is_what_a_run_shows,
            ]
        )
    )
