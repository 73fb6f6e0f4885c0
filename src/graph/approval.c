#include "graph/approval.h"

/* Its prompt stands in out->prompt. false: out->problem says why. */
static bool subject(struct stale *s, struct arena *a, struct task *t, struct signing *out)
{
	signature_compute(&s->hashing, a, t, NULL, false, false, out);
	return !out->problem.n;
}

/* What a run asked for last, where its dependencies are to run first and may come out the same. */
static bool last_asked(const struct stale *s, const struct task *t, struct hash128 *what)
{
	return log_asked(s->log, s->hashing.g->workflow->file, t->name, what);
}

/* Planning: a dependency that will run, and may change what there is to approve; NULL: none. */
static const struct task *runs_first(const struct stale *s, const struct task *t)
{
	for (size_t i = 0; s->planning && i < t->deps.n; i++)
		if (content_may_change(&t->deps.p[i]))
			return t->deps.p[i].task;
	return NULL;
}

/* Also under the name that it bore then: a plan does not write that it has another one. */
static bool is_given(const struct stale *s, const struct task *t, struct hash128 *what)
{
	struct str file = s->hashing.g->workflow->file;
	return log_approval(s->log, file, t->name, what) || (t->record && log_approval(s->log, file, t->record->name, what));
}

bool approval_lacks(struct stale *s, struct task *t, const struct verdict *v)
{
	struct hash128 given, wanted;
	struct arena a = {0};
	struct signing now;

	if (!t->def->approve.s.p || v->why == WHY_NOT || v->why == WHY_HELD_BEHIND || verdict_is_error(v) || verdict_is_skip(v))
		return false;
	bool yes = is_given(s, t, &given);
	if (runs_first(s, t))
		return !yes || (last_asked(s, t, &wanted) && !hash_eq(wanted, given));
	/* What cannot be told is for the start to say. */
	bool lacks = subject(s, &a, t, &now) && !(yes && hash_eq(now.hash, given));
	arena_free(&a);
	return lacks;
}

bool approval_waits(struct stale *s, struct task *t)
{
	struct hash128 given, wanted;
	struct arena a = {0};
	struct signing now;

	/* By its own name: a run with -B asks whom it does not know by another one. */
	bool yes = log_approval(s->log, s->hashing.g->workflow->file, t->name, &given);
	if (!last_asked(s, t, &wanted) || (yes && hash_eq(given, wanted)))
		return false;
	bool same = subject(s, &a, t, &now) && hash_eq(now.hash, wanted);
	arena_free(&a);
	return same;
}

int approval_ask(struct stale *s, struct task *t)
{
	struct arena a = {0};
	struct hash128 before;
	struct signing now;
	int err = 0;

	if (subject(s, &a, t, &now) && !(last_asked(s, t, &before) && hash_eq(before, now.hash)))
		err = log_ask(s->log, s->hashing.g->workflow->file, t->name, now.hash);
	arena_free(&a);
	return err;
}

bool approval_subject(struct stale *s, struct arena *a, struct task *t, struct signing *what)
{
	const struct task *first = runs_first(s, t);
	if (first) {
		*what = (struct signing){0};
		if (!last_asked(s, t, &what->hash)) {
			what->problem = arena_printf(a, "'%.*s' runs first, so nobody can tell yet what there is to approve", STR_ARG(first->name));
			return false;
		}
		return true;
	}
	return subject(s, a, t, what);
}

bool approval_give(struct stale *s, struct arena *a, struct task *t, struct signing *what, int *err)
{
	if (!approval_subject(s, a, t, what))
		return false;
	*err = log_approve(s->log, s->hashing.g->workflow->file, t->name, what->hash);
	if (!*err)
		*err = log_sync(s->log);
	return true;
}
