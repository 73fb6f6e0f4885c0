/* Trace events (the JSON object form): X is a try, s and f are the ends of an arrow, C a counter, M names a lane. Times are microseconds since the run began. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/vec.h"
#include "show/critical.h"
#include "show/report.h"

#define PID 1 /* one process: the run */

struct trace {
	const struct report *r;
	struct sbuf *b;
	struct arena arena;
	int64_t began_ns;
	bool any;
};

static int64_t us(const struct trace *t, int64_t at_ns)
{
	return (at_ns - t->began_ns) / 1000;
}

static json_t *event(const char *phase, struct str name, unsigned lane)
{
	json_t *o = phrase_json_must(json_object());
	phrase_json_set(o, "ph", phrase_json(str_of(phase)));
	phrase_json_set(o, "name", phrase_json(name));
	phrase_json_set(o, "pid", phrase_json_must(json_integer(PID)));
	phrase_json_set(o, "tid", phrase_json_must(json_integer(lane + 1)));
	return o;
}

static void set_int(json_t *o, const char *key, int64_t n)
{
	phrase_json_set(o, key, phrase_json_must(json_integer(n)));
}

static void set_text(json_t *o, const char *key, struct str s)
{
	if (s.n)
		phrase_json_set(o, key, phrase_json(s));
}

/* One event a line: that reads, and compares, better. */
static void put(struct trace *t, json_t *o)
{
	if (t->any && t->b->n && t->b->p[t->b->n - 1] == '\n')
		t->b->p[t->b->n - 1] = ',';
	if (t->any)
		sbuf_char(t->b, '\n');
	phrase_json_line(t->b, o);
	t->any = true;
}

static void put_name(struct trace *t, const char *what, unsigned lane, const char *key, json_t *value)
{
	json_t *o = event("M", str_of(what), lane), *args = phrase_json_must(json_object());
	phrase_json_set(args, key, value);
	phrase_json_set(o, "args", args);
	put(t, o);
}

static void put_lanes(struct trace *t)
{
	const struct workflow *w = ledger_graph(t->r->ledger)->workflow;
	put_name(t, "process_name", 0, "name", phrase_json(arena_printf(&t->arena, "axmake %.*s", STR_ARG(w->file))));
	for (unsigned i = 0; i < ledger_sums(t->r->ledger)->lanes; i++) {
		put_name(t, "thread_name", i, "name", phrase_json(arena_printf(&t->arena, "slot %u", i + 1)));
		put_name(t, "thread_sort_index", i, "sort_index", phrase_json_must(json_integer(i)));
	}
}

static json_t *args_of(const struct ledger_entry *e, const struct ledger_try *try, size_t number)
{
	const struct task *t = e->task;
	json_t *o = phrase_json_must(json_object());
	if (t->kind == TASK_AGENT)
		set_text(o, "agent", t->agent->name);
	set_text(o, "provider", try->provider);
	set_text(o, "reason", e->reason);
	set_int(o, "try", (int64_t)number + 1);
	phrase_json_set(o, "state", phrase_json(str_of(number + 1 < e->tries.n || try->class ? "failed" : ledger_state_name(e->state))));
	if (try->class)
		phrase_json_set(o, "class", phrase_json(str_of(try->class)));
	set_text(o, "error", try->error);
	if (try->input_tokens >= 0)
		set_int(o, "input_tokens", try->input_tokens);
	if (try->output_tokens >= 0)
		set_int(o, "output_tokens", try->output_tokens);
	if (!isnan(try->cost_usd))
		phrase_json_set(o, "cost_usd", phrase_json_must(json_real(try->cost_usd)));
	return o;
}

static void put_tries(struct trace *t, const struct ledger_entry *e)
{
	for (size_t i = 0; i < e->tries.n; i++) {
		const struct ledger_try *try = &e->tries.p[i];
		json_t *o = event("X", e->task->name, try->lane);
		phrase_json_set(o, "cat", phrase_json(STR("task")));
		set_int(o, "ts", us(t, try->began_ns));
		set_int(o, "dur", us(t, try->ended_ns) - us(t, try->began_ns));
		phrase_json_set(o, "args", args_of(e, try, i));
		put(t, o);
	}
}

