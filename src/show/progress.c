#include "show/progress.h"
#include "show/progress_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define FRAME_NS (100 * NS_PER_MS)

static void draw(struct progress *p, int64_t now)
{
	struct sbuf b = {0};
	unsigned rows, columns;
	p->drawn_ns = now;
	if (!terminal_ready(p->c.terminal))
		return;
	terminal_size(p->c.terminal, &rows, &columns);
	progress_lines(p, now, rows, columns, &b);
	terminal_block(p->c.terminal, sbuf_view(&b));
	terminal_pump(p->c.terminal);
	sbuf_free(&b);
}

/* A frame is due at that time, unless one comes before. */
static void draw_at(struct progress *p, int64_t at_ns)
{
	int64_t first = p->drawn_ns + FRAME_NS;
	at_ns = at_ns > first ? at_ns : first;
	if (!p->timer.place || p->timer.at_ns > at_ns)
		loop_timer_set(p->c.loop, &p->timer, at_ns);
}

static void frame_due(void *progress)
{
	struct progress *p = progress;
	int64_t now = clock_ns();
	draw(p, now);
	if (p->running.n) /* their clocks go on */
		draw_at(p, now + NS_PER_S);
}

static void resized(void *progress)
{
	struct progress *p = progress;
	terminal_again(p->c.terminal);
	if (p->running.n)
		draw_at(p, clock_ns());
}

static struct runner *runner_of(struct progress *p, const struct task *t)
{
	return t && t->id < p->c.graph->tasks.n && p->c.graph->tasks.p[t->id] == t ? p->by_id[t->id] : NULL;
}

static void begin(struct progress *p, const struct event *e)
{
	if (e->task->kind == TASK_GROUP || runner_of(p, e->task))
		return;
	struct runner *r = xcalloc(1, sizeof *r);
	r->task = e->task;
	r->start_ns = e->at_ns;
	r->tokens = -1;
	r->cost_usd = NAN;
	struct str provider = e->outcome && e->outcome->provider.n ? e->outcome->provider : e->text;
	if (!provider.n && e->task->n_providers)
		provider = e->task->providers[0]->name;
	sbuf_str(&r->provider, provider);
	p->by_id[e->task->id] = r;
	vec_push(NULL, &p->running, r);
}

static void forget(struct progress *p, struct runner *r)
{
	size_t i = 0;
	while (p->running.p[i] != r)
		i++;
	memmove(p->running.p + i, p->running.p + i + 1, (p->running.n - i - 1) * sizeof *p->running.p);
	p->running.n--;
	p->by_id[r->task->id] = NULL;
	sbuf_free(&r->provider);
	sbuf_free(&r->says);
	free(r);
}

static void end(struct progress *p, const struct event *e)
{
	const struct outcome *o = e->outcome;
	if (e->task->kind == TASK_GROUP)
		return;
	struct runner *r = runner_of(p, e->task);
	p->over++;
	p->failed += e->task->state == STATE_FAILED;
	if (r)
		forget(p, r);
	if (!o || !o->tries)
		return;
	if (e->task->kind == TASK_AGENT && outcome_asked(o))
		usage_add(&p->usage, o->input_tokens, o->output_tokens, o->cost_usd);
	timeleft_ended(&p->left, e->task, o->duration_ns);
}

static void retry(struct progress *p, const struct event *e)
{
	struct runner *r = runner_of(p, e->task);
	if (!r)
		return;
	r->again_ns = e->at_ns + e->delay_ns;
	r->tries = e->outcome ? e->outcome->tries : 0;
	r->tokens = -1;
	r->cost_usd = NAN;
	r->last = (struct lastline){0};
	sbuf_clear(&r->says);
	if (e->text.n) {
		sbuf_clear(&r->provider);
		sbuf_str(&r->provider, e->text);
	}
}

static void activity(struct progress *p, const struct event *e)
{
	struct runner *r = runner_of(p, e->task);
	const struct activity *a = e->activity;
	if (!r)
		return;
	r->again_ns = 0;
	if (a->text.n) {
		sbuf_clear(&r->says);
		sbuf_str(&r->says, a->text);
	}
	r->tokens = a->input_tokens < 0 && a->output_tokens < 0 ? -1 : (a->input_tokens > 0 ? a->input_tokens : 0) + (a->output_tokens > 0 ? a->output_tokens : 0);
	r->cost_usd = a->cost_usd;
}

static void data(struct progress *p, const struct event *e)
{
	struct runner *r = runner_of(p, e->task);
	if (!r)
		return;
	r->again_ns = 0;
	lastline_add(&r->last, e->text);
}

/* Nothing runs just then. */
static void go_on(struct progress *p, const struct event *e)
{
	p->c.graph = e->graph;
	p->total = e->count;
	free(p->by_id);
	p->by_id = xcalloc(e->graph->tasks.n + 1, sizeof *p->by_id);
	timeleft_free(&p->left);
	p->left.graph = e->graph;
}

static void on_event(void *self, const struct event *e)
{
	struct progress *p = self;
	switch (e->kind) {
	case EVENT_RUN_BEGIN:
		p->total = e->count;
		p->over = e->fresh;
		break;
	case EVENT_GO_ON:
		go_on(p, e);
		break;
	case EVENT_START:
		begin(p, e);
		break;
	case EVENT_DATA:
		data(p, e);
		break;
	case EVENT_ACTIVITY:
		activity(p, e);
		break;
	case EVENT_RETRY:
		retry(p, e);
		break;
	case EVENT_END:
		end(p, e);
		break;
	case EVENT_FOUND_FRESH:
	case EVENT_SKIPPED:
	case EVENT_HELD:
	case EVENT_NOT_RUN:
		p->over += e->task->kind != TASK_GROUP;
		break;
	case EVENT_RUN_END:
		terminal_block(p->c.terminal, STR_NONE);
		loop_timer_clear(p->c.loop, &p->timer);
		return;
	default:
		return;
	}
	if (p->running.n || p->timer.place)
		draw_at(p, e->at_ns);
}

static void on_flush(void *self)
{
	(void)self;
}

struct progress *progress_new(const struct progress_config *c)
{
	struct progress *p = xcalloc(1, sizeof *p);
	p->c = *c;
	p->by_id = xcalloc(c->graph->tasks.n + 1, sizeof *p->by_id);
	p->left = (struct timeleft){.graph = c->graph, .slots = c->slots};
	p->left_ns = -1;
	p->left_at_ns = INT64_MIN / 2;
	p->timer = (struct loop_timer){.fn = frame_due, .self = p};
	p->resized = resized_open(c->loop, resized, p);
	p->drawn_ns = clock_ns(); /* what is over at once draws nothing */
	return p;
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	while (p->running.n)
		forget(p, p->running.p[0]);
	loop_timer_clear(p->c.loop, &p->timer);
	resized_close(p->resized);
	vec_free(&p->running);
	free(p->by_id);
	timeleft_free(&p->left);
	free(p);
}

struct observer progress_observer(struct progress *p)
{
	return (struct observer){on_event, on_flush, p};
}
