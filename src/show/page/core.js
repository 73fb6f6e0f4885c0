"use strict";

/* The run, as the page was given it, and how things are said. What comes from a run is put into the page as text, never as markup. */

const run = JSON.parse(document.getElementById("run").textContent);

/* In the order in which people want to read of them: what it is called, a sign beside the colour, and the colour. */
const STATES = {
	"failed": {sign: "✕", tone: "bad"},
	"refused": {sign: "⊘", tone: "bad"},
	"held": {sign: "?", tone: "wait"},
	"ignored": {sign: "!", tone: "wait"},
	"not-run": {sign: "–", tone: "off"},
	"running": {sign: "…", tone: "wait"},
	"done": {sign: "✓", tone: "good"},
	"recorded": {sign: "✓", tone: "same"},
	"restored": {sign: "↺", tone: "same"},
	"skipped": {sign: "→", tone: "off"},
	"up-to-date": {sign: "=", tone: "same"},
	"group": {sign: "·", tone: "off"},
};
const STATE_NAMES = Object.keys(STATES);

const byId = (id) => document.getElementById(id);

/* An element with attributes (`on…` is a handler, undefined leaves one out) and children, of which strings become text. */
function el(name, attributes, ...children) {
	const e = document.createElement(name);
	for (const [key, value] of Object.entries(attributes || {})) {
		if (key.startsWith("on"))
			e.addEventListener(key.slice(2), value);
		else if (value !== undefined && value !== null && value !== false)
			e.setAttribute(key, value === true ? "" : value);
	}
	e.append(...children.filter((c) => c !== undefined && c !== null && c !== false));
	return e;
}

/* "0.04s", "12.3s", "4m05s", "2h10m": as axmake says it. */
function duration(ms) {
	if (ms === null || ms === undefined)
		return "";
	const s = ms / 1000;
	if (s < 10)
		return s.toFixed(2) + "s";
	if (s < 59.95)
		return s.toFixed(1) + "s";
	const whole = Math.round(s), pad = (n) => String(n).padStart(2, "0");
	return whole < 3600 ? Math.floor(whole / 60) + "m" + pad(whole % 60) + "s" : Math.floor(whole / 3600) + "h" + pad(Math.floor(whole / 60) % 60) + "m";
}

function usd(x) {
	if (x === null || x === undefined)
		return "";
	return "$" + (x === 0 || x >= 0.01 ? x.toFixed(2) : x.toPrecision(1).includes("e") ? x.toExponential(0) : String(Number(x.toPrecision(1))));
}

const grouped = new Intl.NumberFormat("en");

function count(n) {
	return n < 10000 ? grouped.format(n) : n < 1e6 ? (n / 1e3).toFixed(n < 1e5 ? 1 : 0) + "k" : (n / 1e6).toFixed(1) + "M";
}

function plural(n, noun) {
	return grouped.format(n) + " " + noun + (n === 1 ? "" : "s");
}

function bytes(n) {
	return n < 1024 ? plural(n, "byte") : n < 1048576 ? (n / 1024).toFixed(1) + " KiB" : (n / 1048576).toFixed(1) + " MiB";
}

/* "812 in, 96 out"; nothing where neither is known. */
function tokens(t) {
	if (!t || (t.input === null && t.output === null))
		return "";
	const part = (n) => (n === null ? "?" : count(n));
	return part(t.input) + " in, " + part(t.output) + " out";
}

function tokenSum(t) {
	return t ? (t.input || 0) + (t.output || 0) : 0;
}

function toneOf(state) {
	return (STATES[state] || STATES.group).tone;
}

function signOf(state) {
	return (STATES[state] || STATES.group).sign;
}

function stateWords(state) {
	return state.replaceAll("-", " ");
}

function badge(state) {
	return el("span", {class: "badge " + toneOf(state)}, el("span", {"aria-hidden": "true"}, signOf(state)), " " + stateWords(state));
}

/* Colours as a canvas wants them. */
const colors = {
	probe: null,
	known: new Map(),
	get(name) {
		if (!this.probe)
			this.probe = document.body.appendChild(el("span", {class: "unseen"}));
		if (!this.known.has(name)) {
			this.probe.style.color = "var(--" + name + ")";
			this.known.set(name, getComputedStyle(this.probe).color);
		}
		return this.known.get(name);
	},
	forget() {
		this.known.clear();
	},
};

/* What is shown when, and what follows from it: a view registers, and is told. */
const page = {
	view: "tasks",
	selected: -1,      /* a place in run.tasks */
	opened: -1,        /* of whom the details are shown */
	views: {},         /* name: {show(), select(task), key(event)} */
};

run.tasks.forEach((t, i) => {
	t.place = i;
	t.users = [];
	t.critical = false;
});
run.tasks.forEach((t) => {
	for (const i of [...t.needs, ...t.after])
		run.tasks[i].users.push(t.place);
});
for (const i of run.critical)
	run.tasks[i].critical = true;

/* Groups only name others. */
const works = run.tasks.filter((t) => t.kind !== "group");

const wide = matchMedia("(min-width: 1000px)");

/* Once in a frame, however often it is asked for. */
function framed(draw) {
	let asked = false;
	return () => {
		if (asked)
			return;
		asked = true;
		requestAnimationFrame(() => {
			asked = false;
			draw();
		});
	};
}
