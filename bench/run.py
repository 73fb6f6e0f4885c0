#!/usr/bin/env python3
"""axmake beside ninja, samurai and make on the same graphs, in one session and in interleaved rounds; prints ratios.

usage: run.py [--axmake PATH] [--tools axmake,ninja] [--samu PATH] [--sizes 1,1000,10000,100000] [--rounds N] [--shapes wide,chain,layered]

Every tool builds the same files: task i copies one source file to one output. wide: no edges; chain: each copies the one before; layered: each copies one
of the layer before. Times are whole processes, medians; memory is the tool's own peak. Ratios are axmake's figure divided by the other tool's.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ap = argparse.ArgumentParser()
ap.add_argument('--axmake', default=os.path.join(os.path.dirname(__file__), '../axmake'))
ap.add_argument('--measure', default=os.path.join(os.path.dirname(__file__), '../build/bench/measure'))
ap.add_argument('--samu', default=os.environ.get('SAMU') or shutil.which('samu'))
ap.add_argument('--sizes', default='1,1000,10000,100000')
ap.add_argument('--rounds', type=int, default=5, help='of the no-op and of one edit')
ap.add_argument('--first', type=int, default=3, help='rounds of the first run; one beyond 20 000 tasks')
ap.add_argument('--shapes', default='wide,layered')
ap.add_argument('--tools', default='axmake,ninja,samurai,make', help='which to run, where they are there')
ap.add_argument('-j', type=int, default=os.cpu_count() or 2)
args = ap.parse_args()
AXMAKE = os.path.abspath(args.axmake)
args.measure = os.path.abspath(args.measure)
ENV = {'PATH': os.path.dirname(AXMAKE) + ':' + os.environ['PATH'], 'HOME': '/nonexistent', 'LC_ALL': 'C'}


def tools():
    found = {'axmake': [AXMAKE, '-j%d' % args.j]}
    if shutil.which('ninja'):
        found['ninja'] = ['ninja', '-j%d' % args.j]
    if args.samu:
        found['samurai'] = [args.samu, '-j%d' % args.j]
    if shutil.which('make'):
        found['make'] = ['make', '-r', '-R', '-j%d' % args.j]
    return {name: command for name, command in found.items() if name in args.tools.split(',')}


def source_of(shape, i, n):
    """What task i copies: a file of src, or another task's output."""
    layer = max(1, int(n ** 0.5))
    if shape == 'chain' and i:
        return 'out/%d' % (i - 1)
    if shape == 'layered' and i >= layer:
        return 'out/%d' % (i - layer)
    return 'src/%d' % i


def write_graph(folder, tool, shape, n):
    os.makedirs(os.path.join(folder, 'src'))
    os.makedirs(os.path.join(folder, 'out'))
    for i in range(n):
        if source_of(shape, i, n).startswith('src/'):
            with open('%s/src/%d' % (folder, i), 'w') as f:
                f.write('%d\n' % i)
    if tool == 'axmake':
        with open(folder + '/workflow.ax.yaml', 'w') as f:
            f.write('tasks:\n')
            for i in range(n):
                s = source_of(shape, i, n)
                f.write('- name: t%d\n  run: cp %s out/%d\n  inputs: [%s]\n  outputs: [out/%d]\n' % (i, s, i, s, i))
    elif tool in ('ninja', 'samurai'):
        with open(folder + '/build.ninja', 'w') as f:
            f.write('rule cp\n  command = cp $in $out\n')
            for i in range(n):
                f.write('build out/%d: cp %s\n' % (i, source_of(shape, i, n)))
    else:
        with open(folder + '/Makefile', 'w') as f:
            f.write('all: %s\n' % ' '.join('out/%d' % i for i in range(n)))
            for i in range(n):
                f.write('out/%d: %s\n\tcp $< $@\n' % (i, source_of(shape, i, n)))


def timed(command, folder):
    """Wall seconds, CPU seconds (the tasks' too) and the tool's own peak memory in MiB."""
    r, w = os.pipe()
    p = subprocess.Popen([args.measure, str(w)] + command, cwd=folder, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=[w])
    os.close(w)
    err = p.stderr.read()
    line = os.read(r, 200).decode().split()
    os.close(r)
    if p.wait():
        sys.exit('bench: %s failed in %s: %s' % (' '.join(command), folder, err.decode(errors='replace')[:500]))
    return float(line[0]), float(line[1]), float(line[2]) / 1024


def clear(folder, tool):
    for name in ('.axmake', '.ninja_log', '.ninja_deps'):
        path = os.path.join(folder, name)
        shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.path.exists(path) and os.unlink(path)
    shutil.rmtree(os.path.join(folder, 'out'))
    os.mkdir(os.path.join(folder, 'out'))


def table(title, seen):
    base = {k: statistics.median(v) for k, v in seen.items()}
    row = '  %-18s' % title
    for tool, value in base.items():
        row += '  %s %8.4f' % (tool, value)
        if tool != 'axmake':
            row += ' (%.2fx)' % (base['axmake'] / value if value else float('nan'))
    print(row, flush=True)


def bench(shape, n):
    top = tempfile.mkdtemp(prefix='axmake-bench-')
    commands = tools()
    folders = {}
    for tool in commands:
        folders[tool] = os.path.join(top, tool)
        write_graph(folders[tool], tool, shape, n)
    print('%s, %d tasks, -j%d (ratio: axmake / other)' % (shape, n, args.j))
    first, first_cpu, memory, noop, noop_cpu, noop_memory, edit = ({t: [] for t in commands} for _ in range(7))
    for r in range(args.first if n <= 20000 else 1):
        for tool, command in commands.items():
            clear(folders[tool], tool)
            took, cpu, mem = timed(command, folders[tool])
            first[tool].append(took)
            first_cpu[tool].append(cpu)
            memory[tool].append(mem)
    time.sleep(0.1)
    for tool, command in commands.items():
        timed(command, folders[tool])  # not counted: caches, and files hashed within the clock's grain are hashed again
    for r in range(args.rounds):
        for tool, command in commands.items():
            took, cpu, mem = timed(command, folders[tool])
            noop[tool].append(took)
            noop_cpu[tool].append(cpu)
            noop_memory[tool].append(mem)
    for r in range(args.rounds):
        for tool, command in commands.items():
            with open('%s/src/0' % folders[tool], 'w') as f:
                f.write('edit %d\n' % r)
            edit[tool].append(timed(command, folders[tool])[0])
            time.sleep(0.02)
    table('first run, s', first)
    table('first run, CPU s', first_cpu)
    table('no-op, s', noop)
    table('no-op, CPU s', noop_cpu)
    table('one edit, s', edit)
    table('first run, MiB', memory)
    table('no-op, MiB', noop_memory)
    shutil.rmtree(top)


for shape in args.shapes.split(','):
    for size in args.sizes.split(','):
        bench(shape, int(size))
