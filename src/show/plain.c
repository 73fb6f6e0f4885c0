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

void plain_number(struct plain *p, const struct task *t)
{
	if (p->ordinals[t->id])
		return;
	p->ordinals[t->id] = (uint32_t)++p->reached;
	if (p->total < p->reached)
		p->total = p->reached;
}

void plain_name(struct plain *p, const struct task *t)
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
	plain_number(p, e->task);
	if (plain_quiet(p))
		return;
	p->headed = NULL;
	plain_name(p, e->task);
	phrase_color(&p->console.out, p->config.color_out, "32", "skipped");
	sbuf_lit(&p->console.out, ": ");
	utf8_escape(&p->console.out, row.why);
	sbuf_char(&p->console.out, '\n');
	sbuf_add(&p->skips, p->console.out.p + before, p->console.out.n - before);
	p->shown = NULL;
	console_room(&p->console);
}

/* "[2/4] code: agent backend via offline" */
void plain_head(struct plain *p, const struct event *e)
{
	plain_name(p, e->task);
	add_call(p, e);
	sbuf_char(&p->console.out, '\n');
	p->headed = e->task;
	sbuf_clear(&p->failure);
}

/* "[2/4] code:", above an output that does not follow its task's head, since others came between. */
void plain_short_head(struct plain *p, const struct task *t)
{
	if (plain_quiet(p) || p->headed == t)
		return;
	plain_name(p, t);
	p->console.out.p[p->console.out.n - 1] = '\n';
}

/* "axmake: src/new.c changed" */
void plain_say_why(struct plain *p)
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
	plain_say_why(p);
	plain_number(p, t);
	trace_reason(p, t, e->verdict);
	if ((plain_quiet(p) || (p->console.drawn && !p->config.live)) && !p->config.trace)
		return;
	plain_head(p, e);
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
	plain_name(p, e->task);
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
static void on_data(struct plain *p, const struct event *e)
{
	if (p->config.quiet || !p->config.live)
		return;
	console_live(&p->console, e->task->name, e->task->kind == TASK_AGENT, e->is_stderr, e->text);
	p->shown = e->task;
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

static void add_not_run(struct plain *p, const struct task *t, struct str why, bool stopped)
{
	struct row row = {.task = t, .duration_ns = -1, .input_tokens = -1, .output_tokens = -1, .cost_usd = NAN, .why = why, .stopped = stopped};
	if (t->kind != TASK_GROUP)
		table_add(&p->table, &p->arena, ROW_NOT_RUN, &row);
}

static void on_not_run(struct plain *p, const struct event *e)
{
	if (e->unsaid && !p->unsaid.n)
		p->unsaid = arena_printf(&p->arena, "%.*s: %.*s", STR_ARG(e->task->name), STR_ARG(e->text));
	add_not_run(p, e->task, e->text, e->stopped);
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

/* "axmake: *** [workflow.ax.yaml:4: ask] no provider …": nothing is started, so there is no table to come, unless something was done before. */
static void on_refused(struct plain *p, const struct event *e)
{
	struct sbuf b = {0}, head = {0};

	p->refused = true;
	add_not_run(p, e->task, STR("nothing was started"), false);
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
	p->ordinals = arena_array(&p->arena, uint32_t, e->graph->tasks.n + 1);
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
	    [EVENT_DATA] = on_data,       [EVENT_RETRY] = plain_on_retry, [EVENT_END] = plain_on_end,
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
	p->ordinals = arena_array(&p->arena, uint32_t, c->graph->tasks.n + 1);
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
	free(p);
}
