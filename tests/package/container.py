"""Containerfile: built for real, by buildah, without any network, upon a small Debian with the packages that a build needs."""

import os

import system
from suite import TREE, Skipped, check, equal


def buildah(*words, cwd=TREE):
    """Without network. Storage of its own, which is gone with the folder of the suite. The isolation `chroot` needs no cgroups, which a machine may withhold."""
    store = os.path.join(system.folder(), "images")
    return system.run(["unshare", "--net", "buildah", "--storage-driver", "vfs", "--root", f"{store}/root", "--runroot", f"{store}/run", *words], cwd=cwd)


def base():
    """The image that is built upon: the small Debian and what `setup.sh make build` installs there, which is all that asks a network."""
    if "base" not in system.KEPT:
        system.tools("buildah", "git")
        small = system.small()
        ready = os.path.join(system.folder(), "ready")
        system.run(["cp", "-a", small, ready]).ok()
        system.run(["cp", os.path.join(TREE, ".ci/setup.sh"), os.path.join(ready, "setup.sh")]).ok()
        system.within(ready, "sh /setup.sh make build && rm /setup.sh").ok()
        system.run(["tar", "-cf", os.path.join(system.folder(), "ready.tar"), "-C", ready, "."]).ok()
        work = buildah("from", "--pull-never", "scratch").ok().text.split()[-1]
        buildah("add", "--quiet", work, os.path.join(system.folder(), "ready.tar"), "/").ok()
        buildah("commit", "--quiet", "--rm", work, "localhost/ready").ok()
        system.KEPT["base"] = "localhost/ready"
    return system.KEPT["base"]


def container_is_built_without_network_and_runs_axmake(box):
    if not box.long:
        raise Skipped("makes a small Debian: make check-package")
    context = box.path("context")
    os.mkdir(context)
    box.call(f"git -C {TREE} ls-files -z -co --exclude-standard | tar -C {TREE} -cf - --null -T - | tar -xf - -C {context}").ok()
    r = buildah("build", "--isolation", "chroot", "--pull-never", "--build-arg", f"BASE={base()}", "-t", "localhost/axmake", ".", cwd=context).ok()
    check("axmake: installing" not in r.text, "something was missing in the base", r.text)

    equal(buildah("inspect", "--type", "image", "--format", "{{.OCIv1.Config.Entrypoint}}", "localhost/axmake").ok().text.strip(), "[axmake]")
    work = buildah("from", "--pull-never", "localhost/axmake").ok().text.split()[-1]
    said = buildah("run", "--isolation", "chroot", work, "--", "sh", "-ec", "pwd; ls /src 2>&1 || :; command -v ax; cp -r /usr/share/doc/axmake/examples/docs/. . && axmake -j4 && axmake -j4").ok().text
    check(said.startswith("/work\n"), said)
    check("cannot access '/src'" in said, "the source is in the image", said)
    check("11 tasks done in" in said and "nothing to be done (11 tasks up to date)" in said, said)


CASES = [container_is_built_without_network_and_runs_axmake]
