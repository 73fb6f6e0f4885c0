/* What the parts of the log share. Private to log. */
#ifndef AXMAKE_STATE_LOG_PARTS_H
#define AXMAKE_STATE_LOG_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "state/logfile.h"
#include "state/logheld.h"
#include "state/logindex.h"

struct log {
	struct arena *arena;
	struct logfile file;
	struct log_index ix;
	unsigned char *data; /* the file as it was opened */
	size_t data_n;
	bool damaged;
	bool cut;    /* read-only: its end may have been about to be written */
	bool sparse; /* only some of what is in the file was read */
	bool moved;  /* it was written anew: frames do not stand where they did */
	bool other_boot, boot_due; /* it was of another; that it is of this one is yet to be written */
	struct log_held held; /* entries of files to write */
	struct str spare;     /* room that a frame of this run had which does not count any more; n 0: none */
	struct sbuf late;     /* frames that count and are written before the next ones, at the latest by log_write_late */
	struct sbuf out, key;
};

/* Writes what is held back: the boot, and hashes of files. 0 or errno. */
int log_flush(struct log *l);

/* Frees all but the arena's. */
void log_release(struct log *l);

#endif
