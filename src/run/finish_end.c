/* The end of a task, or its next try. */
#include "base/clock.h"
#include "base/os.h"
#include "graph/content.h"
#include "run/budget.h"
#include "run/choice.h"
#include "run/finish.h"

/* Tries in all when nothing is said: a transient failure is worth three, any other one. */
#define DEFAULT_TRANSIENT_TRIES 3
#define DEFAULT_DELAY_NS (5 * NS_PER_S)

static bool may_go_on(const struct job *j)
{
	return sched_may_start(j->sched, j->task) && !budget_gone(j);
}

static bool worth_another(const struct job *j, enum try_class class)
{
	const struct retry *r = &j->task->def->retry;
	if (!may_go_on(j))
		return false;
	if (class == TRY_LOST && executor_may_again(j))
		return true;
	if (!r->set)
		return class == TRY_TRANSIENT && j->tries - j->tries_before < DEFAULT_TRANSIENT_TRIES;
	return j->tries - j->tries_before < r->attempts && (r->on & class);
}

/* Up to 20 % more, so that many do not come back at once. */
static int64_t with_jitter(int64_t ns)
{
	return ns + (int64_t)((double)ns * 0.2 * ((double)(os_random64() >> 11) / 9007199254740992.0));
}

static int64_t delay_before_next(const struct job *j, enum try_class class)
{
	const struct retry *r = &j->task->def->retry;
	int64_t d = class == TRY_LOST ? executor_pause(j) : r->set ? r->delay_ns : DEFAULT_DELAY_NS;
	for (uint32_t i = 1; class != TRY_LOST && r->set && r->exponential && i < j->tries - j->tries_before && d < 86400 * NS_PER_S; i++)
		d *= 2;
	if (r->set && r->max_delay_ns && d > r->max_delay_ns)
		d = r->max_delay_ns;
	/* To come back earlier than told is to be sent away again. */
	if (class == TRY_TRANSIENT && j->task->kind == TASK_AGENT && j->answer.wait_ns > d)
		d = j->answer.wait_ns;
	return with_jitter(d);
}

/* What a failed task left counts for those that run all the same. */
static void content_after_failure(struct sched *s, struct task *t)
{
	content_as_it_stands(&s->c->stale->hashing, s->arena, t);
}

void finish_spared(struct sched *s, struct task *t)
{
	t->has_result = false;
	content_after_failure(s, t);
}

/* What the next rounds of a watch are to know of it. */
static void note_attempt(struct job *j, enum try_class class)
{
	struct attempts *known = j->sched->c->attempts;
	bool changed = j->tainted;
	if (!known || !j->tries || j->cause == END_INTERRUPT)
		return;
	if (class == TRY_OK && !changed) {
		attempts_forget(known, j->task);
		return;
	}
	if (class != TRY_OK && j->task->inputs.n) {
		struct signing after;
		signature_compute(&j->sched->c->stale->hashing, &j->arena, j->task, j->provider, true, false, &after);
		changed = !hash_eq(after.hash, j->signing.hash);
	}
	attempts_note(known, j->sched->c->stale, j->task, changed);
}

