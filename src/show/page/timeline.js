/* When what ran: a lane for each task at a time. Of the bars only those that can be seen are in the page, and of those too narrow to be told apart one. */

const LANE = 30, AXIS = 26; /* pixels, as in page.css */

const timeline = {
	box: byId("lanes"),
	canvas: byId("lanes").firstElementChild,
	zoom: 1,
	lanes: [],  /* of each lane the bars, in order: {task, number of the try, from, to} */
	order: [],  /* tasks that ran, by their start */
};

function readTries() {
	for (const t of works) {
		t.tries.forEach((x, i) => {
			while (timeline.lanes.length <= x.lane)
				timeline.lanes.push([]);
			timeline.lanes[x.lane].push({task: t, number: i + 1, from: x.began_ms, to: x.began_ms + x.duration_ms});
		});
		if (t.tries.length)
			timeline.order.push(t);
	}
	for (const bars of timeline.lanes)
		bars.sort((a, b) => a.from - b.from);
	timeline.order.sort((a, b) => a.tries[0].began_ms - b.tries[0].began_ms || a.place - b.place);
}

function runTime() {
	return Math.max(1, run.duration_ms);
}

function timeWidth() {
	return Math.max(100, timeline.box.clientWidth - 24) * timeline.zoom;
}

/* The first of the usual steps by which the marks are far enough apart. */
function markStep(pixelsPerMs) {
	const s = 1000, m = 60 * s, h = 60 * m;
	const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, s, 2 * s, 5 * s, 10 * s, 15 * s, 30 * s, m, 2 * m, 5 * m, 10 * m, 15 * m, 30 * m, h, 2 * h, 6 * h, 12 * h, 24 * h];
	return steps.find((x) => x * pixelsPerMs >= 70) || 24 * h;
}

function markLabel(ms, stepOf) {
	return ms === 0 ? "0" : stepOf < 1000 && ms < 60000 ? (ms / 1000).toFixed(stepOf < 10 ? 3 : stepOf < 100 ? 2 : 1) + "s" : ms < 60000 ? ms / 1000 + "s" : duration(ms);
}

function marks(perMs, left, right) {
	const by = markStep(perMs), made = [];
	for (let ms = Math.floor(left / perMs / by) * by; ms * perMs <= right && ms <= runTime(); ms += by) {
		const e = el("span", {class: "mark", "aria-hidden": "true"}, markLabel(ms, by));
		e.style.left = ms * perMs + "px";
		e.style.height = AXIS + timeline.lanes.length * LANE + "px";
		made.push(e);
	}
	return made;
}

function bar(b, x, width, lane) {
	const t = b.task, state = b.number < t.tries.length ? "failed" : t.state;
	const label = t.name + ", " + (t.tries.length > 1 ? "try " + b.number + " of " + t.tries.length + ", " : "") + state + ", " + duration(b.to - b.from) + " from +" + duration(b.from);
	const e = el("div", {class: "bar-of " + toneOf(state) + (t.critical ? " critical" : "") + (t.place === page.selected ? " selected" : ""), "data-place": t.place, title: label, role: "img", "aria-label": label}, width > 24 ? t.name : "");
	e.style.left = x + "px";
	e.style.width = width + "px";
	e.style.top = AXIS + lane * LANE + 3 + "px";
	return e;
}

function drawTimeline() {
	if (page.view !== "timeline")
		return;
	const box = timeline.box, width = timeWidth(), perMs = width / runTime();
	const left = box.scrollLeft - 50, right = box.scrollLeft + box.clientWidth + 50;
	const first = Math.max(0, Math.floor((box.scrollTop - AXIS) / LANE)), last = Math.min(timeline.lanes.length, Math.ceil((box.scrollTop + box.clientHeight) / LANE));
	const made = timeline.lanes.length ? marks(perMs, Math.max(0, left), right) : [el("p", {class: "nothing"}, "Nothing ran.")];
	for (let lane = first; lane < last; lane++) {
		let covered = -1;
		for (const b of barsFrom(timeline.lanes[lane], left / perMs)) {
			const x = b.from * perMs, w = Math.max(3, (b.to - b.from) * perMs - 1), matters = b.task.critical || b.task.place === page.selected;
			if (x > right)
				break;
			if (x + w <= covered + 1 && !matters)
				continue;
			covered = Math.max(covered, x + w);
			made.push(bar(b, x, w, lane));
		}
	}
	timeline.canvas.style.width = width + "px";
	timeline.canvas.style.height = AXIS + timeline.lanes.length * LANE + "px";
	timeline.canvas.replaceChildren(...made);
}

