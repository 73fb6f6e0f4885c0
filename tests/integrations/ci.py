"""The recipes for CI in examples/ci: their shell lines are run, in a fresh clone each time, with between them nothing but what the recipe itself keeps."""

import fnmatch
import os
import re
import shutil
import tarfile

from suite import TREE, Skipped, check, equal, read, write

WORKFLOW = """tasks:
  - {name: manual, agent: writer, task: "On tools\\nWRITE out/manual.md", inputs: [facts.txt], outputs: [out/manual.md]}
  - {name: opinion, agent: writer, task: What is it worth?}
  - {name: words, run: wc -w < out/manual.md > out/words.txt, inputs: [out/manual.md], outputs: [out/words.txt]}
  - {name: judge, run: grep -q good verdict.txt, inputs: [verdict.txt]}
"""


def recipe(name):
    try:
        import yaml  # pylint: disable=import-outside-toplevel
    except ImportError:
        raise Skipped("no python3-yaml") from None
    return yaml.safe_load(read(os.path.join(TREE, "examples/ci", name)))


class Forge:
    """A repository, what its jobs have kept, and the variables that a job of it has."""

    def __init__(self, box):
        if not shutil.which("git"):
            raise Skipped("no git")
        self.box, self.kept, self.jobs = box, {}, 0
        self.origin = box.path("origin")
        box.env.update({"GIT_CONFIG_GLOBAL": box.path("gitconfig"), "GIT_CONFIG_NOSYSTEM": "1", "AXMAKEFLAGS": ""})
        write(box.path("gitconfig"), "[user]\n\tname = A\n\temail = a@example.org\n[init]\n\tdefaultBranch = main\n[safe]\n\tdirectory = *\n")
        for name, text in (("axmake.ini", "[axmake]\nprovider = offline\n"), ("workflow.ax.yaml", WORKFLOW), ("facts.txt", "one\n"), ("verdict.txt", "good\n"), (".gitignore", "out/\nreport.*\n")):
            write(os.path.join(self.origin, name), text)
        os.mkdir(os.path.join(self.origin, "out"))
        box.call("git init -q && git add . && git commit -q -m first", self.origin).ok()

    def commit(self, branch, name, text):
        new = "" if branch in self.box.call("git branch", self.origin).text.split() else "-b "
        self.box.call(f"git checkout -q {new}{branch}", self.origin).ok()
        write(os.path.join(self.origin, name), text)
        self.box.call("git commit -q -a -m change", self.origin).ok()

    def clone(self, branch):
        self.jobs += 1
        self.box.call(f"git clone -q -b {branch} origin job{self.jobs}").ok()
        return self.box.path(f"job{self.jobs}")

    def keep(self, key, folder, paths):
        """As both forges do: an archive of these paths. A key is written once (GitHub) or replaced (GitLab): both keep the newest by its order."""
        archive = self.box.path(f"kept{self.jobs}.tar.gz")
        with tarfile.open(archive, "w:gz") as tar:
            for path in paths:
                if os.path.exists(os.path.join(folder, path)):
                    tar.add(os.path.join(folder, path), path)
        self.kept.pop(key, None)
        self.kept[key] = archive
        return archive

    def restore(self, keys, folder, prefix):
        """The newest under the first key that has any."""
        for key in keys:
            for kept in reversed(self.kept):
                if kept == key or (prefix and kept.startswith(key)):
                    with tarfile.open(self.kept[kept]) as tar:
                        tar.extractall(folder)
                    return kept
        return None


def filled(text, values):
    return re.sub(r"\$\{\{\s*([\w.]+)\s*\}\}", lambda m: values[m.group(1)], str(text))


def github(forge, branch, path=None):
    """A job of github.yml in a fresh clone: (status of each step that failed, all that was said, the folder)."""
    job = recipe("github.yml")["jobs"]["axmake"]
    folder = forge.clone(branch)
    values = {"github.ref_name": branch, "github.run_id": str(forge.jobs), "github.run_attempt": "1", "github.event.repository.default_branch": "main", "secrets.ANTHROPIC_API_KEY": ""}
    env = {k: filled(v, values) for k, v in job["env"].items()} | {"AXMAKE_SOURCE": TREE, "RUNNER_TEMP": forge.box.path("runner"), "GITHUB_PATH": forge.box.path("github-path"), "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": forge.box.path("summary")}
    if path:
        env["PATH"] = path
    failed, said, did = [], "", []
    for step in job["steps"]:
        if failed and step.get("if") != "always()":
            continue
        uses, using = step.get("uses", "").split("@")[0], step.get("with", {})
        did.append(uses or "run")
        if uses == "actions/cache/restore":
            forge.restore([filled(using["key"], values), *filled(using["restore-keys"], values).split()], folder, True)
        elif uses == "actions/cache/save":
            forge.keep(filled(using["key"], values), folder, using["path"].split())
        elif uses == "actions/upload-artifact":
            check(os.path.exists(os.path.join(folder, using["path"])), f"no {using['path']}")
        elif uses:
            equal(uses, "actions/checkout")
        else:
            if os.path.exists(env["GITHUB_PATH"]):
                env["PATH"] = ":".join(read(env["GITHUB_PATH"]).split() + [env.get("PATH", forge.box.env["PATH"])])
            write(forge.box.path("step.sh"), step["run"])
            r = forge.box.call(f"bash -e {forge.box.path('step.sh')}", folder, **env)
            said += r.text
            if r.status:
                failed.append(r.status)
    equal(did, ["actions/checkout", "run", "actions/cache/restore", "run", "actions/cache/save", "actions/upload-artifact"])
    return failed, said, folder


