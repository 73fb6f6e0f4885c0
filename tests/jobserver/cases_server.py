"""axmake as the jobserver, and what its children see."""

import os
import re
import shlex
import signal
import stat
import time

from harness import Skipped, check, equal, in_time, overlap

PREFIX = "axmake-jobserver-"


def makefile(c, targets, ms, prefix):
    """A Makefile of independent targets that each take a while."""
    names = " ".join(f"{prefix}{i}" for i in range(targets))
    return f"all: {names}\n.PHONY: all {names}\n{names}:\n\t@{c.span('$@', ms)}\n"


def case_21_child_killed_with_tokens(c):
    # A sub-make that dies with its tokens; only afterwards, when nobody can hold any, are they missing for sure.
    for end, keys in (("end=die", {}), ("term=lose", {"timeout": "300ms"})):
        c.fresh()
        tasks = {"bad": {"run": "exec " + c.take(2, 100 if end == "end=die" else 20000, end), "optional": True, **keys}}
        tasks.update({f"t{i}": {"run": c.span(f"t{i}", 80), "after": ["bad"]} for i in range(12)})
        c.workflow(tasks)
        for style in ("pipe", "fifo"):
            c.fresh()
            r = c.ax("-j4", f"--jobserver-style={style}").ended().lacks("INTERNAL")
            c.overlaps(4, 12)
            r.has("token")


def case_21_lost_tokens_never_hang(c):
    # While another task may hold tokens nothing can be put back; the implicit slot goes on.
    c.workflow({"bad": {"run": "exec " + c.take(2, 50, "end=die"), "optional": True}, "long": c.span("long", 1000),
                **{f"t{i}": {"run": c.span(f"t{i}", 30), "after": ["bad"]} for i in range(4)}})
    c.ax("-j3").ended()
    equal(len(c.spans()), 5, "tasks that ran")
    check(overlap(c.spans()) <= 3, f"{overlap(c.spans())} at one moment")


def case_31_server_make43(c):
    c.write("sub.mk", makefile(c, 6, 60, "m"))
    c.workflow({"sub": "make -f sub.mk", "a": c.span("a", 60), "b": c.span("b", 60)})
    for style in ("", "--jobserver-style=pipe"):
        c.fresh()
        c.ax("-j3", *([style] if style else [])).ended().lacks("unavailable", "INTERNAL", "warning")
        c.overlaps(3, 8)


def case_31_without_j_make_stays_serial(c):
    c.write("sub.mk", makefile(c, 4, 40, "m"))
    c.workflow({"sub": "make -f sub.mk; printf %s \"${MAKEFLAGS-unset}\" >flags"})
    c.ax().ended().quiet()
    c.overlaps(1, 4)
    with open(c.path("flags")) as f:
        equal(f.read(), "unset", "MAKEFLAGS of a task")


def case_32_server_make44(c):
    take = c.take(2, 120, f"spans={c.spans_file}")
    out = shlex.quote(c.path("out"))
    for style in ("pipe", "fifo"):
        c.fresh()
        c.workflow({"a": take, "b": c.span("b", 60), "c": c.span("c", 60),
                    "no": {"run": f"echo \"${{MAKEFLAGS-}}|${{MFLAGS-}}|${{CARGO_MAKEFLAGS-}}\" >{out}; {c.client} fds >>{out}", "jobserver": False}})
        c.ax("-j3", f"--jobserver-style={style}").ended().quiet()
        equal(len(c.spans()), 5, "stretches")
        check(overlap(c.spans()) <= 3, f"{style}: {overlap(c.spans())} at one moment")
        with open(c.path("out")) as f:
            equal(f.read().split("\n")[:2], ["||", "0 1 2 "], f"{style}: variables and descriptors of a task without jobserver")


def case_33_server_foreign_bytes(c):
    for style in ("pipe", "fifo"):
        c.fresh()
        c.workflow({"a": c.take(3, 60, "give=G"), **{f"t{i}": {"run": c.span(f"t{i}", 90), "dependencies": ["a"]} for i in range(8)}})
        c.ax("-j4", f"--jobserver-style={style}").ended().quiet()
        c.overlaps(4, 8)


