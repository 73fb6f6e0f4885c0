#!/usr/bin/env python3
"""The page of an HTML report, as a real browser shows it: Chromium, headless, driven by the WebDriver protocol. Where it is not installed all is skipped.

    python3 tests/browser/run.py [--axmake ./axmake] [CASE...]

What each view says is kept in page.golden; with AXMAKE_SCREENSHOTS=DIR that case leaves a picture of each in DIR, dark and light, of a desk and a phone, to be looked at.
"""

import atexit
import importlib.util
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from browser import Browser, programs  # noqa: E402
from suite import TREE, Box, check, equal, read, run_cases, write  # noqa: E402

_spec = importlib.util.spec_from_file_location("cli", os.path.join(TREE, "tests", "cli", "run.py"))
cli = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cli)

AGENT = """[provider mine]
command = cat answer.json
prompt = stdin
result = jsonl:/answer
input_tokens = jsonl:/in
output_tokens = jsonl:/out
cost_usd = jsonl:/usd
[agent writer]
provider = mine
role =
"""

WORKFLOW = """name: Payments
tasks:
  - {name: design, agent: writer, task: Design the ledger, description: what all builds on}
  - {name: api, agent: writer, task: "Build ${design}"}
  - {name: test, run: "echo tried; echo broken >&2; sleep 0.3; exit 3", dependencies: [api], inputs: [in.txt]}
  - {name: docs, run: "echo written > docs.md", dependencies: [design], outputs: [docs.md]}
  - {name: ship, run: "true", dependencies: [test, docs]}
  - {name: slow, run: "true", approve: Really?}
  - {name: all, dependencies: [ship, docs]}
"""

# Ends elements, opens others, runs, hides, steers; and what no page should turn into a link.
HOSTILE = (
    "</script><script>window.hacked = 1; alert(1)</script><img src=x onerror=\"window.hacked = 1\"><!-- <script> <svg onload=alert(1)> --!> ]]> "
    "javascript:alert(1) <a href=\"javascript:alert(1)\">x</a> &lt;b&gt; {{7*7}} ${7*7} `\\' \"\u2028\u2029\u202e\u2066\ufeff\x00\x1b[2J\x1b]8;;http://x\x07 </title></style><base href=//x> <meta http-equiv=refresh content=0>"
)
SHOWN = HOSTILE.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\u202e", "\\u202e").replace("\u2066", "\\u2066").replace("\ufeff", "\\ufeff")
SHOWN = SHOWN.replace("\x00", "\\x00").replace("\x1b", "\\x1b").replace("\x07", "\\a")

_open = []


def browser():
    """One for all cases: starting it takes longest."""
    if not _open:
        programs()
        box = Box("")
        atexit.register(box.close)
        _open.append(Browser(box))
        atexit.register(_open[0].close)
    b = _open[0]
    b.size(1280, 800)
    b.prefer("light")
    b.complaints()
    b.requests()
    return b


def report(box, workflow=WORKFLOW, answer="an answer", options="-k", **env):
    folder = box.path("w")
    write(os.path.join(folder, "axmake.ini"), AGENT)
    write(os.path.join(folder, "answer.json"), json.dumps({"answer": answer, "in": 1200, "out": 34, "usd": 0.25}))
    write(os.path.join(folder, "in.txt"), "1\n")
    write(os.path.join(folder, "workflow.ax.yaml"), workflow)
    box.call(f"axmake -s {options} --report page.html", folder, **env)
    return os.path.join(folder, "page.html")


def names(b):
    return [t.removesuffix(" ◆") for t in b.texts(".row .name")]


def quiet(b):
    equal(b.complaints(), [], "in the console")
    equal(b.requests(), [], "asked of the network")


