#include "graph/ended.h"

static bool failed(const struct task *t)
{
	return t->state == STATE_FAILED || (t->state == STATE_NOT_RUN && !t->bypassed);
}

const struct task *ended_without_success(const struct task *t)
{
	for (size_t i = 0; t->def->run_if != RUN_IF_SUCCESS && i < t->deps.n; i++) {
		const struct dep *d = &t->deps.p[i];
		bool bad = d->task->state == STATE_FAILED || d->task->state == STATE_NOT_RUN;
		if (bad && (dep_counts(d) || t->def->run_if == RUN_IF_FAILURE))
			return d->task;
	}
	return NULL;
}

bool ended_in_failure(const struct task *t)
{
	for (size_t i = 0; i < t->deps.n; i++)
		if (failed(t->deps.p[i].task))
			return true;
	return false;
}
