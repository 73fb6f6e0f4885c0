/* What stands above the views, and how one comes from one to another. */

const THEMES = ["auto", "dark", "light"];

function select(place) {
	page.selected = place;
	page.views[page.view].select(run.tasks[place]);
}

function focusView() {
	({tasks: list.box, timeline: timeline.box, graph: graph.canvas})[page.view].focus({preventScroll: true});
}

function show(view) {
	const changed = page.view !== view;
	page.view = view;
	for (const name of Object.keys(page.views)) {
		byId(name).hidden = name !== view;
		byId("tab-" + name).setAttribute("aria-selected", String(name === view));
		byId("tab-" + name).tabIndex = name === view ? 0 : -1;
	}
	page.views[view].show();
	if (page.selected >= 0)
		page.views[view].select(run.tasks[page.selected]);
	if (changed) {
		remember();
		focusView();
	}
}

/* View and task stand in the address, so that they can be come back to, and sent to somebody. */
function remember() {
	const to = "#" + page.view + (page.opened >= 0 ? "/" + encodeURIComponent(run.tasks[page.opened].name) : "");
	if (location.hash !== to && (location.hash || to !== "#tasks"))
		history.replaceState(null, "", to);
}

function decoded(text) {
	try {
		return decodeURIComponent(text);
	} catch {
		return "";
	}
}

function follow() {
	const [view, name] = location.hash.slice(1).split(/\/(.*)/s), t = name && run.tasks.find((x) => x.name === decoded(name));
	show(view in page.views ? view : "tasks");
	if (t)
		openTask(t.place);
}

function kept(value) {
	try {
		if (value !== undefined)
			localStorage.setItem("axmake-theme", value);
		return localStorage.getItem("axmake-theme");
	} catch {
		return null; /* as where a browser keeps nothing for files */
	}
}

function setTheme(theme) {
	document.documentElement.dataset.theme = theme;
	byId("theme").textContent = {auto: "◐", dark: "●", light: "○"}[theme];
	byId("theme").setAttribute("aria-label", {auto: "Colours: as the system", dark: "Colours: dark", light: "Colours: light"}[theme]);
	colors.forget();
	page.views[page.view].show();
}

/* From what is seen to the other one first. */
function nextTheme() {
	const now = document.documentElement.dataset.theme, dark = matchMedia("(prefers-color-scheme: dark)").matches, order = dark ? ["auto", "light", "dark"] : THEMES;
	const next = order[(order.indexOf(now) + 1) % order.length];
	kept(next);
	setTheme(next);
}

function total(name, value, more) {
	return value && el("div", {}, el("dt", {}, name), el("dd", {}, value, more && el("span", {class: "more"}, more)));
}

function showTotals() {
	const t = run.totals, s = t.states, ran = works.filter((x) => x.tries.length).length;
	const cost = t.cost_usd === null ? (t.unpriced ? "not reported" : "") : usd(t.cost_usd);
	const savedMore = [t.saved.tokens ? count(t.saved.tokens) + " tokens" : "", t.saved.cost_usd ? usd(t.saved.cost_usd) : ""].filter(Boolean).join(", ");
	byId("totals").append(...[
		total("Time", duration(run.duration_ms)),
		total("Tasks", count(works.length), ran ? count(ran) + " ran" : "none ran"),
		total("Tokens", tokenSum(t.tokens) ? count(tokenSum(t.tokens)) : "", tokens(t.tokens)),
		total("Cost", cost && t.unpriced && t.cost_usd !== null ? "≥ " + cost : cost, t.unpriced && t.cost_usd !== null ? t.unpriced + " unpriced" : ""),
		total("Saved", s["up-to-date"] || s.restored ? duration(t.saved.duration_ms) : "", savedMore),
	].filter(Boolean));
}

function showShares() {
	const parts = STATE_NAMES.map((name) => [name, works.filter((t) => t.state === name).length]).filter(([, n]) => n);
	for (const [name, n] of parts) {
		const e = el("span", {class: toneOf(name), title: n + " " + stateWords(name)});
		e.style.flexGrow = n;
		byId("shares").append(e);
	}
	byId("shares").setAttribute("aria-label", parts.map(([name, n]) => n + " " + stateWords(name)).join(", ") || "no tasks");
}

function showWarnings() {
	const all = run.warnings.map((w) => (w.task ? w.task + ": " : "") + w.text);
	if (run.edges_left_out)
		all.push("There are too many dependencies for this page: some are left out in the graph.");
	if (!all.length)
		return;
	byId("warnings").hidden = false;
	byId("warnings").firstElementChild.textContent = plural(all.length, "warning");
	byId("warnings").lastElementChild.append(...all.slice(0, 200).map((text) => el("li", {}, text)));
}

function showHead() {
	const tone = {done: "good", failed: "bad", interrupted: "wait"}[run.state] || "off", sign = {good: "✓", bad: "✕", wait: "!", off: ""}[tone];
	const name = run.name || run.workflow;
	document.title = sign + " " + name + " · axmake";
	byId("name").textContent = name;
	byId("state").classList.add(tone);
	byId("state").textContent = sign + " " + run.state;
	byId("when").textContent = [run.name ? run.workflow : "", new Date(run.began).toLocaleString(), "axmake " + run.axmake].filter(Boolean).join(" · ");
	showTotals();
	showShares();
	showWarnings();
}

showHead();
startList();
startTimeline();
startGraph();
startKeys();
setTheme(THEMES.includes(kept()) ? kept() : "auto");
for (const tab of byId("tabs").children)
	tab.addEventListener("click", () => show(tab.getAttribute("aria-controls")));
byId("theme").addEventListener("click", nextTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(document.documentElement.dataset.theme));
addEventListener("hashchange", follow);
follow();
/* A task whose texts had not come in. */
document.addEventListener("DOMContentLoaded", () => {
	if (page.opened >= 0)
		openTask(page.opened);
});
