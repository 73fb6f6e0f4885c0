#!/usr/bin/env python3
"""Executors against what they are for: other machines by ssh (sshd on this one's loopback), containers. What is not installed is skipped, and said so."""

import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
from containers import Docker, Podman, Rootless  # pylint: disable=wrong-import-position
from machines import Machines  # pylint: disable=wrong-import-position
from suite import check, edit, equal, read, run_cases, write  # pylint: disable=wrong-import-position

RULES = "[executor ssh]\nhosts = one two\n"
NASTY = "a 'b' \"c\" $d `e` \\f ! * ? ~ # ü\n\n  tab\there \\"


def work(box, tasks, rules=RULES):
    write(box.path("w", "workflow.ax.yaml"), "defaults: {executor: ssh}\ntasks:\n" + tasks)
    write(box.path("w", "axmake.ini"), rules)
    return box.path("w")


def wait_for(what, limit_s=20):
    end = time.monotonic() + limit_s
    while not what():
        check(time.monotonic() < end, "it did not come to it in time")
        time.sleep(0.05)


def alive(words):
    """Processes whose command line is exactly that."""
    return subprocess.run(["pgrep", "-x", "-f", words], stdout=subprocess.PIPE, check=False).stdout.split()


def start(box, at, line, **env):
    return subprocess.Popen(["axmake", *line.split()], cwd=at, env={**box.env, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def ssh_hands_on_words_variables_and_standard_input(box):
    """Every byte of a script, a prompt and a variable arrives, keys are on no command line, and the folder is the root."""
    with Machines(box, "one", "two"):
        prompt = NASTY * 20000
        write(box.path("w", "prompt"), prompt)
        write(box.path("w", "script.sh"), "")
        at = work(
            box,
            """  - name: script
    run: |
      printf '%s' "$N" > n; printf '%s' "it's \\"$V\\" \\`so\\` \\\\ \\$HOME" > quoted; pwd > where; echo "$AX_TASK|$AX_OUTPUTS|$COUNTED|$NOT_SENT" > vars
      grep -al "secret[-]value" /proc/[0-9]*/cmdline > shown || :
      grep -al "secret[-]value" /proc/[0-9]*/environ > there || :
      echo out; echo err >&2
    outputs: [n, quoted, where, vars, shown, there]
    env: {N: "${nasty}"}
    env_inputs: [COUNTED]
  - {name: agent, agent: echo, task_file: prompt}
""",
            RULES + "[agent echo]\nprovider = mine\nrole =\n[provider mine]\ncommand = sh -c 'cat; printf %s \"$MY_KEY\"'\nkey_env = MY_KEY\n",
        )
        workflow = read(box.path("w", "workflow.ax.yaml"))
        write(box.path("w", "workflow.ax.yaml"), "vars: {V: v v, nasty: " + repr_yaml(NASTY) + "}\n" + workflow)
        done = box.call("axmake", at, COUNTED="counted", NOT_SENT="x", MY_KEY="secret-value-of-mine").ok()
        equal(read(os.path.join(at, "n")), NASTY)
        equal(read(os.path.join(at, "quoted")), 'it\'s "v v" `so` \\ $HOME')
        equal(read(os.path.join(at, "where")), at + "\n")
        equal(read(os.path.join(at, "vars")), "script|n\nquoted\nshown\nthere\nvars\nwhere|counted|\n".replace("n\nquoted\nshown\nthere\nvars\nwhere", "\n".join(sorted(["n", "quoted", "where", "vars", "shown", "there"]))))
        equal(read(os.path.join(at, "shown")), "")
        answer = box.call("axmake --result agent", at).ok().text
        check(answer.rstrip("\n") == (prompt + "secret-value-of-mine").rstrip("\n"), "the prompt did not arrive as it is", len(answer), len(prompt))
        check("out\n" in done.text and "err\n" in done.text, done.text)
        box.call("axmake -q", at, COUNTED="counted").ok()


def repr_yaml(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def ssh_tells_exit_statuses(box):
    """255 is what ssh itself ends with when it fails; a task that ends so has failed by itself."""
    with Machines(box, "one", "two"):
        at = work(box, "".join(f"  - {{name: s{n}, run: 'echo x >> runs{n}; exit {n}'}}\n" for n in (1, 7, 126, 127, 130, 255)) + "  - {name: killed, run: 'kill -9 $$'}\n")
        seen = box.call("axmake -k -j4", at)
        equal(seen.status, 2)
        for n in (1, 7, 126, 127, 130, 255):
            check(f": s{n}] Error {n}\n" in seen.text, seen.text)
            equal(read(os.path.join(at, f"runs{n}")), "x\n")
        check(": killed] Killed (crash)\n" in seen.text, seen.text)


def ssh_leaves_nothing_after_a_timeout_or_ctrl_c(box):
    with Machines(box, "one", "two"):
        at = work(box, "  - {name: late, run: 'trap \"touch told; exit\" TERM; sleep 81.25 & wait', timeout: 2s}\n  - {name: stopped, run: 'touch begun; sleep 81.5'}\n")
        seen = box.call("axmake late", at)
        check("Timeout after 2s" in seen.text and "may still run" not in seen.text, seen.text)
        equal(alive("sleep 81.25"), [])
        check(os.path.exists(os.path.join(at, "told")), "its SIGTERM did not come", seen.text)
        p = start(box, at, "stopped")
        wait_for(lambda: os.path.exists(os.path.join(at, "begun")))
        p.send_signal(signal.SIGINT)
        out, _ = p.communicate(timeout=30)
        equal(p.returncode, -signal.SIGINT)
        equal(alive("sleep 81.5"), [], out)


def ssh_cancels_what_a_killed_axmake_left(box):
    with Machines(box, "one", "two"):
        at = work(box, "  - {name: left, run: 'touch begun; sleep 82.25'}\n  - {name: other, run: echo other}\n")
        p = start(box, at, "left")
        wait_for(lambda: os.path.exists(os.path.join(at, "begun")))
        p.kill()
        p.communicate()
        seen = box.call("axmake other", at).ok()
        check("cancelled 1 command that executors may still have run" in seen.text, seen.text)
        equal(alive("sleep 82.25"), [])


def ssh_goes_to_another_host_when_one_is_lost(box):
    """The connection breaks in the middle: what still runs there is ended, the task runs elsewhere and has all its tries."""
    with Machines(box, "one", "two") as m:
        at = work(box, "  - {name: t, run: 'echo x >> runs; [ -e go ] || { touch go; sleep 83.25; }; echo done > out', outputs: [out]}\n")
        p = start(box, at, "t")
        wait_for(lambda: os.path.exists(os.path.join(at, "go")))
        m.stop("one")
        out = p.communicate(timeout=60)[0].decode()
        equal(p.returncode, 0, out)
        equal(read(os.path.join(at, "runs")), "x\nx\n", out)
        check("executor 'ssh' lost it" in out and "no failure of its own" in out, out)
        for pid in alive("sleep 83.25"):  # that host cannot be reached to end it
            os.kill(int(pid), signal.SIGKILL)
        check("may still run it" in out, out)


def ssh_spreads_tasks_over_its_hosts(box):
    with Machines(box, "one", "two"):
        at = work(box, "  - {name: t, matrix: {k: [" + ", ".join(map(str, range(24))) + "]}, run: 'echo ${SSH_CONNECTION##* } > out$k; sleep 0.3', outputs: ['out${k}']}\n", RULES + "max_concurrent = 8\n")
        box.call("axmake -j1", at).ok()
        ports = [read(os.path.join(at, f"out{k}")) for k in range(24)]
        equal(len(set(ports)), 2)
        check(abs(ports.count(ports[0]) - 12) <= 3, ports)


def ssh_carries_files_where_the_root_is_not_shared(box):
    """Megabytes there and back; a connection that breaks in the middle is a lost try, and the far side keeps nothing."""
    with Machines(box, "one", "two") as m:
        before = set(os.listdir("/tmp"))
        at = work(
            box,
            "  - {name: t, inputs: [big], run: 'mkdir out; cat big big > out/twice; cat /proc/sys/kernel/random/boot_id > out/where; pwd > out/folder', outputs: [out/]}\n"
            "  - {name: cut, inputs: [big], run: 'echo x >> AT/runs; cat big > made; [ -e AT/go ] || { touch AT/go; sleep 3; }', outputs: [made]}\n".replace("AT", box.path("w")),
            RULES + "shared_root = no\n",
        )
        with open(box.path("w", "big"), "wb") as f:
            f.write(os.urandom(8 << 20))
        box.call("axmake t", at).ok()
        with open(os.path.join(at, "big"), "rb") as f, open(os.path.join(at, "out/twice"), "rb") as g:
            check(f.read() * 2 == g.read(), "what came back is not what was made")
        check(read(os.path.join(at, "out/folder")).strip() != at, "it ran in the root itself")
        p = start(box, at, "cut")
        wait_for(lambda: os.path.exists(os.path.join(at, "go")))
        check(not os.path.exists(os.path.join(at, "made")), "half an output is seen")
        m.break_connections("one")
        m.break_connections("two")
        out = p.communicate(timeout=60)[0].decode()
        equal(p.returncode, 0, out)
        check("lost it" in out, out)
        equal(os.path.getsize(os.path.join(at, "made")), 8 << 20)
        wait_for(lambda: not [n for n in set(os.listdir("/tmp")) - before if n.startswith("axmake-elsewhere")])


def an_executor_that_always_loses_is_given_up(box):
    at = work(box, "  - {name: t, run: 'echo x >> runs; kill -9 $PPID; sleep 1', executor: lossy}\n", RULES + "[executor lossy]\nwrap = env\n")
    seen = box.call("axmake", at)
    equal(seen.status, 2)
    equal(seen.text.count("no failure of its own"), 5, seen.text)
    check(": t] lost: executor 'lossy' lost it" in seen.text, seen.text)
    equal(read(os.path.join(at, "runs")), "x\n" * 6)


def _runs_scripts_and_agents(box, containers):
    """In the image's own system, with the root under its own path; keys are on no command line."""
    with containers(box) as c:
        at = work(
            box,
            """  - {name: script, run: 'cat /etc/inside > inside; pwd >> inside; printf "%s" "$N" > n; echo "$COUNTED|$NOT_SENT"; exec cat > rest', outputs: [inside, n, rest], env: {N: "${nasty}"}, env_inputs: [COUNTED], slots: 2}
  - {name: agent, agent: echo, task: "Say   'this'", dependencies: [script]}
  - {name: seven, run: exit 7}
  - {name: killed, run: kill -9 $$}
default: [agent]
""",
            f"[executor {c.name}]\nimage = axtest:1\n[agent echo]\nprovider = mine\nrole =\n[provider mine]\ncommand = sh -c 'cat; printf %s \"$MY_KEY\"'\nkey_env = MY_KEY\n",
        )
        write(box.path("w", "workflow.ax.yaml"), "vars: {nasty: " + repr_yaml(NASTY) + "}\n" + read(box.path("w", "workflow.ax.yaml")).replace("ssh", c.name))
        done = box.call("axmake", at, COUNTED="counted", NOT_SENT="x", MY_KEY="secret-value-of-mine").ok()
        equal(read(os.path.join(at, "inside")), "in the container\n" + at + "\n")
        equal(read(os.path.join(at, "n")), NASTY)
        check("counted|\n" in done.text, done.text)
        equal(box.call("axmake --result agent", at).ok().text.rstrip("\n"), "Say   'this'secret-value-of-mine")
        seen = box.call("axmake -k seven killed", at)
        check(": seven] Error 7\n" in seen.text and ": killed] Killed (crash)\n" in seen.text, seen.text)
        equal(c.left(), [])


def _leaves_no_container(box, containers):
    """After a time-out, Ctrl-C, and by the run after a killed one."""
    with containers(box) as c:
        at = work(box, "  - {name: late, run: 'trap \"touch told; exit\" TERM; sleep 84.25 & while :; do sleep 0.1 || :; done', timeout: 2s}\n  - {name: stopped, run: 'touch begun; sleep 84.25'}\n  - {name: other, run: echo other}\n", f"[executor {c.name}]\nimage = axtest:1\n")
        edit(box.path("w", "workflow.ax.yaml"), "ssh", c.name)
        seen = box.call("axmake late", at)
        check("Timeout after 2s" in seen.text and "may still run" not in seen.text, seen.text)
        check(os.path.exists(os.path.join(at, "told")), "its SIGTERM did not come", seen.text)
        equal(c.left(), [])
        for how in (signal.SIGINT, signal.SIGKILL):
            p = start(box, at, "stopped")
            wait_for(lambda: os.path.exists(os.path.join(at, "begun")))
            p.send_signal(how)
            out = p.communicate(timeout=30)[0].decode()
            os.remove(os.path.join(at, "begun"))
            if how == signal.SIGKILL:
                out = box.call("axmake other", at).ok().text
                check("cancelled 1 command" in out, out)
            equal(c.left(), [], out)


def podman_runs_scripts_and_agents(box):
    _runs_scripts_and_agents(box, Podman)


def podman_leaves_no_container(box):
    _leaves_no_container(box, Podman)


def podman_without_root_runs_scripts_and_agents(box):
    _runs_scripts_and_agents(box, Rootless)
    if os.geteuid() == 0:
        equal({os.stat(box.path("w", name)).st_uid for name in ("inside", "n", "rest")}, {65534})


def podman_without_root_leaves_no_container(box):
    _leaves_no_container(box, Rootless)


def docker_runs_scripts_and_agents(box):
    _runs_scripts_and_agents(box, Docker)


def docker_leaves_no_container(box):
    _leaves_no_container(box, Docker)


CASES = [
    podman_runs_scripts_and_agents,
    podman_leaves_no_container,
    podman_without_root_runs_scripts_and_agents,
    podman_without_root_leaves_no_container,
    docker_runs_scripts_and_agents,
    docker_leaves_no_container,
    ssh_hands_on_words_variables_and_standard_input,
    ssh_tells_exit_statuses,
    ssh_leaves_nothing_after_a_timeout_or_ctrl_c,
    ssh_cancels_what_a_killed_axmake_left,
    ssh_goes_to_another_host_when_one_is_lost,
    ssh_spreads_tasks_over_its_hosts,
    ssh_carries_files_where_the_root_is_not_shared,
    an_executor_that_always_loses_is_given_up,
]

if __name__ == "__main__":
    sys.exit(run_cases(CASES))
