/* The graph, drawn on a canvas: what is out of sight costs nothing, and moving it is smooth with thousands of tasks. */

const graph = {
	canvas: byId("drawing"),
	made: null,      /* see layoutGraph; when it is first looked at */
	edges: [],       /* {from, to, route, order, critical} */
	x: 0, y: 0, scale: 1, /* a point p stands at (p - (x, y)) * scale */
	least: wide.matches ? 0.5 : 0.75, /* below that scale the whole cannot be read, and is shown only when it is asked for */
	fitted: true,    /* the whole is shown, also when the window changes */
	pointers: new Map(),
	moved: false,
	widths: new Map(), /* of texts, in pixels at scale 1 */
};

/* Tasks that did not run may lie between two of the critical path: the edges there belong to it as well. */
function criticalEdges() {
	const onPath = new Set(), key = (from, to) => from * run.tasks.length + to;
	for (let i = 1; i < run.critical.length; i++) {
		const goal = run.critical[i - 1], from = new Map([[run.critical[i], -1]]), todo = [run.critical[i]];
		while (todo.length && !from.has(goal)) {
			const at = todo.pop();
			for (const n of [...run.tasks[at].needs, ...run.tasks[at].after])
				if (!from.has(n) && (n === goal || !run.tasks[n].tries.length)) {
					from.set(n, at);
					todo.push(n);
				}
		}
		for (let at = goal; from.get(at) >= 0; at = from.get(at))
			onPath.add(key(at, from.get(at)));
	}
	return (from, to) => onPath.has(key(from, to));
}

function makeGraph() {
	const isCritical = criticalEdges(), needs = run.tasks.map((t) => [...t.needs, ...t.after]);
	graph.made = layoutGraph(needs);
	let at = 0;
	run.tasks.forEach((t) => needs[t.place].forEach((from, i) => {
		graph.edges.push({from, to: t.place, route: graph.made.routes[at++], order: i >= t.needs.length, critical: isCritical(from, t.place)});
	}));
	/* What matters is drawn last, and so on top. */
	graph.edges.sort((a, b) => a.critical - b.critical);
}

function size() {
	const c = graph.canvas, ratio = window.devicePixelRatio || 1, w = c.clientWidth, h = c.clientHeight;
	if (c.width !== Math.round(w * ratio) || c.height !== Math.round(h * ratio)) {
		c.width = Math.round(w * ratio);
		c.height = Math.round(h * ratio);
	}
	return {w, h, ratio};
}

/* All of it, as long as that can be read: else the part around the selected task, or where the critical path begins. */
function fitGraph() {
	const {w, h} = size(), made = graph.made, pad = 24, fit = Math.min(1.25, (w - 2 * pad) / made.width, (h - 2 * pad) / made.height);
	graph.scale = Math.max(fit, graph.least);
	graph.fitted = fit >= graph.least;
	const around = made.points[[page.selected, run.critical[0], 0].find((i) => i >= 0)];
	const middle = graph.fitted || !around ? {x: made.width / 2, y: made.top + made.height / 2} : {x: around.x + NODE.width / 2, y: around.y};
	graph.x = middle.x - w / 2 / graph.scale;
	graph.y = middle.y - h / 2 / graph.scale;
	if (!graph.fitted && page.selected < 0)
		graph.x = around ? around.x - pad / graph.scale : 0;
}

/* A part of a text that fits. */
function fitting(pen, text, font, width) {
	const key = font + text;
	let fit = graph.widths.get(key);
	if (fit === undefined) {
		pen.font = font;
		fit = text;
		if (pen.measureText(text).width > width) {
			let low = 0, high = text.length;
			while (low < high) {
				const middle = (low + high + 1) >> 1;
				if (pen.measureText(text.slice(0, middle) + "…").width <= width)
					low = middle;
				else
					high = middle - 1;
			}
			fit = text.slice(0, low) + "…";
		}
		graph.widths.set(key, fit);
	}
	return fit;
}

function drawEdge(pen, e, look) {
	const r = e.route, middle = (p) => p.y;
	pen.beginPath();
	pen.moveTo(r[0].x + NODE.width, middle(r[0]));
	for (let i = 1; i < r.length; i++) {
		const a = r[i - 1], b = r[i], x0 = a.x + NODE.width, x1 = b.x, half = Math.max(30, (x1 - x0) / 2);
		pen.bezierCurveTo(x0 + half, middle(a), x1 - half, middle(b), x1, middle(b));
		if (i + 1 < r.length)
			pen.lineTo(b.x + NODE.width, middle(b));
	}
	pen.strokeStyle = look.color;
	pen.globalAlpha = look.alpha;
	pen.lineWidth = look.width / Math.max(graph.scale, look.width < 2 ? 0.3 : 0.05);
	pen.setLineDash(e.order ? [6, 5] : []);
	pen.stroke();
}

function inSight(route, box) {
	let left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
	for (const p of route) {
		left = Math.min(left, p.x);
		right = Math.max(right, p.x + NODE.width);
		top = Math.min(top, p.y);
		bottom = Math.max(bottom, p.y);
	}
	return right >= box.left && left <= box.right && bottom >= box.top && top <= box.bottom;
}

