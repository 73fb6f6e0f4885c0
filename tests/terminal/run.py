#!/usr/bin/env python3
"""What a person sees: axmake in a real terminal (tmux), by what stands on its screen.

    python3 tests/terminal/run.py --axmake ./axmake [PART OF A CASE'S NAME...]

Screens are compared as wholes, without spaces at ends of lines and empty lines at the end; [[…]] encloses a regular expression, as in tests/cli.
"""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import suite  # noqa: E402
import views  # noqa: E402
from suite import check  # noqa: E402
from terminal import PATIENCE_S, Terminal, cli, workflow  # noqa: E402

WAIT = 'until [ -e {0} ]; do sleep 0.02; done'


def running_tasks_stand_below_what_scrolls(box):
    """Name, agent, time and last line of each, and a summary; when all is over nothing of it is left."""
    workflow(
        box,
        [
            f"""{{name: design, run: "echo first; {WAIT.format('a')}; echo designed"}}""",
            f"""{{name: api, run: "echo one; printf 'tw'; printf 'o\\n'; {WAIT.format('b')}", dependencies: [design]}}""",
            """{name: docs, agent: writer, task: "Write\\n", dependencies: [design]}""",
        ],
        axmake_ini="[axmake]\nprovider = mine\n[provider mine]\ncommand = sh -c 'cat; echo thinking; " + WAIT.format("c") + "; echo written'\n[agent writer]\nrole =\n",
    )
    with Terminal(box) as t:
        t.type("axmake -j4")
        t.shows("""
$ axmake -j4
design  run   [[\\d:\\d\\d]]  first
0/3 done  1 running
""")
        t.go("a")
        t.shows("""
$ axmake -j4
[1/3] design: $ echo first; until [ -e a ]; do sleep 0.02; done; echo desig…
first
designed
[1/3] design: done in [[TIME]]
docs  agent writer via mine   [[\\d:\\d\\d]]  thinking
api   run                     [[\\d:\\d\\d]]  two
1/3 done  2 running[[.*]]
""")
        t.go("b")
        t.go("c")
        t.wait(r"^\$$")
        check("running" not in t.screen(), t.screen())
        check(re.search(r"^axmake: 3 tasks done in ", t.screen(), re.MULTILINE), t.screen())


def a_narrow_terminal_is_kept_to(box):
    workflow(
        box,
        [
            f"""{{name: a-task-with-a-long-name, run: "echo and a line of output that is longer; {WAIT.format('a')}; exit 3"}}""",
            f"""{{name: b, run: "echo short; {WAIT.format('a')}"}}""",
        ],
    )
    with Terminal(box, 40, 20) as t:
        t.type("axmake -k")
        t.shows("""
$ axmake -k
a-task-with-…   [[\\d:\\d\\d]]  and a line of ou…
b               [[\\d:\\d\\d]]  short
0/2 done  2 running
""")
        t.go("a")
        seen = t.wait(r"tries again")
        rows = [line for line in seen.split("\n") if re.search(r"^  \S.*(failed|done) ", line)]
        check(len(rows) == 2 and all(len(line) < 40 for line in rows), *rows)
        check("declares no outputs" not in seen, seen)