/* From the last one that begins before that time: bars of a lane do not overlap. */
function barsFrom(bars, ms) {
	let low = 0, high = bars.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (bars[middle].to < ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? bars.slice(low) : bars;
}

/* The time at that place of the box stays there. */
function zoomTimeline(by, at) {
	const box = timeline.box, x = at === undefined ? box.clientWidth / 2 : at, share = (box.scrollLeft + x) / timeWidth();
	timeline.zoom = Math.min(Math.max(1, timeline.zoom * by), Math.max(1, Math.min(2000, 2e6 / Math.max(1, box.clientWidth))));
	timeline.canvas.style.width = timeWidth() + "px";
	box.scrollLeft = share * timeWidth() - x;
	drawTimeline();
}

function revealBar() {
	const t = run.tasks[page.selected];
	if (!t || !t.tries.length)
		return;
	const box = timeline.box, perMs = timeWidth() / runTime(), x = t.tries[0].began_ms * perMs, y = AXIS + t.tries[0].lane * LANE;
	if (x < box.scrollLeft || x > box.scrollLeft + box.clientWidth - 40)
		box.scrollLeft = x - box.clientWidth / 3;
	if (y - AXIS < box.scrollTop || y + LANE > box.scrollTop + box.clientHeight)
		box.scrollTop = y - box.clientHeight / 2;
}

function showPath() {
	const all = run.critical.map((i) => run.tasks[i]), sum = all.reduce((s, t) => s + (t.duration_ms || 0), 0);
	if (all.length < 2)
		return;
	byId("path").append(el("span", {class: "critical-mark"}, "◆ "), el("span", {class: "muted"}, duration(sum) + " of " + duration(run.duration_ms) + ": "));
	all.slice(0, 100).forEach((t, i) => byId("path").append(i ? el("span", {class: "muted", "aria-hidden": "true"}, " → ") : "", reference(t.place)));
}

function startTimeline() {
	readTries();
	showPath();
	timeline.box.addEventListener("scroll", framed(drawTimeline), {passive: true});
	timeline.box.addEventListener("click", (e) => {
		const of = e.target.closest(".bar-of");
		if (of)
			openTask(Number(of.dataset.place));
	});
	timeline.box.addEventListener("wheel", (e) => {
		if (!e.ctrlKey && !e.metaKey)
			return;
		e.preventDefault();
		zoomTimeline(Math.exp(-e.deltaY / 200), e.clientX - timeline.box.getBoundingClientRect().left);
	}, {passive: false});
	byId("time-in").addEventListener("click", () => zoomTimeline(1.6));
	byId("time-out").addEventListener("click", () => zoomTimeline(1 / 1.6));
	byId("time-fit").addEventListener("click", () => zoomTimeline(0));
	new ResizeObserver(framed(drawTimeline)).observe(timeline.box);
}

page.views.timeline = {
	show: drawTimeline,
	select() {
		revealBar();
		drawTimeline();
	},
	key(e) {
		const zooms = {"+": 1.6, "=": 1.6, "-": 1 / 1.6, "0": 0};
		const steps = {ArrowDown: 1, ArrowRight: 1, j: 1, ArrowUp: -1, ArrowLeft: -1, k: -1, Home: -Infinity, End: Infinity};
		if (e.key in zooms) {
			zoomTimeline(zooms[e.key]);
			return true;
		}
		if (!(e.key in steps) || !timeline.order.length)
			return false;
		const i = timeline.order.findIndex((t) => t.place === page.selected), n = timeline.order.length;
		select(timeline.order[i < 0 ? 0 : Math.min(n - 1, Math.max(0, i + steps[e.key]))].place);
		return true;
	},
};
