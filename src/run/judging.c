/* Which tasks are stale, and what becomes of each. */
#include "run/judging.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "graph/approval.h"
#include "graph/ended.h"
#include "run/job.h"
#include "run/shelf.h"

static void fail_unrun(struct sched *s, struct task *t, struct str error, const struct verdict *v)
{
	struct outcome o = {.class = TRY_FAILED, .status = 2, .error = error, .input_tokens = -1, .output_tokens = -1, .cache_read_tokens = -1, .cache_write_tokens = -1, .cost_usd = NAN};
	t->state = STATE_FAILED;
	o.ignored = t->def->optional || s->c->ignore_errors;
	*(o.ignored ? &s->result.ignored : &s->result.failed) += 1;
	s->stopping = s->stopping || (!o.ignored && !s->c->keep_going);
	sched_send(s, &(struct event){.kind = EVENT_END, .task = t, .outcome = &o, .verdict = v});
	sched_completed(s, t);
}

/* It waits for a person, beyond this run. */
static void hold(struct sched *s, struct task *t)
{
	t->state = STATE_HELD;
	s->result.held++;
	sched_send(s, &(struct event){.kind = EVENT_HELD, .task = t, .verdict = s->verdicts[t->id]});
	int err = approval_ask(s->c->stale, t);
	if (err)
		sched_state_lost(s, err);
	follow_held(s, t);
}

static void skip(struct sched *s, struct task *t, const struct verdict *v)
{
	t->state = STATE_SKIPPED;
	s->result.skipped++;
	sched_send(s, &(struct event){.kind = EVENT_SKIPPED, .task = t, .verdict = v});
	sched_completed(s, t);
}

/* For failures, of which there was none: but not all that it waited for had its turn. */
static bool never_known(const struct task *t)
{
	return t->def->run_if == RUN_IF_FAILURE && ended_without_success(t) && !ended_in_failure(t);
}

/* Is it what failed before in this watch, for all that is known? Then it is left as it is. */
static bool spare(struct sched *s, struct task *t)
{
	const char *why;
	if (!s->c->attempts || !attempts_spare(s->c->attempts, s->c->stale, t, &why))
		return false;
	finish_spared(s, t);
	follow_spared(s, t, str_of(why));
	return true;
}

/* Has nothing that comes before it ended anew in this round? Then a failure among it is the one that was there in the last round. */
static bool same_failure(const struct sched *s, const struct task *t)
{
	bool same = s->c->attempts != NULL;
	for (size_t i = 0; i < t->deps.n && same; i++) {
		const struct task *d = t->deps.p[i].task;
		same = d->spared || d->state == STATE_UPTODATE || d->state == STATE_SKIPPED;
	}
	return same;
}

/* A stale one that is not to be run: it counts as one that failed. */
static void refuse(struct sched *s, struct task *t, struct str why)
{
	finish_spared(s, t);
	fail_unrun(s, t, why, s->verdicts[t->id]);
}

/* Whoever said yes would be refused for an edit that is guarded: that comes first. */
static void hold_or_refuse(struct sched *s, struct task *t)
{
	struct str refused = STR_NONE;
	if (restore_refuses(s, t, s->verdicts[t->id], &refused))
		refuse(s, t, refused);
	else
		hold(s, t);
}

/* It is stale, and nothing but a cache can spare it. */
static void spare_or_offer(struct sched *s, struct task *t)
{
	const struct verdict *v = s->verdicts[t->id];
	struct str refused = STR_NONE;
	enum restored r = restore_task(s, t, v, &refused);
	if (r == RESTORED || (r == RESTORED_NOT && sharing_ask(s, t, v)))
		return;
	if (refused.n)
		refuse(s, t, refused);
	else
		sched_offer(s, t);
}

static void judge(struct sched *s, struct task *t)
{
	if (never_known(t)) {
		follow_left(s, t);
		return;
	}
	t->same_failure = same_failure(s, t);
	struct verdict v = stale_judge(s->c->stale, t);
	if (v.why != WHY_NOT && !verdict_is_skip(&v) && !sched_is_over(s) && !sched_may_start(s, t)) {
		follow_left(s, t);
		return;
	}
	switch (v.why) {
	case WHY_NOT:
		t->state = STATE_UPTODATE;
		if (s->c->attempts)
			attempts_forget(s->c->attempts, t);
		if (t->kind != TASK_GROUP) {
			s->result.fresh++;
			shelf_put_of(s, t);
			sched_send(s, &(struct event){.kind = EVENT_FOUND_FRESH, .task = t});
		}
		sched_completed(s, t);
		break;
	case WHY_WHEN:
	case WHY_NO_FAILURE:
		skip(s, t, &v);
		break;
	case WHY_PROBLEM:
	case WHY_EDIT_REFUSED:
		fail_unrun(s, t, stale_reason(s->arena, &v), &v);
		break;
	default:
		t->state = STATE_STALE;
		s->verdicts[t->id] = xmalloc(sizeof v);
		*s->verdicts[t->id] = v;
		if (s->c->touch)
			finish_touch(s, t, &v);
		else if (spare(s, t))
			break;
		else if (approval_lacks(s->c->stale, t, &v))
			hold_or_refuse(s, t);
		else
			spare_or_offer(s, t);
	}
}

void judging_all(struct sched *s)
{
	struct task_span open = graph_open_in_order(s->c->graph);
	for (size_t i = 0; i < open.n && sched_goes_on(s); i++) {
		if (i % 1024 == 1023)
			loop_turn(s->c->loop, false); /* for a signal's sake */
		if (open.p[i]->state == STATE_READY)
			judge(s, open.p[i]);
	}
}

void judging_next(struct sched *s)
{
	struct task *t = taskheap_pop(&s->ready);
	if (t->state == STATE_READY)
		judge(s, t);
}

void judging_answered(struct sched *s)
{
	for (struct task *t = sharing_next(s); t; t = sharing_next(s))
		spare_or_offer(s, t);
}