function drawEdges(pen, box) {
	const chosen = page.selected, plain = colors.get("edge"), critical = colors.get("critical"), accent = colors.get("accent");
	const last = [];
	const many = graph.edges.length > 3000 && graph.scale < 0.3;
	for (const e of graph.edges) {
		const mine = chosen >= 0 && (e.from === chosen || e.to === chosen);
		if (!inSight(e.route, box))
			continue;
		if (mine)
			last.push(e);
		else
			drawEdge(pen, e, e.critical ? {color: critical, alpha: 1, width: 2} : {color: plain, alpha: chosen >= 0 || many ? 0.45 : 1, width: many ? 0.4 : 1.2});
	}
	for (const e of last)
		drawEdge(pen, e, {color: e.critical ? critical : accent, alpha: 1, width: 2});
	pen.setLineDash([]);
	pen.globalAlpha = 1;
}

function drawNode(pen, p, near) {
	const t = run.tasks[p.node], top = p.y - NODE.height / 2, tone = colors.get(toneOf(t.state)), faint = near && !near.has(p.node);
	pen.globalAlpha = faint ? 0.55 : 1;
	if (graph.scale < 0.2) {
		pen.fillStyle = tone;
		pen.fillRect(p.x, top, NODE.width, NODE.height);
		if (t.critical) {
			pen.fillStyle = colors.get("critical");
			pen.fillRect(p.x, top + NODE.height, NODE.width, 10);
		}
		return;
	}
	pen.beginPath();
	pen.roundRect(p.x, top, NODE.width, NODE.height, 7);
	pen.fillStyle = colors.get("surface");
	pen.fill();
	pen.save();
	pen.clip();
	pen.fillStyle = tone;
	pen.fillRect(p.x, top, 5, NODE.height);
	pen.restore();
	pen.lineWidth = (t.place === page.selected ? 2.5 : t.critical ? 2 : 1) / Math.min(1, Math.max(graph.scale, 0.5));
	pen.strokeStyle = colors.get(t.place === page.selected ? "accent" : t.critical ? "critical" : "line-strong");
	pen.setLineDash(t.kind === "group" ? [4, 3] : []);
	pen.stroke();
	pen.setLineDash([]);
	if (graph.scale < 0.34)
		return;
	const name = "600 13px " + colors.font, small = "11px " + colors.font;
	pen.font = name;
	pen.fillStyle = colors.get("text");
	pen.fillText(fitting(pen, t.name, name, NODE.width - 26), p.x + 14, p.y - 3);
	pen.fillStyle = tone;
	const text = (t.kind === "group" ? "group" : signOf(t.state) + " " + stateWords(t.state)) + (t.duration_ms === null ? "" : " · " + duration(t.duration_ms)) + (t.kind === "agent" ? " · " + t.agent : "");
	const fit = fitting(pen, text, small, NODE.width - 26);
	pen.font = small;
	pen.fillText(fit, p.x + 14, p.y + 13);
}

function drawGraph() {
	if (page.view !== "graph" || !graph.made)
		return;
	const {w, h, ratio} = size(), pen = graph.canvas.getContext("2d"), chosen = run.tasks[page.selected];
	if (graph.fitted)
		fitGraph();
	colors.font = colors.font || getComputedStyle(document.body).fontFamily;
	pen.setTransform(ratio, 0, 0, ratio, 0, 0);
	pen.clearRect(0, 0, w, h);
	pen.setTransform(ratio * graph.scale, 0, 0, ratio * graph.scale, -graph.x * graph.scale * ratio, -graph.y * graph.scale * ratio);
	const box = {left: graph.x, top: graph.y - NODE.height, right: graph.x + w / graph.scale, bottom: graph.y + h / graph.scale + NODE.height};
	drawEdges(pen, box);
	const near = chosen && new Set([chosen.place, ...chosen.needs, ...chosen.after, ...chosen.users]);
	for (const p of graph.made.points)
		if (p.x + NODE.width >= box.left && p.x <= box.right && p.y >= box.top && p.y <= box.bottom)
			drawNode(pen, p, near);
	pen.globalAlpha = 1;
}

const drawGraphSoon = framed(drawGraph);

/* By so much, with what stands at that place of the canvas left there; 0: the whole. */
function zoomGraph(by, at) {
	const {w, h} = size(), x = at ? at.x : w / 2, y = at ? at.y : h / 2, to = Math.min(3, Math.max(0.02, graph.scale * by));
	if (!by) {
		graph.least = 0.02;
		fitGraph();
	} else {
		graph.x += x / graph.scale - x / to;
		graph.y += y / graph.scale - y / to;
		graph.scale = to;
		graph.fitted = false;
	}
	drawGraphSoon();
}

function moveGraph(dx, dy) {
	graph.x -= dx / graph.scale;
	graph.y -= dy / graph.scale;
	graph.fitted = false;
	drawGraphSoon();
}

