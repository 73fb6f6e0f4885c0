/* What changed during a run and was declared by nobody: agents write where they like. Known where the root lies in a git work tree. */
#ifndef AXMAKE_SHOW_UNDECLARED_H
#define AXMAKE_SHOW_UNDECLARED_H

#include <stdint.h>

#include "base/str.h"
#include "graph/graph.h"

struct undeclared_in {
	const struct graph *graph;
	int root_fd;
	int64_t since_ns;      /* wall clock */
	const struct str *own; /* files that the run itself wrote, as seen from the root: they are passed over */
	size_t n_own;
};

/* "  changed, but declared by no task: go.sum, src/x.c and 3 more": paths below the root that differ from what is committed, have changed since then, and are no task's
 * output or edit. Asks git, for two seconds at most; where that is not there or has no answer, and where there is no such path, nothing is added. */
void undeclared_line(struct sbuf *b, const struct undeclared_in *in);

#endif
