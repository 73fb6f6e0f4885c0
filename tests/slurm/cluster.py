"""A Slurm cluster of this machine alone: a controller and two nodes, with configuration, key, ports and state of their own in a folder of their own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from suite import Failed, Skipped  # noqa: E402

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "salloc", "squeue", "scancel", "scontrol", "sinfo")
NODES = ("n1", "n2")
# A job that waits is otherwise looked at only once in a while (doc/slurm.md).
SCHEDULER = "sched_interval=1,bf_interval=1"
SBIN = os.environ["PATH"] + ":/usr/sbin:/sbin"

CONFIG = """ClusterName=axmake
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmctldPort={port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdParameters=config_overrides
SlurmdTimeout={patience_s}
InactiveLimit=20
KillWait={kill_wait_s}
MinJobAge=2
{more}
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{node1},{node2}] CPUs={cpus} RealMemory=4000 State=UNKNOWN
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """What this machine lacks for a cluster; None when that is nothing."""
    if os.geteuid() != 0:
        return "a cluster's daemons start as root only"
    lacking = [p for p in PROGRAMS if not shutil.which(p, path=SBIN)]
    if lacking:
        return f"no {', '.join(lacking)} (Debian: slurm-wlm, munge; `make check-slurm` installs them)"
    return None


def free_ports(n):
    """Held together while they are chosen, so that they differ; below those that the kernel gives to clients."""
    socks, ports = [], []
    first = 12000 + os.getpid() * 7 % 18000
    for port in range(first, first + 2000):
        s = socket.socket()
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            s.close()
            continue
        socks.append(s)
        ports.append(port)
        if len(ports) == n:
            break
    for s in socks:
        s.close()
    return ports


class Cluster:
    """Running from `start` to `stop`. `env` is what a client needs."""

    def __init__(self, folder, cpus=8, patience_s=5, kill_wait_s=2, more=""):
        """patience_s: after which a node that does not answer is down. more: further lines of slurm.conf."""
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.config = self.path("slurm.conf")
        ports = free_ports(3)
        host = socket.gethostname().split(".")[0]
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(folder=folder, host=host, port=ports[0], node1=ports[1], node2=ports[2], cpus=cpus, patience_s=patience_s, kill_wait_s=kill_wait_s, more=more))
        self.env = {"SLURM_CONF": self.config, "PATH": SBIN}

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def call(self, *words, limit_s=60):
        """What a command of Slurm's says; Failed when it fails."""
        p = subprocess.run(words, env={**os.environ, **self.env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit_s, check=False)
        text = p.stdout.decode(errors="replace")
        if p.returncode:
            raise Failed(f"{' '.join(words)}: exit status {p.returncode}\n{text}")
        return text

    def start(self):
        os.makedirs(self.path("state"), exist_ok=True)
        for node in NODES:
            os.makedirs(self.path(f"spool-{node}"), exist_ok=True)
        self.start_munge()
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        self.until(lambda: self.states() == {n: "idle" for n in NODES}, "two idle nodes")

    def start_munge(self):
        """The key and the socket are this cluster's, so a munge of the machine's own is not touched."""
        os.chmod(self.folder, 0o755)
        with open(self.path("munge.key"), "wb") as f:
            f.write(os.urandom(128))
        os.chmod(self.path("munge.key"), 0o400)
        self.call(
            "munged", "--force", f"--socket={self.path('munge.socket')}", f"--key-file={self.path('munge.key')}", f"--pid-file={self.path('munge.pid')}",
            f"--log-file={self.path('munge.log')}", f"--seed-file={self.path('munge.seed')}", "--num-threads=4",
        )

    def start_controller(self):
        self.call("slurmctld", "-f", self.config)

    def start_node(self, node):
        self.call("slurmd", "-N", node, "-f", self.config)

    def pid(self, name):
        """Of a daemon: munge, slurmctld, slurmd-n1; None when it has left none."""
        try:
            with open(self.path(name + ".pid"), encoding="ascii") as f:
                return int(f.read())
        except (OSError, ValueError):
            return None

    def alive(self, pid):
        """A pid file may be older than the process that has its number now: only what was started with this folder counts."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return self.folder.encode() in f.read()
        except OSError:
            return False

    def kill(self, name, sig=signal.SIGKILL, limit_s=20):
        """Ends a daemon, and waits until it is gone."""
        pid = self.pid(name)
        if pid is None or not self.alive(pid):
            return
        os.kill(pid, sig)
        end = time.monotonic() + limit_s
        while self.alive(pid):
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def stop(self):
        """Whatever state it is in; what ran on the nodes ends as well."""
        try:
            if self.pid("slurmctld"):
                subprocess.run(["scancel", "--user=root"], env={**os.environ, **self.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=False)
                self.until(lambda: not self.queue(), "an empty queue", limit_s=10)
        except (Failed, OSError, subprocess.TimeoutExpired):
            pass
        for name in (*(f"slurmd-{n}" for n in NODES), "slurmctld", "munge"):
            self.kill(name, signal.SIGTERM, limit_s=10)
        self.end_steps()

    def end_steps(self, node=""):
        """All that runs on a node, or on both, whatever became of its daemon, as when a machine dies. A task's process is told by its environment, the one above it by its log."""
        marks = (b"\0SLURM_CONF=" + self.config.encode() + b"\0", b"\0SLURMD_NODENAME=" + node.encode())
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and (self.is_task(entry, marks) or self.is_above(entry, node)):
                    os.kill(int(entry), signal.SIGKILL)
            except OSError:
                pass  # it has ended by itself

    @staticmethod
    def is_task(pid, marks):
        with open(f"/proc/{pid}/environ", "rb") as f:
            environ = b"\0" + f.read()
        return all(mark in environ for mark in marks)

    def is_above(self, pid, node):
        with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as f:
            if f.read().strip() != "slurmstepd":
                return False
        return any(os.readlink(f"/proc/{pid}/fd/{fd}").startswith(self.path(f"slurmd-{node}")) for fd in os.listdir(f"/proc/{pid}/fd"))

    def states(self):
        lines = self.call("sinfo", "-h", "-N", "-o", "%N %t").split("\n")
        return dict(line.split() for line in lines if line)

    def queue(self):
        """Lines of all jobs that are not over: number, name, state, reason."""
        return [line for line in self.call("squeue", "-h", "-o", "%i %j %T %r").split("\n") if line]

    def until(self, condition, what, limit_s=40):
        end = time.monotonic() + limit_s
        while True:
            try:
                if condition():
                    return
                why = ""
            except Failed as e:
                why = str(e)
            if time.monotonic() > end:
                raise Failed(f"waited in vain for {what}", why, *self.logs())
            time.sleep(0.1)

    def logs(self):
        for name in ("slurmctld", *(f"slurmd-{n}" for n in NODES)):
            try:
                with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as f:
                    yield f"-- {name}.log\n" + "".join(f.readlines()[-15:])
            except OSError:
                pass


def started(folder, **how):
    """A running cluster; Skipped where there can be none."""
    lack = missing()
    if lack:
        raise Skipped(lack)
    cluster = Cluster(folder, **how)
    try:
        cluster.start()
    except BaseException:
        cluster.stop()
        raise
    return cluster
