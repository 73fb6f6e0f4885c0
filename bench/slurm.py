#!/usr/bin/env python3
"""Tasks a second through Slurm: a loop of srun, as many at once as an executor has places (the controller's own rate), and axmake's executors. A cluster of this machine alone; as root.

usage: slurm.py [--axmake PATH] [--tasks 200] [--places 16] [--rounds 3]

Each task is the script `true`. All ways in turn, round by round; what is told is the median. A rate is all tasks by the time from start to end, with what comes before and after them:
axmake reads its workflow and writes its log, an allocation is made and given back.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tests/slurm'), os.path.join(HERE, '../tests')]
import cluster as slurm  # noqa: E402
from suite import Skipped  # noqa: E402

ap = argparse.ArgumentParser()
ap.add_argument('--axmake', default=os.path.join(HERE, '../axmake'))
ap.add_argument('--tasks', type=int, default=200)
ap.add_argument('--places', type=int, default=16, help='tasks at once; two nodes of 8 processors are simulated')
ap.add_argument('--rounds', type=int, default=3)
args = ap.parse_args()
AXMAKE = os.path.abspath(args.axmake)
JOB = 'srun --quiet --nodes=1 --ntasks=1 true'
LOOP_TASKS = max(1, args.tasks // 4)  # one after another takes long


def call(command, env, folder):
    began = time.monotonic()
    p = subprocess.run(['/bin/sh', '-c', command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if p.returncode:
        sys.exit('bench: %s failed\n%s' % (command, p.stdout.decode(errors='replace')[-2000:]))
    return time.monotonic() - began


def project(top, executor):
    folder = os.path.join(top, executor)
    os.mkdir(folder)
    with open(folder + '/workflow.ax.yaml', 'w') as f:
        f.write('defaults: {executor: %s}\ntasks:\n' % executor + ''.join('- {name: t%d, run: "true"}\n' % i for i in range(args.tasks)))
    with open(folder + '/axmake.ini', 'w') as f:
        f.write('[executor %s]\nmax_concurrent = %d\n' % (executor, args.places))
    return folder


def ways(top, env):
    """name -> (seconds, tasks)"""
    many = 'seq %d | xargs -P %d -I_ ' % (args.tasks, args.places)
    inside = 'id=$(salloc --no-shell --ntasks=%d 2>&1 | sed -n "s/.*Granted job allocation //p"); %s srun --quiet --jobid=$id --exact --nodes=1 --ntasks=1 true && scancel $id' % (args.places, many)
    both = {e: project(top, e) for e in ('slurm', 'slurm-steps')}

    def axmake(executor):
        shutil.rmtree(both[executor] + '/.axmake', ignore_errors=True)
        return call(AXMAKE + ' -s', env, both[executor]), args.tasks
    return {
        'loop of srun': lambda: (call('for i in $(seq %d); do %s; done' % (LOOP_TASKS, JOB), env, top), LOOP_TASKS),
        'srun, %d at once' % args.places: lambda: (call(many + JOB, env, top), args.tasks),
        'axmake, slurm': lambda: axmake('slurm'),
        'steps, %d at once' % args.places: lambda: (call(inside, env, top), args.tasks),
        'axmake, slurm-steps': lambda: axmake('slurm-steps'),
    }


top = os.path.realpath(tempfile.mkdtemp(prefix='axmake-bench-'))
try:
    c = slurm.started(os.path.join(top, 'cluster'), more='SchedulerParameters=' + slurm.SCHEDULER)
except Skipped as e:
    shutil.rmtree(top)
    sys.exit('bench: %s' % e)
try:
    all_ways = ways(top, {**os.environ, **c.env, 'LC_ALL': 'C.UTF-8'})
    rates = {name: [] for name in all_ways}
    for _ in range(args.rounds):
        for name, way in all_ways.items():
            seconds, tasks = way()
            rates[name].append(tasks / seconds)
            c.until(lambda: not c.queue(), 'an empty queue')
    print('%d tasks, %d places, median of %d rounds: tasks a second' % (args.tasks, args.places, args.rounds))
    for name, seen in rates.items():
        print('  %-24s %6.1f   (%s)' % (name, statistics.median(seen), ' '.join('%.1f' % r for r in seen)))
finally:
    c.stop()
    shutil.rmtree(top)
