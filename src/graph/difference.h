/* Private to graph/: the first field in which two signatures differ. */
#ifndef AXMAKE_GRAPH_DIFFERENCE_H
#define AXMAKE_GRAPH_DIFFERENCE_H

#include "base/arena.h"
#include "base/str.h"

/* "input 'docs/a.md' changed", and its two values as people see them: empty where there are not two. */
struct difference {
	struct str subject, before, now;
};

/* Both are fields as recorded, see field.h. The result is in the arena. */
struct difference difference_find(struct arena *a, struct str before, struct str now);

#endif
