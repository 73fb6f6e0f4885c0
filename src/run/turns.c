#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/os.h"
#include "run/choice.h"
#include "graph/approval.h"
#include "graph/cached.h"
#include "graph/ended.h"
#include "graph/lineup.h"
#include "run/budget.h"
#include "run/inherited.h"
#include "run/job.h"
#include "run/putback.h"
#include "run/shelf.h"

void sched_send(struct sched *s, const struct event *e)
{
	struct event at = *e;
	struct str text = STR_NONE;
	at.at_ns = clock_ns();
	at.task = delegate_task_for(e->task);
	at.delegate = at.task == e->task ? NULL : e->task;
	if (at.task != e->task && e->kind == EVENT_START) {
		at.kind = EVENT_ASKED;
		text = arena_printf(s->arena, "%.*s via %.*s", STR_ARG(e->task->agent->name), STR_ARG(e->text));
	} else if (at.task != e->task && e->kind == EVENT_END) {
		at.kind = EVENT_ANSWERED;
	} else if (at.task != e->task && e->kind == EVENT_RETRY) {
		at.kind = EVENT_WARNING;
		text = arena_printf(s->arena, "'%.*s', which its answer asks, failed (%s) and is asked again", STR_ARG(e->task->agent->name), try_class_name(e->outcome->class));
	}
	if (text.n)
		at.text = text;
	s->c->observer->event(s->c->observer->self, &at);
}

void sched_warn(struct sched *s, const struct task *t, const char *fmt, ...)
{
	struct sbuf b = {0}, masked = {0};
	va_list ap;
	va_start(ap, fmt);
	sbuf_vprintf(&b, fmt, ap);
	va_end(ap);
	mask_text(&s->mask, sbuf_view(&b), &masked); /* parts of it may be an agent's words */
	sched_send(s, &(struct event){.kind = EVENT_WARNING, .task = t, .text = sbuf_view(&masked)});
	sbuf_free(&b);
	sbuf_free(&masked);
}

void sched_state_lost(struct sched *s, int err)
{
	if (!s->broken)
		sched_warn(s, NULL, "cannot write .axmake/log: %s; nothing new is started, and what is not on record runs again next time", os_error(err));
	s->broken = true;
}

/* Tokens that died with a program of this task are put back, once nobody alive could still hold them. */
static void top_up(struct sched *s, struct job *j)
{
	if (!j->has_pipe || jobserver_role(s->c->jobserver) != JOBSERVER_SERVER)
		return;
	for (size_t i = 0; i < s->live.n; i++)
		if (s->live.p[i]->has_pipe)
			return;
	int missing = jobserver_top_up(s->c->jobserver);
	if (missing > 0)
		sched_warn(s, j->task, "%d jobserver token%s died with its programs and %s put back", missing, missing == 1 ? "" : "s",
			   missing == 1 ? "was" : "were");
	else if (missing < 0)
		sched_warn(s, j->task, "its programs gave back %d jobserver token%s too many; taken out again", -missing, missing == -1 ? "" : "s");
}

void sched_release(struct job *j)
{
	struct sched *s = j->sched;
	for (size_t i = 0; i < s->live.n; i++)
		if (s->live.p[i] == j) {
			s->live.p[i] = s->live.p[--s->live.n];
			break;
		}
	admission_give(s->admission, &j->places);
	executor_give_place(j);
	s->slot_came = true;
	top_up(s, j);
	choice_release(j);
}

void sched_job_gone(struct job *j)
{
	struct sched *s = j->sched;
	s->jobs[j->task->id] = NULL;
	loop_timer_clear(s->c->loop, &j->timer);
	loop_timer_clear(s->c->loop, &j->disk_timer);
	if (j->capture)
		capture_free(j->capture);
	isolate_end(j);
	live_free(j->live);
	answer_close(&j->answer);
	ending_free(&j->ending);
	ending_free(&j->command_ending);
	sbuf_free(&j->signing.fields);
	seen_free(j->listing);
	sbuf_free(&j->carry[0]);
	sbuf_free(&j->carry[1]);
	executor_gone(j);
	arena_free(&j->arena);
	free(j);
}

