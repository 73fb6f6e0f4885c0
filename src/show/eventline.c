#include "show/eventline.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonout.h"
#include "base/mem.h"
#include "graph/stale.h"
#include "run/mask.h"
#include "show/failure.h"
#include "show/phrase.h"

/* What an agent does is told so often at most. */
#define ACTIVITY_NS NS_PER_S
#define GATHERED_MOST ((size_t)4 << 10) /* bytes of a line, about */

/* Tasks that were up to date one after another share a line. */
struct gathered {
	struct sbuf text; /* n == 0: there are none */
	struct jsonout o;
};

struct eventline {
	struct eventline_run run;
	struct arena arena;
	struct mask mask;
	int64_t began_ns;
	int64_t second; /* wall clock, of the line before; its time: */
	char at[sizeof "2026-11-24T06:48:46.123Z"];
	struct gathered gathered;
	int64_t *told_ns; /* by task id: when what an agent does was told last; 0: never. NULL: of none */
	size_t n_told;
	bool begun;
	size_t done, restored, failed, ignored, fresh, skipped, held, not_run;
	struct usage usage;
};

/* An event's line on its way. */
struct line {
	struct eventline *of;
	const struct event *e;
	struct arena arena;
	struct jsonout o;
};

static void set_text(struct line *l, const char *key, struct str text)
{
	jsonout_text(&l->o, key, text.p ? mask_copy(&l->of->mask, &l->arena, text) : text);
}

/* NULL where it is empty. */
static void set_known(struct line *l, const char *key, struct str text)
{
	set_text(l, key, text.n ? text : STR_NONE);
}

static void set_count(struct line *l, const char *key, size_t n)
{
	jsonout_number(&l->o, key, (int64_t)n);
}

static void begin_tokens(struct line *l, int64_t input, int64_t output)
{
	jsonout_object(&l->o, "tokens");
	jsonout_count(&l->o, "input", input);
	jsonout_count(&l->o, "output", output);
}

static void set_tokens(struct line *l, int64_t input, int64_t output)
{
	begin_tokens(l, input, output);
	jsonout_end(&l->o);
}

/* The time now. Many lines share a second, and all of it but the milliseconds. */
static struct str time_now(struct eventline *l)
{
	int64_t now_ns = clock_wall_ns(), ms = now_ns / NS_PER_MS % 1000;
	struct str at = {l->at, sizeof l->at - 1};
	if (now_ns / NS_PER_S != l->second) {
		struct sbuf b = {0};
		clock_iso_ms(&b, now_ns);
		l->second = b.n == at.n ? now_ns / NS_PER_S : -1;
		at.n = b.n < at.n ? b.n : at.n;
		memcpy(l->at, b.p, at.n);
		sbuf_free(&b);
		return at;
	}
	for (size_t i = at.n - 2; i > at.n - 5; i--, ms /= 10)
		l->at[i] = (char)('0' + ms % 10);
	return at;
}

static struct jsonout opened(struct eventline *of, const struct event *e, const char *name, struct sbuf *b)
{
	struct jsonout o = {.b = b};
	jsonout_object(&o, NULL);
	jsonout_number(&o, "v", EVENTLINE_VERSION);
	jsonout_word(&o, "ev", name);
	jsonout_text(&o, "at", time_now(of));
	jsonout_number(&o, "ms", ((e && e->at_ns ? e->at_ns : clock_ns()) - of->began_ns) / NS_PER_MS);
	return o;
}

static struct line line_begin(struct eventline *of, const struct event *e, const char *name, struct sbuf *b)
{
	struct line l = {.of = of, .e = e, .o = opened(of, e, name, b)};
	if (e && e->task)
		jsonout_text(&l.o, "task", e->task->name);
	return l;
}

static void line_end(struct line *l)
{
	jsonout_end(&l->o);
	sbuf_char(l->o.b, '\n');
	arena_free(&l->arena);
}

