#!/usr/bin/env python3
"""The examples do what they are there to show: each runs, is then up to date, and an edit makes exactly the affected tasks run.

    python3 tests/examples/run.py [--axmake ./axmake] [CASE...]
"""

import glob
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from schema import fault  # noqa: E402
from suite import TREE, check, edit, equal, read, run_cases, write  # noqa: E402

REVIEWS = ["review-borrowing", "review-growing", "review-storing", "review-testing"]
HANDBOOK = sorted(["order", "links", "contents", "introduction", "reviews", "page", "check"] + REVIEWS)


def up_to_date(box, folder, count):
    again = box.call("axmake -j4", folder).ok()
    equal(again.text, f"axmake: nothing to be done ({count} tasks up to date)\n")


def ran(box, folder, tasks):
    r = box.call("axmake -j4", folder).ok()
    equal(r.tasks, sorted(tasks), r.text)
    return r


def auth_runs_in_the_order_of_its_dependencies(box):
    folder = box.example("auth")
    three = ["backend-api", "frontend-ui", "database-schema"]
    r = ran(box, folder, ["design", "security-audit", "integration-tests", "deploy"] + three)
    ends = r.text.index
    for before, after in [("design", t) for t in three] + [(t, "security-audit") for t in three]:
        check(ends(f"] {before}: done") < ends(f"] {after}: agent"), f"{after} began before {before} had ended", r.text)
    up_to_date(box, folder, 7)


def auth_asks_again_where_the_design_counts(box):
    folder = box.example("auth")
    box.call("axmake -j4", folder).ok()
    edit(os.path.join(folder, "auth-workflow.ax.yaml"), "with JWT", "with sessions")
    # `offline` answers the three as before, so what comes after them stays.
    ran(box, folder, ["design", "backend-api", "frontend-ui", "database-schema"])
    up_to_date(box, folder, 7)


def auth_comments_count_for_nothing(box):
    folder = box.example("auth")
    box.call("axmake -j4", folder).ok()
    edit(os.path.join(folder, "auth-workflow.ax.yaml"), "# Starts when", "# It starts when")
    up_to_date(box, folder, 7)


def docs_makes_the_handbook(box):
    folder = box.example("docs")
    ran(box, folder, HANDBOOK)
    equal(read(os.path.join(folder, "out/links.txt")), "12 links, 0 broken\n")
    page = read(os.path.join(folder, "out/handbook.html"))
    check('<a href="#borrowing--what-comes-back">return</a>' in page, page)
    check('<h3 id="storing--drying">Drying</h3>' in page, page)
    check("swap day" not in page, "a draft is on the page")
    equal(page.count("<article>"), 5)
    up_to_date(box, folder, 11)


def docs_an_edited_page_is_reviewed_and_the_introduction_stands(box):
    folder = box.example("docs")
    box.call("axmake -j4", folder).ok()
    edit(os.path.join(folder, "pages/growing.md"), "Beans, peas", "Runner beans, peas")
    ran(box, folder, ["links", "contents", "review-growing", "page", "check"])
    up_to_date(box, folder, 11)


def docs_a_new_heading_changes_the_introduction(box):
    folder = box.example("docs")
    box.call("axmake -j4", folder).ok()
    edit(os.path.join(folder, "pages/testing.md"), "## What the number says", "## What the numbers say")
    ran(box, folder, ["links", "contents", "introduction", "review-testing", "page", "check"])
    up_to_date(box, folder, 11)


def docs_drafts_and_touched_files_count_for_nothing(box):
    folder = box.example("docs")
    box.call("axmake -j4", folder).ok()
    edit(os.path.join(folder, "pages/drafts/swap-day.md"), "To be written", "Still to be written")
    box.call("touch pages/*.md tools/*", folder).ok()
    up_to_date(box, folder, 11)


def docs_a_new_page_is_found(box):
    folder = box.example("docs")
    box.call("axmake -j4", folder).ok()
    write(os.path.join(folder, "pages/rules.md"), "# House rules\n\nNone.\n")
    r = ran(box, folder, ["links", "contents", "page"])
    check("12 links, 0 broken" in r.text, r.text)


def docs_a_broken_link_stops_the_page(box):
    folder = box.example("docs")
    box.call("axmake -j4", folder).ok()
    before = read(os.path.join(folder, "out/handbook.html"))
    edit(os.path.join(folder, "pages/storing.md"), "(testing.md)", "(tasting.md)")
    r = box.call("axmake -j4", folder)
    equal(r.status, 2, r.text)
    check("pages/storing.md:17: tasting.md: there is no page pages/tasting.md" in r.text, r.text)
    equal(read(os.path.join(folder, "out/handbook.html")), before)


def docs_has_a_task_for_those_who_ask(box):
    folder = box.example("docs")
    r = box.call("axmake longest", folder).ok()
    equal(r.tasks, ["longest", "words"])
    check(r.text.index("pages/growing.md\t") < r.text.index("pages/index.md\t"), r.text)
    box.call("axmake out/words.tsv", folder).ok()


def c_is_built_and_its_manual_written(box):
    folder = box.example("c-and-agents")
    ran(box, folder, ["build", "try", "use", "words", "counting", "report", "manual"])
    check("# How to read the table" in read(os.path.join(folder, "manual/manual.md")), "no chapter on the table")
    equal(box.call("printf 'a b a' | ./wordfreq", folder).ok().text, f"     2  a                {'#' * 40}\n     1  b                {'#' * 20}\n")
    up_to_date(box, folder, 2)


