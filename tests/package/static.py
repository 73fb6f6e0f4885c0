"""make STATIC=1: a program that needs no shared library does what the other one does."""

import os
import sys

import system
from suite import TREE, Skipped, check, equal, write


def built(box):
    if not box.long:
        raise Skipped("builds axmake: make check-package")
    if "static" not in system.KEPT:
        system.tools("cc", "make", "pkg-config")
        to = os.path.join(system.folder(), "static")
        os.chmod(system.folder(), 0o755)  # golden cases start it as another user
        system.run(["make", "-s", "-j2", f"B={to}", f"OUT={to}", "STATIC=1", "all"]).ok()
        system.KEPT["static"] = to
    return system.KEPT["static"]


def static_needs_no_shared_library(box):
    where = built(box)
    for name in ("axmake", "axmake-offline", "axmake-carry", "axmake-guard"):
        r = box.call(f"readelf -l -d {os.path.join(where, name)}").ok()
        check("INTERP" not in r.text and "NEEDED" not in r.text, r.text)


def static_passes_golden_cases(box):
    where = built(box)
    names = sorted(f[: -len(".case")] for f in os.listdir(os.path.join(TREE, "tests/cli")) if f.endswith(".case"))[::10]
    r = system.run([sys.executable, f"{TREE}/tests/cli/run.py", "--axmake", f"{where}/axmake", *names])  # not in the box: other users have to get there
    check(r.status == 0, *r.text.splitlines()[-60:])
    check(" passed, 0 failed" in r.text, r.text)


def static_runs_where_there_is_nothing_but_a_shell(box):
    """In an empty root with one program beside it, itself static: busybox, where it is there."""
    where = built(box)
    system.root()
    system.tools("busybox")
    root = box.path("root")
    os.makedirs(os.path.join(root, "bin"))
    os.makedirs(os.path.join(root, "work"))
    write(os.path.join(root, "dev/null"), "", 0o666)
    box.call(f"cp {where}/axmake {where}/axmake-offline root/bin && cp $(command -v busybox) root/bin/sh").ok()
    box.call("printf 'tasks: [{name: hi, agent: writer, task: Say hi}, {name: count, run: test -s \"$AX_RESULT_HI\", dependencies: [hi]}]\\n' > root/work/workflow.ax.yaml").ok()
    r = box.call("chroot root /bin/axmake -C /work --provider offline", PATH="/usr/sbin:/usr/bin:/sbin:/bin").ok()
    equal(r.tasks, ["count", "hi"])


CASES = [f for n, f in list(globals().items()) if n.startswith("static_")]