static void set_hex(struct line *l, const char *key, uint64_t n)
{
	char text[16], *p = text + sizeof text;
	do
		*--p = "0123456789abcdef"[n % 16];
	while (n /= 16);
	jsonout_text(&l->o, key, (struct str){p, (size_t)(text + sizeof text - p)});
}

static void set_reason(struct line *l)
{
	if (l->e->verdict)
		set_text(l, "reason", stale_reason(&l->arena, l->e->verdict));
}

static void on_held(struct line *l)
{
	set_reason(l);
	set_text(l, "question", l->e->task->def->approve.s);
}

static void on_not_run(struct line *l)
{
	set_text(l, "reason", l->e->text);
	jsonout_bool(&l->o, "stopped", l->e->stopped);
}

static void set_agent(struct line *l)
{
	const struct task *t = l->e->task;
	jsonout_text(&l->o, "agent", t->kind == TASK_AGENT ? t->agent->name : STR_NONE);
}

static void on_start(struct line *l)
{
	set_reason(l);
	set_agent(l);
	set_known(l, "provider", l->e->text);
	set_count(l, "try", 1);
}

static void on_try(struct line *l)
{
	set_known(l, "provider", l->e->text);
	set_count(l, "try", l->e->count);
}

static void set_failure(struct line *l, const struct outcome *out)
{
	struct sbuf why = {0};
	failure_words(&why, l->e->task, out);
	set_text(l, "error", sbuf_view(&why));
	sbuf_free(&why);
}

/* How its program ended: a signal only where the program died of it. */
static void set_status(struct line *l, const struct outcome *out)
{
	jsonout_count(&l->o, "status", out->signaled ? -1 : out->status);
	jsonout_count(&l->o, "signal", out->signaled ? out->status : -1);
}

static void on_retry(struct line *l)
{
	const struct outcome *out = l->e->outcome;
	set_count(l, "try", out->tries);
	jsonout_word(&l->o, "class", try_class_name(out->class));
	set_failure(l, out);
	set_status(l, out);
	jsonout_count(&l->o, "delay_ms", l->e->delay_ns > 0 ? l->e->delay_ns / NS_PER_MS : 0);
	set_known(l, "provider", l->e->text);
}

static void on_activity(struct line *l)
{
	const struct activity *now = l->e->activity;
	set_known(l, "activity", now->text);
	set_known(l, "session", now->session);
	set_tokens(l, now->input_tokens, now->output_tokens);
	jsonout_real(&l->o, "cost_usd", now->cost_usd);
}

static void on_text(struct line *l)
{
	set_text(l, "text", l->e->text);
}

static const char *state_of(const struct task *t, const struct outcome *out)
{
	if (t->state == STATE_FAILED)
		return out->ignored ? "ignored" : "failed";
	return out->restored ? "restored" : out->tries ? "done" : "recorded";
}

static void set_usage(struct line *l, const struct outcome *out)
{
	begin_tokens(l, out->input_tokens, out->output_tokens);
	jsonout_count(&l->o, "cache_read", out->cache_read_tokens);
	jsonout_count(&l->o, "cache_write", out->cache_write_tokens);
	jsonout_end(&l->o);
	jsonout_real(&l->o, "cost_usd", out->cost_usd);
}

/* What making it took, and now did not. */
static void set_saved(struct line *l, const struct outcome *out)
{
	jsonout_object(&l->o, "saved");
	jsonout_count(&l->o, "duration_ms", out->duration_ns / NS_PER_MS);
	if (l->e->task->kind == TASK_AGENT)
		set_usage(l, out);
	jsonout_end(&l->o);
}

static void set_result(struct line *l)
{
	const struct task *t = l->e->task;
	if (t->state != STATE_FAILED && t->has_result)
		jsonout_hash(&l->o, "result", t->result);
	else
		jsonout_null(&l->o, "result");
}