function nodeAt(x, y) {
	const px = x / graph.scale + graph.x, py = y / graph.scale + graph.y;
	const hit = graph.made.points.find((p) => px >= p.x && px <= p.x + NODE.width && Math.abs(py - p.y) <= NODE.height / 2);
	return hit ? hit.node : -1;
}

/* Moves it only as far as it has to. */
function revealNode() {
	const p = graph.made && graph.made.points[page.selected];
	if (!p || graph.fitted)
		return;
	const {w, h} = size(), s = graph.scale, x = (p.x - graph.x) * s, y = (p.y - graph.y) * s, pad = 30;
	const over = (from, n, most) => (from < pad ? from - pad : from + n > most - pad ? from + n - most + pad : 0);
	graph.x += over(x, NODE.width * s, w) / s;
	graph.y += over(y - (NODE.height * s) / 2, NODE.height * s, h) / s;
}

/* The nearest one in that direction: along an edge if there is any, else in the column. */
function neighbour(key) {
	const t = run.tasks[page.selected], here = t && graph.made.points[t.place];
	if (!here)
		return run.critical.length ? run.critical[0] : run.tasks.length ? 0 : -1;
	const level = here.layer, off = (i) => Math.abs(graph.made.points[i].y - here.y) + Math.abs(graph.made.points[i].layer - level) * 10;
	const nearest = (places) => places.reduce((best, i) => (best < 0 || off(i) < off(best) ? i : best), -1);
	if (key === "ArrowLeft" || key === "h")
		return nearest([...t.needs, ...t.after]);
	if (key === "ArrowRight" || key === "l")
		return nearest(t.users);
	const down = key === "ArrowDown" || key === "j";
	return nearest(graph.made.points.filter((p) => p.node >= 0 && p.layer === level && p !== here && Math.abs(p.x - here.x) < 1 && (down ? p.y > here.y : p.y < here.y)).map((p) => p.node));
}

function say(t) {
	byId("said").textContent = t.name + ", " + t.state + ", needs " + (t.needs.length + t.after.length) + ", needed by " + t.users.length;
}

function pointerMove(e) {
	const before = graph.pointers.get(e.pointerId);
	if (!before)
		return;
	const now = {x: e.offsetX, y: e.offsetY};
	if (graph.pointers.size === 2) {
		const other = [...graph.pointers.entries()].find(([id]) => id !== e.pointerId)[1], far = (p) => Math.hypot(p.x - other.x, p.y - other.y);
		if (far(before) > 0)
			zoomGraph(far(now) / far(before), {x: (now.x + other.x) / 2, y: (now.y + other.y) / 2});
		graph.moved = true;
	} else if (graph.moved || Math.hypot(now.x - before.x, now.y - before.y) > 4) {
		graph.moved = true;
		moveGraph(now.x - before.x, now.y - before.y);
	} else {
		return;
	}
	graph.pointers.set(e.pointerId, now);
}

function pointerEnd(e) {
	const one = graph.pointers.size === 1 && graph.pointers.delete(e.pointerId);
	graph.pointers.delete(e.pointerId);
	if (!one || graph.moved || e.type !== "pointerup")
		return;
	const hit = nodeAt(e.offsetX, e.offsetY);
	if (hit >= 0)
		openTask(hit);
	else
		select(-1);
}

function startGraph() {
	const c = graph.canvas;
	c.addEventListener("pointerdown", (e) => {
		if (!graph.pointers.size)
			graph.moved = false;
		c.setPointerCapture(e.pointerId);
		graph.pointers.set(e.pointerId, {x: e.offsetX, y: e.offsetY});
	});
	c.addEventListener("pointermove", pointerMove);
	c.addEventListener("pointerup", pointerEnd);
	c.addEventListener("pointercancel", pointerEnd);
	c.addEventListener("wheel", (e) => {
		e.preventDefault();
		zoomGraph(Math.exp(-Math.max(-100, Math.min(100, e.deltaY)) / (e.ctrlKey ? 100 : 400)), {x: e.offsetX, y: e.offsetY});
	}, {passive: false});
	byId("graph-in").addEventListener("click", () => zoomGraph(1.3));
	byId("graph-out").addEventListener("click", () => zoomGraph(1 / 1.3));
	byId("graph-fit").addEventListener("click", () => zoomGraph(0));
	new ResizeObserver(drawGraphSoon).observe(c);
}

page.views.graph = {
	show() {
		if (!graph.made)
			makeGraph();
		drawGraph();
	},
	select(t) {
		if (t)
			say(t);
		revealNode();
		drawGraphSoon();
	},
	key(e) {
		const zooms = {"+": 1.3, "=": 1.3, "-": 1 / 1.3, "0": 0};
		if (e.key in zooms) {
			zoomGraph(zooms[e.key]);
			return true;
		}
		const pans = {ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60]};
		if (e.shiftKey && e.key in pans) {
			moveGraph(...pans[e.key]);
			return true;
		}
		if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "h", "j", "k", "l"].includes(e.key))
			return false;
		const to = neighbour(e.key);
		if (to >= 0)
			select(to);
		return true;
	},
};
