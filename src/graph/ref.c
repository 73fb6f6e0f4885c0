#include "graph/ref.h"

struct ref ref_resolve(const struct graph *g, struct str body)
{
	struct ref r = {REF_UNKNOWN, NULL, NULL, STR_NONE};
	if (str_eq(body, STR("inputs"))) {
		r.kind = REF_INPUTS;
		return r;
	}
	if (str_eq(body, STR("outputs"))) {
		r.kind = REF_OUTPUTS;
		return r;
	}
	if ((r.task = graph_task(g, body))) {
		r.kind = REF_RESULT;
		return r;
	}
	if ((r.var = map_get(&g->vars, body))) {
		r.kind = REF_VAR;
		return r;
	}
	for (size_t dot = body.n; dot-- > 0;) {
		if (body.p[dot] != '.')
			continue;
		r.task = graph_task(g, str_sub(body, 0, dot));
		if (!r.task)
			continue;
		r.rest = str_sub(body, dot + 1, body.n);
		r.kind = str_eq(r.rest, STR("path")) ? REF_PATH : REF_FIELD;
		return r;
	}
	if (str_starts(body, STR("env.")) && body.n > 4) {
		r.kind = REF_ENV;
		r.rest = str_sub(body, 4, body.n);
	}
	return r;
}

const char *ref_hint(const struct graph *g, struct diag *d, struct str body)
{
	struct suggestion s = {.wanted = body};
	struct map_entry *e;
	for (size_t i = 0; (e = map_next(&g->vars, &i));)
		suggestion_offer(&s, e->key);
	for (size_t i = 0; i < g->tasks.n; i++)
		suggestion_offer(&s, g->tasks.p[i]->name);
	suggestion_offer(&s, STR("inputs"));
	suggestion_offer(&s, STR("outputs"));
	const char *near = diag_did_you_mean(d, &s);
	return near ? near : "it is neither a task nor one of 'vars'; for a literal write '$${'";
}