/* Nothing is said where nothing was. */
static void set_refused(struct line *l, const struct outcome *out)
{
	if (!out->n_refused)
		return;
	jsonout_array(&l->o, "refused");
	for (size_t i = 0; i < out->n_refused; i++) {
		jsonout_object(&l->o, NULL);
		set_text(l, "what", out->refused[i].what);
		jsonout_word(&l->o, "why", out->refused[i].why);
		jsonout_count(&l->o, "times", out->refused[i].times);
		jsonout_end(&l->o);
	}
	jsonout_end(&l->o);
}

static void on_end(struct line *l)
{
	const struct task *t = l->e->task;
	const struct outcome *out = l->e->outcome;
	struct sbuf log = {0};
	bool failed = t->state == STATE_FAILED;
	jsonout_word(&l->o, "state", state_of(t, out));
	jsonout_word(&l->o, "class", failed ? try_class_name(out->class) : NULL);
	if (failed)
		set_failure(l, out);
	set_status(l, out);
	set_agent(l);
	set_known(l, "provider", out->provider);
	set_count(l, "tries", out->tries);
	jsonout_count(&l->o, "duration_ms", out->restored ? 0 : out->duration_ns / NS_PER_MS);
	if (out->restored && out->restored_from.n)
		jsonout_text(&l->o, "from", out->restored_from);
	if (out->restored)
		set_saved(l, out);
	else if (t->kind == TASK_AGENT)
		set_usage(l, out);
	set_refused(l, out);
	jsonout_text(&l->o, "log", failure_log(&log, t, out) ? sbuf_view(&log) : STR_NONE);
	set_result(l);
	sbuf_free(&log);
}

static void on_asked(struct line *l)
{
	jsonout_text(&l->o, "agent", l->e->delegate->agent->name);
	set_text(l, "text", l->e->text);
}

static void on_answered(struct line *l)
{
	const struct outcome *out = l->e->outcome;
	jsonout_text(&l->o, "agent", l->e->delegate->agent->name);
	jsonout_word(&l->o, "class", out->class == TRY_OK ? NULL : try_class_name(out->class));
	set_known(l, "provider", out->provider);
	set_count(l, "tries", out->tries);
	jsonout_count(&l->o, "duration_ms", out->duration_ns / NS_PER_MS);
	set_usage(l, out);
}

static void on_budget(struct line *l)
{
	const struct spending *s = l->e->spending;
	jsonout_object(&l->o, "limit");
	jsonout_real(&l->o, "cost_usd", s->limit.cost_usd > 0 ? s->limit.cost_usd : (double)NAN);
	jsonout_count(&l->o, "tokens", s->limit.tokens > 0 ? (int64_t)s->limit.tokens : -1);
	jsonout_end(&l->o);
	jsonout_object(&l->o, "spent");
	jsonout_real(&l->o, "cost_usd", s->spent.cost_usd);
	jsonout_count(&l->o, "tokens", s->spent.tokens);
	set_count(l, "calls", s->spent.calls);
	set_count(l, "unpriced", s->spent.unpriced);
	set_count(l, "uncounted", s->spent.uncounted);
	jsonout_end(&l->o);
	jsonout_bool(&l->o, "over", s->over_cost || s->over_tokens);
}

static void set_options(struct line *l, const struct eventline_run *r)
{
	jsonout_object(&l->o, "options");
	jsonout_count(&l->o, "jobs", r->jobs ? (int64_t)r->jobs : -1);
	jsonout_count(&l->o, "agents", r->agents ? (int64_t)r->agents : -1);
	jsonout_bool(&l->o, "keep_going", r->keep_going);
	jsonout_array(&l->o, "targets");
	for (size_t i = 0; i < r->n_targets; i++)
		set_text(l, NULL, r->targets[i]);
	jsonout_end(&l->o);
	jsonout_end(&l->o);
}

