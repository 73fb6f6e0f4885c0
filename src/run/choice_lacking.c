/* What is said where no provider of a task's list can serve it. */
#include "run/agent.h"
#include "run/choice.h"
#include "run/choice_parts.h"

static struct str nobody_known(const struct graph *g)
{
	if (str_eq(g->workflow->policy.privacy.s, STR("private")))
		return STR("the policy 'privacy: private' admits no provider that is known: add 'privacy = private' to one in axmake.ini");
	return STR("no provider is known: define a [provider NAME] in axmake.ini, or try it out with --provider offline");
}

void choice_add_excluded(struct sbuf *b, const struct graph *g, const struct task *t)
{
	if (t->excluded.n)
		sbuf_printf(b, "%s%.*s", b->n ? "; " : "", STR_ARG(t->excluded));
	else if (!t->n_providers)
		sbuf_str(b, nobody_known(g));
}

/* So many that are not installed are named without their programs: --doctor tells these. */
#define MANY 3

static void add_missing(struct sbuf *b, const struct task *t)
{
	for (size_t i = 0; i < t->n_providers && t->n_providers < MANY; i++)
		served_missing(b, t->providers[i]);
	if (t->n_providers < MANY)
		return;
	for (size_t i = 0; i < t->n_providers; i++)
		sbuf_printf(b, "%s%.*s", !i ? "none of " : i + 1 < t->n_providers ? ", " : " and ", STR_ARG(t->providers[i]->name));
	sbuf_lit(b, " is installed (--provider offline tries it out without)");
}

struct str choice_lacking(const struct graph *g, const struct task *t, const char *path_env, struct arena *a)
{
	struct sbuf b = {0};
	for (size_t i = 0; i < t->n_providers; i++)
		if (t->executor || agent_installed(a, t->providers[i], path_env, NULL))
			return STR_NONE;
	add_missing(&b, t);
	choice_add_excluded(&b, g, t);
	struct str why = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return why;
}
