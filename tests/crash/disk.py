"""A disk that may lose its power: what strace saw of writes below a folder, played again up to any of them.

`record` runs a command and gives back the steps; a `Disk` takes steps and knows of each file which bytes are safe (fsync of the file) and of each
name whether it is (fsync of its folder). `Disk.after_loss` is what stands there when the power goes now: whatever is not safe may be there, lost,
cut short or full of zeros, and names may be there before what they name, or not at all. A rename is there or not, as on all file systems.
"""

import os
import re
import stat
import subprocess

CALLS = (
    "openat,write,writev,pwrite64,ftruncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,symlink,symlinkat,"
    "fsync,fdatasync,copy_file_range,sendfile,fchmod,fchmodat,chmod,fallocate,ioctl,syncfs,clone,clone3,vfork,fork,setns,mount"
)
OPAQUE = "user.overlay.opaque"  # the kernel's mark at a folder that hides what is below it
LINE = re.compile(r"^(\d+) +(.*)$")
ENDED = re.compile(r"^(\w+)\((.*)\) += (-?\d+)(<[^>]*>)?", re.DOTALL)
ARGUMENT = re.compile(r'\s*(?:(AT_FDCWD|-?\d+)<((?:\\x..)*)>(\(deleted\))?|"((?:\\x..)*)"(?:\.\.\.)?|([^,"<>\[\]{}]+))')
PIECE = re.compile(r'iov_base="((?:\\x..)*)"')


class Surprise(Exception):
    """A call that the model does not know: the recording cannot be trusted."""


def plain(text):
    return bytes(int(b, 16) for b in text.split("\\x")[1:])


def arguments(text):
    """Descriptors as (number, path), strings as bytes, all else as text."""
    found = []
    for m in ARGUMENT.finditer(text):
        if m[1] is not None:
            found.append((m[1], os.fsdecode(plain(m[2])) if not m[3] else None))
        elif m[4] is not None:
            found.append(plain(m[4]))
        elif m[5].strip():
            found.append(m[5].strip())
    return found


def record(command, folder, env, trace, limit_s=120):
    """[(process, (call, arguments, returned, descriptor's path, text))] of all calls that succeeded, in the order of their ends; and processes to their parents."""
    words = ["strace", "-f", "-y", "-xx", "-s", "100000000", "-e", "signal=none", "-e", "trace=" + CALLS, "-o", trace, *command]
    ended = subprocess.run(words, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit_s, check=False)
    if ended.returncode:
        raise Surprise(f"recording ended with {ended.returncode}\n{ended.stdout}")
    begun, calls, parents = {}, [], {}
    with open(trace, encoding="ascii", errors="replace") as f:
        for line in f:
            pid, rest = LINE.match(line).groups()
            if rest.endswith("<unfinished ...>"):
                begun[pid] = rest[: -len("<unfinished ...>")].rstrip()
                continue
            resumed = re.match(r"<\.\.\. \w+ resumed>(.*)$", rest)
            if resumed:
                rest = begun.pop(pid, "") + resumed[1]
            m = ENDED.match(rest)
            if m and not m[3].startswith("-"):
                calls.append((pid, (m[1], arguments(m[2]), int(m[3]), os.fsdecode(plain(m[4][1:-1])) if m[4] else None, m[2])))
                if m[1] in ("clone", "clone3", "vfork", "fork"):
                    parents[m[3]] = pid
    return calls, parents


class Inode:
    def __init__(self, kind, mode=0o644, text=b""):
        self.kind, self.mode, self.data, self.safe = kind, mode, bytearray(text), bytearray(text)
        self.entries = {} if kind == "d" else None  # names as they are
        self.opaque = False  # a folder of an upper layer that hides what is below it


