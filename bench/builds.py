"""Rows of graphs of tasks that copy small files: first run, nothing to do, one edit, memory, and how all of it grows."""
import math
import os
import tempfile
import time

import graphs
from measured import Failed, medians
from rows import Goal, number, shown, table

FIRST, NOOP, EDIT, FIRST_MIB, NOOP_MIB, GRAPH_MIB = "first run", "no-op", "one edit", "first run, memory", "no-op, memory", "the graph alone, memory"


class Site:
    """A folder for each tool with the same graph, and one for the limits."""

    def __init__(self, b, shape, n, tools):
        self.b, self.shape, self.n, self.tools = b, shape, n, dict(tools)
        self.title = f"{shape}, {number(n)} tasks"
        self.shown = n >= b.args.middle
        b.say(f"{self.title}: writing {number(2 * n)} files for each of {', '.join(tools)}")
        self.top, self.away = b.path(f"{shape}-{n}"), b.path(f"{shape}-{n}", "away")
        self.folders = {name: os.path.join(self.top, name) for name in [*tools, "limit"]}
        for name, folder in self.folders.items():
            graphs.write_graph(folder, name, shape, n)
        os.mkdir(self.away)
        with open(os.path.join(self.top, "list"), "w") as f:
            f.writelines(f"src/{i}\nout/{i}\n" for i in range(n))
        self.pair = min(2, b.args.jobs) if shape != "chain" else 1

    def clear(self, name):
        """What was there is out of the way, and removed when the round is over."""
        to = tempfile.mkdtemp(dir=self.away)
        for left in graphs.STATE:
            if os.path.lexists(os.path.join(self.folders[name], left)):
                os.rename(os.path.join(self.folders[name], left), os.path.join(to, left))
        os.mkdir(os.path.join(self.folders[name], "out"))

    def sweep(self):
        self.b.remove(self.away)
        os.mkdir(self.away)

    def run(self, name, env=None):
        return self.b.run(self.tools[name], self.folders[name], env)

    def first(self, name):
        self.clear(name)
        return self.run(name)

    def bare(self, env=None):
        self.clear("limit")
        return self.b.run([self.b.atonce, str(self.pair), str(self.n), "/dev/null", "cp", "src/{}", "out/{}"], self.folders["limit"], env)

    def look(self, *then):
        return self.b.run([self.b.least, "stat", "../list", *then], self.folders["limit"])

    def look_by_two(self):
        return self.b.run([self.b.least, "stat2", "../list"], self.folders["limit"])

    def edit(self, name, text):
        """The source of the last task, which no other waits for."""
        with open(f"{self.folders[name]}/src/{self.n - 1}", "w") as f:
            f.write(text)

    def keep(self, figure, values):
        """For the growth."""
        if self.shape == "layered":
            self.b.figures.setdefault(figure, {})[self.n] = values


def first_rows(site):
    b = site.b
    steps = {name: lambda name=name: site.first(name) for name in site.tools if name != "make"}
    limit = {"bare": site.bare} if site.n <= b.args.large else {}  # of more it would say nothing that they do not
    seen = b.rounds(f"first run, {site.title}", b.args.first if site.shown else 1, {**steps, **limit}, site.sweep)
    if "make" in site.tools:
        seen["make"] = [site.first("make")]  # no goal: once will do
    if not limit:
        write_outputs(site.folders["limit"], site.n)  # which is looked at later
    mib = {name: v for name, v in medians(seen, "mib").items() if name != "bare"}
    site.keep(FIRST, medians(seen, "wall"))
    site.keep(FIRST_MIB, mib)
    site.keep(GRAPH_MIB, {"axmake": b.run([b.axmake, "--validate"], site.folders["axmake"]).mib})
    if not site.shown:
        return
    how = "the commands alone, " + ("two at a time" if site.pair > 1 else "one at a time")
    goals = [Goal(1.05, "bare", "≤ 1.05× bare spawns"), Goal(1, "ninja", "ahead of ninja"), Goal(1, "samurai", "and samurai")]
    limit = ("bare", how) if limit else None
    b.row(f"first run, {site.title}", medians(seen, "wall"), "s", goals if limit else (), limit)
    b.row(f"first run, {site.title}: CPU, tasks too", medians(seen, "cpu"), "s", (), limit)


