#include "show/ledger.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "graph/stale.h"
#include "run/mask.h"
#include "show/failure.h"

struct ledger {
	const struct graph *graph;
	struct arena arena;
	struct mask mask;
	struct ledger_entry **by_id; /* of the graph's tasks; NULL: not heard of yet */
	VEC(struct ledger_entry *) order;
	VEC(const struct task *) fresh; /* told of behind those of `order`, and only as up to date: where nothing else is, nobody may ask for their entries */
	VEC(struct ledger_warning) warnings;
	VEC(bool) lanes;    /* taken */
	struct ledger_sums sums;
};

const char *ledger_state_name(enum ledger_state s)
{
	static const char *const names[N_LEDGER_STATES] = {
		[LEDGER_FAILED] = "failed",   [LEDGER_REFUSED] = "refused", [LEDGER_HELD] = "held",         [LEDGER_IGNORED] = "ignored",
		[LEDGER_NOT_RUN] = "not-run", [LEDGER_RUNNING] = "running", [LEDGER_DONE] = "done",         [LEDGER_RECORDED] = "recorded",
		[LEDGER_RESTORED] = "restored",
		[LEDGER_SKIPPED] = "skipped", [LEDGER_FRESH] = "up-to-date",
	};
	return names[s];
}

struct str ledger_shown(const struct ledger *l, struct str text)
{
	return mask_copy(&l->mask, &((struct ledger *)l)->arena, text);
}

struct str ledger_masked(const struct ledger *l, struct str text)
{
	if (!text.n)
		return text;
	struct str masked = ledger_shown(l, text);
	return masked.p == text.p ? arena_copy(&((struct ledger *)l)->arena, text) : masked;
}

const struct mask *ledger_mask(const struct ledger *l)
{
	return &l->mask;
}

struct ledger_entry ledger_blank(const struct task *t)
{
	return (struct ledger_entry){.task = t, .state = N_LEDGER_STATES, .status = -1, .signal = -1, .duration_ns = -1, .input_tokens = -1, .output_tokens = -1,
				     .cache_read_tokens = -1, .cache_write_tokens = -1, .cost_usd = NAN, .saved_ns = -1, .saved_tokens = -1, .saved_usd = NAN};
}

/* Of a task of another graph: the place of the one of its name. */
static struct ledger_entry **place_of(const struct ledger *l, const struct task *t)
{
	const struct graph *g = l->graph;
	if (t->id >= g->tasks.n || g->tasks.p[t->id] != t)
		t = graph_task(g, t->name);
	return t ? &l->by_id[t->id] : NULL;
}

static struct ledger_entry *entry_of(struct ledger *l, const struct task *t)
{
	struct ledger_entry **place = place_of(l, t), *e = place ? *place : NULL;
	if (!e) {
		e = arena_new(&l->arena, struct ledger_entry);
		*e = ledger_blank(t);
		vec_push(&l->arena, &l->order, e);
		if (place)
			*place = e;
	}
	e->task = t;
	return e;
}

/* A task is counted in one state: the last one. */
static void set_state(struct ledger *l, struct ledger_entry *e, enum ledger_state s)
{
	if (e->state < N_LEDGER_STATES)
		l->sums.states[e->state]--;
	l->sums.states[s]++;
	e->state = s;
}

static void set_reason(struct ledger *l, struct ledger_entry *e, const struct verdict *v)
{
	struct arena a = {0};
	if (v)
		e->reason = ledger_masked(l, stale_reason(&a, v));
	arena_free(&a);
}

static unsigned take_lane(struct ledger *l)
{
	unsigned i = 0;
	while (i < l->lanes.n && l->lanes.p[i])
		i++;
	if (i == l->lanes.n)
		vec_push(&l->arena, &l->lanes, true);
	l->lanes.p[i] = true;
	if (l->sums.lanes < i + 1)
		l->sums.lanes = i + 1;
	return i;
}

static void begin_try(struct ledger *l, struct ledger_entry *e, const struct event *ev)
{
	struct ledger_try t = {.began_ns = ev->at_ns, .ended_ns = ev->at_ns, .number = ev->kind == EVENT_TRY ? ev->count : 1, .lane = take_lane(l), .provider = ledger_masked(l, ev->text), .input_tokens = -1, .output_tokens = -1, .cost_usd = NAN};
	vec_push(&l->arena, &e->tries, t);
	e->running = true;
	set_state(l, e, LEDGER_RUNNING);
}

