"""Rows of the table: figures, goals, and whether they are met; the table in Markdown."""

FORMATS = {"count": "%d", "ratio": "%.3f"}


class Goal:
    """ours / what it is compared with <= bound, or ours <= bound where that is None. `unit` is the bound's; text says it otherwise than `at most 0.25x ninja`."""

    def __init__(self, bound, beside=None, text=None, unit=""):
        self.bound, self.beside, self.unit = bound, beside, unit
        self.text = text or (f"≤ {bound:g}× {beside}" if beside else f"≤ {bound:g} {unit}".rstrip())


def shown(value, unit):
    """A figure with three digits that count."""
    if unit == "s" and value < 0.1:
        value, unit = value * 1000, "ms"
    if unit in FORMATS:
        return FORMATS[unit] % value
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}" + (f" {unit}" if unit else "")


class Row:
    """One line: `values` of axmake, tools and perhaps a limit, in `unit`; limit: (name in values, what it does)."""

    def __init__(self, what, values, unit, goals=(), limit=None, note=""):
        self.what, self.values, self.unit, self.goals, self.limit, self.note = what, values, unit, list(goals), limit, note

    @property
    def ours(self):
        return self.values["axmake"]

    def ratio(self, name):
        value = self.values.get(name)
        return self.ours / value if value else None

    def judged(self):
        """[(goal, its figure or None where what it is compared with is not there, met)]"""
        out = []
        for g in self.goals:
            figure = self.ratio(g.beside) if g.beside else self.ours
            out.append((g, figure, figure is not None and figure <= g.bound))
        return out

    def met(self):
        if not self.goals:
            return ""
        misses = []
        for g, figure, met in self.judged():
            if figure is None:
                misses.append(f"no {g.beside}")
            elif not met:
                misses.append(f"no: {figure:.3g}× {g.beside}" if g.beside else f"no: {shown(figure, self.unit)}")
        return "; ".join(misses) or "yes"

    def cell(self, name):
        if name not in self.values:
            return ""
        text = shown(self.values[name], self.unit)
        return text if name == "axmake" or not self.values[name] else f"{text} ({self.ratio(name):.2f}×)"

    def cells(self, tools):
        limit = f"{self.cell(self.limit[0])} {self.limit[1]}" if self.limit else ""
        return [self.what, *(self.cell(t) for t in tools), limit, "; ".join(g.text for g in self.goals), self.met()]

    def line(self):
        """For the terminal while it goes on."""
        others = ", ".join(f"{name} {self.cell(name)}" for name in self.values)
        return f"{self.what}: {others}" + (f"; goal {'; '.join(g.text for g in self.goals)}: {self.met()}" if self.goals else "")

    def data(self):
        return {"what": self.what, "unit": self.unit, "values": self.values, "limit": self.limit, "note": self.note, "met": self.met(), "goals": [{"text": g.text, "bound": g.bound, "beside": g.beside, "figure": f} for g, f, _ in self.judged()]}


def table(header, lines):
    """Markdown whose columns also stand below each other on a terminal."""
    wide = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]

    def put(cells):
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, wide)) + " |"

    return "\n".join([put(header), "| " + " | ".join("-" * max(3, w) for w in wide) + " |", *(put(line) for line in lines)])


def markdown(all_rows, tools):
    notes = "".join(f"\n\n{r.what}: {r.note}." for r in all_rows if r.note)
    return table(["measure", *tools, "the least", "goal", "met"], [r.cells(tools) for r in all_rows]) + notes


def number(n):
    """10 000"""
    return f"{n:,}".replace(",", " ")
