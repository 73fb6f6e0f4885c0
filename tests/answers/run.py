#!/usr/bin/env python3
"""Hostile answers, by chance: pieces that try to become a command, a path, an option, a provider, an include, a terminal's or a page's word, through each way in which an answer
is read and used. Whatever they are: nothing runs but what the workflow says, files come only where they are declared, what is shown and reported is text, the status tells what
happened, and the next run asks nobody again who has answered.

    run.py [--axmake PATH] [--rounds N] [--seed S] [-j N] [--keep]
"""

import html.parser
import json
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import rounds  # noqa: E402
from pieces import answer  # noqa: E402
from rounds import check, tree  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
# How an answer is read; which program says it how.
RULES = """
[provider text]
command = python3 {say} ${{name}} text
[provider error]
command = python3 {say} ${{name}} error
error = stderr-json:/error
[provider jsonl]
command = python3 {say} ${{name}} jsonl
result = jsonl:/result
error = jsonl:/error
failed = jsonl:/bad
final = jsonl:/result
session = jsonl:/session
resume_args = --resume ${{session}}
[provider json]
command = python3 {say} ${{name}} json
result = json:/result
error = json:/error
input_tokens = json:/usage/in
output_tokens = json:/usage/out
cost_usd = json:/usage/cost
[provider file]
command = python3 {say} ${{name}} file ${{result_file}}
result = file
[provider words]
command = python3 {say} ${{name}} words ${{prompt}} --to=${{prompt}} ${{agent}} end
prompt = arg
model_args = --model ${{model}}
[provider evil]
command = canary provider
[agent evil]
provider = evil
[agent helper]
provider = text
"""
KINDS = ("text", "error", "jsonl", "json", "file", "words")


def set_up(r):
    say = os.path.join(HERE, "say.py")
    r.env["ROUND_BOX"] = r.box
    r.write(f"#!/bin/sh\necho \"$@\" >> '{r.path('pwned')}'\n", "bin", "canary", mode=0o755)
    r.write("kept", "outside", "canary")
    r.write("", "calls")
    lines, rules = ["tasks:"], [RULES.format(say=say)]
    for kind in KINDS:
        rules.append(f"[agent a{kind}]\nprovider = {kind}\n")
    n = r.rng.randint(1, 5)
    os.mkdir(r.path("answers"))
    for i in range(n):
        kind = r.rng.choice(KINDS)
        r.write(answer(r), "answers", f"t{i}")
        keys = [f"name: t{i}", f"agent: a{kind}"]
        text, deps = "Answer.", []
        for j in r.rng.sample(range(i), min(i, r.rng.randint(0, 2))):
            deps.append(f"t{j}")
            text += r.rng.choice([f" ${{t{j}}}", f" ${{t{j}}} x ${{t{j}}}", f" ${{t{j}.path}}", f" ${{t{j}.ok?}}"])
        keys.append(f"task: {json.dumps(text)}")
        keys += [f"dependencies: [{', '.join(deps)}]"] if deps else []
        keys += [r.rng.choice(["context: results", "context: paths"])] if r.maybe(0.3) else []
        keys += ["delegates: [helper]"] if r.maybe(0.4) else []
        keys += [f"retry: {{attempts: 2, delay: 10ms}}"] if r.maybe(0.2) else []
        keys += [f"check: 'cat \"$AX_RESULT_FILE\" > /dev/null; {r.rng.choice(['true', 'false', 'test ! -e ../tries-again-' + str(i)])}'"] if r.maybe(0.2) else []
        lines.append("  - {" + ", ".join(keys) + "}")
        lines += users(r, i)
    r.write("answered\n" + r.rng.choice(["", "@evil: go\n", "@helper: again\n"]), "answers", "helper")
    r.write("\n".join(lines) + "\n", "root", "workflow.ax.yaml")
    r.write("\n".join(rules), "root", "axmake.ini")
    r.write("tasks: [{name: included, run: canary include}]\n", "root", "evil.ax.yaml")


def users(r, i):
    """Tasks that make use of an answer in each way there is."""
    t, up, out = f"t{i}", f"AX_RESULT_T{i}", []
    ways = (
        f"  - {{name: s{i}, run: 'cp \"${up}\" out/s{i}', dependencies: [{t}], outputs: [out/s{i}]}}",
        f"  - {{name: e{i}, run: 'printf %s \"$X\" > out/e{i}', env: {{X: \"${{{t}}}\"}}, outputs: [out/e{i}]}}",
        f"  - {{name: v{i}, run: 'eval \"set -- $Y\" && [ $# = 1 ] && [ -f \"$1\" ] && : > out/v{i}', env: {{Y: \"${{{t}.path}}\"}}, outputs: [out/v{i}]}}",
        f"  - {{name: w{i}, run: 'canary when', when: '${{{t}}} == \"never said by anybody\"'}}",
        f"  - {{name: f{i}, agent: awords, task: \"${{{t}.ok}} ${{{t}.result?}}\", optional: true}}",
        f"  - {{name: p{i}, isolate: copy, run: 'cp \"${up}\" out/p{i}', dependencies: [{t}], outputs: [out/p{i}]}}",
        f"  - {{name: n{i}, run: 'canary not', when: '${{{t}.ok?}} == \"never\" && exists(../outside/never)'}}",
    )
    for line in r.rng.sample(ways, r.rng.randint(0, 3)):
        out.append(line)
    for line in out:
        name = line.split("name: ")[1].split(",")[0]
        r.write(answer(r), "answers", name)
    return out