/* What was not reported before is all of a sum. */
static int64_t minus(int64_t sum, int64_t before)
{
	return sum < 0 ? -1 : before < 0 ? sum : sum - before;
}

static double minus_usd(double sum, double before)
{
	return isnan(before) ? sum : sum - before;
}

/* The outcome's sums are of all tries so far; the entry's of those before. */
static void end_try(struct ledger *l, struct ledger_entry *e, int64_t at_ns, const struct outcome *o, bool well)
{
	if (!e->running)
		return;
	struct ledger_try *t = &e->tries.p[e->tries.n - 1];
	struct sbuf why = {0};
	e->running = false;
	l->lanes.p[t->lane] = false;
	t->ended_ns = at_ns;
	if (o) {
		t->input_tokens = minus(o->input_tokens, e->input_tokens);
		t->output_tokens = minus(o->output_tokens, e->output_tokens);
		t->cost_usd = minus_usd(o->cost_usd, e->cost_usd);
	}
	if (o && o->earlier)
		t->number = 0;
	if (o && !well) {
		failure_words(&why, e->task, o);
		t->class = try_class_name(o->class);
		t->error = ledger_masked(l, sbuf_view(&why));
	}
	sbuf_free(&why);
}

static void take_usage(struct ledger_entry *e, const struct outcome *o)
{
	e->n_tries = o->tries;
	e->input_tokens = o->input_tokens;
	e->output_tokens = o->output_tokens;
	e->cache_read_tokens = o->cache_read_tokens;
	e->cache_write_tokens = o->cache_write_tokens;
	e->cost_usd = o->cost_usd;
}

static void take_failure(struct ledger *l, struct ledger_entry *e, const struct outcome *o)
{
	struct sbuf why = {0};
	failure_words(&why, e->task, o);
	e->note = ledger_masked(l, sbuf_view(&why));
	e->class = try_class_name(o->class);
	e->tail = ledger_masked(l, failure_tail(o->tail));
	e->session = ledger_masked(l, o->session);
	sbuf_free(&why);
}

static void add_saved(struct ledger *l, struct ledger_entry *e, int64_t ns, int64_t tokens, double usd)
{
	e->saved_ns = ns;
	e->saved_tokens = tokens;
	e->saved_usd = usd;
	l->sums.saved_ns += ns;
	l->sums.saved_tokens += tokens > 0 ? tokens : 0;
	l->sums.saved_usd += isnan(usd) ? 0 : usd;
}

static int64_t sum_of(int64_t a, int64_t b)
{
	return a < 0 ? b : b < 0 ? a : a + b;
}

static void on_restored(struct ledger *l, struct ledger_entry *e, const struct event *ev)
{
	const struct outcome *o = ev->outcome;
	set_reason(l, e, ev->verdict);
	set_state(l, e, LEDGER_RESTORED);
	e->ended_ns = ev->at_ns;
	e->provider = ledger_masked(l, o->provider);
	e->from = o->restored_from;
	add_saved(l, e, o->duration_ns, sum_of(o->input_tokens, o->output_tokens), o->cost_usd);
}

static void on_end(struct ledger *l, struct ledger_entry *e, const struct event *ev)
{
	const struct outcome *o = ev->outcome;
	bool failed = ev->task->state == STATE_FAILED;
	struct sbuf log = {0};
	end_try(l, e, ev->at_ns, o, !failed);
	take_usage(e, o);
	set_reason(l, e, ev->verdict);
	set_state(l, e, failed ? (o->ignored ? LEDGER_IGNORED : LEDGER_FAILED) : o->tries ? LEDGER_DONE : LEDGER_RECORDED);
	e->ended_ns = ev->at_ns;
	e->duration_ns = o->tries ? o->duration_ns : -1;
	e->provider = ledger_masked(l, o->provider);
	e->status = o->signaled || !o->tries ? -1 : o->status;
	e->signal = o->signaled ? o->status : -1;
	if (failed)
		take_failure(l, e, o);
	for (size_t i = 0; i < o->n_refused; i++)
		vec_push(&l->arena, &e->refused, ((struct refused){ledger_masked(l, o->refused[i].what), o->refused[i].why, o->refused[i].times}));
	if (failure_log(&log, ev->task, o))
		e->log = ledger_masked(l, sbuf_view(&log));
	if (ev->task->kind == TASK_AGENT && outcome_asked(o))
		usage_add(&l->sums.usage, o->input_tokens, o->output_tokens, o->cost_usd);
	sbuf_free(&log);
}

