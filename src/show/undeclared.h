/* What changed during a run and was declared by nobody: agents write where they like. Known where the root lies in a git work tree. */
#ifndef AXMAKE_SHOW_UNDECLARED_H
#define AXMAKE_SHOW_UNDECLARED_H

#include <stdint.h>

#include "base/str.h"
#include "graph/graph.h"

/* "  changed, but declared by no task: go.sum, src/x.c and 3 more": paths below the root that differ from what is committed, have changed since `since_ns` (wall clock), and are no task's
 * output or edit. Asks git, for two seconds at most; where that is not there or has no answer, and where there is no such path, nothing is added. */
void undeclared_line(struct sbuf *b, const struct graph *g, int root_fd, int64_t since_ns);

#endif
