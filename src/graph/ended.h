/* How what comes before a task has ended, for tasks that say `run_if: failure` or `done`. */
#ifndef AXMAKE_GRAPH_ENDED_H
#define AXMAKE_GRAPH_ENDED_H

#include "graph/graph.h"

/* A dependency of such a task that did not succeed: it failed, optional or not, or was not run. NULL: all did, or `run_if` is success; with `done`, of
 * what comes first and does not count nothing does. What runs in spite of it is stale each time: a failure is never known to be the same as an earlier one. */
const struct task *ended_without_success(const struct task *t);
/* Did any dependency fail, or was it not run because of a failure? Those do not count that only had no turn because of failures elsewhere. */
bool ended_in_failure(const struct task *t);

#endif
