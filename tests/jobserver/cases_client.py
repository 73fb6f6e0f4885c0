"""axmake as a client: the parent's tokens."""

import os
import random
import shlex
import signal
import socket
import time

from harness import NOBODY, SIGNALS, Skipped, check, equal, in_time, overlap

UNAVAILABLE = "warning: jobserver unavailable: using -j1."
ALONE, BELOW = "axmake: ", "axmake[1]: "
PIPE = "--jobserver-auth=@R,@W"


def case_01_env_absent(c):
    c.many(8, 100)
    c.ax().ended().quiet()
    c.overlaps(4, 8)


def case_02_env_empty_or_j1(c):
    c.many(6, 60)
    for flags, most in (("", 4), (" -j1", 1), (" -j", 6)):
        c.fresh()
        c.ax(MAKEFLAGS=flags).ended().quiet()
        check(overlap(c.spans()) <= most, f"MAKEFLAGS={flags!r}: {overlap(c.spans())} at one moment, {most} allowed")
        in_time(overlap(c.spans()) >= min(most, 4), f"MAKEFLAGS={flags!r}: only {overlap(c.spans())} at one moment")
        equal(len(c.spans()), 6, "tasks that ran")


def case_03_auth_pipe_ok(c):
    c.many(12, 60)
    c.under(3).ended().quiet().balanced()
    c.overlaps(4, 12)


def case_04_auth_fds_legacy(c):
    c.many(9, 60)
    c.under(2, peer=["--makeflags", " -j --jobserver-fds=@R,@W"]).ended().quiet().balanced()
    c.overlaps(3, 9)


def case_05_auth_fifo_ok(c):
    c.many(8, 60)
    long_name = c.path("x" * (200 - len(c.dir) - 1)) if len(c.dir) < 190 else c.path("x")
    for path, word in ((c.path("f"), "@F"), (c.path("a:b,c%d"), "@F"), (long_name, "@F"), (c.path("a b"), c.path("a\\ b"))):
        c.fresh()
        c.under(3, peer=["--fifo", path, "--makeflags", f" -j4 --jobserver-auth=fifo:{word}"]).ended().quiet().balanced()
        c.overlaps(4, 8)


def case_06_auth_last_wins(c):
    c.many(6, 60)
    fifo = ["--fifo", c.path("f")]
    for flags, most, more in (
        (f" -j4 {PIPE} --jobserver-auth=-2,-2", 1, []),
        (f" -j4 --jobserver-auth=fifo:/nowhere {PIPE}", 4, []),
        (f" -j4 {PIPE} --jobserver-auth=fifo:@F", 4, fifo),
        (f" -j4 --jobserver-auth=foo --jobserver-fds=@R,@W", 4, []),
    ):
        c.fresh()
        r = c.under(3, peer=["--makeflags", flags, *more]).ended().quiet().balanced()
        c.overlaps(most, 6)
        if most == 1:
            equal(r.fewest_free(), 3, "tokens left alone")


def case_07_auth_negative(c):
    c.many(4, 50)
    for auth in ("-1,-1", "-2,-2", "3,-1"):
        c.fresh()
        r = c.under(3, peer=["--makeflags", f" -j4 --jobserver-auth={auth}"]).ended().quiet().balanced()
        equal(r.fewest_free(), 3, "tokens left alone")
        c.overlaps(1, 4)


def case_08_auth_closed_fds(c):
    c.many(4, 50)
    r = c.under(3, peer=["--closed"]).ended().balanced().has(BELOW + UNAVAILABLE + "  Add '+' to parent make rule.").has("is not open")
    equal(r.err.count("jobserver"), r.err.count("--jobserver-auth") + 1, "times it speaks of the jobserver")
    c.overlaps(1, 4)
    c.fresh()
    c.workflow({"bad": "exit 3"})
    c.under(3, peer=["--closed"]).ended(2)


