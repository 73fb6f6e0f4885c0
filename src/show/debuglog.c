#include "show/debuglog.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "show/actions.h"
#include "show/failure.h"
#include "show/phrase.h"

/* "axmake: debug: 'build': ", or without a task "axmake: debug: ". */
static struct sbuf begin(const struct debuglog *l, const struct task *t)
{
	struct sbuf b = {0};
	sbuf_printf(&b, "%s: debug: ", l->program);
	if (!t)
		return b;
	sbuf_char(&b, '\'');
	utf8_escape(&b, t->name);
	sbuf_lit(&b, "': ");
	return b;
}

/* Writes the line and frees it. */
static void say(const struct debuglog *l, struct sbuf *b)
{
	sbuf_char(b, '\n');
	if (l->shown.event)
		l->shown.flush(l->shown.self);
	(void)actions_write(STDERR_FILENO, sbuf_view(b)); /* where standard error is gone there is nobody to be told */
	sbuf_free(b);
}

static void say_reason(const struct debuglog *l, const struct task *t, const char *what, const struct verdict *v)
{
	struct arena a = {0};
	struct sbuf b = begin(l, t);
	sbuf_lit(&b, what);
	if (v && v->why != WHY_NOT) {
		sbuf_lit(&b, ": ");
		utf8_escape(&b, stale_reason(&a, v));
	}
	say(l, &b);
	arena_free(&a);
}

static void say_text(const struct debuglog *l, const struct task *t, const char *what, struct str text)
{
	struct sbuf b = begin(l, t);
	sbuf_lit(&b, what);
	phrase_line(&b, text);
	say(l, &b);
}

static void on_fresh(struct debuglog *l, const struct event *e)
{
	if (l->kinds & DEBUG_VERBOSE && e->task->kind != TASK_GROUP)
		say_reason(l, e->task, "up to date", NULL);
}

static void on_skipped(struct debuglog *l, const struct event *e)
{
	if (l->kinds & DEBUG_BASIC)
		say_reason(l, e->task, "skipped", e->verdict);
}

static void on_held(struct debuglog *l, const struct event *e)
{
	if (l->kinds & DEBUG_BASIC)
		say_reason(l, e->task, "stale, and held until a person says yes", e->verdict);
}

static void on_not_run(struct debuglog *l, const struct event *e)
{
	if (l->kinds & DEBUG_BASIC)
		say_text(l, e->task, "not run ", e->text);
}

static void say_working(const struct debuglog *l, struct sbuf *b)
{
	sbuf_lit(b, "; ");
	phrase_count(b, l->working.n, "task");
	sbuf_lit(b, " at work");
	say(l, b);
}

static void on_start(struct debuglog *l, const struct event *e)
{
	if (e->task->kind == TASK_GROUP)
		return;
	if (l->kinds & DEBUG_BASIC)
		say_reason(l, e->task, "stale", e->verdict);
	vec_push(NULL, &l->working, e->task);
	if (!(l->kinds & DEBUG_JOBS))
		return;
	struct sbuf b = begin(l, e->task);
	sbuf_lit(&b, "starts");
	if (e->text.n) {
		sbuf_lit(&b, " via ");
		phrase_line(&b, e->text);
	}
	say_working(l, &b);
}

/* Was it at work? It is no more. */
static bool leaves(struct debuglog *l, const struct task *t)
{
	for (size_t i = 0; i < l->working.n; i++)
		if (l->working.p[i] == t) {
			l->working.p[i] = l->working.p[--l->working.n];
			return true;
		}
	return false;
}

static void add_end(struct sbuf *b, const struct task *t, const struct outcome *o)
{
	if (t->state == STATE_FAILED && o)
		failure_words(b, t, o);
	else if (o && o->restored)
		sbuf_lit(b, o->restored_from.n ? "restored from the shared cache" : "restored from the cache");
	else if (o && !o->tries)
		sbuf_lit(b, "recorded as up to date, not run");
	else
		sbuf_lit(b, "ends well");
}

