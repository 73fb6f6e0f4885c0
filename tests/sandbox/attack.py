"""A program in a sandbox that tries to get out: PLAN NAME. Each attack tells by a line of JSON whether it has won."""

import ctypes
import json
import os
import random
import signal
import socket
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUSER, NEWPID, NEWNET = 0x20000, 0x10000000, 0x20000000, 0x40000000
PTRACE_ATTACH, MS_REMOUNT, MS_BIND = 16, 32, 4096


def reads(path):
    try:
        with open(path, "rb") as f:
            return f.read(4096)
    except OSError:
        return b""


def secret(text):
    return b"of nobody else" in text


def writes(path, text=b"pwned"):
    """Whether it stands outside then is seen from there."""
    try:
        with open(path, "wb") as f:
            f.write(text)
    except OSError:
        pass
    return False


def in_child(f, seconds=5):
    """What f says in a process of its own, which may not come back."""
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(w, b"1" if f() else b"0")
        except BaseException:
            pass
        os._exit(0)
    os.close(w)
    end, said = time.monotonic() + seconds, b""
    os.set_blocking(r, False)
    while time.monotonic() < end and not said:
        if os.waitpid(pid, os.WNOHANG)[0]:
            pid = 0
        try:
            said = os.read(r, 1)
        except BlockingIOError:
            said = b""
        if not pid:
            break
        time.sleep(0.01)
    os.close(r)
    if pid:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return said == b"1"


def read_hidden(w, rng):
    home = w["home"]
    ways = [home + "/.ssh/id", "src/key", "../home/.ssh/id", f"/proc/1/root{home}/.ssh/id", f"/proc/self/root{home}/.ssh/id", f"/proc/{w['victims'][0]}/root{home}/.ssh/id",
            f"/proc/{w['runner']}/root{home}/.ssh/id", f"/proc/{w['runner']}/cwd", f"/proc/self/cwd/../home/.ssh/id", f"{w['root']}/../home/.ssh/id"]
    return any(secret(reads(p)) for p in rng.sample(ways, 4))


def read_by_link(w, rng):
    for make in (os.symlink, os.link):
        name = f"l{rng.randrange(10 ** 6)}"
        try:
            make(w["home"] + "/.ssh/id", name)
            if secret(reads(name)):
                return True
        except OSError:
            pass
    return False


def read_state(w, rng):
    paths = [".axmake/log", ".axmake/lock", ".axmake/tasks/other/stdout", ".axmake/tasks/other/output", *(f".axmake/views/{n}/upper/made{n[1:]}" for n in w["others"]), *(f".axmake/tasks/{n}/stdout" for n in w["others"])]
    return any(reads(p) not in (b"", b"pwned") for p in paths)  # what it wrote itself lies in an empty folder of its own


def write_out(w, rng):
    for p in (w["outside"] + "/canary", w["outside"] + "/new", w["home"] + "/new", w["home"] + "/.ssh/id", "src/out/canary", "/etc/axmake-was-here", "/usr/axmake-was-here", "/tmp/axmake-was-here",
              "/dev/axmake-was-here", "/dev/shm/axmake-was-here", ".axmake/log", "../new", "/proc/1/root" + w["outside"] + "/new"):
        writes(p)
    return False


def write_by_links(w, rng):
    """Outputs that lead out: what is moved to the root later must not go through them."""
    me = w["number"]
    for name, to in ((f"made{me}", w["outside"] + "/canary"), (f"tree{me}", w["outside"]), (f"tree{me}/x", "../../outside/canary"), (f"tree{me}/y", "/etc")):
        try:
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            if rng.random() < 0.5:
                os.symlink(to, name)
        except OSError:
            pass
    writes(f"tree{me}/canary")
    return False


def set_ids(w, rng):
    name = f"made{w['number']}"
    writes(name, b"#!/bin/sh\n")
    try:
        os.chmod(name, 0o6755)
    except OSError:
        pass
    return False


