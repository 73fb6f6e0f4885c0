"""What people do between runs."""

import copy
import os

import generate
import workflow as w
from reference import other_work


def edit_source(h):
    h.change(h.rng.choice([*generate.SOURCES, *generate.FOUND[:2]]), generate.content(h.rng, 0.15).encode())


def edit_back(h):
    path = h.rng.choice(generate.SOURCES)
    h.change(path, h.rng.choice(h.before[path]))


def touch(h):
    path = h.rng.choice(sorted(h.ref.disk))
    h.steps.append(f"touch {path}")
    os.utime(h.at(path))


def add_or_remove(h):
    path = h.rng.choice([*generate.FOUND, "d/new.txt", "d/sub/new.txt", "tree/new"])
    if path not in h.ref.disk:
        return h.change(path, generate.content(h.rng).encode())
    h.remove(path)


def outputs(h, kept):
    """Outputs that stand there; with kept only those where a change stays, without it only where it is made again."""
    tasks = [t for t in h.wf.tasks if kept is None or kept == ((t.on_edit or ("keep" if t.kind == "agent" else "rerun")) == "keep")]
    return [(o, p) for t in tasks for o in t.outputs for p in sorted(h.ref.content(o))]


def delete_output(h):
    found = [] if h.ref.unsure else outputs(h, None)
    for o, _ in h.rng.sample(found, min(1, len(found))):  # the whole of a glob too: where edits are kept, a part of it is just edited
        for p in h.ref.content(o):
            h.remove(p)
        if w.is_tree(o):
            os.rmdir(h.at(o))
            h.steps.append(f"rmdir {o}")


def edit_output(h):
    kept = h.keeps_edits and h.rng.random() < 0.5
    found = [] if h.ref.unsure else outputs(h, kept)
    for o, path in h.rng.sample(found, min(1, len(found))):
        beside = [p for p in h.ref.content(o) if p != path]
        if w.has_more(o) and h.rng.random() < 0.5:
            h.change(o + "stray" if w.is_tree(o) else o.replace("*", "stray"), generate.content(h.rng).encode())
            h.ref.taint[0] = True  # an agent removes nothing
        elif beside and h.rng.random() < 0.5:
            h.remove(path)
        else:
            h.change(path, generate.content(h.rng).encode())
        h.ref.taint[0] |= kept


def edit_edited(h):
    """A file that some task changes in place."""
    found = [e for t in h.wf.tasks for e in t.edits if e in h.ref.disk and e in generate.EDITED]
    if found and h.keeps_edits and not h.ref.unsure:
        h.change(h.rng.choice(found), generate.content(h.rng).encode())
        h.ref.taint[0] = True


def rename(h):
    if not h.ref.unsure:
        t = h.rng.choice(h.wf.tasks)
        taken = {u.name for u in h.wf.tasks}  # after swap_names also by another task than the number says
        n = t.family or t.uid
        name = h.rng.choice([n for n in (f"t{n}", f"new-{n}", f"Task {n}", f"t-{n}") if n not in taken])
        for u in h.wf.alike(t):
            u.name = w.full_name(name, u)
        h.save()


def swap_names(h):
    plain = [t for t in h.wf.tasks if not t.family]
    if not h.ref.unsure and len(plain) > 1:
        a, b = h.rng.sample(plain, 2)
        a.name, b.name = b.name, a.name
        h.save()


def change_matrix(h):
    """A value more, or less: what made it stays. Who needs all of them needs this one too."""
    family = h.rng.choice([t.family for t in (*h.wf.tasks, *h.wf.spare)])
    if not family or h.ref.unsure:
        return
    old = {t.uid for t in h.wf.members(family)}
    whole = lambda uids: old <= {*uids}
    if h.wf.spare:
        t = h.wf.spare.pop()
        h.wf.tasks.append(t)
    else:
        t = h.wf.members(family)[-1]
        h.wf.tasks.remove(t)
        h.wf.spare.append(t)
    for u in h.wf.tasks:
        for uids in (u.deps, u.after):
            if whole(uids):
                uids[:] = [d for d in uids if d != t.uid] + [t.uid] * (t in h.wf.tasks)
    h.ref.taint[0] = True
    h.save()


def use_field(h):
    """Another field, or the same more or less strictly."""
    users = [t for t in h.wf.tasks if t.fields]
    if users:
        t = h.rng.choice(users)
        uid = h.rng.choice(sorted(t.fields))
        strict = not h.wf.of(uid).optional and not t.run_if
        way = h.rng.choice(w.FIELDS), h.rng.choice(["", "?"]) if strict else "?"
        for u in h.wf.alike(t):
            u.fields[uid] = way
        h.save()


