/* Which entry of the cache stands for a task. */
#ifndef AXMAKE_GRAPH_CACHED_H
#define AXMAKE_GRAPH_CACHED_H

#include "graph/stale.h"
#include "state/cache.h"

/* May what the task makes be stored, and be restored? Only where its signature tells all that it hangs on, and it makes something that can be put back, or says `cache: true`. */
bool cached_kind(const struct task *t);
/* The same in this run. */
bool cached_wanted(const struct task *t);

/* An entry that stands for t, which is stale as `v` says. */
struct cached {
	const struct provider *provider; /* that answered; NULL for scripts */
	struct signing signing;          /* with fields: the caller frees them; its problem is empty */
	struct cache_entry entry;
	struct str problem; /* nothing is found, since something of the task could not be looked at just now */
	int out_of_reach; /* somebody's answer may lie there and could not be looked at: see cache_out_of_reach */
};

/* By which signatures cached_find looks, in its order: as many as t may be served by providers at most, which `out` has room for (1 for scripts). */
size_t cached_signatures(struct stale *s, struct arena *a, struct task *t, const struct verdict *v, struct hash128 *out);

/* Looks by the signature with each provider that may serve, in their order. Never for what was asked for anew (-B, -W, `always`) or rejected. All memory but the fields in a. */
bool cached_find(struct stale *s, struct cache *c, struct arena *a, struct task *t, const struct verdict *v, struct cached *out);

#endif