def nodes(w, rng):
    os.makedirs(f"tree{w['number']}", exist_ok=True)
    for mode, dev in ((0o020666, os.makedev(1, 3)), (0o060666, os.makedev(254, 0)), (0o020666, os.makedev(1, 1))):
        try:
            os.mknod(f"tree{w['number']}/n{rng.randrange(10 ** 6)}", mode, dev)
            return True
        except OSError:
            pass
    return False


def mounts(w, rng):
    def tries():
        if rng.random() < 0.7:
            libc.unshare(NEWUSER | NEWNS)
        libc.mount(b"none", b"/", None, MS_REMOUNT | MS_BIND, None)
        libc.mount(b"none", w["home"].encode(), None, MS_REMOUNT | MS_BIND, None)
        libc.umount2(w["home"].encode(), 2)
        libc.umount2(b"/tmp", 2)
        libc.umount2(b"/proc", 2)
        libc.chroot(b"/proc/1/root")
        write_out(w, rng)
        return secret(reads(w["home"] + "/.ssh/id"))
    return in_child(tries)


def namespaces(w, rng):
    def tries():
        for pid in [w["runner"], *w["victims"], 1, os.getppid()]:
            for kind in ("user", "mnt", "net", "pid"):
                try:
                    fd = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
                    libc.setns(fd, 0)
                except OSError:
                    pass
        write_out(w, rng)
        return secret(reads(w["home"] + "/.ssh/id"))
    return in_child(tries)


def descriptors(w, rng):
    """Something that was left open?"""
    for fd in os.listdir("/proc/self/fd"):
        try:
            at = os.open(f"/proc/self/fd/{fd}/../home/.ssh/id", os.O_RDONLY)
            if secret(os.read(at, 100)):
                return True
        except OSError:
            pass
        try:
            if secret(reads(f"/proc/self/fd/{fd}")):
                return True
        except OSError:
            pass
    return False


def becomes(w, rng):
    def tries():
        for f in (lambda: os.setgroups([]), lambda: os.setuid(0 if os.getuid() else 65534), lambda: os.setgid(0 if os.getgid() else 65534)):
            try:
                f()
                return os.getuid() == 0 and os.access("/etc/shadow", os.W_OK)
            except OSError:
                pass
        return False
    return in_child(tries)


def traces(w, rng):
    for pid in w["victims"]:
        if pid > 300 and not libc.ptrace(PTRACE_ATTACH, pid, None, None):
            return b"999.5" in reads(f"/proc/{pid}/cmdline")
    return False


def kills(w, rng):
    for pid in w["victims"]:
        if reads(f"/proc/{pid}/cmdline") not in (b"", b"sleep\0" + b"999.5\0"):  # one of its own has that number
            continue
        for sig in (0, signal.SIGSTOP, signal.SIGKILL):
            try:
                os.kill(pid, sig)
                return True
            except OSError:
                pass
    return False


def kills_parents(w, rng):
    def tries():
        for pid in (1, os.getppid(), -1):
            try:
                os.kill(pid, rng.choice([signal.SIGTERM, signal.SIGHUP, signal.SIGSTOP, signal.SIGKILL]))
            except OSError:
                pass
        return False
    if rng.random() < 0.15:  # it ends itself
        in_child(tries)
    else:
        try:
            os.kill(1, rng.choice([signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM]))
        except OSError:
            pass
    return False


def connects(w, rng):
    won = False
    for family, address, allowed in ((socket.AF_INET, ("127.0.0.1", w["port"]), w["network"]), (socket.AF_UNIX, w["home"] + "/socket", False), (socket.AF_UNIX, "\0" + w["abstract"], w["network"])):
        with socket.socket(family) as s:
            s.settimeout(2)
            try:
                if not allowed:
                    s.connect(address)
                    won = True
            except OSError:
                pass
    return won


def forks(w, rng):
    """No more than it may have. What it made it ends."""
    most, pids = w["processes"], []
    try:
        while len(pids) < 400:
            pid = os.fork()
            if not pid:
                time.sleep(1000)
                os._exit(0)
            pids.append(pid)
    except OSError:
        pass
    n = len(pids)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return bool(most) and n > most


