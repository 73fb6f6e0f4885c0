/* Where the tasks of a graph stand: in columns by depth, each near those that it is joined with. Its time is about linear in tasks and edges. */

const NODE = {width: 190, height: 40, down: 54, across: 250};
const BEND = 22;         /* room for an edge that passes a column */
const BENDS_MOST = 4000; /* more are not worth their time: edges go straight */
const SWEEPS = 8;

/* Depth of each node: the longest way that leads to it. needs: of each node those before it. */
function depths(needs, users) {
	const depth = new Array(needs.length).fill(0), left = needs.map((n) => n.length), ready = [];
	left.forEach((n, i) => n || ready.push(i));
	for (let at = 0; at < ready.length; at++)
		for (const u of users[ready[at]]) {
			depth[u] = Math.max(depth[u], depth[ready[at]] + 1);
			if (!--left[u])
				ready.push(u);
		}
	return depth;
}

/* Columns of points; a point is a node or, of an edge over several columns, a bend. */
function columns(needs, depth, bends) {
	const layers = [], points = depth.map((d, i) => ({node: i, layer: d, left: [], right: [], y: 0}));
	for (const p of points)
		(layers[p.layer] = layers[p.layer] || []).push(p);
	const routes = [];
	const join = (a, b) => {
		a.right.push(b);
		b.left.push(a);
	};
	needs.forEach((of, to) => of.forEach((from) => {
		const route = [points[from]];
		for (let layer = depth[from] + 1; bends && layer < depth[to]; layer++) {
			const bend = {node: -1, layer, left: [], right: [], y: 0};
			layers[layer].push(bend);
			join(route[route.length - 1], bend);
			route.push(bend);
		}
		join(route[route.length - 1], points[to]);
		route.push(points[to]);
		routes.push(route);
	}));
	return {layers, points, routes};
}

function mean(points, key) {
	let sum = 0;
	for (const p of points)
		sum += p[key];
	return sum / points.length;
}

/* Each point to the middle of its neighbours, by turns from either side. */
function sort(layers) {
	layers.forEach((l) => l.forEach((p, i) => (p.rank = i)));
	for (let sweep = 0; sweep < SWEEPS; sweep++) {
		const side = sweep % 2 ? "right" : "left", order = sweep % 2 ? [...layers].reverse() : layers;
		for (const l of order) {
			for (const p of l)
				p.want = p[side].length ? mean(p[side], "rank") : p.rank;
			l.sort((a, b) => a.want - b.want || a.rank - b.rank);
			l.forEach((p, i) => (p.rank = i));
		}
	}
}

function room(a, b) {
	return a.node >= 0 && b.node >= 0 ? NODE.down : a.node >= 0 || b.node >= 0 ? (NODE.down + BEND) / 2 : BEND;
}

/* Towards its neighbours' middle, as far as its order in the column leaves room: the mean of pushing all down and pushing all up. */
function settle(l, side) {
	const want = l.map((p) => (p[side].length ? mean(p[side], "y") : p.y)), down = [], up = [];
	for (let i = 0; i < l.length; i++)
		down[i] = i ? Math.max(want[i], down[i - 1] + room(l[i - 1], l[i])) : want[i];
	for (let i = l.length - 1; i >= 0; i--)
		up[i] = i + 1 < l.length ? Math.min(want[i], up[i + 1] - room(l[i], l[i + 1])) : want[i];
	l.forEach((p, i) => (p.y = (down[i] + up[i]) / 2));
}

function stack(layers) {
	for (const l of layers) {
		let y = 0;
		l.forEach((p, i) => (p.y = i ? (y += room(l[i - 1], p)) : 0));
		l.forEach((p) => (p.y -= y / 2));
	}
	for (let sweep = 0; sweep < SWEEPS; sweep++)
		for (const l of sweep % 2 ? [...layers].reverse() : layers)
			settle(l, sweep % 2 ? "right" : "left");
}

/* A column with more than `most` becomes several beside each other, so that all of it fits a screen's shape. */
function spread(layers, most) {
	let x = 0;
	for (const l of layers) {
		const folds = Math.max(1, Math.ceil(l.length / most)), rows = Math.ceil(l.length / folds);
		l.forEach((p, i) => {
			p.x = x + Math.floor(i / rows) * (NODE.width + 24);
			if (folds > 1)
				p.y = ((i % rows) - (rows - 1) / 2) * NODE.down;
		});
		x += NODE.across + (folds - 1) * (NODE.width + 24);
	}
}

/* needs: of each node those before it. -> {x, y: of each node's middle left, routes: of each edge its points' places, width, height, top} */
function layoutGraph(needs) {
	const users = needs.map(() => []);
	needs.forEach((of, to) => of.forEach((from) => users[from].push(to)));
	const depth = depths(needs, users), most = Math.max(14, Math.ceil(Math.sqrt((needs.length * NODE.across) / NODE.down / 1.5)));
	const sizes = [];
	let bends = 0;
	depth.forEach((d) => (sizes[d] = (sizes[d] || 0) + 1));
	needs.forEach((of, to) => of.forEach((from) => (bends += depth[to] - depth[from] - 1)));
	const made = columns(needs, depth, bends <= BENDS_MOST && Math.max(...sizes) <= most);
	sort(made.layers);
	stack(made.layers);
	spread(made.layers, made.layers.some((l) => l.some((p) => p.node < 0)) ? Infinity : most);
	let top = Infinity, bottom = -Infinity, width = 0;
	for (const p of made.points) {
		top = Math.min(top, p.y - NODE.height / 2);
		bottom = Math.max(bottom, p.y + NODE.height / 2);
		width = Math.max(width, p.x + NODE.width);
	}
	return {points: made.points, routes: made.routes, top, width, height: bottom - top};
}