/* What is up to date was paid for once, and not again. */
static void on_fresh(struct ledger *l, struct ledger_entry *e)
{
	const struct task_record *r = e->task->record;
	set_state(l, e, LEDGER_FRESH);
	if (!r)
		return;
	e->provider = ledger_masked(l, r->provider);
	add_saved(l, e, r->duration_ns, sum_of(r->input_tokens, r->output_tokens), r->cost_usd);
}

/* Gives those an entry that have none yet. */
static void take_fresh(struct ledger *l)
{
	for (size_t i = 0; i < l->fresh.n; i++)
		on_fresh(l, entry_of(l, l->fresh.p[i]));
	l->fresh.n = 0;
}

static void on_not_run(struct ledger *l, struct ledger_entry *e, const struct event *ev)
{
	end_try(l, e, ev->at_ns, NULL, true);
	set_state(l, e, LEDGER_NOT_RUN);
	e->note = ledger_masked(l, ev->text);
}

static bool is_of_task(const struct event *ev)
{
	static const bool kinds[EVENT_RUN_END + 1] = {[EVENT_START] = true,   [EVENT_TRY] = true,  [EVENT_RETRY] = true,   [EVENT_END] = true,    [EVENT_FOUND_FRESH] = true,
						      [EVENT_NOT_RUN] = true, [EVENT_HELD] = true, [EVENT_SKIPPED] = true, [EVENT_REFUSED] = true};
	return kinds[ev->kind] && ev->task->kind != TASK_GROUP;
}

static void on_task(struct ledger *l, const struct event *ev)
{
	if (ev->kind == EVENT_FOUND_FRESH) {
		vec_push(&l->arena, &l->fresh, ev->task);
		return;
	}
	take_fresh(l);
	struct ledger_entry *e = entry_of(l, ev->task);
	switch (ev->kind) {
	case EVENT_START:
		set_reason(l, e, ev->verdict);
		begin_try(l, e, ev);
		break;
	case EVENT_TRY:
		begin_try(l, e, ev);
		break;
	case EVENT_RETRY:
		end_try(l, e, ev->at_ns, ev->outcome, false);
		take_usage(e, ev->outcome);
		break;
	case EVENT_END:
		(ev->outcome->restored ? on_restored : on_end)(l, e, ev);
		break;
	case EVENT_NOT_RUN:
		on_not_run(l, e, ev);
		break;
	case EVENT_HELD:
		set_reason(l, e, ev->verdict);
		e->note = ledger_masked(l, ev->task->def->approve.s);
		set_state(l, e, LEDGER_HELD);
		break;
	case EVENT_SKIPPED:
		set_reason(l, e, ev->verdict);
		e->note = e->reason;
		e->reason = STR_NONE;
		set_state(l, e, LEDGER_SKIPPED);
		break;
	case EVENT_REFUSED:
		e->note = ledger_masked(l, ev->text);
		set_state(l, e, LEDGER_REFUSED);
		break;
	default:
		break;
	}
}

static void take_graph(struct ledger *l, const struct graph *g)
{
	l->graph = g;
	l->by_id = arena_array(&l->arena, struct ledger_entry *, g->tasks.n + 1);
}

/* What had ended is the same task of another graph. */
static void on_go_on(struct ledger *l, const struct graph *g)
{
	take_fresh(l);
	take_graph(l, g);
	for (size_t i = 0; i < l->order.n; i++) {
		const struct task *t = graph_task(g, l->order.p[i]->task->name);
		if (t) {
			l->order.p[i]->task = t;
			l->by_id[t->id] = l->order.p[i];
		}
	}
}

