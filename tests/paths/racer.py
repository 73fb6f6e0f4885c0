"""Somebody who exchanges what stands in a root while axmake works there."""

import ctypes
import os
import random
import tempfile
import threading
import time

AT_FDCWD, RENAME_EXCHANGE = -100, 2
libc = ctypes.CDLL(None, use_errno=True)


def exchange(a, b):
    libc.renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE)


class Racer:
    """A folder becomes a link that leads out and back again; a file a link, a fifo, a folder; names go and come. At the end all folders stand where they stood."""

    def __init__(self, r, root, outside):
        self.rng, self.root, self.outside = random.Random(r.rng.randrange(1 << 30)), os.fsencode(root), os.fsencode(outside)
        self.over = False
        self.thread = threading.Thread(target=self.work)
        self.aside = os.fsencode(tempfile.mkdtemp(prefix="aside-", dir=r.box))
        self.n = 0

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()

    def victim(self):
        """Some path below the root, not axmake's own, found without following links."""
        at = self.root
        for _ in range(self.rng.randint(1, 4)):
            try:
                names = [n for n in os.listdir(at) if n not in (b".axmake", b"workflow.ax.yaml", b".git", b".automatosx")]
            except OSError:
                break
            if not names:
                break
            at = os.path.join(at, self.rng.choice(names))
            if os.path.islink(at) or not os.path.isdir(at) or self.rng.random() < 0.4:
                break
        return at if at != self.root else None

    def other(self):
        """Something to put there."""
        self.n += 1
        path, kind = os.path.join(self.aside, b"%d" % self.n), self.rng.randrange(6)
        if kind < 3:
            os.symlink(self.rng.choice([self.outside, os.path.join(self.outside, b"secret"), os.path.join(self.outside, b"new"), b"..", b"nowhere", self.root]), path)
        elif kind == 3:
            os.mkfifo(path)
        elif kind == 4:
            os.mkdir(path)
        else:
            with open(path, "xb") as f:
                f.write(b"another's")
        return path

    def work(self):
        while not self.over:
            try:
                at = self.victim()
                if at:
                    other = self.other()
                    exchange(at, other)
                    time.sleep(self.rng.choice([0, 0.0005, 0.003, 0.02]))
                    if self.rng.random() < 0.98:
                        exchange(at, other)
            except OSError:
                pass
            time.sleep(self.rng.choice([0, 0.0005, 0.002]))
