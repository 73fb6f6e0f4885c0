"""What the suite of faults lets axmake do: each scene is a folder, a command, and what stands there when nothing fails."""

import os
import shutil
import stat
import subprocess
import sys

# It counts what it has answered to its end: on a full disk it may fail itself.
AGENT = """set -e
trap 'rm -f prompt.seen.$$' EXIT
cat >prompt.seen.$$
case $1 in draft | right) echo "a draft" >draft.txt ;; esac
printf 'the answer of %s\\n```json\\n{"title": "one"}\\n```\\n' "$1"
echo "$1" >>"$CALLS"
"""

RULES = """[axmake]
provider = stand-in
[provider stand-in]
command = sh agent.sh ${name}
result = text
max_concurrent = 2
[agent helper]
provider = stand-in
role = You help.
"""

WORKFLOW = """tasks:
  - {name: first, run: "cat src/a >first.txt", inputs: [src/a], outputs: [first.txt]}
  - {name: plan, agent: helper, task: Plan it}
  - {name: draft, agent: helper, task: "Write ${plan.title}", inputs: [first.txt], outputs: [draft.txt]}
  - {name: tree, run: "rm -rf tree; mkdir -p tree/d; seq 9000 >tree/d/x; ln -s d/x tree/l; seq 9", outputs: [tree/], inputs: ["src/*"]}
  - {name: join, run: "cat first.txt draft.txt >join.txt", inputs: [first.txt, draft.txt], outputs: [join.txt], dependencies: [plan, tree]}
"""

WITH_VIEWS = """tasks:
  - {name: left, isolate: copy, run: "cat src/a >left.txt", inputs: [src/a], outputs: [left.txt]}
  - {name: right, isolate: copy, agent: helper, task: "draft it", outputs: [draft.txt]}
  - {name: join, run: "cat left.txt draft.txt >join.txt", inputs: [left.txt, draft.txt], outputs: [join.txt]}
"""

WITH_WALLS = """tasks:
  - {name: left, sandbox: {network: false}, run: "cat src/a >left.txt", inputs: [src/a], outputs: [left.txt], check: "test -s left.txt"}
  - {name: right, isolate: copy, agent: helper, task: "draft it", outputs: [draft.txt]}
  - {name: join, sandbox: true, run: "cat left.txt draft.txt >join.txt", inputs: [left.txt, draft.txt], outputs: [join.txt]}
"""

# Its folder is removed and made anew, with another name in it.
WITH_OVERLAY = """tasks:
  - {name: tree, isolate: overlay, run: "rm -rf tree; mkdir -p tree/d; cat src/a >tree/d/$(wc -l <src/a)", inputs: [src/a], outputs: [tree/]}
"""

MAKEFILE = """all: a b
a b:
\t@echo $@ >$@.made
"""

WITH_MAKE = """tasks:
  - {name: m, run: "make -s all", outputs: [a.made, b.made]}
  - {name: n, run: "cat src/a >n.txt", inputs: [src/a], outputs: [n.txt]}
"""


SCRIPTS = """tasks:
  - {name: first, run: "cat src/a >first.txt", inputs: [src/a], outputs: [first.txt]}
  - {name: tree, run: "rm -rf tree; mkdir -p tree/d; seq 9000 >tree/d/x; ln -s d/x tree/l", outputs: [tree/], inputs: ["src/*"]}
  - {name: join, run: "cat first.txt tree/l >join.txt", inputs: [first.txt, tree/], outputs: [join.txt]}
"""

# A change of one source reaches few of these.
MANY = """tasks:
  - {name: first, run: "cat src/a >first.txt", inputs: [src/a], outputs: [first.txt]}
  - {name: join, run: "cat first.txt src/b >join.txt; cat join.txt", inputs: [first.txt, src/b], outputs: [join.txt]}
  - {name: last, run: "cat $AX_RESULT_JOIN >last.txt", inputs: [src/b], outputs: [last.txt], dependencies: [join]}
""" + "".join(f'  - {{name: n{i}, run: "echo {i} >n{i}.txt", outputs: [n{i}.txt]}}\n' for i in range(12))

STARTED = []


