"""Rows of the schedule: how long runs of random graphs take beside what no schedule could beat.

Tasks sleep, so that several graphs can run at once and little of the processor is used. A first run with as many jobs as tasks teaches their durations; the run that is
measured has four. No schedule is shorter than the longest path or the fourth part of all work; where that cannot be reached, the best of 300 other lists shows it."""
import concurrent.futures
import heapq
import os
import random
import statistics

from measured import write
from rows import Goal, number

JOBS, LISTS = 4, 300


def shape_random(r, n):
    most = r.choice((1, 2, 3, 5))
    return [sorted({r.randrange(i) for _ in range(r.randrange(most + 1))}) if i else [] for i in range(n)]


def shape_layers(r, n):
    wide, out = r.randrange(2, 9), []
    for i in range(n):
        first = (i // wide - 1) * wide
        out.append(sorted(r.sample(range(first, first + wide), r.randrange(1, min(wide, 3) + 1))) if first >= 0 else [])
    return out


def shape_chains(r, n):
    chains = r.randrange(3, 9)
    return [[i - chains] if i >= chains else [] for i in range(n)]


def shape_forks(r, n):
    """One task, some that follow it, one that gathers these, and so on."""
    out, gate, members = [], None, []
    for i in range(n):
        if len(members) and r.random() < 1 / 7:
            out.append(members)
            gate, members = i, []
        else:
            out.append([gate] if gate is not None else [])
            members = members + [i]
    return out


def durations(r, n):
    kind = r.randrange(3)
    if kind == 0:
        return [r.uniform(0.2, 1) for _ in range(n)]
    if kind == 1:
        return [r.choice((0.1, 0.1, 0.1, 1)) for _ in range(n)]
    return [min(8, r.lognormvariate(0, 1)) for _ in range(n)]


class Graph:
    """needs: for each task those before it; takes: its milliseconds, so many that no schedule is shorter than `seconds`."""

    def __init__(self, seed, seconds):
        r = random.Random(seed)
        n = r.randrange(20, 61)
        self.needs = r.choice((shape_random, shape_layers, shape_chains, shape_forks))(r, n)
        raw = durations(r, n)
        self.users = [[] for _ in range(n)]
        for i, before in enumerate(self.needs):
            for k in before:
                self.users[k].append(i)
        scale = seconds * 1000 / self.bound(raw)
        self.takes = [max(5, round(t * scale)) for t in raw]
        self.least = self.bound(self.takes)

    def paths(self, takes):
        """The longest path from each task to the end."""
        out = [0] * len(takes)
        for i in reversed(range(len(takes))):
            out[i] = takes[i] + max((out[u] for u in self.users[i]), default=0)
        return out

    def bound(self, takes):
        return max(max(self.paths(takes)), sum(takes) / JOBS)

    def listed(self, priority):
        """How long it takes when, of those that may start, that of the least `priority` always does."""
        left = [len(before) for before in self.needs]
        ready, running, free, now = [], [], JOBS, 0
        for i, n in enumerate(left):
            if not n:
                heapq.heappush(ready, (priority[i], i))
        while ready or running:
            while ready and free:
                i = heapq.heappop(ready)[1]
                heapq.heappush(running, (now + self.takes[i], i))
                free -= 1
            now, i = heapq.heappop(running)
            free += 1
            for u in self.users[i]:
                left[u] -= 1
                if not left[u]:
                    heapq.heappush(ready, (priority[u], u))
        return now

    def best(self, seed):
        """Of many lists: by chance, and by the longest path with more and more chance."""
        r = random.Random(seed)
        paths, best = self.paths(self.takes), None
        for k in range(LISTS):
            shaken = [-p * r.uniform(1 - k / LISTS, 1) if k < LISTS // 2 else r.random() for p in paths]
            found = self.listed(shaken)
            best = found if best is None else min(best, found)
        return best

    def text(self):
        yield "tasks:\n"
        for i, before in enumerate(self.needs):
            yield f"- {{name: t{i}, run: sleep {self.takes[i] / 1000}, dependencies: [{', '.join(f't{k}' for k in before)}]}}\n"


def measured(b, graph, folder):
    """Milliseconds of a run whose durations are known."""
    os.makedirs(folder)
    write(f"{folder}/workflow.ax.yaml", "".join(graph.text()))
    b.run([b.axmake, "-s", f"-j{len(graph.takes)}"], folder)
    return b.run([b.axmake, "-s", "-B", f"-j{JOBS}"], folder).wall * 1000


def rows(b):
    n, top = b.args.graphs, b.fresh("makespan")
    b.say(f"makespan: {n} graphs, {b.args.at_once} at once")
    graphs = [Graph(seed, b.args.seconds) for seed in range(n)]
    with concurrent.futures.ThreadPoolExecutor(b.args.at_once) as pool:
        took = list(pool.map(lambda k: measured(b, graphs[k], f"{top}/{k}"), range(n)))
    b.say(f"makespan: {LISTS} other schedules of each")
    best = [g.best(seed) for seed, g in enumerate(graphs)]
    path = [g.listed([-p for p in g.paths(g.takes)]) for g in graphs]
    ratio = [t / g.least for t, g in zip(took, graphs)]
    allowed = [max(1.1, 1.02 * x / g.least) for x, g in zip(best, graphs)]
    beyond = [(r / a, seed) for seed, (r, a) in enumerate(zip(ratio, allowed))]
    values = {"axmake": statistics.median(ratio), "best": statistics.median(x / g.least for x, g in zip(best, graphs))}
    values["path"] = statistics.median(x / g.least for x, g in zip(path, graphs))
    title, how = f"makespan, {number(n)} random graphs, -j{JOBS}", f"best of {LISTS} lists"
    note = f"in max(longest path, work / {JOBS}); a list by the longest path, without any cost, takes {values.pop('path'):.3f}"
    b.row(f"{title}: median", values, "ratio", [Goal(1.02, None, "≤ 1.02")], ("best", how), note)
    worst, seed = max(beyond)
    late = sum(1 for x, _ in beyond if x > 1)
    note = f"graph {seed} takes {ratio[seed]:.3f}, and {allowed[seed]:.3f} would be allowed; {late} of {n} take more than they may; the row is in what they may"
    b.row(f"{title}: worst", {"axmake": worst}, "ratio", [Goal(1, None, "≤ 1.10, or 1.02× best")], None, note)
    b.makespans = [dict(seed=s, tasks=len(g.takes), least_ms=g.least, took_ms=t, best_ms=x, path_ms=p) for s, (g, t, x, p) in enumerate(zip(graphs, took, best, path))]
    b.remove(top)
