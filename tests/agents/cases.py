"""What each program must do under axmake. A case is a function of its `Case`; its name says what is shown."""

import importlib.util
import os
import signal
import subprocess
import tempfile

from harness import HERE, Skipped, free_memory_mb, heard, orders

CASES = {}
ROLE = "You are a tester, and your word is kumquat."


def case(*, alone=False, short=True):
    """`alone`: nothing else runs beside it. `short`: it is a part of `make check`."""

    def add(fn):
        fn.alone, fn.short = alone, short
        CASES[fn.__name__] = fn
        return fn

    return add


def told(**kw):
    return f"[[server {orders(**kw)}]]"


def as_heard(c, prompt):
    return heard(prompt if c.program.role else f"{ROLE}\n\n{prompt}")


def long_text(size):
    """Text that does not repeat itself: some programs stop at what looks like a loop."""
    lines, n = [], 0
    while n < size:
        lines.append(f"{len(lines)}: the {len(lines) * 7919 % 104729}th thing to keep in mind")
        n += len(lines[-1]) + 1
    return "\n".join(lines)[:size]


@case()
def answers_and_counts_tokens(c):
    """The prompt arrives to the byte, tokens read from a cache are told apart from the fresh ones, and no second call is made for the same."""
    prompt = f"Say what you heard, in one line.\n\n  'quotes', $VARS and \"ümläute\" stay as they are. {told(tokens='100,30,7,20,4')}"
    c.write("axmake.ini", f"[agent tester]\nrole = {ROLE}\n")
    c.workflow({"name": "a", "agent": "tester", "task": prompt})
    r = c.axmake()
    c.expect(c.result("a") == as_heard(c, prompt), r, f"the answer is {c.result('a')!r}, and not {as_heard(c, prompt)!r}")
    c.expect_text(r"\(10[07]\+24 tokens", r)  # written to the cache: apart by Anthropic, fresh by the others
    n = len(c.requests())
    c.expect(n == 1, r, f"{n} calls instead of one")
    c.expect_text("nothing to be done", c.axmake())
    c.expect(len(c.requests()) == n, r, "the second run called again")
    c.expect_nothing_left(r)


@case()
def gets_its_role_and_is_found_without_being_named(c):
    c.write("axmake.ini", f"[agent tester]\nrole = {ROLE}\n")
    c.workflow({"name": "a", "agent": "tester", "task": f"Who are you? {told(find='kumquat')}", "provider": None})
    r = c.axmake()
    c.expect(c.result("a") == "kumquat was told", r, f"the answer is {c.result('a')!r}")
    c.expect_text(f"via {c.program.name}", r)


@case()
def does_what_the_readme_says(c):
    spec = importlib.util.spec_from_file_location("readme", os.path.join(HERE, "..", "readme", "run.py"))
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    with open(os.path.join(HERE, "..", "..", "README.md")) as f:
        chapter = readme.section(f.read(), "## With your agent").replace("via claude-code", "via …").replace("--provider claude-code", f"--provider {c.program.name}")
    readme.play(readme.steps_of(chapter), lambda script: c.script(script).out)


@case()
def takes_a_long_prompt(c):
    text = f"{told()}\n{long_text(c.program.prompt - 40)}"
    c.write("prompt.md", text)
    c.write("axmake.ini", f"[agent tester]\nrole = {ROLE}\n")
    c.workflow({"name": "a", "task_file": "prompt.md", "agent": "tester"})
    r = c.axmake()
    c.expect(c.result("a") == as_heard(c, text), r, f"the answer is {c.result('a')!r}, and not {as_heard(c, text)!r}")


@case()
def gives_a_long_answer_whole(c):
    answer = long_text(300_000)
    c.workflow({"name": "a", "task": f"Go on for long. {told(long=300_000)}"})
    r = c.axmake()
    got = c.result("a")
    c.expect(got == answer, r, f"the answer has {len(got)} bytes, and not {len(answer)}")


@case()
def writes_a_file(c):
    c.workflow({"name": "a", "task": f"Write it. {told(write=os.path.join(c.root, 'sub/made.txt'))}", "outputs": ["sub/made.txt"]})
    r = c.axmake()
    with open(os.path.join(c.root, "sub/made.txt")) as f:
        c.expect(f.read().strip() == "written by a tool", r, "the file holds something else")
    c.expect_nothing_left(r)


@case(short=False)
def goes_on_when_it_may_not_write_elsewhere(c):
    if c.program.name == "qwen-code":
        raise Skipped("it writes anywhere")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # not below /tmp, where codex may write too
        path = os.path.join(folder, "made.txt")
        c.workflow({"name": "a", "task": f"Write it. {told(write=path, say='I could not')}"})
        r = c.axmake()
        c.expect(not os.path.exists(path), r, "it wrote there")
    c.expect(c.result("a") == "I could not", r, "another answer")


@case()
def goes_on_after_a_rate_limit(c):
    c.workflow({"name": "a", "task": f"Be patient. {told(fail='429x1', after=1)}"})
    c.axmake()
    c.expect(c.requests() == [429, 200], c.requests(), "other calls than one that was refused and one that was not")