def the_table_at_the_end_keeps_to_the_terminal(box):
    """Each row is a line: with all that is known of it where there is room, and in a narrow terminal with what it was and why."""
    ini = "[provider mine]\ncommand = sh agent.sh\nprompt = stdin\nresult = jsonl:/answer\ninput_tokens = jsonl:/in\noutput_tokens = jsonl:/out\ncost_usd = jsonl:/usd\n[agent a]\nprovider = mine\nrole =\n"
    agent = """case $(cat) in bad) echo 'no luck with this one' >&2; exit 3 ;; *) echo '{"answer": "fine", "in": 4700, "out": 300, "usd": 0.25}' ;; esac\n"""
    workflow(
        box,
        ["{name: design, agent: a, task: well, always: true}", "{name: backend, agent: a, task: bad, retry: {attempts: 2, delay: 10ms}}", "{name: ship-to-all-the-world, run: ':', dependencies: [backend]}"],
        axmake_ini=ini, agent_sh=agent,
    )
    goldens = {
        110: """
  backend                failed   [[TIME]]  2 tries                          no luck with this one
  ship-to-all-the-world  not run                                          because of backend
  design                 done     [[TIME]]           4700+300 tokens  $0.25  declares no outputs: unchecked
""",
        60: """
  backend               failed   [[TIME]]  2 tries  no luck w…
  ship-to-all-the-wor…  not run                  because o…
  design                done     [[TIME]]           declares …
""",
        40: """
  backend        failed   no luck with…
  ship-to-all-…  not run  because of b…
  design         done     declares no …
""",
        24: """
  backend   failed   n…
  ship-to…  not run  b…
  design    done     d…
""",
    }
    for columns, golden in goldens.items():
        with Terminal(box, columns, 40) as t:
            t.type("clear; axmake -k -j1 2>/dev/null")
            seen = t.wait(r"^axmake: 1 failed[\s\S]*^\$ ?$").split("\n")
            at = next(i for i, line in enumerate(seen) if line.startswith("  backend"))
            rows = "\n".join(seen[at : at + 3]) + "\n"
            check(cli.Wanted(golden.lstrip("\n"), t.folder).matches(rows), columns, rows, golden)
            check(seen[at + 3].startswith("axmake: 1 failed"), columns, *seen)
        os.unlink(box.path("socket"))


def a_wide_terminal_is_used(box):
    name, text = "a-name-of-thirty-five-characters-ab", "a line of output that goes on until the terminal ends, " * 4
    workflow(box, [f"""{{name: {name}, run: "echo '{text}'; {WAIT.format('a')}; exit 3"}}""", f"""{{name: b, run: "echo short; {WAIT.format('a')}", dependencies: []}}"""])
    with Terminal(box, 200, 20) as t:
        t.type("axmake -k")
        t.shows("""
$ axmake -k
a-name-of-thirty-five-chara…  run   [[\\d:\\d\\d]]  a line of output that goes on until the terminal ends, a line of output that goes on until the terminal ends, a line of output that goes on until the termin…
b                             run   [[\\d:\\d\\d]]  short
0/2 done  2 running
""")
        t.go("a")
        seen = t.wait(r"tries again")
        check(all(len(line) <= 200 for line in seen.split("\n")), seen)
        check(f"  {name}  failed  " in seen, seen)


def another_size_is_taken_up(box):
    workflow(box, [f"""{{name: t{i}, run: "echo a line of output of task number {i}; {WAIT.format('a')}"}}""" for i in range(4)])
    with Terminal(box, 100, 12) as t:
        t.type("axmake -j4")
        t.wait(r"number 3\n4?0/4 done")
        t.resize(30, 8)
        t.shows("""
t0   [[\\d:\\d\\d]]  a line of output …
t1   [[\\d:\\d\\d]]  a line of output …
t2   [[\\d:\\d\\d]]  a line of output …
t3   [[\\d:\\d\\d]]  a line of output …
0/4 done  4 running
""")
        t.resize(100, 12)
        t.wait(r"^t3  run   \d:\d\d  a line of output of task number 3\n0/4 done  4 running$")
        times = []
        for columns in (30, 100) * 3:  # a frame comes for it; the next one for the clock is nearly a second away, since one has just come
            begin = time.monotonic()
            t.resize(columns, 12)
            t.wait(r"^t3   \d:\d\d  a line of output …\n0/4 done  4 running$" if columns == 30 else r"^t3  run   \d:\d\d  a line of output of task number 3\n0/4 done  4 running$")
            times.append(time.monotonic() - begin)
            check(sum(line.startswith("t3 ") for line in t.screen().split("\n")) == 1, t.screen())
        check(min(times[1:]) < 0.6, times)
        t.go("a")
        t.wait(r"4 tasks done")
        check("running" not in t.screen(), t.screen())


