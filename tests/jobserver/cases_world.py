"""axmake between the rest of the world's clients, and under many of them that are killed."""

import os
import re
import shlex
import shutil
import subprocess

from harness import Skipped, check, equal

WAVE = 64  # clients at once


def version(c, words):
    """Of a program, as numbers; skipped where it does not work here."""
    if not shutil.which(words[0]):
        raise Skipped(f"there is no {words[0]}")
    r = subprocess.run(words, capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)\.(\d+)", r.stdout)
    if r.returncode or not found:
        raise Skipped(f"{words[0]} does not work here: {(r.stderr or r.stdout).strip()[:80]}")
    return int(found[1]), int(found[2])


def case_50_gcc_links_with_our_tokens(c):
    # -flto=jobserver has a make below the linker do the work.
    version(c, ["gcc", "--version"])
    for i in range(6):
        c.write(f"f{i}.c", f"int f{i}(int x) {{ return x * {i} + x; }}\n")
    c.write("main.c", "".join(f"int f{i}(int);\n" for i in range(6)) + "int main(void) { return " + " + ".join(f"f{i}(0)" for i in range(6)) + "; }\n")
    files = " ".join([f"f{i}" for i in range(6)] + ["main"])
    c.workflow({"link": {"run": f"for f in {files}; do gcc -O1 -flto -c $f.c; done; gcc -O1 -flto=jobserver -flto-partition=1to1 *.o -o prog 2>said; ./prog", "outputs": ["prog"]}})
    for run in (lambda: c.ax("-j3"), lambda: c.ax("-j3", "--jobserver-style=pipe"), lambda: c.under(3)):  # the make below changes the mode of what it inherits
        c.fresh()
        r = run().ended().lacks("jobserver", "INTERNAL")
        check(not r.report.get("lost") and not r.report.get("extra"), f"tokens lost: {r.report.get('lost')}, not ours: {r.report.get('extra')}")
        with open(c.path("said")) as f:
            text = f.read()
        if "could not find the LTO plugin" in text or "lto-wrapper: fatal" in text:
            raise Skipped("gcc cannot optimize at link time here: " + text.strip()[:80])
        check("unavailable" not in text, f"gcc found no jobserver: {text}")


def case_51_cargo_builds_with_our_tokens(c):
    home = {k: os.environ[k] for k in ("CARGO_HOME", "RUSTUP_HOME") if k in os.environ}
    for k, folder in (("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")):
        there = os.path.join(os.path.expanduser("~"), folder)
        if k not in home and os.path.isdir(there):
            home[k] = there
    version(c, ["cargo", "--version"])
    members = [f"c{i}" for i in range(6)]
    c.write("Cargo.toml", f"[workspace]\nresolver = \"2\"\nmembers = {members}\n".replace("'", '"'))
    for m in members:
        c.write(f"{m}/Cargo.toml", f'[package]\nname = "{m}"\nversion = "0.1.0"\nedition = "2021"\n')
        c.write(f"{m}/src/lib.rs", f"pub fn {m}() -> u32 {{ 1 }}\n")
    c.workflow({"build": "cargo build --offline --quiet 2>said"})
    for n, run in enumerate((lambda: c.ax("-j3", **home), lambda: c.ax("-j3", "--jobserver-style=fifo", **home), lambda: c.under(3, **home).balanced())):
        c.fresh()
        shutil.rmtree(c.path("target"), ignore_errors=True)
        r = run()
        with open(c.path("said")) as f:
            text = f.read()
        if r.rc and not n and re.search("could not find|no default toolchain|requires rustc|linker", text):
            raise Skipped("cargo does not work here: " + text.strip()[:80])
        r.ended().lacks("jobserver", "INTERNAL")
        check("jobserver" not in text, f"cargo says: {text}")


def case_52_ninja_is_a_client_by_fifo(c):
    if version(c, ["ninja", "--version"]) < (1, 13):
        raise Skipped("ninja is older than 1.13: it knows no jobserver")
    c.write("build.ninja", f"rule r\n  command = {c.span('$out', 80)}; touch $out\n" + "".join(f"build n{i}: r\n" for i in range(8)))
    c.workflow({"ninja": "ninja"})
    c.ax("-j3", "--jobserver-style=fifo").ended().lacks("jobserver", "INTERNAL")
    c.overlaps(3, 8)


