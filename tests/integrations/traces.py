"""--trace-file as chrome://tracing reads it: by the importer of that page, which the npm package bigrig brings along."""

import json
import os
import shutil
import subprocess

from suite import TREE, Skipped, check, equal, write

PACKAGE, VERSION = "bigrig", "1.3.0"
READER = os.path.join(TREE, "tests/integrations/read_trace.js")
WORKFLOW = """tasks:
  - {name: long, run: sleep 0.3}
  - {name: 'odd <b> "\u00e9\u6f22', run: sleep 0.05}
  - {name: mid, dependencies: [long]}
  - {name: next, run: 'sleep 0.1; [ -e tried ] || { touch tried; exit 1; }', dependencies: [mid], retry: {attempts: 2, delay: 10ms}}
  - {name: side, run: 'true', matrix: {n: [1, 2, 3, 4, 5, 6]}}
  - {name: ask, agent: writer, provider: offline, task: hello}
  - {name: last, run: sleep 0.1, dependencies: [next, side, ask]}
"""


def importer():
    """The folder of the package. Only a finished install gets its name."""
    final = os.path.join(TREE, "build", "npm", f"{PACKAGE}-{VERSION}")
    found = os.path.join(final, "node_modules", PACKAGE)
    if not shutil.which("node") or not shutil.which("npm"):
        raise Skipped("no node or npm")
    if os.path.isdir(found):
        return found
    fresh = f"{final}.{os.getpid()}.tmp"
    os.makedirs(fresh)
    try:
        words = ["npm", "install", "--prefix", fresh, "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", "--fetch-retries=1", "--ignore-scripts", "--omit=dev"]
        p = subprocess.run([*words, f"{PACKAGE}@{VERSION}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, check=False)
        if p.returncode:
            raise Skipped(f"npm cannot install {PACKAGE}")
        os.rename(fresh, final)
    except subprocess.TimeoutExpired:
        raise Skipped(f"npm did not install {PACKAGE} within two minutes") from None
    except OSError:
        check(os.path.isdir(found), "two installs at once, and neither is there")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return found


def seen_by_importer(box, file):
    return json.loads(box.call(f"node {READER} {importer()} {file}").ok().text)


def a_trace_is_read_by_the_importer_of_chrome_tracing_without_a_warning(box):
    importer()
    write(box.path("workflow.ax.yaml"), WORKFLOW)
    box.call("axmake -s -j3 --trace-file trace.json").ok()
    written = json.load(open(box.path("trace.json"), encoding="utf-8"))["traceEvents"]
    seen = seen_by_importer(box, "trace.json")
    equal(seen["warnings"], [], "warnings")
    equal(seen["processes"], ["axmake workflow.ax.yaml"], "processes")
    equal(sorted(seen["lanes"]), ["slot 1", "slot 2", "slot 3"], "lanes")
    slices = [s for lane in seen["lanes"].values() for s in lane]
    equal([s for s in slices if s["outer"] is not None], [], "slices within others")
    equal(sorted((s["name"], s["args"]["try"], round(s["start"] * 1000)) for s in slices), sorted((e["name"], e["args"]["try"], e["ts"]) for e in written if e["ph"] == "X"), "slices")
    equal(len(slices), 12, "tries")
    equal(seen["flows"], [["next", "last"], ["long", "next"]] if seen["flows"][0][0] == "next" else [["long", "next"], ["next", "last"]], "arrows, from try to try")
    equal(sorted(seen["counters"]), ["run running", "run tokens"], "counters")
    equal(seen["counters"]["run running"][0][-1], 0, "what runs in the end")
    check(max(seen["counters"]["run running"][0]) <= 3, seen["counters"])
    check(seen["counters"]["run tokens"][0][-1] > 0, seen["counters"])


def a_trace_of_nothing_and_one_that_was_cut_short_are_read_too(box):
    importer()
    write(box.path("workflow.ax.yaml"), "tasks:\n  - {name: a, run: 'true'}\n  - {name: b, run: kill $PPID; sleep 9, dependencies: [a]}\n")
    box.call("axmake -s --trace-file trace.json b")
    seen = seen_by_importer(box, "trace.json")
    equal((seen["warnings"], sorted(s["name"] for lane in seen["lanes"].values() for s in lane)), ([], ["a", "b"]), "an interrupted run")
    box.call("axmake -s a; axmake -s --trace-file trace.json a").ok()
    seen = seen_by_importer(box, "trace.json")
    equal((seen["warnings"], seen["lanes"], seen["flows"]), ([], {}, []), "nothing to do")


CASES = [a_trace_is_read_by_the_importer_of_chrome_tracing_without_a_warning, a_trace_of_nothing_and_one_that_was_cut_short_are_read_too]
