#include "graph/script.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "graph/ref.h"

struct str script_result_name(struct arena *a, struct str task)
{
	struct sbuf b = {0};
	sbuf_lit(&b, "AX_RESULT_");
	for (size_t i = 0; i < task.n;) {
		int32_t c = utf8_next(task, &i);
		if (c >= 'a' && c <= 'z')
			sbuf_char(&b, (char)(c - 'a' + 'A'));
		else if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			sbuf_char(&b, (char)c);
		else
			sbuf_char(&b, '_');
	}
	struct str s = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

bool script_result_collides(struct arena *a, const struct task *t, const struct task *dep)
{
	struct str name = script_result_name(a, dep->name);
	for (size_t i = 0; i < t->deps.n; i++) {
		const struct dep *d = &t->deps.p[i];
		if (d->task != dep && (d->how & DEP_NAMED) && str_eq(script_result_name(a, d->task->name), name))
			return true;
	}
	return false;
}

static bool word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool add_var(struct arena *a, struct task *t, const struct var_def *v)
{
	for (size_t i = 0; i < t->vars.n; i++)
		if (t->vars.p[i] == v)
			return false;
	vec_push(a, &t->vars, v);
	return true;
}

static void named(struct graph *g, struct arena *a, struct task *t, struct str name)
{
	const struct var_def *v = ref_var(g, t, name);
	if (v)
		add_var(a, t, v);
	if (str_eq(name, STR("AX_TASK")))
		t->names_task = true;
	else if (str_eq(name, STR("AX_RESULTS")))
		t->names_results = true;
	if (!str_starts(name, STR("AX_RESULT")))
		return;
	for (size_t i = 0; i < t->deps.n; i++) {
		struct dep *d = &t->deps.p[i];
		if ((d->how & DEP_NAMED) && (t->names_results || str_eq(script_result_name(a, d->task->name), name)))
			d->how |= DEP_RESULT;
	}
}

static bool names_result(struct arena *a, const struct task *t, struct str variable)
{
	for (size_t i = 0; i < t->deps.n; i++)
		if (str_eq(script_result_name(a, t->deps.p[i].task->name), variable))
			return true;
	return false;
}

static const char results_hint[] = "$AX_RESULTS names a file with a line for each: its name, a tab, the path of its result";

/* A variable that would be the result of a whole matrix is not there, and the script would go on without. */
static void warn_of_matrix(struct graph *g, struct arena *a, struct diag *d, const struct task *t, struct pos at, struct str name)
{
	for (size_t i = 0; i < g->workflow->matrices.n; i++) {
		const struct matrix_tasks *m = &g->workflow->matrices.p[i];
		if (str_eq(script_result_name(a, m->name.s), name) && !names_result(a, t, name))
			diag_warn(d, at, results_hint, "%.*s is not set: '%.*s' is a matrix of %zu tasks, each with a result of its own", STR_ARG(name),
				  STR_ARG(m->name.s), m->n);
	}
}

static void warn_of_ref(struct graph *g, struct arena *a, struct diag *d, const struct task *t, struct pos at, struct str body, const char *key)
{
	struct ref r = ref_resolve(g, t, body);
	if (r.kind == REF_MATRIX)
		diag_warn(d, at, results_hint, "'%s' is not expanded: the shell sees '${%.*s}', not the results of the matrix '%.*s'", key,
			  STR_ARG(body), STR_ARG(r.matrix->name.s));
	if (!r.task)
		return;
	const char *hint = r.kind == REF_FIELD ? diag_hint(d, "set a variable to it: 'env: {NAME: \"${%.*s}\"}'", STR_ARG(body))
					       : diag_hint(d, "use $%.*s, the path of its result", STR_ARG(script_result_name(a, r.task->name)));
	diag_warn(d, at, hint, "'%s' is not expanded: the shell sees '${%.*s}', not %s of task '%.*s'", key, STR_ARG(body),
		  r.kind == REF_FIELD ? "a field of the result" : "the result", STR_ARG(r.task->name));
}

static int var_order(const void *x, const void *y)
{
	const struct var_def *const *a = x, *const *b = y;
	return str_cmp((*a)->name.s, (*b)->name.s);
}

static void scan(struct graph *g, struct arena *a, struct diag *d, struct task *t, struct text script, const char *key)
{
	struct str s = script.s;
	struct text_walk w = {.t = script};
	/* AX_… may also be read by a program that the script starts, or named without a dollar (printenv AX_TASK). */
	for (size_t i = str_find(s, STR("AX_"), 0); i < s.n; i = str_find(s, STR("AX_"), i + 1)) {
		size_t end = i;
		while (end < s.n && word_char(s.p[end]))
			end++;
		named(g, a, t, str_sub(s, i, end));
		warn_of_matrix(g, a, d, t, text_walk_to(&w, i), str_sub(s, i, end));
	}
	for (size_t i = str_find(s, STR("$"), 0); i < s.n; i = str_find(s, STR("$"), i + 1)) {
		size_t from = i + 1, end;
		bool brace = from < s.n && s.p[from] == '{';
		from += brace;
		for (end = from; end < s.n && word_char(s.p[end]);)
			end++;
		named(g, a, t, str_sub(s, from, end));
		if (!brace)
			continue;
		struct str body = str_sub(s, from, str_find(s, STR("}"), from));
		warn_of_ref(g, a, d, t, text_walk_to(&w, i), body, key);
	}
}

void script_scan(struct graph *g, struct arena *a, struct diag *d, struct task *t)
{
	scan(g, a, d, t, t->def->run, "run");
	scan(g, a, d, t, t->def->check, "check");
	for (size_t i = 0; i < t->n_env; i++)
		for (size_t k = 0; k < t->env[i].value.n; k++)
			if (t->env[i].value.pieces[k].is_ref)
				named(g, a, t, t->env[i].value.pieces[k].text);
	if (t->vars.n > 1)
		qsort(t->vars.p, t->vars.n, sizeof *t->vars.p, var_order);
}