def few_rows_and_many_tasks(box):
    """The tasks wait for a fifo, so that none of the 300 takes processor time: who looks every 20 ms, 300 times over, leaves none for the terminal."""
    workflow(box, [f"""{{name: t{i}, run: ": < a"}}""" for i in range(300)])
    os.mkfifo(box.path("w", "a"))
    with Terminal(box, 60, 5) as t:
        t.type("axmake -j300")
        t.shows("""
$ axmake -j300
t0  run   [[\\d:\\d\\d]]
t1  run   [[\\d:\\d\\d]]
… and 298 more
0/300 done  300 running
""")
        t.resize(60, 4)
        t.shows("""
$ axmake -j300
t0  run   [[\\d:\\d\\d]]
… and 299 more
0/300 done  300 running
""")
        t.resize(60, 2)
        t.wait(r"^0/300 done  300 running$")
        t.resize(60, 10)
        t.wait(r"^… and 293 more$")
        t.go("a")
        t.wait(r"300 tasks done")


def wide_and_combining_characters(box):
    workflow(box, [f"""{{name: "漢字の仕事", run: "echo '🙂🙂 e\u0301te\u0301 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字'; {WAIT.format('a')}"}}""", f"""{{name: b, run: "{WAIT.format('a')}"}}"""])
    with Terminal(box, 50, 10) as t:
        t.type("axmake")
        t.wait(r"0/2 done  2 running$")
        seen = t.screen().split("\n")
        check(re.match(r"漢字の仕事   \d:\d\d", seen[1]) and seen[1].endswith("…") and "e\u0301te\u0301" in seen[1], *seen)
        check(re.match(r"b {12}\d:\d\d$", seen[2]), *seen)
        t.go("a")
        t.wait(r"2 tasks done")


def what_is_wider_than_thought_makes_no_second_row(box):
    """Terminals differ in the columns of some characters (this one has two where others have one): such a line is cut, and frame after frame nothing of the block is left above it."""
    workflow(box, ["""{name: a, run: "for i in 1 2 3 4 5 6; do echo $i """ + "㉈" * 50 + f"""; sleep 0.3; done; {WAIT.format('a')}"}}""", f"""{{name: b, run: "{WAIT.format('a')}"}}"""])
    with Terminal(box, 40, 10) as t:
        t.type("axmake")
        seen = t.wait(r"^a +\d:\d\d  6 ㉈+").rstrip("\n").split("\n")
        check(len(seen) == 4 and seen[0] == "$ axmake" and re.match(r"a   \d:\d\d", seen[1]) and re.match(r"b   \d:\d\d$", seen[2]) and seen[3] == "0/2 done  2 running", *seen)
        check(t.asks("#{wrap_flag}") == "1", "lines are broken again between frames")
        t.go("a")
        t.wait(r"2 tasks done")


def what_tasks_print_does_not_steer(box):
    text = "\\\\033[32mgreen\\\\033[0m \\\\033[2J\\\\033[5Aup\\\\007 \\\\033]0;title\\\\007 end"
    workflow(box, [f"""{{name: bad, run: "printf '{text}'; {WAIT.format('a')}"}}"""])
    with Terminal(box) as t:
        t.type("axmake")
        t.shows("""
$ axmake
bad  run   [[\\d:\\d\\d]]  green up\\a  end
0/1 done  1 running
""")
        t.go("a")
        t.wait(r"^green \\x1b\[2J\\x1b\[5Aup")


def a_progress_bar_shows_its_last_state(box):
    workflow(box, [f"""{{name: bar, run: "printf '10%%\\\\r50%%\\\\r99%%\\\\r'; {WAIT.format('a')}"}}"""])
    with Terminal(box) as t:
        t.type("axmake")
        t.wait(r"^bar  run   \d:\d\d  99%$")
        t.go("a")


