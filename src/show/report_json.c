#include <math.h>

#include "base/clock.h"
#include "graph/field.h"
#include "show/report_parts.h"

void report_text(struct jsonout *o, const struct report *r, const char *key, struct str s)
{
	jsonout_known(o, key, ledger_shown(r->ledger, s));
}

/* Every hash that counted for the last success, up to `most`. Returns how many were left out. */
static size_t add_fields(struct jsonout *o, const struct report *r, const struct task_record *rec, size_t most)
{
	struct field f;
	size_t n = 0;
	for (size_t at = 0; field_next(rec->fields, &at, &f); n++) {
		if (n >= most)
			continue;
		jsonout_object(o, NULL);
		jsonout_word(o, "kind", field_kind_name(f.kind));
		report_text(o, r, "label", f.label);
		jsonout_hash(o, "hash", f.hash);
		report_text(o, r, "begins", f.shown);
		jsonout_end(o);
	}
	return n > most ? n - most : 0;
}

static void add_outputs(struct jsonout *o, const char *key, const struct output_record *of, size_t n)
{
	jsonout_array(o, key);
	for (size_t i = 0; i < n; i++) {
		jsonout_object(o, NULL);
		jsonout_text(o, "path", of[i].path);
		jsonout_hash(o, "hash", of[i].hash);
		jsonout_end(o);
	}
	jsonout_end(o);
}

static void begin_tokens(struct jsonout *o, int64_t input, int64_t output)
{
	jsonout_object(o, "tokens");
	jsonout_count(o, "input", input);
	jsonout_count(o, "output", output);
}

static void add_tokens(struct jsonout *o, int64_t input, int64_t output)
{
	begin_tokens(o, input, output);
	jsonout_end(o);
}

static void add_tries(struct jsonout *o, const struct report *r, const struct ledger_entry *e, bool lanes)
{
	int64_t began_ns = ledger_sums(r->ledger)->began_ns;
	jsonout_array(o, "tries");
	for (size_t i = 0; i < e->tries.n; i++) {
		const struct ledger_try *t = &e->tries.p[i];
		jsonout_object(o, NULL);
		jsonout_count(o, "began_ms", (t->began_ns - began_ns) / NS_PER_MS);
		jsonout_count(o, "duration_ms", (t->ended_ns - t->began_ns) / NS_PER_MS);
		jsonout_known(o, "provider", t->provider);
		jsonout_word(o, "class", t->class);
		jsonout_known(o, "error", t->error);
		add_tokens(o, t->input_tokens, t->output_tokens);
		jsonout_real(o, "cost_usd", t->cost_usd);
		if (lanes)
			jsonout_number(o, "lane", t->lane);
		jsonout_end(o);
	}
	jsonout_end(o);
}

static void add_refused(struct jsonout *o, const struct ledger_entry *e)
{
	if (!e->refused.n)
		return;
	jsonout_array(o, "refused");
	for (size_t i = 0; i < e->refused.n; i++) {
		jsonout_object(o, NULL);
		jsonout_text(o, "what", e->refused.p[i].what);
		jsonout_word(o, "why", e->refused.p[i].why);
		jsonout_count(o, "times", e->refused.p[i].times);
		jsonout_end(o);
	}
	jsonout_end(o);
}

static void add_saved(struct jsonout *o, int64_t ns, int64_t tokens, double cost)
{
	jsonout_object(o, "saved");
	jsonout_count(o, "duration_ms", ns < 0 ? -1 : ns / NS_PER_MS);
	jsonout_count(o, "tokens", tokens);
	jsonout_real(o, "cost_usd", cost);
	jsonout_end(o);
}

const struct task_record *report_record(const struct ledger_entry *e)
{
	bool stands = e->state == LEDGER_DONE || e->state == LEDGER_RECORDED || e->state == LEDGER_RESTORED || e->state == LEDGER_FRESH;
	return stands ? e->task->record : NULL;
}

static void add_no_record(struct jsonout *o)
{
	static const char *const lists[] = {"fields", "outputs", "edits"};
	jsonout_null(o, "signature");
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		jsonout_array(o, lists[i]);
		jsonout_end(o);
	}
	jsonout_null(o, "result");
}

void report_add_record(struct jsonout *o, const struct report *r, const struct ledger_entry *e, size_t most)
{
	const struct task_record *rec = report_record(e);
	if (!rec) {
		add_no_record(o);
		return;
	}
	jsonout_hash(o, "signature", rec->signature);
	jsonout_array(o, "fields");
	size_t left_out = add_fields(o, r, rec, most);
	jsonout_end(o);
	if (left_out)
		jsonout_number(o, "fields_left_out", (int64_t)left_out);
	add_outputs(o, "outputs", rec->outputs, rec->n_outputs);
	add_outputs(o, "edits", rec->edits, rec->n_edits);
	if (rec->has_result)
		jsonout_hash(o, "result", rec->result);
	else
		jsonout_null(o, "result");
}

