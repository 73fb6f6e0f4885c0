#!/usr/bin/env python3
"""Much at once, and for long: memory and descriptors stay as they are, nothing is done while nothing happens, and no clock matters but the one that runs.

    python3 tests/load/run.py [--axmake ./axmake] [--long] [CASE...]

What is measured is axmake's own, as /proc has it: resident memory, descriptors, processor time. Processor time does not hang on what else the machine does.
--long: 100000 tasks, 512 at once, 10000 that wait for a provider. CASE is a part of a name.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def check(holds, *what):
    if not holds:
        raise Failed("\n".join(str(w) for w in what))


class Run:
    """axmake at work."""

    def __init__(self, box, *words, **env):
        self.said = open(box.path("said"), "w+b")
        self.began = time.monotonic()
        self.p = subprocess.Popen([box.axmake, *words], cwd=box.root, env={**box.env, **env}, stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said, start_new_session=True)

    def look(self):
        """(resident bytes, descriptors, processor seconds); None when it has ended."""
        try:
            with open(f"/proc/{self.p.pid}/stat", encoding="ascii", errors="replace") as f:
                stat = f.read().rsplit(")", 1)[1].split()
            if stat[0] == "Z":
                return None
            return int(stat[21]) * PAGE, len(os.listdir(f"/proc/{self.p.pid}/fd")), (int(stat[11]) + int(stat[12])) * TICK_S
        except OSError:
            return None

    def until(self, condition, what, limit_s=60):
        end = time.monotonic() + limit_s
        while not condition():
            check(time.monotonic() < end and self.p.poll() is None, f"waited in vain for {what}", self.text()[-3000:])
            time.sleep(0.02)

    def text(self):
        self.said.flush()
        with open(self.said.name, encoding="utf-8", errors="replace") as f:
            return f.read()

    def end(self, status=0, limit_s=120):
        try:
            self.p.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.p.pid, signal.SIGKILL)
            self.p.wait()
            raise Failed(f"it has not ended in {limit_s} s\n{self.text()[-3000:]}") from None
        check(self.p.returncode == status, f"it ended with {self.p.returncode}, not {status}", self.text()[-3000:])
        return time.monotonic() - self.began


def no_sanitizer(box, why):
    with open(box.axmake, "rb") as f:
        if b"__asan_init" in f.read():
            raise Skipped(f"a program with a sanitizer {why}")


class Box:
    def __init__(self, options):
        self.axmake, self.long = os.path.abspath(options.axmake), options.long
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="axmake-load-"))
        self.root = self.path("root")
        os.mkdir(self.root)
        for name in ("home", "limits"):
            os.mkdir(self.path(name), 0o700)
        self.env = {"PATH": os.path.dirname(self.axmake) + ":" + os.environ["PATH"], "HOME": self.path("home"), "XDG_RUNTIME_DIR": self.path("limits"), "TMPDIR": self.folder, "LC_ALL": "C.UTF-8"}
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        self.figures = []

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as f:
            f.write(text)

    def note(self, text):
        self.figures.append(text)

    def shim(self):
        if b"ld-linux" not in open(self.axmake, "rb").read(4096):
            raise Skipped("axmake is linked without shared libraries: nothing can be preloaded")
        made = subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", self.path("shim.so"), os.path.join(HERE, "shim.c")], stderr=subprocess.PIPE, check=False) if shutil.which("cc") else None
        if not made or made.returncode:
            raise Skipped("the shim of the clock cannot be compiled here")
        return {"LD_PRELOAD": self.path("shim.so")}

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def started(box):
    path = os.path.join(box.root, "started")
    return os.path.getsize(path) if os.path.exists(path) else 0


# Of what each task costs nothing but its record may stay: the memory of the first half tells what the second may take.
def case_many_tasks_leave_memory_and_descriptors_as_they_are(box):
    no_sanitizer(box, "gives no memory back at once")
    n = 100000 if box.long else 4000
    box.write("workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: t{i}, run: 'printf x >>started'}}\n" for i in range(n)))
    run = Run(box, "-j8", "-s", "--progress=none")
    seen = []
    while True:
        done, now = started(box), run.look()
        if not now:
            break
        if 0 < done < n and now[0]:  # in the end it gives all back
            seen.append((done, *now))
        time.sleep(0.05)
    took = run.end(limit_s=3600)
    check(started(box) == n, f"{started(box)} of {n} tasks ran")
    at = lambda share: next(s for s in seen if s[0] >= share * n)  # noqa: E731
    half, late = at(0.5), seen[-1]
    grown = (late[1] - half[1]) / max(1, late[0] - half[0])
    box.note(f"{n} tasks: {at(0)[1] >> 20} MiB at first, {late[1] >> 20} MiB at last ({grown:.0f} bytes a task), {max(s[2] for s in seen)} descriptors at most, {late[3]:.1f} s of processor time, {took:.0f} s")
    check(grown < 2048, f"memory grows by {grown:.0f} bytes a task", seen[:: max(1, len(seen) // 20)])
    check(max(s[2] for s in seen) < 100, f"{max(s[2] for s in seen)} descriptors", seen[:: max(1, len(seen) // 20)])
    check(sorted(s[2] for s in seen)[len(seen) // 2] <= sorted(s[2] for s in seen[: len(seen) // 4 + 1])[-1] + 8, "descriptors grow", seen[:: max(1, len(seen) // 20)])


# Nothing is done while nothing happens.
def case_many_at_once_cost_nothing_while_they_sleep(box):
    n = 512 if box.long else 128
    box.write("workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: t{i}, run: 'printf x >>started; while [ ! -e go ]; do sleep 1; done; sleep 0.$((RANDOM % 9))', shell: sh}}\n" for i in range(n)))
    run = Run(box, f"-j{n}", "-s", "--progress=none")
    run.until(lambda: started(box) == n, "all to start", 120)
    time.sleep(0.3)
    before = run.look()
    time.sleep(2)
    after = run.look()
    busy = after[2] - before[2]
    box.note(f"{n} at once: {before[1]} descriptors, {before[0] >> 20} MiB, {busy:.2f} s of processor time in 2 s")
    check(busy < 0.2, f"it works for {busy:.2f} s in 2 s in which nothing happens")
    check(after[1] <= before[1] and after[0] <= before[0] + (1 << 20), f"{before} became {after}")
    box.write("go", "")
    run.end()


# To end one of many costs little more than to end one of few: 2 to 3 times, where eight times as many are ended. Where each end looked at all others, it was 10 times.
def case_many_are_ended_at_once(box):
    no_sanitizer(box, "takes its time")
    box.write("axmake.ini", "[provider p]\ncommand = sleep 300\nprompt = stdin\n[agent a]\nprovider = p\n")
    few, many = (time_to_end(box, n) for n in (300, 2400))
    check(many < 5 * few, f"one of eight times as many takes {many / few:.1f} times what one of few does")


def time_to_end(box, n):
    """Processor time, in seconds, for each of n agents."""
    box.write("workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: t{i}, agent: a, task: x}}\n" for i in range(n)))
    run = Run(box, f"-j{n}", "-s", "--progress=none")

    def children():
        with open(f"/proc/{run.p.pid}/task/{run.p.pid}/children", encoding="ascii") as f:
            return len(f.read().split())

    run.until(lambda: children() == n, "all to start", 300)
    before = after = run.look()
    run.p.send_signal(signal.SIGINT)
    while now := run.look():
        after = now
        time.sleep(0.01)
    run.end(-signal.SIGINT, 120)
    busy = max(after[2] - before[2], 0.01)
    box.note(f"{n} at once: ended with {busy:.2f} s of processor time, {1000 * busy / n:.2f} ms each")
    return busy / n


# What doc/scale.md tells is measured by a script that runs.
def case_the_bench_of_scale_runs(box):
    if not shutil.which("cc"):
        raise Skipped("no cc")
    bench = os.path.join(HERE, "../../bench")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-o", box.path("measure"), os.path.join(bench, "measure.c")], check=True)
    rows = ["--rows", "tasks,agents,answers,users,served,entries,watchers,places"] if box.long else ["--rows", "answers,users"]
    r = subprocess.run([sys.executable, os.path.join(bench, "scale.py"), "--quick", *rows, "--axmake", box.axmake, "--measure", box.path("measure"), "--folder", box.folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
    check(r.returncode == 0, r.stdout[-3000:])
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in r.stdout.splitlines() if line.startswith("| ")]
    check(["200"] == [row[0] for row in cells if row[0] == "200"] and any(row[0] == "10" and row[-2:] == ["0", "0"] for row in cells), r.stdout)
    check(not [f for f in os.listdir(box.folder) if f.startswith("axmake-scale-")], "it left its folder")


RATED = """[provider p]
command = sh -c 'cat >/dev/null; printf x >>started; echo fine'
rate_capacity = 2
rate_refill = {refill}
[agent a]
provider = p
"""


# Who waits for a provider sleeps, however many they are; Ctrl-C finds them.
def case_many_that_wait_for_a_provider_sleep(box):
    n = 10000 if box.long else 500
    box.write("axmake.ini", RATED.format(refill=2))
    box.write("workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: t{i}, agent: a, task: x}}\n" for i in range(n)))
    run = Run(box, f"-j{n}", "-s", "--progress=none")
    run.until(lambda: started(box) >= 2, "the first to start")
    time.sleep(1)
    before, first = run.look(), started(box)
    time.sleep(4)
    after, then = run.look(), started(box)
    busy = after[2] - before[2]
    box.note(f"{n} that wait: {after[1]} descriptors, {after[0] >> 20} MiB, {busy:.2f} s of processor time in 4 s, in which {then - first} started")
    check(first < then <= first + 20, f"{then - first} started in 4 s, at 2 a second")
    check(busy < 1, f"it works for {busy:.2f} s in 4 s")
    check(after[1] <= before[1] + 8 and after[0] <= before[0] + (2 << 20), f"{before} became {after}")
    run.p.send_signal(signal.SIGINT)
    run.end(-signal.SIGINT, 60)


TIMED = """tasks:
  - {name: quick, run: "sleep 0.3", timeout: 20s}
  - {name: quiet, run: "sleep 0.3", stall: 20s}
  - {name: late, run: "sleep 20", timeout: 300ms, optional: true}
  - {name: again, run: "test -e again || { touch again; exit 1; }", retry: {attempts: 2, delay: 200ms}}
  - {name: asks, agent: a, task: x, outputs: [o]}
  - {name: asks2, agent: a, task: y}
  - {name: asks3, agent: a, task: z}
