"""The row of the terminal: what of a processor is taken while frames are drawn, by axmake and by a program that only hands on what it reads."""
import fcntl
import os
import pty
import statistics
import struct
import termios
import threading
import time

from measured import Failed, write
from rows import Goal

LINES = "for i in $(seq 1000); do echo line $i; sleep 0.1; done"


def forget(fd):
    try:
        while os.read(fd, 65536):
            pass
    except OSError:  # nobody has it open any more
        pass


def seconds_of(pid):
    """Of a processor, by that process alone."""
    with open(f"/proc/{pid}/schedstat") as f:
        return int(f.read().split()[0]) / 1e9


def share(b, command, top, seconds):
    """Percent of a processor, in a terminal of 30 rows and 100 columns."""
    pid, fd = pty.fork()
    if not pid:
        os.chdir(top)
        os.execve(command[0], command, {**{n: v for n, v in b.env.items() if n not in ("CI", "MAKELEVEL")}, "TERM": "xterm"})
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    reader = threading.Thread(target=forget, args=(fd,))
    reader.start()
    time.sleep(0.7)
    try:
        began, before = time.monotonic(), seconds_of(pid)
        time.sleep(seconds)
        used = (seconds_of(pid) - before) / (time.monotonic() - began)
    except (OSError, IndexError):
        raise Failed(f"{' '.join(command)[:200]} has ended before its time") from None
    finally:
        os.killpg(pid, 15)
        os.waitpid(pid, 0)
        reader.join()
        os.close(fd)
    return used * 100


def screen_row(b):
    """Drawing takes what a run takes with it less what the same run takes without."""
    top = b.fresh("screen")
    write(f"{top}/workflow.ax.yaml", f'tasks:\n- {{name: a, run: "{LINES}"}}\n- {{name: b, run: sleep 100}}\n')
    seconds = 2 if b.args.quick else 5
    steps = {
        "axmake": lambda: share(b, [b.axmake, "-B", "-j2"], top, seconds),
        "undrawn": lambda: share(b, [b.axmake, "-B", "-j2", "--progress=none"], top, seconds),
        "bare": lambda: share(b, [b.least, "lines", f"{top}/lines", "/bin/sh", "-c", LINES], top, seconds),
    }
    seen = b.rounds("a terminal", b.args.rounds, steps)
    drawing = statistics.median(x - y for x, y in zip(seen["axmake"], seen["undrawn"]))
    whole = {name: statistics.median(v) for name, v in seen.items()}
    note = f"with all else that is done of the task's lines {whole['axmake']:.2f} % of a processor, undrawn {whole['undrawn']:.2f} %; a program that hands the lines on {whole['bare']:.2f} %"
    b.row("drawing ten frames a second, of a processor", {"axmake": drawing, "bare": whole["bare"]}, "%", [Goal(1, None, "≤ 1 %", "%")], ("bare", "lines handed on"), note)
    b.remove(top)