def write_outputs(folder, n):
    for i in range(n):
        fd = os.open(f"{folder}/out/{i}", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(fd, b"%d\n" % i)
        os.close(fd)


def note_all(site):
    """Of so many nothing is run: the outputs are written, and noted by -t. There is only axmake."""
    site.b.say(f"{site.title}: outputs are written, and noted")
    for folder in site.folders.values():
        write_outputs(folder, site.n)
    site.b.run([*site.tools["axmake"], "-t", "-s"], site.folders["axmake"])
    site.keep(GRAPH_MIB, {"axmake": site.b.run([site.b.axmake, "--validate"], site.folders["axmake"]).mib})


def prepare(site):
    """As first runs leave them, but by a `cp` that starts quickly."""
    if site.n > site.b.args.large:
        note_all(site)
        return
    site.b.say(f"{site.title}: a first run of each, which is not measured")
    for name in list(site.tools):
        try:
            site.run(name, site.b.fast_env)
        except Failed as e:  # ninja and samurai go down a chain by recursion, as deep as their stack is
            site.b.leave_out(f"{site.title}: {name}", str(e))
            del site.tools[name]
    site.bare(site.b.fast_env)


def settle(site):
    """Not counted: caches are warm, files that were hashed within the clock's grain are hashed again, and the seal is made."""
    time.sleep(0.1)
    for _ in range(2):
        for name in site.tools:
            site.run(name)
        site.look()


def noop_rows(site):
    b = site.b
    large = site.n >= b.args.large
    steps = {name: lambda name=name: site.run(name) for name in site.tools}
    limits = {"stat": site.look, "two": site.look_by_two}
    seen = b.rounds(f"no-op, {site.title}", b.args.rounds * (1 if large else 3), {**steps, **limits})
    mib = {name: v for name, v in medians(seen, "mib").items() if name not in limits}
    site.keep(NOOP, medians(seen, "wall"))
    site.keep(NOOP_MIB, mib)
    if not site.shown:
        return
    goals = [Goal(0.25, "ninja"), Goal(0.33, "samurai")] if large else [Goal(0.3, "ninja")]
    b.row(f"no-op, {site.title}", medians(seen, "wall"), "s", goals if site.n <= b.args.large else (), ("stat", f"`stat` of the {number(2 * site.n)} files"))
    row = b.rows[-1]
    row.note = f"the same `stat`s by two threads, and nothing else, take {shown(row.values['two'], 's')} ({row.ratio('two'):.2f}×)"
    if large:
        b.row(f"no-op, {site.title}: memory", mib, "MiB", [Goal(0.5, "ninja")] if site.n <= b.args.large else ())


def edit_rows(site):
    b, last, said = site.b, site.n - 1, iter(range(1 << 30))

    def one(name):
        site.edit(name, f"edit {next(said)}\n")
        took = site.run(name)
        time.sleep(0.02)
        return took

    steps = {name: lambda name=name: one(name) for name in site.tools}
    seen = b.rounds(f"one edit, {site.title}", b.args.rounds, {**steps, "stat": lambda: site.look("cp", f"src/{last}", f"out/{last}")})
    site.keep(EDIT, medians(seen, "wall"))
    if site.n >= b.args.large:
        b.row(f"one edit, {site.title}", medians(seen, "wall"), "s", [Goal(0.3, "ninja")] if site.n <= b.args.large else (), ("stat", "`stat` of all, and the command"))


def one_size(b, shape, n, first):
    """`first`: its first run is measured, too."""
    tools = b.tools if n <= b.args.large else {"axmake": b.tools["axmake"]}
    if not b.args.wanted & {"first", "noop", "edit", "memory", "growth"}:
        return
    site = Site(b, shape, n, tools)
    if first and b.args.first and b.args.wanted & {"first", "memory", "growth"}:
        first_rows(site)
    else:
        prepare(site)
    if b.args.wanted & {"noop", "growth", "edit"}:
        settle(site)
    if b.args.wanted & {"noop", "growth"}:
        noop_rows(site)
    if b.args.wanted & ({"edit", "growth"} if shape == "layered" else {"edit"} if n >= b.args.large else set()):
        edit_rows(site)
    b.remove(site.top)


def sizes(b):
    """All graphs, the small ones first."""
    small = max(100, b.args.middle // 10)
    one_size(b, "layered", small, True) if "growth" in b.args.wanted else None
    for n in dict.fromkeys((b.args.middle, b.args.large)):
        for shape in b.args.shapes:
            if b.late():
                b.leave_out(f"{shape}, {number(n)} tasks", "out of time")
                continue
            one_size(b, shape, n, first=n < b.args.large or shape == b.args.shapes[0])
    if b.args.million:
        one_size(b, "layered", 1000000, True)
    if "memory" in b.args.wanted:
        memory_row(b)


def memory_row(b):
    """What a first run's peak grows by with each task, less what the graph alone takes."""
    first, graph = b.figures.get(FIRST_MIB, {}), b.figures.get(GRAPH_MIB, {})
    known = sorted(n for n in first if n in graph)
    if len(known) < 2:
        b.leave_out("a run's memory a task", "it takes first runs of a layered graph at two sizes")
        return
    low, high = known[0], known[-1]
    beyond = {n: (first[n]["axmake"] - graph[n]["axmake"]) * 1024 for n in (low, high)}
    values = {"axmake": (beyond[high] - beyond[low]) / (high - low)}
    values["graph"] = (graph[high]["axmake"] - graph[low]["axmake"]) * 1024 / (high - low)
    for name in ("ninja", "samurai"):
        if name in first[low] and name in first[high]:
            values[name] = (first[high][name] - first[low][name]) * 1024 / (high - low)
    b.row("a run's memory a task, beyond the graph (others: with it)", values, "KB", [Goal(1.2, None, "≤ 1.2 KB", "KB")], ("graph", "the graph"))


def exponent(points):
    """Of value = c * n ** exponent, by least squares of the logarithms."""
    points = [(math.log(n), math.log(v)) for n, v in points if v > 0]
    if len(points) < 2:
        return None
    x, y = (sum(p[i] for p in points) / len(points) for i in (0, 1))
    return sum((p[0] - x) * (p[1] - y) for p in points) / sum((p[0] - x) ** 2 for p in points)


def growth(b):
    """{figure: {tool: [(n, value)]}} with the exponents"""
    out = {}
    for figure, by_size in b.figures.items():
        names = [name for name in ("axmake", "ninja", "samurai", "make", "bare", "stat", "two") if any(name in values for values in by_size.values())]
        out[figure] = {name: sorted((n, values[name]) for n, values in by_size.items() if name in values) for name in names}
    return out


def growth_table(b):
    lines, all_sizes = [], sorted({n for by_size in b.figures.values() for n in by_size})
    for figure, by_tool in growth(b).items():
        unit = "MiB" if "memory" in figure else "s"
        for name, points in by_tool.items():
            at, e = dict(points), exponent(points)
            lines.append([f"{figure}, {name}", *(shown(at[n], unit) if n in at else "" for n in all_sizes), f"{e:.2f}" if e is not None else ""])
    return table(["layered graphs", *(number(n) for n in all_sizes), "exponent"], lines) if lines else ""
