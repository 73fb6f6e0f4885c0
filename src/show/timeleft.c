#include "show/timeleft.h"

#include <stdlib.h>

#include "base/mem.h"
#include "graph/usual.h"

void timeleft_ended(struct timeleft *l, const struct task *t, int64_t duration_ns)
{
	l->ended[t->kind == TASK_AGENT].sum_ns += duration_ns;
	l->ended[t->kind == TASK_AGENT].n++;
}

static int64_t expected_ns(const struct timeleft *l, const struct task *t)
{
	int64_t usual = t->kind == TASK_GROUP ? 0 : usual_of(t).duration_ns;
	size_t kind = t->kind == TASK_AGENT;
	if (usual < 0 && l->ended[kind].n)
		usual = l->ended[kind].sum_ns / (int64_t)l->ended[kind].n;
	return usual;
}

static bool is_ahead(const struct task *t)
{
	return t->wanted && t->state >= STATE_WAITING && t->state <= STATE_RUNNING;
}

int64_t timeleft_ns(struct timeleft *l, int64_t (*running_ns)(void *self, const struct task *t), void *self)
{
	const struct graph *g = l->graph;
	int64_t longest = 0, work = 0;
	if (!l->path_ns)
		l->path_ns = xcalloc(g->tasks.n + 1, sizeof *l->path_ns);
	for (size_t i = g->order.n; i-- > 0;) {
		const struct task *t = g->order.p[i];
		if (!is_ahead(t))
			continue;
		int64_t own = expected_ns(l, t), behind = 0;
		if (own < 0)
			return -1;
		if (t->state == STATE_RUNNING)
			own -= running_ns(self, t);
		own = own > 0 ? own : 0;
		for (size_t k = 0; k < t->users.n; k++)
			if (is_ahead(t->users.p[k]) && l->path_ns[t->users.p[k]->id] > behind)
				behind = l->path_ns[t->users.p[k]->id];
		l->path_ns[t->id] = own + behind;
		longest = own + behind > longest ? own + behind : longest;
		work += own;
	}
	int64_t shared = l->slots ? work / (int64_t)l->slots : 0;
	return shared > longest ? shared : longest;
}

void timeleft_free(struct timeleft *l)
{
	free(l->path_ns);
	l->path_ns = NULL;
}