void report_add_task(struct jsonout *o, const struct report *r, const struct ledger_entry *e, bool lanes)
{
	const struct task *t = e->task;
	jsonout_text(o, "name", t->name);
	jsonout_text(o, "file", diag_source_name(r->diag, t->def->at.source));
	jsonout_number(o, "line", t->def->at.line);
	jsonout_text(o, "agent", t->kind == TASK_AGENT ? t->agent->name : STR_NONE);
	jsonout_word(o, "state", t->kind == TASK_GROUP ? "group" : ledger_state_name(e->state));
	jsonout_known(o, "reason", e->reason);
	jsonout_known(o, "note", e->note);
	jsonout_word(o, "class", e->class);
	jsonout_count(o, "status", e->status);
	jsonout_count(o, "signal", e->signal);
	jsonout_known(o, "provider", e->provider);
	if (e->from.n)
		jsonout_text(o, "from", e->from);
	jsonout_count(o, "duration_ms", e->duration_ns < 0 ? -1 : e->duration_ns / NS_PER_MS);
	add_tries(o, r, e, lanes);
	begin_tokens(o, e->input_tokens, e->output_tokens);
	jsonout_count(o, "cache_read", e->cache_read_tokens);
	jsonout_count(o, "cache_write", e->cache_write_tokens);
	jsonout_end(o);
	jsonout_real(o, "cost_usd", e->cost_usd);
	add_saved(o, e->saved_ns, e->saved_tokens, e->saved_usd);
	add_refused(o, e);
	jsonout_known(o, "log", e->log);
	jsonout_known(o, "tail", e->tail);
}

static void add_sums(struct jsonout *o, const struct report *r)
{
	const struct ledger_sums *s = ledger_sums(r->ledger);
	const struct usage *u = &s->usage;
	jsonout_object(o, "totals");
	jsonout_object(o, "states");
	for (size_t i = 0; i < N_LEDGER_STATES; i++)
		jsonout_number(o, ledger_state_name((enum ledger_state)i), (int64_t)s->states[i]);
	jsonout_end(o);
	add_tokens(o, u->tokens_known ? u->input_tokens : -1, u->tokens_known ? u->output_tokens : -1);
	jsonout_real(o, "cost_usd", u->costs_known ? u->cost_usd : (double)NAN);
	jsonout_number(o, "unpriced", (int64_t)(u->agents - u->costs_known));
	add_saved(o, s->saved_ns, s->saved_tokens, s->saved_usd);
	jsonout_end(o);
}

void report_add_warnings(struct jsonout *o, const struct report *r)
{
	size_t n;
	const struct ledger_warning *w = ledger_warnings(r->ledger, &n);
	jsonout_array(o, "warnings");
	for (size_t i = 0; i < n; i++) {
		jsonout_object(o, NULL);
		jsonout_text(o, "task", w[i].task ? w[i].task->name : STR_NONE);
		jsonout_text(o, "text", w[i].text);
		jsonout_end(o);
	}
	jsonout_end(o);
}

void report_add_run(struct jsonout *o, const struct report *r)
{
	const struct ledger_sums *s = ledger_sums(r->ledger);
	struct sbuf text = {0};
	jsonout_number(o, "v", REPORT_VERSION);
	jsonout_word(o, "axmake", r->version);
	jsonout_text(o, "workflow", ledger_graph(r->ledger)->workflow->file);
	clock_iso_ms(&text, s->began_wall_ns);
	jsonout_text(o, "began", sbuf_view(&text));
	report_note_time(r, o->b, text.n, 1);
	jsonout_count(o, "duration_ms", (s->ended_ns - s->began_ns) / NS_PER_MS);
	jsonout_word(o, "state", report_state(r));
	jsonout_count(o, "status", r->signal ? 128 + r->signal : r->status);
	sbuf_clear(&text);
	report_summary(&text, r);
	jsonout_text(o, "summary", sbuf_view(&text));
	add_sums(o, r);
	sbuf_free(&text);
}

void report_json(struct sbuf *b, const struct report *r)
{
	struct jsonout o = {.b = b};
	size_t n;
	struct ledger_entry *const *all = ledger_entries(r->ledger, &n);
	jsonout_object(&o, NULL);
	report_add_run(&o, r);
	jsonout_array(&o, "tasks");
	for (size_t i = 0; i < n; i++) {
		jsonout_object(&o, NULL);
		report_add_task(&o, r, all[i], false);
		report_add_record(&o, r, all[i], SIZE_MAX);
		jsonout_end(&o);
		report_drain(r, b);
	}
	jsonout_end(&o);
	report_add_warnings(&o, r);
	jsonout_end(&o);
	sbuf_char(b, '\n');
}
