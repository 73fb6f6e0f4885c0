"""Rows of single calls: the cold start, `ax run` and many agents beside the bare program, long prompts, memory by the answer's size."""
import os
import statistics
import sys
import tempfile
import time

import graphs
from measured import Failed, medians, write
from rows import Goal, number

NULL = os.open(os.devnull, os.O_RDWR)


def cold_row(b):
    """A workflow of one task, nothing to do."""
    top, folders = b.fresh("cold"), {}
    for name in b.tools:
        folders[name] = os.path.join(top, name)
        graphs.write_graph(folders[name], name, "wide", 1)
        b.run(b.tools[name], folders[name])
        time.sleep(0.1)
        b.run(b.tools[name], folders[name])
    steps = {name: lambda name=name: b.run(b.tools[name], folders[name]) for name in b.tools}
    seen = b.rounds("cold start", b.args.many, {**steps, "true": lambda: b.run(["/bin/true"], top)})
    goals = [Goal(1, "samurai"), Goal(1.5, "true", "≤ 1.5× `/bin/true`")]
    b.row("no-op, 1 task: cold start", medians(seen, "wall"), "s", goals, ("true", "`/bin/true`"))


def spawned(b, argv, stdin=None):
    """Seconds of a whole process."""
    inside = os.open(stdin, os.O_RDONLY) if stdin else NULL
    begun = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, b.env, file_actions=[(os.POSIX_SPAWN_DUP2, inside, 0), (os.POSIX_SPAWN_DUP2, NULL, 1), (os.POSIX_SPAWN_DUP2, NULL, 2)])
    status = os.waitpid(pid, 0)[1]
    took = time.perf_counter() - begun
    if stdin:
        os.close(inside)
    if status:
        raise Failed(f"{' '.join(argv)[:200]} failed")
    return took


def beside(b, what, times, ours, bare, goal, how):
    """Both in turns; the row is of the time over the bare program: the median of the differences, pair by pair."""
    seen = b.rounds(what, times, {"axmake": ours, "bare": bare})
    over = statistics.median(x - y for x, y in zip(seen["axmake"], seen["bare"]))
    values = {name: statistics.median(v) for name, v in seen.items()}
    if goal:
        b.row(f"{what}: over the bare program", {"axmake": over * 1000, "bare": values["bare"] * 1000}, "ms", [goal], ("bare", how))
    else:
        b.row(what, values, "s", (), ("bare", how))


def forget(top):
    """Moved aside: where many files have just been removed, some file systems take ten times as long to make new ones."""
    aside = tempfile.mkdtemp(prefix="was-", dir=top)
    for name in (".axmake", ".automatosx"):
        if os.path.exists(os.path.join(top, name)):
            os.rename(os.path.join(top, name), os.path.join(aside, name))


def agent_rows(b):
    top = b.fresh("agents")
    os.chdir(top)
    write("prompt", "Design a parser")
    call = [b.ax, "run", "--provider", "offline", "backend", "Design a parser"]
    beside(b, "`ax run` on `offline`", b.args.many, lambda: spawned(b, call), lambda: spawned(b, [b.offline], "prompt"), Goal(2, None, "≤ 2 ms", "ms"), "the program")
    n = 1000 if b.args.large >= 100000 else 200
    write("axmake.ini", "[axmake]\nprovider = offline\n")
    write("workflow.ax.yaml", "tasks:\n" + "".join(f"- {{name: t{i}, agent: backend, task: Design a parser}}\n" for i in range(n)))

    def anew(jobs):
        forget(top)
        return spawned(b, [b.axmake, f"-j{jobs}", "-s"])

    beside(b, f"{number(n)} agents at -j8", b.args.rounds, lambda: anew(8), lambda: spawned(b, [b.atonce, "8", str(n), "prompt", b.offline]), None, "the program as often")
    write("long", "All of this is the prompt, line by line.\n" * (8000000 // 41))
    write("workflow.ax.yaml", "tasks:\n- {name: t, agent: backend, task_file: long}\n")
    beside(b, "a prompt of 8 MB", b.args.rounds, lambda: anew(1), lambda: spawned(b, [b.offline], "long"), None, "the program")
    answers(b, top)


BIG = "cat > /dev/null; printf %%s '%s'; head -c %d /dev/zero | tr '\\0' x; printf '%%s\\n' '%s'\n"


def answers(b, top):
    """The peak for a large answer beside that for a small one."""
    large, rows = (200 if b.args.large >= 100000 else 50), []
    write("workflow.ax.yaml", "tasks:\n- {name: t, agent: a, task: x}\n")
    for form, rule, before, behind in (("text", "", "", ""), ("in JSON", "result = jsonl:/result\nfinal = jsonl:/end\n", '{"result":"', '","end":true}')):
        write("axmake.ini", f"[provider big]\ncommand = sh big.sh\n{rule}[agent a]\nprovider = big\n")
        for what, command in (("a workflow", [b.axmake, "-B", "-s"]), ("`ax run`", [b.ax, "run", "a", "x"]), ("`ax run --json`", [b.ax, "run", "a", "x", "--json"])):
            mib = []
            for size in (1, large):
                forget(top)
                write("big.sh", BIG % (before, size * 1000000, behind))
                mib.append(b.run(command, top).mib)
            rows.append((f"memory of {what}, answer of {large} MB, {form}", mib))
    for title, (small, big) in rows:
        b.row(title, {"axmake": big, "small": small}, "MiB", [Goal(1.1, "small", "flat: ≤ 1.1×")], ("small", "of 1 MB"))
