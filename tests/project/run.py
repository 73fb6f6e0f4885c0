#!/usr/bin/env python3
"""What stands around the program: setting up a machine, installing and taking away again, manual pages and the schema.

    python3 tests/project/run.py [--axmake ./axmake] [CASE...]
"""

import os
import re
import resource
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import elf  # noqa: E402
import pages  # noqa: E402
import schema  # noqa: E402
from suite import TREE, check, equal, read, run_cases, write  # noqa: E402

SETUP = os.path.join(TREE, ".ci", "setup.sh")
LIBRARIES = ["libyaml-dev", "libinih-dev", "libxxhash-dev", "libutf8proc-dev", "libjansson-dev", "libcurl4-openssl-dev", "libssl-dev"]

# Knows the modules that are listed in $HAVE.
PKG_CONFIG = """#!/bin/sh
shift
for module; do
	case " $HAVE " in *" $module "*) ;; *) exit 1 ;; esac
done
"""

# Writes down what it was asked to do; fails as often as $FAILS holds a word for its command.
APT_GET = """#!/bin/sh
echo "$*" >> "$LOG"
for word; do
	case $word in
	install) if [ "$FAILS" = once ] && [ ! -e "$LOG.failed" ]; then : > "$LOG.failed"; echo "E: no such package" >&2; exit 100; fi
		if [ "$FAILS" = always ]; then echo "E: no network" >&2; exit 100; fi ;;
	esac
done
"""


def machine(box, programs, user=0):
    """A PATH with only these programs; those of the system that the script itself needs are always there."""
    folder = box.path("bin")
    fakes = {"pkg-config": PKG_CONFIG, "apt-get": APT_GET, "sudo": '#!/bin/sh\necho sudo >> "$LOG"\nexec "$@"\n', "cc": "#!/bin/sh\n"}
    os.mkdir(folder)
    for name in ["sh", "cat", "mktemp", "rm", "env"]:
        os.symlink(shutil.which(name), os.path.join(folder, name))
    write(os.path.join(folder, "id"), f"#!/bin/sh\necho {user}\n", 0o755)
    for name in programs:
        write(os.path.join(folder, name), fakes.get(name, "#!/bin/sh\n"), 0o755)
    write(box.path("log"), "")
    return folder


def set_up(box, path, words="", have="", fails=""):
    return box.call(f"{SETUP} {words}", PATH=path, HAVE=have, LOG=box.path("log"), FAILS=fails)


COMPLETIONS = [
    "share/bash-completion/completions/axmake", "share/bash-completion/completions/ax", "share/zsh/site-functions/_axmake",
    "share/fish/vendor_completions.d/axmake.fish", "share/fish/vendor_completions.d/ax.fish",
]
ALL_MODULES = "yaml-0.1 inih libxxhash libutf8proc jansson libcurl libcrypto cmocka"


def setup_is_silent_and_asks_no_apt_where_nothing_is_missing(box):
    path = machine(box, ["make", "cc", "pkg-config", "python3", "ps", "tmux", "mandoc", "strace", "spin", "bwrap", "valgrind", "apt-get", "sudo"])
    r = set_up(box, path, have=ALL_MODULES).ok()
    equal(r.text, "")
    equal(read(box.path("log")), "")


def setup_takes_no_time_where_nothing_is_missing(box):
    def used():
        u = resource.getrusage(resource.RUSAGE_CHILDREN)
        return u.ru_utime + u.ru_stime

    times = []
    for _ in range(5):
        begin = used()
        equal(box.call(SETUP).ok().text, "")
        times.append(used() - begin)
    check(min(times) < 0.1, "seconds of processor time", times)


def setup_installs_all_on_a_bare_machine(box):
    path = machine(box, ["apt-get"])
    r = set_up(box, path).ok()
    log = read(box.path("log"))
    equal(log.count("\n"), 1, log)
    wanted = ["make", "gcc", "libc6-dev", "pkg-config", *LIBRARIES, "libcmocka-dev", "python3", "procps", "tmux", "mandoc", "strace", "spin", "bubblewrap", "valgrind"]
    equal(log.split("--no-install-recommends ")[1].split(), wanted)
    check("sudo" not in log, log)
    check(r.text.startswith("axmake: installing make gcc"), r.text)


