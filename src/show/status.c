#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "base/jsonout.h"
#include "base/real.h"
#include "base/utf8.h"
#include "graph/usual.h"
#include "show/phrase.h"
#include "show/status_parts.h"
#include "show/underway.h"

static const struct {
	const char *name, *color;
} looks[] = {
    [S_UP_TO_DATE] = {"up-to-date", "32"}, [S_STALE] = {"stale", "33"},   [S_RUNNING] = {"running", "36"},
    [S_WAITING] = {"waiting", "36"},       [S_HELD] = {"held", "33"}, [S_FAILED] = {"failed", "31"}, [S_DONE] = {"done", "32"},
    [S_SKIPPED] = {"skipped", "32"},       [S_NOT_RUN] = {"not-run", "33"},
};

/* What counts of a task: the last success, but for a failure that came after it. */
static bool tells_of_start(const struct standing *st)
{
	return st->state == S_FAILED;
}

static void json_tokens(struct jsonout *o, const struct task_record *r)
{
	if (!r || (r->input_tokens < 0 && r->output_tokens < 0)) {
		jsonout_null(o, "tokens");
		return;
	}
	jsonout_object(o, "tokens");
	jsonout_count(o, "input", r->input_tokens);
	jsonout_count(o, "output", r->output_tokens);
	jsonout_end(o);
}

/* Of a task at work: when its work began. */
static int64_t since_ns(const struct standing *st)
{
	return st->state == S_RUNNING ? st->start.started_at_ms * NS_PER_MS : 0;
}

static void json_since(struct jsonout *o, int64_t wall_ns)
{
	struct sbuf at = {0};
	if (wall_ns)
		clock_iso(&at, wall_ns);
	jsonout_known(o, "since", sbuf_view(&at));
	sbuf_free(&at);
}

static void json_task(struct jsonout *o, const struct task *t, const struct standing *st)
{
	const struct task_record *r = tells_of_start(st) ? NULL : st->record;
	int64_t tries = tells_of_start(st) ? st->start.tries : r ? (int64_t)r->tries : -1;
	int64_t duration_ns = tells_of_start(st) ? st->start.duration_ns : r ? r->duration_ns : -1;

	jsonout_object(o, NULL);
	jsonout_text(o, "name", t->name);
	jsonout_word(o, "state", looks[st->state].name);
	jsonout_text(o, "reason", st->reason);
	jsonout_text(o, "agent", t->def->agent.s);
	jsonout_known(o, "provider", r ? r->provider : STR_NONE);
	jsonout_count(o, "tries", tries);
	jsonout_count(o, "duration_ms", duration_ns < 0 ? -1 : duration_ns / NS_PER_MS);
	json_tokens(o, r);
	jsonout_real(o, "cost_usd", r ? r->cost_usd : (double)NAN);
	json_since(o, since_ns(st));
	jsonout_end(o);
}

static struct str run_name(const struct scene *s)
{
	return arena_printf(s->view->arena, "%016" PRIx64, s->run->holder.run_id);
}

static void json_run(struct jsonout *o, const struct scene *s)
{
	if (!s->run->holder.held) {
		jsonout_null(o, "run");
		return;
	}
	jsonout_object(o, "run");
	jsonout_text(o, "id", run_name(s));
	jsonout_count(o, "pid", s->run->holder.pid ? s->run->holder.pid : -1);
	json_since(o, s->run->holder.since_ns);
	jsonout_end(o);
}

static void status_json(const struct scene *s, FILE *to)
{
	const struct graph *g = s->view->graph;
	struct sbuf b = {0};
	struct jsonout o = {.b = &b};

	jsonout_object(&o, NULL);
	json_run(&o, s);
	jsonout_array(&o, "tasks");
	for (size_t i = 0; i < g->tasks.n; i++)
		if (g->tasks.p[i]->wanted)
			json_task(&o, g->tasks.p[i], &s->tasks[g->tasks.p[i]->id]);
	jsonout_end(&o);
	jsonout_end(&o);
	fprintf(to, "%s\n", b.p);
	sbuf_free(&b);
}

static void text_run(struct sbuf *b, const struct scene *s)
{
	if (!s->run->holder.held) {
		sbuf_lit(b, "no run under way\n");
		return;
	}
	sbuf_lit(b, "run ");
	sbuf_str(b, run_name(s));
	sbuf_lit(b, " since ");
	clock_iso(b, s->run->holder.since_ns);
	if (s->run->holder.pid)
		sbuf_printf(b, ", pid %ld", (long)s->run->holder.pid);
	sbuf_char(b, '\n');
}

/* " (812+96 tokens, $0.01, restored)": of the last success. */
static void text_usage(struct sbuf *b, const struct task_record *r)
{
	struct sbuf usage = {0};

	phrase_tokens(&usage, r->input_tokens, r->output_tokens);
	if (!isnan(r->cost_usd)) {
		sbuf_lit(&usage, usage.n ? ", " : "");
		phrase_usd(&usage, r->cost_usd);
	}
	if (r->flags & RECORD_RESTORED)
		sbuf_lit(&usage, usage.n ? ", restored" : "restored");
	if (usage.n)
		sbuf_printf(b, " (%s)", usage.p);
	sbuf_free(&usage);
}

