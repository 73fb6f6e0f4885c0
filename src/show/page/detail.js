/* All of one task, beside the views or, where there is no room, over them. */

/* The texts stand in an element of their own, which is read when they are asked for. While the page still comes in it may not be there. */
function textsOf(t) {
	const e = byId("task-" + t.place);
	return e ? JSON.parse(e.textContent) : null;
}

function section(title, open, ...children) {
	return el("details", {open}, el("summary", {}, title), ...children);
}

function wholeIs(x, where) {
	return x.path ? x.path : where;
}

/* A text, with a word where some of it is left out. */
function block(x, label, where) {
	const pre = el("pre", {tabindex: "0", "aria-label": label}, x.text);
	if (x.cut)
		pre.append(el("span", {class: "cut"}, "… " + bytes(x.cut) + " of " + bytes(x.size) + " left out; the whole is in " + wholeIs(x, where) + " …"), x.rest);
	return pre;
}

function reference(place) {
	const t = run.tasks[place];
	return el("button", {type: "button", class: "reference " + toneOf(t.state), onclick: () => openTask(place)}, el("span", {"aria-hidden": "true"}, signOf(t.state) + " "), t.name);
}

function references(title, places) {
	return places.length > 0 && el("div", {class: "references"}, el("h3", {}, title), ...places.slice(0, 50).map(reference), places.length > 50 && el("span", {class: "muted"}, " and " + (places.length - 50) + " more"));
}

function fact(dl, name, value) {
	if (value !== "" && value !== null && value !== undefined)
		dl.append(el("div", {}, el("dt", {}, name), el("dd", {}, value)));
}

function saved(s) {
	return [duration(s.duration_ms), s.tokens > 0 ? count(s.tokens) + " tokens" : "", usd(s.cost_usd)].filter(Boolean).join(", ");
}

function facts(t) {
	const dl = el("dl", {class: "facts"});
	fact(dl, "Time", duration(t.duration_ms));
	fact(dl, "Began", t.tries.length ? "+" + duration(t.tries[0].began_ms) : "");
	fact(dl, "Tries", t.tries.length > 1 ? String(t.tries.length) : "");
	fact(dl, "Tokens", tokens(t.tokens));
	fact(dl, "From the provider's cache", t.tokens.cache_read ? count(t.tokens.cache_read) + " tokens" : "");
	fact(dl, "Cost", usd(t.cost_usd));
	fact(dl, "Saved", saved(t.saved));
	fact(dl, "Failure", t.class === "failed" ? "" : t.class);
	fact(dl, t.signal === null ? "Exit status" : "Signal", t.signal === null ? (t.status ? String(t.status) : "") : String(t.signal));
	return dl.children.length > 0 && dl;
}

function tries(t) {
	const cells = (x, i) => [String(i + 1), "+" + duration(x.began_ms), duration(x.duration_ms), x.provider || "", tokens(x.tokens), usd(x.cost_usd), x.error || (x.class ? x.class : "well")];
	const names = ["", "Began", "Time", "Provider", "Tokens", "Cost", "Outcome"];
	return section("Tries", true, el("div", {class: "scrolled", tabindex: "0", role: "region", "aria-label": "Tries"}, el("table", {}, el("thead", {}, el("tr", {}, ...names.map((n) => el("th", {scope: "col"}, n)))),
		el("tbody", {}, ...t.tries.map((x, i) => el("tr", {}, ...cells(x, i).map((c) => el("td", {}, c))))))));
}

function refused(t) {
	return t.refused && section("Refused by its sandbox", true, el("ul", {class: "paths"}, ...t.refused.map((r) => el("li", {}, r.what, el("span", {class: "muted"}, " " + r.why + (r.times > 1 ? ", " + r.times + " times" : ""))))));
}

function promptSection(t, x) {
	const from = {run: "", earlier: "As its agent was last asked, in an earlier run.", workflow: "As the workflow has it: nobody was asked in this run."}[x.prompt_from];
	return x.prompt && section("Prompt", t.state !== "failed", from && el("p", {class: "muted"}, from), block(x.prompt, "Prompt", t.file + ":" + t.line));
}

function scriptSection(t, x) {
	return x.script && section("Script", true, block(x.script, "Script", t.file + ":" + t.line));
}

function answerSection(t, x) {
	const name = t.kind === "agent" ? "Answer" : "Result";
	if (x.answer_lost)
		return section(name, true, el("p", {class: "muted"}, "It is lost: the next run makes it again."));
	return x.answer && section(name, true, block(x.answer, name, ""));
}

function logName(l) {
	const names = {output: "output", stdout: "standard output", stderr: "standard error", answer: "an answer that was refused"};
	return (l.try ? "Try " + l.try + ": " : "") + (l.check ? "the check's " : "") + (names[l.name] || l.name);
}