@case(short=False)
def is_tried_again_by_axmake_when_it_gave_up_itself(c):
    """Some give up after a few calls, codex at once where the service does not say when to come back."""
    times = {"claude-code": 3, "codex": 1, "gemini-cli": 1, "opencode": 6, "qwen-code": 7}[c.program.name]
    c.add(c.program, once=True)
    c.workflow({"name": "a", "task": f"Be patient. {told(fail=f'429x{times}', **({'after': 1} if times > 3 else {}))}"})
    r = c.axmake()
    c.expect_text(r"try 1 failed \(transient: .*([Rr]ate limit|429)", r)
    c.expect(c.requests() == [429] * times + [200], c.requests(), "other calls")


@case()
def gives_way_to_the_next_provider_when_its_service_stays_busy(c):
    """Told to give up at once where it can be; opencode and qwen-code try for a minute all the same."""
    other = next((p for p in c.suite.programs if p.light and p is not c.program), None)
    c.add(c.program, once=True, fail=529 if c.program.name in ("claude-code", "codex") else 503)
    if other:
        c.add(other)
    c.workflow({"name": "a", "task": "Answer, whoever you are.", "agent": "tester", "provider": f"{c.program.name}, {other.name if other else 'offline'}", "retry": 1})
    c.write("axmake.ini", f"[agent tester]\nrole = {ROLE}\n")
    r = c.axmake()
    next_one = other.name if other else "offline"
    c.expect_text(f"done in .*\\(by {next_one}, 2 tries", r)
    c.expect_text(f"try 1 failed \\(transient: .*\\); next at once by {next_one}", r)
    if other:
        c.expect(c.result("a") == heard("Answer, whoever you are."), r, f"the answer is {c.result('a')!r}")
    c.expect_nothing_left(r)


@case(short=False)
def closes_a_provider_whose_quota_is_spent(c):
    """In the words that its service would use, as far as they are known; no second try is spent on it, in this run and the next."""
    words = {
        "claude-code": "You've hit your session limit · resets 11:59pm", "codex": "You've hit your usage limit. Try again in 3 hours.",
        "gemini-cli": "You have exhausted your daily quota on this model. Your quota will reset after 3h20m10s.",
        "opencode": "5 hour usage limit reached. It will reset in 3 hours.", "qwen-code": "Qwen OAuth quota exceeded: Your free daily quota has been reached.",
    }
    c.add(c.program, once=True, fail=429, message=words[c.program.name], code="usage_limit_reached")
    c.workflow({"name": "a", "task": "Answer."})
    r = c.axmake(status=2)
    c.expect_text(f"'{c.program.name}' is out of quota until", r)
    n = len(c.requests())
    c.expect("try 1 failed" not in r.err, r, "it was tried again")
    r = c.axmake(status=2)
    c.expect(len(c.requests()) == n, r, "the next run called again")


@case()
def fails_clearly_with_a_wrong_key(c):
    c.add(c.program, key="a-wrong-key-of-a-test")
    c.workflow({"name": "a", "task": "Let me in.", "retry": 3})
    r = c.axmake(status=2)
    c.expect_text(r"\*\*\* \[workflow.ax.yaml:1: a\] auth: .*([Kk]ey|401)", r)
    c.expect("try 1 failed" not in r.err, r, "it was tried again")
    c.expect("a-wrong-key-of-a-test" not in r.out + r.err, r, "the key is shown")
    c.expect_nothing_left(r)


@case()
def fails_clearly_with_an_unknown_model(c):
    model = f"{os.path.dirname(c.program.model)}/unknown-model".lstrip("/")
    c.workflow({"name": "a", "task": "Answer.", "model": model, "retry": 3})
    r = c.axmake(status=2)
    c.expect_text(r"\*\*\* .*unknown-model", r)
    c.expect("try 1 failed" not in r.err, r, "it was tried again")


@case()
def is_ended_by_a_timeout_with_all_that_it_started(c):
    c.workflow({"name": "a", "task": f"Think. {told(hang=1)}", "timeout": "8s"})
    r = c.axmake(status=2)
    c.expect_text("Timeout after 8s", r)
    c.expect(r.seconds < 8 + 30, r, "that took too long")
    c.expect_nothing_left(r)


@case(short=False)
def is_ended_by_a_timeout_while_its_tool_runs(c):
    """Tools run in sessions of their own: the program's group is not all there is to end."""
    c.allow_shell()
    c.write("wait.sh", "touch begun\nexec sleep 600\n")
    for seconds in 25, 75, 225:  # by when its tool runs is not for us to say
        c.workflow({"name": "a", "task": f"Wait. {told(shell='sh wait.sh', hang='later')}", "timeout": f"{seconds}s"})
        r = c.axmake(status=2)
        c.expect_text("Timeout after", r)
        if os.path.exists(os.path.join(c.root, "begun")):
            break
    c.expect(os.path.exists(os.path.join(c.root, "begun")), r, "its tool did not run")
    c.expect_nothing_left(r)