static void on_begin(struct line *l)
{
	const struct eventline_run *r = &l->of->run;
	set_hex(l, "run", r->run_id);
	set_text(l, "id", r->id);
	set_text(l, "what", r->what);
	jsonout_word(&l->o, "version", r->version);
	jsonout_count(&l->o, "pid", getpid());
	set_count(l, "tasks", l->e->count);
	if (r->sealed.yes)
		jsonout_bool(&l->o, "sealed", true);
	if (l->e->fresh)
		set_count(l, "fresh", l->e->fresh);
	set_options(l, r);
}

static void on_more(struct line *l)
{
	set_count(l, "tasks", l->e->count);
}

static const struct {
	const char *name; /* NULL: it has no line */
	void (*fill)(struct line *l); /* NULL: it is gathered with others */
	enum eventline_kind kind;
} kinds[] = {
	[EVENT_RUN_BEGIN] = {"begin", on_begin, EVENTLINE_FACT},
	[EVENT_FOUND_FRESH] = {"fresh", NULL, EVENTLINE_DETAIL},
	[EVENT_SKIPPED] = {"skipped", set_reason, EVENTLINE_FACT},
	[EVENT_HELD] = {"held", on_held, EVENTLINE_FACT},
	[EVENT_NOT_RUN] = {"not-run", on_not_run, EVENTLINE_FACT},
	[EVENT_REFUSED] = {"refused", on_text, EVENTLINE_FACT},
	[EVENT_START] = {"start", on_start, EVENTLINE_FACT},
	[EVENT_TRY] = {"try", on_try, EVENTLINE_FACT},
	[EVENT_RETRY] = {"retry", on_retry, EVENTLINE_FACT},
	[EVENT_ACTIVITY] = {"activity", on_activity, EVENTLINE_DETAIL},
	[EVENT_ASKED] = {"asked", on_asked, EVENTLINE_FACT},
	[EVENT_ANSWERED] = {"answered", on_answered, EVENTLINE_FACT},
	[EVENT_WAITS] = {"waits", on_text, EVENTLINE_FACT},
	[EVENT_WARNING] = {"warning", on_text, EVENTLINE_FACT},
	[EVENT_END] = {"ended", on_end, EVENTLINE_FACT},
	[EVENT_BUDGET] = {"budget", on_budget, EVENTLINE_FACT},
	[EVENT_GO_ON] = {"more", on_more, EVENTLINE_FACT},
	[EVENT_RUN_END] = {NULL, NULL, EVENTLINE_NONE},
};

static void gather(struct eventline *l, const struct event *e)
{
	struct gathered *g = &l->gathered;
	assert(e->task);
	if (!g->text.n) {
		sbuf_reserve(&g->text, 2 * GATHERED_MOST);
		g->o = opened(l, e, kinds[e->kind].name, &g->text);
		jsonout_array(&g->o, "tasks");
	}
	jsonout_text(&g->o, NULL, e->task->name);
}

void eventline_gathered(struct eventline *l, struct sbuf *b)
{
	struct gathered *g = &l->gathered;
	if (!g->text.n)
		return;
	jsonout_end(&g->o);
	jsonout_end(&g->o);
	sbuf_char(&g->text, '\n');
	sbuf_str(b, sbuf_view(&g->text));
	sbuf_clear(&g->text);
}

/* Is it too soon to tell again what the agent does? */
static bool too_soon(struct eventline *l, const struct event *e)
{
	assert(e->task);
	if (e->task->id >= l->n_told)
		return true;
	if (!l->told_ns)
		l->told_ns = xcalloc(l->n_told, sizeof *l->told_ns);
	int64_t *told_ns = &l->told_ns[e->task->id];
	if (*told_ns && e->at_ns - *told_ns < ACTIVITY_NS)
		return true;
	*told_ns = e->at_ns;
	return false;
}

static void take_graph(struct eventline *l, const struct graph *g)
{
	free(l->told_ns);
	l->told_ns = NULL;
	l->n_told = g->tasks.n;
}

