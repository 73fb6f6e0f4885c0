/* Includes that tasks make: by whom, and who of them may run before the graph is read again. */
#include <stdlib.h>

#include "base/mem.h"
#include "graph/build.h"

bool build_may_come(struct builder *b, struct task *t)
{
	t->lacks_name = t->lacks_name || b->c->workflow->partial;
	return b->c->workflow->partial;
}

bool build_file_may_come(struct builder *b, struct task *t)
{
	t->lacks_file = t->lacks_file || b->c->workflow->partial;
	return b->c->workflow->partial;
}

void build_makers(struct builder *b)
{
	const struct workflow *w = b->c->workflow;
	b->g->makers = arena_array(b->a, struct task *, w->includes.n + 1);
	for (size_t i = 0; i < w->includes.n; i++)
		b->g->makers[i] = graph_producer(b->g, build_real_path(b, graph_path(b->g, b->a, w->includes.p[i].path)));
}

const struct task *graph_maker_left(const struct graph *g)
{
	for (size_t i = 0; i < g->workflow->includes.n; i++)
		if (g->makers[i] && !g->makers[i]->ended)
			return g->makers[i];
	return NULL;
}

bool graph_uncertain(const struct graph *g, const struct task *t)
{
	bool yes = t->lacks_name || t->lacks_file || t->def->lacks_pool;
	for (uint32_t i = t->def->include; i && !yes; i = g->workflow->includes.p[i - 1].from)
		yes = g->makers[i - 1] && !g->makers[i - 1]->ended;
	return yes;
}

/* The same of the task and all that it needs; known: of those before it, by id. */
static bool needs_uncertain(const struct graph *g, const struct task *t, const bool *known)
{
	bool yes = graph_uncertain(g, t);
	for (size_t i = 0; i < t->deps.n && !yes; i++)
		yes = known[t->deps.p[i].task->id];
	return yes;
}

bool graph_want_makers(struct graph *g)
{
	bool *later, any = false;
	if (!graph_maker_left(g))
		return false;
	later = xcalloc(g->tasks.n + 1, sizeof *later);
	for (size_t i = 0; i < g->order.n; i++)
		later[g->order.p[i]->id] = needs_uncertain(g, g->order.p[i], later);
	for (size_t i = 0; i < g->workflow->includes.n; i++) {
		struct task *t = g->makers[i];
		if (!t || t->ended || later[t->id])
			continue;
		graph_want_task(g, t);
		any = true;
	}
	free(later);
	return any;
}
