#!/usr/bin/env python3
"""Hostile names and paths, by chance: trees of them as inputs, outputs, patterns, edits and includes, special files among them, and a process that exchanges folders, files and links
while axmake runs; or the root itself is moved, exchanged, removed or unmounted. Whatever comes of it: nothing outside the root changes, nothing hangs, the run after the
next has nothing to do or says why, all that is written for programs is well formed, and no control character of a name reaches a terminal.

    run.py [--axmake PATH] [--rounds N] [--seed S] [-j N] [--keep]
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import rounds  # noqa: E402
from racer import Racer  # noqa: E402
from rounds import check, differences, tree  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
VALID = ["a", "A", "b.txt", "é", "é", "ß", "SS", "-rf", "--", "-", "~", "~root", "$HOME", "${x}", "${env.HOME}", "`x`", "$(x)", "a b", " a", "a ", "'", '"', "\\", "\\n", "*", "**", "?", "[a]", "[", "]", "{a,b}", "!a", "#a",
         "%s%n", "a=b", "a:b", "a,b", "a;b", "a|b", "&", "<a>", ".hidden", "...", "..a", "con", "nul.", "@a", "‮abc", "​", "\u2028", "﻿x", "👩‍👩‍👧", "日本語", "n" * 255, "é" * 127, "git", ".gitignore", "AX_RESULT", "<script>"]
CONTROL = ["a\nb", "\n", "a\tb", "\x1b]0;pwn\x07", "\x1b[31;7m!", "\x1bc", "a\rb", "\b\b", "\x7f", "\u009b31m", "\x01"]
BYTES = [b"\xff\xfe", b"\xc3(", b"\xed\xa0\x80", b"a\x80", b"\xf0\x9f\x92", b"\xc0\xae\xc0\xae", b"\x9b31m"]


def any_name(r):
    kind = r.rng.random()
    text = r.rng.choice(VALID if kind < 0.6 else CONTROL) if kind < 0.85 else None
    name = os.fsencode(text) if text else r.rng.choice(BYTES)
    return name if len(name) > 200 or r.maybe(0.5) else name + b"%d" % r.rng.randrange(100)


def special(r, path):
    """What is no file, or no file of the root's."""
    kind = r.rng.randrange(8)
    try:
        if kind == 0:
            os.mkfifo(path)
        elif kind == 1 and len(path) < 100:
            socket.socket(socket.AF_UNIX).bind(path)
        else:
            targets = [r.path("outside", "secret"), r.path("outside"), "/dev/zero", "..", ".", "/", os.path.basename(path), b"nowhere", r.path("root"), "/proc/self/root"]
            os.symlink(os.fsencode(r.rng.choice(targets)), path)
    except OSError:
        pass


def grow(r, top, n, specials):
    """Folders and files with hostile names."""
    os.makedirs(top, exist_ok=True)
    folders = [os.fsencode(top)]
    for _ in range(n):
        path = os.path.join(r.rng.choice(folders), any_name(r))
        if os.path.lexists(path) or len(path) > 3000:
            continue
        if r.maybe(0.25):
            os.mkdir(path)
            folders.append(path)
        elif r.maybe(specials):
            special(r, path)
        else:
            with open(path, "wb") as f:
                f.write(b"%d" % r.rng.randrange(10))


def quoted(text):
    return json.dumps(text)


def a_literal(r, folder):
    """A path that a workflow names: mostly one that may be, at times one that may not."""
    if r.maybe(0.03):
        return r.rng.choice(["../outside/x", r.path("outside", "x"), "..", "a/../../outside/x", "/etc/axmake-was-here", ".axmake/log", ".git/x", "link/x", "x/" * 3000 + "x"])
    name = r.rng.choice(VALID if r.maybe(0.97) else CONTROL)
    return f"{folder}/" + name.replace("$", "$$").replace("*", "x").replace("?", "x").replace("[", "x").replace("!", "x").replace("\\", "x").replace("{", "x")


def workflow(r, n):
    """A task for each number; what it makes act.py knows by plan.json."""
    lines, plan = ["tasks:"], {}
    for i in range(n):
        top, outs, ins, edits = f"o{i}", [], [], []
        for _ in range(r.rng.randint(1, 2)):
            outs.append(r.rng.choice([f"{top}/", f"{top}/*", f"{top}/**", a_literal(r, top), a_literal(r, f"{top}/d")]))
        for j in r.rng.sample(range(i), min(i, r.rng.randint(0, 2))):
            ins.append(r.rng.choice([f"o{j}/", f"o{j}/**", f"o{j}/*"]))
        ins += r.rng.sample(["src/", "src/**", "src/*", "src/**/*", "!src/a*", "link/**", "link/"], r.rng.randint(0, 2))
        if r.maybe(0.15) and not any(p["edits"] for p in plan.values()):
            edits = [r.rng.choice(["e/", "e/**", "e/*"])]
        plan[f"t{i}"] = {"seed": r.rng.randrange(1 << 30), "outs": [o.replace("$$", "$") for o in outs], "edits": edits, "specials": r.rng.choice([0, 0, 0.1])}
        keys = [f"name: t{i}", f"run: 'python3 {HERE}/act.py {r.path('plan.json')} t{i}'", f"outputs: [{', '.join(map(quoted, outs))}]", f"isolate: {r.rng.choice(['none', 'none', 'copy', 'overlay'])}"]
        keys += [f"inputs: [{', '.join(map(quoted, ins))}]"] if ins else []
        keys += [f"edits: [{', '.join(map(quoted, edits))}]"] if edits else []
        keys += ["optional: true"] if r.maybe(0.2) else []
        lines.append("  - {" + ", ".join(keys) + "}")
    if r.maybe(0.2):
        plan["gen"] = {"seed": r.rng.randrange(1 << 30), "outs": [], "edits": [], "specials": 0, "include": True}
        lines += [f"  - {{name: gen, run: 'python3 {HERE}/act.py {r.path('plan.json')} gen', outputs: [inc/gen.yaml]}}", "include: [inc/gen.yaml]"]
    r.write(json.dumps(plan), "plan.json")
    r.write("\n".join(lines) + "\n", "root", "workflow.ax.yaml")


