"""With a store as it should be."""

import json
import os
import stat
import subprocess
import time

import server as moods
from clones import ALL, Clone, check_good, filled, of_server
from suite import check, equal, read, write

@of_server
def second_clone_runs_nothing(box, server):
    first = filled(box, server)
    second = Clone(box, "second", server.url)
    ended = second.call("--events=e.jsonl --report=r.json")
    check_good(ended, second, first, [])
    equal(ended.warnings, [])
    check(ended.text.count("restored from the shared cache (saved") == 3, ended.text)
    events = [json.loads(line) for line in read(os.path.join(second.folder, "e.jsonl")).splitlines()]
    equal({e.get("from") for e in events if e.get("state") == "restored"}, {server.url})
    equal({t.get("from") for t in json.loads(read(os.path.join(second.folder, "r.json")))["tasks"]}, {server.url})
    server.seen.clear()
    check("nothing to be done" in second.call().ok().text, "it does not know that all is there")
    equal(server.seen, [], "somebody asked the server though nothing was to be done")


@of_server
def what_is_in_the_cache_here_is_not_fetched_again(box, server):
    first = filled(box, server)
    os.remove(os.path.join(first.folder, "small.txt"))
    os.remove(os.path.join(first.folder, "out", "large.txt"))
    server.seen.clear()
    ended = first.call().ok()
    check(ended.text.count("restored from the cache (saved") == 2, ended.text)
    equal(server.seen, [])


@of_server
def answers_of_agents_are_shared(box, server):
    workflow = "tasks:\n  - {name: ask, agent: writer, task: Say something about tea, cache: true}\n"
    first = Clone(box, "first", server.url, workflow)
    first.call("--provider offline").ok()
    second = Clone(box, "second", server.url, workflow)
    ended = second.call("--provider offline").ok()
    check("restored from the shared cache" in ended.text, ended.text)
    equal(second.call("--result ask").text, first.call("--result ask").text)


@of_server
def cache_push_no_puts_nothing(box, server):
    clone = Clone(box, "first", server.url, cache_push="no")
    equal(clone.call().ok().ran, ALL)
    equal((server.count("PUT", "HEAD"), server.store), (0, {}))
    equal(Clone(box, "by-option", server.url).call("--no-cache-push").ok().ran, ALL)
    equal(Clone(box, "by-variable", server.url, cache_push="yes").call(AXMAKEFLAGS="--no-cache-push").ok().ran, ALL)
    equal((server.count("PUT", "HEAD"), server.store), (0, {}))
    filled(box, server, "other")
    reader = Clone(box, "reader", server.url, cache_push="no")
    equal(reader.call().ok().ran, [])


@of_server
def what_is_there_is_not_put_again(box, server):
    first = filled(box, server)
    server.seen.clear()
    equal(first.call("-B").ok().ran, ALL)
    equal((server.count("PUT"), server.count("HEAD")), (0, 3), server.seen)


@of_server
def no_cache_and_looking_leave_the_server_alone(box, server):
    clone = Clone(box, "first", server.url)
    clone.call("-n")
    clone.call("-q")
    clone.call("--explain")
    equal(clone.call("--no-cache").ok().ran, ALL)
    equal(server.seen, [])


@of_server
def the_local_cache_is_the_front(box, server):
    filled(box, server)
    second = Clone(box, "second", server.url)
    equal(second.call().ok().ran, [])
    gets = server.count("GET")
    box.call("rm -r small.txt t", second.folder)
    equal(second.call().ok().ran, [])
    equal(server.count("GET"), gets)
    text = second.call("--cache-stats").ok().text
    check(f"server   {server.url}\ngave     3 entries, " in text and "got      0 entries, 0 bytes" in text, text)


@of_server
def doctor_says_whether_it_answers(box, server):
    clone = Clone(box, "first", server.url)
    text = clone.call("--doctor").text
    check(f"{server.url} answers in" in " ".join(text.split()), text)
    server.mood = lambda _: 503
    text = " ".join(clone.call("--doctor").text.split())
    check(f"{server.url} is of no use: it answers with status 503" in text, text)