def what_is_typed_leaves_nothing_behind(box):
    """Enter moves the cursor: the block goes back to its place, what scrolled stays, and the shell gets what was typed."""
    workflow(box, [f"""{{name: t{i}, run: "echo line of {i}; {WAIT.format('a')}"}}""" for i in range(3)] + ["{name: q, run: 'echo done before'}"])
    block = """
$ axmake -j4
[4/4] q: $ echo done before
done before
[4/4] q: done in [[TIME]]
t0  run   [[\\d:\\d\\d]]  line of 0
t1  run   [[\\d:\\d\\d]]  line of 1
t2  run   [[\\d:\\d\\d]]  line of 2
1/4 done  3 running
"""
    with Terminal(box) as t:
        t.type("axmake -j4")
        t.shows(block)
        for _ in range(3):
            t.key("Enter")
            time.sleep(0.3)
        time.sleep(1.2)  # a frame later nothing else is there either
        t.shows(block)
        t.type("echo typed; echo ahead")
        time.sleep(1.2)
        t.shows(block)
        t.key("-l", "echo half")
        time.sleep(1.2)
        t.shows(block)
        t.go("a")
        seen = t.wait(r"^ahead$")
        check("running" not in seen and "typed\nahead\n" in seen, seen)


def ctrl_z_leaves_a_clean_screen(box):
    workflow(box, [f"""{{name: a, run: "echo hello; {WAIT.format('a')}"}}"""])
    with Terminal(box) as t:
        t.type("axmake")
        t.wait(r"^0/1 done  1 running$")
        t.key("C-z")
        seen = t.wait(r"Stopped[^$]*^\$$")
        check("running" not in seen, seen)
        check(t.asks("#{cursor_flag} #{wrap_flag} #{cursor_x}") == "1 1 2", "the cursor is behind the prompt")
        t.type("clear; fg")
        t.shows("""
[[.*]]axmake
a  run   [[\\d:\\d\\d]]  hello
0/1 done  1 running
""")
        t.go("a")
        t.wait(r"1 task done")


def in_the_background_nothing_is_drawn(box):
    workflow(box, [f"""{{name: a, run: "{WAIT.format('a')}"}}"""])
    with Terminal(box) as t:
        t.type("axmake &")
        t.type("sleep 0.5; echo $((6 * 7))")
        t.wait(r"^(\$ )?42$")  # typed ahead, it stands behind a prompt
        check("running" not in t.screen(), t.screen())
        t.go("a")
        t.wait(r"1 task done")


def ctrl_c_leaves_a_clean_screen(box):
    workflow(box, ["""{name: a, run: "echo hello; sleep 100"}"""])
    with Terminal(box) as t:
        t.type("axmake")
        t.wait(r"hello\n0/1 done  1 running$")
        t.key("C-c")
        seen = t.wait(r"interrupted[^$]*^\$$")
        check("running" not in seen, seen)


def the_cursor_is_there_on_every_way_out(box):
    """While it runs and after a normal end, a failure, Ctrl-C, SIGTERM, SIGKILL: the cursor is seen, and behind the prompt; colours, echo and line wrapping are as before."""
    ways = {"normal": ":", "failure": "exit 3", "C-c": "sleep 100", "TERM": "sleep 100", "KILL": "sleep 100"}
    for how, script in ways.items():
        workflow(box, [f"""{{name: a, run: "echo hello; {WAIT.format('a')}; {script}", always: true}}"""])
        with Terminal(box) as t:
            t.type("axmake & echo $! > pid; fg")
            t.wait(r"^0/1 done  1 running$")
            check(t.asks("#{cursor_flag}") == "1", how, "hidden while it runs")
            if script == "sleep 100":
                t.go("a")
            pid = open(box.path("w", "pid"), encoding="utf-8").read().strip()
            if how == "C-c":
                t.key("C-c")
            elif how in ("TERM", "KILL"):
                subprocess.run(["kill", f"-{how}", pid], check=True)
            else:
                t.go("a")
            t.wait(r"^Killed" if how == "KILL" else r"^\$$")
            t.type("clear; echo $((6 * 7))" if how == "KILL" else "echo $((6 * 7))")
            seen = t.wait(r"^42\n\$$").rstrip("\n").split("\n")
            asked = t.asks("#{cursor_flag} #{wrap_flag} #{insert_flag} #{origin_flag} #{cursor_x} #{cursor_y}")
            check(asked == f"1 1 0 0 2 {len(seen) - 1}", how, asked, *seen)
            check(not any(re.search(r"\d running|^a  run ", line) for line in seen), how, *seen)
        os.unlink(box.path("w", "a"))
        os.unlink(box.path("socket"))


