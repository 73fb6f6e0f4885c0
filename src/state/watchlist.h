/* What a run looked at, as bytes that another process can read: whatever stands otherwise later is a change that the run has not seen. */
#ifndef AXMAKE_STATE_WATCHLIST_H
#define AXMAKE_STATE_WATCHLIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seen.h"
#include "base/str.h"
#include "state/filehash.h"
#include "state/store.h"

struct reader; /* state/bytes.h */

/* Of a path, as bits. */
enum watch_flag {
	WATCH_LINK = 1,    /* not looked at through a final link */
	WATCH_FOLDER = 2,  /* a folder whose names were listed */
	WATCH_CHANGED = 4, /* it was found in two states: the run cannot be built upon */
	WATCH_YOUNG = 8,   /* it could change once more and its stamps would not show it */
	WATCH_LOG = 16,    /* the log of what is up to date */
};

struct watch_entry {
	struct str path; /* NUL-terminated; relative to the folder in which the prefix holds, or absolute */
	uint8_t flags;
	uint64_t fact;   /* what stood there, see watchlist_fact */
};

/* What stands at a path now, as a number: 0 for nothing, 1 for what cannot be looked at. */
uint64_t watchlist_fact(const char *path, bool link);

/* Adds what `seen` and `fh` know (either may be NULL), but for what lies in .axmake, and of what was seen the paths that are keys of `but` (NULL: none). `prefix` leads from the reader's folder to that in which they looked ("" or "../"). */
void watchlist_add(struct sbuf *b, struct str prefix, const struct seen *seen, const struct map *but, const struct filehash *fh);
/* Adds the log, as it stands while the lock is held. */
void watchlist_add_log(struct sbuf *b, struct str prefix, const struct store *s);

/* The next entry, which lies in what is read; false at the end, or where r is bad. */
bool watchlist_next(struct reader *r, struct watch_entry *e);

#endif