void finish_end(struct job *j, enum try_class class)
{
	struct sched *s = j->sched;
	struct task *t = j->task;
	struct outcome *o = &j->outcome;
	o->class = class;
	o->tries = j->tries - j->passed_over;
	o->duration_ns = clock_ns() - j->began_ns;
	o->provider = j->provider ? j->provider->name : STR_NONE;
	o->fell_back = j->fell_back;
	if (j->as) {
		delegate_ended(j);
		return;
	}
	if (class == TRY_OK) {
		t->state = STATE_DONE;
		s->result.done++;
	} else {
		t->state = STATE_FAILED;
		t->has_result = false;
		content_after_failure(s, t);
		stale_failed(s->c->stale, &j->arena, &j->makers);
		o->ignored = t->def->optional || s->c->ignore_errors;
		if (j->tries) {
			int err = log_failed(s->c->log, s->c->graph->workflow->file, t->name, j->start_id, j->cause == END_INTERRUPT ? STR("interrupted") : str_of(try_class_name(class)), j->tries,
					     o->duration_ns);
			if (err)
				sched_state_lost(s, err);
		}
		if (o->ignored)
			s->result.ignored++;
		else
			s->result.failed++;
		if (!o->ignored && !s->c->keep_going)
			s->stopping = true;
	}
	note_attempt(j, class);
	int lost = j->tries ? budget_record(j, class) : 0;
	if (lost)
		sched_state_lost(s, lost);
	sched_send(s, &(struct event){.kind = EVENT_END, .task = t, .outcome = o, .verdict = &j->verdict});
	sched_release(j);
	sched_completed(s, t);
	sched_job_gone(j);
}

/* delay: as it is told; at_ns: its end, or 0. */
static void try_later(struct job *j, enum try_class class, int64_t delay, int64_t at_ns, struct str other)
{
	j->outcome.class = class;
	j->outcome.tries = j->tries - j->passed_over;
	sched_send(j->sched, &(struct event){.kind = EVENT_RETRY, .task = j->task, .outcome = &j->outcome, .delay_ns = delay, .text = other});
	sched_release(j);
	isolate_failed(j, class);
	sched_retry_at(j, at_ns);
}

void finish_fail(struct job *j, enum try_class class)
{
	if (j->leaves) {
		reaper_end_left(j, class);
		return;
	}
	struct str other = STR_NONE;
	if (j->unpublished || j->unkept || j->roomless || (j->put_off && j->asked)) { /* it did what it was asked, and once is enough */
		finish_end(j, class);
		return;
	}
	bool again = worth_another(j, class);
	int64_t delay = again ? delay_before_next(j, class) : -1, at_ns = clock_ns() + delay;
	if (again && at_ns >= job_run_until(j)) { /* the run would not see it */
		again = false;
		delay = -1;
	}
	enum choice_next next = j->cause == END_INTERRUPT || class == TRY_LOST ? CHOICE_SAME : choice_after_failure(j, class, again ? at_ns : -1, &other);
	if (next == CHOICE_OVER && class == TRY_QUOTA && may_go_on(j)) {
		struct choice_none none = choice_why_none(j);
		finish_unprovided(j, &none);
		return;
	}
	if (next == CHOICE_OVER || (next == CHOICE_SAME && !again) || !may_go_on(j)) {
		finish_end(j, class);
		return;
	}
	int lost = budget_keep(j);
	if (lost)
		sched_state_lost(j->sched, lost);
	j->tries_before += class == TRY_LOST; /* that was no try of the task's own */
	if (next == CHOICE_OTHER)
		delay = 0;
	try_later(j, class, delay, delay ? at_ns : 0, other);
}

bool finish_judged_again(struct job *j, enum try_class class)
{
	struct sched *s = j->sched;
	j->refused = false;
	if (class == TRY_OK)
		sched_warn(s, j->task, "its last answer, which its check had refused, is accepted now: it is kept, and nothing is asked again");
	if (class == TRY_OK || j->cause == END_INTERRUPT || !(class & (TRY_CHECK | TRY_ANSWER)) || !may_go_on(j))
		return true;
	j->outcome.class = class;
	tries_keep(j);
	j->outcome.earlier = true;
	j->outcome.unasked = false;
	j->outcome.tries = 0;
	sched_send(s, &(struct event){.kind = EVENT_RETRY, .task = j->task, .outcome = &j->outcome});
	j->outcome.earlier = false;
	if (j->masked)
		salvage_forget(j); /* else it is left until another is really asked for */
	sched_release(j);
	salvage_drop(j);
	j->start_id = s->next_start_id++;
	j->provider = NULL;
	j->paid_before = j->counted = j->checked = false;
	j->feedback = j->session = STR_NONE;
	j->asks_again = true;
	sched_retry_at(j, 0);
	return false;
}

