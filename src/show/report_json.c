#include <math.h>

#include "base/clock.h"
#include "graph/field.h"
#include "show/report_parts.h"

static json_t *number(int64_t n)
{
	return n < 0 ? json_null() : phrase_json_must(json_integer(n));
}

static json_t *usd(double x)
{
	return isnan(x) ? json_null() : phrase_json_must(json_real(x));
}

static json_t *text(struct str s)
{
	return s.n ? phrase_json(s) : json_null();
}

static json_t *hash(struct hash128 h)
{
	char hex[HASH_HEX];
	return phrase_json(str_of(hash_hex(h, hex)));
}

/* Every hash that counted for the last success, up to `most`. */
static json_t *fields_of(const struct report *r, const struct task_record *rec, size_t most, size_t *left_out)
{
	json_t *all = phrase_json_must(json_array());
	struct field f;
	*left_out = 0;
	for (size_t at = 0; field_next(rec->fields, &at, &f);) {
		if (json_array_size(all) == most) {
			++*left_out;
			continue;
		}
		json_t *o = phrase_json_must(json_object());
		phrase_json_set(o, "kind", phrase_json(str_of(field_kind_name(f.kind))));
		phrase_json_set(o, "label", text(ledger_masked(r->ledger, f.label)));
		phrase_json_set(o, "hash", hash(f.hash));
		phrase_json_set(o, "begins", text(ledger_masked(r->ledger, f.shown)));
		phrase_json_add(all, o);
	}
	return all;
}

static json_t *outputs_of(const struct output_record *of, size_t n)
{
	json_t *all = phrase_json_must(json_array());
	for (size_t i = 0; i < n; i++) {
		json_t *o = phrase_json_must(json_object());
		phrase_json_set(o, "path", phrase_json(of[i].path));
		phrase_json_set(o, "hash", hash(of[i].hash));
		phrase_json_add(all, o);
	}
	return all;
}

static json_t *tokens_of(int64_t input, int64_t output)
{
	json_t *o = phrase_json_must(json_object());
	phrase_json_set(o, "input", number(input));
	phrase_json_set(o, "output", number(output));
	return o;
}

static json_t *tries_of(const struct report *r, const struct ledger_entry *e)
{
	json_t *all = phrase_json_must(json_array());
	int64_t began_ns = ledger_sums(r->ledger)->began_ns;
	for (size_t i = 0; i < e->tries.n; i++) {
		const struct ledger_try *t = &e->tries.p[i];
		json_t *o = phrase_json_must(json_object());
		phrase_json_set(o, "began_ms", number((t->began_ns - began_ns) / NS_PER_MS));
		phrase_json_set(o, "duration_ms", number((t->ended_ns - t->began_ns) / NS_PER_MS));
		phrase_json_set(o, "provider", text(t->provider));
		phrase_json_set(o, "class", t->class ? phrase_json(str_of(t->class)) : json_null());
		phrase_json_set(o, "error", text(t->error));
		phrase_json_set(o, "tokens", tokens_of(t->input_tokens, t->output_tokens));
		phrase_json_set(o, "cost_usd", usd(t->cost_usd));
		phrase_json_add(all, o);
	}
	return all;
}

static json_t *saved_of(int64_t ns, int64_t tokens, double cost)
{
	json_t *o = phrase_json_must(json_object());
	phrase_json_set(o, "duration_ms", number(ns < 0 ? -1 : ns / NS_PER_MS));
	phrase_json_set(o, "tokens", number(tokens));
	phrase_json_set(o, "cost_usd", usd(cost));
	return o;
}

const struct task_record *report_record(const struct ledger_entry *e)
{
	bool stands = e->state == LEDGER_DONE || e->state == LEDGER_RECORDED || e->state == LEDGER_RESTORED || e->state == LEDGER_FRESH;
	return stands ? e->task->record : NULL;
}

void report_set_record(json_t *o, const struct report *r, const struct ledger_entry *e, size_t most)
{
	const struct task_record *rec = report_record(e);
	size_t left_out = 0;
	phrase_json_set(o, "signature", rec ? hash(rec->signature) : json_null());
	phrase_json_set(o, "fields", rec ? fields_of(r, rec, most, &left_out) : phrase_json_must(json_array()));
	if (left_out)
		phrase_json_set(o, "fields_left_out", number((int64_t)left_out));
	phrase_json_set(o, "outputs", rec ? outputs_of(rec->outputs, rec->n_outputs) : phrase_json_must(json_array()));
	phrase_json_set(o, "edits", rec ? outputs_of(rec->edits, rec->n_edits) : phrase_json_must(json_array()));
	phrase_json_set(o, "result", rec && rec->has_result ? hash(rec->result) : json_null());
}

