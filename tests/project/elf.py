"""The programs as they were linked: what makes it hard to turn a mistake of theirs into somebody's command."""

import os
import platform
import re
import shutil
import subprocess

from suite import Skipped, TREE, check, equal

ENDBR64 = b"\xf3\x0f\x1e\xfa"
COMPILE = os.path.join(TREE, ".ci", "harden.sh")


class Elf:
    def __init__(self, path):
        if not shutil.which("readelf"):
            raise Skipped("no readelf")
        self.path = path
        said = subprocess.run(["readelf", "-hlWd", path], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}).stdout
        self.type = re.search(r"Type:\s+(\w+)", said).group(1)
        self.is_static = "INTERP" not in said
        self.segments = {name: flags.replace(" ", "") for name, flags in re.findall(r"^  (\w+) +(?:0x\w+ +){5}([RWE ]{3}) ", said, re.M)}
        self.flags = " ".join(re.findall(r"\((?:FLAGS|FLAGS_1|BIND_NOW)\)\s+(.*)", said))
        with open(path, "rb") as f:
            self.bytes = f.read()


def programs(box):
    found = [Elf(os.path.join(os.path.dirname(box.axmake), name)) for name in ("axmake", "axmake-offline", "axmake-carry", "axmake-guard")]
    if any(b"__asan_init" in e.bytes or b"__gcov_dump" in e.bytes or b"__tsan_init" in e.bytes for e in found):
        raise Skipped("a build with a sanitizer, which has no hardening")
    return found


def programs_lie_at_random_places_and_their_tables_are_read_only(box):
    for e in programs(box):
        check("GNU_RELRO" in e.segments, e.path, e.segments)
        equal(e.segments.get("GNU_STACK"), "RW", e.path)
        if e.is_static:  # which starts faster at the place that it was linked for: see doc/performance.md
            equal(e.type, "EXEC", e.path)
        else:
            equal(e.type, "DYN", e.path)
            check("NOW" in e.flags and "PIE" in e.flags, e.path, e.flags)


def programs_watch_their_stacks_buffers_and_jumps(box):
    e = programs(box)[0]
    check(b"__stack_chk_fail" in e.bytes, "no guard of the stack")
    check(b"__memcpy_chk" in e.bytes, "lengths are not checked")
    if platform.machine() == "x86_64":
        check(e.bytes.count(ENDBR64) > 1000, f"{e.bytes.count(ENDBR64)} marked targets of jumps")


def compiler(box, refuses, machine):
    """One that refuses these flags."""
    path = box.path("compiler")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'#!/bin/sh\ncase " $* " in *" -dumpmachine "*) echo {machine}; exit;; esac\nfor flag in {refuses or "--"}; do case " $* " in *" $flag "*) exit 1;; esac; done\n')
    os.chmod(path, 0o755)
    return path


def hardening_asks_of_a_compiler_what_it_takes(box):
    every = "-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection"
    for refuses, machine, wanted in (
        ("", "x86_64-linux-gnu", every + " -fcf-protection"),
        ("", "aarch64-linux-gnu", every + " -mbranch-protection=standard"),
        ("", "riscv64-linux-gnu", every),
        ("-D_FORTIFY_SOURCE=3", "x86_64-linux-gnu", every.replace("=3", "=2") + " -fcf-protection"),
        ("-fstack-clash-protection -fcf-protection", "i686-linux-gnu", every.replace(" -fstack-clash-protection", "")),
        ("-D_FORTIFY_SOURCE=3 -D_FORTIFY_SOURCE=2", "riscv64-linux-gnu", every.split("=3 ")[1]),
    ):
        equal(box.call(f"{COMPILE} {compiler(box, refuses, machine)} -O2").ok().text.split(), wanted.split(), refuses, machine)


CASES = [programs_lie_at_random_places_and_their_tables_are_read_only, programs_watch_their_stacks_buffers_and_jumps, hardening_asks_of_a_compiler_what_it_takes]