def case_09_auth_reused_fds(c):
    c.many(3, 50)
    c.write("file", "token\n")
    r, w = os.pipe()
    r2, w2 = os.pipe()
    a, b = socket.socketpair()
    file = os.open(c.path("file"), os.O_RDWR)
    os.write(w, b"abc")
    b.send(b"abc")
    fds = (r, w, r2, w2, a.fileno(), file)
    try:
        for pair in ((file, file), (a.fileno(), a.fileno()), (w, r), (r2, w), (r, w2), (w2, w)):
            c.fresh()
            c.ax(pass_fds=fds, MAKEFLAGS=" -j4 --jobserver-auth=%d,%d" % pair).ended().has(ALONE + UNAVAILABLE)
            c.overlaps(1, 3)
        equal(os.read(r, 10), b"abc", "the other pipe")
        equal(a.recv(10), b"abc", "the socket")
        equal(os.lseek(file, 0, os.SEEK_CUR), 0, "the file's offset")
        with open(c.path("file")) as f:
            equal(f.read(), "token\n", "the file")
    finally:
        for fd in (r, w, r2, w2, file):
            os.close(fd)
        a.close(), b.close()


def case_10_auth_garbage(c):
    c.many(3, 30)
    for auth in ("foo", "3", "3,", "99999999999,4", "fifo:", "", "3,4x"):
        c.fresh()
        c.ax(MAKEFLAGS=f" -j4 --jobserver-auth={auth}").ended().has(ALONE + UNAVAILABLE)
        c.overlaps(1, 3)


def case_11_auth_fifo_missing(c):
    c.many(3, 50)
    c.write("file", "")
    for path, why in (("none", "No such file or directory"), ("file", "not a fifo"), (".", "not a fifo")):
        c.fresh()
        c.ax(MAKEFLAGS=f" -j4 --jobserver-auth=fifo:{c.path(path)}").ended().has(ALONE + UNAVAILABLE).has(why)
        c.overlaps(1, 3)
    c.fresh()
    c.many(3, 150)
    # A device that always has a byte.
    c.ax(MAKEFLAGS=" -j4 --jobserver-auth=fifo:/dev/zero").ended().quiet()
    c.overlaps(3, 3)


def case_11_auth_fifo_of_another_user(c):
    as_another_user(c)
    c.many(3, 50)
    peer = ["--uid", NOBODY, "--fifo", os.path.join(c.suite.base, "another.fifo"), "--makeflags", " -j4 --jobserver-auth=fifo:@F"]
    r = c.under(3, peer=peer).ended().balanced().has(BELOW + UNAVAILABLE).has("Permission denied")
    equal(r.fewest_free(), 3, "tokens left alone")
    c.overlaps(1, 3)


def case_12_auth_in_value(c):
    c.many(6, 60)
    for flags in (f" -j4 {PIPE} --eval=x:\\ ;\\ @echo\\ --jobserver-auth=9,9", f" -j4 {PIPE} -- A=--jobserver-auth=9,9 B=--jobserver-auth=-1,-1"):
        c.fresh()
        c.under(3, peer=["--makeflags", flags]).ended().quiet().balanced()
        c.overlaps(4, 6)
    c.fresh()
    c.ax(MAKEFLAGS=" -- A=--jobserver-auth=9,9").ended().quiet()
    c.overlaps(4, 6)


def case_13_flag_n(c):
    c.many(2, 20)
    for flags in ("n", "kn", "-n", "n -j4 --jobserver-auth=-2,-2", "-kn", "--dry-run"):
        c.ax(MAKEFLAGS=flags).ended()
        equal(len(c.spans()), 0, f"tasks run with MAKEFLAGS={flags!r}")
    for flags in (" --no-print-directory", " -Onone", " -Inn", "k", " -- n=1", "n=1", " --eval=n"):
        c.fresh()
        c.ax(MAKEFLAGS=flags).ended()
        equal(len(c.spans()), 2, f"tasks run with MAKEFLAGS={flags!r}")


def case_14_implicit_slot(c):
    c.many(4, 50)
    c.under(0).ended().quiet().balanced()
    c.overlaps(1, 4)


def case_15_implicit_not_returned(c):
    for n in (1, 2, 9):
        c.fresh()
        c.workflow({f"t{i}": {"run": c.span(f"t{i}", 20) + f"; echo {i} > out{i}", "outputs": [f"out{i}"]} for i in range(n)})
        c.under(4).ended().balanced()
        c.under(4).ended().balanced()
        equal(len(c.spans()), n, "tasks that ran in two runs")