/* Whatever still runs then was left. */
static void on_run_end(struct ledger *l, const struct event *ev)
{
	l->sums.ended_ns = ev->at_ns;
	for (size_t i = 0; i < l->order.n; i++)
		end_try(l, l->order.p[i], ev->at_ns, NULL, true);
}

static void hear(void *self, const struct event *ev)
{
	struct ledger *l = self;
	switch (ev->kind) {
	case EVENT_RUN_BEGIN:
		l->sums.began_ns = l->sums.ended_ns = ev->at_ns;
		break;
	case EVENT_WARNING:
		vec_push(&l->arena, &l->warnings, (struct ledger_warning){ev->task, ledger_masked(l, ev->text)});
		break;
	case EVENT_BUDGET:
		l->sums.has_budget = true;
		l->sums.budget = *ev->spending;
		break;
	case EVENT_GO_ON:
		on_go_on(l, ev->graph);
		break;
	case EVENT_RUN_END:
		on_run_end(l, ev);
		break;
	default:
		if (is_of_task(ev))
			on_task(l, ev);
	}
}

static void nothing_to_flush(void *self)
{
	(void)self;
}

struct ledger *ledger_new(const struct graph *g, const char *const *environ)
{
	struct ledger *l = xcalloc(1, sizeof *l);
	take_graph(l, g);
	l->sums.began_wall_ns = clock_wall_ns();
	l->sums.began_ns = l->sums.ended_ns = clock_ns();
	mask_read(&l->mask, &l->arena, environ);
	return l;
}

struct observer ledger_observer(struct ledger *l)
{
	return (struct observer){hear, nothing_to_flush, l};
}

void ledger_free(struct ledger *l)
{
	arena_free(&l->arena);
	free(l);
}

const struct ledger_sums *ledger_sums(const struct ledger *l)
{
	take_fresh((struct ledger *)l);
	return &l->sums;
}

int64_t ledger_began_wall_ns(const struct ledger *l)
{
	return l->sums.began_wall_ns;
}

const struct graph *ledger_graph(const struct ledger *l)
{
	return l->graph;
}

static int by_place(const void *a, const void *b)
{
	const struct task *x = (*(struct ledger_entry *const *)a)->task, *y = (*(struct ledger_entry *const *)b)->task;
	return (x->id > y->id) - (x->id < y->id);
}

struct ledger_entry *const *ledger_entries(const struct ledger *l, size_t *n)
{
	take_fresh((struct ledger *)l);
	*n = l->order.n;
	size_t in_order = 1;
	while (in_order < l->order.n && by_place(&l->order.p[in_order - 1], &l->order.p[in_order]) <= 0)
		in_order++;
	if (in_order < l->order.n)
		qsort(l->order.p, l->order.n, sizeof *l->order.p, by_place);
	return l->order.p;
}

const struct ledger_entry *ledger_find(const struct ledger *l, const struct task *t)
{
	take_fresh((struct ledger *)l);
	struct ledger_entry *const *place = place_of(l, t);
	return place ? *place : NULL;
}

const struct task *const *ledger_all_fresh(const struct ledger *l, size_t *n)
{
	*n = l->fresh.n;
	return l->order.n || l->warnings.n || l->sums.has_budget ? NULL : l->fresh.p;
}

const struct ledger_warning *ledger_warnings(const struct ledger *l, size_t *n)
{
	*n = l->warnings.n;
	return l->warnings.p;
}

bool ledger_did_something(const struct ledger *l)
{
	return l->order.n > l->sums.states[LEDGER_FRESH] + l->sums.states[LEDGER_SKIPPED];
}

void ledger_counts(struct sbuf *b, const struct ledger *l)
{
	take_fresh((struct ledger *)l);
	static const char *const names[N_LEDGER_STATES] = {"failed", "refused", "held", "failed and ignored", "not run", "left running", "done", "recorded as up to date", "restored", "skipped", "up to date"};
	const char *gap = "";
	for (size_t s = 0; s < N_LEDGER_STATES; s++)
		if (l->sums.states[s]) {
			sbuf_printf(b, "%s%zu %s", gap, l->sums.states[s], names[s]);
			gap = ", ";
		}
	if (!*gap)
		sbuf_lit(b, "nothing to be done");
}
