/* The end of a try: what it was, what it made, what goes on record. */
#include <math.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/os.h"
#include "graph/cached.h"
#include "graph/content.h"
#include "graph/difference.h"
#include "run/choice.h"
#include "run/budget.h"
#include "run/job.h"

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
	if (!r->set)
		return class == TRY_TRANSIENT && j->tries - j->tries_before < DEFAULT_TRANSIENT_TRIES;
	return j->tries - j->tries_before < r->attempts && (r->on & class);
}

/* The delay before the next try, with up to 20 % of jitter so that many do not come back at once. */
static int64_t delay_before_next(const struct job *j, enum try_class class)
{
	const struct retry *r = &j->task->def->retry;
	int64_t d = r->set ? r->delay_ns : DEFAULT_DELAY_NS;
	for (uint32_t i = 1; r->set && r->exponential && i < j->tries - j->tries_before && d < 86400 * NS_PER_S; i++)
		d *= 2;
	if (r->set && r->max_delay_ns && d > r->max_delay_ns)
		d = r->max_delay_ns;
	/* To come back earlier than told is to be sent away again. */
	if (class == TRY_TRANSIENT && j->task->kind == TASK_AGENT && j->answer.wait_ns > d)
		d = j->answer.wait_ns;
	return d + (int64_t)((double)d * 0.2 * ((double)(os_random64() >> 11) / 9007199254740992.0));
}

static void add_number(int64_t *sum, int64_t n)
{
	if (n >= 0)
		*sum = (*sum < 0 ? 0 : *sum) + n;
}

void outcome_add(struct outcome *o, int64_t input_tokens, int64_t output_tokens, double cost_usd)
{
	add_number(&o->input_tokens, input_tokens);
	add_number(&o->output_tokens, output_tokens);
	if (!isnan(cost_usd))
		o->cost_usd = (isnan(o->cost_usd) ? 0 : o->cost_usd) + cost_usd;
}

/* What a run task's end means. */
static enum try_class class_of_script(const struct job *j, struct outcome *o)
{
	o->signaled = WIFSIGNALED(j->status);
	if (o->signaled) {
		o->status = WTERMSIG(j->status);
		return TRY_CRASH;
	}
	o->status = WEXITSTATUS(j->status);
	return o->status ? TRY_FAILED : TRY_OK;
}

/* How an agent ends after its final line, by itself or not, says nothing of its answer. */
static struct answer read_answer(struct job *j, const struct outcome *o)
{
	bool final = attend_answered(j);
	struct answer_input in = {
		.provider = j->provider,
		.at = j->sched->c->store->fd,
		.out = arena_printf(&j->arena, "%.*s/stdout", STR_ARG(j->dir)).p,
		.err = arena_printf(&j->arena, "%.*s/stderr", STR_ARG(j->dir)).p,
		.result_file = arena_printf(&j->arena, "%.*s/answer", STR_ARG(j->dir)).p,
		.exited = final || !o->signaled,
		.status = final ? 0 : o->status,
		.says_failed = final && live_seen(j->live).final_is_error,
	};
	return answer_read(&j->arena, &in);
}

/* The result is safe from here on, whatever becomes of the program or of axmake. A failure, or an answer that is yet to be written,
 * is judged by what stands there in the end. */
void finish_answered(struct job *j)
{
	j->answer = read_answer(j, &j->outcome);
	j->has_answer = j->answer.class == TRY_OK;
	if (!j->has_answer || j->answer.text_is_stdout)
		return;
	struct str text = j->answer.text;
	int err = store_write_result(j->sched->c->store, text, hash_bytes(text.p, text.n));
	if (err)
		sched_warn(j->sched, j->task, "its answer could not be kept at once: %s", os_error(err));
}

static void count_usage(struct job *j)
{
	outcome_add(&j->outcome, j->answer.input_tokens, j->answer.output_tokens, j->answer.cost_usd);
	add_number(&j->outcome.cache_read_tokens, j->answer.cache_read_tokens);
	add_number(&j->outcome.cache_write_tokens, j->answer.cache_write_tokens);
	budget_count(j);
}