def change_var(h):
    name = h.rng.choice(sorted(h.wf.vars))
    h.wf.vars[name] = h.rng.choice(generate.MOODS if name == "MOOD" else ("one", "two", "three"))
    h.save()


def reorder(h):
    t = h.rng.choice(h.wf.tasks)
    for items in (t.inputs, t.deps, t.outputs, t.edits, t.env, t.env_inputs, t.after, h.wf.tasks):
        h.rng.shuffle(items)
    h.save()


def say_nothing_new(h):
    """Comments, and keys that do not count."""
    h.wf.comment = h.rng.randint(0, 3)
    t = h.rng.choice(h.wf.tasks)
    if t.kind != "group":
        t.cosmetic = h.rng.choice([[], ["timeout: 50"], ["description: a task"], ["# a comment", "timeout: 2m"]])
    if t.agent in ("plain", "twin"):
        t.agent = h.rng.choice(["plain", "twin"])
    h.save()


def change_command(h):
    salt = h.rng.randint(0, 2)
    for t in h.wf.alike(h.rng.choice(h.wf.tasks)):
        t.salt = salt
    h.save()


def change_role(h):
    h.wf.roles["wise"] = h.rng.choice([("You are wise", "m1"), ("You are wiser", "m1"), ("You are wise", "m2")])
    h.save()


def change_plan(h):
    if h.wf.planner:
        h.ref.taint[0] |= h.runs > 0  # what an earlier plan made stays
        h.change("src/plan", h.rng.choice(sorted(h.wf.plans)).encode())


def remember_branch(h):
    files = {p: b for p, b in h.ref.disk.items() if not p.startswith("out/")}
    h.branches.append((copy.deepcopy(h.wf), files))
    h.steps.append("# a commit")


def check_out(h, wf, files):
    """What differs is written anew, as git does; outputs are not tracked."""
    for path in [p for p in h.ref.disk if not p.startswith("out/") and p not in files]:
        h.remove(path)
    for path, data in files.items():
        if h.ref.disk.get(path) != data:
            h.change(path, data)
    h.wf = copy.deepcopy(wf)
    h.ref.taint[0] |= (any(t.edits for t in h.wf.tasks) or h.wf.planner > 0)
    h.save()


def switch_branch(h):
    if h.branches and not h.ref.unsure:
        to = h.rng.choice(h.branches)
        remember_branch(h)
        check_out(h, *to)


def go_elsewhere(h):
    """To a clone that shares the cache, if it is shared; with what was changed here, or without."""
    here = h.root, h.wf, h.ref
    if h.elsewhere is None:
        h.clone("clone")
        h.elsewhere = here
        return
    h.root, h.wf, h.ref = h.elsewhere
    h.elsewhere = here
    h.steps.append(f"cd {h.root.replace(h.box, '..')}")
    if not h.ref.unsure and not here[2].unsure and h.rng.random() < 0.5:
        check_out(h, here[1], {p: b for p, b in here[2].disk.items() if not p.startswith("out/")})


def allow_cache(h):
    t = h.rng.choice(h.wf.tasks)
    if t.kind != "group" and not t.edits and not t.always:
        word = h.rng.choice(["", "true", "false"])
        for u in h.wf.alike(t):
            u.cache = word
        h.save()


def reject(h):
    """What a task made is no good, says somebody; to an agent perhaps why."""
    # What is on record there for other work, as after a swap of names, is nothing of this task's.
    known = [t for t in h.wf.tasks if t.kind != "group" and t.name in h.ref.records and not other_work(h.ref.records[t.name], t)]
    if not known or h.ref.unsure:
        return
    t = h.rng.choice(known)
    why = h.rng.choice(["", "It is too long"]) if t.kind == "agent" else ""
    words = "--reject", t.name + ("=" + why if why else "")
    h.steps.append("axmake " + " ".join(map(w.shell_quote, words)))
    status, text = h.command(*words)
    h.hold(status == 0, f"--reject: exit status {status}", text)
    h.imagine().reject(t, why)
    h.ref.taint[0] |= why != ""  # the answer to a prompt that says why is another one


ALL = [
    (edit_source, 5), (edit_back, 5), (touch, 1), (add_or_remove, 3), (delete_output, 2), (edit_output, 5), (edit_edited, 1), (rename, 3),
    (swap_names, 1), (change_var, 2), (reorder, 2), (say_nothing_new, 1), (change_command, 2), (change_role, 1), (remember_branch, 1.5),
    (switch_branch, 3), (go_elsewhere, 2), (allow_cache, 1), (change_matrix, 1.5), (use_field, 1.5), (change_plan, 1.5),
    (reject, 1),
]
