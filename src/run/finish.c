/* The end of a try: step by step to what it was, what it made, and what goes on record. */
#include "base/clock.h"
#include "base/os.h"
#include "run/choice.h"
#include "run/finish.h"
#include "run/shelf.h"

/* What a failure shows of it: where it stood, and the session that a person may go on with. */
static void note_live(struct job *j)
{
	struct outcome *o = &j->outcome;
	o->activity = o->session = STR_NONE;
	if (!j->live)
		return;
	live_end(j->live);
	struct live_seen seen = live_seen(j->live);
	o->activity = arena_copy(&j->arena, mask_copy(&j->sched->mask, &j->arena, seen.activity));
	o->session = arena_copy(&j->arena, mask_copy(&j->sched->mask, &j->arena, seen.session));
}

/* Its outputs are not as they should be: it did not make them, or they could not be looked at. */
static enum try_class lacking(const struct job *j)
{
	return j->unkept ? TRY_FAILED : TRY_ANSWER;
}

/* All that it made comes to stand in the root. From here on an agent's answer is not asked for again, should this be cut short. */
static enum try_class publish(struct job *j)
{
	if (!j->unpublished)
		salvage_complete(j);
	j->unpublished = !isolate_publish(j);
	if (j->unpublished) {
		salvage_complete(j); /* that it failed will be on record */
		return TRY_FAILED;
	}
	return finish_outputs_made(j) ? TRY_OK : lacking(j);
}

void finish_told(struct job *j, enum try_class class)
{
	struct outcome *o = &j->outcome;
	sandbox_tell(j);
	if (class == TRY_OK && j->task->kind == TASK_AGENT)
		shelf_forget(j);
	if (j->resumed && !(class & (TRY_CHECK | TRY_TRANSIENT)))
		j->session = STR_NONE;
	o->class = class;
	/* An own answer that was whole stands to be taken up by the next run. */
	bool unjudged = j->unrecorded || (class != TRY_OK && !j->unfit && (j->asked || (j->checked && o->interrupted) || j->unpublished || j->unkept || j->cut)), lacks = j->unfit && !j->asked;
	/* A delegate's answer is on no record before its asker's is. */
	bool waits = class == TRY_OK && j->as;
	if (waits)
		salvage_complete(j);
	if (unjudged || lacks || waits)
		salvage_stay(j);
	tries_keep(j);
	if (lacks && !j->masked)
		salvage_unfit(j);
	else if (class == TRY_CHECK && !unjudged && !j->masked)
		salvage_refused(j);
	else if ((!unjudged && !waits) || j->masked)
		salvage_forget(j);
	if (!unjudged && !j->as)
		delegate_forget(j);
	if (class == TRY_OK)
		finish_end(j, class);
	else
		finish_fail(j, class);
}

/* All that is known of the try by now: it goes on record, and is tried again, or is the end of the task. */
static void finish_judged(struct job *j, enum try_class class)
{
	struct sched *s = j->sched;
	int err;
	if (class == TRY_OK && !j->as && unfit_judge(j))
		class = lacking(j);
	if (class == TRY_OK && j->view)
		class = publish(j);
	if (class == TRY_OK)
		class = result_keep(j);
	if (class == TRY_OK && j->leaves && (err = left_add(&s->left, s->arena, s->c->store->fd, j->mark, j->ending.group)))
		sched_warn(s, j->task, "cannot write .axmake/left: %s; should this run be killed, the next one ends what this task left running", os_error(err));
	j->tainted = class == TRY_OK && !j->as && finish_taints(j);
	if (class == TRY_OK && j->unkept)
		class = TRY_FAILED;
	if (class == TRY_OK && !j->as && lasting_wanted(j)) {
		settle_later(j);
		return;
	}
	if (class == TRY_OK && !j->as)
		finish_succeeded(j, finish_record(j, j->took_ns, finish_flags(j)));
	finish_told(j, class);
}

/* An answer that asks others is judged when they have answered. */
static void finish_or_ask(struct job *j, enum try_class class)
{
	if (class != TRY_OK || !delegate_ask(j))
		finish_judged(j, class);
}

/* false: there is no judge now, and an agent's answer waits for one. */
static bool begin_check(struct job *j)
{
	bool begun = check_begin(j);
	if (!begun)
		salvage_unkept(j);
	return begun;
}

/* The command has done its part: its check is asked, before anybody else is. What an earlier run began to move to the root has passed it. */
static void finish_command(struct job *j, enum try_class class)
{
	if (class == TRY_OK && j->task->def->check.s.n && !j->as && !isolate_moving(j)) {
		if (begin_check(j))
			return;
		class = TRY_FAILED;
		j->refused = false;
	}
	finish_or_ask(j, class);
}

/* What was asked is answered: only the judge has to be asked again. */
static enum try_class check_lost(struct job *j)
{
	if (!executor_may_again(j)) {
		j->outcome.error = arena_printf(&j->arena, "its check: %.*s", STR_ARG(j->elsewhere.error));
		salvage_unkept(j);
		return TRY_LOST;
	}
	sched_warn(j->sched, j->task, "its check: %.*s; it runs again", STR_ARG(j->elsewhere.error));
	return begin_check(j) ? TRY_OK : TRY_FAILED;
}

