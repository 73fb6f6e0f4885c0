#!/usr/bin/env node
// Stands in for the services that agents' programs call: on 127.0.0.1 only, without an account.
//
//   node server.mjs [LOG]        prints its port; ends when its standard input does. LOG gets a JSON line for each request.
//
// It speaks, in events and whole, Anthropic's Messages, OpenAI's Responses and Chat Completions, and Gemini's generateContent.
// What is before the last known part of a path does not matter, so any base URL goes. The answer to a prompt is one line,
//   heard BYTES bytes, SHA
// of the last thing that the user said, without white space at its ends: BYTES of UTF-8, SHA the first 16 hex digits of SHA-256.
//
// Orders change that. They are `key=value` joined by `;`, values as in a URL; one without a value is `1`. They stand in the prompt as
// [[server ORDERS]], the last of which counts, for that prompt, or in the base URL as …/do/ORDERS/…, for all that comes there:
//
//   say=TEXT             the answer
//   long=BYTES           the answer is that much text which does not repeat itself
//   find=WORD            the answer says whether WORD stands anywhere in the request: `WORD was told`, or `WORD was not told`
//   tokens=F,R,W,O,T     tokens told: fresh input, read from a cache, written to it, output, thoughts. 10,0,0,5,0 unless said; each API adds
//                        them its way
//   fail=STATUS[xN]      an error in the API's words; only the first N times that this prompt comes to this path. after=S: with retry-after
//   message=TEXT         the error's message; code=NAME its kind
//   delay=MS             before anything is sent
//   hang                 nothing is sent at all; hang=later: only once a tool has been used
//   cut                  the connection breaks in the middle of the answer
//   write=PATH           the program is first asked to write `written by a tool` into PATH with its own tool
//   shell=COMMAND        the program is first asked to run COMMAND with its own tool; behind: and not to wait for it
//
// A key that holds `wrong` is refused, a model whose name holds `unknown` does not exist.

import { createHash } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import * as zlib from "node:zlib";

const log = process.argv[2];
const come = new Map(); // path and prompt -> how often

// Orders

function orders(text) {
	const out = {};
	for (const one of text.split(";").filter(Boolean)) {
		const at = one.indexOf("=");
		out[at < 0 ? one : one.slice(0, at)] = at < 0 ? "1" : decodeURIComponent(one.slice(at + 1));
	}
	return out;
}

const ordersOf = (path, prompt) => ({
	...orders(/\/do\/([^/]*)\//.exec(path)?.[1] ?? ""),
	...orders([...prompt.matchAll(/\[\[server ([^\]]*)\]\]/g)].at(-1)?.[1] ?? ""),
});

// What was asked

// Programs put blocks of their own beside the prompt, in tags like <system-reminder>.
const isOwn = (text) => /^\s*<[a-z][\w-]*[ >]/i.test(text) || /^# AGENTS\.md instructions/.test(text);
const isAnswer = (part) => part.type === "tool_result" || part.functionResponse !== undefined;

// The talk as {user, texts, tool}: tool says that the turn brings a tool's result.
function talk(api, body) {
	if (api === "gemini")
		return (body.contents ?? []).map((c) => ({
			user: c.role !== "model",
			texts: (c.parts ?? []).filter((p) => p.text !== undefined).map((p) => p.text),
			tool: (c.parts ?? []).some(isAnswer),
		}));
	const list = api === "responses" ? [].concat(body.input ?? []) : (body.messages ?? []);
	return list.map((m) => {
		const parts = typeof m === "string" ? [{ text: m }] : typeof m.content === "string" ? [{ text: m.content }] : (m.content ?? []);
		return {
			user: (m.role ?? "user") === "user" && !/_call/.test(m.type ?? ""),
			texts: parts.filter((p) => p.text !== undefined).map((p) => p.text),
			tool: m.role === "tool" || /_output$/.test(m.type ?? "") || parts.some(isAnswer),
		};
	});
}

function asked(api, body) {
	let used = false; // a tool's result has come since
	for (const turn of talk(api, body).reverse()) {
		used ||= turn.tool;
		const said = turn.texts.filter((t) => t.trim() && !isOwn(t));
		if (turn.user && !turn.tool && said.length) return { prompt: said.at(-1).trim(), used };
	}
	return { prompt: "", used };
}