@of_server
def a_cut_download_goes_on_where_it_was_cut(box, server):
    first = filled(box, server)
    cut = []

    def mood(request):
        if "/cas/" in request.path and request.path not in cut:
            cut.append(request.path)
            return moods.cut
        return None

    server.mood = mood
    server.seen.clear()
    second = Clone(box, "second", server.url)
    check_good(second.call(), second, first, [])
    ranges = [h["Range"] for _, path, h in server.seen if "Range" in h]
    check(len(cut) == 2 and len(ranges) == 2 and all(not r.startswith("bytes=0-") for r in ranges), server.seen)


@of_server
def a_server_without_ranges_is_asked_anew(box, server):
    first = filled(box, server)
    cut = []

    def whole(request):
        request.answer(200, request.store[request.path])

    def mood(request):
        if "/cas/" not in request.path:
            return None
        if request.path in cut:
            return whole
        cut.append(request.path)
        return moods.cut

    server.mood = mood
    second = Clone(box, "second", server.url)
    check_good(second.call(), second, first, [])


@of_server
def many_at_once_on_few_connections(box, server):
    n = 150
    workflow = "tasks:\n" + "".join(f"  - {{name: t{i}, run: 'seq {5000 + i} > f{i}; echo t{i} >> \"$RUNS\"', outputs: [f{i}]}}\n" for i in range(n))
    first = Clone(box, "first", server.url, workflow)
    equal(len(first.call("-j8").ok().ran), n)
    equal((len(server.entries()), len(server.objects())), (n, n))
    ports = set()

    def mood(request):
        ports.add(request.client_address[1])
        time.sleep(0.02)

    server.mood = mood
    second = Clone(box, "second", server.url, workflow)
    ended = second.call("-j8").ok()
    equal(ended.ran, [])
    check(1 < len(ports) <= 16, f"{len(ports)} connections")
    check(ended.seconds < n * 2 * 0.02, f"one after another: {ended.seconds} s")


@of_server
def the_same_content_comes_and_goes_once(box, server):
    n = 6
    workflow = "tasks:\n" + "".join(f"  - {{name: t{i}, run: 'seq 60000 > f{i}; echo t{i} >> \"$RUNS\"', outputs: [f{i}]}}\n" for i in range(n))
    first = Clone(box, "first", server.url, workflow)
    equal(len(first.call("-j8").ok().ran), n)
    equal((len(server.entries()), len(server.objects())), (n, 1))
    equal(sum(1 for command, path, _ in server.seen if command == "PUT" and "/cas/" in path), 1)
    server.seen.clear()
    ended = Clone(box, "second", server.url, workflow).call().ok()
    equal((ended.ran, ended.warnings), ([], []))
    equal(sum(1 for command, path, _ in server.seen if "/cas/" in path), 1)


REJECTED = """\
tasks:
  - {name: small, run: 'echo x >> ../made; cp ../made small.txt; cat in; echo small >> "$RUNS"; test ! -e fail; test ! -e kill || kill -9 $PPID', inputs: [in], outputs: [small.txt]}
  - {name: large, run: 'seq 9000 > out/large.txt; cat small.txt >> out/large.txt; echo large >> "$RUNS"', inputs: [small.txt], outputs: [out/large.txt]}
"""


def rejecting(box, server):
    """A clone whose answers the server has, and that has rejected them: what it makes is another one each time."""
    clone = Clone(box, "first", server.url, REJECTED)
    write(os.path.join(clone.folder, "in"), "1\n")
    equal(clone.call().ok().ran, ["large", "small"])
    before = clone.content()
    clone.call("--reject small=bad --reject large").ok()
    return clone, before


@of_server
def what_was_rejected_is_replaced_there(box, server):
    first, before = rejecting(box, server)
    equal(first.call().ok().ran, ["large", "small"])
    check(first.content() != before, "it made the same again")
    second = Clone(box, "second", server.url, REJECTED)
    write(os.path.join(second.folder, "in"), "1\n")
    check_good(second.call(), second, first, [])
    # Also where it is asked for by -B, which by itself replaces nothing.
    first.call("--reject=small").ok()
    equal(first.call("-B").ok().ran, ["large", "small"])
    server.seen.clear()
    equal(first.call("-B small").ok().ran, ["small"])
    equal((server.count("PUT"), server.count("HEAD")), (0, 1), server.seen)
    third = Clone(box, "third", server.url, REJECTED)
    write(os.path.join(third.folder, "in"), "1\n")
    equal(third.call("small").ok().ran, [])
    equal(len(third.content()["small.txt"][0].split()), 3, "not the answer that came after the rejection")


