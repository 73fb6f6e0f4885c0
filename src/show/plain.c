#include "show/plain.h"
#include "show/plain_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/utf8.h"
#include "graph/stale.h"
#include "show/failure.h"

#define SCRIPT_COLUMNS 160

static void number(struct plain *p, const struct task *t)
{
	if (p->ordinals[t->id])
		return;
	p->ordinals[t->id] = (uint32_t)++p->reached;
	if (p->total < p->reached)
		p->total = p->reached;
}

static void add_name(struct plain *p, const struct task *t)
{
	sbuf_printf(&p->console.out, "[%u/%zu] ", p->ordinals[t->id], p->total);
	utf8_escape(&p->console.out, t->name);
	sbuf_lit(&p->console.out, ": ");
}

/* Columns for a script behind what stands on its line already: no line of a terminal is to be broken for it. */
static size_t script_room(const struct plain *p, const struct task *t)
{
	char head[60];
	int before = snprintf(head, sizeof head, "[%zu/%zu] : $  …", p->total, p->total);
	size_t columns = console_columns(&p->console), used = phrase_width(t->name) + (size_t)before;

	if (!columns || columns > used + SCRIPT_COLUMNS)
		return SCRIPT_COLUMNS;
	return columns > used + 20 ? columns - used : 20;
}

/* "workflow.ax.yaml:12: backend: never ran", as make's --trace. */
static void trace_reason(struct plain *p, const struct task *t, const struct verdict *v)
{
	struct arena a = {0};

	if (!p->config.trace || !v || !t || p->explained == t)
		return;
	p->explained = t;
	diag_where(p->config.diag, t->def->at, &p->console.out);
	sbuf_lit(&p->console.out, ": ");
	utf8_escape(&p->console.out, t->name);
	sbuf_lit(&p->console.out, ": ");
	utf8_escape(&p->console.out, stale_reason(&a, v));
	sbuf_char(&p->console.out, '\n');
	arena_free(&a);
}

static void add_call(struct plain *p, const struct event *e)
{
	const struct task *t = e->task;
	struct str provider = e->text;

	if (t->kind == TASK_RUN) {
		phrase_script(&p->console.out, t->def->run.s, script_room(p, t));
		return;
	}
	phrase_kind(&p->console.out, t);
	if (e->outcome && e->outcome->provider.n)
		provider = e->outcome->provider;
	if (!provider.n && t->n_providers)
		provider = t->providers[0]->name;
	if (provider.n) {
		sbuf_lit(&p->console.out, " via ");
		utf8_escape(&p->console.out, provider);
	}
}

static void on_begin(struct plain *p, const struct event *e)
{
	p->begin_ns = e->at_ns;
	p->total = e->count;
	p->fresh = p->reached = e->fresh;
	if (e->saving)
		p->spared = *e->saving;
}

static void on_fresh(struct plain *p, const struct event *e)
{
	const struct task_record *r = e->task->record;

	if (e->task->kind == TASK_GROUP)
		return;
	p->fresh++;
	p->reached++;
	if (r)
		saving_add(&p->spared, e->task, r);
}

/* "[3/4] deploy: skipped: 'when' does not hold: "dev" == "prod"" */
static void on_skipped(struct plain *p, const struct event *e)
{
	struct row row = {.task = e->task, .duration_ns = -1, .input_tokens = -1, .output_tokens = -1, .cost_usd = NAN};
	size_t before = p->console.out.n;

	row.why = stale_reason(&p->arena, e->verdict);
	table_add(&p->table, &p->arena, ROW_SKIPPED, &row);
	p->skipped++;
	number(p, e->task);
	if (plain_quiet(p))
		return;
	p->headed = NULL;
	add_name(p, e->task);
	phrase_color(&p->console.out, p->config.color_out, "32", "skipped");
	sbuf_lit(&p->console.out, ": ");
	utf8_escape(&p->console.out, row.why);
	sbuf_char(&p->console.out, '\n');
	sbuf_add(&p->skips, p->console.out.p + before, p->console.out.n - before);
	p->shown = NULL;
	console_room(&p->console);
}

/* "[2/4] code: agent backend via offline" */
static void add_head(struct plain *p, const struct event *e)
{
	add_name(p, e->task);
	add_call(p, e);
	sbuf_char(&p->console.out, '\n');
	p->headed = e->task;
	sbuf_clear(&p->failure);
}

