/* What tasks ask of this machine as a whole, looked at once before the first start: providers that are there, views, sandboxes, executors. */
#include "base/clock.h"
#include "graph/cached.h"
#include "run/choice.h"
#include "run/job.h"

/* Is it an agent's task that will, as far as is known, ask a provider, and has none yet? */
static bool will_ask(const struct task *t, bool cached)
{
	bool ended = t->state == STATE_UPTODATE || t->state == STATE_DONE || t->state == STATE_SKIPPED || t->state == STATE_FAILED || t->state == STATE_NOT_RUN;
	bool perhaps = t->when || t->def->run_if == RUN_IF_FAILURE;
	return t->wanted && t->kind == TASK_AGENT && ((t->state == STATE_STALE && !t->asks_server) || (!ended && !perhaps && !t->record && !(cached && cached_kind(t))));
}

static void tell(struct task *t, const struct observer *o, struct str why)
{
	t->refused = true;
	o->event(o->self, &(struct event){.kind = EVENT_REFUSED, .task = t, .text = why, .at_ns = clock_ns()});
}

void demands_refuse(struct sched *s, struct task *t, struct str why)
{
	tell(t, s->c->observer, why);
}

static void refuse_agent(struct task *t, const struct observer *o, struct str why, struct sbuf *said)
{
	struct sbuf b = {0};
	sbuf_printf(&b, "no provider for agent '%.*s'", STR_ARG(t->agent->name));
	if (str_eq(why, sbuf_view(said)))
		sbuf_lit(&b, " either");
	else
		sbuf_printf(&b, ": %.*s; axmake --doctor tells more", STR_ARG(why));
	tell(t, o, sbuf_view(&b));
	sbuf_free(&b);
	sbuf_clear(said);
	sbuf_str(said, why);
}

bool sched_providers_there(const struct graph *g, const char *path_env, const struct observer *o, bool cached)
{
	struct sbuf said = {0}; /* the list of what is not installed is long: once will do */
	bool ok = true;
	struct task_span open = graph_open(g);
	for (size_t i = 0; i < open.n; i++) {
		struct task *t = open.p[i];
		struct arena a = {0};
		struct str why = will_ask(t, cached) ? choice_lacking(g, t, path_env, &a) : STR_NONE;
		if (why.n)
			refuse_agent(t, o, why, &said);
		ok = ok && !why.n;
		arena_free(&a);
	}
	sbuf_free(&said);
	return ok;
}

bool demands_met(struct sched *s)
{
	s->checked_providers = true;
	s->result.refused = !sched_providers_there(s->c->graph, s->path_env, s->c->observer, s->c->shares_cache) || !isolate_possible(s) || !sandbox_possible(s) || !executor_possible(s);
	return !s->result.refused;
}
