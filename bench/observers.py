#!/usr/bin/env python3
"""What those who follow a run cost it: events, trace, reports, a terminal, notify. In one session and in interleaved rounds; prints ratios to a run that nobody follows.

usage: observers.py [--axmake PATH] [--measure PATH] [--tasks 10000] [--rounds N] [--noops N]

Each task is the script `true`, the shortest there is, so that all else weighs most. CPU times are whole processes with their children. A ratio is the quotient of two sums: a run that takes
0.5 % more in each round than the one before it is told so, however much the machine's own speed changes between rounds. The no-op is answered by a seal; `judged` is one that is not.
"""
import argparse
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ap = argparse.ArgumentParser()
ap.add_argument('--axmake', default=os.path.join(os.path.dirname(__file__), '../axmake'))
ap.add_argument('--measure', default=os.path.join(os.path.dirname(__file__), '../build/bench/measure'))
ap.add_argument('--tasks', type=int, default=10000)
ap.add_argument('--rounds', type=int, default=5, help='of the run')
ap.add_argument('--noops', type=int, default=40, help='rounds of the no-op')
ap.add_argument('--only', help='names of observers, with commas between')
args = ap.parse_args()
AXMAKE, MEASURE = os.path.abspath(args.axmake), os.path.abspath(args.measure)
OBSERVERS = {
    'none': [],
    'events': ['--events', 'events.jsonl'],
    'trace': ['--trace-file', 'trace.json'],
    'md': ['--report', 'r.md'],
    'xml': ['--report', 'r.xml'],
    'json': ['--report', 'r.json'],
    'html': ['--report', 'r.html'],
    'notify': [],
    'terminal': ['--progress=tty'],
}
if args.only:
    OBSERVERS = {n: w for n, w in OBSERVERS.items() if n in args.only.split(',') + ['none']}
ENV = {'PATH': os.environ['PATH'], 'HOME': '/nonexistent', 'LC_ALL': 'C.UTF-8', 'TERM': 'xterm'}


def on_terminal(command, folder, pipe):
    """In a terminal of its own, whose screen is read and forgotten."""
    main, side = pty.openpty()

    def forget():
        try:
            while os.read(main, 65536):
                pass
        except OSError:
            pass
    reader = threading.Thread(target=forget)
    reader.start()
    p = subprocess.Popen(command, cwd=folder, env=ENV, stdin=side, stdout=side, stderr=side, pass_fds=[pipe], start_new_session=True)
    os.close(side)
    status = p.wait()
    reader.join()
    os.close(main)
    return status


def cpu(observer, folder, extra=()):
    """CPU seconds of a run, the tasks' too."""
    r, w = os.pipe()
    command = [MEASURE, str(w), AXMAKE, '-j2', *OBSERVERS[observer], *extra]
    if observer == 'terminal':
        status = on_terminal(command, folder, w)
    else:
        status = subprocess.run(command, cwd=folder, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[w]).returncode
    os.close(w)
    line = os.read(r, 200).decode().split()
    os.close(r)
    if status:
        sys.exit('bench: %s failed' % ' '.join(command))
    return float(line[1])


def rounds(what, n, take):
    sums = {name: 0.0 for name in OBSERVERS}
    for i in range(n):
        names = list(OBSERVERS)
        for name in names[i % len(names):] + names[:i % len(names)]:
            sums[name] += take(name)
    row = '  %-14s none %8.4f s ' % (what, sums['none'] / n)
    for name in list(OBSERVERS)[1:]:
        row += '  %s %+.1f %%' % (name, (sums[name] / sums['none'] - 1) * 100)
    print(row, flush=True)


top = tempfile.mkdtemp(prefix='axmake-bench-')
folders = {name: os.path.join(top, name) for name in OBSERVERS}
for name, folder in folders.items():
    os.mkdir(folder)
    with open(folder + '/workflow.ax.yaml', 'w') as f:
        f.write('tasks:\n' + ''.join('- {name: t%d, run: "true"}\n' % i for i in range(args.tasks)))
    if name == 'notify':
        with open(folder + '/axmake.ini', 'w') as f:
            f.write('[axmake]\nnotify = true\n')


def anew(name):
    shutil.rmtree(folders[name] + '/.axmake', ignore_errors=True)
    return cpu(name, folders[name])


try:
    print('%d tasks, CPU time' % args.tasks)
    rounds('run', args.rounds, anew)
    for name in OBSERVERS:
        for _ in range(3):
            time.sleep(0.05)
            cpu(name, folders[name])
    rounds('no-op', args.noops, lambda name: cpu(name, folders[name]))
    rounds('no-op, judged', max(3, args.noops // 4), lambda name: cpu(name, folders[name], ['-o', 'nothing']))
finally:
    shutil.rmtree(top)