/* "[2/4] code:", above an output that does not follow its task's head, since others came between. */
static void add_short_head(struct plain *p, const struct task *t)
{
	if (plain_quiet(p) || p->headed == t)
		return;
	add_name(p, t);
	p->console.out.p[p->console.out.n - 1] = '\n';
}

/* "axmake: src/new.c changed" */
static void say_why(struct plain *p)
{
	struct sbuf b = {0};

	if (!p->config.why.n || plain_quiet(p))
		return;
	sbuf_printf(&b, "%s: %.*s\n", p->config.program, STR_ARG(p->config.why));
	p->config.why = STR_NONE;
	console_say(&p->console, &b);
}

static void on_start(struct plain *p, const struct event *e)
{
	const struct task *t = e->task;

	if (t->kind == TASK_GROUP)
		return;
	say_why(p);
	number(p, t);
	trace_reason(p, t, e->verdict);
	if ((plain_quiet(p) || (p->console.drawn && !p->config.live)) && !p->config.trace)
		return;
	add_head(p, e);
	if (p->config.trace && t->kind == TASK_RUN)
		phrase_lines(&p->console.out, t->def->run.s, "    ");
	p->shown = NULL;
	console_room(&p->console);
}

static void on_asked(struct plain *p, const struct event *e)
{
	if (plain_quiet(p))
		return;
	p->headed = p->headed == e->task ? p->headed : NULL;
	add_name(p, e->task);
	sbuf_lit(&p->console.out, "asks ");
	phrase_line(&p->console.out, e->text);
	sbuf_char(&p->console.out, '\n');
	p->shown = NULL;
}

static void on_why(struct plain *p, const struct event *e)
{
	trace_reason(p, e->task, e->verdict);
}

