/* Entries of files that were put since the log was opened: gathered as they are going to be written, and entered into the index
 * only when somebody asks. Who hashed a file knows the hash, so of many nobody ever does. */
#ifndef AXMAKE_STATE_LOGHELD_H
#define AXMAKE_STATE_LOGHELD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "state/facts.h"
#include "state/logindex.h"

enum { HELD_FRAME = (64 << 10) - 64 }; /* bytes of entries in one frame, which has a head: what a damage of one byte costs */

struct log_held {
	struct held_block *first, *last; /* in the order in which they were put; those before `first` are written and in the index */
	size_t unwritten; /* bytes */
	size_t unindexed; /* entries */
};

/* Puts an entry, into arena a. It counts among the index's live bytes from now on. */
void held_put(struct log_held *h, struct arena *a, struct log_index *ix, struct str path, const struct file_stat *st, struct hash128 hash);
/* Adds frames of what is not written yet; they count as written by held_written. */
void held_frames(const struct log_held *h, struct log_index *ix, struct sbuf *b);
void held_written(struct log_held *h);
/* Enters the rest into the index. */
void held_index(struct log_held *h, struct log_index *ix);

/* Adds the frame of `count` entries that lie behind each other. */
void held_frame(struct log_index *ix, struct sbuf *b, struct str entries, size_t count);

#endif
