"""Debian's package: what is in it, what lintian says, and that it comes and goes without a trace."""

import os
import re

import system
from suite import TREE, Skipped, check, equal, read

DEMO = """
cd /
axmake --version
command -v ax
sh /usr/share/doc/axmake/examples/demo.sh /usr/bin/axmake /tmp/demo </dev/null
test -s /tmp/demo/out/handbook.html
rm -r /tmp/demo
"""


def demo_was_shown(text):
    for said in ("11 tasks done in", "nothing to be done (11 tasks up to date)"):
        check(said in text, f"the demo did not say '{said}'", text)


def deb_holds_all_that_make_install_does(box):
    path, _ = system.package()
    to = box.path("installed")
    built = os.path.dirname(box.axmake)
    box.call(f"make -s -C {TREE} OUT={built} B={box.path('none')} -o {built}/axmake -o {built}/axmake-offline -o {built}/axmake-carry -o {built}/axmake-guard -o {built}/axmake-http DESTDIR={to} PREFIX=/usr install").ok()
    installed = {os.path.relpath(os.path.join(p, f), to) for p, _, files in os.walk(to) for f in files}
    listed = box.call(f"dpkg-deb --fsys-tarfile {path} | tar -t").ok().text.split("\n")
    packed = {re.sub(r"^\./", "", n) for n in listed if n and not n.endswith("/")}
    away = {f"usr/share/doc/axmake/{f}" for f in ("LICENSE", "CHANGELOG.md")} | {n for n in installed if n.endswith(".gitignore")}
    for name in sorted(installed - away):
        name = name.replace("zsh/site-functions", "zsh/vendor-completions")
        check(name in packed or name + ".gz" in packed, f"no {name} in the package", sorted(packed))
    check("usr/include/axmake.mk" in packed and "usr/share/doc/axmake/changelog.gz" in packed, sorted(packed))


def deb_has_the_source_s_version_and_names_its_libraries(box):
    path, said = system.package()
    version = re.search(r'AXMAKE_VERSION "(.+)"', read(os.path.join(TREE, "src/version.h"))).group(1)
    fields = dict(line.split(": ", 1) for line in box.call(f"dpkg-deb -f {path}").ok().text.splitlines() if re.match(r"\w[\w-]*: ", line))
    equal(fields["Version"], version)
    for library in ("libyaml", "libinih", "libjansson", "libutf8proc", "libcurl", "libssl", "libc6"):
        check(library in fields["Depends"], fields["Depends"])
    check("dpkg-shlibdeps: warning" not in said, said[-3000:])


def deb_is_built_of_what_setup_installs(_box):
    wanted = set(re.findall(r"^\tlibrary \S+ (\S+)", read(os.path.join(TREE, ".ci/setup.sh")).split("find_check")[0], re.MULTILINE))
    check(len(wanted) >= 5, wanted)
    control = read(os.path.join(TREE, "debian/control"))
    equal([w for w in sorted(wanted) if not re.search(rf"^ {w},$", control, re.MULTILINE)], [])


def deb_makes_lintian_say_no_error(_box):
    system.tools("lintian")
    path, _ = system.package()
    changes = [os.path.join(os.path.dirname(path), f) for f in os.listdir(os.path.dirname(path)) if f.endswith(".changes")]
    equal(len(changes), 1)
    r = system.run(["lintian", "--allow-root", "--no-cfg", "--fail-on", "error,warning", *changes])
    check(r.status == 0 and not re.search(r"^[EW]: ", r.text, re.MULTILINE), r.text)


def deb_installs_runs_the_demo_and_leaves_nothing(_box):
    script = f"dpkg -i /axmake.deb\n{DEMO}\nls -l /usr/share/man/man1/axmake.1.gz\ndpkg -r axmake\ndpkg -P axmake\nrm /axmake.deb\n"
    r = system.layered(script).ok()
    demo_was_shown(r.text)
    equal(re.findall(r"^left .*", r.text, re.MULTILINE), [], r.text)


def deb_needs_no_more_than_apt_brings(box):
    """In a Debian that has nothing but its core."""
    if not box.long:
        raise Skipped("makes a small Debian: make check-package")
    path, _ = system.package()
    small = system.small()
    system.run(["cp", path, os.path.join(small, "axmake.deb")]).ok()
    book = "find /usr /etc /opt /srv /root -xdev | sort > /var/tmp/{}"
    r = system.within(small, f"{book.format('before')}\napt-get -qq update\napt-get -qq -y install --no-install-recommends /axmake.deb\n{DEMO}\napt-get -qq -y purge --autoremove axmake\n{book.format('after')}\ndiff /var/tmp/before /var/tmp/after\nrm /axmake.deb").ok()
    demo_was_shown(r.text)


CASES = [f for n, f in list(globals().items()) if n.startswith("deb_")]
