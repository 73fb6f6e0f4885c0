#!/usr/bin/env python3
"""Records doc/session.svg: axmake at work in a real terminal (tmux), in a copy of this folder.

    python3 doc/session/record.py --axmake ./axmake > doc/session.svg

Each screen of the session is a group of the picture. They are shown one after another by CSS; where that does not move, the last
one stands, which holds all that has scrolled.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.sax.saxutils

HERE = os.path.dirname(os.path.abspath(__file__))
COLUMNS, ROWS = 80, 37
PATIENCE_S = 60

# What is done: a line is typed, an agent is let go on; then a screen is kept as soon as it holds the regular expression.
STEPS = (
    ("type", "axmake -j4", r"design +agent .*Compares(.*\n)*^0/6 done"),
    ("go", "design", r"Edit count(.*\n)*.*Thinks(.*\n)*.*Read style(.*\n)*^1/6 done"),
    ("go", "code", r"code: done(.*\n)*^2/6 done.*2 running"),
    ("go", "tests", r"check: done(.*\n)*^4/6 done.*1 running"),
    ("go", "manual", r"axmake: 6 tasks done.*\n\$$"),
    ("type", "axmake -j4", r"nothing to be done.*\n\$$"),
    ("type", "echo 'Every option gets an example.' >> style.md", r"style.md\n\$$"),
    ("type", "axmake --explain", r"package: .*\n\$$"),
    ("type", "axmake -j4", r"\$ axmake -j4\nmanual(.*\n)*^4/6 done"),
    ("go", "manual", r"axmake: 2 tasks done.*\n\$$"),
)
SECONDS = (2, 3, 2, 2, 3, 3, 2, 4, 2, 8)  # how long each of these screens is looked at


class Terminal:
    def __init__(self, folder, axmake):
        self.tmux = ["tmux", "-S", os.path.join(folder, "socket"), "-f", "/dev/null"]
        env = {
            "PATH": f"{os.path.dirname(axmake)}:{os.environ['PATH']}",
            "HOME": folder,
            "TMPDIR": folder,
            "LC_ALL": "C.UTF-8",
            **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")},
        }
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        subprocess.run([*self.tmux, "new-session", "-d", *size, "-c", os.path.join(folder, "w"), "sh"], env=env, check=True)
        self.type("PS1='$ '; clear")
        self.wait(r"\A\$$")

    def close(self):
        subprocess.run([*self.tmux, "kill-server"], stderr=subprocess.DEVNULL, check=False)

    def type(self, line):
        subprocess.run([*self.tmux, "send-keys", "-l", line], check=True)
        subprocess.run([*self.tmux, "send-keys", "Enter"], check=True)

    def screen(self, *how):
        text = subprocess.run([*self.tmux, "capture-pane", "-p", *how], check=True, capture_output=True, encoding="utf-8").stdout
        return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")

    def wait(self, regex):
        """The screen, with its colours, once it holds that."""
        end = time.monotonic() + PATIENCE_S
        while True:
            colored = self.screen("-e")
            if re.search(regex, plain(colored), re.MULTILINE):
                return colored
            if time.monotonic() > end:
                raise TimeoutError(f"no screen with {regex}, but\n{plain(colored)}")
            time.sleep(0.05)


def plain(screen):
    return "\n".join(line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", screen).split("\n"))


def record(axmake, pace_s):
    """The screens, with SGR sequences. Each one is left standing for so long before the next step."""
    folder = os.path.realpath(tempfile.mkdtemp(prefix="axmake-session-"))
    try:
        shutil.copytree(HERE, os.path.join(folder, "w"), ignore=shutil.ignore_patterns("*.py", "__pycache__", ".axmake"))
        os.mkdir(os.path.join(folder, "w", "go"))
        terminal = Terminal(folder, os.path.abspath(axmake))
        try:
            screens = []
            for verb, what, regex in STEPS:
                if verb == "type":
                    terminal.type(what)
                else:
                    open(os.path.join(folder, "w", "go", what), "w").close()
                terminal.wait(regex)
                time.sleep(pace_s)
                screens.append(terminal.wait(regex))
            return screens
        finally:
            terminal.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# The picture

CELL_W, CELL_H, MARGIN, BAR = 8.4, 18, 16, 30  # pixels
LOOKS = ("text", "fill"), (".c1", "fill"), (".c2", "fill"), (".c3", "fill"), (".c5", "fill"), (".paper", "fill"), (".paper", "stroke"), (".dot", "fill")
LIGHT = "#1f2328", "#b42318", "#116329", "#7d4e00", "#8250df", "#ffffff", "#d0d7de", "#d0d7de"
DARK = "#e6edf3", "#ff7b72", "#3fb950", "#d29922", "#d2a8ff", "#0d1117", "#3d444d", "#3d444d"
FONT = '14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace'


def style():
    light, dark = (" ".join(f"{what} {{ {how}: {c} }}" for (what, how), c in zip(LOOKS, colors)) for colors in (LIGHT, DARK))
    return f"""
    text {{ font: {FONT}; white-space: pre }} .b {{ font-weight: bold }}
    {light}
    @media (prefers-color-scheme: dark) {{ {dark} }}"""


def runs(line):
    """(classes, text) of a line with SGR sequences."""
    bold, color = False, None
    for i, part in enumerate(re.split(r"\x1b\[([\d;]*)m", line)):
        if i % 2 == 0:
            if part:
                yield " ".join((["b"] if bold else []) + ([f"c{color}"] if color else [])), part
            continue
        for code in (int(c or 0) for c in part.split(";")):
            if code == 0:
                bold, color = False, None
            elif code in (1, 22):
                bold = code == 1
            elif 30 <= code <= 37:
                color = code - 30
            elif code == 39:
                color = None


def row(number, line):
    width = len(plain(line))
    spans = [f'<tspan class="{c}">{e}</tspan>' if c else e for c, e in ((c, xml.sax.saxutils.escape(t)) for c, t in runs(line))]
    x, y = MARGIN, BAR + CELL_H * (number + 1)
    return f'<text x="{x}" y="{y}" textLength="{width * CELL_W:.1f}" xml:space="preserve">{"".join(spans)}</text>'


def motion():
    """Each screen has its part of the time; the last one is what stands where nothing moves."""
    total, begin, rules = sum(SECONDS), 0, []
    for i, seconds in enumerate(SECONDS):
        a, b = 100 * begin / total, 100 * (begin + seconds) / total
        frames = (f"0% {{ opacity: 0 }} {a:.2f}% {{ opacity: 1 }}" if begin else "0% { opacity: 1 }") + (f" {b:.2f}% {{ opacity: 0 }}" if b < 100 else "")
        rules.append(f"@keyframes s{i} {{ {frames} }} .s{i} {{ animation-name: s{i} }}")
        begin += seconds
    return f"""
    .s {{ opacity: 0 }} .s{len(SECONDS) - 1} {{ opacity: 1 }}
    @media screen and (prefers-reduced-motion: no-preference) {{
      .s {{ animation: {total}s step-end infinite }}
      {(chr(10) + "      ").join(rules)}
    }}
  """


def picture(screens):
    rows = max(len(s.split("\n")) for s in screens)
    width, height = round(COLUMNS * CELL_W + 2 * MARGIN), BAR + MARGIN + rows * CELL_H
    groups = []
    for i, screen in enumerate(screens):
        lines = [row(n, line) for n, line in enumerate(screen.split("\n")) if plain(line)]
        groups.append(f'  <g class="s s{i}">\n    ' + "\n    ".join(lines) + "\n  </g>")
    dots = "".join(f'<circle class="dot" cx="{MARGIN + 6 + 18 * i}" cy="{BAR / 2 + 3:.0f}" r="6"/>' for i in range(3))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-labelledby="t d">
  <title id="t">axmake in a terminal</title>
  <desc id="d">Six tasks run, three agents at once; a second run finds nothing to be done; a changed file makes one agent and one script run.</desc>
  <style>{style()}{motion()}</style>
  <rect class="paper" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>
  {dots}
{chr(10).join(groups)}
</svg>
"""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--axmake", default="./axmake")
    p.add_argument("--pace", type=float, default=1.5, help="seconds that each screen stands")
    options = p.parse_args()
    sys.stdout.write(picture(record(options.axmake, options.pace)))


if __name__ == "__main__":
    main()
