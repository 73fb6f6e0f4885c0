#include <inttypes.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "graph/usual.h"
#include "show/phrase.h"
#include "show/play.h"
#include "show/views.h"

/* Why -t will not record it, as far as that can be seen without looking into patterns; NULL: it will. */
static const char *why_untouched(const struct view *v, const struct task *t)
{
	if (t->kind == TASK_AGENT && !(t->record && t->record->has_result))
		return "it never answered";
	for (size_t i = 0; i < t->outputs.n; i++)
		if (t->outputs.p[i].kind != PATTERN_GLOB && faccessat(v->store->root_fd, t->outputs.p[i].path.p, F_OK, 0))
			return "an output is missing";
	return NULL;
}

/* "would record a as up to date: …" */
static void print_touch(struct sbuf *b, const struct view *v, const struct task *t)
{
	const char *why_not = why_untouched(v, t);

	sbuf_lit(b, why_not ? "cannot record " : "would record ");
	utf8_escape(b, t->name);
	sbuf_printf(b, "%s: ", why_not ? "" : " as up to date");
	utf8_escape(b, why_not ? str_of(why_not) : stale_reason(v->arena, &v->verdicts[t->id]));
	sbuf_char(b, '\n');
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
	if (t->def->unsaid)
		sbuf_lit(b, ", without a 'task': it is asked to do what its name and the task's say");
	sbuf_char(b, '\n');
}

/* ", about 2m10s with -j4, about $0.40 (from earlier runs); time of 2 tasks unknown" */
static void print_estimate(struct sbuf *b, const struct play *p)
{
	size_t unknown = 0, unpriced = 0, cached = 0;
	bool cost_known = false;
	double cost = 0;

	for (size_t i = 0; i < p->starts.n; i++) {
		const struct task *t = p->starts.p[i];

		cached += play_restores(p, t);
		if (play_restores(p, t))
			continue;
		struct usual usual = usual_of(t);
		unknown += usual.duration_ns < 0;
		unpriced += usual.duration_ns < 0 && t->kind == TASK_AGENT;
		double usd = t->kind == TASK_AGENT ? usual.cost_usd : NAN;

		if (!isnan(usd)) {
			cost_known = true;
			cost += usd;
		}
	}
	if (unknown + cached < p->starts.n) {
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
	if (!unknown)
		return;
	sbuf_printf(b, "; time%s of ", unpriced ? " and cost" : "");
	phrase_count(b, unknown, "task");
	sbuf_lit(b, " unknown");
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

		if (!t->wanted || t->kind == TASK_GROUP || !verdict_is_error(&v->verdicts[t->id]))
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
		n += play_restores(p, p->starts.p[i]);
	return n;
}

static size_t count_untouched(const struct play *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->starts.n; i++)
		n += why_untouched(p->view, p->starts.p[i]) != NULL;
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

	sbuf_printf(&b, "%s: ", p->view->program ? p->view->program : "axmake");
	if (!p->starts.n && !errors && !held) {
		sbuf_lit(&b, "nothing to be done");
		phrase_nothing(&b, wanted - skipped, skipped);
	} else {
		bool touch = p->view->touch;
		size_t cached = touch ? 0 : count_cached(p);
		size_t apart = touch ? count_untouched(p) : cached;

		sbuf_printf(&b, "%zu of ", p->starts.n - apart);
		phrase_count(&b, wanted, "task");
		sbuf_lit(&b, touch ? " would be recorded as up to date" : " would run");
		if (cached)
			sbuf_printf(&b, ", %zu would be restored", cached);
		if (held)
			sbuf_printf(&b, ", %zu held", held);
		if (skipped)
			sbuf_printf(&b, ", %zu skipped", skipped);
		if (p->starts.n && !touch)
			print_estimate(&b, p);
	}
	sbuf_char(&b, '\n');
	fwrite(b.p, 1, b.n, to);
	sbuf_free(&b);
}

void view_plan(const struct view *v, FILE *to, bool silent, size_t slots, size_t agents)
{
	struct play p;
	struct sbuf b = {0};
	size_t errors, held, skipped;

	play_run(&p, v, slots, agents);
	for (size_t i = 0; i < p.starts.n; i++) {
		sbuf_clear(&b);
		if (silent) {
			utf8_escape(&b, p.starts.p[i]->name);
			sbuf_char(&b, '\n');
		} else if (v->touch) {
			print_touch(&b, v, p.starts.p[i]);
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
