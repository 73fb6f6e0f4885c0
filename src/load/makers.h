/* Which includes a task may make, as far as texts tell: outputs before `${…}` is put in. A guess that is never wrong when it says no to a plain path in its normal form; who makes what in
 * the end, the graph knows. */
#ifndef AXMAKE_LOAD_MAKERS_H
#define AXMAKE_LOAD_MAKERS_H

#include "base/map.h"
#include "base/vec.h"
#include "load/definition.h"

/* Zeroed: no outputs are known. */
struct makers {
	struct map by_path;  /* plain outputs -> const struct text * */
	VEC(const struct text *) wide; /* trees, patterns, and those with `${…}` */
};

/* Takes in the outputs of all tasks. */
void makers_add(struct makers *m, struct arena *a, const struct workflow *wf);
/* The place of an output that is, holds or may be the path, which is normal; POS_NONE: there is none. */
struct pos makers_find(const struct makers *m, struct str path);
void makers_free(struct makers *m);

#endif
