/* What follows from a task's end for those that come after it, and from a failure for all that had not begun. */
#include "run/choice.h"
#include "run/job.h"

void follow_not_run(struct sched *s, struct task *t, struct str because, bool stopped)
{
	t->state = STATE_NOT_RUN;
	t->bypassed = stopped;
	s->result.not_run += t->kind != TASK_GROUP;
	if (!t->refused) /* else it was told why */
		sched_send(s, &(struct event){.kind = EVENT_NOT_RUN, .task = t, .text = because, .stopped = stopped});
}

/* A task that is not run has ended when all before it has: who waits for it to clean up after all that must not come too early. */
void follow_ended(struct sched *s, struct task *ended)
{
	VEC(struct task *) todo = {0};
	vec_push(NULL, &todo, ended);
	while (todo.n) {
		const struct task *t = todo.p[--todo.n];
		for (size_t i = 0; i < t->users.n; i++) {
			struct task *u = t->users.p[i];
			if (!u->wanted || (u->state != STATE_WAITING && u->state != STATE_NOT_RUN) || --u->waiting_for)
				continue;
			if (u->state == STATE_NOT_RUN) {
				vec_push(NULL, &todo, u);
				continue;
			}
			u->state = STATE_READY;
			if (!s->judging_all) /* else its turn comes by itself: it stands behind in the order */
				taskheap_push(&s->ready, u);
		}
	}
	vec_free(&todo);
}

/* Why a task cannot be had by those that need it. */
enum lost { LOST_FAILED, LOST_HELD, LOST_LEFT };

/* Is it nothing to u that t failed: does it use t only as `${t?}`, or start whatever comes before it does? */
static bool bears(const struct task *u, const struct task *t, enum lost how)
{
	if (u->def->run_if != RUN_IF_SUCCESS)
		return true;
	for (size_t i = 0; how == LOST_FAILED && i < u->deps.n; i++)
		if (u->deps.p[i].task == t)
			return u->deps.p[i].tolerant;
	return false;
}

/* Is u, which needs t, not to be run for want of t? Then it is told here, and those that need it are to be asked next. What is held will not end, so nobody bears that. */
static bool gives_up(struct sched *s, struct task *u, const struct task *t, struct str because, enum lost how)
{
	if (!u->wanted || (how == LOST_HELD ? u->behind_held : bears(u, t, how)))
		return false;
	u->behind_held = u->behind_held || how == LOST_HELD;
	u->spared = t->spared && (u->spared || u->state == STATE_WAITING);
	if (u->state == STATE_WAITING) {
		follow_not_run(s, u, because, how == LOST_LEFT);
		return true;
	}
	bool late = how == LOST_FAILED && u->state == STATE_NOT_RUN && u->bypassed; /* with -k it would not have had its turn either */
	u->bypassed = u->bypassed && !late;
	return late || how == LOST_HELD;
}

static void give_up(struct sched *s, struct task *first, struct str because, enum lost how)
{
	VEC(struct task *) todo = {0};
	vec_push(NULL, &todo, first);
	while (todo.n) {
		struct task *t = todo.p[--todo.n];
		for (size_t i = 0; i < t->users.n; i++)
			if (gives_up(s, t->users.p[i], t, because, how))
				vec_push(NULL, &todo, t->users.p[i]);
	}
	vec_free(&todo);
}

static void give_up_failed(struct sched *s, struct task *t)
{
	give_up(s, t, arena_printf(s->arena, "because of %.*s", STR_ARG(t->name)), LOST_FAILED);
}

void follow_held(struct sched *s, struct task *t)
{
	give_up(s, t, arena_printf(s->arena, "because %.*s is held", STR_ARG(t->name)), LOST_HELD);
}

void sched_completed(struct sched *s, struct task *t)
{
	bool bad = t->state == STATE_FAILED && !t->def->optional && !s->c->ignore_errors;
	if (bad)
		give_up_failed(s, t);
	follow_ended(s, t);
}

void sched_not_run(struct job *j, struct str because)
{
	struct sched *s = j->sched;
	struct task *t = j->task;
	struct str text = arena_copy(s->arena, because);
	sched_release(j);
	sched_job_gone(j);
	follow_not_run(s, t, text, false);
	give_up_failed(s, t);
	follow_ended(s, t);
}