static void on_end(struct debuglog *l, const struct event *e)
{
	const struct outcome *o = e->outcome;
	if (e->task->kind == TASK_GROUP)
		return;
	bool ran = leaves(l, e->task);
	if (!ran && e->verdict && l->kinds & DEBUG_BASIC)
		say_reason(l, e->task, "stale", e->verdict);
	if (!(l->kinds & DEBUG_JOBS))
		return;
	struct sbuf b = begin(l, e->task);
	add_end(&b, e->task, o);
	if (ran && o) {
		sbuf_lit(&b, " after ");
		clock_duration(&b, o->duration_ns);
	}
	say_working(l, &b);
}

static void on_retry(struct debuglog *l, const struct event *e)
{
	if (!(l->kinds & DEBUG_JOBS))
		return;
	struct sbuf b = begin(l, e->task);
	if (e->outcome && e->outcome->earlier)
		sbuf_lit(&b, "its last answer failed its check again, a first try begins ");
	else
		sbuf_printf(&b, "try %u failed, the next one begins ", e->outcome ? e->outcome->tries : 0);
	if (e->delay_ns > 0) {
		sbuf_lit(&b, "in ");
		phrase_span(&b, e->delay_ns);
	} else {
		sbuf_lit(&b, "at once");
	}
	say(l, &b);
}

static void on_waits(struct debuglog *l, const struct event *e)
{
	if (l->kinds & DEBUG_JOBS)
		say_text(l, e->task, "waits: ", e->text);
}

/* "axmake: debug: 'b': waits for a free slot, as do 3 more" */
static void on_lacks(struct debuglog *l, const struct event *e)
{
	if (!(l->kinds & DEBUG_JOBS))
		return;
	struct sbuf b = begin(l, e->task);
	sbuf_lit(&b, "waits for ");
	sbuf_str(&b, e->text);
	if (e->count > 1)
		sbuf_printf(&b, ", as do %zu more", e->count - 1);
	say(l, &b);
}

static void on_begin(struct debuglog *l, const struct event *e)
{
	if (!(l->kinds & DEBUG_BASIC))
		return;
	struct sbuf b = begin(l, NULL);
	phrase_count(&b, e->count, "task");
	sbuf_lit(&b, " wanted");
	say(l, &b);
}

static void on_go_on(struct debuglog *l, const struct event *e)
{
	if (!(l->kinds & (DEBUG_BASIC | DEBUG_FILES)))
		return;
	struct sbuf b = begin(l, NULL);
	sbuf_lit(&b, "read again, as tasks have made some of the workflow; ");
	phrase_count(&b, e->count, "task");
	sbuf_lit(&b, " wanted in all");
	say(l, &b);
}

static void hear(void *self, const struct event *e)
{
	static void (*const handlers[])(struct debuglog *, const struct event *) = {
		[EVENT_RUN_BEGIN] = on_begin, [EVENT_FOUND_FRESH] = on_fresh, [EVENT_SKIPPED] = on_skipped, [EVENT_HELD] = on_held,
		[EVENT_NOT_RUN] = on_not_run, [EVENT_START] = on_start,       [EVENT_END] = on_end,         [EVENT_RETRY] = on_retry,
		[EVENT_WAITS] = on_waits,     [EVENT_LACKS] = on_lacks,     [EVENT_GO_ON] = on_go_on,       [EVENT_RUN_END] = NULL,
	};
	if (handlers[e->kind])
		handlers[e->kind](self, e);
}

static void flush(void *self)
{
	(void)self;
}

struct observer debuglog_observer(struct debuglog *l)
{
	return (struct observer){hear, flush, l};
}

void debuglog_free(struct debuglog *l)
{
	vec_free(&l->working);
}

void debuglog_files(const struct debuglog *l, const struct diag *d)
{
	for (uint32_t i = 1; l->kinds & DEBUG_FILES && i <= diag_sources(d); i++)
		say_text(l, NULL, "read ", diag_source_name(d, i));
}

void debuglog_verdict(const struct debuglog *l, const struct task *t, const struct verdict *v)
{
	bool fresh = v->why == WHY_NOT;
	if (!(l->kinds & (fresh ? DEBUG_VERBOSE : DEBUG_BASIC)))
		return;
	say_reason(l, t, fresh ? "up to date" : verdict_is_skip(v) ? "skipped" : verdict_is_error(v) ? "cannot run" : t->state == STATE_HELD ? "held" : "stale", v);
}
