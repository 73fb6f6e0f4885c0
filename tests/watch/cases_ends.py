"""What ends it, and what it refuses."""

import os
import pty
import shutil
import signal
import subprocess

from harness import Watch, check, equal, read, wait_for, write

# Needs a while to end well: a second signal would kill it at once.
SLOW = """\
tasks:
  - name: t
    run: |
      trap 'i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done; echo ended well > ended; exit 1' TERM
      : > begun
      while :; do sleep 0.02; done
"""


def idle_it_dies_by_the_signal(box):
    for number in (signal.SIGINT, signal.SIGTERM):
        with Watch(box, workflow="tasks:\n  - {name: t, run: echo}\n") as w:
            w.idle()
            w.ends_by(number)


def _begun(w):
    wait_for(lambda: os.path.exists(w.path("begun")), "the task has begun")


def _ended_well(w):
    equal(read(w.path("ended")), "ended well\n")
    for name in ("begun", "ended"):
        os.remove(w.path(name))


def in_a_round_its_tasks_are_ended_first(box):
    for number in (signal.SIGINT, signal.SIGTERM):
        with Watch(box, workflow=SLOW) as w:
            _begun(w)
            w.ends_by(number)
            check("interrupted" in w.text, w.text)
            _ended_well(w)


def a_signal_to_the_whole_group_counts_once(box):
    with Watch(box, workflow=SLOW) as w:
        _begun(w)
        os.killpg(w.process.pid, signal.SIGTERM)
        w.ends_by(signal.SIGTERM, send=False)
        _ended_well(w)


def ctrl_c_on_a_terminal_counts_once(box):
    write(box.path("root", "workflow.ax.yaml"), SLOW)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(box.path("root"))
        os.execve(box.axmake, [box.axmake, "--watch"], box.env)
    wait_for(lambda: os.path.exists(box.path("root", "begun")), "the task has begun")
    os.write(terminal, b"\x03")
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass
    status = os.waitpid(pid, 0)[1]
    os.close(terminal)
    check(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, status)
    equal(read(box.path("root", "ended")), "ended well\n")


def killed_it_takes_its_round_along(box):
    with Watch(box, workflow=SLOW) as w:
        _begun(w)
        w.process.kill()
        wait_for(lambda: os.path.exists(w.path("ended")), "the task was ended")
        w.ended()


def without_readers_it_ends(box):
    write(box.path("root", "in"), "1")
    write(box.path("root", "workflow.ax.yaml"), "tasks:\n  - {name: t, inputs: [in], run: cat in}\n")
    p = subprocess.Popen([box.axmake, "--watch"], cwd=box.path("root"), env=box.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "watching" not in p.stderr.readline():
        pass
    p.stdout.close()
    write(box.path("root", "in"), "2")
    err = p.stderr.read()
    equal(p.wait(60), 2, err)
    check("write error" in err, err)


def without_its_folder_it_ends(box):
    with Watch(box, workflow="tasks:\n  - {name: t, run: echo}\n") as w:
        w.idle()
        w.burst(lambda: shutil.rmtree(w.root))
        equal(w.ended(), 2, w.text)
        check("cannot watch: No such file or directory" in w.text, w.text)


def inside_a_run_of_the_same_root_it_is_an_error(box):
    write(box.path("root", "workflow.ax.yaml"), "tasks:\n  - {name: t, run: axmake --watch}\n")
    r = box.call("axmake", box.path("root"))
    equal(r.status, 2, r.text)
    check("would wait for itself" in r.text, r.text)


def what_does_not_go_with_it_is_refused(box):
    write(box.path("root", "workflow.ax.yaml"), "tasks:\n  - {name: t, run: echo}\n")
    for option in ("-n", "-q", "-t", "-B", "-W x"):
        r = box.call(f"axmake --watch {option}", box.path("root"))
        equal((r.status, r.text), (2, f"axmake: error: '--watch' does not go with '{option[:2]}'\n"))
    for option in ("--list", "--validate", "--status", "--clean"):
        r = box.call(f"axmake --watch {option}", box.path("root"))
        equal(r.status, 2, r.text)
        check(f"'--watch' and '{option}' exclude each other" in r.text, r.text)
    r = box.call("axmake", box.path("root"), AXMAKEFLAGS="--watch")
    equal(r.status, 2, r.text)
    check("AXMAKEFLAGS: error: '--watch' is nothing for AXMAKEFLAGS" in r.text, r.text)


def a_limit_on_watches_is_named(box):
    limited = "echo 3 > /proc/sys/user/max_inotify_watches && exec \"$@\""
    if not shutil.which("unshare") or box.call(f"unshare -Ur sh -c '{limited}' sh true").status:
        return
    for i in range(9):
        write(box.path("root", f"d{i}", "x"), "")
    with Watch(box, workflow="tasks:\n  - {name: t, inputs: ['**/x'], run: echo}\n", before=["unshare", "-Ur", "sh", "-c", limited, "sh"]) as w:
        equal(w.ended(), 2, w.text)
        check("cannot watch: No space left on device\n  hint: every folder takes a watch" in w.text and "fs.inotify.max_user_watches" in w.text, w.text)
