/* Patterns in `inputs` and `edits` that find nothing, which may be what was meant, and may be a typing error. */
#ifndef AXMAKE_GRAPH_VACANT_H
#define AXMAKE_GRAPH_VACANT_H

#include "graph/graph.h"

/* An input pattern that finds no file of the root now, and no task before t makes what it may find. */
bool vacant_input(struct arena *a, int root_fd, const struct task *t, const struct pattern *input);
/* An edit pattern that finds no file of the root now, and no task before t makes or edits what it may find. */
bool vacant_edit(struct arena *a, int root_fd, const struct task *t, const struct pattern *edit);
/* "input pattern 'scr/ *.c' finds no file", and what is missing on its way, in a. */
struct str vacant_phrase(struct arena *a, int root_fd, const char *what, const struct pattern *p);
/* What is near, as a whole phrase; empty: nothing is. */
struct str vacant_hint(struct arena *a, int root_fd, const struct pattern *p);
/* Looks for all of a graph's tasks, as things stand; each is a warning in d. For who only looks: a run tells of those that it starts. */
void vacant_report(const struct graph *g, struct diag *d, int root_fd);

#endif