void sched_offer(struct sched *s, struct task *t)
{
	admission_add(s->admission, t);
}

struct job *sched_ask(struct sched *s, struct task *t)
{
	if (s->n_jobs == s->room) {
		size_t room = s->room * 2;
		struct job **jobs = arena_array(s->arena, struct job *, room);
		struct verdict **verdicts = arena_array(s->arena, struct verdict *, room);
		memcpy(jobs, s->jobs, s->n_jobs * sizeof *jobs);
		memcpy(verdicts, s->verdicts, s->n_jobs * sizeof *verdicts);
		s->jobs = jobs;
		s->verdicts = verdicts;
		s->room = room;
	}
	t->id = (uint32_t)s->n_jobs++;
	struct job *j = job_make(s, t);
	j->phase = PHASE_WAITING;
	s->retrying++;
	sched_offer(s, t);
	return j;
}

static void delay_over(void *job)
{
	struct job *j = job;
	sched_offer(j->sched, j->task);
}

void sched_retry_later(struct job *j, int64_t delay_ns)
{
	if (j->capture)
		capture_free(j->capture);
	j->capture = NULL;
	ending_free(&j->ending);
	j->phase = PHASE_WAITING;
	j->sched->retrying++;
	j->timer.fn = delay_over;
	j->timer.self = j;
	loop_timer_set(j->sched->c->loop, &j->timer, clock_ns() + delay_ns);
}

static bool is_over(const struct sched *s)
{
	return s->broken || s->signal || s->result.refused;
}

#define TURN_NS (20 * NS_PER_MS)

bool sched_turn(struct sched *s)
{
	if (clock_ns() >= s->turn_ns) {
		loop_turn(s->c->loop, false);
		if (reaper_due(s))
			reaper_collect(s);
		settle_all(s);
		s->turn_ns = clock_ns() + TURN_NS;
	}
	return !is_over(s);
}

bool sched_asked_to_end(void)
{
	sigset_t pending;
	return !sigpending(&pending) && (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGHUP) == 1);
}

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

/* It is stale, and nothing but a cache can spare it. */
static void spare_or_offer(struct sched *s, struct task *t)
{
	const struct verdict *v = s->verdicts[t->id];
	struct str refused = STR_NONE;
	enum restored r = restore_task(s, t, v, &refused);
	if (r == RESTORED || (r == RESTORED_NOT && sharing_ask(s, t, v)))
		return;
	if (refused.n)
		fail_unrun(s, t, refused, v);
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
	if (v.why != WHY_NOT && !verdict_is_skip(&v) && !is_over(s) && !sched_may_start(s, t)) {
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
			hold(s, t);
		else
			spare_or_offer(s, t);
	}
}

/* May any task? */
static bool may_start(const struct sched *s)
{
	return !is_over(s) && (!s->stopping || s->handlers);
}

bool sched_may_start(const struct sched *s, const struct task *t)
{
	return !is_over(s) && (!s->stopping || t->asker || t->def->run_if != RUN_IF_SUCCESS);
}

/* Delegates start after a failure elsewhere too: what is under way comes to its end. */
static bool may_ask(const struct sched *s)
{
	return s->asking && !s->broken && !s->signal;
}

/* Of an agent's task that has its places: with which provider? False when it does not start now. */
static bool provided(struct sched *s, struct job *j)
{
	struct choice_none none = {0};
	enum choice_result r = !executor_take_place(j) ? CHOICE_WAITS : j->task->kind == TASK_AGENT ? choice_take(s->choice, j, &none) : CHOICE_TAKEN;
	if (r == CHOICE_WAITS) {
		admission_give(s->admission, &j->places);
		executor_give_place(j);
	} else
		s->retrying -= j->phase == PHASE_WAITING;
	if (r == CHOICE_NONE)
		finish_unprovided(j, &none);
	return r == CHOICE_TAKEN;
}

static void nothing(void *self)
{
	(void)self; /* the next turn looks again */
}