/* A change of what runs and of what was used. */
struct change {
	int64_t at_ns;
	int running;
	int64_t tokens;
};

/* At one time what ends comes first: nothing is counted twice. */
static int by_time(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return (x->running > y->running) - (x->running < y->running);
}

static void put_counter(struct trace *t, const char *name, int64_t at_ns, int64_t value)
{
	json_t *o = event("C", str_of(name), 0), *args = phrase_json_must(json_object());
	set_int(o, "ts", us(t, at_ns));
	set_int(args, name, value);
	phrase_json_set(o, "args", args);
	put(t, o);
}

static void put_counters(struct trace *t, struct ledger_entry *const *all, size_t n)
{
	VEC(struct change) changes = {0};
	int64_t running = 0, tokens = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < all[i]->tries.n; k++) {
			const struct ledger_try *try = &all[i]->tries.p[k];
			int64_t used = (try->input_tokens > 0 ? try->input_tokens : 0) + (try->output_tokens > 0 ? try->output_tokens : 0);
			vec_push(NULL, &changes, (struct change){try->began_ns, 1, 0});
			vec_push(NULL, &changes, (struct change){try->ended_ns, -1, used});
		}
	if (changes.n)
		qsort(changes.p, changes.n, sizeof *changes.p, by_time);
	for (size_t i = 0; i < changes.n; i++) {
		running += changes.p[i].running;
		tokens += changes.p[i].tokens;
		bool last = i + 1 == changes.n || us(t, changes.p[i + 1].at_ns) != us(t, changes.p[i].at_ns);
		if (last)
			put_counter(t, "running", changes.p[i].at_ns, running);
		if (last && tokens)
			put_counter(t, "tokens", changes.p[i].at_ns, tokens);
	}
	vec_free(&changes);
}

static void put_arrow_end(struct trace *t, const char *phase, int64_t id, unsigned lane, int64_t at_us)
{
	json_t *o = event(phase, STR("critical path"), lane);
	phrase_json_set(o, "cat", phrase_json(STR("critical path")));
	set_int(o, "id", id);
	set_int(o, "ts", at_us);
	if (*phase == 'f')
		phrase_json_set(o, "bp", phrase_json(STR("e"))); /* to the slice around that time, not to the next one */
	put(t, o);
}

/* An arrow's ends have to lie within the tries that they join, of which the last microsecond is no part. */
static void put_arrow(struct trace *t, int64_t id, const struct ledger_entry *from, const struct ledger_entry *to)
{
	const struct ledger_try *a = &from->tries.p[from->tries.n - 1], *b = &to->tries.p[0];
	int64_t end = us(t, a->ended_ns), begin = us(t, a->began_ns);
	put_arrow_end(t, "s", id, a->lane, end > begin ? end - 1 : begin);
	put_arrow_end(t, "f", id, b->lane, us(t, b->began_ns));
}

static void put_critical_path(struct trace *t)
{
	size_t n;
	const struct ledger_entry *const *path = critical_path(t->r->ledger, &t->arena, &n);
	for (size_t i = n; i > 1; i--)
		put_arrow(t, (int64_t)(n - i) + 1, path[i - 2], path[i - 1]);
}

void report_trace(struct sbuf *b, const struct report *r)
{
	struct trace t = {.r = r, .b = b, .began_ns = ledger_sums(r->ledger)->began_ns};
	size_t n;
	struct ledger_entry *const *all = ledger_entries(r->ledger, &n);
	struct sbuf at = {0};
	clock_iso_ms(&at, ledger_sums(r->ledger)->began_wall_ns);
	sbuf_printf(b, "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"axmake\":\"%s\",\"began\":\"%s\",\"state\":\"%s\"},\"traceEvents\":[\n", r->version, at.p, report_state(r));
	put_lanes(&t);
	for (size_t i = 0; i < n; i++)
		put_tries(&t, all[i]);
	put_counters(&t, all, n);
	put_critical_path(&t);
	sbuf_lit(b, "]}\n");
	sbuf_free(&at);
	arena_free(&t.arena);
}