def case_16_byte_identity(c):
    c.workflow({f"t{i}": "sleep 0.0%d" % (i % 7) for i in range(300)})
    c.under(256).ended().quiet().balanced()


def case_17_return_on_failure(c):
    c.workflow({"a": c.span("a", 40), "b": "exit 7", "c": c.span("c", 40), "d": "no-such-program-at-all"})
    c.under(3).ended(2).balanced()
    c.under(3, "-k").ended(2).balanced()
    c.workflow({
        "shell": {"run": "true", "shell": "/no/such/shell"},
        "noexec": {"run": "true", "shell": "/etc/passwd"},
        "toobig": {"run": "true", "env": {"X": "x" * 200000}},
        "late": {"run": "sleep 10", "timeout": "150ms"},
        "again": {"run": "exit 1", "retry": {"attempts": 3, "delay": "50ms"}},
        "blocked": {"run": "true", "outputs": ["file/x"]},
        "good": c.span("good", 100),
        "after": {"run": "true", "dependencies": ["late"]},
    })
    c.write("file", "")
    r = c.under(5, "-k").balanced().ended(2)
    in_time(r.report["ms"] < 8000, f"took {r.report['ms']} ms")
    equal(len([s for s in c.spans() if s[2] == "good"]), 1, "times the good task ran")


def case_17_error_before_start(c):
    c.write("workflow.ax.yaml", "tasks:\n  - name: a\n    runn: true\n")
    c.under(3).ended(2).balanced()
    c.write("workflow.ax.yaml", "tasks: [\n")
    c.under(3).ended(2).balanced()
    c.many(1, 10)
    c.under(3, "no-such-target").ended(2).balanced()
    c.under(3, "--no-such-option").ended(2).balanced()


def case_17_hung_tasks_time_out_with_tokens(c):
    c.workflow({f"t{i}": {"run": "trap '' TERM; sleep 20 & wait" if i == 0 else "sleep 20", "timeout": "200ms"} for i in range(6)})
    r = c.under(3, "-k").ended(2).balanced()
    in_time(r.report["ms"] < 12000, f"took {r.report['ms']} ms")


def return_on_signal(c, name):
    number = SIGNALS[name]
    random.seed(name)
    c.workflow({f"t{i}": f"sleep 0.0{1 + i % 3}" for i in range(14)})
    at_signal = 0
    for trial in range(c.suite.trials):
        c.fresh()
        us = random.randrange(500, 90000)
        # make's own way with one that was ignored when it started: it stays ignored.
        r = c.under(7, peer=["--signal", int(number), "--after", us]).balanced()
        check(r.rc in (0, -number), f"signal {name} after {us} us: exit status {r.rc}\n{r.err}")
        at_signal += r.rc == -number
    if name != "pipe":
        check(at_signal > 0, "the signal never ended it")


def case_18_return_on_sigint(c):
    return_on_signal(c, "int")


def case_18_return_on_sigterm(c):
    return_on_signal(c, "term")


def case_18_return_on_sighup(c):
    return_on_signal(c, "hup")


def case_18_return_on_sigquit(c):
    return_on_signal(c, "quit")


def case_18_return_on_sigpipe(c):
    return_on_signal(c, "pipe")


def case_19_sigkill_client(c):
    # The fourth task kills axmake itself while three others hold slots.
    c.workflow({"a": "sleep 3", "b": "sleep 3", "c": "sleep 3", "kill": "sleep 0.2; kill -9 $PPID"})
    c.write("other/workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: t{i}, run: {c.span(f't{i}', 30)}}}\n" for i in range(3)))
    first = shlex.quote(c.axmake)
    r = c.under(3, command=f"{first}; cd other && exec {first}").ended()
    equal(len(r.report["lost"]), 3, "tokens that died with axmake")
    c.overlaps(1, 3)


def case_19_sigkill_client_of_make(c):
    c.workflow({"a": "sleep 3", "b": "sleep 3", "kill": "sleep 0.3; kill -9 $PPID"})
    c.write("Makefile", f"all: ax other\nax:\n\t-+@{shlex.quote(c.axmake)}\nother:\n\t@sleep 0.8\n\t@{c.span('other', 10)}\n")
    r = c.run(["make", "-j4"]).ended()
    r.has("INTERNAL: Exiting with 2 jobserver tokens available; should be 4!")
    c.span_of("other")


