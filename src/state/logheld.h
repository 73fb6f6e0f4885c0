/* Entries of files that were put since the log was opened. They are gathered as they go out, and then they are on the disk and
 * nowhere else: who hashed a file knows the hash, so nobody asks, but for a log that is written anew. */
#ifndef AXMAKE_STATE_LOGHELD_H
#define AXMAKE_STATE_LOGHELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "state/facts.h"
#include "state/logfile.h"
#include "state/logindex.h"

enum { HELD_FRAME = (64 << 10) - 64 }; /* bytes of entries in one frame, which has a head: what a damage of one byte costs */

struct log_held {
	struct sbuf entries; /* not written yet, one behind the other */
	size_t indexed;      /* bytes of them that are in the index */
	uint64_t out_from;   /* place in the file from which on some are that are not in the index */
	bool out;            /* there are such */
	uint64_t apart;      /* bytes of all entries that are not in the index */
};

void held_put(struct log_held *h, struct str path, const struct file_stat *st, struct hash128 hash);
/* Adds frames of what is not written yet. */
void held_frames(const struct log_held *h, struct log_index *ix, struct sbuf *b);
/* They were appended to the file, behind its first `from` bytes. */
void held_written(struct log_held *h, struct log_index *ix, const struct logfile *f, uint64_t from);
/* Enters all into the index. What cannot be read again is lost, which costs a hashing. */
void held_index(struct log_held *h, struct log_index *ix, const struct logfile *f);
void held_free(struct log_held *h);

/* Adds frames of entries that lie behind each other. */
void held_put_frames(struct log_index *ix, struct sbuf *b, struct str entries);
/* Adds a frame of no entry, which has only a number. */
void held_put_none(struct sbuf *b, uint64_t seq);

#endif
