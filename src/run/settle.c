/* Successes that a loss of power must not take. To wait for the disk takes a moment in which others end: they are brought there together, each turn of the loop what has ended by then. */
#include "run/finish.h"

void settle_later(struct job *j)
{
	j->phase = PHASE_SETTLING;
	vec_push(NULL, &j->sched->settling, j);
}

/* In this order: a record without what it tells of would make of half-written outputs somebody's edits. */
static void record(struct sched *s, struct job *const *jobs, size_t n, int *errs)
{
	lasting_made(s, jobs, n, errs);
	for (size_t i = 0; i < n; i++)
		if (!errs[i])
			errs[i] = finish_log(jobs[i], jobs[i]->took_ns, finish_flags(jobs[i]));
	int err = log_sync(s->c->log);
	for (size_t i = 0; i < n; i++)
		if (!errs[i])
			errs[i] = err;
}

void settle_all(struct sched *s)
{
	struct arena a = {0};
	size_t n = s->settling.n;
	if (!n)
		return;
	/* Storing what was made may give the loop a turn, in which others come to settle. */
	struct job **jobs = arena_array(&a, struct job *, n);
	int *errs = arena_array(&a, int, n);
	for (size_t i = 0; i < n; i++)
		jobs[i] = s->settling.p[i];
	s->settling.n = 0;
	record(s, jobs, n, errs);
	for (size_t i = 0; i < n; i++) {
		if (!errs[i])
			finish_known(jobs[i]);
		finish_succeeded(jobs[i], errs[i]);
		finish_told(jobs[i], TRY_OK);
	}
	arena_free(&a);
}
