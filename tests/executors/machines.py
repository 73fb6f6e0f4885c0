"""Two machines that are this one: sshd on ports of 127.0.0.1, with keys made for the test, and an `ssh` that knows them as `one` and `two`."""

import getpass
import os
import shutil
import socket
import subprocess
import time

from suite import Skipped, check, write

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if os.path.exists("/usr/sbin/sshd") else None)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


class Machines:
    """`with Machines(box, "one", "two") as m`: daemons that end with the block."""

    def __init__(self, box, *names):
        if not SSHD or not shutil.which("ssh"):
            raise Skipped("sshd is missing (openssh-server)")
        self.box, self.names, self.folder, self.daemons, self.ports = box, names, box.path("machines"), {}, {}
        os.makedirs(self.folder, mode=0o700)

    def __enter__(self):
        at = lambda name: os.path.join(self.folder, name)
        key(at("host"))
        key(at("user"))
        shutil.copy(at("user.pub"), at("authorized"))
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        config = ""
        for name in self.names:
            self.ports[name] = free_port()
            config += f"Host {name}\n  HostName 127.0.0.1\n  Port {self.ports[name]}\n"
            write(
                at(name + ".conf"),
                f"Port {self.ports[name]}\nListenAddress 127.0.0.1\nHostKey {at('host')}\nAuthorizedKeysFile {at('authorized')}\nPidFile {at(name + '.pid')}\n"
                "UsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\nMaxStartups 100\nMaxSessions 100\nLogLevel ERROR\n",
            )
            self.start(name)
        config += f"Host *\n  User {getpass.getuser()}\n  IdentityFile {at('user')}\n  IdentitiesOnly yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
        write(at("config"), config)
        write(self.box.path("bin", "ssh"), f'#!/bin/sh\nexec {shutil.which("ssh")} -F {at("config")} "$@"\n', 0o755)
        self.box.env["PATH"] = f"{self.box.path('bin')}:{self.box.env['PATH']}"
        return self

    def start(self, name):
        # not of the tests' own environment: what a task finds there came by axmake
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        self.daemons[name] = subprocess.Popen([SSHD, "-D", "-e", "-f", os.path.join(self.folder, name + ".conf")], env=env, start_new_session=True, stderr=subprocess.DEVNULL)
        for _ in range(200):
            if listens(self.ports[name]):
                return
            time.sleep(0.02)
        check(False, "sshd does not listen")

    def sessions(self, name):
        """The processes by which the daemon serves its connections."""
        with open(f"/proc/{self.daemons[name].pid}/task/{self.daemons[name].pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]

    def break_connections(self, name):
        """As a machine does that loses its network: the commands it runs know nothing of it."""
        for pid in self.sessions(name):
            os.kill(pid, 9)

    def stop(self, name):
        self.break_connections(name)
        self.daemons[name].kill()
        self.daemons[name].wait()

    def __exit__(self, *_):
        for name, daemon in self.daemons.items():
            if daemon.poll() is None:
                self.stop(name)
