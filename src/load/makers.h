/* Which includes a task may make, as far as texts tell: outputs before `${…}` is put in, and before links are followed. Who makes what in the end, the graph knows. */
#ifndef AXMAKE_LOAD_MAKERS_H
#define AXMAKE_LOAD_MAKERS_H

#include <stdbool.h>

#include "base/map.h"
#include "base/vec.h"
#include "load/definition.h"

/* Zeroed: no outputs are known. */
struct makers {
	struct map by_path;            /* plain outputs -> const struct text * */
	struct map by_base;            /* the same by the last part of the path alone: a link may lead to its folder */
	VEC(const struct text *) wide; /* trees, patterns, absolute paths, and those with `${…}` */
};

/* Takes in the outputs of all tasks. */
void makers_add(struct makers *m, struct arena *a, const struct workflow *wf);
/* The place of an output that is, holds or may be the path, which is normal; POS_NONE: there is none. *sure: it is or holds it. */
struct pos makers_find(const struct makers *m, struct str path, bool *sure);
void makers_free(struct makers *m);

#endif