static void count_end(struct eventline *l, const struct task *t, const struct outcome *out)
{
	assert(t);
	bool failed = t->state == STATE_FAILED;
	l->done += !failed && !out->restored;
	l->restored += out->restored;
	l->failed += failed && !out->ignored;
	l->ignored += failed && out->ignored;
	if (t->kind == TASK_AGENT && outcome_asked(out) && !out->restored)
		usage_add(&l->usage, out->input_tokens, out->output_tokens, out->cost_usd);
}

static void count(struct eventline *l, const struct event *e)
{
	l->begun = l->begun || e->kind == EVENT_RUN_BEGIN;
	l->fresh += (e->kind == EVENT_FOUND_FRESH) + (e->kind == EVENT_RUN_BEGIN ? e->fresh : 0);
	l->skipped += e->kind == EVENT_SKIPPED;
	l->held += e->kind == EVENT_HELD;
	l->not_run += e->kind == EVENT_NOT_RUN;
	if (e->kind == EVENT_END)
		count_end(l, e->task, e->outcome);
	if (e->kind == EVENT_GO_ON)
		take_graph(l, e->graph);
}

enum eventline_kind eventline_add(struct eventline *l, struct sbuf *b, const struct event *e, bool details)
{
	enum eventline_kind kind = kinds[e->kind].kind;
	if (e->task && e->task->kind == TASK_GROUP)
		return EVENTLINE_NONE;
	count(l, e);
	if (!kind || (kind == EVENTLINE_DETAIL && !details) || (e->kind == EVENT_ACTIVITY && too_soon(l, e)))
		return EVENTLINE_NONE;
	if (!kinds[e->kind].fill) {
		gather(l, e);
		if (l->gathered.text.n < GATHERED_MOST)
			return EVENTLINE_NONE;
		eventline_gathered(l, b);
		return kind;
	}
	struct line line = line_begin(l, e, kinds[e->kind].name, b);
	kinds[e->kind].fill(&line);
	line_end(&line);
	return kind;
}

void eventline_end(struct eventline *l, struct sbuf *b, int signal, int status)
{
	const struct usage *u = &l->usage;
	if (!l->begun && !signal && !status)
		return;
	struct line line = line_begin(l, NULL, "end", b);
	struct jsonout *o = &line.o;
	jsonout_word(o, "state", signal ? "interrupted" : status ? "failed" : "done");
	jsonout_count(o, "status", signal ? 128 + signal : status);
	jsonout_count(o, "duration_ms", (clock_ns() - l->began_ns) / NS_PER_MS);
	set_count(&line, "done", l->done);
	set_count(&line, "restored", l->restored);
	set_count(&line, "failed", l->failed);
	set_count(&line, "ignored", l->ignored);
	set_count(&line, "fresh", l->fresh);
	set_count(&line, "skipped", l->skipped);
	set_count(&line, "held", l->held);
	set_count(&line, "not_run", l->not_run);
	set_tokens(&line, u->tokens_known ? u->input_tokens : -1, u->tokens_known ? u->output_tokens : -1);
	jsonout_real(o, "cost_usd", u->costs_known ? u->cost_usd : (double)NAN);
	line_end(&line);
}

struct eventline *eventline_new(const struct eventline_run *run, const struct graph *g)
{
	struct eventline *l = xcalloc(1, sizeof *l);
	l->run = *run;
	l->began_ns = clock_ns();
	l->second = -1;
	mask_read(&l->mask, &l->arena, run->environ);
	l->fresh = run->sealed.fresh;
	l->skipped = run->sealed.skipped;
	if (g)
		take_graph(l, g);
	return l;
}

void eventline_free(struct eventline *l)
{
	free(l->told_ns);
	sbuf_free(&l->gathered.text);
	arena_free(&l->arena);
	free(l);
}
