"""What a task writes in its view of the root, an overlay, as the disk has it: files and marks of the kernel's in the view's upper layer.

The kernel's own steps are those of its overlay file system: what is opened to be written is copied up, its content synced, what is removed of the lower layer leaves
a whiteout, and a new folder hides what was there.
"""

import os
import re

from disk import Disk, Inode, Surprise

PROCESS = ("clone", "clone3", "vfork", "fork", "setns")


class Views:
    """Which processes of a recording are in which view, as (path of its upper layer, folder that it is mounted on). Fed with all calls in their order."""

    def __init__(self, top, parents):
        self.top, self.parents = top, parents
        self.space = {}  # process to namespace
        self.own = {}  # a helper to the one that it has made
        self.upper = {}  # namespace to view

    def of(self, pid):
        line = [pid]
        while line[-1] not in self.space and line[-1] in self.parents:
            line.append(self.parents[line[-1]])
        for one in line:
            self.space[one] = self.space.get(line[-1])
        return self.upper.get(self.space[pid])

    def see(self, pid, call):
        """True where the call is of no more use: a mount makes a folder."""
        name, a, n, opened, text = call
        self.of(pid)
        if name == "openat" and opened and re.match(r"mnt:\[", opened) and a[1] == b"/proc/self/ns/mnt":
            self.own[pid] = opened
        elif name == "setns" and re.match(r"mnt:\[", a[0][1] or ""):
            self.space[pid] = a[0][1]
        elif name == "mount" and b"overlay" in a[:3]:
            options = dict(o.split("=", 1) for o in a[4].decode().split(",") if "=" in o)
            self.space[pid] = self.own[pid]
            self.upper[self.own[pid]] = (self.top + "/" + options["upperdir"], os.path.normpath(self.top + "/" + a[1].decode()))
        return name in PROCESS


class View(Disk):
    """A disk as those see it who are in a view. It changes the disk itself."""

    def __init__(self, disk, upper, at):  # no load: nothing of its own
        self.disk, self.upper, self.at, self.top, self.copied = disk, upper, at, disk.top, {}
        self.lower = {}  # folder of the upper layer to what of the lower one is seen in it

    def here(self, name):
        return (None, self.at), name

    def is_real(self, path):
        """Is it not in the view? The state is the real one in it."""
        return not (path == self.at or path.startswith(self.at + "/")) or path == self.at + "/.axmake" or path.startswith(self.at + "/.axmake/")

    def layers(self, path):
        """(what the upper layer has, what the lower one has and nothing above it hides, whether that is seen)."""
        up, low = self.disk.find(self.upper), self.disk.find(self.at)
        shown = True
        for part in [p for p in path[len(self.at) :].split("/") if p]:
            low = low.entries.get(part) if shown and low is not None and low.kind == "d" else None
            up = up.entries.get(part) if up is not None and up.kind == "d" else None
            shown = up is None or (up.kind == "d" and not up.opaque)
        return up, low, shown

    def find(self, path):
        if self.is_real(path):
            return self.disk.find(path)
        up, low, shown = self.layers(path)
        if up is not None:
            return None if up.kind == "c" else up
        return low if shown else None

    def copy_up(self, path, emptied=False):
        up, low, _ = self.layers(path)
        if up is not None and up.kind != "c":
            return up
        if low is None or up is not None:
            raise Surprise(f"nothing to copy up: {path}")
        node = Inode(low.kind, low.mode, b"" if emptied or low.kind == "d" else bytes(low.data))
        parent, name = self.split(path)
        self.disk.change((parent, name, node))
        return node

    def split(self, path):
        if self.is_real(path):
            return self.disk.split(path)
        folder, name = path.rsplit("/", 1)
        parent = self.disk.find(self.upper) if folder == self.at else self.copy_up(folder)
        _, low, shown = self.layers(folder)
        self.lower[parent] = low if shown and low is not None and low.kind == "d" else None
        return parent, name

    def change(self, *changes):
        made = []
        for folder, name, inode in changes:
            low = self.lower.get(folder)
            if inode is None and low is not None and name in low.entries:
                inode = Inode("c", 0)
            elif inode is not None and inode.kind == "d":
                inode.opaque = True
            made.append((folder, name, inode))
        self.disk.change(*made)

    def create(self, path, mode, flags):
        there = self.find(path)
        if there is None or self.is_real(path):
            super().create(path, mode, flags)
        else:
            node = self.copy_up(path, "O_TRUNC" in flags)
            if "O_TRUNC" in flags and node.kind == "f":
                node.data = bytearray()

    def rename(self, old, new, flags=""):
        if "RENAME_" in flags:
            raise Surprise(flags)
        if not self.is_real(old):
            self.copy_up(old)
        super().rename(old, new)

    def sync(self, inode):
        self.disk.sync(inode)

    def do_openat(self, a, n, opened, text):
        if not self.inside(opened) or not re.search("O_CREAT|O_TRUNC|O_WRONLY|O_RDWR", text):
            return False
        mode = re.search(r", 0(\d+)$", text)
        self.create(self.path(a[0][1], a[1]), int(mode[1], 8) & 0o755 if mode else 0o644, text)
        return True

    def do_linkat(self, a, n, opened, text):
        if self.inside(self.two(a)[0]):
            self.copy_up(self.two(a)[0])
        return super().do_linkat(a, n, opened, text)

    def do_fchmodat(self, a, n, opened, text):
        path = self.path(a[0][1], a[1])
        if self.inside(path) and not self.is_real(path):
            self.copy_up(path)
        return super().do_fchmodat(a, n, opened, text)