def c_an_edited_source_is_compiled_and_its_chapter_written(box):
    folder = box.example("c-and-agents")
    box.call("axmake -j4", folder).ok()
    edit(os.path.join(folder, "src/report.c"), "/* characters", "/* how many characters")
    # A comment changes neither the program nor what `offline` answers: nothing comes of it for `try` or `manual`.
    r = ran(box, folder, ["build", "report"])
    equal(r.text.count(" -c -o "), 1, r.text)
    up_to_date(box, folder, 2)


def c_make_runs_it_as_well(box):
    folder = box.example("c-and-agents")
    r = box.call("make -j4", folder).ok()
    equal(r.tasks, sorted(["use", "words", "counting", "report", "manual"]), r.text)
    r = box.call("make -j4", folder).ok()
    equal(r.tasks, [])
    check("nothing to be done (5 tasks up to date)" in r.text, r.text)


TOPICS = ["soil", "water", "light", "seeds", "tools", "pests", "harvest", "storing", "compost", "winter"]


def planner_fans_out_to_ten_and_joins(box):
    folder = box.example("planner")
    r = box.call("axmake -n", folder).ok()
    check("more tasks may come" in r.text and "study" not in r.text, r.text)
    r = ran(box, folder, ["brief", "planner", "report"] + [f"study-{t}" for t in TOPICS])
    check(r.text.index("] planner: done") < r.text.index("] study-soil: agent"), r.text)
    equal(read(os.path.join(folder, "report.md")).count("## "), 10)
    up_to_date(box, folder, 13)


def planner_asks_only_the_new_ones_of_a_changed_plan(box):
    folder = box.example("planner")
    box.call("axmake -j4", folder).ok()
    edit(os.path.join(folder, "topics.txt"), "light", "light\nbees")
    ran(box, folder, ["brief", "planner", "study-bees", "report"])
    up_to_date(box, folder, 14)
    # The same topics in another order are another plan, but no other work.
    edit(os.path.join(folder, "topics.txt"), "soil\nwater", "water\nsoil")
    ran(box, folder, ["brief", "planner"])
    up_to_date(box, folder, 14)


LOGGED = """#!/bin/sh
# Writes down when a program begins and ends, in one file for all. The program may be one that looks for the next of its name, as ccache does.
echo + >> {log}
{pause}
PATH=${{PATH#{folder}:}} {program} "$@"
status=$?
echo - >> {log}
exit $status
"""

PROVIDER = """[provider logged]
command = {program}
role_args = --role ${{role}}
prompt = stdin
result = json:/result
[axmake]
provider = logged
"""


def most_at_once(box, command):
    """How many compilers, agents and scripts of the example ran at once, at most."""
    folder, log = box.example("c-and-agents"), box.path("log")
    write(log, "")
    offline = os.path.join(os.path.dirname(box.axmake), "axmake-offline")
    for name, program, pause in (("cc", "cc", "sleep 0.2"), ("cat", "cat", ":"), ("agent", offline, ":")):
        real = program if "/" in program else box.call(f"command -v {program}").text.strip()
        write(box.path("logged", name), LOGGED.format(log=log, program=real, pause=pause, folder=box.path("logged")), 0o755)
    write(os.path.join(folder, "manual/axmake.ini"), PROVIDER.format(program=box.path("logged", "agent")))
    r = box.call(command, folder, PATH=f"{box.path('logged')}:{box.env['PATH']}").ok()
    running = most = begun = 0
    for line in read(log).split():
        running += 1 if line == "+" else -1
        begun += line == "+"
        most = max(most, running)
    equal(running, 0, r.text)
    equal(begun, 5 + 4 + 4, "compilers, agents and readings of a chapter", r.text)
    return most


def shared(name, tool, jobs):
    def case(box):
        most = most_at_once(box, f"{tool} -j{jobs}")
        check(most <= jobs, f"{most} ran at once under -j{jobs}")
        check(jobs == 1 or most > 1, f"only one ran at a time under -j{jobs}")

    case.__name__ = name
    return case


def every_example_s_events_are_as_the_schema_says(box):
    """Of a run that does all, and of one that finds nothing to do."""
    schema = json.loads(read(os.path.join(TREE, "doc/events.schema.json")))
    names = [os.path.basename(os.path.dirname(w)) for w in glob.glob(os.path.join(TREE, "examples/*/*.ax.yaml"))]
    check(len(set(names)) > 3, names)
    for name in sorted(set(names)):
        folder = box.example(name)
        for kind in ("ended", "fresh"):
            box.call("axmake -j4 --events events.jsonl", folder).ok()
            lines = [json.loads(line) for line in read(os.path.join(folder, "events.jsonl")).splitlines()]
            os.unlink(os.path.join(folder, "events.jsonl"))
            check(kind in [line["ev"] for line in lines], f"{name}: no event '{kind}'")
            for line in lines:
                wrong = fault(line, schema, schema)
                check(not wrong, name, line, wrong)


CASES = [f for n, f in list(globals().items()) if n.startswith(("auth_", "docs_", "c_", "planner_", "every_"))]
for jobs in (1, 2, 3):
    CASES.append(shared(f"jobs_under_make_never_exceed_{jobs}", "make", jobs))
    CASES.append(shared(f"jobs_under_axmake_make_axmake_never_exceed_{jobs}", "axmake", jobs))

if __name__ == "__main__":
    sys.exit(run_cases(CASES))
