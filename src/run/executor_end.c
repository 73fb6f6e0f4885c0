/* The end of what an executor ran: its command's own end, or its node's. What may be left there is cancelled. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/os.h"
#include "run/answer_line.h"
#include "run/executor.h"
#include "state/elsewhere.h"

#define SAID_MAX 8192 /* of standard error */
#define CANCEL_NS (10 * NS_PER_S)
#define LOST_AT_MOST 5 /* tries of a task */

void executor_started(struct job *j)
{
	struct elsewhere_try *f = &j->elsewhere;
	sbuf_free(&f->said);
	executor_give_host(j, false);
	executor_give_lane(j);
	*f = (struct elsewhere_try){.lost_tries = f->lost_tries};
}

void executor_gone(struct job *j)
{
	executor_give_host(j, false);
	executor_give_lane(j);
	sbuf_free(&j->elsewhere.said);
}

void executor_unstarted(struct job *j)
{
	if (j->task->executor)
		elsewhere_forget(j->sched->c->store, j->mark);
}

void executor_said(struct job *j, const char *p, size_t n)
{
	struct sbuf *b = &j->elsewhere.said;
	if (!j->task->executor)
		return;
	sbuf_add(b, p, n);
	if (b->n <= 2 * SAID_MAX)
		return;
	memmove(b->p, b->p + b->n - SAID_MAX, SAID_MAX);
	b->n = SAID_MAX;
}

static struct str said(const struct job *j)
{
	struct str all = sbuf_view(&j->elsewhere.said);
	return str_sub(all, all.n > SAID_MAX ? all.n - SAID_MAX : 0, all.n);
}

/* Of axmake-carry's own lines the last: what it ends may say something after it. */
static struct str carry_words(struct str said)
{
	struct str line = STR_NONE, by = STR("axmake-carry: ");
	for (size_t at = str_find(said, by, 0); at < said.n; at = str_find(said, by, at + 1))
		if (!at || said.p[at - 1] == '\n')
			line = str_sub(said, at, str_find(said, STR("\n"), at));
	return line;
}

/* The last that it said, for people; "" where it said nothing. */
static struct str last_words(struct job *j)
{
	struct str line = executor_carries(j->task) ? carry_words(said(j)) : STR_NONE;
	line = line.n ? line : line_last(said(j));
	return line.n ? arena_printf(&j->arena, ": %.*s", STR_ARG(mask_copy(&j->sched->mask, &j->arena, line_of(&j->arena, line)))) : STR("");
}

static bool says(struct job *j, struct str pattern)
{
	struct str status = WIFSIGNALED(j->status) ? arena_printf(&j->arena, "signal %d", WTERMSIG(j->status)) : arena_printf(&j->arena, "exit status %d", WEXITSTATUS(j->status));
	return line_matches(&j->arena, pattern, said(j), status);
}

/* What was sent did not come whole: nothing of that is the task's doing. */
static bool damaged_there(const struct job *j)
{
	return executor_carries(j->task) && WIFEXITED(j->status) && WEXITSTATUS(j->status) == EX_TEMPFAIL;
}

static struct str told(struct job *j, const struct executor *e, bool began)
{
	enum far_end end = j->elsewhere.end;
	const char *what = end == FAR_FAILED ? "ended" : began ? "lost" : "did not start";
	struct str why = end == FAR_FAILED ? line_group(&j->arena, e->fail_on, said(j), STR("")) : STR_NONE;
	if (!why.n)
		return arena_printf(&j->arena, "executor '%.*s' %s it%.*s", STR_ARG(e->name), what, STR_ARG(last_words(j)));
	return arena_printf(&j->arena, "executor '%.*s' %s it: %.*s", STR_ARG(e->name), what, STR_ARG(line_of(&j->arena, why)));
}