def a_stuck_terminal_holds_nothing_up(box):
    """With the output stopped by Ctrl-S, tasks start and end as ever; what they printed comes later, whole."""
    workflow(
        box,
        [f"""{{name: a, run: "{WAIT.format('a')}; yes 0123456789 | head -n 100000; echo last of a"}}"""]
        + [f"""{{name: b{i}, run: "echo did {i}", dependencies: [a]}}""" for i in range(20)]
        + ["""{name: z, run: ": > over", after: [""" + ", ".join(f"b{i}" for i in range(20)) + "]}"],
    )
    with Terminal(box) as t:
        t.type("axmake")
        t.wait(r"^0/22 done  1 running$")
        t.key("C-s")
        t.go("a")
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(os.path.join(t.folder, "over")):
            check(time.monotonic() < end, "it waits for the terminal", t.screen())
            time.sleep(0.05)
        t.key("C-q")
        t.wait(r"^axmake: 22 tasks done")
        text = subprocess.run([*t.tmux, "capture-pane", "-p", "-S", "-"], check=True, capture_output=True, text=True).stdout
        check(all(f"did {i}\n" in text for i in range(20)) and "last of a\n" in text, text[-3000:])


def where_it_is_not_wanted(box):
    """TERM=dumb, CI, --progress=plain, -s, and below make: plain lines."""
    for how, env in (("axmake", {"TERM": "dumb"}), ("axmake", {"CI": "true"}), ("axmake --progress=plain", {}), ("axmake -s", {}), ("make -s", {})):
        workflow(box, [f"""{{name: a, run: "{WAIT.format('a')}; rm a", always: true}}"""], Makefile="all:\n\t+axmake\n")
        with Terminal(box, **env) as t:
            t.type(f"{how}; echo $((6 * 7))")
            time.sleep(0.4)
            check("running" not in t.screen(), how, env, t.screen())
            t.go("a")
            t.wait(r"^42$")
        os.unlink(box.path("socket"))


def colour_only_where_it_may(box):
    workflow(box, [f"""{{name: a, run: "{WAIT.format('a')}"}}"""])
    for env, wanted in (({}, True), ({"NO_COLOR": "1"}, False)):
        with Terminal(box, **env) as t:
            t.type("axmake")
            t.wait(r"^0/1 done  1 running$")
            text = subprocess.run([*t.tmux, "capture-pane", "-p", "-e"], check=True, capture_output=True, text=True).stdout
            check(bool(re.search("\033\\[1m0/1 done", text)) == wanted, env, repr(text))
        os.unlink(box.path("socket"))


def the_time_left_is_told_when_it_is_known(box):
    workflow(box, ["""{name: a, run: "sleep 2; [ ! -e again ] || sleep 100", env_inputs: [X]}""", """{name: b, run: "sleep 1", dependencies: [a], env_inputs: [X]}"""])
    with Terminal(box, 80, 14) as t:
        t.type("axmake -s")
        t.wait(r"^\$$")
        t.go("again")
        begin = time.monotonic()
        t.type("clear; X=2 axmake")
        t.wait(r"^0/2 done  1 running  about [23]s left$")
        shown_s = int(re.search(r"^a  run   0:0([1-9])", t.wait(r"^a  run   0:0[1-9]"), re.MULTILINE).group(1))
        check(time.monotonic() - begin >= shown_s, shown_s)
        t.key("C-c")


