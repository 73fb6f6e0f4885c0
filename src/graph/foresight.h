/* Planning: what tasks would make by being restored from the cache, so that those that use it can be judged before it is there. */
#ifndef AXMAKE_GRAPH_FORESIGHT_H
#define AXMAKE_GRAPH_FORESIGHT_H

#include "graph/cached.h"
#include "graph/graph.h"

/* Looks for an entry that stands for t, which is stale as `v` says; c: NULL: there is no cache. v->cached: t would be restored. What it makes is then known, for those that come after it. Where t would neither run nor be restored,
 * for an edit's sake (stale_refused), `v` says that. */
void foresight_of(struct stale *s, struct cache *c, struct task *t, struct verdict *v);
/* Of one that is to wait for a yes: would a run refuse it all the same, for an edit's sake? Then `v` says that. */
bool foresight_refuses(struct stale *s, struct cache *c, struct task *t, struct verdict *v);

#endif
