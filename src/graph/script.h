/* What a `run` script names: vars, results, its own task. */
#ifndef AXMAKE_GRAPH_SCRIPT_H
#define AXMAKE_GRAPH_SCRIPT_H

#include "graph/graph.h"

/* Fills vars, names_task, names_results and marks dependencies whose AX_RESULT_… is named with DEP_RESULT. Warns of `${task}`, which a script does not expand. */
void script_scan(struct graph *g, struct arena *a, struct diag *d, struct task *t);

/* "AX_RESULT_" and the name, upper-cased, others than ASCII letters and digits as '_'. */
struct str script_result_name(struct arena *a, struct str task);
/* Do two of t's dependencies share that name? Then it is not set. */
bool script_result_collides(struct arena *a, const struct task *t, const struct task *dep);

#endif