/* ": for 2m10s, since 2026-11-25T22:06:19Z, try 2, asks reviewer" */
static void text_running(struct sbuf *b, const struct scene *s, const struct task *t)
{
	const struct underway_task *told = underway_task(s->run, t->name);
	int64_t since = since_ns(&s->tasks[t->id]);

	sbuf_lit(b, ": for ");
	status_span(b, clock_wall_ns() - since);
	sbuf_lit(b, ", since ");
	clock_iso(b, since);
	if (told->tries + (told->due_ms > 0) > 1)
		sbuf_printf(b, ", try %u", told->tries + (told->due_ms > 0));
	if (told->asks.n) {
		sbuf_lit(b, ", asks ");
		utf8_escape(b, told->asks);
	}
}

static void text_task(struct sbuf *b, const struct scene *s, const struct task *t)
{
	const struct standing *st = &s->tasks[t->id];
	struct str name = str_of(looks[st->state].name);

	phrase_color(b, s->view->color, looks[st->state].color, name.p);
	phrase_fill(b, sizeof "up-to-date" - 1 - name.n);
	sbuf_lit(b, "  ");
	utf8_escape(b, t->name);
	if (st->reason.n) {
		sbuf_lit(b, ": ");
		utf8_escape(b, st->reason);
	}
	if (st->state == S_RUNNING)
		text_running(b, s, t);
	else if (st->record && (t->kind == TASK_AGENT || st->record->flags & RECORD_RESTORED) && !tells_of_start(st))
		text_usage(b, st->record);
	sbuf_char(b, '\n');
}

static void add_taken(void *spent, const struct taken *t)
{
	struct spent *sum = spent;

	sum->calls += t->calls;
	sum->unpriced += t->unpriced;
	sum->uncounted += t->uncounted;
	sum->tokens += t->tokens;
	sum->cost_usd += t->cost_usd;
}

static void subtract(struct spent *from, const struct spent *s)
{
	from->calls -= s->calls;
	from->unpriced -= s->unpriced;
	from->uncounted -= s->uncounted;
	from->tokens -= s->tokens;
	from->cost_usd = real_max(0, from->cost_usd - s->cost_usd);
}

/* The success of a task in the run that goes on. */
static void add_success(struct spent *sum, const struct task_record *r)
{
	int64_t tokens = usual_tokens(r->input_tokens, r->output_tokens, r->cache_read_tokens, r->cache_write_tokens);

	sum->calls++;
	sum->unpriced += isnan(r->cost_usd) != 0;
	sum->uncounted += tokens < 0;
	sum->tokens += tokens > 0 ? tokens : 0;
	sum->cost_usd += isnan(r->cost_usd) ? 0 : r->cost_usd;
}

static void text_spent(struct sbuf *b, const char *what, const struct spent *s)
{
	if (!s->calls)
		return;
	sbuf_printf(b, "%s: ", what);
	phrase_spent(b, s);
	sbuf_char(b, '\n');
}

static void text_sums(struct sbuf *b, const struct scene *s)
{
	const struct graph *g = s->view->graph;
	struct spent run = {0}, ever = {0}, here = {0};

	for (size_t i = 0; i < g->tasks.n; i++) {
		const struct task *t = g->tasks.p[i];
		const struct standing *st = &s->tasks[t->id];

		if (t->taken && (t->wanted || !s->view->of_some))
			add_taken(&here, t->taken);
		if (t->kind != TASK_AGENT || !t->wanted)
			continue;
		if (s->run->holder.held && st->state == S_DONE && !(st->record->flags & RECORD_RESTORED))
			add_success(&run, st->record);
	}
	text_spent(b, "spent by what this run has done", &run);
	if (s->view->of_some) {
		text_spent(b, "spent by all runs on these", &here);
		return;
	}
	if (s->view->log)
		log_each_taken(s->view->log, g->workflow->file, add_taken, &ever);
	text_spent(b, "spent by all runs", &ever);
	if (ever.calls > here.calls) {
		subtract(&ever, &here);
		text_spent(b, "of that on tasks that are gone", &ever);
	}
}

static void status_text(const struct scene *s, FILE *to)
{
	const struct graph *g = s->view->graph;
	struct sbuf b = {0};

	text_run(&b, s);
	for (size_t i = 0; i < g->tasks.n; i++) {
		if (!g->tasks.p[i]->wanted)
			continue;
		text_task(&b, s, g->tasks.p[i]);
		fwrite(b.p, 1, b.n, to);
		sbuf_clear(&b);
	}
	text_sums(&b, s);
	fwrite(b.n ? b.p : "", 1, b.n, to);
	sbuf_free(&b);
}

void view_status(const struct view *v, FILE *to, bool json)
{
	struct scene s = status_look(v);

	if (json)
		status_json(&s, to);
	else
		status_text(&s, to);
	status_free(&s);
}
