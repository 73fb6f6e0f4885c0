/* Trace events (the JSON object form): X is a try, s and f are the ends of an arrow, C a counter, M names a lane. Times are microseconds since the run began. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/vec.h"
#include "show/critical.h"
#include "show/report_parts.h"

#define PID 1 /* one process: the run */

struct trace {
	const struct report *r;
	struct jsonout o;
	struct arena arena;
	int64_t began_ns;
	bool any;
};

static int64_t us(const struct trace *t, int64_t at_ns)
{
	return (at_ns - t->began_ns) / 1000;
}

/* One event a line: that reads, and compares, better. */
static struct jsonout *begin(struct trace *t, const char *phase, struct str name, unsigned lane)
{
	struct jsonout *o = &t->o;
	if (t->any)
		sbuf_lit(o->b, ",\n");
	t->any = true;
	jsonout_object(o, NULL);
	jsonout_word(o, "ph", phase);
	jsonout_text(o, "name", name);
	jsonout_number(o, "pid", PID);
	jsonout_number(o, "tid", (int64_t)lane + 1);
	return o;
}

static void end(struct trace *t)
{
	jsonout_end(&t->o);
	report_drain(t->r, t->o.b);
}

static void set_some(struct jsonout *o, const char *key, struct str s)
{
	if (s.n)
		jsonout_text(o, key, s);
}

static void put_name(struct trace *t, const char *what, unsigned lane, struct str name)
{
	struct jsonout *o = begin(t, "M", str_of(what), lane);
	jsonout_object(o, "args");
	jsonout_text(o, "name", name);
	jsonout_end(o);
	end(t);
}

static void put_place(struct trace *t, unsigned lane)
{
	struct jsonout *o = begin(t, "M", STR("thread_sort_index"), lane);
	jsonout_object(o, "args");
	jsonout_number(o, "sort_index", lane);
	jsonout_end(o);
	end(t);
}

static void put_lanes(struct trace *t)
{
	const struct workflow *w = ledger_graph(t->r->ledger)->workflow;
	put_name(t, "process_name", 0, arena_printf(&t->arena, "axmake %.*s", STR_ARG(w->file)));
	for (unsigned i = 0; i < ledger_sums(t->r->ledger)->lanes; i++) {
		put_name(t, "thread_name", i, arena_printf(&t->arena, "slot %u", i + 1));
		put_place(t, i);
	}
}

static void add_args(struct jsonout *o, const struct ledger_entry *e, const struct ledger_try *try, bool last)
{
	const struct task *t = e->task;
	jsonout_object(o, "args");
	if (t->kind == TASK_AGENT)
		set_some(o, "agent", t->agent->name);
	set_some(o, "provider", try->provider);
	set_some(o, "reason", e->reason);
	jsonout_number(o, "try", (int64_t)try->number);
	jsonout_word(o, "state", !last || try->class ? "failed" : ledger_state_name(e->state));
	if (try->class)
		jsonout_word(o, "class", try->class);
	set_some(o, "error", try->error);
	if (try->input_tokens >= 0)
		jsonout_number(o, "input_tokens", try->input_tokens);
	if (try->output_tokens >= 0)
		jsonout_number(o, "output_tokens", try->output_tokens);
	if (!isnan(try->cost_usd))
		jsonout_real(o, "cost_usd", try->cost_usd);
	jsonout_end(o);
}

static void put_tries(struct trace *t, const struct ledger_entry *e)
{
	for (size_t i = 0; i < e->tries.n; i++) {
		const struct ledger_try *try = &e->tries.p[i];
		struct jsonout *o = begin(t, "X", e->task->name, try->lane);
		jsonout_word(o, "cat", "task");
		jsonout_number(o, "ts", us(t, try->began_ns));
		jsonout_number(o, "dur", us(t, try->ended_ns) - us(t, try->began_ns));
		add_args(o, e, try, i + 1 == e->tries.n);
		end(t);
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
	struct jsonout *o = begin(t, "C", str_of(name), 0);
	jsonout_word(o, "cat", "run");
	jsonout_number(o, "ts", us(t, at_ns));
	jsonout_object(o, "args");
	jsonout_number(o, name, value);
	jsonout_end(o);
	end(t);
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
	struct jsonout *o = begin(t, phase, STR("critical path"), lane);
	jsonout_word(o, "cat", "critical path");
	jsonout_number(o, "id", id);
	jsonout_number(o, "ts", at_us);
	if (*phase == 'f')
		jsonout_word(o, "bp", "e"); /* to the slice around that time, not to the next one */
	end(t);
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
	struct trace t = {.r = r, .o = {.b = b}, .began_ns = ledger_sums(r->ledger)->began_ns};
	size_t n;
	struct ledger_entry *const *all = ledger_entries(r->ledger, &n);
	struct sbuf at = {0};
	clock_iso_ms(&at, ledger_sums(r->ledger)->began_wall_ns);
	sbuf_printf(b, "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"axmake\":\"%s\",\"began\":\"%s", r->version, at.p);
	report_note_time(r, b, at.n, 0);
	sbuf_printf(b, "\",\"state\":\"%s\"},\"traceEvents\":[\n", report_state(r));
	put_lanes(&t);
	for (size_t i = 0; i < n; i++)
		put_tries(&t, all[i]);
	put_counters(&t, all, n);
	put_critical_path(&t);
	sbuf_lit(b, t.any ? "\n]}\n" : "]}\n");
	sbuf_free(&at);
	arena_free(&t.arena);
}
