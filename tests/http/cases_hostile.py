"""Servers that are down, wrong, slow or malicious: a warning, a bounded wait, and what is made is right."""

import os
import re
import signal
import struct
import subprocess
import threading
import time

import server as moods
from cases_store import children_of
from clones import ALL, WARNING, Clone, check_good, filled, of_server
from suite import check, equal, read, write

TIMEOUT_S = 1  # that the clones have
BOUND_S = 3 * TIMEOUT_S + 7  # lags in all, one more at the end, and a busy machine


def check_bears(box, server, first, name, mood, says, ran=ALL, bound=BOUND_S):
    """A new clone bears that mood of the server: all is right, with one warning that says so, within a bounded time."""
    clone = Clone(box, name, server.url)
    server.mood = mood
    ended = clone.call()
    server.mood = None
    check_good(ended, clone, first, ran)
    check(len(ended.warnings) == 1 and server.url in ended.warnings[0], f"{name}: not one warning", ended.text)
    check(re.search(says, ended.warnings[0]), f"{name}: it does not say {says!r}", ended.text)
    check(ended.seconds < bound, f"{name}: {ended.seconds:.1f} s", ended.text)
    return clone


def bears(name, mood, says, **more):
    def case(box, server):
        check_bears(box, server, filled(box, server), "second", mood, says, **more)

    case.__name__ = name
    return of_server(case)


def constant(answer):
    return lambda _: answer


MOODS = [
    bears("a_server_that_says_nothing", constant(moods.silent), "next to nothing, came for 1.0+s"),
    bears("a_server_that_drips", constant(moods.dripping), "next to nothing, came for 1.0+s"),
    bears("a_server_that_fails", constant(500), "answers with status 500"),
    bears("a_server_that_is_overloaded", constant(503), "answers with status 503"),
    bears("a_server_that_lets_nobody_in", constant(403), "answers with status 403"),
    bears("a_server_that_cuts_everything", constant(moods.cut), "Transferred a partial file"),
    bears("a_server_that_hangs_up", constant(moods.hang_up), "Server returned nothing"),
    bears("a_server_that_speaks_no_http", constant(moods.nonsense), "not used in the rest of this run"),
    bears("headers_without_end", constant(moods.endless_header), "has no end"),
    bears("a_fault_without_end", constant(moods.endless_fault), "has no end"),
    bears("a_redirection", constant(moods.elsewhere("http://127.0.0.1:1/other/\x1b[31m")), r"points elsewhere \(302 to 'http://127.0.0.1:1/other/"),
    bears("entries_without_end", lambda r: moods.endless if r.command == "GET" else None, "longer than any entry may be"),
    bears("objects_without_end", lambda r: moods.endless if "/cas/" in r.path and r.command == "GET" else None, "longer than it says", ran=["large", "tree"]),
    bears("objects_that_are_gone", lambda r: 404 if "/cas/" in r.path and r.command == "GET" else None, "an object of it is not there", ran=["large", "tree"]),
]


@of_server
def nobody_listens(box, server):
    first = filled(box, server)
    server.vanish()
    clone = Clone(box, "second", server.url)
    ended = clone.call()
    check_good(ended, clone, first, ALL)
    check(len(ended.warnings) == 1 and "Couldn't connect" in ended.warnings[0] and ended.seconds < BOUND_S, ended.text, ended.seconds)


@of_server
def it_vanishes_in_the_middle(box, server):
    first = filled(box, server)
    asked = []

    def mood(request):
        asked.append(request)
        return moods.hang_up if len(asked) > 2 else None

    check_bears(box, server, first, "second", mood, "not used in the rest", ran=None)


@of_server
def it_is_silent_now_and_then(box, server):
    """Each answer comes just in time; in all they cost no more than a few time-outs."""
    n = 12
    workflow = "tasks:\n" + "".join(f"  - {{name: t{i}, run: 'echo {i} > f{i}; echo t{i} >> \"$RUNS\"', outputs: [f{i}]" + (f", after: [t{i - 1}]" if i else "") + "}\n" for i in range(n))

    def mood(request):
        time.sleep(0.7)

    server.mood = mood
    clone = Clone(box, "first", server.url, workflow)
    ended = clone.call()
    ended.ok()
    equal(len(ended.ran), n)
    check(len(ended.warnings) == 1 and "kept the run waiting for 3.0" in ended.warnings[0], ended.text)
    check(ended.seconds < BOUND_S, ended.seconds)


# Poison


def poison(server, change, part):
    for path in list(server.store):
        if part in path:
            server.store[path] = change(server.store[path])


def flipped(at):
    def change(body):
        i = int(at * (len(body) - 1))
        return body[:i] + bytes([body[i] ^ 1]) + body[i + 1 :]

    return change