def case_33_server_too_many_tokens(c):
    c.workflow({"a": c.take(1, 10, "extra=3"), **{f"t{i}": {"run": c.span(f"t{i}", 50), "dependencies": ["a"]} for i in range(10)}})
    c.ax("-j3").ended().has("token")


def case_34_three_level(c):
    ax = shlex.quote(c.axmake)
    c.write("Makefile", f"all: a b ax\n.PHONY: all a b ax\na b:\n\t@{c.span('$@', 100)}\nax:\n\t+@{ax}\n")
    c.workflow({"x0": c.span("x0", 60), "x1": c.span("x1", 60), "x2": c.span("x2", 60), "make": "make --no-print-directory -f sub.mk"})
    c.write("sub.mk", makefile(c, 4, 60, "m") + f"all: inner\ninner:\n\t+@{ax} -C inner\n.PHONY: inner\n")
    c.write("inner/workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: y{i}, run: {c.span(f'y{i}', 60)}}}\n" for i in range(6)))
    c.run(["make", "-j4"]).ended().lacks("INTERNAL", "unavailable", "warning")
    c.overlaps(4, 2 + 3 + 4 + 6)


def case_34_three_level_from_axmake(c):
    ax = shlex.quote(c.axmake)
    c.workflow({"x0": c.span("x0", 60), "x1": c.span("x1", 60), "make": "make --no-print-directory -f sub.mk"})
    c.write("sub.mk", makefile(c, 4, 60, "m") + f"all: inner\ninner:\n\t+@{ax} -C inner\n.PHONY: inner\n")
    c.write("inner/workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: y{i}, run: {c.span(f'y{i}', 60)}}}\n" for i in range(6)))
    for style in ("pipe",):
        c.ax("-j3", f"--jobserver-style={style}").ended().lacks("INTERNAL", "unavailable", "warning")
        c.overlaps(3, 2 + 4 + 6)


def case_34_nested_axmake_by_fifo(c):
    ax = shlex.quote(c.axmake)
    c.workflow({"x0": c.span("x0", 60), "inner": f"{ax} -C inner"})
    c.write("inner/workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: y{i}, run: {c.span(f'y{i}', 60)}}}\n" for i in range(8)))
    c.ax("-j3", "--jobserver-style=fifo").ended().quiet()
    c.overlaps(3, 9)


def case_35_server_exit_daemon(c):
    for style in ("pipe", "fifo"):
        c.fresh()
        c.workflow({"a": f"{shlex.quote(c.client)} daemon 60000 >pid", "b": "true"})
        began = time.monotonic()
        c.ax("-j2", f"--jobserver-style={style}").ended()
        took = time.monotonic() - began
        in_time(took < 3, f"{style}: waited {took:.1f} s for a daemon that holds the jobserver")
        with open(c.path("pid")) as f:
            pid = int(f.read())
        check(not alive(pid), f"{style}: the daemon survives")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def leftovers(c, folder="tmp"):
    return [n for n in os.listdir(c.path(folder)) if n.startswith(PREFIX)]


def case_36_server_fifo_cleanup(c):
    os.mkdir(c.path("tmp"))
    c.workflow({"a": "printf %s \"$MAKEFLAGS\" >flags; sleep ${NAP-0}"})
    c.ax("-j3", "--jobserver-style=fifo", TMPDIR=c.path("tmp")).ended().quiet()
    with open(c.path("flags")) as f:
        flags = f.read()
    check(re.fullmatch(r" -j3 --jobserver-auth=fifo:%s/%s\S+" % (re.escape(c.path("tmp")), PREFIX), flags), f"MAKEFLAGS={flags!r}")
    equal(leftovers(c), [], "left after a normal end")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        c.fresh()
        os.unlink(c.path("flags"))
        p = c.start([c.axmake, "-j3", "--jobserver-style=fifo"], TMPDIR=c.path("tmp"), NAP="20")
        c.wait_for(lambda: os.path.exists(c.path("flags")), "the task")
        found = leftovers(c)
        equal(len(found), 1, "folders while it runs")
        equal(stat.S_IMODE(os.stat(c.path("tmp", found[0])).st_mode), 0o700, "the folder's mode")
        p.send_signal(number)
        c.finish(p).ended(-number)
        equal(leftovers(c), [], f"left after signal {number}")


