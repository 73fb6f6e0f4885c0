/* Tasks that are judged without the rest of their workflow, of which a seal knows that it is up to date (state/slice.h). */
#ifndef AXMAKE_GRAPH_APART_H
#define AXMAKE_GRAPH_APART_H

#include "graph/stale.h"
#include "state/slice.h"

/* All tasks of a graph, in their order, as a seal keeps them, in a; NULL where none of the workflow can be judged apart. */
struct slice_whole *apart_whole(const struct graph *g, struct log *log, struct arena *a);
/* Those of the slice that the graph is, with what is on record of them now; NULL: more than a success is. */
struct slice_whole *apart_kept(const struct graph *g, const struct slice *s, struct log *log, struct arena *a);

/* What is known of the contents of the slice's files. */
void apart_believe(struct filehash *fh, const struct slice *s);
/* Of a graph that was made of a slice's tasks alone: is it just these? */
bool apart_is_slice(const struct graph *g, const struct slice *s);
/* Wants what the slice reaches. */
void apart_want(struct graph *g, const struct slice *s);
/* Those that are only needed by others count as they stand: they have ended. What is remembered was recalled. false: something is not known of one of them. */
bool apart_begin(struct stale *s, const struct slice *slice);
/* After a run of the slice, or (NULL) of all: are all tasks that were wanted up to date, by what stands there now? Looks through s->hashing.fh, which is new. */
bool apart_all_fresh(struct stale *s, const struct slice *slice);

#endif