/* A task's output, whole. */
static void show_output(struct plain *p, const struct event *e, const struct outcome *o)
{
	const struct task *t = e->task;
	struct arena a = {0};
	bool any = false;
	int fd, err;

	if (p->config.live || !o->log_path.n || !o->log_size || (p->config.quiet && t->state != STATE_FAILED))
		return;
	if (p->console.drawn) {
		if (!p->config.trace)
			add_head(p, e);
		console_flush(&p->console);
		terminal_add_file(p->console.drawn, p->config.root_fd, o->log_path, t->kind == TASK_AGENT);
		p->shown = t;
		return;
	}
	add_short_head(p, t);
	fd = openat(p->config.root_fd, arena_copy(&a, o->log_path).p, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	err = fd < 0 ? errno : console_stream(&p->console, t->kind == TASK_AGENT, fd, &any);
	if (fd >= 0)
		close(fd);
	if (any)
		p->shown = t;
	if (err) {
		struct sbuf b = {0};

		sbuf_printf(&b, "%s: warning: cannot show the output of ", p->config.program);
		utf8_escape(&b, t->name);
		sbuf_printf(&b, ": %.*s: %s\n", STR_ARG(o->log_path), os_error(err));
		console_say(&p->console, &b);
	}
	arena_free(&a);
}

static void on_data(struct plain *p, const struct event *e)
{
	if (p->config.quiet || !p->config.live)
		return;
	console_live(&p->console, e->task->name, e->task->kind == TASK_AGENT, e->is_stderr, e->text);
	p->shown = e->task;
}

/* "axmake: *** [workflow.ax.yaml:12: backend] Error 2" and what helps to see why. */
static void say_failure(struct plain *p, const struct task *t, const struct outcome *o)
{
	struct sbuf b = {0}, head = {0}, log = {0};

	if (o->tail.n && !(p->shown == t && p->console.one_place))
		phrase_lines(&b, failure_tail(o->tail), "    ");
	sbuf_printf(&head, "%s: %s[", p->config.program, o->ignored ? "" : "*** ");
	diag_where(p->config.diag, t->def->at, &head);
	sbuf_lit(&head, ": ");
	utf8_escape(&head, t->name);
	sbuf_lit(&head, "] ");
	failure_brief(&head, t, o);
	if (o->ignored)
		sbuf_lit(&head, " (ignored)");
	phrase_color(&b, p->config.color_err, o->ignored ? "33" : "1;31", head.p);
	sbuf_char(&b, '\n');
	if (failure_log(&log, t, o)) {
		sbuf_printf(&b, "    log: %s (", log.p);
		phrase_command(&b, p->config.graph);
		sbuf_lit(&b, " --log ");
		phrase_word(&b, t->name);
		sbuf_lit(&b, ")\n");
	}
	if (o->session.n) {
		sbuf_lit(&b, "    session: ");
		phrase_line(&b, o->session);
		sbuf_char(&b, '\n');
	}
	sbuf_clear(&p->failure);
	if (o->tail.n && p->shown == t && p->console.one_place)
		phrase_lines(&p->failure, failure_tail(o->tail), "");
	sbuf_str(&p->failure, sbuf_view(&b));
	console_say(&p->console, &b);
	sbuf_free(&head);
	sbuf_free(&log);
}

static void say_left_behind(struct plain *p, const struct task *t, size_t n)
{
	struct sbuf b = {0};

	sbuf_printf(&b, "%s: ", p->config.program);
	utf8_escape(&b, t->name);
	sbuf_printf(&b, ": %zu process%s left behind and ended\n", n, n == 1 ? "" : "es");
	console_say(&p->console, &b);
}

/* "done in 0.12s (3 tries, 812+96 tokens, $0.01)" */
static void add_done(struct plain *p, const struct outcome *o)
{
	struct sbuf more = {0};

	sbuf_clear(&p->failure);
	if (o->restored) {
		phrase_color(&p->console.out, p->config.color_out, "32", "restored");
		sbuf_lit(&p->console.out, o->restored_from.n ? " from the shared cache (" : " from the cache (");
		phrase_saved(&p->console.out, o->duration_ns, o->input_tokens, o->output_tokens, o->cost_usd);
		sbuf_lit(&p->console.out, ")\n");
		return;
	}
	if (!o->tries) {
		sbuf_lit(&p->console.out, "recorded as up to date, not run\n");
		return;
	}
	phrase_color(&p->console.out, p->config.color_out, "32", "done");
	sbuf_lit(&p->console.out, " in ");
	clock_duration(&p->console.out, o->duration_ns);
	if (o->fell_back) {
		sbuf_lit(&more, "by ");
		utf8_escape(&more, o->provider);
	}
	if (o->tries > 1)
		sbuf_printf(&more, "%s%u tries", more.n ? ", " : "", o->tries);
	if (o->input_tokens >= 0 || o->output_tokens >= 0) {
		sbuf_lit(&more, more.n ? ", " : "");
		phrase_tokens(&more, o->input_tokens, o->output_tokens);
	}
	if (!isnan(o->cost_usd)) {
		sbuf_lit(&more, more.n ? ", " : "");
		phrase_usd(&more, o->cost_usd);
	}
	if (more.n)
		sbuf_printf(&p->console.out, " (%s)", more.p);
	sbuf_char(&p->console.out, '\n');
	sbuf_free(&more);
}

static void note_end(struct plain *p, const struct task *t, const struct outcome *o)
{
	struct row row = {.task = t,
	                  .duration_ns = o->duration_ns,
	                  .tries = o->tries,
	                  .input_tokens = o->input_tokens,
	                  .output_tokens = o->output_tokens,
	                  .cost_usd = o->cost_usd};
	struct sbuf why = {0}, log = {0};
	enum row_state state = o->restored ? ROW_RESTORED : t->state != STATE_FAILED ? ROW_DONE : o->ignored ? ROW_IGNORED : ROW_FAILED;

	if (o->restored) {
		if (o->restored_from.n)
			sbuf_lit(&why, "from the shared cache; ");
		phrase_saved(&why, o->duration_ns, o->input_tokens, o->output_tokens, o->cost_usd);
		p->restored.ns += o->duration_ns;
		usage_add(&p->restored.usage, o->input_tokens, o->output_tokens, o->cost_usd);
	}
	if (!o->tries) {
		row.duration_ns = row.input_tokens = row.output_tokens = -1;
		row.cost_usd = NAN;
	}
	if (t->kind == TASK_AGENT && outcome_asked(o))
		usage_add(&p->usage, o->input_tokens, o->output_tokens, o->cost_usd);
	if (state == ROW_FAILED || state == ROW_IGNORED) {
		failure_words(&why, t, o);
		row.has_log = failure_log(&log, t, o);
	}
	row.why = sbuf_view(&why);
	table_add(&p->table, &p->arena, state, &row);
	sbuf_free(&why);
	sbuf_free(&log);
}

static const struct outcome *outcome_of(const struct event *e)
{
	static const struct outcome nothing = {.input_tokens = -1, .output_tokens = -1, .cache_read_tokens = -1, .cache_write_tokens = -1, .cost_usd = NAN};

	return e->outcome ? e->outcome : &nothing;
}

static void on_end(struct plain *p, const struct event *e)
{
	const struct task *t = e->task;
	const struct outcome *o = outcome_of(e);

	if (t->kind == TASK_GROUP)
		return;
	say_why(p);
	number(p, t); /* it may have ended without a start */
	console_live_end(&p->console, t->name, t->kind == TASK_AGENT);
	show_output(p, e, o);
	note_end(p, t, o);
	if (t->state == STATE_FAILED) {
		say_failure(p, t, o);
	} else if (!plain_quiet(p)) {
		add_name(p, t);
		add_done(p, o);
	}
	if (o->ended)
		say_left_behind(p, t, o->ended);
	p->shown = p->headed = NULL;
	console_room(&p->console);
}

/* "axmake: backend: try 1 failed (transient: 529 overloaded); next in 5s" */
static void on_retry(struct plain *p, const struct event *e)
{
	const struct outcome *o = outcome_of(e);
	struct sbuf b = {0};

	console_live_end(&p->console, e->task->name, e->task->kind == TASK_AGENT);
	sbuf_printf(&b, "%s: ", p->config.program);
	utf8_escape(&b, e->task->name);
	if (o->class == TRY_LOST || o->unstarted) {
		sbuf_lit(&b, ": ");
		utf8_escape(&b, o->error);
		sbuf_lit(&b, "; that is no failure of its own, next ");
	} else if (o->earlier) {
		sbuf_lit(&b, ": its last answer fails again (");
		failure_words(&b, e->task, o);
		sbuf_lit(&b, "); another is asked for ");
	} else {
		sbuf_printf(&b, ": try %u failed (", o->tries);
		failure_words(&b, e->task, o);
		sbuf_lit(&b, "); next ");
	}
	if (e->delay_ns > 0) {
		sbuf_lit(&b, "in ");
		phrase_span(&b, e->delay_ns);
	} else {
		sbuf_lit(&b, "at once");
	}
	if (e->text.n) {
		sbuf_lit(&b, " by ");
		utf8_escape(&b, e->text);
	}
	sbuf_char(&b, '\n');
	console_say(&p->console, &b);
}

/* "axmake: deploy is held: Deploy to production? (axmake --approve deploy lets it run)" */
static void on_held(struct plain *p, const struct event *e)
{
	struct row row = {
	    .task = e->task, .duration_ns = -1, .input_tokens = -1, .output_tokens = -1, .cost_usd = NAN, .why = e->task->def->approve.s};
	struct sbuf b = {0};

	row.anew = e->verdict->why == WHY_FORCED || e->verdict->why == WHY_WHAT_IF;
	table_add(&p->table, &p->arena, ROW_HELD, &row);
	sbuf_printf(&b, "%s: ", p->config.program);
	utf8_escape(&b, e->task->name);
	sbuf_lit(&b, " is held: ");
	phrase_held(&b, p->config.graph, e->task);
	sbuf_char(&b, '\n');
	console_say(&p->console, &b);
}

static void on_not_run(struct plain *p, const struct event *e)
{
	struct row row = {
	    .task = e->task, .duration_ns = -1, .input_tokens = -1, .output_tokens = -1, .cost_usd = NAN, .why = e->text, .stopped = e->stopped};

	if (e->unsaid && !p->unsaid.n)
		p->unsaid = arena_printf(&p->arena, "%.*s: %.*s", STR_ARG(e->task->name), STR_ARG(e->text));
	if (e->task->kind != TASK_GROUP)
		table_add(&p->table, &p->arena, ROW_NOT_RUN, &row);
}

static void on_warning(struct plain *p, const struct event *e)
{
	struct sbuf b = {0};

	sbuf_printf(&b, "%s: ", p->config.program);
	phrase_color(&b, p->config.color_err, "35", "warning:");
	sbuf_char(&b, ' ');
	if (e->task) {
		utf8_escape(&b, e->task->name);
		sbuf_lit(&b, ": ");
	}
	phrase_line(&b, e->text);
	sbuf_char(&b, '\n');
	p->warned = true;
	console_say(&p->console, &b);
}

/* "axmake: backend waits: 'mine' is busy": once for all that do. */
static void on_waits(struct plain *p, const struct event *e)
{
	struct sbuf b = {0};

	if (plain_quiet(p))
		return;
	sbuf_printf(&b, "%s: ", p->config.program);
	utf8_escape(&b, e->task->name);
	sbuf_lit(&b, " waits: ");
	phrase_line(&b, e->text);
	sbuf_char(&b, '\n');
	console_say(&p->console, &b);
}

/* "axmake: *** [workflow.ax.yaml:4: ask] no provider …": nothing is started, so there is no table to come. */
static void on_refused(struct plain *p, const struct event *e)
{
	struct sbuf b = {0}, head = {0};

	p->refused = true;
	sbuf_printf(&head, "%s: *** [", p->config.program);
	diag_where(p->config.diag, e->task->def->at, &head);
	sbuf_lit(&head, ": ");
	utf8_escape(&head, e->task->name);
	sbuf_lit(&head, "] ");
	phrase_line(&head, e->text);
	phrase_color(&b, p->config.color_err, "1;31", head.p);
	sbuf_char(&b, '\n');
	sbuf_free(&head);
	console_say(&p->console, &b);
}

static void on_budget(struct plain *p, const struct event *e)
{
	p->spending = *e->spending;
}

static void on_go_on(struct plain *p, const struct event *e)
{
	p->config.graph = e->graph;
	p->total = e->count;
	free(p->ordinals);
	p->ordinals = xcalloc(e->graph->tasks.n + 1, sizeof *p->ordinals);
}

static void on_run_end(struct plain *p, const struct event *e)
{
	p->end_ns = e->at_ns;
	console_flush(&p->console);
}

static void plain_event(void *self, const struct event *e)
{
	static void (*const handlers[])(struct plain *, const struct event *) = {
	    [EVENT_RUN_BEGIN] = on_begin, [EVENT_FOUND_FRESH] = on_fresh, [EVENT_START] = on_start,
	    [EVENT_DATA] = on_data,       [EVENT_RETRY] = on_retry,       [EVENT_END] = on_end,
	    [EVENT_NOT_RUN] = on_not_run, [EVENT_WARNING] = on_warning,   [EVENT_WHY] = on_why,
	    [EVENT_RUN_END] = on_run_end, [EVENT_REFUSED] = on_refused, [EVENT_ASKED] = on_asked, [EVENT_HELD] = on_held,
	    [EVENT_SKIPPED] = on_skipped, [EVENT_WAITS] = on_waits,
	    [EVENT_BUDGET] = on_budget,
	    [EVENT_GO_ON] = on_go_on,
	};

	if (handlers[e->kind])
		handlers[e->kind](self, e);
}

static void plain_flush(void *self)
{
	console_flush(&((struct plain *)self)->console);
}

struct plain *plain_new(const struct plain_config *c)
{
	struct plain *p = xcalloc(1, sizeof *p);

	p->config = *c;
	p->ordinals = xcalloc(c->graph->tasks.n + 1, sizeof *p->ordinals);
	p->console = console_open();
	p->console.bare = c->bare;
	p->begin_ns = p->end_ns = -1;
	return p;
}

struct observer plain_observer(struct plain *p)
{
	return (struct observer){plain_event, plain_flush, p};
}

void plain_draw(struct plain *p, struct terminal *t)
{
	console_flush(&p->console);
	p->console.drawn = t;
}

bool plain_warned(const struct plain *p)
{
	return p->warned;
}

void plain_mistaken(struct plain *p)
{
	p->mistaken = true;
}

void plain_free(struct plain *p)
{
	if (!p)
		return;
	console_close(&p->console);
	sbuf_free(&p->failure);
	sbuf_free(&p->skips);
	arena_free(&p->arena);
	free(p->ordinals);
	free(p);
}
