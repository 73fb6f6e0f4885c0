/* Signals, ended children, and what tasks leave behind. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/aim.h"
#include "run/job.h"

void reaper_signal(void *sched, const struct signalfd_siginfo *si)
{
	struct sched *s = sched;
	if (si->ssi_signo == SIGCHLD) {
		s->children_ended = true;
		return;
	}
	bool handed_on = si->ssi_code == SI_QUEUE;
	if (!s->signal)
		s->signal = (int)si->ssi_signo;
	if (s->signals[handed_on]++)
		s->kill_now = true;
	reaper_interrupt(s);
}

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return (x > y) - (x < y);
}

void reaper_orphans(void *sched, struct pid_list *out)
{
	const struct sched *s = sched;
	struct pid_list all = {0}, firsts = {0};
	if (s->orphans) {
		for (size_t i = 0; i < s->orphans->pids.n; i++)
			vec_push(NULL, &out->pids, s->orphans->pids.p[i]);
		return;
	}
	process_children(&all);
	for (size_t i = 0; i < s->live.n; i++)
		if (s->live.p[i]->pid)
			vec_push(NULL, &firsts.pids, s->live.p[i]->pid);
	if (firsts.pids.n == all.pids.n) /* as nearly always: all firsts are among the children */
		all.pids.n = 0;
	if (all.pids.n && firsts.pids.n)
		qsort(firsts.pids.p, firsts.pids.n, sizeof *firsts.pids.p, by_number);
	for (size_t i = 0; i < all.pids.n; i++)
		if ((!firsts.pids.n || !bsearch(&all.pids.p[i], firsts.pids.p, firsts.pids.n, sizeof *firsts.pids.p, by_number)) &&
		    waitpid(all.pids.p[i], NULL, WNOHANG) <= 0) /* a dead one would only be looked at again and again */
			vec_push(NULL, &out->pids, all.pids.p[i]);
	vec_free(&all.pids);
	vec_free(&firsts.pids);
}

static struct job *job_of(struct sched *s, pid_t pid)
{
	for (size_t i = 0; i < s->live.n; i++)
		if (s->live.p[i]->pid == pid)
			return s->live.p[i];
	return NULL;
}

/* Takes notice of all children that have ended. */
static void reap(struct sched *s)
{
	pid_t pid;
	int status;
	s->children_ended = false;
	while (process_reap(&pid, &status)) {
		struct job *j = job_of(s, pid);
		if (!j)
			continue; /* an orphan: its task is looked at with the next look at what is left */
		j->pid = 0;
		j->status = status;
		if (j->phase == PHASE_RUNNING) {
			loop_timer_clear(s->c->loop, &j->timer);
			j->phase = PHASE_ENDING;
		}
	}
}

#define LOOK_AGAIN_NS (50 * NS_PER_MS)
#define MANY 256
#define DRAIN_GRACE_NS (200 * NS_PER_MS)

static void drained(void *job)
{
	struct job *j = job;
	finish_try(j);
}

/* A program that was just started holds them for a moment, until its own begins. */
void reaper_pipes_ended(void *job)
{
	struct job *j = job;
	if (j->phase == PHASE_DRAINING)
		loop_timer_set(j->sched->c->loop, &j->timer, clock_ns());
}

static void drain_on(void *job);

/* Gigabytes are read a slice a turn of the loop, so that others have theirs and a signal is heard. */
static void wait_for_turn(struct job *j)
{
	j->phase = PHASE_DRAINING;
	j->timer.fn = drain_on;
	loop_timer_set(j->sched->c->loop, &j->timer, clock_ns());
}

static void drain_on(void *job)
{
	struct job *j = job;
	if (j->sched->kill_now) { /* what is not read now the next run reads, should the answer be in it */
		j->cut = true;
		j->cause = END_INTERRUPT;
		capture_skip(j->capture);
	}
	if (capture_drain_on(j->capture))
		finish_try(j);
	else
		wait_for_turn(j);
}

