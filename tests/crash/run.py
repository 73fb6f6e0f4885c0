#!/usr/bin/env python3
"""Kills runs at random, and after each kill asks: does the next run finish, is the one after it idle, is the result that of a clean build?
Then the machine loses its power, see power.py.

usage: run.py [--axmake PATH] [--rounds N] [--losses N] [--seed N] [--only-loss N] [--history WORD]
"""
import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import power  # noqa: E402

ap = argparse.ArgumentParser()
ap.add_argument('--axmake', default=os.path.join(os.path.dirname(__file__), '../../axmake'))
ap.add_argument('--rounds', type=int, default=12)
ap.add_argument('--losses', type=int, default=30)
ap.add_argument('--only-loss', type=int)
ap.add_argument('--history', default='', help='losses of power: those histories alone whose names hold it')
ap.add_argument('--seed', type=int, default=int(time.time()))
args = ap.parse_args()
AXMAKE = os.path.abspath(args.axmake)
ENV = {'PATH': os.path.dirname(AXMAKE) + ':' + os.environ['PATH'], 'HOME': '/nonexistent', 'LC_ALL': 'C.UTF-8'}
rng = random.Random(args.seed)
passed = failed = 0


def can_overlay():
    """Is there an overlay for an isolated task on this machine?"""
    with tempfile.TemporaryDirectory() as d:
        with open(d + '/w.ax.yaml', 'w') as f:
            f.write('tasks: [{name: t, isolate: overlay, run: "true"}]')
        return subprocess.run([AXMAKE], cwd=d, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


VIEWS = ['copy', 'overlay'] if can_overlay() else ['copy']
if len(VIEWS) == 1:
    print('crash: overlays are not possible here, and left out')


def workflow(tasks):
    """A random graph of scripts and agents. Each writes what it depends on, in two steps so that a kill may leave a half."""
    text = ['tasks:']
    for i in range(tasks):
        deps = sorted(rng.sample(range(i), min(i, rng.randint(0, 3))))
        isolate = rng.choice(VIEWS) if rng.random() < 0.3 else 'none'
        ins = ['src/%d' % i] + ['out/%d' % d for d in deps]
        if rng.random() < 0.25:
            text.append('  - {name: t%d, agent: backend, task: "WRITE out/%d\\nabout %s", isolate: %s, inputs: [%s], outputs: [out/%d]}' % (
                i, i, ' '.join('t%d' % d for d in deps), isolate, ', '.join(ins), i))
        else:
            tree = 'tree/%d' % i  # large enough for a file of its own in the cache; what it removes would stay in the root if it had a view
            isolate = 'none' if rng.random() < 0.5 else isolate
            if isolate != 'none':
                text.append('  - {name: t%d, run: "{ cat %s; echo t%d; } > out/%d; sleep 0.0%d; echo end >> out/%d", isolate: %s, inputs: [%s], outputs: [out/%d]}' % (
                    i, ' '.join(ins), i, i, rng.randint(0, 3), i, isolate, ', '.join(ins), i))
                continue
            text.append('  - {name: t%d, run: "{ cat %s; echo t%d; } > out/%d; rm -rf %s; mkdir -p %s/d; seq 5000 > %s/x$(cat src/%d | tr -d \' \'); '
                        'sleep 0.0%d; echo end >> out/%d", inputs: [%s], outputs: [out/%d, %s/]}' % (
                            i, ' '.join(ins), i, i, tree, tree, tree, i, rng.randint(0, 3), i, ', '.join(ins), i, tree))
    return '\n'.join(text) + '\n'


def source(folder, i):
    with open(os.path.join(folder, 'src', str(i)), 'w') as f:
        f.write('%d %d\n' % (i, rng.randint(0, 2)))


def outputs(folder):
    found = {}
    for at, folders, files in os.walk(os.path.join(folder, 'tree')):
        found.update({os.path.relpath(at, folder): None})
        for name in files:
            with open(os.path.join(at, name), 'rb') as f:
                found[os.path.relpath(os.path.join(at, name), folder)] = f.read()
    for name in os.listdir(os.path.join(folder, 'out')):
        if name.startswith('.ax-'):
            continue  # the unfinished file of an agent that was killed while it wrote
        with open(os.path.join(folder, 'out', name), 'rb') as f:
            found[name] = f.read()
    return found


def run(folder, *more, **kw):
    return subprocess.run([AXMAKE, '-j4', '-s', *more], cwd=folder, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, **kw)


def fail(why, folder, out=''):
    global failed
    failed += 1
    print('FAIL (--seed %d): %s in %s\n%s' % (args.seed, why, folder, out))


def lose_outputs(folder):
    """So that what was made before is restored, and the kill may come in the middle of that."""
    for top in ('out', 'tree'):
        for name in os.listdir(os.path.join(folder, top)) if os.path.isdir(os.path.join(folder, top)) else ():
            path = os.path.join(folder, top, name)
            if rng.random() < 0.8:
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def descendants(pid):
    """All that live below a process, and itself; what is started meanwhile is found by the next look."""
    parents = {}
    for other in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % other, encoding='ascii', errors='replace') as f:
                parents[int(other)] = int(f.read().rsplit(')', 1)[1].split()[1])
        except OSError:
            pass
    found = [pid]
    for at in found:
        found += [c for c, parent in parents.items() if parent == at]
    return found