def it_opens_and_says_what_the_run_came_to(box):
    page, b = report(box), browser()
    b.open(page)
    equal(b.run("return document.title"), "✕ Payments · axmake")
    equal(b.text("#state"), "✕ failed")
    totals = b.text("#totals").split("\n")
    equal([totals[i] for i in range(0, len(totals), 2)], ["Time", "Tasks", "Tokens", "Cost"])
    check("2,468" in totals[5] and totals[7] == "$0.50", totals)
    equal(names(b), ["design", "api", "test", "docs", "ship", "slow"])
    equal(b.texts("#filters button"), ["✕ failed 1", "? held 1", "– not run 1", "✓ done 3", "◆ critical path 3"])
    quiet(b)


GRAPH = """
    const columns = new Map(), at = new Map(run.tasks.map(t => [t.place, t.name]));
    for (const p of graph.made.points) columns.set(p.x, [...(columns.get(p.x) || []), [p.y, at.get(p.node) ?? "a group"]]);
    return [...columns].sort((a, b) => a[0] - b[0]).map(c => c[1].sort((a, b) => a[0] - b[0]).map(n => n[1]).join(', ')).join('\\n');
"""
VIEWS = [
    # its name, how one comes there, what is read
    ("tasks", "", "#head, #tasks"),
    ("a task that is done", "#tasks/design", "#detail"),
    ("a task that failed", "#tasks/test", "#detail"),
    ("timeline", "#timeline", "#timeline"),
    ("graph", "#graph", "#graph"),
    ("keys", "#tasks", "dialog"),
]