POISONS = {
    "nothing": lambda b: b"",
    "a byte": lambda b: b"x",
    "cut": lambda b: b[:-1],
    "halved": lambda b: b[: len(b) // 2],
    "longer": lambda b: b + b"\0",
    "zeros": lambda b: bytes(len(b)),
    "first bit": flipped(0),
    "middle bit": flipped(0.5),
    "last bit": flipped(1),
    "a large length": lambda b: b[:8] + struct.pack("<Q", 1 << 62) + b[16:],
    "many objects": lambda b: b[:16] + b[16:].replace(struct.pack("<I", 1), struct.pack("<I", 0xFFFFFFFF)),
}


@of_server
def poisoned_entries(box, server):
    first = filled(box, server)
    good = dict(server.store)
    for name, change in POISONS.items():
        server.store.clear()
        server.store.update(good)
        poison(server, change, "/ac/")
        changed = {p for p in good if server.store[p] != good[p]}
        clone = check_bears(box, server, first, "clone " + name, None, "is not taken: it is damaged", ran=None)
        check(changed, "nothing was changed", name)
        equal({p for p in good if p in changed and server.store[p] == b""}, set(), name)
        equal(Clone(box, "after " + name, server.url).call().ok().ran, [], f"{name}: what it made did not replace the poison")
        check(clone, name)


@of_server
def poisoned_objects(box, server):
    first = filled(box, server)
    good = dict(server.store)
    for name, change in POISONS.items():
        if name in ("a large length", "many objects"):
            continue
        server.store.clear()
        server.store.update(good)
        poison(server, change, "/cas/")
        check_bears(box, server, first, "clone " + name, None, "another content than its name says|longer than it says", ran=["large", "tree"])
        equal(Clone(box, "after " + name, server.url).call().ok().ran, [], f"{name}: what it made did not replace the poison")


@of_server
def an_entry_under_another_name(box, server):
    """Whole in itself, but another task's: whoever may write could put it there."""
    first = filled(box, server)
    a, b, c = server.entries()
    server.store[a], server.store[b], server.store[c] = server.store[b], server.store[c], server.store[a]
    check_bears(box, server, first, "second", None, "is not taken: it is damaged", ran=ALL)


@of_server
def an_entry_of_a_thief_of_names(box, server):
    """With a key an entry cannot be moved to another name, nor its objects exchanged."""
    write(box.path("key"), "0123456789abcdef0123456789abcdef")
    first = filled(box, server, cache_key="../key")
    good = dict(server.store)
    for i, change in enumerate((flipped(0.3), flipped(0.9), lambda b: b[:-33] + b"\0")):
        server.store.clear()
        server.store.update(good)
        poison(server, change, "/ac/")
        clone = Clone(box, f"second{i}", server.url, cache_key="../key")
        ended = clone.call()
        check_good(ended, clone, first, ALL)
        check(len(ended.warnings) == 1 and re.search("signed with another key|not signed with the key|is damaged", ended.warnings[0]), ended.text)


@of_server
def a_server_of_poison_is_left_alone(box, server):
    n = 40
    workflow = "tasks:\n" + "".join(f"  - {{name: t{i}, run: 'echo {i} > f{i}; echo t{i} >> \"$RUNS\"', outputs: [f{i}]" + (f", after: [t{i - 1}]" if i else "") + "}\n" for i in range(n))
    Clone(box, "first", server.url, workflow).call().ok()
    poison(server, POISONS["zeros"], "/ac/")
    server.seen.clear()
    ended = Clone(box, "second", server.url, workflow).call().ok()
    equal(len(ended.ran), n)
    check(len(ended.warnings) == 2 and "8 of its entries were damaged or forged" in ended.warnings[1], ended.text)
    equal(server.count("GET"), 8)


# Putting


@of_server
def a_server_that_takes_nothing(box, server):
    for status in (403, 405, 409, 413, 507, 404):
        server.mood = lambda r, s=status: s if r.command == "PUT" else None
        server.seen.clear()
        clone = Clone(box, f"clone{status}", server.url)
        ended = clone.call().ok()
        equal(ended.ran, ALL)
        check(len(ended.warnings) == 1 and f"takes nothing ({status})" in ended.warnings[0] and "cache_push = no" in ended.warnings[0], ended.text)
        check(server.count("PUT") <= 3, server.seen)


@of_server
def a_server_that_takes_for_ever(box, server):
    server.mood = lambda r: moods.silent if r.command == "PUT" else None
    ended = Clone(box, "first", server.url).call().ok()
    check(len(ended.warnings) == 1 and "next to nothing, came for" in ended.warnings[0], ended.text)
    check(ended.seconds < BOUND_S, ended.seconds)


@of_server
def a_server_that_takes_slowly(box, server):
    """The end of a run does not wait for ever, and says so."""
    n = 30
    workflow = "tasks:\n" + "".join(f"  - {{name: t{i}, run: 'head -c 40000 /dev/urandom > f{i}', outputs: [f{i}]}}\n" for i in range(n))
    one_at_a_time = threading.Lock()

    def slowly(request):
        with one_at_a_time:
            time.sleep(0.4)
            request.plainly()

    server.mood = lambda r: slowly if r.command == "PUT" else None
    ended = Clone(box, "first", server.url, workflow).call("-j4").ok()
    check(len(ended.warnings) == 1 and re.search(r"\d+ results did not get to the shared cache '.*' in time|kept the run waiting", ended.warnings[0]), ended.text)
    check(3 * TIMEOUT_S - 1 < ended.seconds < BOUND_S, ended.seconds)


# The program between


def start(box, clone):
    return subprocess.Popen([box.axmake], cwd=clone.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**box.env, "RUNS": clone.runs, "no_proxy": "127.0.0.1"})