json_t *report_task(const struct report *r, const struct ledger_entry *e)
{
	const struct task *t = e->task;
	json_t *o = phrase_json_must(json_object()), *tokens = tokens_of(e->input_tokens, e->output_tokens);
	phrase_json_set(tokens, "cache_read", number(e->cache_read_tokens));
	phrase_json_set(tokens, "cache_write", number(e->cache_write_tokens));
	phrase_json_set(o, "name", phrase_json(t->name));
	phrase_json_set(o, "file", phrase_json(diag_source_name(r->diag, t->def->at.source)));
	phrase_json_set(o, "line", number(t->def->at.line));
	phrase_json_set(o, "agent", t->kind == TASK_AGENT ? phrase_json(t->agent->name) : json_null());
	phrase_json_set(o, "state", phrase_json(str_of(ledger_state_name(e->state))));
	phrase_json_set(o, "reason", text(e->reason));
	phrase_json_set(o, "note", text(e->note));
	phrase_json_set(o, "class", e->class ? phrase_json(str_of(e->class)) : json_null());
	phrase_json_set(o, "status", number(e->status));
	phrase_json_set(o, "signal", number(e->signal));
	phrase_json_set(o, "provider", text(e->provider));
	phrase_json_set(o, "duration_ms", number(e->duration_ns < 0 ? -1 : e->duration_ns / NS_PER_MS));
	phrase_json_set(o, "tries", tries_of(r, e));
	phrase_json_set(o, "tokens", tokens);
	phrase_json_set(o, "cost_usd", usd(e->cost_usd));
	phrase_json_set(o, "saved", saved_of(e->saved_ns, e->saved_tokens, e->saved_usd));
	phrase_json_set(o, "log", text(e->log));
	phrase_json_set(o, "tail", text(e->tail));
	return o;
}

static json_t *sums(const struct report *r)
{
	const struct ledger_sums *s = ledger_sums(r->ledger);
	const struct usage *u = &s->usage;
	json_t *o = phrase_json_must(json_object()), *states = phrase_json_must(json_object());
	for (size_t i = 0; i < N_LEDGER_STATES; i++)
		phrase_json_set(states, ledger_state_name((enum ledger_state)i), number((int64_t)s->states[i]));
	phrase_json_set(o, "states", states);
	phrase_json_set(o, "tokens", tokens_of(u->tokens_known ? u->input_tokens : -1, u->tokens_known ? u->output_tokens : -1));
	phrase_json_set(o, "cost_usd", usd(u->costs_known ? u->cost_usd : (double)NAN));
	phrase_json_set(o, "unpriced", number((int64_t)(u->agents - u->costs_known)));
	phrase_json_set(o, "saved", saved_of(s->saved_ns, s->saved_tokens, s->saved_usd));
	return o;
}

static json_t *warnings(const struct report *r)
{
	json_t *all = phrase_json_must(json_array());
	size_t n;
	const struct ledger_warning *w = ledger_warnings(r->ledger, &n);
	for (size_t i = 0; i < n; i++) {
		json_t *o = phrase_json_must(json_object());
		phrase_json_set(o, "task", w[i].task ? phrase_json(w[i].task->name) : json_null());
		phrase_json_set(o, "text", phrase_json(w[i].text));
		phrase_json_add(all, o);
	}
	return all;
}

json_t *report_run(const struct report *r, json_t *tasks)
{
	const struct ledger_sums *s = ledger_sums(r->ledger);
	json_t *o = phrase_json_must(json_object());
	struct sbuf began = {0}, text_of = {0};
	clock_iso_ms(&began, s->began_wall_ns);
	report_summary(&text_of, r);
	phrase_json_set(o, "v", number(REPORT_VERSION));
	phrase_json_set(o, "axmake", phrase_json(str_of(r->version)));
	phrase_json_set(o, "workflow", phrase_json(ledger_graph(r->ledger)->workflow->file));
	phrase_json_set(o, "began", phrase_json(sbuf_view(&began)));
	phrase_json_set(o, "duration_ms", number((s->ended_ns - s->began_ns) / NS_PER_MS));
	phrase_json_set(o, "state", phrase_json(str_of(report_state(r))));
	phrase_json_set(o, "status", number(r->signal ? 128 + r->signal : r->status));
	phrase_json_set(o, "summary", phrase_json(sbuf_view(&text_of)));
	phrase_json_set(o, "totals", sums(r));
	phrase_json_set(o, "tasks", tasks);
	phrase_json_set(o, "warnings", warnings(r));
	sbuf_free(&began);
	sbuf_free(&text_of);
	return o;
}

void report_json(struct sbuf *b, const struct report *r)
{
	json_t *tasks = phrase_json_must(json_array());
	size_t n;
	struct ledger_entry *const *all = ledger_entries(r->ledger, &n);
	for (size_t i = 0; i < n; i++) {
		json_t *o = report_task(r, all[i]);
		report_set_record(o, r, all[i], SIZE_MAX);
		phrase_json_add(tasks, o);
	}
	phrase_json_line(b, report_run(r, tasks));
}
