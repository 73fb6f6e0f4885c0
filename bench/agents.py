#!/usr/bin/env python3
"""What axmake costs beside the agents' programs themselves, with the `offline` provider, which answers at once; in interleaved rounds.

usage: agents.py [--axmake PATH] [--measure PATH] [--atonce PATH] [--folder DIR] [--rounds N]

ax run: one call, and how many milliseconds it takes over the bare program with the same prompt; the median of the differences, pair by pair. 1000 agents:
a workflow of them at -j8, and the bare program 1000 times, 8 at a time. 8 MB prompt: a task with a task_file, and the bare program. Memory: axmake's own
peak for answers of 1 and of 200 MB, as text and as a string in a line of JSON, and how long that took. Times are whole processes.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ap = argparse.ArgumentParser()
ap.add_argument('--axmake', default=os.path.join(HERE, '../axmake'))
ap.add_argument('--measure', default=os.path.join(HERE, '../build/bench/measure'))
ap.add_argument('--atonce', default=os.path.join(HERE, '../build/bench/atonce'))
ap.add_argument('--folder', help='where to work (a new folder is made in it)')
ap.add_argument('--rounds', type=int, default=200, help='of ax run; the others take fewer')
args = ap.parse_args()
BIN = os.path.dirname(os.path.abspath(args.axmake))
AXMAKE, AX, OFFLINE = (os.path.join(BIN, name) for name in ('axmake', 'ax', 'axmake-offline'))
MEASURE, ATONCE = os.path.abspath(args.measure), os.path.abspath(args.atonce)
ENV = {'PATH': BIN + ':/usr/local/bin:/usr/bin:/bin', 'HOME': '/nonexistent', 'LC_ALL': 'C'}
NULL = os.open(os.devnull, os.O_RDWR)


def spawned(argv, stdin=None):
    """Milliseconds of a whole process."""
    inside = os.open(stdin, os.O_RDONLY) if stdin else NULL
    begun = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, ENV, file_actions=[(os.POSIX_SPAWN_DUP2, inside, 0), (os.POSIX_SPAWN_DUP2, NULL, 1), (os.POSIX_SPAWN_DUP2, NULL, 2)])
    status = os.waitpid(pid, 0)[1]
    took = (time.perf_counter() - begun) * 1000
    if stdin:
        os.close(inside)
    if status:
        sys.exit('bench: %s failed' % ' '.join(argv))
    return took


def peak_mib(*command):
    """The command's own peak memory."""
    r, w = os.pipe()
    p = subprocess.Popen([MEASURE, str(w), *command], env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[w])
    os.close(w)
    if p.wait():
        sys.exit('bench: %s failed' % ' '.join(command))
    line = os.read(r, 200).decode().split()
    os.close(r)
    return float(line[2]) / 1024


def write(path, text):
    with open(path, 'w') as f:
        f.write(text)


def forget():
    """Put away, and removed at the end: some file systems make new files slowly after many were removed."""
    away = tempfile.mkdtemp(prefix='away-', dir='.')
    for name in ('.axmake', '.automatosx'):
        if os.path.exists(name):
            os.rename(name, os.path.join(away, name))


def pairs(rounds, one, other, before=lambda: None):
    """Medians of both, of their differences and of their ratios, round by round."""
    a, b = [], []
    for _ in range(rounds):
        before()
        b.append(other())
        a.append(one())
    return (statistics.median(a), statistics.median(b), statistics.median(x - y for x, y in zip(a, b)), statistics.median(x / y for x, y in zip(a, b)))


def row(title, figures):
    print('  %-24s axmake %9.2f ms  bare %9.2f ms  over it %8.2f ms (%.2fx)' % ((title,) + figures), flush=True)


def one_call():
    write('prompt', 'Design a parser')
    row('ax run', pairs(args.rounds, lambda: spawned([AX, 'run', '--provider', 'offline', 'backend', 'Design a parser']), lambda: spawned([OFFLINE], 'prompt')))


def many(n=1000, jobs=8):
    write('axmake.ini', '[axmake]\nprovider = offline\n')
    write('workflow.ax.yaml', 'tasks:\n' + ''.join('- {name: t%d, agent: backend, task: Design a parser}\n' % i for i in range(n)))
    row('%d agents at -j%d' % (n, jobs), pairs(max(3, args.rounds // 40), lambda: spawned([AXMAKE, '-j%d' % jobs, '-s']),
                                                lambda: spawned([ATONCE, str(jobs), str(n), 'prompt', OFFLINE]), forget))


def long_prompt():
    write('long', 'All of this is the prompt, line by line.\n' * (8000000 // 41))
    write('workflow.ax.yaml', 'tasks:\n- {name: t, agent: backend, task_file: long}\n')
    row('a prompt of 8 MB', pairs(max(3, args.rounds // 20), lambda: spawned([AXMAKE, '-s']), lambda: spawned([OFFLINE], 'long'), forget))


def memory():
    write('workflow.ax.yaml', 'tasks:\n- {name: t, agent: a, task: x}\n')
    for form, rule, before, behind in (('text', '', '', ''), ('JSON', 'result = jsonl:/result\nfinal = jsonl:/end\n', '{"result":"', '","end":true}')):
        write('axmake.ini', '[provider big]\ncommand = sh big.sh\n%s[agent a]\nprovider = big\n' % rule)
        for what, command in (('a workflow', [AXMAKE, '-B', '-s']), ('ax run', [AX, 'run', 'a', 'x']), ('ax run --json', [AX, 'run', 'a', 'x', '--json'])):
            seen = []
            for mb in (1, 200):
                forget()
                write('big.sh', "cat > /dev/null; printf %%s '%s'; head -c %d /dev/zero | tr '\\0' x; printf '%%s\\n' '%s'\n" % (before, mb * 1000000, behind))
                begun = time.perf_counter()
                seen += [peak_mib(*command), time.perf_counter() - begun]
            print('  %-24s %s of 1 MB: %.1f MiB, %.2f s; of 200 MB: %.1f MiB, %.2f s' % ('memory, ' + what, form, *seen), flush=True)


top = tempfile.mkdtemp(prefix='axmake-bench-', dir=args.folder)
os.chdir(top)
print('agents, by the offline provider in %s' % top)
one_call()
many()
long_prompt()
memory()
os.chdir('/')
shutil.rmtree(top)