def shared_cache(folder):
    """A place on the server of this process that has nothing yet."""
    if not STARTED:
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "http"))
        import server

        STARTED.append(server.Server())
    return f"{STARTED[0].url}/{os.path.basename(folder)}"


class Scene:
    """`first` is done without faults before; `command` is the one that gets them, and the words of all runs that follow. shared: there is a server. sealed: another run before `first` has
    left a seal; and after all that, `sealed` is done once more, and is to be noticed."""

    def __init__(self, name, command, workflow=WORKFLOW, first=None, writes=True, shared=False, sealed=None):
        self.name, self.command, self.workflow, self.first, self.writes, self.shared, self.sealed = name, command, workflow, first, writes, shared, sealed

    def lay(self, folder):
        os.makedirs(os.path.join(folder, "src"))
        files = {"src/a": "a\n", "src/b": "b\n", "agent.sh": AGENT, "axmake.ini": RULES, "workflow.ax.yaml": self.workflow, "Makefile": MAKEFILE}
        if self.shared:
            files["axmake.ini"] = RULES.replace("[axmake]\n", f"[axmake]\ncache_url = {shared_cache(folder)}\n")
        for name, text in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)


def may_build_walls():
    words = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    return shutil.which("bwrap") is not None and subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode == 0


WALLS = may_build_walls()


def lose(folder):
    os.unlink(os.path.join(folder, "join.txt"))
    os.unlink(os.path.join(folder, "draft.txt"))
    os.unlink(os.path.join(folder, "tree/d/x"))


def edit(folder):
    with open(os.path.join(folder, "src/a"), "a", encoding="utf-8") as f:
        f.write("more\n")


def touch(folder):
    os.utime(os.path.join(folder, "src/a"))


def edit_more(folder):
    for name in ("src/b", "src/a"):
        with open(os.path.join(folder, name), "a", encoding="utf-8") as f:
            f.write("still more\n")


def clone(folder):
    """Nothing is left of the first run but what the server has."""
    for name in (".axmake", "tree"):
        shutil.rmtree(os.path.join(folder, name))
    for name in ("first.txt", "join.txt"):
        os.unlink(os.path.join(folder, name))


SCENES = [
    Scene("anew", ["-j2"]),
    Scene("nothing to do", ["-j2"], first=lambda folder: None),
    Scene("an edit", ["-j2", "-s"], first=edit),
    Scene("an edit after a seal", ["-j2"], workflow=MANY, first=edit, sealed=edit_more),
    Scene("a touch after a seal", ["-j2"], workflow=MANY, first=touch, sealed=edit_more),
    Scene("restored", ["-j2"], first=lose),
    Scene("views", ["-j2"], workflow=WITH_VIEWS),
    *([Scene("sandboxed", ["-j2"], workflow=WITH_WALLS)] if WALLS else []),
    *([Scene("removed in an overlay", ["-j2"], workflow=WITH_OVERLAY, first=edit)] if WALLS else []),
    Scene("make below", ["-j3"], workflow=WITH_MAKE),
    Scene("followed", ["-j2", "--events", "events.jsonl", "--trace-file", "trace.json", "--report", "report.json", "--report", "report.md"]),
    Scene("to a server", ["-j2"], shared=True),
    Scene("from a server", ["-j2"], workflow=SCRIPTS, first=clone, shared=True),
    Scene("a plan", ["-n"], writes=False),
    Scene("asked why", ["--explain"], first=edit, writes=False),
    Scene("status", ["--status"], first=edit, writes=False),
]


def made(folder):
    """Paths to what stands there, but for what is axmake's own and what observers write."""
    found = {}
    for at, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if not (at == folder and f in (".axmake", ".automatosx"))]
        for name in files + [f for f in folders if os.path.islink(os.path.join(at, f))]:
            path = os.path.join(at, name)
            short = os.path.relpath(path, folder)
            if short in ("axmake.ini", "events.jsonl", "trace.json", "report.json", "report.md"):  # the first names a server, elsewhere each time
                continue
            s = os.lstat(path)
            if stat.S_ISLNK(s.st_mode):
                found[short] = os.readlink(path)
            elif stat.S_ISREG(s.st_mode):
                with open(path, "rb") as f:
                    found[short] = f.read()
    return found