def bomb(w, rng):
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        try:
            if not os.fork():
                if rng.random() < 0.5:
                    os.setsid()
                time.sleep(0.01)
        except OSError:
            if os.getpid() != w["pid"]:
                os._exit(0)
            time.sleep(0.01)
    if os.getpid() != w["pid"]:
        os._exit(0)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
    return False


def fills(w, rng):
    """Memory has the limit of the disk in each folder."""
    for folder in rng.sample(["/tmp", "/dev/shm", "/var/tmp", w["home"], "/run"], 2):
        n = 0
        try:
            for i in range(20):
                with open(f"{folder}/fill{i}", "wb") as f:
                    n += f.write(bytes(1 << 20))
        except OSError:
            pass
        if n > w["disk"] + (1 << 20):
            return True
        for i in range(20):
            try:
                os.unlink(f"{folder}/fill{i}")
            except OSError:
                pass
    return False


def fills_view(w, rng):
    if rng.random() < 0.2:  # it is ended for it
        for i in range(40):
            writes(f"fill{i}", bytes(1 << 20))
        time.sleep(7)
        return True
    try:
        with open("big", "wb") as f:
            n = f.write(bytes(w["disk"] * 2))
        return n > w["disk"]
    except OSError:
        return False
    finally:
        os.path.exists("big") and os.unlink("big")


def stays(w, rng):
    """A daemon, deaf, of no name, without a mark."""
    if os.fork():
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(sig, signal.SIG_IGN)
    os.closerange(0, 64)
    os.execve("/bin/sleep", ["sleep", "1000"], {})


def closes(w, rng):
    os.makedirs("closed/x", exist_ok=True)
    os.chmod("closed", 0)
    return False


def groups(w, rng):
    """Into a cgroup that has no limit."""
    for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"):
        try:
            with open(f"{top}/cgroup.procs", "w", encoding="ascii") as f:
                f.write("0")
            return True
        except OSError:
            pass
        try:
            os.mkdir(f"{top}/axmake-out")
            return True
        except OSError:
            pass
    return False


def kernel(w, rng):
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/sys/kernel/uevent_helper", "/proc/1/oom_score_adj"):
        old = reads(path)
        try:
            with open(path, "r+b") as f:
                f.write(old)
            if not path.startswith("/proc/1/"):
                return True
        except OSError:
            pass
    return False


def moves(w, rng):
    for a, b in ((".", "../moved"), (w["root"], w["root"] + "2"), (".axmake", ".ax2"), ("src", "../src"), (".axmake/results", "gone")):
        try:
            os.rename(a, b)  # of a folder that is empty here, and stays where it is outside
        except OSError:
            pass
    return False


def terminal(w, rng):
    import fcntl
    import termios
    for path in ("/dev/tty", "/dev/pts/0", "/proc/self/fd/0"):
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
            fcntl.ioctl(fd, termios.TIOCSTI, b"x")
            return True
        except OSError:
            pass
    return False


def spoils(w, rng):
    for path in ("src/code", "workflow.ax.yaml", ".axmake/tasks/t0/started", ".axmake/lock"):
        writes(path)
        try:
            os.unlink(path)
        except OSError:
            pass
    return False


ATTACKS = {f.__name__: f for f in (read_hidden, read_by_link, read_state, write_out, write_by_links, set_ids, nodes, mounts, namespaces, descriptors, becomes, traces, kills, kills_parents, connects, forks, bomb,
                                   fills, fills_view, stays, closes, groups, kernel, moves, terminal, spoils)}


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        w = json.load(f)[sys.argv[2]]
    w["number"], w["pid"], rng = sys.argv[2][1:], os.getpid(), random.Random(w["seed"])
    for name in w["attacks"]:
        try:
            won = ATTACKS[name](w, rng)
        except OSError:
            won = False
        if os.getpid() != w["pid"]:
            os._exit(0)
        print(json.dumps({"attack": name, "won": bool(won)}), flush=True)
    me = w["number"]
    try:
        if not os.path.lexists(f"made{me}"):
            writes(f"made{me}", b"made")
        os.makedirs(f"tree{me}", exist_ok=True)
        writes(f"tree{me}/file", b"made")
    except OSError:
        pass


if __name__ == "__main__":
    main()
