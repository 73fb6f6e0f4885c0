"""A disk that is really full: a scene on a small tmpfs, in a mount namespace of its own.

    python3 full.py AXMAKE SCENE pages|names N

N is what the disk has beyond the scene's own files: pages of its size, or names. Prints what is wrong, as run.py does: nothing where nothing is.
"""

import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from run import Fault, Suite  # noqa: E402
from scenes import SCENES  # noqa: E402

ROOM = "size=256m,nr_inodes=100000"


def mount(folder, options):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], stderr=subprocess.DEVNULL, check=False).returncode == 0


def used(folder):
    s = os.statvfs(folder)
    return (s.f_blocks - s.f_bfree) * s.f_frsize // os.sysconf("SC_PAGESIZE"), s.f_files - s.f_ffree


def main():
    axmake, name, what, more = sys.argv[1:5]
    scene = next(s for s in SCENES if s.name == name)
    with tempfile.TemporaryDirectory(prefix="axmake-full-") as top:
        top = os.path.realpath(top)
        disk = os.path.join(top, "disk")
        os.mkdir(disk)
        if not mount(disk, ROOM):
            return "no file system may be mounted here"
        suite = Suite(axmake, top)
        folder = os.path.join(disk, "root")
        suite.beside = os.path.join(top, "beside")  # what is no part of the scene's disk
        suite.learn([scene])
        os.mkdir(folder)
        suite.lay(scene, folder)
        pages, names = used(disk)
        limit = f"size={(pages + int(more)) * os.sysconf('SC_PAGESIZE')},nr_inodes=100000" if what == "pages" else f"size=256m,nr_inodes={names + int(more)}"
        subprocess.run(["mount", "-o", "remount," + limit, disk], check=True)
        hit = suite.call(folder, scene.command)
        subprocess.run(["mount", "-o", "remount," + ROOM, disk], check=True)
        for wrong in suite.wrong(Fault(scene, what, int(more), "FULL", ""), folder, hit, True):
            print(f"{wrong}\n-- the disk had {more} {what} left\n{hit.text}")
        subprocess.run(["umount", "-l", disk], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