def calls(r):
    with open(r.path("calls"), encoding="utf-8") as f:
        return f.read().split()


def nothing_else(r, before, said):
    check(not os.path.exists(r.path("pwned")), "it ran:", open(r.path("pwned"), encoding="utf-8").read() if os.path.exists(r.path("pwned")) else "", said)
    after = {p for p in tree(r.box, content=False) if not p.startswith((b"root/.axmake", b"root/.automatosx"))}
    allowed = before | {b"calls", b"root/out"} | {f"root/out/{k}{i}".encode() for k in "sevp" for i in range(9)} | {b"events.jsonl", b"report.html", b"report.json", b"report.xml", b"report.md", b"trace.json"}
    check(after <= allowed, "what nobody declared:", sorted(after - allowed), said)
    with open(r.path("outside", "canary"), "rb") as f:
        check(f.read() == b"kept", "it was written outside", said)


class Page(html.parser.HTMLParser):
    """Its elements with their attributes, but for data, which has to be JSON."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.in_data = [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.in_data = ("type", "application/json") in attrs
        if not self.in_data:
            self.elements.append((tag, [name for name, _ in attrs]))

    def handle_data(self, data):
        if self.in_data:
            json.loads(data)

    def handle_endtag(self, tag):
        self.in_data = False

    def handle_comment(self, data):
        check(False, "a comment in the page:", data)


_usual = []


def usual_page(r):
    """What a page is made of whose run says nothing."""
    if not _usual:
        empty = rounds.Round(r.axmake, 0)
        empty.write("tasks: [{name: t, run: 'true'}]\n", "root", "workflow.ax.yaml")
        empty.run("--report", "../report.html")
        _usual.extend(Page(empty.reported(empty.path("report.html"))).elements)
        empty.close()
    return _usual


def shown_as_text(r):
    for name in ("events.jsonl", "trace.json", "report.xml"):
        r.reported(r.path(name))
    page, plain = Page(r.reported(r.path("report.html"))), r.reported(r.path("report.md"))
    check(page.elements == usual_page(r), "the page has other elements:", [e for e in page.elements if e not in usual_page(r)])
    fence = 0
    for line in plain.split("\n"):
        ticks = len(line) - len(line.lstrip("`"))
        if fence or ticks >= 3:  # what stands in a fence is text, up to a row as long
            fence = 0 if fence and ticks >= fence and not line.strip("`") else fence or ticks
            continue
        check(not re.search(r"(?<!\\)<(script|img|svg|!--)", line), "markup in the report for GitHub:", line)
    return r.reported(r.path("report.json"))


def play(r):
    set_up(r)
    before = {p for p in tree(r.box, content=False)} | {b"calls"}
    first = r.run("-k", "-j2", "--events", "../events.jsonl", "--trace-file", "../trace.json", *(w for n in ("html", "json", "xml", "md") for w in ("--report", f"../report.{n}")))
    if b"error:" in first.err and not calls(r):  # the workflow itself is refused
        check(False, "the workflow is wrong", first)
    nothing_else(r, before, first)
    report = shown_as_text(r)
    states = {t["name"]: t["state"] for t in report["tasks"]}
    failed = [n for n, s in states.items() if s in ("failed", "not-run", "not run")]
    check((first.status == 2) == bool(failed), f"status {first.status} with {states}", first)
    done = {n for n, s in states.items() if s == "done"}
    asked = calls(r)
    for name in done:
        for words in (["--result", name], ["--log", name]):
            r.run(*words, clean=words[0] == "--log")
    second = r.run("-k", "-j2")
    again = calls(r)[len(asked):]
    nothing_else(r, before, second)
    check(not done & set(again), "asked again, though it had answered:", sorted(done & set(again)), first, second)
    if r.maybe(0.3):
        nothing_else(r, before, r.run_on_terminal("-k", "-B", "--progress=tty"))
    for words in (["--status=json"], ["--graph=json"], ["--list=json"]):
        json.loads(r.run(*words).out)
    for words in (["--explain"], ["--status"], ["-n"], ["-p"]):
        r.run(*words)
    nothing_else(r, before, second)
    check(not r.left_alive(), "processes are left", r.left_alive())
    return {"tasks": len(states), "done": len(done)}


if __name__ == "__main__":
    sys.exit(rounds.main(play, 5))