def setup_installs_only_what_is_missing_and_by_sudo_for_others_than_root(box):
    path = machine(box, ["make", "cc", "pkg-config", "python3", "ps", "tmux", "mandoc", "strace", "spin", "bwrap", "valgrind", "apt-get", "sudo"], user=1000)
    set_up(box, path, have=ALL_MODULES.replace("inih ", "")).ok()
    log = read(box.path("log"))
    check(log.startswith("sudo\n"), log)
    equal(log.split("--no-install-recommends ")[1].split(), ["libinih-dev"])


def setup_for_a_build_wants_no_tests(box):
    path = machine(box, ["make", "cc", "pkg-config", "apt-get"])
    set_up(box, path, "make build", have=ALL_MODULES.replace("cmocka", "")).ok()
    equal(read(box.path("log")), "")


def setup_for_a_browser_wants_it_alone(box):
    path = machine(box, ["apt-get"])
    set_up(box, path, "browser").ok()
    equal(read(box.path("log")).split("--no-install-recommends ")[1].split(), ["chromium", "chromium-driver"])
    for name in ("chromium", "chromedriver"):
        write(os.path.join(path, name), "#!/bin/sh\n", 0o755)
    equal(set_up(box, path, "browser").ok().text, "")


def setup_for_a_shared_cache_wants_its_server(box):
    path = machine(box, ["apt-get", "nginx"])
    set_up(box, path, "http").ok()
    equal(read(box.path("log")).split("--no-install-recommends ")[1].split(), ["openssl"])


def setup_for_packages_wants_what_makes_and_tries_them(box):
    path = machine(box, ["apt-get", "pkg-config", "git"])
    set_up(box, path, "package", have="cmocka").ok()
    equal(read(box.path("log")).split("--no-install-recommends ")[1].split(), ["debhelper", "dpkg-dev", "lintian", "buildah", "debootstrap", "direnv", "busybox-static", "python3-yaml"])


def setup_fetches_the_lists_when_they_are_old(box):
    path = machine(box, ["make", "cc", "pkg-config", "python3", "ps", "tmux", "mandoc", "strace", "spin", "bwrap", "valgrind", "apt-get"])
    set_up(box, path, have=ALL_MODULES.replace("jansson", ""), fails="once").ok()
    log = read(box.path("log")).splitlines()
    check(len(log) == 3 and log[1].endswith("update") and log[0] == log[2], log)


def setup_shows_why_apt_failed(box):
    path = machine(box, ["make", "cc", "pkg-config", "python3", "ps", "tmux", "mandoc", "strace", "spin", "bwrap", "valgrind", "apt-get"])
    r = set_up(box, path, have=ALL_MODULES.replace("jansson", ""), fails="always")
    equal(r.status, 1)
    check("E: no network" in r.text and "libjansson-dev" in r.text, r.text)


def setup_says_what_to_do_without_apt(box):
    path = machine(box, ["make", "cc", "python3"])
    r = set_up(box, path)
    equal(r.status, 1)
    check("There is no apt-get here" in r.text and "pkg-config libyaml-dev" in r.text, r.text)


def setup_says_what_to_do_without_root_and_sudo(box):
    path = machine(box, ["make", "cc", "pkg-config", "python3", "ps", "tmux", "mandoc", "strace", "spin", "bwrap", "valgrind", "apt-get"], user=1000)
    r = set_up(box, path, have=ALL_MODULES.replace("jansson", ""))
    equal(r.status, 1)
    check("run 'apt-get install libjansson-dev' as root" in r.text, r.text)
    equal(read(box.path("log")), "")


def make_alone_says_that_libraries_are_missing(box):
    bare = machine(box, [])
    for name in ("sed", "mkdir"):
        os.symlink(shutil.which(name), os.path.join(bare, name))
    r = box.call(f"{shutil.which('make')} -s -C {TREE} B={box.path('b')} OUT={box.path('b')} all", PATH=bare)
    equal(r.status, 2, r.text)
    check("libraries are missing: run `make setup`" in r.text and "not found" not in r.text, r.text)