def frames_of(box, jobs, most=65536, pause=0.0):
    """(how often the block was drawn, seconds, all that was written) of a run in a terminal that reads at once, or so many bytes and then pauses for so many seconds."""
    pid, fd = pty.fork()
    if not pid:
        os.chdir(box.path("w"))
        env = {**os.environ, **box.env, "TERM": "xterm"}
        for name in ("CI", "MAKELEVEL"):
            env.pop(name, None)
        os.execve(box.axmake, ["axmake", jobs], env)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    begin, text = time.monotonic(), b""
    while select.select([fd], [], [], PATIENCE_S)[0]:
        try:
            piece = os.read(fd, most)
        except OSError:
            break
        text += piece
        time.sleep(pause)
    took = time.monotonic() - begin
    check(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, text)
    return len(re.findall(rb"\d+ running", text)), took, text


def it_draws_no_more_than_ten_times_a_second(box):
    workflow(box, ["""{name: a, run: "for i in $(seq 200); do echo line $i; sleep 0.01; done"}"""])
    frames, took, _ = frames_of(box, "-j2")
    check(3 <= frames <= 10 * took + 1, f"{frames} frames in {took:.1f} s")


def what_scrolls_makes_no_more_frames(box):
    """Many short tasks beside a long one: each scrolls, none draws the block anew, and all that they printed is there."""
    workflow(box, ["""{name: long, run: sleep 2}"""] + [f"""{{name: t{i}, run: "sleep 0.02; echo did {i} ."}}""" for i in range(100)])
    frames, took, text = frames_of(box, "-j3")
    check(3 <= frames <= 10 * took + 1, f"{frames} frames in {took:.1f} s")
    check(all(b"did %d .\r\n" % i in text for i in range(100)), text[-2000:])


def a_slow_terminal_gets_no_more_frames(box):
    """One that is now behind and now not, beside much that scrolls: whenever it takes some bytes again, what scrolls goes on, and no frame is drawn before its time."""
    workflow(box, ["""{name: long, run: sleep 3}"""] + [f"""{{name: t{i}, run: "sleep 0.03; seq 2000; echo did {i} ."}}""" for i in range(100)])
    frames, took, text = frames_of(box, "-j3", 4096, 0.0025)
    check(frames <= 10 * took + 1, f"{frames} frames in {took:.1f} s")
    check(all(b"did %d .\r\n" % i in text for i in range(100)) and text.count(b"\r\n2000\r\n") == 100, text[-2000:])


if __name__ == "__main__":
    if not shutil.which("tmux"):
        print("terminal: skipped: tmux is not installed\n0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    sys.exit(
        suite.run_cases(
            [
                running_tasks_stand_below_what_scrolls,
                a_narrow_terminal_is_kept_to,
                the_table_at_the_end_keeps_to_the_terminal,
                a_wide_terminal_is_used,
                another_size_is_taken_up,
                few_rows_and_many_tasks,
                wide_and_combining_characters,
                what_is_wider_than_thought_makes_no_second_row,
                what_tasks_print_does_not_steer,
                a_progress_bar_shows_its_last_state,
                what_is_typed_leaves_nothing_behind,
                ctrl_z_leaves_a_clean_screen,
                in_the_background_nothing_is_drawn,
                ctrl_c_leaves_a_clean_screen,
                a_stuck_terminal_holds_nothing_up,
                where_it_is_not_wanted,
                colour_only_where_it_may,
                the_time_left_is_told_when_it_is_known,
                the_cursor_is_there_on_every_way_out,
                views.the_graph_keeps_to_the_terminal,
                views.a_graph_of_thirty_tasks_is_read_at_a_glance,
                views.a_larger_terminal_shows_more_of_each_task,
                views.a_smaller_terminal_loses_words_and_no_lines,
                views.lists_keep_to_the_terminal,
                views.a_result_ends_its_line,
                it_draws_no_more_than_ten_times_a_second,
                what_scrolls_makes_no_more_frames,
                a_slow_terminal_gets_no_more_frames,
            ]
        )
    )