// Which of the program's tools writes files, and which runs commands: as {name, input}.
function toolCall(body, order) {
	const offered = [].concat(body.tools ?? []).flatMap((t) => t.functionDeclarations ?? [t.function ?? t]);
	const pick = (names) => offered.find((t) => names.includes(t.name));
	const names = (t) => Object.keys((t.input_schema ?? t.parameters ?? t.parametersJsonSchema)?.properties ?? {});
	const write = order.write && pick(["Write", "write_file", "write"]);
	if (write) {
		const path = names(write).find((n) => /path/i.test(n)) ?? "file_path";
		return { name: write.name, input: { [path]: order.write, content: "written by a tool\n" } };
	}
	const run = pick(["Bash", "bash", "exec_command", "shell_command", "run_shell_command", "shell"]);
	if (!run) return null;
	const command = order.shell ?? `echo written by a tool > '${order.write}'`;
	const key = names(run).find((n) => ["command", "cmd"].includes(n)) ?? "command";
	const input = { [key]: run.name === "shell" ? ["sh", "-c", command] : command };
	if (names(run).includes("description")) input.description = "as ordered";
	for (const behind of ["is_background", "run_in_background"].filter((n) => names(run).includes(n))) input[behind] = Boolean(order.behind);
	return { name: run.name, input };
}

// Errors, as each service words them

