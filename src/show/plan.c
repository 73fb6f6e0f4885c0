#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "graph/usual.h"
#include "show/phrase.h"
#include "show/views.h"

/* A binary heap of tasks. */
struct heap {
	VEC(const struct task *) tasks;
	const int64_t *keys; /* by id; the smallest first, then the smallest id */
};

/* The run played through: who starts when, as the scheduler would. */
struct play {
	const struct view *view;
	size_t slots;               /* 0: without a limit */
	int64_t *urgency, *ends_ns; /* by id */
	uint32_t *waiting_for;
	struct heap ready, running;
	VEC(const struct task *) settled; /* ended, their users not told yet */
	VEC(const struct task *) starts;  /* in order */
	int64_t now_ns;
};

static bool before(const struct heap *h, const struct task *a, const struct task *b)
{
	int64_t ka = h->keys[a->id], kb = h->keys[b->id];

	return ka != kb ? ka < kb : a->id < b->id;
}

static void heap_push(struct heap *h, struct arena *a, const struct task *t)
{
	size_t at = h->tasks.n;

	vec_push(a, &h->tasks, t);
	for (; at > 0 && before(h, t, h->tasks.p[(at - 1) / 2]); at = (at - 1) / 2)
		h->tasks.p[at] = h->tasks.p[(at - 1) / 2];
	h->tasks.p[at] = t;
}

static const struct task *heap_pop(struct heap *h)
{
	const struct task *top = h->tasks.p[0], *last = h->tasks.p[--h->tasks.n];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < h->tasks.n) {
		if (child + 1 < h->tasks.n && before(h, h->tasks.p[child + 1], h->tasks.p[child]))
			child++;
		if (!before(h, h->tasks.p[child], last))
			break;
		h->tasks.p[at] = h->tasks.p[child];
		at = child;
	}
	h->tasks.p[at] = last;
	return top;
}

static bool would_run(const struct view *v, const struct task *t)
{
	const struct verdict *verdict = &v->verdicts[t->id];

	return t->wanted && t->kind != TASK_GROUP && verdict->why != WHY_NOT && !verdict_is_error(verdict) && !verdict_is_skip(verdict) && t->state != STATE_HELD;
}

static void play_ready(struct play *p, const struct task *t)
{
	if (would_run(p->view, t))
		heap_push(&p->ready, p->view->arena, t);
	else
		vec_push(p->view->arena, &p->settled, t);
}

/* Tells the users of all that has ended. */
static void play_settle(struct play *p)
{
	while (p->settled.n) {
		const struct task *t = p->settled.p[--p->settled.n];

		for (size_t i = 0; i < t->users.n; i++)
			if (t->users.p[i]->wanted && !--p->waiting_for[t->users.p[i]->id])
				play_ready(p, t->users.p[i]);
	}
}

static bool is_cached(const struct play *p, const struct task *t)
{
	return p->view->verdicts[t->id].cached;
}

static int64_t usual_duration(const struct play *p, const struct task *t)
{
	int64_t ns = is_cached(p, t) ? 0 : usual_of(t).duration_ns;

	return ns > 0 ? ns : 0;
}

static void play_step(struct play *p)
{
	const struct task *t;

	while (p->ready.tasks.n && (!p->slots || p->running.tasks.n < p->slots)) {
		t = heap_pop(&p->ready);
		p->ends_ns[t->id] = p->now_ns + usual_duration(p, t);
		heap_push(&p->running, p->view->arena, t);
		vec_push(p->view->arena, &p->starts, t);
	}
	t = heap_pop(&p->running);
	p->now_ns = p->ends_ns[t->id];
	vec_push(p->view->arena, &p->settled, t);
	play_settle(p);
}

static void play_run(struct play *p, const struct view *v, size_t slots)
{
	const struct graph *g = v->graph;

	*p = (struct play){.view = v,
	                   .slots = slots,
	                   .urgency = arena_array(v->arena, int64_t, g->tasks.n + 1),
	                   .ends_ns = arena_array(v->arena, int64_t, g->tasks.n + 1),
	                   .waiting_for = arena_array(v->arena, uint32_t, g->tasks.n + 1)};
	p->ready.keys = p->urgency;
	p->running.keys = p->ends_ns;
	for (size_t i = 0; i < g->tasks.n; i++) {
		const struct task *t = g->tasks.p[i];

		p->urgency[t->id] = -t->priority_ns;
		for (size_t k = 0; t->wanted && k < t->deps.n; k++)
			p->waiting_for[t->id] += t->deps.p[k].task->wanted;
	}
	for (size_t i = 0; i < g->tasks.n; i++)
		if (g->tasks.p[i]->wanted && !p->waiting_for[g->tasks.p[i]->id])
			play_ready(p, g->tasks.p[i]);
	play_settle(p);
	while (p->ready.tasks.n || p->running.tasks.n)
		play_step(p);
}

static void print_task(struct sbuf *b, const struct view *v, const struct task *t)
{
	sbuf_lit(b, v->verdicts[t->id].cached ? "would restore " : "would run ");
	utf8_escape(b, t->name);
	sbuf_lit(b, ": ");
	utf8_escape(b, stale_reason(v->arena, &v->verdicts[t->id]));
	sbuf_char(b, '\n');
	if (v->verdicts[t->id].cached)
		return;
	if (t->kind == TASK_RUN) {
		phrase_lines(b, t->def->run.s, "    ");
		return;
	}
	sbuf_lit(b, "    ");
	phrase_kind(b, t);
	sbuf_char(b, '\n');
}