void finish_failed(struct job *j)
{
	j->outcome.ended = j->ending.ended;
	finish_fail(j, j->failed);
}

void finish_dropped(struct job *j)
{
	if (j->sched->late) {
		j->outcome.timeout_ns = j->sched->c->whole_ns;
		j->outcome.error = STR_NONE;
		finish_end(j, TRY_TIMEOUT);
		return;
	}
	finish_end(j, j->outcome.class ? j->outcome.class : TRY_FAILED);
}

static void note_unstarted(struct job *j, struct str error)
{
	if (j->capture) {
		capture_finish(j->capture);
		capture_free(j->capture);
		j->capture = NULL;
	}
	tries_mask(j);
	j->outcome.error = mask_copy(&j->sched->mask, &j->arena, error);
	j->outcome.status = 127;
}

void finish_unstarted(struct job *j, enum try_class class, struct str error)
{
	note_unstarted(j, error);
	finish_end(j, class);
}

#define SCARCE_DELAY_NS NS_PER_S

void finish_scarce(struct job *j, struct str error)
{
	note_unstarted(j, error);
	j->tries_before++;
	j->outcome.unstarted = true;
	int64_t delay = with_jitter(SCARCE_DELAY_NS);
	try_later(j, TRY_TRANSIENT, delay, clock_ns() + delay, STR_NONE);
	j->outcome.unstarted = false;
}

void finish_unfit(struct job *j, struct str error)
{
	struct str other = choice_instead(j);
	bool failed = j->outcome.class != TRY_OK;
	if (!other.n && !failed) {
		j->outcome.unstarted = true;
		finish_unstarted(j, TRY_FAILED, error);
		return;
	}
	if (!other.n) {
		sched_warn(j->sched, j->task, "%.*s", STR_ARG(error));
		finish_dropped(j);
		return;
	}
	struct outcome last = j->outcome;
	j->tries_before++;
	j->outcome.unstarted = true;
	j->outcome.error = mask_copy(&j->sched->mask, &j->arena, error);
	try_later(j, TRY_FAILED, 0, 0, other);
	j->passed_over++;
	if (failed)
		j->outcome = last;
	else
		j->outcome.class = TRY_OK; /* should it get no further turn, that is why it was not asked */
}

bool finish_unasked(struct job *j)
{
	struct sched *s = j->sched;
	if (j->as || s->late || !j->passed_over || j->passed_over < j->tries)
		return false;
	int err = log_failed(s->c->log, s->c->graph->workflow->file, j->task->name, j->start_id, str_of(try_class_name(TRY_FAILED)), j->tries, clock_ns() - j->began_ns);
	if (err)
		sched_state_lost(s, err);
	stale_failed(s->c->stale, &j->arena, &j->makers);
	return true;
}

void finish_unprovided(struct job *j, const struct choice_none *none)
{
	struct sched *s = j->sched;
	int err = 0;
	if (!j->tries)
		j->began_ns = clock_ns();
	j->put_off = j->as && (none->closed || !j->tries);
	if (j->as && none->closed) {
		finish_unstarted(j, TRY_QUOTA, none->why);
		return;
	}
	if (!none->closed && j->tries)
		finish_dropped(j);
	else if (!none->closed)
		finish_unstarted(j, TRY_FAILED, none->why);
	if (!none->closed)
		return;
	if (j->tries)
		err = log_failed(s->c->log, s->c->graph->workflow->file, j->task->name, j->start_id, str_of(try_class_name(TRY_QUOTA)), j->tries,
				 clock_ns() - j->began_ns);
	if (!err)
		err = budget_keep(j);
	if (err)
		sched_state_lost(s, err);
	stale_failed(s->c->stale, &j->arena, &j->makers);
	sched_not_run(j, none->why);
}
