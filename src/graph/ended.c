#include "graph/ended.h"

static const struct task *first(const struct task *t, bool bypassed_too)
{
	for (size_t i = 0; t->def->run_if != RUN_IF_SUCCESS && i < t->deps.n; i++) {
		const struct task *d = t->deps.p[i].task;
		if (d->state == STATE_FAILED || (d->state == STATE_NOT_RUN && (bypassed_too || !d->bypassed)))
			return d;
	}
	return NULL;
}

const struct task *ended_without_success(const struct task *t)
{
	return first(t, true);
}

const struct task *ended_in_failure(const struct task *t)
{
	return first(t, false);
}