def set_up(r):
    r.write("secret", "outside", "secret")
    r.write("data", "outside", "folder", "data")
    grow(r, r.path("root", "src"), r.rng.randint(0, 25), 0.12)
    grow(r, r.path("root", "e"), r.rng.randint(0, 5), 0)
    if r.maybe(0.3):
        os.symlink(r.rng.choice([r.path("outside"), "src", "..", "link", ".axmake", ".git"]), r.path("root", "link"))
    workflow(r, r.rng.randint(1, 7))


def all_asked(r):
    """What only looks has to be well formed too, whatever stands there."""
    for words in (["--status=json"], ["--list=json"], ["--graph=json"]):
        x = r.run(*words)
        check(x.status or json.loads(x.out) is not None, x)
    for words in (["--explain"], ["-n"], ["--graph=dot"], ["--graph=mermaid"], ["--status"], ["-p"]):
        r.run(*words)


REPORTS = ["report.html", "report.json", "report.xml", "report.md"]


def observed(r):
    return ["--events", "../events.jsonl", *(w for n in REPORTS for w in ("--report", f"../{n}"))]


def raced(r):
    """axmake with somebody who exchanges what stands in the root; then without."""
    before = tree(r.path("outside")), tree(r.path("home"))
    for _ in range(r.rng.randint(1, 2)):
        with Racer(r, r.path("root"), r.path("outside")):
            if r.maybe(0.25):
                r.run_on_terminal("-k", "-j2", "--progress=tty")
            else:
                x = r.run("-k", "-j2", *observed(r))
                if os.path.exists(r.path("events.jsonl")):
                    r.reported(r.path("events.jsonl"))
                for name in REPORTS if x.status != 2 or b"error:" not in x.err else ():
                    if os.path.exists(r.path(name)):
                        r.reported(r.path(name))
        check(not differences(before[0], tree(r.path("outside"))), "outside the root:", differences(before[0], tree(r.path("outside"))))
        check(not differences(before[1], tree(r.path("home"))), "in the home:", differences(before[1], tree(r.path("home"))))
    all_asked(r)
    for name in os.listdir(r.root) if r.maybe(0.9) else ():  # what would be refused
        if name != "link" and (os.path.islink(r.path("root", name)) or not os.path.isdir(r.path("root", name))) and name != "workflow.ax.yaml":
            os.unlink(r.path("root", name))
    last = [r.run("-k", "-j2") for _ in range(3)][-1]
    if os.environ.get("SHOW"): print(last)
    check(last.status == 2 and last.err or b"nothing to be done" in last.out or b"(ignored)" in last.err or b"stays stale" in last.err, "the third run alone finds work, and fails at nothing:", last, r.run("--explain"))
    check(not differences(before[0], tree(r.path("outside"))), "outside the root, alone:", differences(before[0], tree(r.path("outside"))))
    check(not r.left_alive(), "processes are left", r.left_alive())
    return {"raced": 1, "ended well": last.status == 0}


def root_goes(r):
    """The root is moved, exchanged or removed while tasks run: what stands in its place afterwards is as it was put there."""
    before = tree(r.path("outside"))
    p = r.start("-k", "-j2", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    time.sleep(r.rng.random() * 0.3)
    how = r.rng.choice(["moved", "exchanged", "removed", "linked"])
    if how == "removed":
        subprocess.run(["rm", "-rf", r.root], stderr=subprocess.DEVNULL, check=False)
    else:
        os.rename(r.root, r.path("elsewhere"))
    if how == "exchanged":
        r.write("mine", "root", "mine")
    elif how == "linked":
        os.symlink(r.path("outside"), r.root)
    try:
        out = p.communicate(timeout=60)[0]
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        check(False, f"it hangs when the root is {how}", p.communicate()[0])
    check(p.returncode in (0, 2), f"the root was {how}: status {p.returncode}", out)
    check(not differences(before, tree(r.path("outside"))), f"outside, when the root was {how}:", differences(before, tree(r.path("outside"))), out)
    if how == "exchanged":
        check(tree(r.root) == {b"mine": ("file", b"mine")}, "in the folder that took its place:", list(tree(r.root)), out)
    return {f"root {how}": 1}


def root_unmounted(r):
    """The same of what is mounted there."""
    os.rename(r.root, r.path("kept"))
    os.mkdir(r.root)
    script = f"mount -t tmpfs none '{r.root}' && cp -a '{r.path('kept')}/.' '{r.root}' 2> /dev/null; cd '{r.root}' && {{ '{r.axmake}' -k -j2 & p=$!; sleep {r.rng.random() * 0.3}; cd /; umount -l '{r.root}'; wait $p; }}"
    p = subprocess.Popen(["unshare", "-rm", "sh", "-c", script], env=r.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        out = p.communicate(timeout=60)[0]
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        check(False, "it hangs when the root is unmounted", p.communicate()[0])
    check(not os.listdir(r.root), "below the mount:", os.listdir(r.root), out)
    return {"root unmounted": 1}


def play(r):
    set_up(r)
    kind = r.rng.random()
    return raced(r) if kind < 0.85 else root_goes(r) if kind < 0.95 else root_unmounted(r)


if __name__ == "__main__":
    sys.exit(rounds.main(play, 8))