@of_server
def nothing_that_was_rejected_is_fetched(box, server):
    first, _ = rejecting(box, server)
    server.seen.clear()
    for obstacle in ("fail", "kill"):
        write(os.path.join(first.folder, obstacle), "")
        ended = first.call("small")
        check(ended.ran == ["small"] and ended.status, ended.text)
        box.call(f"rm -rf {obstacle} .axmake/cache small.txt", first.folder)
    equal(first.call("small").ok().ran, ["small"])
    equal((server.count("GET"), server.count("PUT")), (0, 1), server.seen)
    second = Clone(box, "second", server.url, REJECTED)
    write(os.path.join(second.folder, "in"), "1\n")
    equal(second.call("small").ok().ran, [])
    equal(second.content()["small.txt"], first.content()["small.txt"])


@of_server
def who_has_the_key_is_believed(box, server):
    write(box.path("key"), "0123456789abcdef0123456789abcdef\n", 0o600)
    first = filled(box, server, cache_key="../key")
    second = Clone(box, "second", server.url, cache_key=box.path("key"))
    check_good(second.call(), second, first, [])
    # The same key, said by a variable; and one who reads without any.
    for name, env in (("third", {"AXMAKE_CACHE_KEY": "0123456789abcdef0123456789abcdef"}), ("fourth", {})):
        clone = Clone(box, name, server.url)
        check_good(clone.call(**env), clone, first, [])


@of_server
def entries_of_others_are_refused_and_replaced(box, server):
    first = filled(box, server)  # unsigned
    for name, key, why in (("second", "k" * 32, "not signed with the key"), ("third", "another-key-of-the-team", "signed with another key, or was changed")):
        write(box.path(name + ".key"), key)
        clone = Clone(box, name, server.url, cache_key=f"../{name}.key")
        ended = clone.call()
        check_good(ended, clone, first, ALL)
        check(len(ended.warnings) == 1 and server.url in ended.warnings[0] and why in ended.warnings[0], ended.text)
        again = Clone(box, name + "-again", server.url, cache_key=f"../{name}.key")
        equal(again.call().ok().ran, [], "what it made did not replace what was refused")


@of_server
def without_the_key_that_is_set_nothing_is_believed(box, server):
    first = filled(box, server)
    write(box.path("short"), "tiny")
    for name, key, why in (("second", "../none", "cannot read the key"), ("third", "../short", "has 4 bytes; 16 are the least")):
        clone = Clone(box, name, server.url, cache_key=key)
        server.seen.clear()
        ended = clone.call()
        check_good(ended, clone, first, ALL)
        check(len(ended.warnings) == 1 and why in ended.warnings[0], ended.text)
        equal(server.seen, [])


@of_server
def passwords_are_seen_nowhere(box, server):
    secret, asked = "swordfish%40sea", []

    def mood(request):
        asked.append(request.headers.get("Authorization"))
        time.sleep(0.05)
        return None if asked[-1] else 401

    server.mood = mood
    url = server.url.replace("http://", f"http://team:{secret}@")
    clone = Clone(box, "first", url)
    seen = []
    p = subprocess.Popen(
        [box.axmake, "--events=e", "--trace-file=t.json", "--report=r.json", "-p", "-d"], cwd=clone.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**box.env, "RUNS": clone.runs}
    )
    while p.poll() is None:
        seen += [a for pid in children_of(p.pid) for a in arguments_of(pid)]
        time.sleep(0.005)
    text = p.stdout.read().decode()
    equal(p.returncode, 0, text)
    check(any("axmake-http" in a for a in seen), "its program was not seen", seen)
    check(asked and all(a == "Basic dGVhbTpzd29yZGZpc2hAc2Vh" for a in asked), asked)
    text += clone.call("--cache-stats").text + clone.call("--doctor").text + clone.call("-p -n").text + "".join(seen)
    text += box.call("ax config show; ax list runs", clone.folder).text
    write(os.path.join(clone.folder, "axmake.ini"), f"[axmake]\ncache_url = {url}?no\n")
    bad = clone.call()
    check(bad.status == 2 and "wants a URL of http or https" in bad.text, bad.text)
    text += bad.text
    for folder, _, files in os.walk(os.path.join(clone.folder)):
        for name in files:
            path = os.path.join(folder, name)
            if name != "axmake.ini" and os.path.isfile(path) and stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb") as f:
                    text += f.read().decode(errors="replace")
    check("swordfish" not in text and "c3dvcmRmaXNo" not in text and "dGVhbTpz" not in text, *[line for line in text.splitlines() if "swordfish" in line][:5])