static enum try_class class_of_agent(struct job *j, struct outcome *o)
{
	const struct answer *answer = &j->answer;
	if (!j->has_answer)
		class_of_script(j, o);
	if (!j->has_answer)
		j->answer = read_answer(j, o);
	if (attend_answered(j)) {
		o->signaled = false;
		o->status = 0;
	}
	o->error = answer->error;
	count_usage(j);
	return answer->class;
}

static enum file_state hash_output(struct job *j, size_t i, struct str *problem)
{
	struct hashing *h = &j->sched->c->stale->hashing;
	struct task *t = j->task;
	if (j->parts)
		return content_parts(h, &j->arena, &t->outputs.p[i], &j->parts[i], &t->out_hash[i], problem);
	return content_of_output(h, &j->arena, &t->outputs.p[i], &t->out_hash[i], problem);
}

/* Every declared output must stand there. */
bool finish_outputs_made(struct job *j)
{
	struct outcome *o = &j->outcome;
	struct task *t = j->task;
	if (!t->out_hash)
		t->out_hash = arena_array(j->sched->arena, struct hash128, t->outputs.n);
	j->parts = j->sched->c->cache && cached_wanted(j->sched->c->stale, t) ? arena_array(&j->arena, struct filehash_parts, t->outputs.n + 1) : NULL;
	for (size_t i = 0; i < t->outputs.n; i++) {
		const struct pattern *p = &t->outputs.p[i];
		struct str problem = STR_NONE;
		enum file_state st = hash_output(j, i, &problem);
		if (problem.n)
			o->error = problem;
		else if (st == FILE_MISSING)
			o->error = arena_printf(&j->arena, "it ended well but did not make its output '%.*s'", STR_ARG(content_label(&j->arena, p)));
		if (problem.n || st == FILE_MISSING)
			return false;
	}
	return true;
}

/* What an isolated task made is in its view yet. */
static bool outputs_made(struct job *j)
{
	return j->view ? isolate_outputs_made(j) : finish_outputs_made(j);
}

/* Did a file that counts change while the task ran? Then what it made belongs to neither content. */
static bool inputs_changed(struct job *j)
{
	struct sched *s = j->sched;
	struct signing after;
	struct difference d = {0};
	if (!j->task->inputs.n)
		return false;
	signature_compute(&s->c->stale->hashing, &j->arena, j->task, j->provider, true, true, &after);
	bool changed = after.problem.n || !hash_eq(after.hash, j->signing.hash);
	if (changed && !after.problem.n)
		d = difference_find(&j->arena, sbuf_view(&j->signing.fields), sbuf_view(&after.fields));
	if (changed)
		sched_warn(s, j->task, "%.*s while it ran, so it stays stale; if it changes that file itself, declare it under 'edits'",
			   STR_ARG(after.problem.n ? after.problem : d.subject));
	sbuf_free(&after.fields);
	return changed;
}

/* What the task edits, as it left it; and others' outputs that this touches, so that they are known as edited by a task and not by somebody. */
static void hash_edits(struct job *j, struct task_record *r)
{
	struct hashing *h = &j->sched->c->stale->hashing;
	VEC(struct output_record) all = {0};
	struct str problem = STR_NONE;
	struct hash128 now;
	for (size_t i = 0; i < j->task->edits.n; i++) {
		const struct pattern *p = &j->task->edits.p[i];
		now = (struct hash128){0, 0};
		content_of_output(h, &j->arena, p, &now, &problem);
		vec_push(&j->arena, &all, (struct output_record){p->path, now, (uint8_t)p->kind});
	}
	for (size_t i = 0; i < j->task->deps.n; i++) {
		struct task *maker = j->task->deps.p[i].task;
		for (size_t k = 0; (j->task->deps.p[i].how & DEP_EDIT) && k < maker->outputs.n; k++) {
			const struct pattern *p = &maker->outputs.p[k];
			if (!content_edited_by(j->task, p))
				continue;
			now = (struct hash128){0, 0};
			content_of_output(h, &j->arena, p, &now, &problem);
			vec_push(&j->arena, &all, (struct output_record){p->path, now, (uint8_t)p->kind});
			if (maker->out_hash)
				maker->out_hash[k] = now;
			content_forget(maker);
		}
	}
	r->edits = all.p;
	r->n_edits = all.n;
}

