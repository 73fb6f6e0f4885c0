#!/usr/bin/env python3
"""The cache beside cp, and hashing beside cat and b2sum, in one session and in interleaved rounds; prints ratios.

usage: cache.py [--axmake PATH] [--folder DIR] [--rounds N] [--files 1000] [--size 100000]

Restoring: a run that has an output tree to bring back, beside `cp -r` of that tree. Storing: what a run takes longer than with --no-cache, beside the same. Hashing: a run whose one
task has the files as inputs and does nothing, beside `cat FILES > /dev/null` (large files) and b2sum on one CPU (small ones). All is warm. Times are whole processes, the best of all rounds.
"""
import argparse
import os
import shutil
import subprocess
import tempfile
import time

ap = argparse.ArgumentParser()
ap.add_argument('--axmake', default=os.path.join(os.path.dirname(__file__), '../axmake'))
ap.add_argument('--folder', help='where to work: the file system that is measured')
ap.add_argument('--rounds', type=int, default=7)
ap.add_argument('--files', type=int, default=1000)
ap.add_argument('--size', type=int, default=100000)
ap.add_argument('--large', type=int, default=256, help='MiB in large files')
ap.add_argument('--small', type=int, default=20000, help='small files of 4 KiB')
args = ap.parse_args()
AXMAKE = os.path.abspath(args.axmake)
ENV = {'PATH': os.environ['PATH'], 'HOME': '/nonexistent', 'LC_ALL': 'C'}


def timed(command, folder):
    began = time.monotonic()
    subprocess.run(command, cwd=folder, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)


def row(title, ours, other, name):
    print('  %-34s axmake %8.4f s  %-6s %8.4f s  ratio %.2f' % (title, ours, name, other, ours / other), flush=True)


def cache(top):
    folder = os.path.join(top, 'cache')
    for i in range(args.files):
        write('%s/src/%d/%d' % (folder, i % 10, i), os.urandom(args.size))
    with open(folder + '/workflow.ax.yaml', 'w') as f:
        f.write('tasks: [{name: tree, run: cp -r src out, outputs: [out/]}]\n')
    times = {'cp': [], 'restore': [], 'with': [], 'without': []}
    out, state, copy = (os.path.join(folder, n) for n in ('out', '.axmake', 'copy'))
    for _ in range(args.rounds):
        for kind, words in (('without', ['--no-cache']), ('with', [])):
            shutil.rmtree(out, ignore_errors=True)
            shutil.rmtree(state, ignore_errors=True)
            times[kind].append(timed([AXMAKE, '-s', *words], folder))
        shutil.rmtree(out)
        times['restore'].append(timed([AXMAKE, '-s'], folder))
        times['cp'].append(timed(['cp', '-r', 'src', copy], folder))
        shutil.rmtree(copy)
    cp, restore, stored, plain = (min(times[k]) for k in ('cp', 'restore', 'with', 'without'))
    print('%d files of %d bytes' % (args.files, args.size))
    row('restore', restore, cp, 'cp -r')
    row('store', stored - plain, cp, 'cp -r')
    shutil.rmtree(folder)


def hashing(top, title, n, size, command):
    folder = os.path.join(top, 'hash')
    for i in range(n):
        write('%s/in/%d' % (folder, i), os.urandom(size))
    with open(folder + '/workflow.ax.yaml', 'w') as f:
        f.write('tasks: [{name: t, run: "true", inputs: [in]}]\n')
    ours, other = [], []
    for _ in range(args.rounds):
        shutil.rmtree(folder + '/.axmake', ignore_errors=True)
        ours.append(timed([AXMAKE, '-s'], folder))
        other.append(timed(['sh', '-c', command], folder))
    row(title, min(ours), min(other), 'b2sum' if 'b2sum' in command else 'cat')
    shutil.rmtree(folder)


top = tempfile.mkdtemp(prefix='axmake-bench-', dir=args.folder)
try:
    cache(top)
    hashing(top, 'hash %d MiB in large files' % args.large, 4, args.large << 18, 'cat in/* > /dev/null')
    hashing(top, 'hash %d small files' % args.small, args.small, 4096, 'find in -type f | xargs b2sum')
finally:
    shutil.rmtree(top)
