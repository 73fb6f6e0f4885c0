/* A command that runs elsewhere is told to end, as SIGTERM tells one here, by words of its executor's: of some the own program would kill it at once. */
#include <signal.h>

#include "base/clock.h"
#include "run/executor.h"
#include "state/elsewhere.h"

/* false: they could not be started. Nobody waits for them: what tells is whether the command ends. */
static bool start_words(struct job *j)
{
	struct sched *s = j->sched;
	struct executor_words w = {0};
	struct executor_values v = executor_values(j);
	struct str file;
	pid_t pid;
	executor_expand(&j->arena, &j->task->executor->stop, &v, &w);
	vec_push(&j->arena, &w.of, NULL);
	if (!w.of.p[0] || !executor_find(&j->arena, s->c->root, s->path_env, w.of.p[0], &file) || s->null_fd < 0)
		return false;
	struct spawn sp = {file.p, w.of.p, s->base_env, NULL, NULL, s->null_fd, s->null_fd, s->null_fd, {-1, -1}, NULL, 0, NULL, NULL};
	if (process_spawn(&sp, &pid))
		return false;
	vec_push(NULL, &s->strangers.pids, pid); /* it may end after all tasks have */
	return true;
}

bool executor_stops(struct job *j)
{
	struct elsewhere_try *f = &j->elsewhere;
	if (!j->pid || f->stop_failed || !j->task->executor || !j->task->executor->stop.n)
		return false;
	if (f->stopping)
		return true;
	struct elsewhere seen = elsewhere_look(j->sched->c->store, j->mark);
	f->stopping = seen.began && !seen.ended && start_words(j);
	f->stop_failed = !f->stopping;
	if (f->stopping)
		j->ending.kill_at_ns = clock_ns() + ENDING_GRACE_NS;
	return f->stopping;
}