int finish_record(struct job *j, int64_t duration_ns, uint8_t flags)
{
	struct sched *s = j->sched;
	struct task *t = j->task;
	struct task_record r = {
		.workflow = s->c->graph->workflow->file,
		.name = t->name,
		.signature = j->signing.hash,
		.start_id = j->start_id,
		.provider = j->provider ? j->provider->name : STR_NONE,
		.ended_at_ms = clock_wall_ns() / NS_PER_MS,
		.duration_ns = duration_ns,
		.first_byte_ns = j->last_first_byte_ns,
		.tries = j->tries,
		.flags = flags,
		.input_tokens = j->outcome.input_tokens,
		.output_tokens = j->outcome.output_tokens,
		.cache_read_tokens = j->outcome.cache_read_tokens,
		.cache_write_tokens = j->outcome.cache_write_tokens,
		.cost_usd = j->outcome.cost_usd,
		.has_result = t->has_result,
		.result = t->result,
		.result_size = t->result_size,
		.fields = sbuf_view(&j->signing.fields),
	};
	r.n_outputs = t->outputs.n;
	r.outputs = arena_array(&j->arena, struct output_record, t->outputs.n);
	for (size_t i = 0; i < t->outputs.n; i++)
		r.outputs[i] = (struct output_record){t->outputs.p[i].path, t->out_hash[i], (uint8_t)t->outputs.p[i].kind};
	hash_edits(j, &r);
	int err = log_done(s->c->log, &r);
	if (!err)
		t->record = log_find(s->c->log, r.workflow, r.name);
	return err;
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

static void end_task(struct job *j, enum try_class class)
{
	struct sched *s = j->sched;
	struct task *t = j->task;
	struct outcome *o = &j->outcome;
	o->class = class;
	o->tries = j->tries;
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

static void fail_or_retry(struct job *j, enum try_class class)
{
	if (j->leaves) {
		reaper_end_left(j, class);
		return;
	}
	struct str other = STR_NONE;
	if (j->unpublished || j->unkept) { /* it did what it was asked, and once is enough */
		end_task(j, class);
		return;
	}
	bool again = worth_another(j, class);
	int64_t delay = again ? delay_before_next(j, class) : -1;
	enum choice_next next = j->cause == END_INTERRUPT ? CHOICE_SAME : choice_after_failure(j, class, delay, &other);
	if (next == CHOICE_OVER && class == TRY_QUOTA && may_go_on(j)) {
		struct choice_none none = choice_why_none(j);
		finish_unprovided(j, &none);
		return;
	}
	if (next == CHOICE_OVER || (next == CHOICE_SAME && !again) || !may_go_on(j)) {
		end_task(j, class);
		return;
	}
	delay = next == CHOICE_OTHER ? 0 : delay;
	j->outcome.class = class;
	j->outcome.tries = j->tries;
	sched_send(j->sched, &(struct event){.kind = EVENT_RETRY, .task = j->task, .outcome = &j->outcome, .delay_ns = delay, .text = other});
	sched_release(j);
	isolate_failed(j, class);
	sched_retry_later(j, delay);
}

static enum try_class class_of_try(struct job *j)
{
	struct outcome *o = &j->outcome;
	enum try_class class = j->task->kind == TASK_AGENT ? class_of_agent(j, o) : class_of_script(j, o);
	if (attend_answered(j))
		return class;
	if (j->cause == END_TIMEOUT || j->cause == END_STALL) {
		o->timeout_ns = j->cause == END_STALL ? j->task->def->stall_ns : job_timeout(j);
		o->error = STR_NONE;
		return j->cause == END_STALL ? TRY_STALL : TRY_TIMEOUT;
	}
	if (j->cause == END_BUDGET) {
		o->error = STR("it has spent its budget");
		return TRY_BUDGET;
	}
	if (j->cause == END_INTERRUPT) {
		o->error = STR("interrupted");
		o->interrupted = true;
		return class == TRY_OK ? TRY_CRASH : class;
	}
	return class;
}

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

static void record_success(struct job *j)
{
	uint8_t flags = j->tainted ? RECORD_TAINTED : 0;
	int err = finish_record(j, j->took_ns, flags);
	if (err)
		sched_state_lost(j->sched, err);
	else if (!flags)
		stash_task(j);
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
	return finish_outputs_made(j) ? TRY_OK : TRY_ANSWER;
}

/* All that is known of the try by now: it goes on record, and is tried again, or is the end of the task. */
static void finish_judged(struct job *j, enum try_class class)
{
	struct sched *s = j->sched;
	struct outcome *o = &j->outcome;
	int err;
	if (class == TRY_OK && !j->as && unfit_judge(j))
		class = TRY_ANSWER;
	if (class == TRY_OK && j->view)
		class = publish(j);
	if (class == TRY_OK)
		class = result_keep(j);
	if (class == TRY_OK && j->leaves && (err = left_add(&s->left, s->arena, s->c->store->fd, j->mark, j->ending.group)))
		sched_warn(s, j->task, "cannot write .axmake/left: %s; should this run be killed, the next one ends what this task left running", os_error(err));
	j->tainted = class == TRY_OK && !j->as && inputs_changed(j);
	if (class == TRY_OK && !j->as)
		record_success(j);
	if (j->resumed && !(class & (TRY_CHECK | TRY_TRANSIENT)))
		j->session = STR_NONE;
	o->class = class;
	/* An own answer that was whole stands to be taken up by the next run. */
	bool unjudged = class != TRY_OK && !j->unfit && (j->asked || (j->checked && o->interrupted) || j->unpublished || j->unkept), lacks = j->unfit && !j->asked;
	/* A delegate's answer is on no record before its asker's is. */
	bool waits = class == TRY_OK && j->as;
	if (waits)
		salvage_complete(j);
	if (unjudged || lacks || waits)
		salvage_stay(j);
	tries_keep(j);
	if (lacks && !j->masked)
		salvage_unfit(j);
	else if ((!unjudged && !waits) || j->masked)
		salvage_forget(j);
	if (!unjudged && !j->as)
		delegate_forget(j);
	if (class == TRY_OK)
		end_task(j, class);
	else
		fail_or_retry(j, class);
}

/* An answer that asks others is judged when they have answered. */
static void finish_or_ask(struct job *j, enum try_class class)
{
	if (class != TRY_OK || !delegate_ask(j))
		finish_judged(j, class);
}

/* The command has done its part: its check is asked, before anybody else is. What an earlier run began to move to the root has passed it. */
static void finish_command(struct job *j, enum try_class class)
{
	if (class == TRY_OK && j->task->def->check.s.n && !j->as && !isolate_moving(j)) {
		if (check_begin(j))
			return;
		class = TRY_FAILED;
	}
	finish_or_ask(j, class);
}

/* The check may have touched outputs: what stands there now is what counts. */
static void finish_check(struct job *j)
{
	enum try_class class = check_ended(j);
	if (class == TRY_OK && !outputs_made(j))
		class = TRY_ANSWER;
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

void finish_try(struct job *j)
{
	struct outcome *o = &j->outcome;
	loop_timer_clear(j->sched->c->loop, &j->timer);
	regain_state(j);
	if (j->checking) {
		finish_check(j);
		return;
	}
	int err = close_capture(j);
	j->took_ns = clock_ns() - j->try_began_ns;
	j->last_first_byte_ns = j->sizes.first_byte_ns < 0 ? -1 : j->sizes.first_byte_ns - j->try_began_ns;
	o->ended = j->cause == END_OWN ? j->ending.ended : 0; /* what a time-out ended was no left-over */
	o->error = STR_NONE;
	note_live(j);
	enum try_class class = class_of_try(j);
	if (class == TRY_OK && err) {
		o->error = arena_printf(&j->arena, "its output could not be kept: %s", os_error(err));
		class = TRY_FAILED;
	}
	if (class == TRY_OK && !outputs_made(j))
		class = TRY_ANSWER;
	if (j->cause != END_INTERRUPT)
		choice_ended(j, class);
	finish_command(j, class);
}

void finish_asked(struct job *j, bool whole)
{
	if (!whole) {
		j->cause = END_INTERRUPT;
		j->outcome.interrupted = true;
		j->outcome.error = STR("interrupted before all that its answer asks had answered");
	}
	finish_judged(j, whole ? TRY_OK : TRY_CRASH);
}

void finish_salvaged(struct job *j)
{
	if (!j->paid_before)
		count_usage(j);
	choice_release(j); /* nobody was called */
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

void finish_failed(struct job *j)
{
	j->outcome.ended = j->ending.ended;
	fail_or_retry(j, j->failed);
}

void finish_dropped(struct job *j)
{
	end_task(j, j->outcome.class ? j->outcome.class : TRY_FAILED);
}

void finish_unstarted(struct job *j, enum try_class class, struct str error)
{
	if (j->capture) {
		capture_finish(j->capture);
		capture_free(j->capture);
		j->capture = NULL;
	}
	tries_mask(j);
	j->outcome.error = mask_copy(&j->sched->mask, &j->arena, error);
	j->outcome.status = 127;
	end_task(j, class);
}

void finish_unprovided(struct job *j, const struct choice_none *none)
{
	struct sched *s = j->sched;
	int err = 0;
	if (!j->tries)
		j->began_ns = clock_ns();
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
	if (err)
		sched_state_lost(s, err);
	sched_not_run(j, none->why);
}

/* Records a task as up to date without running it. false with why not. */
static bool touch(struct job *j, const char **why)
{
	struct task *t = j->task;
	struct sched *s = j->sched;
	if (t->kind == TASK_AGENT) {
		if (!t->record || !t->record->has_result) {
			*why = "it never answered";
			return false;
		}
		for (size_t i = 0; i < t->n_providers; i++)
			if (str_eq(t->providers[i]->name, t->record->provider))
				j->provider = t->providers[i];
		if (!j->provider) {
			*why = "the provider that answered may no longer serve it";
			return false;
		}
	}
	if (!finish_outputs_made(j)) {
		*why = "an output is missing";
		return false;
	}
	t->has_result = true;
	t->result = t->record ? t->record->result : hash_bytes("", 0);
	t->result_size = t->record ? t->record->result_size : 0;
	signature_compute(&s->c->stale->hashing, &j->arena, t, j->provider, true, true, &j->signing);
	if (j->signing.problem.n) {
		*why = arena_copy(&j->arena, j->signing.problem).p;
		return false;
	}
	int err = store_mark_start(s->c->store, t->name, j->start_id);
	if (!err)
		err = finish_record(j, t->record ? t->record->duration_ns : 0, RECORD_TOUCHED);
	*why = err ? os_error(err) : "";
	return !err;
}

void finish_touch(struct sched *s, struct task *t, const struct verdict *v)
{
	struct job j = {.sched = s, .task = t, .start_id = os_random64(), .last_first_byte_ns = -1, .verdict = *v};
	const char *why = "";
	j.outcome = (struct outcome){.input_tokens = -1, .output_tokens = -1, .cache_read_tokens = -1, .cache_write_tokens = -1, .cost_usd = NAN, .tries = 0};
	j.dir = store_task_dir(&j.arena, t->name);
	if (touch(&j, &why)) {
		t->state = STATE_DONE;
		s->result.done++;
		sched_send(s, &(struct event){.kind = EVENT_END, .task = t, .outcome = &j.outcome, .verdict = v});
	} else {
		t->state = STATE_FAILED;
		sched_send(s, &(struct event){.kind = EVENT_NOT_RUN, .task = t, .text = arena_printf(&j.arena, "-t cannot record it: %s", why)});
		s->result.untouched = true;
	}
	sbuf_free(&j.signing.fields);
	arena_free(&j.arena);
	sched_completed(s, t);
}
