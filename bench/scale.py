#!/usr/bin/env python3
"""What much of everything costs: a million tasks, thousands of agents at once, hundreds of users of one cache. doc/scale.md tells what came of it.

    python3 bench/scale.py [--axmake ./axmake] [--folder /dev/shm] [--rows tasks,agents,…] [--quick | --full]

Rows: tasks, agents, answers, users, served, entries, watchers, places. Each prints a table as Markdown; figures are axmake's own, as /proc, wait4 and
the file system tell them. --quick: small sizes, under two minutes. --full: a million tasks and 10000 agents, which want 4 GB of memory, 11000 processes
and half an hour. What the machine does not allow is said, and left out.
"""

import argparse
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SLEEPER = "[provider p]\ncommand = {}\nprompt = stdin\n[agent a]\nprovider = p\n"


class Place:
    """A root in a folder of its own, with an environment that knows nothing of the user's."""

    def __init__(self, options, name):
        self.root = os.path.join(options.work, name)
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root)
        self.env = {"PATH": os.path.dirname(options.axmake) + ":/usr/bin:/bin", "HOME": options.work, "XDG_RUNTIME_DIR": options.limits, "LC_ALL": "C.UTF-8"}
        self.axmake, self.measure = options.axmake, options.measure

    def write(self, name, lines):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as f:
            f.writelines(lines)

    def start(self, *words, said=subprocess.DEVNULL):
        return subprocess.Popen([self.axmake, *words], cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def took(self, *words):
        """(seconds, processor seconds of it and its tasks, peak of its own memory in MiB)"""
        r, w = os.pipe()
        p = subprocess.Popen([self.measure, str(w), self.axmake, *words], cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=[w])
        os.close(w)
        said = p.communicate()[1].decode(errors="replace")
        with open(r, encoding="ascii") as f:
            figures = f.read().split()
        if p.returncode or len(figures) != 3:
            raise RuntimeError(f"axmake {' '.join(words)} ended with {p.returncode}: {said[-500:]}")
        return float(figures[0]), float(figures[1]), int(figures[2]) / 1024

    def size(self, *path):
        return os.path.getsize(os.path.join(self.root, *path))

    def away(self):
        shutil.rmtree(self.root, ignore_errors=True)


def table(title, head, rows):
    print(f"\n{title}\n\n| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def s(seconds):
    return f"{seconds:.3g} s"


def of_process(pid):
    """(resident MiB, descriptors, processor seconds, children)"""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        stat = f.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        children = len(f.read().split())
    return int(stat[21]) * os.sysconf("SC_PAGESIZE") / (1 << 20), len(os.listdir(f"/proc/{pid}/fd")), (int(stat[11]) + int(stat[12])) * TICK_S, children


def script(n, changed=False):
    yield "tasks:\n"
    for i in range(n):
        yield f"  - {{name: t{i}, run: 'true{' again' if changed and i == n // 2 else ''}', dependencies: [t{i // 2}]}}\n" if i else "  - {name: t0, run: 'true'}\n"


def row_tasks(options):
    """A tree of scripts: read, judged, recorded, and looked at again. What is too large to be run here is recorded by -t."""
    rows = []
    for n in options.size([1000, 10000], [10000, 100000], [10000, 100000, 1000000]):
        p = Place(options, "tasks")
        p.write("workflow.ax.yaml", script(n))
        first = p.took("-j8", "-s", "--progress=none") if n <= options.size(1000, 100000, 1000000) else None
        touched = first or p.took("-t", "-s", "--progress=none")
        log = p.size(".axmake", "log")
        judged, sealed = p.took("-s"), p.took("-s")
        p.write("workflow.ax.yaml", script(n, True))
        edit = p.took("-s", "-n")
        plan = p.took("--list")
        rows.append([f"{n:,}", f"{p.size('workflow.ax.yaml') / 1e6:.3g} MB", s(plan[0]), s(first[0]) if first else "-", f"{n / first[0]:.0f}/s" if first else "-", f"{touched[2]:.0f} MiB",
                     s(sealed[0]), s(judged[0]), f"{judged[2]:.0f} MiB", s(edit[0]), f"{log / 1e6:.3g} MB", f"{log / n:.0f}"])
        p.away()
    table("Scripts that do nothing, each after another one, `-j8`", ["tasks", "YAML", "read, listed", "first run", "rate", "its memory", "nothing to do", "the same, judged anew", "its memory", "an edit, `-n`", "log", "bytes a task"], rows)


def row_agents(options):
    """Agents, and scripts, that sleep: what each costs while it runs, and what it costs to end them all."""
    rows, hard = [], resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = options.size([50, 200], [100, 1000], [100, 1000, 10000])
    sizes = [(kind, min(n, int((hard - 200) / each))) for kind, each in (("agent", 4), ("script", 2.1)) for n in wanted]
    for kind, n in sizes:
        p = Place(options, "agents")
        p.write("axmake.ini", SLEEPER.format("sleep 3600"))
        p.write("workflow.ax.yaml", ["tasks:\n"] + [f"  - {{name: t{i}, {'agent: a, task: x' if kind == 'agent' else 'run: sleep 3600'}}}\n" for i in range(n)])
        began = time.monotonic()
        run = p.start(f"-j{n}", "-s", "--progress=none")
        seen = of_process(run.pid)
        grown = began
        while seen[3] < n and run.poll() is None and time.monotonic() - grown < 20:
            time.sleep(max(0.1, n / 20000))
            now = of_process(run.pid)
            grown = time.monotonic() if now[3] > seen[3] else grown
            seen = now
        started = time.monotonic() - began
        time.sleep(1)
        before = of_process(run.pid)
        time.sleep(5)
        asleep = of_process(run.pid)
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        last = asleep
        while run.poll() is None:
            try:
                last = of_process(run.pid)
            except OSError:
                break
            time.sleep(0.05)
        run.wait()
        ended = time.monotonic() - began
        rows.append([f"{n:,} {kind}s", f"{asleep[3]:,}", s(started), s(seen[2]), f"{asleep[0]:.0f} MiB", f"{asleep[1]:,}", f"{(asleep[1] - 20) / n:.1f}", s(asleep[2] - before[2]), s(ended), s(last[2] - asleep[2])])
        p.away()
    table(f"Agents and scripts that sleep, `-jN`; descriptors allow {hard}", ["asked for", "at once", "until all had started", "processor", "memory", "descriptors", "a task", "processor in 5 s of sleep", "Ctrl-C: until the end", "processor"], rows)


def row_answers(options):
    """Agents that answer at once: what of each stays on disk."""
    rows = []
    for n in options.size([200], [2000], [2000, 20000]):
        p = Place(options, "answers")
        p.write("axmake.ini", SLEEPER.format("sh -c 'cat; echo of $$'"))
        p.write("workflow.ax.yaml", ["tasks:\n"] + [f"  - {{name: t{i}, agent: a, task: number {i}}}\n" for i in range(n)])
        took = p.took("-j8", "-s", "--progress=none")
        noop = p.took("-s")
        names = size = 0
        for folder, _, files in os.walk(os.path.join(p.root, ".axmake")):
            names += 1 + len(files)
            size += sum(os.lstat(os.path.join(folder, f)).st_blocks * 512 for f in files)
        events = sum(p.size(".axmake", "runs", r, "events") for r in os.listdir(os.path.join(p.root, ".axmake", "runs")))
        widest = max(len(os.listdir(os.path.join(p.root, ".axmake", d))) for d in ("tasks", "results"))
        status = len(os.listdir(os.path.join(p.root, ".automatosx", "status")))
        rows.append([f"{n:,}", s(took[0]), f"{n / took[0]:.0f}/s", s(noop[0]), f"{names / n:.1f}", f"{size / n / 1024:.1f} KiB", f"{widest:,}", f"{p.size('.axmake', 'log') / n:.0f}", f"{events / n:.0f}", f"{status:,}"])
        p.away()
    table("Agents that answer at once, `-j8`", ["agents", "first run", "rate", "nothing to do", "names in `.axmake` an agent", "disk an agent", "entries of the widest folder", "log, bytes an agent", "events, bytes an agent", "status files"], rows)


def users(options, count, tasks, phase, own, settings=None, makes="echo {u} {i}"):
    """`count` roots at once, with one cache: (seconds in all, of each; lines of warnings)."""
    places = []
    for u in range(count):
        p = Place(options, f"user{phase}-{u}")
        p.write("axmake.ini", f"[axmake]\n{settings or f'cache_dir = {options.work}/cache'}\n")
        p.write("workflow.ax.yaml", ["tasks:\n"] + [f"  - {{name: t{i}, run: '{makes.format(u=u if own else 0, i=i)} > o{i}', outputs: [o{i}]}}\n" for i in range(tasks)])
        places.append(p)
    began = time.monotonic()
    runs = [(p, p.start("-j1", "-s", "--progress=none", said=open(os.path.join(p.root, "said"), "wb"))) for p in places]
    times, warnings, ran = [], 0, 0
    left = dict((run.pid, p) for p, run in runs)
    while left:
        pid, how = os.wait()
        if pid in left:
            times.append(time.monotonic() - began)
            warnings += len(open(os.path.join(left[pid].root, "said"), encoding="utf-8", errors="replace").read().splitlines())
            ran += how != 0
            del left[pid]
    for p in places:
        p.away()
    return max(times), sorted(times)[len(times) // 2], warnings, ran


def row_users(options):
    """Each user stores what only he makes; then as many others, in fresh clones, want the same."""
    rows, tasks = [], 20
    for count in options.size([1, 10], [1, 10, 100], [1, 10, 100, 1000]):
        shutil.rmtree(os.path.join(options.work, "cache"), ignore_errors=True)
        stored = users(options, count, tasks, "a", True)
        restored = users(options, count, tasks, "b", True)
        same = users(options, count, tasks, "c", False)
        rows.append([f"{count:,}", s(stored[0]), f"{count * tasks / stored[0]:.0f}/s", s(restored[0]), f"{count * tasks / restored[0]:.0f}/s", s(restored[0] / count / tasks), s(same[0]),
                     stored[2] + restored[2] + same[2], stored[3] + restored[3] + same[3]])
    table(f"Users of one cache, all at once, {tasks} tasks each, `-j1`", ["users", "run and store", "entries", "restore", "entries", "an entry", "all want the same, which is there", "warnings", "failed runs"], rows)


NGINX = """\
daemon off;
pid {at}/pid;
error_log {at}/error.log;
worker_processes 1;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    log_format ours '$request_method $status $bytes_sent $connection';
    access_log {at}/log ours;
    client_body_temp_path {at}/temp;
    proxy_temp_path {at}/temp-proxy;
    fastcgi_temp_path {at}/temp-fastcgi;
    uwsgi_temp_path {at}/temp-uwsgi;
    scgi_temp_path {at}/temp-scgi;
    client_max_body_size 0;
    keepalive_requests 100000;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {at}/store;
        location / {{ dav_methods PUT; create_full_put_path on; }}
    }}
}}
"""


class Nginx:
    """A server of a shared cache: one worker, on this machine's loopback."""

    def __init__(self, options, program):
        self.at = os.path.join(options.work, "nginx")
        shutil.rmtree(self.at, ignore_errors=True)
        os.makedirs(os.path.join(self.at, "store"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        with open(os.path.join(self.at, "conf"), "w", encoding="utf-8") as f:
            f.write(("user root;\n" if os.geteuid() == 0 else "") + NGINX.format(at=self.at, port=self.port))
        self.process = subprocess.Popen([program, "-c", os.path.join(self.at, "conf"), "-p", self.at, "-e", os.path.join(self.at, "error.log")])
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            time.sleep(0.02)

    def processor(self):
        """Seconds of its worker until now."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
            return sum(of_process(int(pid))[2] for pid in f.read().split())

    def asked(self):
        """How many requests since the last call, on how many connections, and what they took from it in bytes."""
        path = os.path.join(self.at, "log")
        with open(path, encoding="ascii") as f:
            lines = [line.split() for line in f.read().splitlines()]
        os.truncate(path, 0)
        return len(lines), len({line[3] for line in lines}), sum(int(line[2]) for line in lines)

    def end(self):
        self.process.terminate()
        self.process.wait()


def row_served(options):
    """The same with a server: each user has a cache of his own in front, and what he lacks is asked for. Then all ask for what nobody has."""
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not program or not os.path.exists(os.path.join(os.path.dirname(options.axmake), "axmake-http")):
        print("\nUsers of one server: left out, there is no nginx, or no axmake-http")
        return
    rows, tasks = [], 20
    for count in options.size([1, 10], [1, 10, 50, 200], [1, 10, 50, 200]):
        nginx = Nginx(options, program)
        settings = f"cache_url = http://127.0.0.1:{nginx.port}/team\ncache_timeout = 60s"
        for what, phase, own in (("run and store", "d", True), ("restore", "e", True), ("all the same", "f", False)):
            before = nginx.processor()
            took = users(options, count, tasks, phase, own, settings, "yes user {u}, task {i} | head -n 1000")
            worker = nginx.processor() - before
            requests, connections, sent = nginx.asked()
            rows.append([f"{count:,}", what, s(took[0]), s(took[1]), f"{count * tasks / took[0]:.0f}/s", f"{requests / count / tasks:.1f}", f"{connections / count:.1f}", f"{sent / count / tasks:.0f}", f"{worker / requests * 1e6:.0f} µs",
                         f"{worker / took[0]:.0%}", took[2], took[3]])
        nginx.end()
    table(f"Users of one server (nginx, one worker, loopback), all at once, {tasks} tasks each with a file of its own, `-j1`",
          ["users", "what", "all", "median", "entries", "requests an entry", "connections a user", "bytes an entry", "its processor a request", "its load", "warnings", "failed runs"], rows)


def row_entries(options):
    """How a cache's upkeep grows with what is in it."""
    rows = []
    for n in options.size([500], [2000, 10000], [2000, 20000, 100000]):
        shutil.rmtree(os.path.join(options.work, "cache"), ignore_errors=True)
        p = Place(options, "entries")
        p.write("axmake.ini", f"[axmake]\ncache_dir = {options.work}/cache\ncache_size = 100G\n")
        p.write("workflow.ax.yaml", ["tasks:\n"] + [f"  - {{name: t{i}, run: 'echo {i} > o{i}', outputs: [o{i}]}}\n" for i in range(n)])
        first = p.took("-j8", "-s", "--progress=none")
        stats, gc = p.took("--cache-stats"), p.took("--cache-gc")
        shutil.rmtree(os.path.join(p.root, ".axmake"))
        for i in range(n):
            os.unlink(os.path.join(p.root, f"o{i}"))
        back = p.took("-s", "--progress=none")
        entries = os.path.join(options.work, "cache", "v1", "entries")
        widest = max(len(os.listdir(os.path.join(entries, d))) for d in os.listdir(entries))
        rows.append([f"{n:,}", s(first[0]), s(back[0]), f"{n / back[0]:.0f}/s", s(stats[0]), s(gc[0]), f"{gc[0] / n * 1e6:.0f} µs", f"{gc[2]:.0f} MiB", widest])
        p.away()
    table("A cache with so many entries", ["entries", "run and store", "all restored", "rate", "`--cache-stats`", "`--cache-gc`", "an entry", "its memory", "entries of the widest folder"], rows)


def allowed(name):
    with open(f"/proc/sys/fs/inotify/{name}", encoding="ascii") as f:
        return int(f.read())


def row_watchers(options):
    """Who watches needs an inotify instance each: how many may there be, and what becomes of the next?"""
    most = allowed("max_user_instances")
    count = most + 12 if options.full or most <= 200 else 20
    runs = []
    for i in range(count):
        p = Place(options, f"watch{i}")
        p.write("workflow.ax.yaml", "tasks: [{name: t, run: 'true'}]\n")
        runs.append((p, p.start("--watch", said=open(os.path.join(p.root, "said"), "wb"))))
    time.sleep(4)
    over = [(p, run) for p, run in runs if run.poll() is not None]
    said = open(os.path.join(over[0][0].root, "said"), encoding="utf-8").read().strip().splitlines()[-1] if over else "-"
    for p, run in runs:
        run.send_signal(signal.SIGINT)
    for p, run in runs:
        run.wait()
        p.away()
    table("`axmake --watch`, one user", ["allowed by fs.inotify.max_user_instances", "started", "watching", "what the next one says"], [[most, count, count - len(over), said]])


def row_places(options):
    """Many runs of one user that want the same provider: its four places go from one to the next."""
    rows = []
    for count in options.size([10], [10, 100], [10, 100, 400]):
        places = []
        for i in range(count):
            p = Place(options, f"place{i}")
            p.write("axmake.ini", "[provider q]\ncommand = sh -c 'cat; sleep 0.02; echo .'\nprompt = stdin\nmax_concurrent = 4\n[agent a]\nprovider = q\n")
            p.write("workflow.ax.yaml", ["tasks:\n"] + [f"  - {{name: t{k}, agent: a, task: x{k}}}\n" for k in range(5)])
            places.append(p)
        began = time.monotonic()
        runs = [p.start("-j5", "-s", "--progress=none", said=open(os.path.join(p.root, "said"), "wb")) for p in places]
        processor, failed = 0.0, 0
        for run in runs:
            _, how, used = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(how)
            failed += run.returncode != 0
            processor += used.ru_utime + used.ru_stime
        took = time.monotonic() - began
        said = {line for p in places for line in open(os.path.join(p.root, "said"), encoding="utf-8", errors="replace").read().splitlines() if "warning" in line}
        rows.append([f"{count:,}", f"{count * 5:,}", s(took), f"{count * 5 / took:.0f}/s", s(processor / count / 5), failed, "; ".join(sorted(said)[:2]) or "-"])
        for p in places:
            p.away()
    table("Runs of one user that share a provider's four places; a call takes 20 ms, so 200/s is the most", ["runs", "calls", "until the end", "rate", "processor a call, its program too", "failed runs", "warnings"], rows)


class Options(argparse.Namespace):
    def size(self, quick, usual, full):
        return quick if self.quick else full if self.full else usual


def main():
    rows = {name[4:]: f for name, f in globals().items() if name.startswith("row_")}
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--axmake", default=os.path.join(HERE, "..", "axmake"), type=os.path.abspath)
    p.add_argument("--measure", default=os.path.join(HERE, "..", "build", "bench", "measure"), type=os.path.abspath, help="bench/measure.c, compiled")
    p.add_argument("--folder", default="/dev/shm" if os.path.isdir("/dev/shm") else None, help="where to work; in memory, unless the disk is to be measured, too")
    p.add_argument("--rows", default=",".join(rows))
    p.add_argument("--quick", action="store_true")
    p.add_argument("--full", action="store_true")
    options = p.parse_args(namespace=Options())
    unknown = set(options.rows.split(",")) - set(rows)
    if unknown:
        p.error(f"no row '{unknown.pop()}'; there are {', '.join(rows)}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    options.work = tempfile.mkdtemp(prefix="axmake-scale-", dir=options.folder)
    options.limits = os.path.join(options.work, "limits")
    os.mkdir(options.limits, 0o700)
    print(f"{os.cpu_count()} processors, {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGESIZE') >> 30} GiB, load {os.getloadavg()[0]:.1f}; descriptors {soft} ({hard}), processes {resource.getrlimit(resource.RLIMIT_NPROC)[0]}, in {options.folder}")
    try:
        for name in options.rows.split(","):
            rows[name](options)
    finally:
        shutil.rmtree(options.work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