/* All processes have ended: what the pipes still hold is taken, and somebody unknown who holds one is not waited for. */
static void all_ended(struct job *j)
{
	struct sched *s = j->sched;
	sandbox_ended(j);
	if (j->failed) {
		finish_failed(j);
		return;
	}
	if (j->phase == PHASE_DRAINING)
		return;
	if (capture_drain(j->capture)) {
		finish_try(j);
		return;
	}
	if (capture_behind(j->capture)) {
		wait_for_turn(j);
		return;
	}
	j->phase = PHASE_DRAINING;
	j->timer.fn = drained;
	loop_timer_set(s->c->loop, &j->timer, clock_ns() + DRAIN_GRACE_NS);
}

static void look_again(void *job);

/* Ends what is left, step by step. */
static void go_on_ending(struct job *j, const struct pid_list *orphans)
{
	struct sched *s = j->sched;
	bool alive = j->pid != 0;
	if (!j->checking) /* what a check leaves has no leave to stay */
		j->leaves = j->task->def->leave && !j->failed && !alive && j->cause == END_OWN && WIFEXITED(j->status) && !WEXITSTATUS(j->status);
	if (j->leaves && !j->checking) {
		all_ended(j);
		return;
	}
	if (!alive && !ending_anything_left(&j->ending, orphans, false)) {
		loop_timer_clear(s->c->loop, &j->timer);
		all_ended(j);
		return;
	}
	int64_t now = clock_ns();
	if (s->kill_now || (j->ending.kill_at_ns && now >= j->ending.kill_at_ns))
		ending_kill(&j->ending, orphans, alive);
	else if (!executor_stops(j))
		ending_term(&j->ending, orphans, alive, now);
	j->phase = PHASE_ENDING;
	j->timer.fn = look_again;
	int64_t next = now + LOOK_AGAIN_NS;
	if (!j->ending.killed && next > j->ending.kill_at_ns && j->ending.kill_at_ns > now)
		next = j->ending.kill_at_ns;
	loop_timer_set(s->c->loop, &j->timer, next);
}

static void look(struct sched *s)
{
	s->orphans = NULL;
	s->seen.pids.n = 0;
	s->seen_ns = clock_ns();
	reaper_orphans(s, &s->seen);
}

/* The list of children is as long as there are tasks, and with a list for each of them to end all would take the square of that. What was found a moment ago will do while a task's
 * first process lives: who comes to us later is found by the next look, or by that which follows the first one's death. Before SIGKILL each looks for itself, for what forks must not escape; but not where hundreds are to be killed. */
static void look_again(void *job)
{
	struct job *j = job;
	struct sched *s = j->sched;
	const struct pid_list *outer = s->orphans;
	struct pid_list orphans = {0};
	int64_t now = clock_ns();
	bool killing = (s->kill_now || (j->ending.kill_at_ns && now >= j->ending.kill_at_ns)) && s->live.n < MANY;
	if (!j->pid || killing || now - s->seen_ns >= LOOK_AGAIN_NS)
		look(s);
	for (size_t i = 0; i < s->seen.pids.n; i++)
		vec_push(NULL, &orphans.pids, s->seen.pids.p[i]);
	s->orphans = j->pid && !killing ? &orphans : NULL;
	go_on_ending(j, &orphans);
	s->orphans = outer;
	vec_free(&orphans.pids);
}

void reaper_end_left(struct job *j, enum try_class class)
{
	j->failed = class;
	j->phase = PHASE_ENDING;
	look_again(j);
}

void reaper_end_try(struct job *j, enum end_cause cause)
{
	reap(j->sched); /* it may have ended just before, and its answer counts */
	j->sched->children_ended = true; /* others may have too: they are looked at after this turn */
	if (j->pid)
		j->cause = cause;
	look_again(j);
}

void reaper_interrupt(struct sched *s)
{
	struct pid_list orphans = {0};
	reap(s);
	reaper_orphans(s, &orphans);
	s->orphans = s->kill_now && s->live.n < MANY ? NULL : &orphans;
	for (size_t i = s->live.n; i-- > 0;) { /* ending one may take it out of the list */
		struct job *j = s->live.p[i];
		if (j->phase == PHASE_DRAINING || j->phase == PHASE_SETTLING || j->phase == PHASE_CANCELLING)
			continue;
		if (j->cause == END_OWN && j->pid && !attend_answered_by_now(j))
			j->cause = END_INTERRUPT;
		go_on_ending(j, &orphans);
	}
	s->orphans = NULL;
	vec_free(&orphans.pids);
}