const words = {
	400: "Bad request", 401: "Incorrect API key provided", 403: "Your key may not do this", 404: "The model `MODEL` does not exist or you do not have access to it",
	429: "Rate limit reached, please try again later", 500: "The server had an error", 503: "The service is overloaded, please try again later", 529: "Overloaded",
};
const kinds = {
	anthropic: { 401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error" },
	gemini: { 400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE" },
	openai: { 401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded" },
};

function failure(api, status, model, message, kind) {
	const said = message ?? (words[status] ?? `Error ${status}`).replace("MODEL", model);
	if (api === "anthropic") return { type: "error", error: { type: kinds.anthropic[status] ?? "api_error", message: message ?? { 401: "invalid x-api-key", 404: `model: ${model}` }[status] ?? said } };
	if (api !== "gemini") return { error: { message: said, type: kind ?? (status < 500 ? "invalid_request_error" : "server_error"), param: null, code: kind ?? kinds.openai[status] ?? null } };
	const error = { code: status, status: kinds.gemini[status] ?? "UNKNOWN", message: message ?? { 400: "API key not valid. Please pass a valid API key.", 404: `models/${model} is not found for API version v1beta` }[status] ?? said };
	if (status === 400) error.details = [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID", domain: "googleapis.com" }];
	return { error };
}

// Answers: {whole, events}, events as [name, data]. Text comes in three pieces.

const cutUp = (text) => [text.slice(0, text.length / 3), text.slice(text.length / 3, (text.length * 2) / 3), text.slice((text.length * 2) / 3)];

function messages({ id, model, text, tool, tokens: [fresh, read, written, out, thought = 0] }) {
	const usage = { input_tokens: fresh, cache_read_input_tokens: read, cache_creation_input_tokens: written, output_tokens: out + thought };
	const content = tool ? { type: "tool_use", id: `toolu_${id}`, name: tool.name, input: tool.input } : { type: "text", text };
	const why = { stop_reason: tool ? "tool_use" : "end_turn", stop_sequence: null };
	const whole = { id: `msg_${id}`, type: "message", role: "assistant", model, content: [content], ...why, usage };
	const deltas = tool ? [{ type: "input_json_delta", partial_json: JSON.stringify(tool.input) }] : cutUp(text).map((t) => ({ type: "text_delta", text: t }));
	const events = [
		{ type: "message_start", message: { ...whole, content: [], stop_reason: null, usage: { ...usage, output_tokens: 0 } } },
		{ type: "content_block_start", index: 0, content_block: tool ? { ...content, input: {} } : { type: "text", text: "" } },
		...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
		{ type: "content_block_stop", index: 0 },
		{ type: "message_delta", delta: why, usage: { output_tokens: out + thought } },
		{ type: "message_stop" },
	];
	return { whole, events: events.map((e) => [e.type, e]) };
}

function responses({ id, model, text, tool, tokens: [fresh, read, written, out, thought = 0] }) {
	const input = fresh + read + written;
	const usage = { input_tokens: input, input_tokens_details: { cached_tokens: read }, output_tokens: out + thought, output_tokens_details: { reasoning_tokens: thought }, total_tokens: input + out + thought };
	const item = tool
		? { id: `fc_${id}`, type: "function_call", status: "completed", call_id: `call_${id}`, name: tool.name, arguments: JSON.stringify(tool.input) }
		: { id: `msg_${id}`, type: "message", status: "completed", role: "assistant", content: [{ type: "output_text", text, annotations: [] }] };
	const whole = { id: `resp_${id}`, object: "response", created_at: 0, status: "completed", model, output: [item], usage };
	const begun = { ...whole, status: "in_progress", output: [], usage: null };
	const place = { output_index: 0, item_id: item.id };
	const inner = tool
		? [{ type: "response.function_call_arguments.done", ...place, arguments: item.arguments }]
		: [...cutUp(text).map((delta) => ({ type: "response.output_text.delta", ...place, content_index: 0, delta })), { type: "response.output_text.done", ...place, content_index: 0, text }];
	const events = [
		{ type: "response.created", response: begun },
		{ type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", ...(tool ? { arguments: "" } : { content: [] }) } },
		...inner,
		{ type: "response.output_item.done", output_index: 0, item },
		{ type: "response.completed", response: whole },
	];
	return { whole, events: events.map((e, i) => [e.type, { sequence_number: i, ...e }]) };
}

function chat({ id, model, text, tool, tokens: [fresh, read, written, out, thought = 0] }) {
	const input = fresh + read + written;
	const usage = { prompt_tokens: input, completion_tokens: out + thought, total_tokens: input + out + thought, prompt_tokens_details: { cached_tokens: read }, completion_tokens_details: { reasoning_tokens: thought } };
	const calls = tool && [{ index: 0, id: `call_${id}`, type: "function", function: { name: tool.name, arguments: JSON.stringify(tool.input) } }];
	const head = { id: `chatcmpl-${id}`, created: 0, model };
	const finish_reason = tool ? "tool_calls" : "stop";
	const piece = (delta, end = null) => ["", { ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: end }] }];
	const deltas = tool ? [{ tool_calls: calls }] : cutUp(text).map((content) => ({ content }));
	const events = [
		piece({ role: "assistant", content: "" }), ...deltas.map((d) => piece(d)), piece({}, finish_reason),
		["", { ...head, object: "chat.completion.chunk", choices: [], usage }], ["", "[DONE]"],
	];
	const message = { role: "assistant", content: tool ? null : text, ...(tool ? { tool_calls: calls } : {}) };
	return { whole: { ...head, object: "chat.completion", choices: [{ index: 0, message, finish_reason }], usage }, events };
}

function gemini({ id, model, text, tool, tokens: [fresh, read, written, out, thought = 0] }) {
	const input = fresh + read + written;
	const usageMetadata = { promptTokenCount: input, cachedContentTokenCount: read, candidatesTokenCount: out, thoughtsTokenCount: thought, totalTokenCount: input + out + thought };
	const body = (parts, last) => ({
		candidates: [{ index: 0, content: { role: "model", parts }, ...(last ? { finishReason: "STOP" } : {}) }], usageMetadata, modelVersion: model, responseId: id,
	});
	const parts = tool ? [[{ functionCall: { id: `call_${id}`, name: tool.name, args: tool.input } }]] : cutUp(text).map((t) => [{ text: t }]);
	return { whole: body(tool ? parts[0] : [{ text }], true), events: parts.map((p, i) => ["", body(p, i === parts.length - 1)]) };
}

const makers = { anthropic: messages, responses, chat, gemini };

// One request

function route(path, body) {
	const named = /\/models\/([^/:]+):(\w+)$/.exec(path);
	if (named) return { api: "gemini", model: decodeURIComponent(named[1]), verb: named[2], events: named[2].startsWith("stream") };
	const api = { messages: "anthropic", responses: "responses", completions: "chat", count_tokens: "anthropic" }[path.split("/").at(-1)];
	return { api, model: body.model ?? "", verb: path.endsWith("count_tokens") ? "countTokens" : "", events: body.stream === true };
}

function unpack(bytes, how) {
	if (how === "gzip") return zlib.gunzipSync(bytes);
	if (how === "br") return zlib.brotliDecompressSync(bytes);
	if (how === "zstd" && zlib.zstdDecompressSync) return zlib.zstdDecompressSync(bytes);
	return bytes;
}

async function read(req) {
	const parts = [];
	for await (const p of req) parts.push(p);
	const bytes = Buffer.concat(parts);
	return { body: bytes.length ? JSON.parse(unpack(bytes, req.headers["content-encoding"]).toString()) : {}, size: bytes.length };
}

// The runner makes the same text.
function longText(size) {
	const lines = [];
	for (let n = 0; n < size; n += lines.at(-1).length + 1) lines.push(`${lines.length}: the ${(lines.length * 7919) % 104729}th thing to keep in mind`);
	return lines.join("\n").slice(0, size);
}

// A request of the program's own may want JSON of a certain shape: the plainest that fits.
function plainest(shape) {
	if (shape.enum) return shape.enum[0];
	const type = String(shape.type ?? "object").toLowerCase();
	if (type === "object") return Object.fromEntries(Object.entries(shape.properties ?? {}).map(([k, v]) => [k, plainest(v)]));
	return { array: [], boolean: false, number: 1, integer: 1 }[type] ?? "plain";
}

function heard(prompt) {
	return `heard ${Buffer.byteLength(prompt)} bytes, ${createHash("sha256").update(prompt).digest("hex").slice(0, 16)}`;
}

// Shall it fail, and how?
function failing(order, path, prompt) {
	const [, status, times] = /^(\d+)(?:x(\d+))?$/.exec(order.fail ?? "") ?? [];
	if (!status) return 0;
	const id = path + "\0" + prompt;
	come.set(id, (come.get(id) ?? 0) + 1);
	return times === undefined || come.get(id) <= Number(times) ? Number(status) : 0;
}

async function serve(req, res) {
	const url = new URL(req.url, "http://127.0.0.1");
	const { body, size } = await read(req);
	const { api, model, verb, events: streamed } = route(url.pathname, body);
	const key = req.headers["x-api-key"] ?? req.headers["x-goog-api-key"] ?? req.headers.authorization ?? url.searchParams.get("key") ?? "";
	const note = (what) => log && appendFileSync(log, JSON.stringify({ path: url.pathname, model, bytes: size, what }) + "\n");
	const json = (status, value, head = {}) => {
		note(status);
		res.writeHead(status, { "content-type": "application/json", ...head });
		res.end(JSON.stringify(value));
	};
	if (!api || req.method !== "POST") return json(api || req.method === "HEAD" ? 200 : 404, { error: { message: "not here", code: 404, status: "NOT_FOUND" }, data: [] });
	const { prompt, used } = asked(api, body);
	const order = ordersOf(url.pathname, prompt);
	if (verb === "countTokens") return json(200, { input_tokens: 10, totalTokens: 10 });
	if (order.delay) await new Promise((done) => setTimeout(done, Number(order.delay)));
	if (order.hang && (order.hang !== "later" || used)) return note("hang");
	if (key.includes("wrong")) return json(api === "gemini" ? 400 : 401, failure(api, api === "gemini" ? 400 : 401, model));
	if (model.includes("unknown")) return json(404, failure(api, 404, model));
	const status = failing(order, url.pathname, prompt);
	if (status) return json(status, failure(api, status, model, order.message, order.code), order.after ? { "retry-after": order.after } : {});
	const tool = (order.write || order.shell) && !used ? toolCall(body, order) : null;
	const tokens = (order.tokens ?? "10,0,0,5").split(",").map(Number);
	const id = createHash("sha256").update(`${prompt}${Math.random()}`).digest("hex").slice(0, 16);
	const told = order.find && JSON.stringify(body).replaceAll(/\[\[server [^\]]*\]\]/g, "").includes(order.find);
	const shape = body.generationConfig?.responseJsonSchema ?? body.generationConfig?.responseSchema;
	const text = shape ? JSON.stringify(plainest(shape)) : order.long ? longText(Number(order.long)) : order.say ?? (order.find ? `${order.find} was ${told ? "" : "not "}told` : heard(prompt));
	const { whole, events } = makers[api]({ id, model, text, tool, tokens });
	if (!streamed) return json(200, whole);
	note(200);
	res.writeHead(200, { "content-type": "text/event-stream" });
	for (const [i, [name, data]] of events.entries()) {
		if (order.cut && i >= events.length / 2) return req.socket.destroy();
		res.write(`${name ? `event: ${name}\n` : ""}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
	}
	res.end();
}

const server = createServer((req, res) => {
	serve(req, res).catch((error) => {
		if (!res.headersSent) res.writeHead(500);
		res.end(JSON.stringify({ error: { message: `server.mjs: ${error.stack}` } }));
	});
});
server.requestTimeout = 0;
// A program that tries a websocket first goes on with plain requests.
server.on("upgrade", (req, socket) => {
	socket.on("error", () => {});
	socket.end("HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