/* Less is left than it takes: it is left to do. Of one that was tried before, the tries are over. */
static void leave_for_budget(struct sched *s, struct job *j)
{
	s->over_budget = s->over_budget || !j->as;
	s->retrying -= j->phase == PHASE_WAITING;
	if (j->tries || j->asks_again) {
		finish_dropped(j);
		return;
	}
	j->began_ns = clock_ns();
	if (j->as)
		finish_unstarted(j, TRY_BUDGET, STR("the budget is spent, or would be by this"));
	else
		sched_not_run(j, STR("the budget is spent, or would be by this"));
}

/* Does the budget allow it? What waits for those that run to come out cheaper is asked again in the next round. */
static bool affordable(struct sched *s, struct task *t)
{
	switch (budget_ask(s, t)) {
	case BUDGET_FITS:
		return true;
	case BUDGET_WAITS:
		admission_put_off(s->admission);
		return false;
	case BUDGET_OVER:
		admission_drop(s->admission);
		leave_for_budget(s, s->jobs[t->id] ? s->jobs[t->id] : job_make(s, t));
	}
	return false;
}

static void tell_lack(void *sched, const struct task *t, size_t n, const char *lacks)
{
	sched_send(sched, &(struct event){.kind = EVENT_LACKS, .task = t, .count = n, .text = str_of(lacks)});
}

/* Starts what may start now. true: waits for a slot that somebody else gives back. */
static bool start_some(struct sched *s)
{
	struct task *t;
	if (admission_crowded(s->admission))
		admission_crowd(s->admission, inherited_is_short(0));
	/* Where a token is watched for and none came since the last refusal, the loop would have told. */
	admission_begin(s->admission, s->watched_fd < 0 || s->slot_came);
	while ((may_start(s) || may_ask(s)) && (t = admission_next(s->admission))) {
		struct task *judged_later = t->asker ? NULL : taskheap_top(&s->ready);
		if (!sched_may_start(s, t)) {
			admission_drop(s->admission);
			continue;
		}
		if (judged_later && task_before(judged_later, t))
			return false;
		if (!s->checked_providers && !demands_met(s))
			return false;
		if (!affordable(s, t))
			continue;
		struct job *j = s->jobs[t->id] ? s->jobs[t->id] : job_make(s, t);
		if (choice_waits(s->choice, j)) {
			admission_drop(s->admission);
			continue;
		}
		if (!admission_take(s->admission, &j->places, &j->arena)) {
			s->slot_came = false;
			continue;
		}
		if (provided(s, j))
			job_go(j);
	}
	if (s->c->tell_lacks)
		admission_tell(s->admission, tell_lack, s);
	int64_t again = s->look_again.place ? 0 : admission_look_again(s->admission);
	s->look_again.fn = nothing;
	if (again)
		loop_timer_set(s->c->loop, &s->look_again, clock_ns() + again);
	if (admission_starved(s->admission))
		choice_idle(s->choice);
	return admission_starved(s->admission);
}

static void token_there(void *self, uint32_t events)
{
	struct sched *s = self;
	(void)events;
	s->slot_came = true; /* the next turn tries to take it */
}

static void watch_tokens(struct sched *s, bool wanted)
{
	int fd = jobserver_wait_fd(s->c->jobserver);
	wanted = wanted && fd >= 0;
	if (s->watched_fd >= 0 && (!wanted || fd != s->watched_fd)) {
		loop_unwatch(s->c->loop, s->watched_fd);
		s->watched_fd = -1;
	}
	if (wanted && s->watched_fd < 0 && !loop_watch(s->c->loop, fd, EPOLLIN, token_there, s))
		s->watched_fd = fd;
}

/* Tries that wait, for their delay or for a slot, and may not start any more: they will not come. */
static void drop_retries(struct sched *s)
{
	for (size_t i = 0; s->retrying && i < s->n_jobs; i++) {
		struct job *j = s->jobs[i];
		if (!j || j->phase != PHASE_WAITING || sched_may_start(s, j->task))
			continue;
		s->retrying--;
		finish_dropped(j);
	}
}

