"""The same graph for each tool: task i copies its own source file, and waits for outputs of other tasks by the shape of the graph.

wide: for none. chain: for the one before. layered: for one of the layer before, of as many layers as each has tasks. random: for up to three that came before."""
import os
import random

STATE = (".axmake", ".ninja_log", ".ninja_deps", "out")


def needs(shape, n):
    """For each task the numbers of those that it waits for."""
    if shape == "chain":
        return [[i - 1] if i else [] for i in range(n)]
    if shape == "layered":
        layer = max(1, int(n**0.5))
        return [[i - layer] if i >= layer else [] for i in range(n)]
    if shape == "random":
        r = random.Random(n)
        return [sorted({r.randrange(i) for _ in range(r.randrange(4))}) if i else [] for i in range(n)]
    return [[] for _ in range(n)]


def axmake_text(edges):
    yield "tasks:\n"
    for i, before in enumerate(edges):
        yield f"- name: t{i}\n  run: cp src/{i} out/{i}\n  inputs: [{', '.join([f'src/{i}'] + [f'out/{k}' for k in before])}]\n  outputs: [out/{i}]\n"


def ninja_text(edges):
    yield "rule cp\n  command = cp $in $out\n"
    for i, before in enumerate(edges):
        yield f"build out/{i}: cp src/{i}{' | ' if before else ''}{' '.join(f'out/{k}' for k in before)}\n"


def make_text(edges):
    yield f"all: {' '.join(f'out/{i}' for i in range(len(edges)))}\n"
    for i, before in enumerate(edges):
        yield f"out/{i}: {' '.join([f'src/{i}'] + [f'out/{k}' for k in before])}\n\tcp $< $@\n"


FILES = {"axmake": ("workflow.ax.yaml", axmake_text), "ninja": ("build.ninja", ninja_text), "samurai": ("build.ninja", ninja_text), "make": ("Makefile", make_text)}


def write_sources(folder, n):
    os.makedirs(os.path.join(folder, "src"))
    os.makedirs(os.path.join(folder, "out"))
    for i in range(n):
        fd = os.open(f"{folder}/src/{i}", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(fd, b"%d\n" % i)
        os.close(fd)


def write_graph(folder, tool, shape, n):
    """`tool` may be none of these: then there are only the files."""
    write_sources(folder, n)
    if tool in FILES:
        name, text = FILES[tool]
        with open(os.path.join(folder, name), "w") as f:
            f.writelines(text(needs(shape, n)))