def case_20_sigkill_task(c):
    c.workflow({f"t{i}": "kill -9 $$" if i % 2 else c.span(f"t{i}", 40) for i in range(8)})
    c.under(3, "-k").ended(2).balanced()
    equal(len(c.spans()), 4, "tasks that were left alone")


def case_22_nonblock_not_modified(c):
    c.many(20, 30)
    r = c.under(3).ended().balanced()
    check(r.report["samples"] > 50, "too few samples")
    c.fresh()
    c.under(3, peer=["--nonblock"]).ended().balanced()


def case_23_nonblock_given(c):
    c.many(8, 60)
    c.under(3, peer=["--nonblock"]).ended().quiet().balanced()
    c.overlaps(4, 8)
    c.fresh()
    c.workflow({"a": "sleep 1", "b": "true", "c": "true"})

    c.fresh()
    r = c.under(0, peer=["--nonblock"]).ended().balanced()
    in_time(r.report["cpu_ms"] < 400, f"{r.report['cpu_ms']} ms of CPU time while waiting for a token")


def chain_beside_waiting_tasks(c):
    """One chain of short tasks, and others that only a token can start."""
    tasks = {f"c{i}": {"run": c.span(f"c{i}", 50), "dependencies": [f"c{i - 1}"] if i else []} for i in range(16)}
    tasks.update({f"w{i}": c.span(f"w{i}", 50) for i in range(6)})
    c.workflow(tasks)


def check_no_gap(c, ms):
    """From the end of one stretch to the start of the next: something always runs, since one slot needs no token."""
    spans = sorted(c.spans())
    until = spans[0][1]
    for start, end, name in spans[1:]:
        gap = (start - until) / 1e6
        in_time(gap < ms, f"nothing ran for {gap:.0f} ms before {name}")
        until = max(until, end)


def case_24_blocking_given(c):
    chain_beside_waiting_tasks(c)

    c.fresh()
    # Who waits in read for the token that the thief took waits as long as the thief holds it.
    c.under(1, peer=["--thief", 500 * c.slow]).ended().quiet().balanced()
    equal(len(c.spans()), 22, "tasks that ran")
    check_no_gap(c, 250 * c.slow)


def as_another_user(c):
    if os.geteuid() != 0:
        raise Skipped("needs root, to become another user")
    os.chown(c.dir, NOBODY, NOBODY)


def case_24_blocking_given_to_another_user(c):
    # The pipe belongs to root: it cannot be opened anew, and its mode has to be left alone.
    as_another_user(c)
    chain_beside_waiting_tasks(c)

    c.fresh()
    c.under(1, peer=["--thief", 500 * c.slow, "--uid", NOBODY]).ended().quiet().balanced()
    equal(len(c.spans()), 22, "tasks that ran")
    check_no_gap(c, 250 * c.slow)


def case_25_steal_race(c):
    for k in range(8):
        c.write(f"r{k}/workflow.ax.yaml", "tasks:\n" + "".join(
            f"  - {{name: t{i}, run: {c.span(f'{k}.{i}', 5 + (i * 7 + k) % 11)}}}\n" for i in range(25)))
    ax = shlex.quote(c.axmake)
    command = "".join(f"(cd r{k} && {ax} >log 2>&1; echo $? >rc) & " for k in range(8)) + "wait"
    c.under(3, command=command).ended().balanced()
    for k in range(8):
        with open(c.path(f"r{k}", "rc")) as rc, open(c.path(f"r{k}", "log")) as log:
            equal(rc.read(), "0\n", f"exit status of number {k}, {log.read()}")
        mine = [s for s in c.spans() if s[2].startswith(f"{k}.")]
        equal(len(mine), 25, f"tasks of number {k}")
        check(overlap(mine) <= 4, f"number {k} ran {overlap(mine)} at one moment")
    check(overlap(c.spans()) <= 3 + 8, f"{overlap(c.spans())} at one moment with 3 tokens and 8 clients")