static void nothing(void *self)
{
	(void)self;
}

/* What a look may cost before others wait: it grows with the number of children, and so, with each end looked at alone, all ends with its square. */
#define CHEAP_NS (NS_PER_MS / 4)
#define APART_MOST_NS (50 * NS_PER_MS)

bool reaper_due(struct sched *s)
{
	if (!s->children_ended)
		return false;
	if (clock_ns() >= s->collect_ns)
		return true;
	s->collect.fn = nothing;
	loop_timer_set(s->c->loop, &s->collect, s->collect_ns);
	return false;
}

void reaper_collect(struct sched *s)
{
	loop_timer_clear(s->c->loop, &s->collect);
	reap(s);
	struct pid_list orphans = {0};
	int64_t began = clock_ns();
	reaper_orphans(s, &orphans);
	int64_t now = clock_ns(), cost = now - began, apart = cost < CHEAP_NS ? 0 : 4 * cost;
	s->collect_ns = now + (apart < APART_MOST_NS ? apart : APART_MOST_NS);
	for (size_t i = s->live.n; i-- > 0;) {
		struct job *j = s->live.p[i];
		if (j->phase == PHASE_CANCELLING && !j->pid)
			executor_cancelled(j);
		else if (j->phase == PHASE_ENDING && !j->pid)
			go_on_ending(j, &orphans);
	}
	vec_free(&orphans.pids);
}

static bool listed(const struct pid_list *l, pid_t pid)
{
	for (size_t i = 0; i < l->pids.n; i++)
		if (l->pids.p[i] == pid)
			return true;
	return false;
}

/* Nobody but the run's own comes from a child of this process that was not there before. */
static bool is_left(void *own, const struct proc_stat *st)
{
	return st->parent == getpid() && listed(own, st->pid);
}

static bool still_left(void *own, pid_t pid)
{
	return aim_below(pid, is_left, own);
}

/* One round over all that is left of the run; false when nothing is that could be ended. */
static bool end_strays(struct sched *s, struct pid_list *told, bool killing)
{
	struct pid_list all = {0}, left = {0};
	process_children(&all);
	for (size_t i = 0; i < all.pids.n; i++)
		if (!listed(&s->strangers, all.pids.p[i]) && !left_has(&s->left, all.pids.p[i]))
			vec_push(NULL, &left.pids, all.pids.p[i]);
	struct pid_list own = {0};
	size_t within_reach = 0;
	for (size_t i = 0; i < left.pids.n; i++)
		vec_push(NULL, &own.pids, left.pids.p[i]);
	for (size_t i = 0; i < own.pids.n; i++)
		process_descendants(own.pids.p[i], &left);
	for (size_t i = 0; i < left.pids.n; i++) {
		pid_t pid = left.pids.p[i];
		within_reach += (killing ? aim_signal(pid, SIGKILL, still_left, &own) : kill(pid, 0) ? errno : 0) != EPERM;
		if (listed(told, pid))
			continue;
		vec_push(NULL, &told->pids, pid);
		aim_signal(pid, SIGTERM, still_left, &own);
	}
	bool any = own.pids.n > 0 && within_reach > 0;
	vec_free(&all.pids);
	vec_free(&left.pids);
	vec_free(&own.pids);
	return any;
}

/* Orphans without a mark could be any task's: they end with the run. */
void reaper_last(struct sched *s)
{
	int64_t kill_from = clock_ns() + ENDING_GRACE_NS, give_up = kill_from + ENDING_GRACE_NS;
	struct pid_list told = {0};
	struct loop_timer wake = {.fn = nothing};
	for (;;) {
		reap(s);
		if (!end_strays(s, &told, s->kill_now || clock_ns() >= kill_from) || clock_ns() >= give_up)
			break;
		loop_timer_set(s->c->loop, &wake, clock_ns() + 20 * NS_PER_MS);
		loop_turn(s->c->loop, true);
	}
	loop_timer_clear(s->c->loop, &wake);
	loop_timer_clear(s->c->loop, &s->collect);
	vec_free(&s->seen.pids);
	if (told.pids.n)
		sched_warn(s, NULL, "ended %zu process%s that no task could be named for", told.pids.n, told.pids.n == 1 ? "" : "es");
	vec_free(&told.pids);
}