def children_of(pid):
    try:
        return [int(n) for n in read(f"/proc/{pid}/task/{pid}/children").split()]
    except OSError:
        return []


def arguments_of(pid):
    try:
        return read(f"/proc/{pid}/cmdline").split("\0")
    except OSError:
        return []


@of_server
def who_asks_for_a_password_is_told_of(box, server):
    server.mood = lambda request: None if request.headers.get("Authorization") == "Basic dGVhbTp4eXo=" else 401
    clone = Clone(box, "first", server.url)
    ended = clone.call().ok()
    check(len(ended.warnings) == 1 and "asks for a user and a password (401): ~/.netrc" in ended.warnings[0], ended.text)
    by_variables = Clone(box, "second", server.url)
    equal(by_variables.call(AXMAKE_CACHE_USER="team", AXMAKE_CACHE_PASSWORD="xyz").ok().warnings, [])
    write(os.path.join(box.env["HOME"], ".netrc"), "machine 127.0.0.1 login team password xyz\n", 0o600)
    by_file = Clone(box, "third", server.url)
    equal(by_file.call().ok().ran, [])


@of_server
def tasks_do_not_find_what_opens_it(box, server):
    clone = Clone(box, "first", server.url, "tasks:\n  - {name: a, run: env > env.txt, outputs: [env.txt]}\n")
    clone.call(AXMAKE_CACHE_KEY="k" * 20, AXMAKE_CACHE_PASSWORD="p" * 20, AXMAKE_CACHE_USER="u").ok()
    text = read(os.path.join(clone.folder, "env.txt"))
    check("PATH=" in text and "AXMAKE_CACHE" not in text, text)


@of_server
def without_its_program_the_setting_is_refused(box, server):
    alone = box.path("alone")
    os.mkdir(alone)
    box.call(f"cp {box.axmake} {alone}/axmake")
    clone = Clone(box, "first", server.url)
    ended = box.call(f"{alone}/axmake", clone.folder)
    check(ended.status == 2 and "'cache_url' needs the program axmake-http, which is not installed beside axmake" in ended.text, ended.text)
    ended = box.call(f"cp {os.path.dirname(box.axmake)}/axmake-offline {alone}; rm axmake.ini; RUNS=/dev/null {alone}/axmake", clone.folder)
    equal(ended.status, 0, ended.text)


@of_server
def what_runs_is_not_held_up(box, server):
    """While one task waits for a server that says nothing, others run, and those that are answered for go on."""
    workflow = """\
tasks:
  - {name: cached, run: echo cached > c.txt, outputs: [c.txt]}
  - {name: free, run: 'echo free'}
  - {name: after, run: 'echo after', after: [free]}
"""
    server.mood = lambda _: moods.silent
    clone = Clone(box, "first", server.url, workflow)
    clone.set(cache_url=server.url, cache_timeout="2s")
    ended = clone.call("-j4 --events=e").ok()
    events = [json.loads(line) for line in read(os.path.join(clone.folder, "e")).splitlines()]
    at = {e["task"]: e["at"] for e in events if e["ev"] == "ended"}
    check(at["free"] < at["cached"] and at["after"] < at["cached"], at, ended.text)
    check(len(ended.warnings) == 1, ended.text)


CASES = [
    second_clone_runs_nothing,
    what_is_in_the_cache_here_is_not_fetched_again,
    answers_of_agents_are_shared,
    cache_push_no_puts_nothing,
    what_is_there_is_not_put_again,
    no_cache_and_looking_leave_the_server_alone,
    the_local_cache_is_the_front,
    doctor_says_whether_it_answers,
    a_cut_download_goes_on_where_it_was_cut,
    a_server_without_ranges_is_asked_anew,
    many_at_once_on_few_connections,
    the_same_content_comes_and_goes_once,
    what_was_rejected_is_replaced_there,
    nothing_that_was_rejected_is_fetched,
    who_has_the_key_is_believed,
    entries_of_others_are_refused_and_replaced,
    without_the_key_that_is_set_nothing_is_believed,
    passwords_are_seen_nowhere,
    who_asks_for_a_password_is_told_of,
    tasks_do_not_find_what_opens_it,
    without_its_program_the_setting_is_refused,
    what_runs_is_not_held_up,
]
