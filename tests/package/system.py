"""Systems to try packages in: this one with a layer over it, and a small one from Debian's archive."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile

from suite import TREE, Ended, Skipped, check

KEPT = {}  # what cases share: folders, and what was made in them


def folder():
    """A folder for what cases share, on a disk or in memory, gone at the end."""
    if "folder" not in KEPT:
        KEPT["folder"] = os.path.realpath(tempfile.mkdtemp(prefix="axmake-package-"))
    return KEPT["folder"]


def away():
    if "folder" in KEPT:
        subprocess.run(["rm", "-rf", "--one-file-system", KEPT["folder"]], check=False)


def tools(*names):
    for name in names:
        if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            raise Skipped(f"no {name}")


def root():
    if os.geteuid() != 0:
        raise Skipped("only root may mount and change its root")


def run(words, cwd=TREE, limit_s=1800, **env):
    """Of the environment nothing but what these programs need: no make's flags, no axmake of this tree."""
    given = {k: os.environ[k] for k in ("HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "CCACHE_DIR") if k in os.environ}
    if os.path.isdir(os.path.expanduser("~/.cache/ccache")):
        given.setdefault("CCACHE_DIR", os.path.expanduser("~/.cache/ccache"))
    given["PATH"] = "/usr/lib/ccache:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen(words, cwd=cwd, env={**given, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **env}, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            status = p.wait(limit_s)
        except subprocess.TimeoutExpired:
            p.kill()
            status = p.wait()
        out.seek(0)
        return Ended(status, out.read().decode(errors="replace"))


def package():
    """Debian's package of this tree, built once, without network where that can be taken away: (path, all that was said)."""
    if "package" not in KEPT:
        tools("dh", "dpkg-buildpackage", "git", "make")
        alone = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
        if run([*alone, "true"]).status:
            alone = []
        where = os.path.join(folder(), "deb")
        KEPT["package"] = None
        r = run([*alone, "make", "-s", "deb", f"B={where}"], DEB_BUILD_OPTIONS="" if "--long" in sys.argv else "nocheck")
        check(r.status == 0, *r.text.splitlines()[-60:])
        made = [os.path.join(where, "deb", f) for f in os.listdir(os.path.join(where, "deb"))]
        debs = [f for f in made if f.endswith(".deb") and "dbgsym" not in f]
        check(len(debs) == 1, made)
        KEPT["package"] = debs[0], r.text
    check(KEPT["package"], "there is no package")
    return KEPT["package"]


def layered(script):
    """A script as root of this machine's system with an empty layer over it, which is gone afterwards; what was put into the layer is listed, as `left` in the script."""
    root()
    tools("unshare", "mount", "chroot")
    layer = tempfile.mkdtemp(prefix="layer-", dir=folder())
    begin = f"""set -e
mount -t tmpfs layer {layer}
mkdir {layer}/up {layer}/work {layer}/system
mount -t overlay overlay -o lowerdir=/,upperdir={layer}/up,workdir={layer}/work {layer}/system
mount --bind /dev {layer}/system/dev
mount -t proc proc {layer}/system/proc
cp {package()[0]} {layer}/system/axmake.deb
rm -f {layer}/system/etc/dpkg/dpkg.cfg.d/*
"""
    inside = ["chroot", f"{layer}/system", "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "/bin/sh", "-ec", script]
    # What stands in the layer and not below it. Of dpkg's and man's own books, and logs, something may stay.
    listed = f"cd {layer}/up && find . \\( -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/systemd -o -path ./tmp \\) -prune -o -print | while read -r f; do [ -e \"/$f\" ] || [ -L \"/$f\" ] || echo \"left $f\"; done"
    probe = run(["unshare", "--mount", "sh", "-c", begin])
    if probe.status:
        raise Skipped(f"no layer over the system: {probe.text.strip().splitlines()[-1:]}")
    return run(["unshare", "--mount", "sh", "-c", begin + shlex.join(inside) + "\n" + listed])


def small():
    """A small Debian, made once from its archive by debootstrap."""
    if "small" not in KEPT:
        root()
        tools("debootstrap")
        to = os.path.join(folder(), "small")
        mirror = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
        suite = next((line.split("=")[1].strip() for line in open("/etc/os-release", encoding="utf-8") if line.startswith("VERSION_CODENAME=")), "stable")
        r = run(["debootstrap", "--variant=minbase", suite, to, mirror])
        if r.status:
            raise Skipped(f"debootstrap made no system: {r.text.strip().splitlines()[-1:]}")
        for name in ("apt.conf", "apt.conf.d"):  # how this machine reaches its archive
            there = os.path.join("/etc/apt", name)
            if os.path.isfile(there):
                shutil.copy(there, os.path.join(to, "etc/apt", name))
            for f in os.listdir(there) if os.path.isdir(there) else []:
                if "proxy" in f.lower():
                    shutil.copy(os.path.join(there, f), os.path.join(to, "etc/apt/apt.conf.d", f))
        KEPT["small"] = to
    return KEPT["small"]


def within(system, script, network=True):
    """A script as root in such a system."""
    mounts = f"mount --bind /dev {system}/dev && mount -t proc proc {system}/proc && mount -t tmpfs tmp {system}/tmp"
    if network:
        mounts += f" && cp -L /etc/resolv.conf {system}/etc/resolv.conf && cp -L /etc/hosts {system}/etc/hosts"
    proxy = [f"{k}={v}" for k, v in os.environ.items() if k in ("http_proxy", "https_proxy", "no_proxy")]
    inside = ["chroot", system, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", *proxy, "/bin/sh", "-ec", script]
    return run(["unshare", "--mount", *([] if network else ["--net"]), "sh", "-c", f"{mounts} && {shlex.join(inside)}"])