/* ", about 2m10s with -j4, about $0.40 (from earlier runs); 2 tasks never ran: time unknown" */
static void print_estimate(struct sbuf *b, const struct play *p)
{
	size_t never = 0, agents_never = 0, cached = 0;
	bool cost_known = false;
	double cost = 0;

	for (size_t i = 0; i < p->starts.n; i++) {
		const struct task *t = p->starts.p[i];

		cached += is_cached(p, t);
		if (is_cached(p, t))
			continue;
		never += !t->record;
		agents_never += !t->record && t->kind == TASK_AGENT;
		double usd = t->kind == TASK_AGENT ? usual_of(t).cost_usd : NAN;

		if (!isnan(usd)) {
			cost_known = true;
			cost += usd;
		}
	}
	if (never + cached < p->starts.n) {
		sbuf_lit(b, ", about ");
		clock_duration(b, p->now_ns);
		sbuf_lit(b, " with -j");
		if (p->slots)
			sbuf_printf(b, "%zu", p->slots);
		if (cost_known) {
			sbuf_lit(b, ", about ");
			phrase_usd(b, cost);
		}
		sbuf_lit(b, " (from earlier runs)");
	}
	if (!never)
		return;
	sbuf_lit(b, "; ");
	phrase_count(b, never, "task");
	sbuf_printf(b, " never ran: time%s unknown", agents_never ? " and cost" : "");
}

/* Tasks that count: groups do not. */
static size_t count_wanted(const struct graph *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->tasks.n; i++)
		n += g->tasks.p[i]->wanted && g->tasks.p[i]->kind != TASK_GROUP;
	return n;
}

static size_t print_errors(const struct view *v, FILE *to)
{
	struct sbuf b = {0};
	size_t n = 0;

	for (size_t i = 0; i < v->graph->order.n; i++) {
		const struct task *t = v->graph->order.p[i];

		if (!t->wanted || !verdict_is_error(&v->verdicts[t->id]))
			continue;
		n++;
		sbuf_clear(&b);
		sbuf_lit(&b, "cannot run ");
		utf8_escape(&b, t->name);
		sbuf_lit(&b, ": ");
		utf8_escape(&b, stale_reason(v->arena, &v->verdicts[t->id]));
		sbuf_char(&b, '\n');
		fwrite(b.p, 1, b.n, to);
	}
	sbuf_free(&b);
	return n;
}

/* Those that wait for a person's yes; how many. */
static size_t print_held(const struct view *v, FILE *to)
{
	struct sbuf b = {0};
	size_t n = 0;

	for (size_t i = 0; i < v->graph->order.n; i++) {
		const struct task *t = v->graph->order.p[i];

		if (!t->wanted || t->state != STATE_HELD || v->verdicts[t->id].why == WHY_HELD_BEHIND)
			continue;
		n++;
		sbuf_clear(&b);
		sbuf_lit(&b, "held ");
		utf8_escape(&b, t->name);
		sbuf_lit(&b, ": ");
		phrase_held(&b, v->graph, t);
		sbuf_char(&b, '\n');
		fwrite(b.p, 1, b.n, to);
	}
	sbuf_free(&b);
	return n;
}

static size_t count_cached(const struct play *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->starts.n; i++)
		n += is_cached(p, p->starts.p[i]);
	return n;
}

/* Those that would not run, though nothing of them is up to date; how many. */
static size_t print_skipped(const struct view *v, FILE *to)
{
	struct sbuf b = {0};
	size_t n = 0;

	for (size_t i = 0; i < v->graph->order.n; i++) {
		const struct task *t = v->graph->order.p[i];

		if (!t->wanted || t->state != STATE_SKIPPED)
			continue;
		n++;
		sbuf_clear(&b);
		sbuf_lit(&b, "would skip ");
		utf8_escape(&b, t->name);
		sbuf_lit(&b, ": ");
		utf8_escape(&b, stale_reason(v->arena, &v->verdicts[t->id]));
		sbuf_char(&b, '\n');
		fwrite(b.p, 1, b.n, to);
	}
	sbuf_free(&b);
	return n;
}

static void print_end(const struct play *p, FILE *to, size_t errors, size_t held, size_t skipped)
{
	struct sbuf b = {0};
	size_t wanted = count_wanted(p->view->graph);

	sbuf_lit(&b, "axmake: ");
	if (!p->starts.n && !errors && !held) {
		sbuf_lit(&b, "nothing to be done");
		phrase_nothing(&b, wanted - skipped, skipped);
	} else {
		size_t cached = count_cached(p);

		sbuf_printf(&b, "%zu of ", p->starts.n - cached);
		phrase_count(&b, wanted, "task");
		sbuf_lit(&b, " would run");
		if (cached)
			sbuf_printf(&b, ", %zu would be restored", cached);
		if (held)
			sbuf_printf(&b, ", %zu held", held);
		if (skipped)
			sbuf_printf(&b, ", %zu skipped", skipped);
		if (p->starts.n)
			print_estimate(&b, p);
	}
	sbuf_char(&b, '\n');
	fwrite(b.p, 1, b.n, to);
	sbuf_free(&b);
}

void view_plan(const struct view *v, FILE *to, bool silent, size_t slots)
{
	struct play p;
	struct sbuf b = {0};
	size_t errors, held, skipped;

	play_run(&p, v, slots);
	for (size_t i = 0; i < p.starts.n; i++) {
		sbuf_clear(&b);
		if (silent) {
			utf8_escape(&b, p.starts.p[i]->name);
			sbuf_char(&b, '\n');
		} else {
			print_task(&b, v, p.starts.p[i]);
		}
		fwrite(b.p, 1, b.n, to);
	}
	sbuf_free(&b);
	held = print_held(v, to);
	skipped = silent ? 0 : print_skipped(v, to);
	errors = print_errors(v, to);
	if (!silent)
		print_end(&p, to, errors, held, skipped);
}
