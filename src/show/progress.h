/* On a terminal: below what scrolls a line for each running task, and a summary. It draws at most ten times a second, and never waits for the terminal. */
#ifndef AXMAKE_SHOW_PROGRESS_H
#define AXMAKE_SHOW_PROGRESS_H

#include <stddef.h>

#include "base/str.h"
#include "graph/graph.h"
#include "load/definition.h"
#include "run/loop.h"
#include "run/observer.h"
#include "show/terminal.h"

struct progress_config {
	const struct graph *graph;
	struct terminal *terminal; /* outlives it */
	struct loop *loop;
	size_t slots;             /* tasks at once; 0: any number */
	struct budget_def budget; /* of the run */
	bool color;
};

struct progress;
struct progress *progress_new(const struct progress_config *c);
void progress_free(struct progress *p);
struct observer progress_observer(struct progress *p);

/* The block as it is now, for a terminal of that size: adds its lines, without an end of line behind the last. */
void progress_lines(struct progress *p, int64_t now_ns, unsigned rows, unsigned columns, struct sbuf *b);

#endif
