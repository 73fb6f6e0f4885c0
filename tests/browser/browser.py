"""A headless Chromium, driven by the WebDriver protocol."""

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import time

from suite import Skipped, check

PATIENCE_S = 120
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "ArrowDown": "\ue015", "ArrowUp": "\ue013", "ArrowLeft": "\ue012", "ArrowRight": "\ue014", "End": "\ue010", "Home": "\ue011", "Tab": "\ue004"}


def programs():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        raise Skipped("chromium and chromium-driver are not installed: `make check-browser` installs them")
    return chromium, driver


class Browser:
    """One window. Its console and its requests are noted from the beginning."""

    def __init__(self, box, width=1280, height=800):
        chromium, driver = programs()
        home = box.path("browser")
        os.makedirs(home, exist_ok=True)
        env = {**box.env, "PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, "TZ": "UTC"}
        # pylint: disable-next=consider-using-with
        self.driver = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True)
        self.session = None
        try:
            self.port = self._port()
            arguments = ["--headless=new", f"--window-size={width},{height}", f"--user-data-dir={home}/profile", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--lang=en"]
            arguments += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
            arguments += ["--no-sandbox"] if os.getuid() == 0 else []
            wanted = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}, "goog:chromeOptions": {"binary": chromium, "args": arguments}}
            self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}}, whole=True)["sessionId"]
        except BaseException:
            self.close()
            raise

    def _port(self):
        for line in self.driver.stdout:
            found = re.search(r"successfully on port (\d+)", line)
            if found:
                return int(found[1])
        raise Skipped("chromedriver does not start here")

    def call(self, method, path, body=None, whole=False):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path if whole else f"/session/{self.session}{path}", None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value and "stacktrace" in value:
            raise RuntimeError(f"{method} {path}: {value['error']}: {value['message']}")
        return value

    def close(self):
        if self.session:
            with contextlib.suppress(OSError, RuntimeError):
                self.call("DELETE", "")
        self.driver.terminate()
        self.driver.wait()
        self.driver.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def cdp(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, path, fragment=""):
        self.call("POST", "/url", {"url": "about:blank"})
        self.call("POST", "/url", {"url": f"file://{path}{fragment}"})

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script, wanted=True):
        end = time.monotonic() + PATIENCE_S
        while (seen := self.run(script)) != wanted:
            check(time.monotonic() < end, script, f"seen   {seen!r}", f"wanted {wanted!r}")
            time.sleep(0.02)

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click", {})

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).innerText", selector)

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector)

    def press(self, *keys):
        """To whatever has the focus."""
        actions = []
        for key in keys:
            for one in [KEYS[key]] if key in KEYS else key:
                actions += [{"type": "keyDown", "value": one}, {"type": "keyUp", "value": one}]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def point(self, x, y, to=None):
        """Presses at a place of the window and lets go there, or at another one."""
        moves = [{"type": "pointerMove", "duration": 0, "x": int(x), "y": int(y)}, {"type": "pointerDown", "button": 0}]
        moves += [{"type": "pointerMove", "duration": 50, "x": int(to[0]), "y": int(to[1])}] if to else []
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [*moves, {"type": "pointerUp", "button": 0}]}]})

    def wheel(self, x, y, by):
        self.call("POST", "/actions", {"actions": [{"type": "wheel", "id": "wheel", "actions": [{"type": "scroll", "x": int(x), "y": int(y), "deltaX": 0, "deltaY": by, "duration": 0}]}]})

    def size(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700)

    def prefer(self, scheme):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("GET", "/screenshot")))

    def complaints(self):
        """What the console has got since it was asked last."""
        return [e["message"] for e in self.call("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """What was asked for since then, but for the page itself, what stands in it, and what its policy refused."""
        events = [json.loads(e["message"])["message"] for e in self.call("POST", "/se/log", {"type": "performance"})]
        refused = {e["params"]["requestId"] for e in events if e["method"] == "Network.loadingFailed" and e["params"].get("blockedReason") == "csp"}
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent" and e["params"]["requestId"] not in refused]
        return [u for u in urls if not u.startswith(("file:", "data:", "about:", "chrome:"))]
