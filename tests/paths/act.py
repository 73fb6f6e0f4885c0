"""A task of a round: makes what its outputs say, with hostile names, the same each time. It follows no link that it did not make: what lands outside the root was not its doing."""

import json
import os
import random
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    what = json.load(f)[sys.argv[2]]
rng = random.Random(what["seed"])
NAMES = [b"x", b"a\nb", b"\xff", b"\x1b]0;pwn\x07", b"n" * 255, "é".encode(), "é".encode(), b"-rf", b"*", b" ", b"\\", b"\x9b31m", b"d", b"D", b".h", b"${x}"]
root = os.open(".", os.O_PATH | os.O_DIRECTORY)


def folder(path):
    """Opens it, made where it is missing; None where something else stands there."""
    at = os.dup(root)
    for part in filter(None, path.split(b"/")):
        if part in (b".", b".."):
            return None
        try:
            os.mkdir(part, dir_fd=at)
        except OSError:
            pass
        try:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
        except OSError:
            return None
        os.close(at)
        at = below
    return at


def put(path):
    at = folder(os.path.dirname(path))
    if at is None:
        return
    name, kind = os.path.basename(path), rng.random()
    try:
        if kind < what["specials"]:
            rng.choice([lambda: os.mkfifo(name, dir_fd=at), lambda: os.symlink(rng.choice([b"../../outside/secret", b"..", b"/dev/zero", b"x"]), name, dir_fd=at)])()
            return
        try:
            os.unlink(name, dir_fd=at)
        except OSError:
            pass
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=at)
        os.write(fd, b"%d\n" % rng.randrange(1000))
        os.close(fd)
    except OSError:
        pass
    finally:
        os.close(at)


if what.get("include"):
    at = folder(b"inc")
    if at is not None:
        fd = os.open(b".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644, dir_fd=at)
        os.write(fd, b"tasks: [{name: made, run: 'true', outputs: []}]\n")
        os.replace(b".new", b"gen.yaml", src_dir_fd=at, dst_dir_fd=at)
for out in what["outs"] + what["edits"]:
    path = os.fsencode(out)
    if out.endswith(("/", "*")):
        for _ in range(rng.randint(0, 6)):
            put(path.rstrip(b"/*") + b"/" + b"/".join(rng.choice(NAMES) for _ in range(rng.randint(1, 3 if out.endswith(("/", "**")) else 1))))
    else:
        put(path)
