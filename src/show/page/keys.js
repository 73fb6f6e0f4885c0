/* What keys do. None of them is taken from whoever types into a field, or together with Ctrl, Alt or Meta from the browser. */

const KEYS = [
	["j k or ↓ ↑", "next, previous task"],
	["Enter", "open the task"],
	["Esc", "close it; clear the search"],
	["/", "search"],
	["n N", "next, previous failure"],
	["t", "tasks"],
	["i", "timeline"],
	["g", "graph"],
	["← → ↑ ↓", "in the graph: along dependencies, in the column; with Shift: move it"],
	["+ − 0", "zoom in, out, show the whole"],
	["d", "dark or light"],
	["?", "this"],
];

function failure(by) {
	const bad = works.filter((t) => toneOf(t.state) === "bad").map((t) => t.place);
	if (!bad.length)
		return;
	const i = by > 0 ? bad.findIndex((p) => p > page.selected) : bad.findLastIndex((p) => p < page.selected);
	select(i >= 0 ? bad[i] : bad[by > 0 ? 0 : bad.length - 1]);
	if (page.opened >= 0)
		openTask(page.selected);
}

function search() {
	show("tasks");
	byId("search").focus();
	byId("search").select();
}

function stepBack() {
	if (page.opened >= 0)
		closeTask();
	else if (byId("search").value) {
		byId("search").value = "";
		filterList();
	} else
		focusView();
}

const ACTIONS = {
	"/": search,
	"?": () => byId("help").showModal(),
	"Escape": stepBack,
	"t": () => show("tasks"),
	"i": () => show("timeline"),
	"g": () => show("graph"),
	"d": () => nextTheme(),
	"n": () => failure(1),
	"N": () => failure(-1),
	"Enter": () => page.selected >= 0 && openTask(page.selected),
};

/* In the field itself: down to what was found, and up to it again. */
function searchKey(e) {
	if (e.key === "Escape") {
		if (!e.target.value)
			focusView();
		e.target.value = "";
		filterList();
	} else if (e.key === "Enter" || e.key === "ArrowDown") {
		focusView();
		if (list.shown.length && !list.at.has(page.selected))
			select(list.shown[0].place);
		if (e.key === "Enter" && list.shown.length)
			openTask(page.selected);
	} else
		return;
	e.preventDefault();
}

function tabKey(e) {
	const all = [...byId("tabs").children], by = {ArrowRight: 1, ArrowLeft: -1}[e.key];
	if (!by)
		return false;
	const to = all[(all.indexOf(e.target) + by + all.length) % all.length];
	show(to.getAttribute("aria-controls"));
	to.focus();
	return true;
}

function handled(e) {
	const at = e.target, inDetail = byId("detail").contains(at), button = at.closest("button, summary, a");
	if (at.getAttribute("role") === "tab" && tabKey(e))
		return true;
	if (e.key === "Enter" && button)
		return false;
	/* There arrows scroll the text that has the focus; j and k go on to other tasks. */
	const scrolls = inDetail && !["j", "k"].includes(e.key);
	if (!scrolls && page.views[page.view].key(e)) {
		if (inDetail || page.opened >= 0)
			openTask(page.selected);
		return true;
	}
	if (!(e.key in ACTIONS))
		return false;
	ACTIONS[e.key]();
	return true;
}

function startKeys() {
	byId("keys").append(...KEYS.map(([key, what]) => el("div", {}, el("dt", {}, key), el("dd", {}, what))));
	byId("help-open").addEventListener("click", () => byId("help").showModal());
	byId("search").addEventListener("keydown", searchKey);
	document.addEventListener("keydown", (e) => {
		if (e.ctrlKey || e.altKey || e.metaKey || e.defaultPrevented || byId("help").open || e.target.closest("input, select, textarea"))
			return;
		if (handled(e))
			e.preventDefault();
	});
}