function logSection(t, x) {
	const logs = x.logs.filter((l) => !l.is_answer || x.logs.length > 1);
	const parts = logs.flatMap((l) => [el("h3", {}, logName(l)), l.is_answer ? el("p", {class: "muted"}, "The same as what it answered.") : block(l, logName(l), "")]);
	const earlier = x.logs_from === "earlier" && el("p", {class: "muted"}, "Of an earlier run.");
	return parts.length > 0 && section("Log", t.state !== "up-to-date" && t.state !== "done" && t.state !== "restored", earlier, ...parts);
}

function paths(title, declared, recorded) {
	const hashes = new Map(recorded.map((r) => [r.path, r.hash]));
	return declared.length > 0 && el("div", {}, el("h3", {}, title), el("ul", {class: "paths"}, ...declared.map((path) => {
		const hash = hashes.get(path) || hashes.get(path.replace(/\/$/, ""));
		return el("li", {}, path, hash && el("code", {class: "hash", title: hash}, hash.slice(0, 8)));
	})));
}

function filesSection(x) {
	const inputs = x.fields.filter((f) => f.kind === "input").map((f) => ({path: f.label, hash: f.hash}));
	const parts = [paths("Inputs", x.inputs, inputs), paths("Outputs", x.makes, x.outputs), paths("Edits", x.changes, x.edits)].filter(Boolean);
	return parts.length > 0 && section("Inputs and outputs", true, ...parts);
}

function fieldsSection(x) {
	if (!x.fields.length)
		return false;
	const rest = x.fields_left_out && el("p", {class: "muted"}, "And " + x.fields_left_out + " more.");
	const cells = (f) => [el("td", {}, f.kind), el("td", {}, f.label || ""), el("td", {}, el("code", {title: f.hash}, f.hash.slice(0, 8))), el("td", {class: "begins"}, f.begins || "")];
	return section("What counted", false, el("p", {class: "muted"}, "It is up to date as long as all of these stay. Signature ", el("code", {}, x.signature)), el("div", {class: "scrolled", tabindex: "0", role: "region", "aria-label": "What counted"},
		el("table", {}, el("tbody", {}, ...x.fields.map((f) => el("tr", {}, ...cells(f)))))), rest);
}

/* Under a reason that is known the sentence says what it is a reason for. */
function whySentences(t) {
	const stale = t.reason && t.state !== "up-to-date";
	return [
		t.note && el("p", {class: "note " + toneOf(t.state)}, t.note),
		stale && el("p", {class: "reason"}, el("b", {}, "Stale: "), t.reason),
		t.state === "up-to-date" && el("p", {class: "reason"}, "Nothing that counts has changed since its last success."),
		t.state === "restored" && el("p", {class: "reason"}, "Restored from the cache: nothing ran."),
		t.critical && el("p", {class: "reason"}, el("span", {class: "critical-mark"}, "◆ "), "On the critical path: the run had to wait for it."),
	];
}

function allOf(t) {
	const x = t.kind === "group" ? null : textsOf(t);
	const last = t.state === "failed" && t.tail && section("Last lines", true, el("pre", {tabindex: "0", "aria-label": "Last lines"}, t.tail), t.log && el("p", {class: "muted"}, "Log: ", el("code", {}, t.log)));
	return [
		el("div", {class: "bar"}, el("button", {type: "button", class: "quiet back", onclick: () => closeTask()}, el("span", {"aria-hidden": "true"}, "←"), el("span", {class: "unseen"}, "Back")),
			el("h2", {}, t.name), el("button", {type: "button", class: "quiet x", "aria-label": "Close", title: "Close (Esc)", onclick: () => closeTask()}, "✕")),
		el("p", {class: "of"}, badge(t.state), " ", byWhom(t), el("span", {class: "muted"}, " · " + t.file + ":" + t.line)),
		t.description && el("p", {}, t.description),
		...whySentences(t),
		facts(t),
		last,
		refused(t),
		t.tries.length > 1 && tries(t),
		...(x ? [answerSection(t, x), promptSection(t, x), scriptSection(t, x), x.check && section("Check", false, block(x.check, "Check", t.file + ":" + t.line)), logSection(t, x), filesSection(x)] : []),
		!x && t.kind !== "group" && el("p", {class: "muted"}, "Its texts are still being read."),
		references("Needs", t.needs), references("Comes after", t.after), references("Needed by", t.users),
		x && fieldsSection(x),
	].filter(Boolean);
}

/* Shows a task's details; its views show it as selected. */
function openTask(place) {
	const t = run.tasks[place], detail = byId("detail");
	page.opened = place;
	detail.replaceChildren(...allOf(t));
	detail.setAttribute("aria-label", "Task " + t.name);
	detail.hidden = false;
	detail.scrollTop = 0;
	document.body.classList.add("opened");
	select(place);
	remember();
	if (!wide.matches)
		detail.focus({preventScroll: true});
	else if (document.activeElement === document.body)
		focusView();
}

function closeTask() {
	if (page.opened < 0)
		return;
	page.opened = -1;
	byId("detail").hidden = true;
	byId("detail").replaceChildren();
	document.body.classList.remove("opened");
	remember();
	focusView();
	page.views[page.view].show();
}
