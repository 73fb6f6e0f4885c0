"""Containers by podman and docker, of an image made from this machine's busybox: nothing is fetched. Storage of its own, in the test's folder."""

import os
import shutil
import subprocess
import tarfile
import time

from suite import Skipped, read, write

APPLETS = "sh cat echo printf dd mkdir mv rm sleep touch env pwd grep seq kill test tr true".split()
# What different machines, some of them containers themselves, need to start one.
WAYS = (("", ""), ("--cgroup-manager cgroupfs", ""), ("--runtime runc --cgroup-manager cgroupfs", ""), ("--runtime runc --cgroup-manager cgroupfs", "--ulimit nofile=1024:1024 --ulimit nproc=1024:1024"))


def busybox():
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path) and b"statically linked" in subprocess.run(["file", "-L", path], stdout=subprocess.PIPE, check=False).stdout:
            return path
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path) and subprocess.run(["ldd", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
            return path
    raise Skipped("a static busybox is missing (busybox-static)")


def image(box):
    path, at = box.path("image.tar"), busybox()
    with tarfile.open(path, "w") as t:
        for folder in ("bin", "tmp", "etc", "proc", "dev", "sys"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            t.addfile(info)
        t.add(at, "bin/busybox")
        for name in APPLETS:
            info = tarfile.TarInfo("bin/" + name)
            info.type, info.linkname = tarfile.SYMTYPE, "busybox"
            t.addfile(info)
        write(box.path("inside"), "in the container\n")
        t.add(box.path("inside"), "etc/inside")
    return path


def unmount(box):
    """What is still mounted in the box, which else could not be removed."""
    with open("/proc/self/mounts", encoding="utf-8") as f:
        points = [line.split()[1] for line in f]
    for point in reversed([p for p in points if p.startswith(box.folder + "/")]):
        subprocess.run(["umount", "-l", point], check=False)


class Podman:
    """`with Podman(box) as c`: the image `axtest:1`, and a `podman` first on the PATH that works on this machine."""

    name = "podman"

    def __init__(self, box):
        self.box, self.podman = box, shutil.which("podman")
        if not self.podman:
            raise Skipped("podman is missing")

    def wrapper(self, always, of_run):
        where = f"--root {self.box.path('containers')} --runroot {self.box.path('containers-run')} {always}"
        write(
            self.box.path("bin", "podman"),
            f'#!/bin/sh\n[ "$1" = run ] || exec {self.podman} {where} "$@"\nshift\nexec {self.podman} {where} run {of_run} "$@"\n',
            0o755,
        )

    def __enter__(self):
        self.box.env["PATH"] = f"{self.box.path('bin')}:{self.box.env['PATH']}"
        self.wrapper(*WAYS[0])
        made = self.box.call(f"podman import -q {image(self.box)} axtest:1")
        if made.status:
            raise Skipped("podman cannot keep an image here: " + made.text.strip().splitlines()[-1])
        for way in WAYS:
            self.wrapper(*way)
            seen = self.box.call("podman run --rm --network host axtest:1 cat /etc/inside")
            if not seen.status:
                return self
        raise Skipped("podman may start no container here: " + seen.text.strip().splitlines()[-1])

    def left(self):
        return self.box.call("podman ps -a -q").ok().text.split()

    def __exit__(self, *_):
        self.box.call("podman rm --force --all --time 0; podman rmi --force --all; podman unshare rm -rf containers 2>/dev/null")
        unmount(self.box)


class Rootless(Podman):
    """The same for a user who may do little: axmake and podman are his. Where root plays the cases that is `nobody`, with a mapping of himself alone."""

    def __init__(self, box):
        super().__init__(box)
        self.user = 65534 if os.geteuid() == 0 else os.geteuid()
        if os.geteuid() == 0:
            self.become_another()

    def become_another(self):
        """All in the box is his before he does anything there; he may not be let into the project's tree."""
        box = self.box
        os.makedirs(box.path("run"), 0o700)
        os.chmod(box.folder, 0o755)
        os.makedirs(box.path("own"))
        shutil.copy(box.axmake, box.path("own", "axmake"))
        box.env["XDG_RUNTIME_DIR"] = box.path("run")
        his = f'chown -R {self.user}:{self.user} {box.folder}; exec setpriv --reuid={self.user} --regid={self.user} --clear-groups'
        write(box.path("bin", "axmake"), f'#!/bin/sh\n{his} {box.path("own", "axmake")} "$@"\n', 0o755)
        write(box.path("bin", "podman-of-his"), f'#!/bin/sh\n[ "$(id -u)" = 0 ] || exec {self.podman} "$@"\n{his} {self.podman} "$@"\n', 0o755)
        self.podman = box.path("bin", "podman-of-his")

    def wrapper(self, always, of_run):
        super().wrapper("--storage-driver vfs " + always, of_run)


class Docker:
    """The same of docker, by a daemon of its own, which needs root."""

    name = "docker"

    def __init__(self, box):
        self.box = box
        if not shutil.which("docker") or not shutil.which("dockerd"):
            raise Skipped("docker is missing (docker.io)")
        if os.geteuid():
            raise Skipped("only root may start docker's daemon")

    def __enter__(self):
        socket = "unix://" + self.box.path("docker.sock")
        words = ["--data-root", self.box.path("docker"), "--exec-root", self.box.path("docker-run"), "--pidfile", self.box.path("docker.pid"), "-H", socket]
        words += ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]
        with open(self.box.path("docker.log"), "wb") as log:
            self.daemon = subprocess.Popen(["dockerd", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.box.env["DOCKER_HOST"] = socket
        deadline = time.monotonic() + 60
        while self.box.call("docker ps").status:
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Skipped("docker's daemon does not come up here: " + read(self.box.path("docker.log")).strip().splitlines()[-1])
            time.sleep(0.2)
        made = self.box.call(f"docker import {image(self.box)} axtest:1")
        seen = made if made.status else self.box.call("docker run --rm --network host axtest:1 cat /etc/inside")
        if seen.status:
            self.__exit__()
            raise Skipped("docker may start no container here: " + seen.text.strip().splitlines()[-1])
        return self

    def left(self):
        return self.box.call("docker ps -a -q").ok().text.split()

    def __exit__(self, *_):
        self.daemon.terminate()
        self.daemon.wait()
        unmount(self.box)
