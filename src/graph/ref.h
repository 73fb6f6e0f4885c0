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
	REF_FIELD,   /* task; rest: the field's path. Not built yet */
};

struct ref {
	enum ref_kind kind;
	const struct var_def *var;
	struct task *task;
	struct str rest;
};

/* The longest task name wins before a dot. */
struct ref ref_resolve(const struct graph *g, struct str body);
/* The nearest name that would have meant something, or NULL; in d's memory. */
const char *ref_hint(const struct graph *g, struct diag *d, struct str body);

#endif