#define JUDGE_AT_ONCE 32

/* First all that can be judged before anything runs, in the order of the graph: where nothing is stale, no queue is ever filled. */
static void judge_all(struct sched *s)
{
	const struct graph *g = s->c->graph;
	for (size_t i = 0; i < g->order.n && may_start(s); i++) {
		if (i % 1024 == 1023)
			loop_turn(s->c->loop, false); /* for a signal's sake */
		if (g->order.p[i]->state == STATE_READY)
			judge(s, g->order.p[i]);
	}
}

static bool comes(const void *self, const struct task *t)
{
	(void)self;
	return t->state == STATE_WAITING || t->state == STATE_READY || t->state == STATE_STALE;
}

static bool stays(const void *self, const struct task *t)
{
	(void)self, (void)t;
	return true;
}

/* Now that it is known what to begin with: in which order? A parent's tokens may be any number. */
static void line_up(struct sched *s)
{
	const struct jobserver *j = s->c->jobserver;
	struct lineup_limits limits = {.slots = jobserver_slots(j), .agents = s->c->max_agents};
	if (!admission_waiting(s->admission) || jobserver_role(j) == JOBSERVER_CLIENT || !lineup(s->c->graph, limits, comes, s))
		return;
	taskheap_keep(&s->ready, stays, NULL); /* which builds the heaps anew */
	admission_keep(s->admission, stays, NULL);
}

/* A task whose dependencies have ended, unless it was left meanwhile. */
static void judge_next(struct sched *s)
{
	struct task *t = taskheap_pop(&s->ready);
	if (t->state == STATE_READY)
		judge(s, t);
}

/* Those that a server has answered for. */
static void go_on_answered(struct sched *s)
{
	for (struct task *t = sharing_next(s); t; t = sharing_next(s))
		spare_or_offer(s, t);
}

static void give_up_waiting(struct sched *s)
{
	if (s->stopping && !s->stop_followed && !is_over(s))
		follow_stop(s);
	if (!s->stopping && !is_over(s))
		return;
	choice_forget(s->choice);
	executor_forget_waiting(s);
	drop_retries(s);
}

static void write_late(struct sched *s)
{
	int err = log_write_late(s->c->log);
	if (err)
		sched_state_lost(s, err);
}

static void turns(struct sched *s)
{
	s->judging_all = true;
	judge_all(s);
	s->judging_all = false;
	line_up(s);
	for (;;) {
		settle_all(s);
		go_on_answered(s);
		bool starved = start_some(s);
		for (int i = 0; i < JUDGE_AT_ONCE && s->ready.tasks.n && may_start(s); i++) {
			judge_next(s);
			if (admission_waiting(s->admission) && s->checked_providers)
				starved = start_some(s);
		}
		give_up_waiting(s);
		stash_all(s); /* while what was started runs, */
		write_late(s); /* unless that has brought it along */
		if (s->settling.n)
			continue;
		bool judging = (s->ready.tasks.n || sharing_answered(s)) && may_start(s);
		if (judging && !s->live.n)
			continue;
		bool waiting = s->live.n || s->retrying || choice_waiting(s->choice) || executor_waiting(s) || (may_start(s) && sharing_waiting(s));
		if (!waiting && !(may_start(s) && admission_waiting(s->admission)))
			return;
		watch_tokens(s, starved && !judging);
		if (!judging)
			s->c->observer->flush(s->c->observer->self);
		loop_turn(s->c->loop, !judging && (waiting || starved));
		if (reaper_due(s))
			reaper_collect(s);
	}
}

/* Of those whose job was never made. */
static void free_verdicts(struct sched *s)
{
	for (size_t i = 0; i < s->n_jobs; i++)
		free(s->verdicts[i]);
}