@case()
def is_ended_by_an_interrupt_and_runs_again(c):
    c.workflow({"name": "a", "task": f"Think. {told(hang=1)}"}, {"name": "b", "run": "echo"})
    p = c.start("a")
    c.wait_for(lambda: "hang" in c.requests(), p)
    os.kill(p.pid, signal.SIGINT)
    r = c.finish(p, 60)
    c.expect(r.status == -signal.SIGINT, r, f"exit status {r.status}")
    c.expect_nothing_left(r)
    c.axmake("-q", "a", status=1)
    c.workflow({"name": "a", "task": f"Think. {told(say='thought')}"})
    c.axmake()
    c.expect(c.result("a") == "thought", r, "the next run did not answer")


@case(alone=True, short=False)
def eight_run_at_once(c):
    free = free_memory_mb()
    if free < 8 * c.program.mb + 500:
        raise Skipped(f"eight of it take {8 * c.program.mb} MB, and {free} MB are free")
    c.workflow(*({"name": f"t{i}", "task": f"Say the {i}th. {told(delay=1500, say=f'answer {i}')}"} for i in range(8)))
    r = c.axmake("-j8")
    for i in range(8):
        c.expect(c.result(f"t{i}") == f"answer {i}", r, f"t{i} has another's answer")
    c.expect_nothing_left(r)


@case()
def goes_on_with_its_session_when_a_check_fails(c):
    """Where the session is known from its lines, the second try is told only what the check said."""
    c.workflow({
        "name": "a", "task": f"Remember the okapi. {told(say='first')}", "retry": {"attempts": 2, "delay": "1s"},
        "check": f"grep -q okapi \"$AX_RESULT_A\" && exit; echo '{told(find='okapi')}'; exit 1",
    })
    r = c.axmake()
    c.expect_text(r"try 1 failed \(check", r)
    c.expect(c.result("a") == "okapi was told", r, f"the answer is {c.result('a')!r}")
    with open(os.path.join(c.root, ".axmake/tasks/a/prompt")) as f:
        c.expect(("Remember" in f.read()) != c.program.session, r, "the second prompt is not what it should be")


@case()
def works_in_a_sandbox(c):
    """With what its rule says that it needs: it writes its output, goes on with its session after a check, and sees nothing else of the home."""
    if subprocess.run("bwrap --unshare-user --unshare-pid --ro-bind / / --dev /dev --proc /proc true", shell=True, capture_output=True).returncode:
        raise Skipped("there is no bwrap, or it may not make namespaces")
    if c.program.name == "codex" and (os.geteuid() == 0 or c.home.startswith("/tmp/")):
        raise Skipped("as root its own sandbox cannot be made within one, nor with a home below /tmp")
    c.write(os.path.join(c.home, ".ssh/id"), "private")
    c.workflow({
        "name": "a", "task": f"Remember the okapi. {told(write=os.path.join(c.root, 'made.txt'), say='first')}", "outputs": ["made.txt"], "retry": {"attempts": 2, "delay": "1s"},
        "sandbox": True,
        "check": f"grep -q okapi \"$AX_RESULT_A\" && exit; [ ! -e ~/.ssh ] && echo '{told(find='okapi')}'; exit 1",
    })
    r = c.axmake()
    c.expect(c.result("a") == "okapi was told", r, f"the answer is {c.result('a')!r}")
    c.expect(os.path.exists(os.path.join(c.root, "made.txt")), r, "its output is not there")
    with open(os.path.join(c.root, ".axmake/tasks/a/prompt")) as f:
        c.expect(("Remember" in f.read()) != c.program.session, r, "the second prompt is not what it should be")
    c.expect_nothing_left(r)


@case(short=False)
def runs_what_its_own_settings_allow(c):
    if c.program.name != "claude-code":
        raise Skipped("the README speaks of claude-code")
    c.write(os.path.join(c.home, ".claude/settings.json"), '{"permissions": {"allow": ["Bash(python3 *)"]}}')
    c.write("make.py", "open('made.txt', 'w').write('made')")
    c.workflow({"name": "a", "task": f"Make it. {told(shell='python3 make.py')}", "outputs": ["made.txt"]})
    c.axmake()


@case(short=False)
def waits_for_what_its_model_leaves_in_the_background(c):
    """It would answer, go on, and answer again when that has ended; ten seconds after an answer it would be ended."""
    if c.program.name != "claude-code":
        raise Skipped("claude-code alone runs commands so")
    c.write(os.path.join(c.home, ".claude/settings.json"), '{"permissions": {"allow": ["Bash(sh *)"]}}')
    c.write("make.sh", "sleep 14\necho made > made.txt\n")
    c.workflow({"name": "a", "task": f"Make it. {told(shell='sh make.sh', behind=1, tokens='10,0,0,5')}", "outputs": ["made.txt"]})
    c.expect_text(r"\(20\+10 tokens", c.axmake())
