"""Containers by podman, of an image made from this machine's busybox: nothing is fetched. Storage of its own, in the test's folder."""

import os
import shutil
import subprocess
import tarfile

from suite import Skipped, write

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


class Containers:
    """`with Containers(box) as c`: the image `axtest:1`, and a `podman` first on the PATH that works on this machine."""

    def __init__(self, box):
        self.box, self.podman = box, shutil.which("podman")
        if not self.podman:
            raise Skipped("podman is missing")

    def image(self):
        path, at = self.box.path("image.tar"), busybox()
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
            write(self.box.path("inside"), "in the container\n")
            t.add(self.box.path("inside"), "etc/inside")
        return path

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
        made = self.box.call(f"podman import -q {self.image()} axtest:1")
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