/* Room for the tasks of the graph, and places by its workflow. */
static void take_graph(struct sched *s)
{
	const struct graph *g = s->c->graph;
	free_verdicts(s);
	s->n_jobs = g->tasks.n;
	s->room = g->tasks.n + 1;
	s->jobs = arena_array(s->arena, struct job *, s->room);
	s->verdicts = arena_array(s->arena, struct verdict *, s->room);
	admission_free(s->admission);
	s->admission = admission_new(&(struct admission_config){.graph = g,
								.jobserver = s->c->jobserver,
								.max_agents = s->c->max_agents,
								.agents_of_j = s->c->agents_of_j,
								.load_limited = s->c->load_limited,
								.max_load = s->c->max_load});
	budget_recall(s);
}

static void prepare(struct sched *s, enum event_kind begins)
{
	const struct graph *g = s->c->graph;
	size_t wanted = 0;
	for (size_t i = 0; i < g->tasks.n; i++) {
		struct task *t = g->tasks.p[i];
		if (!t->wanted)
			continue;
		wanted += t->kind != TASK_GROUP && !(t->ended && begins == EVENT_RUN_BEGIN);
		if (t->ended)
			continue;
		t->waiting_for = (uint32_t)t->deps.n;
		for (size_t k = 0; k < t->deps.n; k++)
			t->waiting_for -= t->deps.p[k].task->ended;
		t->state = t->waiting_for ? STATE_WAITING : STATE_READY;
	}
	s->checked_providers = false;
	s->gone_on = begins == EVENT_GO_ON;
	s->result.fresh += begins == EVENT_RUN_BEGIN ? s->c->fresh : 0;
	sched_send(s, &(struct event){.kind = begins, .count = wanted + s->c->fresh, .fresh = s->c->fresh, .saving = s->c->saving, .graph = g});
}

/* Is there more to do, by what has been made? */
static bool go_on(struct sched *s)
{
	const struct sched_result *r = &s->result;
	const struct graph *g = s->c->graph;
	bool well = may_start(s) && !s->stopping && !r->failed && !r->held && !r->not_run && !r->untouched;
	bool more = false;
	if (s->stuck)
		return false;
	if (s->c->more.go_on) {
		s->c->observer->flush(s->c->observer->self);
		more = s->c->more.go_on(s->c->more.self, well);
	}
	if (s->c->graph != g)
		take_graph(s);
	if (more)
		prepare(s, EVENT_GO_ON);
	else if (s->c->graph != g)
		sched_send(s, &(struct event){.kind = EVENT_GO_ON, .graph = s->c->graph});
	return more || (s->c->more.rest.n && !is_over(s) && follow_stuck(s));
}

struct sched_result sched_run(const struct sched_config *c, struct arena *a)
{
	struct sched s = {.c = c, .arena = a, .watched_fd = -1, .spent = c->spent};
	childenv_base(&s);
	process_children(&s.strangers);
	loop_on_signal(c->loop, reaper_signal, &s);
	s.watch = capture_watch_new(c->loop);
	s.choice = choice_new(&s);
	s.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s.next_start_id = os_random64() | 1;
	take_graph(&s);
	prepare(&s, EVENT_RUN_BEGIN);
	sharing_begin(&s);
	putback_sweep(&s);
	do {
		advise_of_remains(&s);
		turns(&s);
	} while (go_on(&s));
	watch_tokens(&s, false);
	reaper_last(&s);
	executor_end_run(&s);
	isolate_tidy(&s);
	follow_end(&s);
	sharing_end(&s);
	choice_free(s.choice);
	executor_places_free(&s);
	if (s.null_fd >= 0)
		close(s.null_fd);
	if (s.watch)
		capture_watch_free(s.watch);
	s.result.signal = s.signal;
	s.result.spent = s.spent;
	s.result.refused = s.result.refused || s.broken;
	budget_end(&s);
	sched_send(&s, &(struct event){.kind = EVENT_RUN_END});
	c->observer->flush(c->observer->self);
	vec_free(&s.ready.tasks);
	map_free(&s.cached);
	map_free(&s.advised);
	loop_timer_clear(c->loop, &s.look_again);
	admission_free(s.admission);
	free_verdicts(&s);
	vec_free(&s.live);
	vec_free(&s.settling);
	vec_free(&s.stashing);
	vec_free(&s.views);
	vec_free(&s.strangers.pids);
	return s.result;
}