def case_36_server_fifo_of_a_killed_run_is_swept(c):
    os.mkdir(c.path("tmp"))
    c.workflow({"a": "touch started; sleep ${NAP-0}"})
    p = c.start([c.axmake, "-j3", "--jobserver-style=fifo"], TMPDIR=c.path("tmp"), NAP="20")
    c.wait_for(lambda: os.path.exists(c.path("started")), "the task")
    p.kill()
    c.finish(p).ended(-9)
    equal(len(leftovers(c)), 1, "left after SIGKILL")
    c.fresh()
    c.ax("-j3", "--jobserver-style=fifo", TMPDIR=c.path("tmp")).ended()
    equal(leftovers(c), [], "left after the next run")


def case_37_server_tmpdir_bad(c):
    c.write("file", "")
    os.mkdir(c.path("with space"))
    deep = c.path("d" * 100, "e" * 100)
    os.makedirs(deep)
    c.many(6, 50)
    for tmp, falls_back in ((c.path("missing"), True), (c.path("file"), True), (c.path("with space"), True), (deep, False), ("/proc", True)):
        c.fresh()
        r = c.ax("-j3", "--jobserver-style=fifo", TMPDIR=tmp).ended()
        equal("using a pipe" in r.err, falls_back, f"TMPDIR={tmp}: it says that it uses a pipe")
        c.overlaps(3, 6)


def case_37_server_tmpdir_read_only(c):
    if os.geteuid() == 0:
        raise Skipped("root may write everywhere")
    os.mkdir(c.path("tmp"), 0o500)
    c.many(6, 50)
    c.ax("-j3", "--jobserver-style=fifo", TMPDIR=c.path("tmp")).ended().has("using a pipe")
    c.overlaps(3, 6)


def case_38_many_slots(c):
    c.write("sub.mk", makefile(c, 20, 10, "m"))
    # make 4.3 dies of a fifo.
    scripts = {"pipe": f"{c.client} count >count; make -f sub.mk", "fifo": f"{c.client} count >count"}
    for jobs in (5000, 65537, 70000):
        for style in ("pipe", "fifo"):
            c.fresh()
            c.workflow({**{f"t{i}": c.span(f"t{i}", 20) for i in range(40)}, "count": scripts[style]})
            began = time.monotonic()
            r = c.ax(f"-j{jobs}", f"--jobserver-style={style}").ended().lacks("INTERNAL", "should be")
            in_time(time.monotonic() - began < 10, "it took too long")
            with open(c.path("count")) as f:
                n = int(f.read())
            check(n >= jobs - 100 or "no room for" in r.err, f"-j{jobs}: {n} tokens free and nothing said")
            equal(len(c.spans()), 60 if style == "pipe" else 40, "stretches")


def numbers(c, name):
    with open(c.path(name)) as f:
        return [int(n) for n in f.read().split()]


def case_39_fd_hygiene(c):
    c.workflow({"with": f"{c.client} fds >with.fds; printf %s \"$MAKEFLAGS\" >with.flags",
                "without": {"run": f"{c.client} fds >without.fds", "jobserver": False},
                "long": f"sleep 0.2; {c.client} fds >long.fds"})
    r, w = os.pipe()
    try:
        for args in (["-j3"], ["-j3", "--jobserver-style=fifo"], []):
            c.fresh()
            c.ax(*args, pass_fds=(r, w)).ended()
            flags = open(c.path("with.flags")).read()
            pair = [int(n) for n in re.findall(r"auth=(\d+),(\d+)", flags)[0]] if args == ["-j3"] else []
            equal(numbers(c, "with.fds"), [0, 1, 2] + sorted(pair), f"{args}: descriptors of a task with the jobserver")
            equal(numbers(c, "long.fds"), [0, 1, 2] + sorted(pair), f"{args}: descriptors of a later task")
            equal(numbers(c, "without.fds"), [0, 1, 2], f"{args}: descriptors of a task without it")
    finally:
        os.close(r), os.close(w)