def gitlab(forge, branch, path=None):
    """A job of gitlab.yml, likewise."""
    job = recipe("gitlab.yml")["axmake"]
    folder = forge.clone(branch)
    values = {"CI_COMMIT_REF_SLUG": re.sub(r"[^a-z0-9]", "-", branch.lower()), "CI_DEFAULT_BRANCH": "main", "CI_BUILDS_DIR": forge.box.path("builds")}
    env = job["variables"] | values | {"AXMAKE_SOURCE": TREE}
    if path:
        env["PATH"] = path
    key = lambda text: re.sub(r"\$(\w+)", lambda m: values[m.group(1)], text)  # noqa: E731
    cache, failed = job["cache"], []
    equal(cache["when"], "always")
    forge.restore([key(k) for k in [cache["key"], *cache["fallback_keys"]]], folder, False)
    write(forge.box.path("job.sh"), "\n".join(job["before_script"] + job["script"]))
    r = forge.box.call(f"bash -e -o pipefail {forge.box.path('job.sh')}", folder, **env)
    if r.status:
        failed.append(r.status)
    forge.keep(key(cache["key"]), folder, cache["paths"])
    equal(job["artifacts"]["when"], "always")
    for name in [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]:
        check(os.path.exists(os.path.join(folder, name)), f"no {name}", r.text)
    return failed, r.text, folder


def ran(said):
    return sorted(re.findall(r"^\[\d+/\d+\] (.+): done in ", said, re.MULTILINE))


def story(box, job):
    forge = Forge(box)
    forge.commit("main", "facts.txt", "one\n# \n")
    failed, said, _ = job(forge, "main")
    equal((failed, ran(said)), ([], ["judge", "manual", "opinion", "words"]), said)
    failed, said, folder = job(forge, "main")
    equal((failed, ran(said)), ([], []), "the second job ran what the first had done", said)
    check(os.path.exists(os.path.join(folder, "out/words.txt")), "an output is missing")

    # A branch begins with what the main one has, and fails: what it did is kept all the same.
    forge.commit("work", "facts.txt", "one\ntwo\n")
    forge.commit("work", "verdict.txt", "bad\n")
    failed, said, _ = job(forge, "work")
    equal((failed, ran(said)), ([2], ["manual"]), said)
    forge.commit("work", "verdict.txt", "good again\n")
    failed, said, _ = job(forge, "work")
    equal((failed, ran(said)), ([], ["judge"]), said)
    failed, said, _ = job(forge, "main")
    equal((failed, ran(said)), ([], []), "a branch's job made the main one's work stale", said)
    nothing_but_what_may_be_kept(forge)


def nothing_but_what_may_be_kept(forge):
    check(len(forge.kept) >= 2, forge.kept)
    for archive in forge.kept.values():
        with tarfile.open(archive) as tar:
            names = tar.getnames()
        wrong = [n for n in names if not fnmatch.fnmatch(n, ".axmake/log") and not n.startswith((".axmake/results", ".axmake/cache"))]
        equal(wrong, [])


def ci_github_asks_no_agent_twice(box):
    story(box, github)


def ci_gitlab_asks_no_agent_twice(box):
    story(box, gitlab)


def ci_recipes_keep_the_same(_box):
    job = recipe("github.yml")["jobs"]["axmake"]
    cached = [step["with"] for step in job["steps"] if "actions/cache" in step.get("uses", "")]
    equal(cached[0]["path"], cached[1]["path"])
    equal(cached[0]["key"], cached[1]["key"])
    equal(cached[0]["path"].split(), recipe("gitlab.yml")["axmake"]["cache"]["paths"])


def ci_an_error_is_an_annotation_and_the_table_is_in_the_summary(box):
    forge = Forge(box)
    forge.commit("main", "verdict.txt", "bad\n")
    failed, said, _ = github(forge, "main")
    equal(failed, [2])
    check(re.search(r"^::error .*judge", said, re.MULTILINE) and "judge" in read(box.path("summary")), said)


def builds_where_the_image_lacks_it(box, job):
    if not box.long:
        raise Skipped("builds axmake: make check-package")
    if not os.path.exists(os.path.join(TREE, ".git")):
        raise Skipped("the tree is no git repository")
    box.env["CCACHE_DIR"] = os.path.expanduser("~/.cache/ccache")
    path = ":".join(p for p in os.environ["PATH"].split(":") if not os.path.exists(os.path.join(p, "axmake")))
    failed, said, _ = job(Forge(box), "main", path)
    equal(failed, [], said)
    equal(ran(said), ["judge", "manual", "opinion", "words"], said)


def ci_github_builds_axmake(box):
    builds_where_the_image_lacks_it(box, github)


def ci_gitlab_builds_axmake(box):
    builds_where_the_image_lacks_it(box, gitlab_in_home)


def gitlab_in_home(forge, branch, path):
    """Its `make install` goes to /usr/local of a container: here, to a folder on the PATH, which make's own variable says."""
    prefix = forge.box.path("local")
    forge.box.env["MAKEFLAGS"] = f"PREFIX={prefix}"
    return gitlab(forge, branch, f"{prefix}/bin:{path}")


CASES = [f for n, f in list(globals().items()) if n.startswith("ci_")]