def picture(b, name):
    folder = os.environ.get("AXMAKE_SCREENSHOTS")
    for scheme in ("dark", "light") if folder else ():
        for width, height in ((390, 844), (1280, 800)):
            b.prefer(scheme)
            b.size(width, height)
            b.run("return new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
            b.screenshot(os.path.join(folder, f"{name.replace(' ', '-')}-{width}-{scheme}.png"))


def each_view_says_what_its_golden_says(box):
    page, b = report(box), browser()
    seen = ""
    for name, fragment, where in VIEWS:
        b.open(page, fragment)
        if name == "keys":
            b.press("?")
        text = "\n".join(b.texts(where))
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        if name == "graph":
            lines += b.run(GRAPH).split("\n")
        seen += "".join(f"{line}\n" for line in [f"== {name}", *lines])
        picture(b, name)
    wanted = read(os.path.join(TREE, "tests", "browser", "page.golden"))
    check(cli.Wanted(wanted, box.folder).matches(seen), "seen", seen, "wanted", wanted)
    quiet(b)


def a_task_shows_all_that_is_known_of_it(box):
    page, b = report(box, answer="forty-two lines"), browser()
    b.open(page)
    b.click("#row-1")
    detail = b.text("#detail")
    for text in ("api", "done", "writer via mine", "workflow.ax.yaml:4", "Stale: it has not succeeded yet", "critical path", "1,200 in, 34 out", "$0.25", "forty-two lines", "Build forty-two lines", "Needs\n✓ design", "Needed by\n✕ test"):
        check(text in detail, text, detail)
    b.click("#row-2")
    detail = b.text("#detail")
    for text in ("test", "failed", "Error 3", "Exit status\n3", "echo tried; echo broken", "tried\nbroken", "in.txt"):
        check(text in detail, text, detail)
    b.run("[...document.querySelectorAll('#detail summary')].find(e => e.innerText === 'Last lines').click()")
    b.run("[...document.querySelectorAll('.reference')].find(e => e.innerText.includes('ship')).click()")
    check("because of test" in b.text("#detail"), b.text("#detail"))
    equal(b.run("return location.hash"), "#tasks/ship")
    b.open(page, "#graph/docs")
    equal(b.text("#detail h2"), "docs")
    equal(b.run("return document.querySelector('[aria-selected=true][role=tab]').innerText"), "Graph")
    quiet(b)


def tasks_are_searched_filtered_and_sorted(box):
    page, b = report(box), browser()
    b.open(page)
    b.click("#search")
    b.press("Writer Design")
    b.until("return document.querySelectorAll('.row').length", 1)
    equal((names(b), b.texts("mark"), b.text("#count")), (["design"], ["design"], "1 of 6 tasks"))
    b.press("Escape")
    b.until("return document.querySelectorAll('.row').length", 6)
    b.click("[data-filter=failed]")
    b.click("[data-filter=held]")
    equal((names(b), b.run("return document.querySelector('[data-filter=held]').ariaPressed")), (["test", "slow"], "true"))
    b.click("[data-filter=failed]")
    b.click("[data-filter=held]")
    b.click("[data-filter=critical]")
    equal(names(b), ["design", "api", "test"])
    b.click("[data-filter=critical]")
    b.run("const s = document.getElementById('sort'); s.value = 'outcome'; s.dispatchEvent(new Event('change'))")
    equal(sorted(names(b)[:3], key=["test", "slow", "ship"].index), ["test", "slow", "ship"])
    quiet(b)


def tabs_lead_to_timeline_and_graph(box):
    page, b = report(box), browser()
    b.open(page)
    b.click("#tab-timeline")
    bars = "return [...document.querySelectorAll('.bar-of')].map(e => e.getAttribute('aria-label').split(',')[0]).sort()"
    b.until(bars, ["api", "design", "docs", "test"])
    equal(b.run("return [...document.querySelectorAll('.bar-of.critical')].length"), 3)
    equal(b.texts("#path button"), ["✓ design", "✓ api", "✕ test"])
    wide = b.run("return document.querySelector('#lanes .canvas').offsetWidth")
    b.click("#time-in")
    b.click("#time-in")
    check(b.run("return document.querySelector('#lanes .canvas').offsetWidth") > 2 * wide, wide)
    b.click("#time-fit")
    equal(b.run("return document.querySelector('#lanes .canvas').offsetWidth"), wide)
    b.run("document.querySelector('.bar-of[data-place=\"2\"]').click()")
    equal(b.text("#detail h2"), "test")
    b.press("Escape")
    b.click("#tab-graph")
    place = """const r = graph.canvas.getBoundingClientRect(), p = graph.made.points[arguments[0]];
        return [r.left + (p.x + 60 - graph.x) * graph.scale, r.top + (p.y - graph.y) * graph.scale];"""
    equal(b.run("return graph.made.points.map(p => p.layer)"), [0, 1, 2, 1, 3, 0, 4], "columns by depth")
    equal(b.run("return graph.edges.filter(e => e.critical).map(e => [e.from, e.to])"), [[0, 1], [1, 2]])
    b.point(*b.run(place, 3))
    equal(b.text("#detail h2"), "docs")
    b.press("Escape")
    before = b.run(place, 3)
    b.point(before[0] + 20, before[1] + 150, (before[0] + 120, before[1] + 200))
    after = b.run(place, 3)
    equal([round(after[i] - before[i]) for i in (0, 1)], [100, 50], "as far as it was dragged")
    b.wheel(*after, -200)
    check(b.run("return graph.scale") > 1.25, "zoomed at the pointer")
    equal([round(x) for x in b.run(place, 3)], [round(x) for x in after])
    b.click("#graph-fit")
    equal([round(x) for x in b.run(place, 3)], [round(x) for x in before])
    quiet(b)


def all_goes_by_keys(box):
    page, b = report(box), browser()
    b.open(page)
    b.press("j", "ArrowDown", "k", "Enter")
    equal(b.text("#detail h2"), "design")
    b.press("j")
    equal(b.text("#detail h2"), "api")
    b.press("Escape")
    equal(b.run("return document.getElementById('detail').hidden"), True)
    b.press("n", "Enter")
    equal(b.text("#detail h2"), "test")
    b.press("Escape", "/")
    equal(b.run("return document.activeElement.id"), "search")
    b.press("docs", "Enter")
    equal(b.text("#detail h2"), "docs")
    b.press("Escape", "Escape")
    equal(b.run("return document.getElementById('search').value"), "")
    b.press("g")
    equal(b.run("return [document.activeElement.id, location.hash]"), ["drawing", "#graph"])
    b.press("ArrowLeft")
    equal(b.text("#said"), "design, done, needs 0, needed by 2")
    b.press("ArrowRight", "ArrowRight", "Enter")
    check(b.text("#detail h2") in ("test", "ship"), b.text("#detail h2"))
    b.press("Escape", "i", "Home")
    equal(b.run("return document.activeElement.id"), "lanes")
    check(b.run("return document.querySelector('.bar-of.selected').dataset.place") in "05", "the first that began")
    b.press("?")
    equal(b.run("return document.getElementById('help').open"), True)
    check("search" in b.text("#help"), b.text("#help"))
    b.press("Escape", "t")
    equal(b.run("return [document.getElementById('help').open, page.view]"), [False, "tasks"])
    b.run("document.getElementById('tab-tasks').focus()")
    b.press("ArrowRight")
    equal(b.run("return [page.view, document.activeElement.id]"), ["timeline", "tab-timeline"])
    quiet(b)


def what_was_answered_is_text_whatever_it_holds(box):
    name = "<img src onerror>"
    workflow = f"name: '</title><b>bold'\ntasks:\n  - {{name: '{name}', agent: writer, task: '</script><script>alert(2)</script> <!--', description: '<i>x</i>'}}\n"
    workflow += "  - {name: printed, run: 'cat hostile; exit 1'}\n  - {name: 'javascript:alert(1)', run: 'true'}\n"
    box.call("mkdir w")
    with open(box.path("w", "hostile"), "wb") as f:
        f.write(HOSTILE.encode() + b"\xff\xc0\xaf\xed\xa0\x80 end")
    page, b = report(box, workflow, HOSTILE), browser()
    with open(page, encoding="utf-8") as f:
        f.read()
    b.open(page)
    equal(b.text("#name"), "</title><b>bold")
    equal(names(b)[0], name)
    b.click("#row-0")
    equal(b.text("#detail pre[aria-label=Answer]").rstrip(), SHOWN)
    equal(b.text("#detail pre[aria-label=Prompt]"), "</script><script>alert(2)</script> <!--")
    b.click("#row-1")
    equal(b.text("#detail pre[aria-label='standard output']").rstrip(), SHOWN + "\\xff\\xc0\\xaf\\xed\\xa0\\x80 end")
    b.click("#row-2")
    for view in ("timeline", "graph", "tasks"):
        b.click(f"#tab-{view}")
    equal(b.run("return [window.hacked, document.querySelectorAll('img, svg, a, iframe, base, i, b:not(.reason b)').length, document.scripts.length]"), [None, 0, 5], "added")
    quiet(b)


def the_policy_lets_nothing_else_run_or_load(box):
    page, b = report(box), browser()
    b.open(page)
    seen = b.run("""
        const said = [], tried = f => { try { f(); said.push('allowed'); } catch (e) { said.push('refused'); } };
        document.addEventListener('securitypolicyviolation', e => said.push(e.effectiveDirective));
        tried(() => (document.createElement('p').innerHTML = '<b>'));
        setTimeout(() => tried(() => eval('1'))); /* later: what the driver itself calls may */
        tried(() => (document.createElement('script').textContent = 'window.hacked = 1'));
        tried(() => document.body.setAttribute('onclick', 'window.hacked = 1'));
        document.body.click();
        new Image().src = 'http://127.0.0.1:9/x.png';
        return fetch('http://127.0.0.1:9/').then(() => said.push('fetched'), () => 0).then(() => new Promise(r => setTimeout(r, 100))).then(() => said);
    """)
    equal([s for s in seen if s in ("allowed", "refused")], ["refused"] * 4)
    check({"connect-src", "img-src"} <= set(seen) and "fetched" not in seen, seen)
    equal(b.run("return window.hacked"), None)
    b.complaints()
    equal(b.requests(), [], "what was refused was not asked for")


def a_thousand_tasks_are_shown_as_far_as_they_are_seen(box):
    tasks = "".join(f"  - {{name: 'task {i}', run: 'true'{f', dependencies: [task {i - 25}, task {i - 25 - i % 3}]' if i >= 30 else ''}}}\n" for i in range(1000))
    page, b = report(box, f"tasks:\n{tasks}", options="-j8"), browser()
    b.open(page)
    equal(b.text("#count"), "1,000 tasks")
    few = b.run("return document.querySelectorAll('.row').length")
    check(5 < few < 60, few)
    b.press("End")
    b.until("return document.querySelector('.row[aria-selected=true] .name').innerText.replace(' ◆', '')", "task 999")
    check(b.run("return document.querySelectorAll('.row').length") < 60)
    elements = "return document.querySelectorAll(':not(script)').length"
    for _ in range(10):
        b.wheel(300, 500, -400)
        check(b.run(elements) < 600, b.run(elements))
    b.press("End", "Enter")
    equal(b.text("#detail h2"), "task 999")
    b.press("/", "task 77")
    b.until("return document.getElementById('count').innerText", "19 of 1,000 tasks")
    b.press("Escape", "Escape", "i")
    check(0 < b.run("return document.querySelectorAll('.bar-of').length") <= 1000)
    b.press("g", "0")
    b.until("return graph.made.points.length", 1000)
    apart = """const at = new Map();
        for (const p of graph.made.points) {
            const k = p.x + ':' + Math.floor(p.y / NODE.height);
            for (const other of [k, p.x + ':' + (Math.floor(p.y / NODE.height) - 1)])
                if (at.has(other) && Math.abs(at.get(other).y - p.y) < NODE.height) return [at.get(other).node, p.node];
            at.set(k, p);
        }
        return 'apart';"""
    equal(b.run(apart), "apart", "no task stands on another")
    ink = "const d = graph.canvas.getContext('2d').getImageData(0, 0, graph.canvas.width, graph.canvas.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n > 5000"
    b.until(ink)
    quiet(b)


def a_thousand_tasks_stay_smooth(box):
    """What the page itself computes for a step of a scroll or a drag leaves room in a frame of a sixtieth of a second; a zoom of the whole timeline and a search take what nobody notices."""
    tasks = "".join(f"  - {{name: 'task {i}', run: 'true'{f', dependencies: [task {i - 25}, task {i - 25 - i % 3}]' if i >= 30 else ''}}}\n" for i in range(1000))
    page, b = report(box, f"tasks:\n{tasks}", options="-j8"), browser()
    b.cdp("Performance.enable", timeDomain="threadTicks")

    def used_ms():
        """Of a processor, by the page's own thread."""
        return 1000 * next(m["value"] for m in b.cdp("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration")

    def each(n, step, most_ms):
        before = used_ms()
        for i in range(n):
            step(i)
        took = (used_ms() - before) / n
        check(took < most_ms, f"{took:.1f} ms of {most_ms}")

    b.open(page)
    check(used_ms() < 500, "until it is there", used_ms())
    each(20, lambda i: b.wheel(300, 500, 300 if i < 10 else -300), 16)
    each(10, lambda i: b.press("ArrowDown"), 16)
    each(1, lambda i: b.press("/", "task 77"), 200)
    b.press("Escape", "Escape", "i")
    each(10, lambda i: b.wheel(300, 500, 300 if i < 5 else -300), 16)
    each(10, lambda i: b.press("+" if i < 5 else "-"), 100)
    b.press("g", "0")
    b.until("return graph.made.points.length", 1000)
    each(10, lambda i: b.point(400, 500, (500, 450)), 50)  # six steps or more each
    each(10, lambda i: b.wheel(400, 500, -100 if i < 5 else 100), 16)
    b.cdp("Performance.disable")
    quiet(b)


def it_fits_a_phone(box):
    long = "a-name-without-any-place-to-break-it-that-is-wider-than-a-phone-is-" * 3
    page, b = report(box, WORKFLOW.replace("name: docs,", f"name: {long},").replace("test, docs", f"test, {long}").replace("ship, docs", f"ship, {long}"), answer="x" * 500), browser()
    b.size(360, 640)
    b.open(page)
    fits = "return document.documentElement.scrollWidth <= innerWidth && ['head', 'tasks', 'timeline', 'graph', 'detail'].every(i => document.getElementById(i).getBoundingClientRect().right <= innerWidth) && document.getElementById('detail').scrollWidth <= innerWidth"
    for view in ("timeline", "graph", "tasks"):
        b.click(f"#tab-{view}")
        equal(b.run(fits), True, view)
        check(b.run(f"return document.getElementById('{view}').clientHeight") > 300, view)
    for row in ("#row-0", "#row-3"):
        b.click(row)
        equal(b.run(fits), True, row)
        equal(b.run("return document.getElementById('detail').getBoundingClientRect().width"), 360)
        b.click("#detail .back")
        equal(b.run("return document.getElementById('detail').hidden"), True)
    quiet(b)


def it_is_dark_or_light(box):
    page, b = report(box), browser()
    ground = "return Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]) < 100 ? 'dark' : 'light'"
    b.open(page)
    b.run("localStorage.clear()")
    b.open(page)
    equal(b.run(ground), "light")
    b.prefer("dark")
    b.until(ground, "dark")
    b.click("#theme")
    equal(b.run(ground), "light")
    b.open(page)
    equal(b.run(ground), "light", "it is remembered")
    b.press("d", "d")
    equal([b.run(ground), b.run("return document.documentElement.dataset.theme")], ["dark", "auto"])
    for scheme in ("light", "dark"):
        b.run("localStorage.clear()")
        b.prefer(scheme)
        b.open(page, "#tasks/test")
        equal(b.run(CONTRAST), [], scheme)
    b.run("localStorage.clear()")
    quiet(b)


# Texts that stand out from their ground by less than 4.5 to 1.
CONTRAST = """
    const rgb = c => { const x = document.createElement('canvas').getContext('2d'); x.fillStyle = c; x.fillRect(0, 0, 1, 1); return [...x.getImageData(0, 0, 1, 1).data]; };
    const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] / 255 + b[i] * (1 - a[3] / 255));
    const light = c => c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = e => e ? over(rgb(getComputedStyle(e).backgroundColor), ground(e.parentElement)) : [255, 255, 255];
    const poor = [];
    for (const e of document.querySelectorAll('body *')) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        if (!own || !e.checkVisibility() || e.closest('script, noscript, .unseen') || parseFloat(getComputedStyle(e).fontSize) === 0) continue;
        const g = ground(e), t = over(rgb(getComputedStyle(e).color), g), [a, b] = [light(g), light(t)].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(e.innerText.slice(0, 30) + ' ' + ((a + 0.05) / (b + 0.05)).toFixed(2));
    }
    return poor;
"""


def a_run_that_had_nothing_to_do_has_a_page_too(box):
    workflow = "tasks:\n  - {name: a, agent: writer, task: please}\n  - {name: b, run: echo x, dependencies: [a]}\n"
    report(box, workflow)
    page, b = report(box, workflow, answer="another answer"), browser()
    b.open(page)
    equal(b.text("#state"), "✓ done")
    check("Saved" in b.text("#totals") and "$0.25" in b.text("#totals"), b.text("#totals"))
    b.click("#row-0")
    detail = b.text("#detail")
    check("an answer" in detail and "up to date" in detail and "earlier run" in detail, detail)
    b.click("#tab-timeline")
    equal(b.text("#lanes"), "Nothing ran.")
    b.click("#tab-graph")
    quiet(b)


CASES = [
    it_opens_and_says_what_the_run_came_to,
    each_view_says_what_its_golden_says,
    a_task_shows_all_that_is_known_of_it,
    tasks_are_searched_filtered_and_sorted,
    tabs_lead_to_timeline_and_graph,
    all_goes_by_keys,
    what_was_answered_is_text_whatever_it_holds,
    the_policy_lets_nothing_else_run_or_load,
    a_thousand_tasks_are_shown_as_far_as_they_are_seen,
    a_thousand_tasks_stay_smooth,
    it_fits_a_phone,
    it_is_dark_or_light,
    a_run_that_had_nothing_to_do_has_a_page_too,
]

if __name__ == "__main__":
    sys.exit(run_cases(CASES))
