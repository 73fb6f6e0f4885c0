/* The seal: what a run that found nothing to do looked at, so that the next one need not judge again. `.axmake/seal`; the format stands in doc/seal-format.md. */
#ifndef AXMAKE_STATE_SEAL_H
#define AXMAKE_STATE_SEAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/seen.h"
#include "base/str.h"
#include "state/filehash.h"
#include "state/store.h"

/* Is all as it was when the seal was made, for the same key, and is no run on its way? Then *word (in the arena) is what that run left in it. s is open, read-only will do; the current
 * folder is the root. Whatever is wrong with the seal, it does not hold; nothing is said and nothing written. */
bool seal_holds(const struct store *s, struct arena *a, struct hash128 key, struct str *word);

/* Makes the seal of a run that found nothing to do and now only has the lock to give back: its log is closed. Nothing is written where something that was seen cannot be relied on.
 * Whether it could be written is no matter of anybody's. */
void seal_make(const struct store *s, struct hash128 key, const struct seen *seen, const struct filehash *fh, struct str word);

#endif
