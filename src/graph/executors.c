/* Where tasks run: each task's executor. */
#include "graph/build.h"

/* Its place in graph.executors, from 1. */
static uint32_t number_of(struct builder *b, const struct executor *e)
{
	for (size_t i = 0; i < b->g->executors.n; i++)
		if (b->g->executors.p[i] == e)
			return (uint32_t)i + 1;
	vec_push(b->a, &b->g->executors, e);
	return (uint32_t)b->g->executors.n;
}

void build_executor(struct builder *b, struct task *t)
{
	const struct text *name = &t->def->executor;
	const struct rules *r = b->c->rules;
	if (!name->s.p)
		return;
	t->executor = rules_executor(r, name->s);
	const char *lacks = t->executor ? executor_lacks(t->executor) : NULL;
	if (lacks) {
		diag_error(b->d, name->at, diag_hint(b->d, "add '%s = NAME' to [executor %.*s] in axmake.ini", lacks, STR_ARG(name->s)), "executor '%.*s' has no '%s'", STR_ARG(name->s), lacks);
		return;
	}
	if (t->executor && t->executor->root_apart && t->def->isolate != ISOLATE_NONE)
		diag_error(b->d, name->at, "take 'isolate' out", "what comes back from executor '%.*s' comes as from a view: 'isolate' has nothing to add", STR_ARG(name->s));
	if (t->executor) {
		t->executor_number = number_of(b, t->executor);
		return;
	}
	struct suggestion s = {.wanted = name->s};
	for (size_t i = 0; i < r->executor_list.n; i++)
		suggestion_offer(&s, r->executor_list.p[i]->name);
	suggestion_offer(&s, STR(EXECUTOR_LOCAL));
	const char *near = diag_did_you_mean(b->d, &s);
	diag_error(b->d, name->at, near ? near : diag_hint(b->d, "define [executor %.*s] in axmake.ini; axmake --doctor shows those that are there", STR_ARG(name->s)),
		   "unknown executor '%.*s'", STR_ARG(name->s));
}
