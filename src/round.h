/* One round of a watch: a run in a process of its own, and what that tells the one that watches. */
#ifndef AXMAKE_ROUND_H
#define AXMAKE_ROUND_H

#include <stdbool.h>

#include "project.h"
#include "run/attempts.h"
#include "run/observer.h"

/* How it was before anything was loaded. */
struct round_before {
	struct options options;
	size_t mark; /* of the diag */
};

struct round {
	/* For the round. */
	bool hush;      /* nobody knows whether there is anything to do: where nothing is, nothing is said */
	struct str why; /* what has changed; said before the first start of such a round */
	struct round_before *before; /* of one that was prepared; else NULL */
	/* From round to round. */
	struct attempts attempts;
	struct spent spent;
	bool broken; /* the files that are loaded had mistakes */
	/* From the round. */
	struct sbuf list; /* state/watchlist.h */
	bool listed;      /* that is whole */
	bool ran, spoke;  /* something was started; anything was said */
	bool silent;      /* nothing is to be said between rounds: -s, --progress=none */
	bool over;        /* there is no sense in another one */
};

/* What was looked at, and how it was found: to be called before that is forgotten, with the lock still held. `self` is the round. Does nothing a second time. */
void round_list(void *self, struct project *p);
struct observer round_observer(struct round *r);

/* Writes it where the other process reads it. 0 or errno. */
int round_tell(const struct round *r, int fd);
/* Reads it; what outlives the call lies in a. 0 or errno; r->listed is false also where the round could not tell. */
int round_hear(struct round *r, struct arena *a, int fd);
void round_free(struct round *r); /* what lies outside the arena */

#endif