def case_26_wakeup(c):
    c.fresh()
    c.workflow({"long": c.span("x", 1200), "next": c.span("x", 20)})
    r = c.under(0, peer=["--add", 400]).ended().quiet().balanced()
    spans = sorted(c.spans())
    equal(len(spans), 2, "tasks that ran")
    late = (spans[1][0] - r.report["added_ns"]) / 1e6
    check(late > 0, "started before the token came")
    in_time(late < 100, f"started {late:.0f} ms after the token came")


def case_27_no_hoard(c):
    c.workflow({"a": c.span("a", 300), "b": c.span("b", 300), "c": {"run": c.span("c", 500), "dependencies": ["a", "b"]}})
    r = c.under(5).ended().balanced()
    check(r.fewest_free() >= 4, f"only {r.fewest_free()} of 5 tokens free with two tasks ready")
    begin = (c.span_of("c")[0] - r.report["start_ns"]) / 1e6
    r.free_between(begin + 20, begin + 400, 5, "while one task runs")


def case_27_no_token_while_a_retry_waits(c):
    c.workflow({"a": {"run": "exit 1", "retry": {"attempts": 2, "delay": "600ms"}}, "b": {"run": "exit 1", "retry": {"attempts": 2, "delay": "600ms"}}})
    r = c.under(3, "-k").ended(2).balanced()
    r.free_between(350, 550, 3, "while both wait for their next try")


def case_28_lock_order(c):
    c.many(4, 250)
    holder = c.start([c.axmake, "-j1"])
    c.wait_for(lambda: os.path.exists(c.path(".axmake", "lock")), "the lock")
    time.sleep(0.1)
    r = c.under(3, "-B").balanced()
    c.finish(holder).ended()
    ended = sorted(c.spans())[3][1]
    waited = (ended - r.report["start_ns"]) / 1e6
    check(waited > 300, f"it did not wait for the lock ({waited:.0f} ms)")
    r.free_between(0, waited - 50, 3, "while it waits for the lock")
    equal(len(c.spans()), 8, "tasks that ran")


def case_29_j_override(c):
    c.many(10, 60)
    r = c.under(3, "-j5").ended().balanced().has(BELOW + "warning: -j5 forced in submake: resetting jobserver mode.")
    equal(r.fewest_free(), 3, "the parent's tokens")
    c.overlaps(5, 10)
    c.fresh()
    r = c.under(3, "-j1").ended().balanced().quiet()
    equal(r.fewest_free(), 3, "the parent's tokens")
    c.overlaps(1, 10)
    c.fresh()
    c.under(3, AXMAKEFLAGS="-j2").ended().balanced().quiet()
    c.overlaps(4, 10)


def case_30_load_limit_of_make(c):
    # As for make, the -l of MAKEFLAGS is the child's too; no token is held while the load is too high.
    c.many(6, 60)
    c.under(3, peer=["--makeflags", f" -j4 -l99999 {PIPE}"]).ended().quiet().balanced()
    c.overlaps(4, 6)
    c.fresh()
    r = c.under(3, peer=["--makeflags", f" -j4 -l0 {PIPE}"]).ended().quiet().balanced()
    c.overlaps(1, 6)
    equal(r.fewest_free(), 3, "the parent's tokens")


def case_41_make_parent(c):
    c.write("a/workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: t{i}, run: {c.span(f'a{i}', 60)}}}\n" for i in range(6)))
    c.write("b/workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: t{i}, run: {c.span(f'b{i}', 60)}}}\n" for i in range(6)))
    ax = shlex.quote(c.axmake)
    c.write("Makefile", f"all: a b c\na b:\n\t+@{ax} -C $@\nc:\n\t@{c.span('c', 60)}\n.PHONY: a b\n")
    c.run(["make", "-j4"]).ended().quiet()
    c.overlaps(4, 13)


def case_41_make_parent_without_plus(c):
    c.many(4, 50)
    c.write("Makefile", f"all:\n\t@{shlex.quote(c.axmake)}\n")
    c.run(["make", "-j4"]).ended().has(BELOW + UNAVAILABLE + "  Add '+' to parent make rule.").lacks("INTERNAL")
    c.overlaps(1, 4)


