#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "graph/cached.h"
#include "graph/lineup.h"
#include "run/budget.h"
#include "run/choice.h"
#include "run/inherited.h"
#include "run/job.h"
#include "run/judging.h"
#include "run/putback.h"

bool sched_is_over(const struct sched *s)
{
	return s->broken || s->signal || s->late || s->result.refused;
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
	return !sched_is_over(s);
}

bool sched_asked_to_end(void)
{
	sigset_t pending;
	return !sigpending(&pending) && (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGHUP) == 1);
}

bool sched_goes_on(const struct sched *s)
{
	return !sched_is_over(s) && (!s->stopping || s->handlers);
}

bool sched_may_start(const struct sched *s, const struct task *t)
{
	return !sched_is_over(s) && (!s->stopping || t->asker || t->def->run_if != RUN_IF_SUCCESS);
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
	if (!j->as)
		budget_left(s, j->task);
	s->retrying -= j->phase == PHASE_WAITING;
	if ((j->tries || j->asks_again) && !finish_unasked(j)) {
		sched_warn(s, j->task, "it is not asked again: the budget is spent, or would be by this");
		finish_dropped(j);
		return;
	}
	j->began_ns = clock_ns();
	j->put_off = j->as && !budget_gone(delegate_asker(j)); /* its own is spent for good */
	if (j->put_off)
		budget_left(s, j->task);
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
	while ((sched_goes_on(s) || may_ask(s)) && (t = admission_next(s->admission))) {
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
		if (provided(s, j)) {
			process_prompt();
			job_go(j);
		}
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
		if (!finish_unasked(j))
			finish_dropped(j);
		else if (s->stopping && !sched_is_over(s))
			follow_left(s, j->task);
		else
			sched_not_run(j, s->signal ? STR("interrupted") : STR("nothing new is started"));
	}
}

#define JUDGE_AT_ONCE 32

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

static void give_up_waiting(struct sched *s)
{
	if (s->stopping && !s->stop_followed && !sched_is_over(s))
		follow_stop(s);
	if (!s->stopping && !sched_is_over(s))
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
	judging_all(s);
	s->judging_all = false;
	line_up(s);
	for (;;) {
		settle_all(s);
		judging_answered(s);
		bool starved = start_some(s);
		for (int i = 0; i < JUDGE_AT_ONCE && s->ready.tasks.n && sched_goes_on(s); i++) {
			judging_next(s);
			if (admission_waiting(s->admission) && s->checked_providers)
				starved = start_some(s);
		}
		give_up_waiting(s);
		stash_all(s); /* while what was started runs, */
		write_late(s); /* unless that has brought it along */
		if (s->settling.n)
			continue;
		bool judging = (s->ready.tasks.n || sharing_answered(s)) && sched_goes_on(s);
		if (judging && !s->live.n)
			continue;
		bool waiting = s->live.n || s->retrying || choice_waiting(s->choice) || executor_waiting(s) || (sched_goes_on(s) && sharing_waiting(s));
		if (!waiting && !(sched_goes_on(s) && admission_waiting(s->admission)))
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
	struct task_span open = graph_open(g);
	size_t wanted = 0;
	for (size_t i = 0; i < open.n; i++) {
		struct task *t = open.p[i];
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
	bool well = sched_goes_on(s) && !s->stopping && !r->failed && !r->held && !r->not_run && !r->untouched;
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
	return more || (s->c->more.rest.n && !sched_is_over(s) && follow_stuck(s));
}

/* What has an answer is let be: those whom it asks have limits of their own. */
static void time_over(void *sched)
{
	struct sched *s = sched;
	s->late = !s->asking;
}

static void begin_time(struct sched *s)
{
	int64_t whole = s->c->whole_ns;
	s->until_ns = whole ? clock_ns() + whole : INT64_MAX;
	s->until = (struct loop_timer){.fn = time_over, .self = s};
	if (whole)
		loop_timer_set(s->c->loop, &s->until, s->until_ns);
}

struct sched_result sched_run(const struct sched_config *c, struct arena *a)
{
	struct sched s = {.c = c, .arena = a, .groups = {.a = a, .notes = c->store->fd, .run_id = c->run_id}, .watched_fd = -1, .spent = c->spent};
	childenv_base(&s);
	process_children(&s.strangers);
	loop_on_signal(c->loop, reaper_signal, &s);
	begin_time(&s);
	s.watch = capture_watch_new(c->loop);
	s.choice = choice_new(&s);
	s.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s.null_error = s.null_fd < 0 ? errno : 0;
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
	sandbox_end_run(&s);
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
	loop_timer_clear(c->loop, &s.until);
	admission_free(s.admission);
	free_verdicts(&s);
	vec_free(&s.live);
	vec_free(&s.settling);
	vec_free(&s.stashing);
	vec_free(&s.views);
	vec_free(&s.strangers.pids);
	return s.result;
}
