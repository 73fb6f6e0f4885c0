"""The table as a picture: how each row stands to its goals, and how the figures grow. SVG, by hand."""
import html
import math

from builds import exponent
from rows import number

CSS = """text{font:12px system-ui,sans-serif;fill:#24292f}.small{font-size:10px;fill:#57606a}.title{font-size:14px;font-weight:600}
.grid{stroke:#d0d7de;stroke-width:1}.goal{stroke:#24292f;stroke-width:2}.yes{fill:#1a7f37}.no{fill:#cf222e}.back{fill:#fff}
.l0{stroke:#0969da;fill:#0969da}.l1{stroke:#bc4c00;fill:#bc4c00}.l2{stroke:#8250df;fill:#8250df}.l3{stroke:#57606a;fill:#57606a}
path{fill:none!important;stroke-width:2}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#8b949e}.grid{stroke:#30363d}.goal{stroke:#e6edf3}.back{fill:#0d1117}
.yes{fill:#3fb950}.no{fill:#f85149}}"""
LINE, LABEL, WIDE = 18, 430, 980


def text(x, y, what, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{html.escape(what)}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def goals(rows, top):
    """Each goal with a figure: a bar that is green up to the mark of the goal. The scale is in goals, from a tenth to three times."""
    out, y, low, high = [text(0, top + 14, "Figures in their goals: left of the line they are met", "title")], top + 34, 0.1, 3.2
    seen = [(f"{r.what}, to {g.beside}" if g.beside else r.what, figure, g) for r in rows for g, figure, _ in r.judged() if figure is not None and g.bound]

    def x(part):
        return LABEL + (WIDE - LABEL - 60) * (math.log(min(max(part, low), high)) - math.log(low)) / (math.log(high) - math.log(low))

    for part in (0.1, 0.2, 0.5, 1, 2):
        out.append(line(x(part), y - 6, x(part), y + LINE * len(seen), "goal" if part == 1 else "grid"))
        out.append(text(x(part), y - 8, f"{part:g}", "small", "middle"))
    for what, figure, g in seen:
        part = figure / g.bound
        out.append(text(0, y + 12, what if len(what) < 68 else what[:66] + "…"))
        out.append(f'<rect x="{x(low):.1f}" y="{y + 3:.1f}" width="{max(1, x(part) - x(low)):.1f}" height="{LINE - 7}" rx="2" class="{"yes" if part <= 1 else "no"}"/>')
        out.append(text(WIDE, y + 12, f"{part:.2f}", "small", "end"))
        y += LINE
    return out, y + 14


def panel(x0, y0, wide, high, figure, by_tool):
    """One figure over the number of tasks, both by their logarithms."""
    unit = "MiB" if "memory" in figure else "s"
    points = [p for each in by_tool.values() for p in each if p[1] > 0]
    ns, vs = [math.log10(p[0]) for p in points], [math.log10(p[1]) for p in points]
    left, right, low, top = min(ns), max(ns), math.floor(min(vs)), math.ceil(max(vs))
    out = [text(x0, y0, f"{figure}, {unit}", "title")]

    def x(n):
        return x0 + 44 + (wide - 150) * (math.log10(n) - left) / ((right - left) or 1)

    def y(v):
        return y0 + 14 + (high - 44) * (1 - (math.log10(v) - low) / ((top - low) or 1))

    for e in range(low, top + 1):
        out += [line(x0 + 40, y(10**e), x0 + wide - 100, y(10**e), "grid"), text(x0 + 36, y(10**e) + 4, f"{10.0**e:g}", "small", "end")]
    for n in sorted({p[0] for p in points}):
        out += [line(x(n), y(10**low), x(n), y(10**top), "grid"), text(x(n), y(10**low) + 14, number(n), "small", "middle")]
    ends = []
    for k, (tool, each) in enumerate(by_tool.items()):
        each = [p for p in each if p[1] > 0]
        out.append(f'<path class="l{min(k, 3)}" d="M{" L".join(f"{x(n):.1f} {y(v):.1f}" for n, v in each)}"/>')
        out += [f'<circle cx="{x(n):.1f}" cy="{y(v):.1f}" r="3" class="l{min(k, 3)}"/>' for n, v in each]
        e = exponent(each)
        ends.append((y(each[-1][1]), tool + (f": n^{e:.2f}" if e is not None else "")))
    last = -1e9
    for at, label in sorted(ends):
        last = max(at, last + 12)
        out.append(text(x0 + wide - 94, last + 4, label, "small"))
    return out


def draw(rows, growth):
    """The whole picture as text."""
    body, y = goals(rows, 10)
    wide, high = WIDE // 2, 220
    shown = [(figure, by_tool) for figure, by_tool in growth.items() if any(len(p) > 1 for p in by_tool.values())]
    for k, (figure, by_tool) in enumerate(shown):
        body += panel(k % 2 * wide, y + 20 + k // 2 * high, wide - 10, high, figure, {t: p for t, p in by_tool.items() if t != "make"})
    y += 20 + (len(shown) + 1) // 2 * high
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -4 {WIDE + 24} {y:.0f}" width="{WIDE + 24}" height="{y:.0f}">'
    return "\n".join([head, f"<style>{CSS}</style>", f'<rect x="-12" y="-4" width="{WIDE + 24}" height="{y:.0f}" class="back"/>', *body, "</svg>"]) + "\n"