void follow_spared(struct sched *s, struct task *t, struct str why)
{
	bool ignored = t->def->optional || s->c->ignore_errors;
	t->spared = true;
	if (ignored) {
		t->state = STATE_FAILED;
		sched_send(s, &(struct event){.kind = EVENT_NOT_RUN, .task = t, .text = why});
		sched_completed(s, t);
		return;
	}
	follow_not_run(s, t, why, false);
	give_up_failed(s, t);
	follow_ended(s, t);
}

static bool has_begun(const struct task *t)
{
	return t->state != STATE_WAITING && t->state != STATE_READY && t->state != STATE_STALE;
}

/* It never came to its turn. */
static void leave(struct sched *s, struct task *t, struct str why, bool stopped)
{
	if (s->jobs[t->id])
		sched_job_gone(s->jobs[t->id]);
	follow_not_run(s, t, why, stopped);
}

void follow_left(struct sched *s, struct task *t)
{
	leave(s, t, STOPPED_BY_FAILURE, true);
	give_up(s, t, STOPPED_BY_FAILURE, LOST_LEFT);
	follow_ended(s, t);
}

static bool may_start(const void *sched, const struct task *t)
{
	return sched_may_start(sched, t);
}

void follow_stop(struct sched *s)
{
	const struct graph *g = s->c->graph;
	s->stop_followed = true;
	for (size_t i = 0; i < g->tasks.n && !s->handlers; i++)
		s->handlers = g->tasks.p[i]->wanted && g->tasks.p[i]->def->run_if != RUN_IF_SUCCESS && !has_begun(g->tasks.p[i]);
	if (!s->handlers)
		return;
	choice_forget(s->choice);
	admission_keep(s->admission, may_start, s);
	for (size_t i = 0; i < g->tasks.n; i++)
		if (g->tasks.p[i]->wanted && g->tasks.p[i]->state == STATE_STALE && !sched_may_start(s, g->tasks.p[i]))
			follow_left(s, g->tasks.p[i]);
	s->ready.tasks.n = 0; /* some may be READY and not yet in it */
	for (size_t i = 0; i < g->tasks.n; i++)
		if (g->tasks.p[i]->wanted && g->tasks.p[i]->state == STATE_READY)
			taskheap_push(&s->ready, g->tasks.p[i]);
}

static bool is_over(const struct task *t)
{
	return t->state == STATE_UPTODATE || t->state == STATE_DONE || t->state == STATE_SKIPPED || t->state == STATE_FAILED ||
	       (t->state == STATE_NOT_RUN && !t->waiting_for);
}

bool follow_stuck(struct sched *s)
{
	const struct graph *g = s->c->graph;
	s->stuck = s->stopping = s->stop_followed = true;
	s->handlers = false;
	for (size_t i = 0; i < g->order.n; i++) {
		struct task *t = g->order.p[i];
		if (!t->wanted || t->state != STATE_IDLE)
			continue;
		t->waiting_for = 0;
		for (size_t k = 0; k < t->deps.n; k++)
			t->waiting_for += !is_over(t->deps.p[k].task);
		if (t->def->run_if == RUN_IF_SUCCESS || graph_uncertain(g, t)) {
			follow_not_run(s, t, s->c->more.rest, false);
			continue;
		}
		t->state = t->waiting_for ? STATE_WAITING : STATE_READY;
		s->handlers = true;
	}
	return s->handlers;
}

void follow_end(struct sched *s)
{
	struct str why = s->signal	     ? STR("interrupted")
			 : s->late	     ? STR("its time is over")
			 : s->result.refused ? STR("nothing was started")
			 : s->broken	     ? STR("the log cannot be written")
			 : s->stuck	     ? s->c->more.rest
					     : STOPPED_BY_FAILURE;
	bool stopped = !s->signal && !s->late && !s->result.refused && !s->broken && !s->stuck;
	for (size_t i = 0; i < s->c->graph->tasks.n; i++) {
		struct task *t = s->c->graph->tasks.p[i];
		if (t->wanted && (t->state == STATE_IDLE || !has_begun(t)))
			leave(s, t, why, stopped);
	}
}
