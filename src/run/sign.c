/* Under which signature a try's answer will be recorded. */
#include "run/job.h"

bool sign_task(struct job *j)
{
	struct hashing *h = &j->sched->c->stale->hashing;
	sbuf_free(&j->signing.fields);
	seen_free(j->listing);
	j->listing = seen_new(&j->arena);
	j->listing->also = h->seen;
	j->listed_in = h->g;
	j->signed_for = j->provider;
	h->listing = j->listing;
	signature_compute(h, &j->arena, j->task, j->provider, true, true, &j->signing);
	h->listing = NULL;
	if (!j->signing.problem.n)
		return true;
	finish_unstarted(j, TRY_FAILED, j->signing.problem);
	return false;
}

/* May something of an earlier try, or a person's yes, which was for other inputs, be part of what the next one makes? A try that was lost elsewhere may still be at work. */
static bool is_bound(const struct job *j)
{
	const struct task *t = j->task;
	return j->as || t->def->approve.s.p || t->n_delegates || t->def->delegates_any || job_resumes(j) || j->elsewhere.lost_tries;
}

/* Where that cannot be told it is as it was: the end of the try will ask again. */
static bool inputs_changed(struct job *j)
{
	struct signing now;
	if (!j->task->inputs.n || is_bound(j))
		return false;
	signature_compute(&j->sched->c->stale->hashing, &j->arena, j->task, j->provider, true, false, &now);
	return !now.problem.n && !hash_eq(now.hash, j->signing.hash);
}

bool sign_again(struct job *j)
{
	return (j->provider == j->signed_for && !inputs_changed(j)) || sign_task(j);
}