def helper_of(p, limit_s=10):
    until = time.monotonic() + limit_s
    while time.monotonic() < until and p.poll() is None:
        for pid in children_of(p.pid):
            if "axmake-http" in read(f"/proc/{pid}/cmdline"):
                return pid
        time.sleep(0.005)
    check(False, "its program was not seen", p.stdout.read().decode())


def with_signal(box, server, number, says):
    first = filled(box, server)
    server.mood = constant(moods.silent)
    clone = Clone(box, "second", server.url)
    clone.set(cache_url=server.url, cache_timeout="2s" if number == signal.SIGSTOP else "20s")
    write(clone.runs, "")
    begin = time.monotonic()
    p = start(box, clone)
    helper = helper_of(p)
    time.sleep(0.2)
    os.kill(helper, number)
    text = p.communicate(timeout=60)[0].decode()
    equal(p.returncode, 0, text)
    warnings = WARNING.findall(text)
    check(len(warnings) == 1 and says in warnings[0], text)
    equal((sorted(read(clone.runs).split()), clone.content()), (ALL, first.content()))
    check(time.monotonic() - begin < 18, text)
    check(not os.path.exists(f"/proc/{helper}"), "its program is still there")


@of_server
def its_program_is_killed(box, server):
    with_signal(box, server, signal.SIGKILL, "axmake-http has ended")


@of_server
def its_program_hangs(box, server):
    with_signal(box, server, signal.SIGSTOP, "axmake-http hangs")


@of_server
def its_program_is_killed_anywhere(box, server):
    """At any moment: what stands there in the end is right, and the next run goes on."""
    first = filled(box, server)
    for i in range(12):
        clone = Clone(box, f"clone{i}", server.url)
        write(clone.runs, "")
        p = start(box, clone)
        helper = helper_of(p)
        time.sleep(i * 0.004)
        try:
            os.kill(helper, signal.SIGKILL)
        except ProcessLookupError:
            pass
        text = p.communicate(timeout=60)[0].decode()
        equal(p.returncode, 0, text)
        equal(clone.content(), first.content(), text)
        check(len(WARNING.findall(text)) <= 1, text)
        check("nothing to be done" in clone.call().ok().text, text)


@of_server
def ctrl_c_is_heard_while_it_is_waited_for(box, server):
    filled(box, server)
    server.mood = constant(moods.silent)
    clone = Clone(box, "second", server.url)
    clone.set(cache_url=server.url, cache_timeout="30s")
    p = start(box, clone)
    helper = helper_of(p)
    time.sleep(0.3)
    begin = time.monotonic()
    p.send_signal(signal.SIGINT)
    text = p.communicate(timeout=60)[0].decode()
    equal(p.returncode, -signal.SIGINT, text)
    check(time.monotonic() - begin < 3, "it went on for long", text)
    time.sleep(0.1)
    check(not os.path.exists(f"/proc/{helper}"), "its program is still there")


@of_server
def its_program_ends_with_a_killed_run(box, server):
    server.mood = constant(moods.silent)
    clone = Clone(box, "first", server.url)
    clone.set(cache_url=server.url, cache_timeout="30s")
    p = start(box, clone)
    helper = helper_of(p)
    time.sleep(0.2)
    p.kill()
    p.communicate()
    until = time.monotonic() + 5
    while os.path.exists(f"/proc/{helper}") and time.monotonic() < until:
        time.sleep(0.02)
    check(not os.path.exists(f"/proc/{helper}"), "its program is still there")
    server.mood = None
    equal(clone.call().ok().ran, ALL)


CASES = MOODS + [
    nobody_listens,
    it_vanishes_in_the_middle,
    it_is_silent_now_and_then,
    poisoned_entries,
    poisoned_objects,
    an_entry_under_another_name,
    an_entry_of_a_thief_of_names,
    a_server_of_poison_is_left_alone,
    a_server_that_takes_nothing,
    a_server_that_takes_for_ever,
    a_server_that_takes_slowly,
    its_program_is_killed,
    its_program_hangs,
    its_program_is_killed_anywhere,
    ctrl_c_is_heard_while_it_is_waited_for,
    its_program_ends_with_a_killed_run,
]