def case_39_fd_hygiene_of_a_client(c):
    c.workflow({"with": f"{c.client} fds >with.fds; printf %s \"$MAKEFLAGS\" >with.flags",
                "without": {"run": f"{c.client} fds >without.fds; printf %s \"$MAKEFLAGS\" >without.flags", "jobserver": False}})
    flags = "k -j4 --jobserver-auth=@R,@W -- A=b"
    c.under(3, peer=["--makeflags", flags]).ended().balanced()
    with open(c.path("with.flags")) as f:
        got = f.read()
    pair = [int(n) for n in re.findall(r"auth=(\d+),(\d+)", got)[0]]
    equal(got, flags.replace("@R", str(pair[0])).replace("@W", str(pair[1])), "MAKEFLAGS handed on")
    equal(numbers(c, "with.fds"), [0, 1, 2] + sorted(pair), "descriptors of a task with the jobserver")
    equal(numbers(c, "without.fds"), [0, 1, 2], "descriptors of a task without it")
    with open(c.path("without.flags")) as f:
        equal(f.read(), "k -- A=b", "MAKEFLAGS of a task without it")


def case_40_env_hygiene(c):
    script = "for v in MAKEFLAGS MFLAGS CARGO_MAKEFLAGS; do eval \"echo \\\"$v=\\${$v-}\\\"\"; done >"
    c.workflow({"with": script + "with", "without": {"run": script + "without", "jobserver": False}})
    outer = " -j9 --jobserver-fds=98,99 --jobserver-auth=98,99"
    for args in (["-j3"], ["-j3", "--jobserver-style=fifo"]):
        c.fresh()
        c.ax(*args, MFLAGS=outer, CARGO_MAKEFLAGS=outer).ended()
        values = dict(line.split("=", 1) for line in open(c.path("with")).read().splitlines())
        ours = re.findall(r"auth=(\S+)", values["MAKEFLAGS"])
        equal(len(ours), 1, f"jobservers named in MAKEFLAGS={values['MAKEFLAGS']!r}")
        for name, value in values.items():
            check("98,99" not in value, f"{name} still names the outer jobserver: {value!r}")
            check(re.findall(r"auth=(\S+)", value) in ([], ours), f"{name}={value!r} is not {ours[0]}")
        check("jobserver" not in open(c.path("without")).read(), "a task without jobserver is told of one")


def case_40_jobserver_is_no_part_of_the_signature(c):
    c.workflow({"a": {"run": c.span("a", 10) + "; echo >out", "outputs": ["out"]}})
    c.ax("-j3").ended()
    for args in (["-j2", "--jobserver-style=fifo"], [], ["-j1"]):
        c.ax(*args).ended()
    c.under(3).ended().balanced()
    c.under(2, peer=["--fifo", c.path("f"), "--makeflags", "k -j3 --jobserver-auth=fifo:@F"]).ended().balanced()
    equal(len(c.spans()), 1, "times the task ran")


def case_46_sigkill_of_the_server_strands_nobody(c):
    c.write("sub.mk", makefile(c, 8, 150, "m"))
    for style in ("pipe", "fifo"):
        c.fresh()
        c.workflow({"sub": "touch started; exec make -f sub.mk", "a": "sleep 20"})
        if os.path.exists(c.path("started")):
            os.unlink(c.path("started"))
        p = c.start([c.axmake, "-j4", f"--jobserver-style={style}"])
        c.wait_for(lambda: os.path.exists(c.path("started")), "the sub-make")
        time.sleep(0.1)
        children = [int(n) for n in open(f"/proc/{p.pid}/task/{p.pid}/children").read().split()]
        p.kill()
        c.finish(p).ended(-9)
        c.wait_for(lambda: not any(alive(pid) for pid in children), f"{style}: the children of a killed axmake to end", 5)


CASES = {name[5:]: fn for name, fn in sorted(globals().items()) if name.startswith("case_")}