def kill(p):
    """By a signal, alone, or with all that it has started, as when a container or the memory ends."""
    how = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None, None])
    for pid in descendants(p.pid) if how is None else [p.pid]:
        try:
            os.kill(pid, how or signal.SIGKILL)
        except ProcessLookupError:
            pass
    p.wait()
    return how


TOLD = re.compile(r'^\[\d+/\d+\] (\w+): done in', re.MULTILINE)


def half_done(folder):
    """What restoring and storing leave only when they are killed, and the next run takes away."""
    tmp = os.path.join(folder, '.axmake/cache/v1/tmp')
    found = os.listdir(tmp) if os.path.isdir(tmp) else []
    return found + [n for n in os.listdir(os.path.join(folder, '.axmake')) if n == 'restore']


def left_alive(folder):
    """Processes that still work in the folder."""
    alive = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if os.readlink('/proc/%s/cwd' % pid) == os.path.realpath(folder):
                alive.append(pid)
        except OSError:
            pass
    return alive


def one_round(n):
    global passed
    folder = tempfile.mkdtemp(prefix='axmake-crash-')
    clean = folder + '-clean'
    tasks = rng.randint(5, 25)
    os.mkdir(os.path.join(folder, 'src'))
    with open(os.path.join(folder, 'workflow.ax.yaml'), 'w') as f:
        f.write(workflow(tasks))
    with open(os.path.join(folder, 'axmake.ini'), 'w') as f:
        f.write('[axmake]\nprovider = offline\n')
    for i in range(tasks):
        source(folder, i)
    for _ in range(rng.randint(1, 4)):
        if rng.random() < 0.4:
            run(folder)
            lose_outputs(folder)
        with open(folder + '.said', 'w+', encoding='utf-8') as said:
            p = subprocess.Popen([AXMAKE, '-j4'], cwd=folder, env=ENV, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.DEVNULL)
            time.sleep(rng.random() * rng.choice([0.03, 0.4]))
            kill(p)
            said.seek(0)
            told = set(TOLD.findall(said.read()))
        os.unlink(folder + '.said')
        if rng.random() < 0.3:
            r = subprocess.run([AXMAKE, '-j4'], cwd=folder, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
            again = told & set(TOLD.findall(r.stdout))
            if again or r.returncode:
                return fail('after a kill: %d, told as done and run again: %s' % (r.returncode, sorted(again)), folder, r.stdout)
        for i in rng.sample(range(tasks), rng.randint(0, 2)):
            source(folder, i)
        if rng.random() < 0.3:
            log = os.path.join(folder, '.axmake/log')
            if os.path.exists(log) and os.path.getsize(log):
                os.truncate(log, rng.randrange(os.path.getsize(log)))
    r = run(folder)
    if r.returncode:
        return fail('the run after the kills failed', folder, r.stdout)
    if run(folder, '-q').returncode:
        return fail('the run after that has something to do', folder, run(folder, '--explain').stdout)
    source(folder, 0)
    run(folder)
    if half_done(folder):
        return fail('a killed run left %s' % half_done(folder), folder)
    lose_outputs(folder)
    r = run(folder)
    if r.returncode or 'warning' in r.stdout:
        return fail('what was lost does not come back', folder, r.stdout)
    shutil.copytree(folder, clean, ignore=shutil.ignore_patterns('.axmake', 'out', 'tree'))
    run(clean)
    if outputs(folder) != outputs(clean):
        return fail('the outputs differ from those of a clean build', folder)
    deadline = time.time() + 5
    while left_alive(folder) and time.time() < deadline:
        time.sleep(0.05)
    if left_alive(folder):
        return fail('processes are left: %s' % left_alive(folder), folder)
    passed += 1
    shutil.rmtree(folder)
    shutil.rmtree(clean)


for n in range(args.rounds if args.only_loss is None else 0):
    one_round(n)
histories = [h for h in power.HISTORIES if args.history in h and (len(VIEWS) == 2 or 'overlay' not in h)]
lost = power.rounds(AXMAKE, args.losses if args.only_loss is None else args.only_loss + 1, args.seed, histories, args.only_loss)
passed, failed = passed + lost[0], failed + lost[1]
print('seed %d' % args.seed)
print('%d passed, %d failed' % (passed, failed) + (', 1 skipped' if lost[2] else ''))
sys.exit(failed > 0)
