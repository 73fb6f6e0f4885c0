"""In a git repository: the hook, worktrees with one cache, direnv; and who asks --graph=json."""

import os
import shutil

from suite import TREE, Skipped, check, equal, write

HOOK = os.path.join(TREE, "examples/git/pre-commit")
AFFECTED = os.path.join(TREE, "examples/graph/affected.py")
WORKFLOW = """tasks:
  - {name: manual, agent: writer, task: "On tools\\nWRITE manual.md", inputs: [facts.txt], outputs: [manual.md]}
  - {name: words, run: wc -w < manual.md > words.txt, inputs: [manual.md], outputs: [words.txt]}
  - {name: built, run: mkdir -p out && cat src/* > out/all, inputs: ["src/**"], outputs: [out/]}
"""


def repository(box, cache=""):
    """A repository in which all is up to date and committed; out/ is ignored. Git knows nobody but its user here."""
    if not shutil.which("git"):
        raise Skipped("no git")
    folder = box.path("repository")
    box.env.update({"GIT_CONFIG_GLOBAL": box.path("gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"})
    write(box.path("gitconfig"), "[user]\n\tname = A\n\temail = a@example.org\n[init]\n\tdefaultBranch = main\n")
    for name, text in (("axmake.ini", f"[axmake]\nprovider = offline\n{cache}"), ("workflow.ax.yaml", WORKFLOW), ("facts.txt", "one\n"), ("src/a", "a\n"), (".gitignore", "out/\n")):
        write(os.path.join(folder, name), text)
    box.call("git init -q && axmake -s && git add . && git commit -q -m first", folder).ok()
    return folder


def hooked(box):
    folder = repository(box)
    shutil.copy(HOOK, os.path.join(folder, ".git/hooks/pre-commit"))
    return folder


def commits(box, folder):
    return int(box.call("git rev-list --count HEAD", folder).ok().text)


def hook_lets_pass_what_is_up_to_date_and_runs_nothing(box):
    folder = hooked(box)
    write(os.path.join(folder, "note.txt"), "of no task\n")
    before = box.call("ls -lR --time-style=full-iso .axmake", folder).ok().text
    box.call("git add note.txt && git commit -q -m note", folder).ok()
    equal(commits(box, folder), 2)
    equal(box.call("ls -lR --time-style=full-iso .axmake", folder).ok().text, before)
    equal([f for f in os.listdir(box.folder) if f.startswith("commit-")], [], "left in the temporary folder")


def hook_refuses_an_edit_that_axmake_has_not_seen(box):
    folder = hooked(box)
    write(os.path.join(folder, "facts.txt"), "one\ntwo\n")
    r = box.call("git commit -q -a -m edit", folder)
    equal(r.status, 1, r.text)
    check("manual: stale: input 'facts.txt' changed" in r.text and "words: stale" in r.text and "built" not in r.text, r.text)
    equal(commits(box, folder), 1)
    box.call("git commit -q -a --no-verify -m edit", folder).ok()


def hook_looks_at_the_commit_and_not_at_the_work_tree(box):
    folder = hooked(box)
    write(os.path.join(folder, "facts.txt"), "not to be committed yet\n")
    write(os.path.join(folder, "note.txt"), "of no task\n")
    box.call("git add note.txt && git commit -q -m note", folder).ok()
    # The other way round: the edit is staged, and taken back in the work tree.
    box.call("git add facts.txt && echo one > facts.txt && axmake -q", folder).ok()
    equal(box.call("git commit -q -m edit", folder).status, 1)


def hook_refuses_what_was_made_anew_and_not_added(box):
    folder = hooked(box)
    write(os.path.join(folder, "workflow.ax.yaml"), WORKFLOW.replace("On tools", "On hammers"))
    box.call("axmake -s && git config axmake.target manual", folder).ok()
    r = box.call("git add workflow.ax.yaml && git commit -q -m new", folder)
    equal(r.status, 1, r.text)
    equal(r.text, "pre-commit: made anew, but not added:\nmanual.md\n")
    box.call("git add . && git commit -q -m new", folder).ok()


def hook_looks_at_the_targets_that_git_s_settings_name(box):
    folder = hooked(box)
    box.call("git config --add axmake.target out/", folder).ok()
    write(os.path.join(folder, "facts.txt"), "one\ntwo\n")
    box.call("git commit -q -a -m facts", folder).ok()
    write(os.path.join(folder, "src/b"), "b\n")
    r = box.call("git add . && git commit -q -m source", folder)
    equal(r.status, 1, r.text)
    check("built: stale" in r.text and "manual" not in r.text, r.text)
    box.call("axmake -s built && git commit -q -m source", folder).ok()


def hook_shows_the_mistakes_of_a_workflow(box):
    folder = hooked(box)
    write(os.path.join(folder, "workflow.ax.yaml"), WORKFLOW.replace("inputs", "input"))
    r = box.call("git commit -q -a -m wrong", folder)
    equal(r.status, 1)
    check("error: unknown key 'input'" in r.text, r.text)


def affected_tells_who_hangs_on_a_file(box):
    folder = repository(box)
    ask = lambda words: box.call(f"axmake --graph=json | {AFFECTED} {words}", folder)  # noqa: E731
    equal(ask("facts.txt").ok().text, "manual  reads facts.txt\nwords   needs manual\n")
    equal(ask("./src/a").ok().text, "built  reads src/a\n")
    equal(ask("out/all").ok().text, "built  makes out/all\n")
    equal(ask("--names src/a manual.md").ok().text.split(), ["manual", "words", "built"])
    r = ask("README")
    equal((r.status, r.text), (1, ""))


def affected_goes_where_results_go_and_not_where_only_order_does(box):
    folder = box.path("project")
    write(os.path.join(folder, "ask.txt"), "What?\n")
    os.makedirs(os.path.join(folder, "src"))
    write(os.path.join(folder, "workflow.ax.yaml"), """tasks:
  - {name: asked, agent: writer, task_file: ask.txt}
  - {name: used, agent: writer, task: "By ${asked}"}
  - {name: later, run: "true", after: [used]}
  - {name: tidy, run: "true", edits: [src/]}
""")
    equal(box.call(f"axmake --graph=json | {AFFECTED} ask.txt src/a", folder).ok().text, "asked  its prompt is ask.txt\ntidy   edits src/a\nused   needs asked\n")


def affected_names_are_targets(box):
    folder = repository(box)
    write(os.path.join(folder, "src/a"), "changed\n")
    r = box.call(f"axmake $(axmake --graph=json | {AFFECTED} --names $(git diff --name-only))", folder).ok()
    equal(r.tasks, ["built"])


def worktrees_have_a_state_each_and_one_cache(box):
    folder = repository(box, "cache_dir = ~/cache\n")
    box.call("axmake -s && git worktree add -q ../second -b second", folder).ok()
    second = box.path("second")
    r = box.call("axmake -j4", second).ok()
    equal(r.tasks, [], "the second worktree ran what the first had made", r.text)
    check("restored" in r.text and os.path.isdir(os.path.join(second, ".axmake")), r.text)
    check(not os.path.exists(os.path.join(second, ".axmake/cache")), "it has a cache of its own")
    # What one does is no news for the other, but for its answers.
    write(os.path.join(second, "facts.txt"), "other facts\n")
    equal(box.call("axmake -s -q", second).status, 1)
    box.call("axmake -q", folder).ok()
    check("manual" in box.call("axmake", second).ok().tasks)
    box.call("git commit -q -a -m facts && git -C ../repository merge -q second", second).ok()
    equal(box.call("axmake", folder).ok().tasks, [], "the first ran what the second had made")
    box.call("git worktree remove --force ../second", folder).ok()


def worktrees_run_at_once(box):
    folder = repository(box, "cache_dir = ~/cache\n")
    names = [f"w{i}" for i in range(4)]
    box.call(" && ".join(f"git worktree add -q ../{n}" for n in names), folder).ok()
    for n in names:
        write(box.path(n, "facts.txt"), f"{n}\n")
    box.call(" ".join(f"(cd ../{n} && axmake -s) & p{n}=$!;" for n in names) + " ".join(f"wait $p{n} || exit 1;" for n in names), folder).ok()
    for n in names:
        box.call("axmake -q", box.path(n)).ok()


def direnv_sets_defaults_and_tells_what_is_stale(box):
    if not shutil.which("direnv"):
        raise Skipped("no direnv (apt-get install direnv)")
    folder = repository(box)
    shutil.copy(os.path.join(TREE, "examples/direnv/.envrc"), folder)
    in_it = 'direnv allow . && direnv exec . sh -c \'echo "$AXMAKEFLAGS"\''
    box.env.pop("AXMAKEFLAGS", None)
    r = box.call(in_it, folder).ok()
    check(r.text.rstrip().endswith("-j4 --budget=5") and "stale" not in r.text, r.text)
    write(os.path.join(folder, "facts.txt"), "one\ntwo\n")
    r = box.call(in_it, folder).ok()
    check("axmake: something is stale" in r.text, r.text)
    check("with -j4" in box.call("direnv exec . axmake -n", folder).ok().text)


CASES = [f for n, f in list(globals().items()) if n.startswith(("hook_", "affected_", "worktrees_", "direnv_"))]