"""


def timed(box, limit_s=20, **env):
    """A run in which time matters: it takes as long as it takes, fails and waits as it should, and leaves nothing to do."""
    box.write("axmake.ini", RATED.format(refill=4).replace("cat >/dev/null", "cat >/dev/null; echo o >o"))
    box.write("workflow.ax.yaml", TIMED)
    took = Run(box, "-j8", "--events", "events", "--report", "report.json", **env).end(limit_s=limit_s + 40)
    check(took < limit_s, f"it took {took:.1f} s")
    with open(os.path.join(box.root, "report.json"), encoding="utf-8") as f:
        report = json.load(f)
    states = {t["name"]: t["state"] for t in report["tasks"]}
    check(all(s == "done" for n, s in states.items() if n != "late"), states)
    for t in report["tasks"]:
        check(0 <= t.get("duration_ms", 0) < 1000 * limit_s, f"{t['name']} took {t.get('duration_ms')} ms")
    with open(os.path.join(box.root, "events"), encoding="utf-8") as f:
        for line in f:
            json.loads(line)
    box.write("workflow.ax.yaml", "\n".join(line for line in TIMED.splitlines() if "late" not in line) + "\n")
    Run(box, "-q", **env).end()
    return took


def case_a_wall_clock_that_steps(box):
    no_sanitizer(box, "has to be loaded before the shim")
    shim = box.shim()
    for steps in ("0,86400,-3600,31536000,-86400", "0,-1700000000", "3600,0,3600,0"):
        for name in os.listdir(box.root):
            path = os.path.join(box.root, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        timed(box, SHIM_STEPS=steps, SHIM_MS="70", **shim)


# Boot time of another start of the machine, or of another machine, in the state of the limits.
def case_another_boot_time(box):
    words = ["unshare", "--user", "--map-root-user", "--time", "--boottime", "90000000", "--monotonic", "90000000"]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skipped("no time namespace may be made here")
    box.write("axmake.ini", RATED.format(refill=4))
    box.write("workflow.ax.yaml", "tasks: [{name: a, agent: a, task: x, always: true}, {name: b, agent: a, task: y, always: true}, {name: c, agent: a, task: z, always: true}]\n")
    for prefix in ([], words, []):
        began = time.monotonic()
        r = subprocess.run([*prefix, box.axmake, "-s"], cwd=box.root, env=box.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        check(r.returncode == 0 and time.monotonic() - began < 15, f"{prefix[-1:]}: {r.returncode} after {time.monotonic() - began:.1f} s", r.stdout)


# Stopped while its tasks end and their time runs out: what had ended well has.
def case_stopped_and_continued(box):
    box.write("workflow.ax.yaml", "tasks:\n  - {name: ends, run: 'touch begun; sleep 0.3; touch ended', timeout: 700ms}\n  - {name: next, run: 'true', dependencies: [ends]}\n")
    run = Run(box, "-j2")
    run.until(lambda: os.path.exists(os.path.join(box.root, "begun")), "the first task")
    for _ in range(2):
        run.p.send_signal(signal.SIGSTOP)
        time.sleep(1.2)
        run.p.send_signal(signal.SIGCONT)
    check(os.path.exists(os.path.join(box.root, "ended")), "its task was stopped with it")
    run.end()
    before = run.text()
    check("2 tasks done" in before, before)


# The hour that comes twice, the one that never comes, and a zone that changes between two runs.
def case_time_zones_and_the_hour_that_comes_twice(box):
    no_sanitizer(box, "has to be loaded before the shim")
    shim, now = box.shim(), int(time.time())
    for zone, at in (("Europe/Berlin", 1793494799), ("Europe/Berlin", 1774745999), ("Pacific/Apia", 1325239200), ("Asia/Kathmandu", 0)):
        for name in os.listdir(box.root):
            path = os.path.join(box.root, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        timed(box, TZ=zone, SHIM_STEPS=str(at - now), **shim)
        for other in ("America/St_Johns", "UTC", ":/nonexistent"):
            Run(box, "-q", TZ=other).end()
            Run(box, "--status", TZ=other).end()


def case_a_watch_of_many_rounds(box):
    rounds = 1000 if box.long else 25
    box.write("workflow.ax.yaml", "tasks: [{name: t, run: 'cat in >out', inputs: [in], outputs: [out]}]\n")
    box.write("in", "0\n")
    run = Run(box, "--watch")

    def out():
        try:
            with open(os.path.join(box.root, "out"), encoding="ascii") as f:
                return f.read()
        except OSError:
            return ""

    first = None
    for n in range(rounds):
        run.until(lambda: run.text().count("watching ") > n, f"the end of round {n}")
        box.write("in", f"{n}\n")
        run.until(lambda: out() == f"{n}\n", f"round {n}")
        if n == rounds // 2:
            time.sleep(0.3)
            first = run.look()
    time.sleep(0.5)
    last = run.look()
    box.note(f"{rounds} rounds of a watch: {first[0] >> 10} KiB and {first[1]} descriptors half way, {last[0] >> 10} KiB and {last[1]} in the end")
    check(last[0] <= first[0] + (1 << 20) and last[1] <= first[1] + 1, f"{first} became {last}")
    time.sleep(1)
    check(run.look()[2] - last[2] < 0.1, "it works while nothing changes")
    run.p.send_signal(signal.SIGINT)
    run.p.wait(30)


BIG = """[provider text]
command = sh big.sh
[provider json]
command = sh big.sh '{"result":"' '"}'
result = json:/result
[provider sum]
command = sha256sum
[agent text]
provider = text
role =
[agent json]
provider = json
role =
[agent sum]
provider = sum
role =
"""
BIG_SH = """read n
printf '%s' "$1"
yes 'an answer of many words' | head -c "$n" | tr '\\n' ' '
printf '%s' "$2"
"""


# The peak of the program (and of what it started, each for itself), for `ax run` and for a workflow.
def case_memory_does_not_grow_with_an_answer(box):
    no_sanitizer(box, "keeps what was given back")
    measure = box.path("measure")
    if not shutil.which("cc") or subprocess.run(["cc", "-D_GNU_SOURCE", "-o", measure, os.path.join(HERE, "../../bench/measure.c")], check=False).returncode:
        raise Skipped("bench/measure.c cannot be compiled here")
    box.write("axmake.ini", BIG)
    box.write("big.sh", BIG_SH)
    for agent in ("text", "json"):
        for what in ("ax run", "workflow"):
            peaks = []
            for n in (1000000, 30000000):
                if what == "workflow":
                    box.write("workflow.ax.yaml", f"tasks: [{{name: a, agent: {agent}, task: '{n}'}}]\n")
                    words = [box.axmake, "-s"]
                else:
                    words = [os.path.join(os.path.dirname(box.axmake), "ax"), "run", agent, str(n)]
                with open(box.path("answer"), "w+b") as out, open(box.path("peak"), "w+b") as peak:
                    p = subprocess.run([measure, str(peak.fileno()), *words], cwd=box.root, env=box.env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, pass_fds=[peak.fileno()], timeout=120, check=False)
                    check(p.returncode == 0, f"{what}, {n} bytes: it ended with {p.returncode}", p.stderr[-3000:])
                    check(os.path.getsize(out.name) in (n, n + 1), f"{what}: {os.path.getsize(out.name)} bytes came of {n}")
                    peak.seek(0)
                    peaks.append(int(peak.read().split()[2]))
            box.note(f"{what}, {agent}: {peaks[0]} KiB at an answer of 1 MB, {peaks[1]} KiB at one of 30 MB")
            check(peaks[1] - peaks[0] < 4096, f"{what}, {agent}: {peaks[1] - peaks[0]} KiB more for 29 MB more")


# As a file, as another's result, and on standard input of ax run: the agent gets every byte.
def case_a_prompt_of_8_mb_comes_whole(box):
    text = "".join(f"line {i} of a long prompt \u00e4\n" for i in range(280000)) + "the end"
    wanted = hashlib.sha256(text.encode()).hexdigest() + "  -\n"
    check(len(text.encode()) > 8000000, "the prompt is too short")
    box.write("axmake.ini", BIG)
    box.write("long.md", text)
    box.write("workflow.ax.yaml", "tasks:\n  - {name: file, agent: sum, task_file: long.md}\n  - {name: made, run: cat long.md}\n  - {name: result, agent: sum, task: '${made}'}\n")
    for words, given in (["axmake", "-s", "file"], b""), (["axmake", "-s", "result"], b""), (["ax", "run", "sum", "-"], text.encode()):
        p = subprocess.run(words, cwd=box.root, env=box.env, input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
        got = p.stdout.decode()[-len(wanted):]
        check(p.returncode == 0 and got == wanted, f"{' '.join(words)}: exit status {p.returncode}", f"got {got!r}, not {wanted!r}", p.stderr[-3000:])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake", default=os.path.join(HERE, "../../axmake"))
    p.add_argument("--long", action="store_true")
    p.add_argument("cases", nargs="*")
    options = p.parse_args()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it to what it starts with `&`
        signal.signal(signal.SIGINT, signal.default_int_handler)
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    for name, case in [(n[5:], f) for n, f in globals().items() if n.startswith("case_")]:
        if options.cases and not any(c in name for c in options.cases):
            continue
        began, box, outcome, fault = time.monotonic(), Box(options), "ok", ""
        try:
            case(box)
        except Skipped as e:
            outcome, name = "skipped", f"{name}: {e}"
        except Failed as e:
            outcome, fault = "FAILED", str(e)
        except Exception:  # what cannot be judged has failed
            outcome, fault = "FAILED", traceback.format_exc()
        finally:
            box.close()
        counts[outcome] += 1
        print(f"{outcome:8}{name} ({time.monotonic() - began:.1f} s)", *(f"    {line}" for line in [*box.figures, *fault.splitlines()]), sep="\n", flush=True)
    print(f"{counts['ok']} passed, {counts['FAILED']} failed" + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 1 if counts["FAILED"] or not sum(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
