#include "graph/ref.h"

static const struct var_def *matrix_var(const struct task *t, struct str name)
{
	const struct matrix *m = t->def->matrix;
	for (size_t i = 0; m && i < m->n; i++)
		if (str_eq(m->keys[i].name.s, name))
			return t->def->combination[i];
	return NULL;
}

const struct var_def *ref_var(const struct graph *g, const struct task *t, struct str name)
{
	const struct var_def *v = matrix_var(t, name);
	return v ? v : map_get(&g->vars, name);
}

/* A task's name, or a matrix's. */
static bool resolve_name(const struct graph *g, struct str name, struct ref *r)
{
	r->task = graph_task(g, name);
	if (!r->task)
		r->matrix = graph_matrix(g, name);
	return r->task || r->matrix;
}

struct ref ref_resolve(const struct graph *g, const struct task *t, struct str body)
{
	struct ref r = {.kind = REF_UNKNOWN};
	if ((r.var = matrix_var(t, body))) {
		r.kind = REF_VAR;
		return r;
	}
	if (str_eq(body, STR("inputs"))) {
		r.kind = REF_INPUTS;
		return r;
	}
	if (str_eq(body, STR("outputs"))) {
		r.kind = REF_OUTPUTS;
		return r;
	}
	if (resolve_name(g, body, &r)) {
		r.kind = r.task ? REF_RESULT : REF_MATRIX;
		return r;
	}
	if ((r.var = map_get(&g->vars, body))) {
		r.kind = REF_VAR;
		return r;
	}
	for (size_t dot = body.n; dot-- > 0;) {
		if (body.p[dot] != '.')
			continue;
		if (str_eq(str_sub(body, 0, dot), STR("env")))
			break;
		if (!resolve_name(g, str_sub(body, 0, dot), &r))
			continue;
		r.rest = str_sub(body, dot + 1, body.n);
		r.kind = !r.task ? REF_MATRIX : str_eq(r.rest, STR("path")) ? REF_PATH : REF_FIELD;
		return r;
	}
	if (str_starts(body, STR("env.")) && body.n > 4) {
		r.kind = REF_ENV;
		r.rest = str_sub(body, 4, body.n);
	}
	return r;
}

const char *ref_hint(const struct graph *g, struct diag *d, const struct task *t, struct str body)
{
	struct suggestion s = {.wanted = body};
	struct map_entry *e;
	for (size_t i = 0; t->def->matrix && i < t->def->matrix->n; i++)
		suggestion_offer(&s, t->def->matrix->keys[i].name.s);
	for (size_t i = 0; (e = map_next(&g->vars, &i));)
		suggestion_offer(&s, e->key);
	for (size_t i = 0; i < g->tasks.n; i++)
		suggestion_offer(&s, g->tasks.p[i]->name);
	suggestion_offer(&s, STR("inputs"));
	suggestion_offer(&s, STR("outputs"));
	const char *near = diag_did_you_mean(d, &s);
	size_t dot = str_find(body, STR("."), 0);
	if (!near && dot < body.n)
		return ref_hint(g, d, t, str_sub(body, 0, dot));
	return near ? near : "it is neither a task nor one of 'vars'; for a literal write '$${'";
}

void ref_report(const struct graph *g, struct diag *d, const struct task *t, const struct ref *r, struct str body, struct pos at)
{
	if (r->kind != REF_MATRIX) {
		if (diag_error(d, at, NULL, "unknown name '${%.*s}'", STR_ARG(body)) && diag_hint_counts(d))
			diag_add_hint(d, ref_hint(g, d, t, body));
		return;
	}
	struct str first = r->matrix->n ? g->tasks.p[r->matrix->first]->name : r->matrix->name.s;
	diag_error(d, at, diag_hint(d, "name one of them: '${%.*s%s%.*s}'", STR_ARG(first), r->rest.n ? "." : "", STR_ARG(r->rest)),
		   "'%.*s' is a matrix of %zu tasks, each with a result of its own", STR_ARG(r->matrix->name.s), r->matrix->n);
}
