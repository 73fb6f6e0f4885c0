/* Private to graph/: the first field in which two signatures differ. */
#ifndef AXMAKE_GRAPH_DIFFERENCE_H
#define AXMAKE_GRAPH_DIFFERENCE_H

#include "graph/stale.h"

/* Fills subject ("input 'docs/a.md' changed"), before and now, in the arena. */
void difference_find(struct arena *a, struct str before, struct str now, struct verdict *v);

#endif