def case_42_no_proc(c):
    if os.geteuid() != 0:
        raise Skipped("needs root, for a mount namespace")
    with open(c.axmake, "rb") as f:
        if b"__asan_init" in f.read():
            raise Skipped("the address sanitizer itself needs /proc")
    with open("/proc/self/mountinfo") as f:
        if not any(line.split()[4] == "/" for line in f):
            raise Skipped("the root is no mount point (a chroot), so no mount can be hidden from it")
    c.many(8, 60)
    c.under(3, peer=["--no-proc"]).ended().balanced().lacks("jobserver")
    c.overlaps(4, 8)


def case_43_suspend(c):
    # Stopped like any job of a terminal: it keeps what it holds, and goes on afterwards.
    c.many(6, 200)
    command = f"{shlex.quote(c.axmake)} & sleep 0.3; kill -STOP $!; sleep 0.5; kill -CONT $!; wait $!"
    c.under(2, command=command).ended().balanced()
    c.overlaps(3, 6)


def case_44_child_takes_tokens_itself(c):
    c.workflow({"client": c.take(2, 150, f"spans={c.spans_file}"), **{f"t{i}": c.span(f"t{i}", 50) for i in range(10)}})
    c.under(3).ended().quiet().balanced()
    check(overlap(c.spans()) <= 4, f"{overlap(c.spans())} at one moment")
    equal(len(c.spans()), 13, "stretches")


def case_44_killed_child_gives_back_as_make43(c):
    c.workflow({"client": {"run": "exec " + c.take(2, 20000), "timeout": "300ms"}, "t": c.span("t", 50)})
    c.under(3, "-k").ended(2).balanced()


def case_44_interrupt_lets_children_give_back(c):
    held = c.path("held")
    c.workflow({"client": "exec " + c.take(2, 20000, f"held={held}"), "t": "sleep 20"})
    # Not SIGINT: a shell starts its background jobs with that ignored, and what was ignored stays so.
    command = f"{shlex.quote(c.axmake)} & while ! test -e {held}; do sleep 0.02; done; kill -TERM $!; wait $!"
    r = c.under(3, command=command)
    equal(r.rc, 128 + signal.SIGTERM, "exit status of the shell")
    r.balanced()


def case_45_fifo_client_hands_it_on(c):
    c.workflow({"a": c.take(2, 50, f"spans={c.spans_file}"), "b": "printf %s \"$MAKEFLAGS\" >flags"})
    c.under(3, peer=["--fifo", c.path("f"), "--makeflags", " -j4 --jobserver-auth=fifo:@F"]).ended().quiet().balanced()
    with open(c.path("flags")) as f:
        equal(f.read(), f" -j4 --jobserver-auth=fifo:{c.path('f')}", "MAKEFLAGS of a task")
    equal(len(c.spans()), 3, "slots of the client")


def case_46_slots_taken_together(c):
    # As wide tasks take it: each span of a task with `slots: 2` stands for two.
    two = lambda name: c.span(name, 60) + " & " + c.span(name + "b", 60) + " & wait"
    c.workflow({**{f"w{i}": {"run": two(f"w{i}"), "slots": 2} for i in range(4)}, **{f"t{i}": c.span(f"t{i}", 60) for i in range(4)}})
    c.under(2).ended().quiet().balanced()
    check(overlap(c.spans()) <= 3, f"{overlap(c.spans())} slots at one moment, 3 allowed")
    equal(len(c.spans()), 12, "stretches")


def case_46_more_slots_than_the_parent_has(c):
    c.workflow({f"t{i}": {"run": c.span(f"t{i}", 40), "slots": 50} for i in range(3)})
    for peer in ((), ("--makeflags", f" -j {PIPE}")):
        c.fresh()
        c.under(2, peer=peer).ended().quiet().balanced()
        c.overlaps(1, 3)


def case_47_two_that_want_the_same_tokens(c):
    # Three of four slots each: neither may keep the other from it for ever.
    for name in "ab":
        c.write(f"{name}/workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: t{i}, slots: 3, run: {c.span(f'{name}{i}', 40)}}}\n" for i in range(5)))
    ax = shlex.quote(c.axmake)
    c.under(3, command=f"{ax} -s -C a & {ax} -s -C b; wait").ended().balanced()
    equal(len(c.spans()), 10, "tasks that ran")


CASES = {name[5:]: fn for name, fn in sorted(globals().items()) if name.startswith("case_")}