/* The check may have touched outputs: what stands there now is what counts. */
static void finish_check(struct job *j)
{
	enum try_class class = check_ended(j);
	if (class == TRY_CHECK && j->elsewhere.end == FAR_LOST)
		class = check_lost(j);
	if (j->checking)
		return;
	if (class == TRY_OK && !finish_made(j))
		class = lacking(j);
	if (!j->refused || finish_judged_again(j, class))
		finish_or_ask(j, class);
}

/* What the capture knows, before it goes. 0 or the errno of keeping its files. */
static int close_capture(struct job *j)
{
	int err = capture_finish(j->capture);
	j->sizes = capture_result(j->capture);
	j->sizes.tail = arena_copy(&j->arena, j->sizes.tail);
	capture_free(j->capture);
	j->capture = NULL;
	return err;
}

/* What was paid for needs a place, also where its program has cleared all away. */
static void regain_state(struct job *j)
{
	struct sched *s = j->sched;
	bool regained;
	int err = store_regain(s->c->store, s->c->run_id, &j->arena, &regained);
	if (regained)
		sched_warn(s, j->task, ".axmake was removed while it ran ('git clean -x' does that) and is made again: what earlier runs left there is lost");
	if (!err)
		err = log_regain(s->c->log);
	if (err)
		sched_warn(s, j->task, "what was removed of .axmake while it ran cannot be made again: %s", os_error(err));
}

/* A program that could not write all of its answer may not have noticed. What is JSON, and was understood, is whole. */
static enum try_class judge_room(struct job *j, enum try_class class)
{
	struct outcome *o = &j->outcome;
	bool by_text = !j->provider || j->provider->result.kind <= WHERE_FILE;
	if (!j->sizes.no_room || (class == TRY_OK && !by_text) || j->cause != END_OWN)
		return class;
	j->roomless = true;
	o->error = arena_printf(&j->arena, "%.*s%sits output may be cut: %s", STR_ARG(o->error), o->error.n ? "; " : "", os_error(j->sizes.no_room));
	return class == TRY_OK ? TRY_FAILED : class;
}

void finish_try(struct job *j)
{
	struct outcome *o = &j->outcome;
	loop_timer_clear(j->sched->c->loop, &j->timer);
	regain_state(j);
	if (executor_ends(j))
		return;
	if (j->checking) {
		finish_check(j);
		return;
	}
	int err = close_capture(j);
	j->took_ns = clock_ns() - j->try_began_ns;
	j->last_first_byte_ns = j->sizes.first_byte_ns < 0 ? -1 : j->sizes.first_byte_ns - j->try_began_ns;
	/* What a time-out ended was no left-over, nor are helpers of an executor's own program. */
	o->ended = j->cause == END_OWN && !j->task->executor ? j->ending.ended : 0;
	o->error = STR_NONE;
	note_live(j);
	enum try_class class = finish_class(j);
	if (class == TRY_OK && err) {
		salvage_unkept(j);
		o->error = arena_printf(&j->arena, "its output could not be kept: %s", os_error(err));
		class = TRY_FAILED;
	}
	class = judge_room(j, class);
	if (class == TRY_OK && !finish_made(j))
		class = lacking(j);
	if (j->cause != END_INTERRUPT)
		choice_ended(j, class);
	finish_command(j, class);
}

void finish_asked(struct job *j, bool whole)
{
	if (whole && j->put_off) {
		j->outcome.error = STR("not all that its answer asks could be asked; the next run asks them, and keeps what is there");
		salvage_unkept(j);
		finish_judged(j, TRY_FAILED);
		return;
	}
	if (!whole) {
		j->cause = END_INTERRUPT;
		j->outcome.interrupted = true;
		j->outcome.error = STR("interrupted before all that its answer asks had answered");
	}
	finish_judged(j, whole ? TRY_OK : TRY_CRASH);
}

/* What it made cannot be looked at yet: it waits on, and whatever it took is counted when it is taken up. */
static void finish_barred(struct job *j)
{
	choice_release(j);
	j->outcome.unasked = true;
	j->outcome.error = arena_printf(&j->arena, "%.*s; its last answer is complete, and is not asked for again", STR_ARG(j->outcome.error));
	j->unkept = true;
	finish_judged(j, TRY_FAILED);
}

void finish_salvaged(struct job *j)
{
	if (j->barred) {
		finish_barred(j);
		return;
	}
	if (!j->counted)
		finish_count(j);
	choice_release(j); /* nobody was called */
	j->outcome.unasked = j->counted;
	if (j->refused) {
		if (!j->task->def->check.s.n)
			finish_judged_again(j, TRY_OK);
		finish_command(j, TRY_OK);
		return;
	}
	const char *why = j->unpublished ? "its last answer is complete, and is not asked for again: what it made is moved to the root"
		: j->unkept ? "its last answer is complete, and is not asked for again"
		: j->paid_before ? "its last answer, which lacked a field, has all that is used now: it is kept, and nothing is asked again"
				 : "an earlier run was killed when this answer was complete: it is kept, and nothing is asked again";
	j->unkept = false;
	if (j->as)
		sched_warn(j->sched, j->task, "'%.*s', which its answer asks, had answered an earlier run: that is kept", STR_ARG(j->task->agent->name));
	else
		sched_warn(j->sched, j->task, "%s", why);
	finish_command(j, TRY_OK);
}
