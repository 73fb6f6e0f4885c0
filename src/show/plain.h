/* A run as plain lines, in make's manner. Results and progress go to stdout, failures and warnings to stderr. */
#ifndef AXMAKE_SHOW_PLAIN_H
#define AXMAKE_SHOW_PLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "base/diag.h"
#include "graph/graph.h"
#include "run/observer.h"
#include "show/terminal.h"

struct plain_config {
	const struct graph *graph;
	const struct diag *diag; /* for FILE:LINE of tasks */
	int root_fd;
	const struct str *own; /* files that the run itself writes, as seen from the root */
	size_t n_own;
	bool silent; /* -s: only outputs, failures and warnings */
	bool hush;   /* of a run in which nothing is started nothing is said at the end */
	struct str why; /* said before the first task; empty: nothing */
	bool quiet;  /* --progress=none: as silent, and no outputs of tasks that succeeded */
	bool live;   /* -O none, -O line: outputs come as EVENT_DATA */
	bool bare;   /* -O line: live lines are shown as they are, without the name of their task */
	bool trace;  /* --trace: why each task starts, and what is run */
	bool color_out, color_err;
	bool said_more;      /* the command has targets, variables or --provider: without these it would be another one */
	const char *program; /* "axmake", or "axmake[2]" under make, as make says it */
};

struct plain;
struct plain *plain_new(const struct plain_config *c);
struct observer plain_observer(struct plain *p);
/* From now on, and until plain_end, what it says goes to this terminal, where running tasks stand below: what started is said when it has ended. */
void plain_draw(struct plain *p, struct terminal *t);
/* Was a warning told? */
bool plain_warned(const struct plain *p);
/* Adds what a run of the same prints on standard output that finds so many tasks up to date, and nothing to be done. */
void plain_said(const struct plain *p, size_t fresh, struct sbuf *b);
/* Mistakes in what was read meanwhile have been told: then that nothing was to be done is not said. */
void plain_mistaken(struct plain *p);
/* The end: a table when anything failed or was not run, else one line; `axmake: nothing to be done (12 tasks up to date)` when
 * so. 0, or the errno (told on stderr) with which writing to standard output failed during the run. */
int plain_end(struct plain *p);
void plain_free(struct plain *p);

#endif
