/* The seal: what a run that found nothing to do looked at, so that the next one need not judge again. `.axmake/seal`; the format stands in doc/seal-format.md. */
#ifndef AXMAKE_STATE_SEAL_H
#define AXMAKE_STATE_SEAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/seen.h"
#include "base/str.h"
#include "state/filehash.h"
#include "state/slice.h"
#include "state/store.h"

/* Is all as it was when the seal was made, for the same key, and is no run on its way? Then *word (in the arena) is what that run left in it. s is open, read-only will do; the current
 * folder is the root. Whatever is wrong with the seal, it does not hold; nothing is said and nothing written. `slice`, zeroed, or NULL: where it does not hold, but for inputs of some tasks, it
 * is told there which tasks that reaches, if it is known (slice->n_kept); *word is then set too. */
bool seal_holds(const struct store *s, struct arena *a, struct hash128 key, struct str *word, struct slice *slice);

/* Of what a run has looked at. */
struct seal_looks {
	const struct seen *seen;
	const struct filehash *fh; /* asked as filehash_attend knows tasks, by their number */
	const struct slice_whole *whole; /* of seal_renew: the tasks that the slice kept, in that order. NULL: slices are not to be found */
};
/* Makes the seal of a run that found nothing to do and now only has the lock to give back: its log is closed. Nothing is written where something that was seen cannot be relied on.
 * Whether it could be written is no matter of anybody's. */
void seal_make(const struct store *s, struct hash128 key, const struct seal_looks *looks, struct str word);

/* Are all these among what the seal by which `slice` was found knows to hold for all tasks, and as it knows them? */
bool seal_knows(const struct store *s, const struct slice *slice, const struct seen *seen);
/* Has nothing been done here since the seal was made by which `slice` was found? The lock is held. */
bool seal_is_current(const struct store *s, const struct slice *slice);
/* Makes the seal by which `slice` was found anew, of a run of that slice that left all of it up to date: looks are those of another judgement, after it. Likewise; and nothing is written where that has looked at
 * something that the old seal does not know. */
void seal_renew(const struct store *s, const struct slice *slice, const struct seal_looks *looks);

#endif