/* What the far side says counts, not what the executor's program makes of it: one ends with 0 when it has lost a node. */
static void look(struct job *j, struct elsewhere *seen)
{
	struct elsewhere_try *f = &j->elsewhere;
	const struct executor *e = j->task->executor;
	*seen = elsewhere_look(j->sched->c->store, j->mark);
	/* Its own status says nothing of that: ssh, too, ends with 255. */
	if (seen->ended && j->cause == END_OWN && (seen->signal || seen->status > 128) && line_matches(&j->arena, e->retry_on, said(j), STR_NONE))
		seen->ended = false; /* by the signal that a node's end sends ahead */
	if (seen->ended && !seen->status && !seen->signal && !executor_carries(j->task))
		executor_look_anew(j);
	if (seen->ended)
		j->status = W_EXITCODE(seen->status, seen->signal);
	else if (j->cause == END_OWN && !attend_answered(j) && seen->began)
		f->end = says(j, e->fail_on) ? FAR_FAILED : FAR_LOST;
	else if (j->cause == END_OWN && !attend_answered(j))
		f->end = says(j, e->retry_on) || damaged_there(j) ? FAR_LOST : FAR_UNSTARTED;
	f->lost_tries += f->end == FAR_LOST;
	executor_give_host(j, f->end == FAR_LOST);
	if (f->end != FAR_ENDED)
		f->error = told(j, e, seen->began);
}

static void cancel_late(void *job)
{
	struct job *j = job;
	if (j->pid)
		kill(j->pid, SIGKILL); /* not reaped yet: the number is its own */
}

/* false: it could not be started. */
static bool start_cancel(struct job *j, const struct executor *e)
{
	struct sched *s = j->sched;
	struct executor_words w = {0};
	struct executor_values v = executor_values(j);
	struct str file;
	executor_expand(&j->arena, &e->cancel, &v, &w);
	vec_push(&j->arena, &w.of, NULL);
	if (!w.of.p[0] || !executor_find(&j->arena, s->c->root, s->path_env, w.of.p[0], &file) || s->null_fd < 0)
		return false;
	j->elsewhere.status = j->status;
	struct spawn sp = {file.p, w.of.p, s->base_env, NULL, NULL, s->null_fd, s->null_fd, s->null_fd, {-1, -1}, NULL, 0, NULL, NULL};
	if (process_spawn(&sp, &j->pid))
		return false;
	j->phase = PHASE_CANCELLING;
	j->timer.fn = cancel_late;
	loop_timer_set(s->c->loop, &j->timer, clock_ns() + CANCEL_NS);
	return true;
}

static void warn_uncancelled(struct job *j, const char *why)
{
	sched_warn(j->sched, j->task, "executor '%.*s' may still run it: its 'cancel' %s; the next run tries that again", STR_ARG(j->task->executor->name), why);
}

bool executor_ends(struct job *j)
{
	const struct executor *e = j->task->executor;
	struct elsewhere_try *f = &j->elsewhere;
	struct elsewhere seen;
	if (!e || f->settled)
		return false;
	f->settled = true;
	look(j, &seen);
	bool left = !seen.ended && f->end != FAR_UNSTARTED && e->cancel.n;
	if (left && start_cancel(j, e))
		return true;
	if (left)
		warn_uncancelled(j, "could not be started");
	else
		elsewhere_forget(j->sched->c->store, j->mark);
	executor_give_lane(j);
	return false;
}

void executor_cancelled(struct job *j)
{
	int status = j->status;
	j->status = j->elsewhere.status;
	loop_timer_clear(j->sched->c->loop, &j->timer);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		elsewhere_forget(j->sched->c->store, j->mark);
	else
		warn_uncancelled(j, WIFEXITED(status) ? arena_printf(&j->arena, "ended with status %d", WEXITSTATUS(status)).p : "did not end in time");
	executor_give_lane(j);
	finish_try(j);
}

bool executor_may_again(const struct job *j)
{
	return j->elsewhere.lost_tries <= LOST_AT_MOST;
}

int64_t executor_pause(const struct job *j)
{
	return NS_PER_S << (j->elsewhere.lost_tries ? j->elsewhere.lost_tries - 1 : 0);
}

/* Time in a queue is not the command's. */
bool executor_not_yet(struct job *j)
{
	int64_t now = clock_ns(), age;
	if (!j->task->executor || j->elsewhere.began)
		return false;
	age = elsewhere_age(j->sched->c->store, j->mark);
	j->elsewhere.began = age >= 0;
	j->limit_from_ns = age < 0 ? now : now - age;
	if (age < 0 || j->last_byte_ns < j->limit_from_ns)
		j->last_byte_ns = j->limit_from_ns;
	return true;
}
