/* The list of tasks: filters, search and order. Only the rows that can be seen are in the page. */

const ROW = 54; /* pixels, as in page.css */
const SPARE = 6; /* rows above and below */

const list = {
	box: byId("list"),
	rows: byId("list").firstElementChild,
	shown: [],     /* tasks, filtered and in order */
	at: new Map(), /* place of a task -> place in shown */
	states: new Set(),
	only: false,   /* those of the critical path */
	words: [],
	drawn: new Map(), /* place in shown -> its row */
};

const ORDERS = {
	"as written": null,
	"outcome": (a, b) => STATE_NAMES.indexOf(a.state) - STATE_NAMES.indexOf(b.state),
	"start": (a, b) => began(a) - began(b),
	"longest": (a, b) => (b.duration_ms || 0) - (a.duration_ms || 0),
	"dearest": (a, b) => (b.cost_usd || 0) - (a.cost_usd || 0) || tokenSum(b.tokens) - tokenSum(a.tokens),
};

function began(t) {
	return t.tries.length ? t.tries[0].began_ms : Infinity;
}

function words(t) {
	if (t.words === undefined)
		t.words = [t.name, t.agent, t.provider, t.description, t.reason, t.note, t.class, t.state, t.file].filter(Boolean).join("\n").toLowerCase();
	return t.words;
}

function passes(t) {
	return (!list.states.size || list.states.has(t.state)) && (!list.only || t.critical) && list.words.every((w) => words(t).includes(w));
}

function filterList() {
	list.words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
	list.shown = works.filter(passes);
	const order = ORDERS[byId("sort").value];
	if (order)
		list.shown.sort((a, b) => order(a, b) || a.place - b.place);
	list.at = new Map(list.shown.map((t, i) => [t.place, i]));
	list.rows.replaceChildren();
	list.drawn.clear();
	list.rows.style.height = list.shown.length * ROW + "px";
	byId("count").textContent = list.shown.length === works.length ? plural(works.length, "task") : list.shown.length + " of " + plural(works.length, "task");
	drawList();
}

/* A name with what was searched for marked in it. */
function marked(text) {
	const lower = text.toLowerCase(), parts = [];
	let from = 0;
	while (list.words.length && lower.length === text.length) {
		let at = -1, n = 0;
		for (const w of list.words) {
			const i = lower.indexOf(w, from);
			if (i >= 0 && (at < 0 || i < at || (i === at && w.length > n))) {
				at = i;
				n = w.length;
			}
		}
		if (at < 0)
			break;
		parts.push(text.slice(from, at), el("mark", {}, text.slice(at, at + n)));
		from = at + n;
	}
	return [...parts, text.slice(from)];
}

function byWhom(t) {
	return t.kind === "agent" ? t.agent + (t.provider ? " via " + t.provider : "") : t.kind === "group" ? "group" : "script";
}

function row(t, i) {
	const why = t.note || t.reason || t.description;
	return el("div", {class: "row", role: "option", id: "row-" + t.place, "aria-selected": String(t.place === page.selected), "aria-setsize": list.shown.length, "aria-posinset": i + 1, "data-place": t.place},
		badge(t.state),
		el("span", {class: "what"}, el("span", {class: "name"}, ...marked(t.name), t.critical && el("span", {class: "critical-mark", title: "on the critical path"}, " ◆")),
			el("span", {class: "why"}, byWhom(t) + (why ? " · " + why : ""))),
		el("span", {class: "figures"}, el("span", {class: "time"}, duration(t.duration_ms)),
			el("span", {class: "use"}, [tokenSum(t.tokens) ? count(tokenSum(t.tokens)) + " tokens" : "", usd(t.cost_usd)].filter(Boolean).join(" · "))));
}

function drawList() {
	if (page.view !== "tasks")
		return;
	const top = list.box.scrollTop, height = list.box.clientHeight;
	const first = Math.max(0, Math.floor(top / ROW) - SPARE), last = Math.min(list.shown.length, Math.ceil((top + height) / ROW) + SPARE);
	for (const [i, e] of list.drawn)
		if (i < first || i >= last) {
			e.remove();
			list.drawn.delete(i);
		}
	for (let i = first; i < last; i++)
		if (!list.drawn.has(i)) {
			const e = row(list.shown[i], i);
			e.style.top = i * ROW + "px";
			list.drawn.set(i, e);
			list.rows.append(e);
		}
	tellSelected();
}

function tellSelected() {
	for (const e of list.drawn.values())
		e.setAttribute("aria-selected", String(Number(e.dataset.place) === page.selected));
	if (list.drawn.has(list.at.get(page.selected)))
		list.box.setAttribute("aria-activedescendant", "row-" + page.selected);
	else
		list.box.removeAttribute("aria-activedescendant");
}

function reveal() {
	const i = list.at.get(page.selected);
	if (i === undefined)
		return;
	const top = i * ROW, height = list.box.clientHeight;
	if (top < list.box.scrollTop)
		list.box.scrollTop = top;
	else if (top + ROW > list.box.scrollTop + height)
		list.box.scrollTop = top + ROW - height;
}

function step(by) {
	if (!list.shown.length)
		return;
	const n = list.shown.length, at = list.at.has(page.selected) ? list.at.get(page.selected) : by > 0 ? -1 : n;
	select(list.shown[Math.min(n - 1, Math.max(0, at + by))].place);
}

function toggle(name, on) {
	if (name === "critical")
		list.only = on;
	else if (on)
		list.states.add(name);
	else
		list.states.delete(name);
	for (const b of byId("filters").children)
		b.setAttribute("aria-pressed", String(b.dataset.filter === "critical" ? list.only : list.states.has(b.dataset.filter)));
	filterList();
	list.box.scrollTop = 0;
}

function filterButton(name, text, n, tone) {
	return el("button", {type: "button", class: "filter " + tone, "data-filter": name, "aria-pressed": "false",
		onclick: (e) => toggle(name, e.currentTarget.getAttribute("aria-pressed") !== "true")}, text + " ", el("span", {class: "n"}, count(n)));
}

function startList() {
	for (const name of STATE_NAMES) {
		const n = works.filter((t) => t.state === name).length;
		if (n)
			byId("filters").append(filterButton(name, signOf(name) + " " + stateWords(name), n, toneOf(name)));
	}
	if (run.critical.length > 1)
		byId("filters").append(filterButton("critical", "◆ critical path", run.critical.length, "critical"));
	byId("sort").append(...Object.keys(ORDERS).map((name) => el("option", {value: name}, name)));
	byId("sort").addEventListener("change", filterList);
	byId("search").addEventListener("input", () => {
		list.box.scrollTop = 0;
		filterList();
	});
	list.box.addEventListener("scroll", framed(drawList), {passive: true});
	list.box.addEventListener("click", (e) => {
		const of = e.target.closest(".row");
		if (of)
			openTask(Number(of.dataset.place));
	});
	new ResizeObserver(framed(drawList)).observe(list.box);
	filterList();
}

page.views.tasks = {
	show: drawList,
	select() {
		reveal();
		drawList();
	},
	key(e) {
		const rows = Math.max(1, Math.floor(list.box.clientHeight / ROW) - 1);
		const steps = {ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: rows, PageUp: -rows, Home: -Infinity, End: Infinity};
		if (!(e.key in steps))
			return false;
		step(steps[e.key]);
		return true;
	},
};