def an_installed_axmake_runs_from_its_place_and_can_be_taken_away(box):
    built = os.path.dirname(box.axmake)
    to = box.path("to")
    make = f"make -C {TREE} -s OUT={built} B={box.path('none')} -o {built}/axmake -o {built}/axmake-offline -o {built}/axmake-carry -o {built}/axmake-guard -o {built}/axmake-http DESTDIR={to} PREFIX=/opt/ax"
    box.call(f"{make} install").ok()
    for path in ("bin/axmake", "bin/ax", "libexec/axmake/axmake-offline", "libexec/axmake/axmake-carry", "libexec/axmake/axmake-guard", "share/axmake/rules/offline.ini", "share/doc/axmake/README.md", "share/axmake/workflow.schema.json", "share/axmake/events.schema.json", "include/axmake.mk", "share/doc/axmake/examples/demo.sh", *COMPLETIONS, "share/doc/axmake/doc/reference.md", "share/doc/axmake/doc/session.svg", *(f"share/man/man{p[-1]}/{p}" for p in pages.PAGES)):
        check(os.path.exists(os.path.join(to, "opt/ax", path)), f"no {path}")
    equal(os.path.exists(os.path.join(to, "opt/ax/libexec/axmake/axmake-http")), os.path.exists(os.path.join(built, "axmake-http")))
    equal([f for f in os.listdir(os.path.join(to, "opt/ax/share/doc/axmake/doc")) if not f.endswith((".md", ".svg"))], [])
    r = box.call("axmake -j4", box.example("auth"), PATH=f"{to}/opt/ax/bin:/usr/bin:/bin").ok()
    equal(len(r.tasks), 7, r.text)
    box.call(f"{make} uninstall").ok()
    left = [os.path.join(p, f) for p, folders, files in os.walk(to) for f in files + [d for d in folders if os.path.islink(os.path.join(p, d))]]
    equal(left, [])


def tests_named(path):
    """Checks that each test in the second column of a file's tables exists; the rows."""
    here = os.path.join(TREE, "tests")
    sources = {d: "".join(read(os.path.join(here, d, f)) for f in os.listdir(os.path.join(here, d)) if f.endswith((".c", ".py"))) for d in ("unit", "jobserver", "http")}
    rows = [line.rstrip("| ").rsplit("|", 1)[1] for line in read(path).splitlines() if re.match(r"\| (?!---|what )", line)]
    for name in (n.strip() for row in rows for n in row.split(",")):
        if name.endswith(".case"):
            there = os.path.exists(os.path.join(here, "cli", name))
        elif name in ("bench", "browser", "crash", "executors", "faults", "load", "model", "oracle", "secrets"):
            there = os.path.isdir(os.path.join(TREE, name)) or os.path.isdir(os.path.join(here, name))
        else:
            there = re.search(rf"\b{name}\(", sources["jobserver"] if name.startswith("case_") else sources["unit"]) or re.search(rf"\bdef {name}\(|bears\(\"{name}\"", sources["http"])
        check(there, f"{path}: there is no test {name}")
    return rows


def every_test_that_the_table_of_failures_names_exists(_box):
    check(len(tests_named(os.path.join(TREE, "tests/FAILURES.md"))) > 30)


def every_test_that_the_page_on_security_names_exists(_box):
    check(len(tests_named(os.path.join(TREE, "doc/security.md"))) > 25)


def every_case_of_bad_input_exists_and_they_are_many(_box):
    here = os.path.join(TREE, "tests")
    rows = [line.split("|")[2] for line in read(os.path.join(here, "BAD-INPUT.md")).splitlines() if line.startswith("| ")][2:]
    names = [n.strip() for row in rows for n in row.split(",")]
    equal(sorted(names), sorted(set(names)))
    equal([n for n in names if not os.path.exists(os.path.join(here, "cli", n))], [])
    unnamed = {f for f in os.listdir(os.path.join(here, "cli")) if f.startswith("bad-")} - set(names)
    check(not unnamed, "not in BAD-INPUT.md:", unnamed)
    check(len(names) >= 120 and len(rows) >= 9, len(names), len(rows))


def every_provider_is_a_rule_and_named_nowhere_in_the_source(_box):
    rules = [read(os.path.join(TREE, "rules", f)) for f in os.listdir(os.path.join(TREE, "rules")) if f.endswith(".ini")]
    names = {n for text in rules for n in re.findall(r"^\[provider (\S+)\]", text, re.M)} - {"offline"}  # offline is a program of this project
    programs = {p for text in rules for p in re.findall(r"^command\s*=\s*(\S+)", text, re.M)} - {"axmake-offline"}
    check(len(names) == len(programs) >= 5, names, programs)
    for folder, _, files in os.walk(os.path.join(TREE, "src")):
        for f in files:
            said = re.findall(rf"\b(?:{'|'.join(names | programs)})\b", read(os.path.join(folder, f)))
            check(not said, os.path.join(folder, f), said)


CASES = [f for n, f in list(globals().items()) if n.startswith(("setup_", "make_", "an_", "every_")) and callable(f)] + pages.CASES + schema.CASES + elf.CASES

if __name__ == "__main__":
    sys.exit(run_cases(CASES))
