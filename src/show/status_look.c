#include "base/clock.h"
#include "show/phrase.h"
#include "show/status_parts.h"
#include "show/underway.h"

/* Did it end in this run without success? */
static bool failed_now(const struct scene *s, const struct task *t)
{
	return s->tasks[t->id].state == S_NOT_RUN || s->tasks[t->id].state == S_FAILED;
}

/* Did a dependency end in this run so that t cannot start? */
static const struct task *blocker(const struct scene *s, const struct task *t)
{
	for (size_t i = 0; i < t->deps.n; i++) {
		const struct dep *d = &t->deps.p[i];
		enum state state = s->tasks[d->task->id].state;
		bool bears = d->tolerant || t->def->run_if != RUN_IF_SUCCESS || (state == S_FAILED && d->task->def->optional);

		if (state == S_HELD || (failed_now(s, d->task) && !bears))
			return d->task;
	}
	return NULL;
}

static bool after_failure(const struct scene *s, const struct task *t)
{
	for (size_t i = 0; t->def->run_if != RUN_IF_SUCCESS && i < t->deps.n; i++)
		if (failed_now(s, t->deps.p[i].task))
			return true;
	return false;
}

/* Its try has failed, and the next one's time has not come. */
static bool rests(const struct scene *s, const struct task *t)
{
	return underway_task(s->run, t->name)->due_ms > clock_wall_ns() / NS_PER_MS;
}

/* Nothing that it needs has failed, but the run may have told already, or be about to, that it is not run. */
static enum state state_to_come(const struct scene *s, const struct task *t, struct standing *st)
{
	const struct underway_task *told = underway_task(s->run, t->name);
	const struct task *cause = blocker(s, t);

	if (cause)
		st->reason = arena_printf(s->view->arena, "because of %.*s", STR_ARG(cause->name));
	else if (told->not_run.n)
		st->reason = told->not_run;
	else if (s->run->stopped && t->def->run_if == RUN_IF_SUCCESS)
		st->reason = STR("stopped after a failure (-k goes on)");
	return st->reason.n ? S_NOT_RUN : S_WAITING;
}

/* The part of a run that goes on now. */
static enum state state_in_run(const struct scene *s, const struct task *t, struct standing *st)
{
	const struct verdict *v = &s->view->verdicts[t->id];
	bool now = st->record && st->record->ended_at_ms >= s->run->holder.since_ns / NS_PER_MS;

	if (st->start.open && st->start.run_id == s->run->holder.run_id)
		return st->start.failed ? S_FAILED : rests(s, t) ? S_WAITING : S_RUNNING;
	if (now) /* whatever has come after: `always`, an edited input */
		return S_DONE;
	if (v->why == WHY_NOT)
		return S_UP_TO_DATE;
	if (verdict_is_skip(v) && v->why != WHY_IF_FAILURE && !after_failure(s, t))
		return S_SKIPPED;
	return state_to_come(s, t, st);
}

static bool is_held(const struct task *t, const struct verdict *v)
{
	return t->state == STATE_HELD && v->why != WHY_HELD_BEHIND;
}

static struct str held_reason(const struct view *v, const struct task *t)
{
	struct sbuf b = {0};

	phrase_held(&b, v->graph, t);
	struct str s = arena_copy(v->arena, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

static struct str failure_reason(struct arena *a, struct str class)
{
	if (!class.n || str_eq(class, STR("failed")))
		return STR("the last try failed");
	return arena_printf(a, "the last try failed (%.*s)", STR_ARG(class));
}

static void judge(struct scene *s, const struct task *t)
{
	const struct view *v = s->view;
	const struct verdict *verdict = &v->verdicts[t->id];
	struct standing *st = &s->tasks[t->id];
	struct str workflow = v->graph->workflow->file;

	st->record = t->record;
	if (t->kind != TASK_GROUP && v->log)
		st->start = log_open_start(v->log, workflow, t->name);
	/* Before its journal is there, a run is known by what it has started. */
	if (s->run->holder.held && !s->run->told)
		st->in_run = st->start.open && st->start.run_id == s->run->holder.run_id;
	if (st->in_run)
		st->state = state_in_run(s, t, st);
	else if (verdict->why == WHY_NOT)
		st->state = S_UP_TO_DATE;
	else if (verdict_is_skip(verdict) && !(verdict->why == WHY_IF_FAILURE && st->start.open && st->start.failed))
		st->state = S_SKIPPED;
	else if (is_held(t, verdict))
		st->state = S_HELD;
	else
		st->state = st->start.open && st->start.failed ? S_FAILED : S_STALE;
	if (st->in_run && st->state == S_WAITING && is_held(t, verdict))
		st->state = S_HELD;
	if (st->state == S_HELD)
		st->reason = held_reason(v, t);
	else if (st->state == S_FAILED)
		st->reason = failure_reason(v->arena, st->start.class);
	else if (verdict->why != WHY_NOT && !st->reason.p && st->state != S_RUNNING && st->state != S_DONE)
		st->reason = stale_reason(v->arena, verdict);
}

/* What the run was asked for, with all that it needs. */
static void mark_in_run(struct scene *s)
{
	const struct graph *g = s->view->graph;
	const struct underway *u = s->run;
	const struct text_list *usual = &g->workflow->defaults_targets;

	if (!u->told || !str_eq(u->workflow, g->workflow->file))
		return;
	for (size_t i = 0; i < g->tasks.n && !u->targets.n && !usual->n; i++)
		s->tasks[i].in_run = true;
	for (size_t i = 0; i < (u->targets.n ? u->targets.n : usual->n); i++) {
		struct str target = u->targets.n ? u->targets.p[i] : usual->p[i].s;
		struct task_span named = graph_named(g, target);
		struct task *maker = named.n ? NULL : graph_producer(g, graph_path(g, s->view->arena, target));

		for (size_t k = 0; k < named.n; k++)
			s->tasks[named.p[k]->id].in_run = true;
		if (maker)
			s->tasks[maker->id].in_run = true;
	}
	for (size_t i = g->order.n; i-- > 0;)
		for (size_t k = 0; s->tasks[g->order.p[i]->id].in_run && k < g->order.p[i]->deps.n; k++)
			s->tasks[g->order.p[i]->deps.p[k].task->id].in_run = true;
}

struct scene status_look(const struct view *v)
{
	static const struct underway none;
	struct scene s = {.view = v, .run = v->underway ? v->underway : &none, .tasks = arena_array(v->arena, struct standing, v->graph->tasks.n + 1)};

	mark_in_run(&s);
	for (size_t i = 0; i < v->graph->order.n; i++)
		if (v->graph->order.p[i]->wanted)
			judge(&s, v->graph->order.p[i]);
	if (!s.run->holder.held)
		return s;
	status_count_busy(&s);
	for (size_t i = 0; i < v->graph->order.n; i++) {
		const struct task *t = v->graph->order.p[i];
		if (t->wanted && s.tasks[t->id].state == S_WAITING)
			s.tasks[t->id].reason = status_waits(&s, t);
	}
	return s;
}

void status_free(struct scene *s)
{
	map_free(&s->busy.providers);
}
