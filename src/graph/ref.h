/* What `${body}` in a text means. */
#ifndef AXMAKE_GRAPH_REF_H
#define AXMAKE_GRAPH_REF_H

#include "graph/graph.h"

enum ref_kind {
	REF_UNKNOWN,
	REF_VAR,     /* var */
	REF_ENV,     /* rest: the variable's name */
	REF_INPUTS,
	REF_OUTPUTS,
	REF_RESULT,  /* task */
	REF_PATH,    /* task: ${task.path} */
	REF_FIELD,   /* task; rest: the field's path, "a.b", as it is written */
	REF_MATRIX,  /* matrix: which of its tasks is not said */
};

struct ref {
	enum ref_kind kind;
	const struct var_def *var;
	struct task *task;
	const struct matrix_tasks *matrix;
	struct str rest;
};

/* What it means in a text of t. A key of t's matrix comes before all else; the longest task name wins before a dot, but what
 * follows `env.` is a variable. */
struct ref ref_resolve(const struct graph *g, const struct task *t, struct str body);
/* A key of t's matrix or a variable; NULL: neither. */
const struct var_def *ref_var(const struct graph *g, const struct task *t, struct str name);
/* The nearest name that would have meant something in a text of t; in d's memory. */
const char *ref_hint(const struct graph *g, struct diag *d, const struct task *t, struct str body);
/* Says why a reference is an error: it is unknown, or names a matrix as a whole. */
void ref_report(const struct graph *g, struct diag *d, const struct task *t, const struct ref *r, struct str body, struct pos at);

#endif