def case_53_a_parent_that_goes(c):
    # It closes its ends, or takes all its tokens away: what is left is the slot that everybody has.
    c.many(4, 20)
    for kept in (2, 0):
        c.fresh()
        r, w = os.pipe()
        os.write(w, b"+" * kept)
        os.set_inheritable(r, True), os.set_inheritable(w, True)
        p = subprocess.Popen([c.axmake], cwd=c.dir, env=c.env(MAKEFLAGS=f" -j3 --jobserver-auth={r},{w}"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, pass_fds=(r, w))
        c.suite.children.append(p)
        os.close(r), os.close(w)
        c.finish(p).ended()
        equal(len(c.spans()), 4, "tasks that ran")


def case_54_a_fifo_that_is_deleted(c):
    # As the server of one, and as its client: both have it open.
    gone = 'path=$(echo "$MAKEFLAGS" | sed "s/.*fifo:\\([^ ]*\\).*/\\1/"); test -p "$path" && rm "$path"'
    c.workflow({"gone": gone, **{f"t{i}": {"run": c.span(f"t{i}", 20), "after": ["gone"]} for i in range(4)}})
    c.ax("-j3", "--jobserver-style=fifo").ended().lacks("INTERNAL")
    equal(len(c.spans()), 4, "tasks that ran")
    c.fresh()
    c.under(2, peer=["--fifo", c.path("fifo"), "--makeflags", " -j3 --jobserver-auth=fifo:@F"]).ended().balanced()
    equal(len(c.spans()), 4, "tasks that ran")


def case_55_many_clients_at_once(c):
    # So many axmakes below one parent, some of them killed while they hold nothing but what their tasks need.
    clients = 64 if c.suite.long else 24
    for i in range(clients):
        c.write(f"c{i}/workflow.ax.yaml", "tasks:\n" + "".join(f"  - {{name: t{n}, run: {c.span(f'c{i}t{n}', 5)}}}\n" for n in range(4)))
    one = shlex.quote(c.axmake)
    c.under(7, command=f"for i in $(seq 0 {clients - 1}); do (cd c$i && exec {one} -s) & done; wait").ended().balanced()
    equal(len(c.spans()), 4 * clients, "tasks that ran")
    check(max_at_once(c.spans()) <= clients + 7, "more at once than slots")


def max_at_once(spans):
    now = most = 0
    for _, step in sorted([(s, 1) for s, _, _ in spans] + [(e, -1) for _, e, _ in spans]):
        now += step
        most = max(most, now)
    return most


def case_56_a_storm_of_takes_and_kills(c):
    # Waves of clients that take and give back; some die with what they hold. After each wave all is there again: what died was put back.
    wanted, taken, tokens = (100000 if c.suite.long else 4000), 0, 15
    takes, waves, n = (250, 8, 0) if c.suite.long else (60, 2, 0)
    while taken < wanted:
        c.fresh()
        if os.path.exists(c.path("taken")):
            os.unlink(c.path("taken"))
        tasks = {}
        for wave in range(waves):
            for i in range(WAVE):
                n += 1
                tasks[f"w{wave}-{i}"] = {"run": f"exec {shlex.quote(c.client)} storm taken {takes} {n} 8", "slots": 0, "optional": True, "after": [f"count{wave - 1}"] if wave else []}
            tasks[f"count{wave}"] = {"run": f"{shlex.quote(c.client)} count >>counts", "after": [f"w{wave}-{i}" for i in range(WAVE)]}
        c.workflow(tasks)
        style = "--jobserver-style=fifo" if n % 2 else "--jobserver-style=pipe"
        r = c.run([c.axmake, f"-j{tokens + 1}", style, "-s"], timeout=300).ended()
        check("INTERNAL" not in r.err, r.err[-2000:])
        with open(c.path("taken")) as f:
            taken += sum(int(line) for line in f)
    with open(c.path("counts")) as f:
        counts = [int(line) for line in f]
    equal(set(counts), {tokens}, f"tokens in the pool after each of {len(counts)} waves, {taken} takes")


CASES = {name[5:]: fn for name, fn in sorted(globals().items()) if name.startswith("case_")}