class Disk:
    """`top` is the folder that counts; what is outside is passed over. Begins with what stands there, all of it safe."""

    def __init__(self, top):
        self.top = top
        self.root = self.load(top)
        self.copied = {}  # between which paths how much, as long as it goes on
        self.pending = []  # steps with names that are not safe: [(folders that are not synced yet, changes)], each change (folder, name, inode or None)
        self.names = {}  # what is safe: folder to names
        self.settle(self.root)

    def load(self, path):
        if os.path.islink(path):
            return Inode("l", text=os.fsencode(os.readlink(path)))
        if stat.S_ISCHR(os.stat(path).st_mode):
            return Inode("c", 0)
        if not os.path.isdir(path):
            with open(path, "rb") as f:
                return Inode("f", os.stat(path).st_mode & 0o777, f.read())
        folder = Inode("d", os.stat(path).st_mode & 0o777)
        for name in os.listdir(path):
            folder.entries[name] = self.load(os.path.join(path, name))
        return folder

    def settle(self, folder):
        self.names[folder] = dict(folder.entries)
        for child in folder.entries.values():
            if child.kind == "d":
                self.settle(child)

    # Paths

    def inside(self, path):
        return path is not None and (path == self.top or path.startswith(self.top + "/"))

    def find(self, path):
        at = self.root
        for part in [p for p in os.path.relpath(path, self.top).split("/") if p != "."]:
            at = at.entries.get(part) if at is not None and at.kind == "d" else None
        return at

    def split(self, path):
        folder, name = os.path.split(os.path.normpath(path))
        parent = self.find(folder)
        if parent is None or parent.kind != "d":
            raise Surprise(f"no folder {folder}")
        return parent, name

    @staticmethod
    def path(base, name):
        return os.path.normpath(os.path.join(base or "/", os.fsdecode(name)))

    # Steps

    def change(self, *changes):
        """Names change, together: each is (folder, name, inode or None)."""
        for folder, name, inode in changes:
            if inode is None:
                folder.entries.pop(name, None)
            else:
                folder.entries[name] = inode
        self.pending.append(({c[0] for c in changes}, changes))

    def sync(self, inode):
        if inode.kind != "d":
            inode.safe = bytearray(inode.data)
            return
        still = []
        for folders, changes in self.pending:
            if inode in folders:
                folders.discard(inode)
                self.make_safe([c for c in changes if c[0] is inode])
                changes = tuple(c for c in changes if c[0] is not inode)
            if changes:
                still.append((folders, changes))
        self.pending = still

    def make_safe(self, changes):
        for folder, name, inode in changes:
            names = self.names.setdefault(folder, {})
            if inode is None:
                names.pop(name, None)
            else:
                names[name] = inode

    def create(self, path, mode, flags):
        parent, name = self.split(path)
        old = parent.entries.get(name)
        if old is None:
            if "O_CREAT" in flags:
                self.change((parent, name, Inode("f", mode)))
        elif "O_TRUNC" in flags and old.kind == "f":
            old.data = bytearray()

    def rename(self, old, new, flags=""):
        (a, from_name), (b, to_name) = self.split(old), self.split(new)
        inode, there = a.entries[from_name], b.entries.get(to_name)
        if inode is there:
            return
        if "RENAME_EXCHANGE" in flags:
            self.change((a, from_name, there), (b, to_name, inode))
        else:
            self.change((a, from_name, None), (b, to_name, inode))

    def step(self, call):
        """Plays one call; False where it changed nothing here."""
        name, a, n, opened, text = call
        fn = getattr(self, "do_" + name, None)
        if fn is None:
            raise Surprise(name)
        return bool(fn(a, n, opened, text))

    def do_openat(self, a, n, opened, text):
        if not self.inside(opened) or not ("O_CREAT" in text or "O_TRUNC" in text):
            return False
        mode = re.search(r", 0(\d+)$", text)
        self.create(self.path(a[0][1], a[1]), int(mode[1], 8) & 0o755 if mode else 0o644, text)
        return True

    def written(self, fd, data, at=None):
        if not self.inside(fd[1]):
            return False
        inode = self.find(fd[1])
        if inode is None or inode.kind != "f":
            return False
        at = len(inode.data) if at is None else at
        inode.data.extend(bytes(max(0, at - len(inode.data))))
        inode.data[at : at + len(data)] = data
        return True

    def do_write(self, a, n, opened, text):
        return self.written(a[0], a[1][:n]) if n else False

    def do_writev(self, a, n, opened, text):
        return self.written(a[0], b"".join(plain(p) for p in PIECE.findall(text))[:n])

    def do_pwrite64(self, a, n, opened, text):
        return self.written(a[0], a[1][:n], int(a[3]))

    def do_copy_file_range(self, a, n, opened, text):
        source, target = [v for v in a if isinstance(v, tuple)]
        if not self.inside(target[1]):
            return False
        key = (source[1], target[1])
        at = self.copied.pop(key, 0)
        if not n:  # the end of the source
            return True
        self.copied[key] = at + n
        if self.inside(source[1]):
            data = self.find(source[1]).data
        else:
            with open(source[1], "rb") as f:
                data = f.read()
        return self.written(target, bytes(data[at : at + n]))

    def do_sendfile(self, a, n, opened, text):
        return self.do_copy_file_range([a[1], a[0]], n, opened, text)

    def do_ftruncate(self, a, n, opened, text):
        if not self.inside(a[0][1]):
            return False
        inode, size = self.find(a[0][1]), int(a[1])
        inode.data = inode.data[:size] + bytes(max(0, size - len(inode.data)))
        return True

    def do_fallocate(self, a, n, opened, text):
        """Room alone changes nothing of what stands there."""
        if self.inside(a[0][1]) and a[1] != "FALLOC_FL_KEEP_SIZE":
            raise Surprise("fallocate")

    def do_ioctl(self, a, n, opened, text):
        if "FICLONE" in text:
            raise Surprise("a clone")

    def do_syncfs(self, a, n, opened, text):
        raise Surprise("syncfs")

    def do_fsync(self, a, n, opened, text):
        inode = self.find(a[0][1]) if self.inside(a[0][1]) else None
        if inode is not None:
            self.sync(inode)
        return inode is not None

    do_fdatasync = do_fsync

    def two(self, a):
        """The paths of an old and a new name, given as descriptor and name each."""
        return self.path(a[0][1], a[1]), self.path(a[2][1], a[3])

    def do_renameat(self, a, n, opened, text):
        old, new = self.two(a)
        if self.inside(old) != self.inside(new):
            raise Surprise(text)
        if self.inside(old):
            self.rename(old, new, text)
        return self.inside(old)

    do_renameat2 = do_renameat

    def do_linkat(self, a, n, opened, text):
        old, new = self.two(a)
        if not self.inside(new):
            return False
        parent, name = self.split(new)
        self.change((parent, name, self.find(old)))
        return True

    def do_unlinkat(self, a, n, opened, text):
        path = self.path(a[0][1], a[1])
        if not self.inside(path):
            return False
        parent, name = self.split(path)
        self.change((parent, name, None))
        return True

    def do_mkdirat(self, a, n, opened, text):
        path = self.path(a[0][1], a[1])
        if not self.inside(path):
            return False
        parent, name = self.split(path)
        self.change((parent, name, Inode("d", int(a[2], 8) & 0o755)))
        return True

    def do_symlinkat(self, a, n, opened, text):
        path = self.path(a[1][1], a[2])
        if not self.inside(path):
            return False
        parent, name = self.split(path)
        self.change((parent, name, Inode("l", text=a[0])))
        return True

    def do_fchmodat(self, a, n, opened, text):
        path = self.path(a[0][1], a[1])
        if self.inside(path):
            self.find(path).mode = int(a[2], 8)
        return False

    def do_fchmod(self, a, n, opened, text):
        if self.inside(a[0][1]):
            self.find(a[0][1]).mode = int(a[1], 8)
        return False

    def do_mount(self, a, n, opened, text):
        """Of an overlay the kernel makes a folder for itself."""
        work = re.search(rb"workdir=([^,]*)", a[4]) if b"overlay" in a[:3] else None
        if work:
            parent, name = self.split(os.path.join(self.top, os.fsdecode(work[1]), "work"))
            self.change((parent, name, Inode("d", 0)))
        return bool(work)

    # Of these strace does not tell the folder: the scenes' programs work in the top.
    def here(self, name):
        return (None, self.top), name

    def do_mkdir(self, a, n, opened, text):
        return self.do_mkdirat([*self.here(a[0]), a[1]], n, opened, text)

    def do_unlink(self, a, n, opened, text):
        return self.do_unlinkat(self.here(a[0]), n, opened, text)

    do_rmdir = do_unlink

    def do_symlink(self, a, n, opened, text):
        return self.do_symlinkat([a[0], *self.here(a[1])], n, opened, text)

    def do_chmod(self, a, n, opened, text):
        return self.do_fchmodat([*self.here(a[0]), a[1]], n, opened, text)

    def do_link(self, a, n, opened, text):
        return self.do_linkat([*self.here(a[0]), *self.here(a[1])], n, opened, text)

    def do_rename(self, a, n, opened, text):
        return self.do_renameat([*self.here(a[0]), *self.here(a[1])], n, opened, text)

    # What is left

    def whole(self):
        """What would be there without a loss."""
        return self.below(self.root, lambda inode: inode.entries, lambda inode: bytes(inode.data))

    def after_loss(self, rng):
        kept = rng.choice((0.0, 0.5, 0.9, 1.0))
        names = {k: dict(v) for k, v in self.names.items()}
        pending = self.pending if rng.random() < 0.5 else self.pending[: rng.randint(0, len(self.pending))]  # in their order, or each as it likes
        for _, changes in pending:
            if rng.random() >= kept and pending is self.pending:
                continue
            for folder, name, inode in changes:
                at = names.setdefault(folder, {})
                if inode is not None:
                    at[name] = inode
                else:
                    at.pop(name, None)
        mood = rng.choice(("kept", "lost", "zeros", "cut", "each"))
        chosen = {}

        def content(inode):
            if inode not in chosen:
                chosen[inode] = damaged(inode, mood if mood != "each" else rng.choice(("kept", "lost", "zeros", "cut")), rng)
            return chosen[inode]

        return self.below(self.root, lambda inode: names.get(inode, {}), content)

    def below(self, folder, entries, content, at=""):
        found = {}
        for name, inode in entries(folder).items():
            path = os.path.join(at, name)
            found[path] = (inode.kind, inode.mode, (b"opaque" if inode.opaque else b"") if inode.kind == "d" else content(inode))
            if inode.kind == "d":
                found.update(self.below(inode, entries, content, path))
        return found


def damaged(inode, how, rng):
    data, safe = bytes(inode.data), bytes(inode.safe)
    if inode.kind != "f" or data == safe or how == "kept":
        return data
    if how == "lost":
        return safe
    same = len(os.path.commonprefix([data, safe]))
    if how == "cut":
        return data[: rng.randint(same, len(data))]
    begin = rng.randint(same, len(data))
    return data[:begin] + bytes(len(data) - begin)


def lay(found, folder):
    """Puts what `below` gave into a new folder."""
    os.mkdir(folder)
    for path in sorted(found, key=lambda p: p.count("/")):
        kind, mode, text = found[path]
        to = os.path.join(folder, path)
        if kind == "d":
            os.mkdir(to)
            os.chmod(to, mode)
            if text:
                os.setxattr(to, OPAQUE, b"y")
        elif kind == "l":
            os.symlink(text, to)
        elif kind == "c":
            os.mknod(to, stat.S_IFCHR, os.makedev(0, 0))
        else:
            with open(to, "wb") as f:
                f.write(text)
            os.chmod(to, mode)
