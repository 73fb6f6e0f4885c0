/* Lines for whoever follows a run, into a file, a pipe or a FIFO. Nobody who reads slowly, or no more, holds the run up. */
#ifndef AXMAKE_SHOW_LINEFILE_H
#define AXMAKE_SHOW_LINEFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* So much may wait for a reader before he is given up. */
#define LINEFILE_ROOM (16u << 20)

/* Zeroed but for fd -1: none. */
struct linefile {
	int fd; /* -1: none, or given up */
	bool taken, anew; /* see linefile_open */
	struct sbuf waiting;
	size_t written; /* of `waiting` */
	int err;        /* why it was given up; 0: it was not */
};

/* Opens or makes a file. anew: it is emptied, unless it is where standard output or error goes, but not before something is written: a run that never began leaves it alone. A FIFO or socket that nobody reads: ENXIO at once. 0 or errno. */
int linefile_open(struct linefile *l, const char *path, bool anew);
/* The same, anew, for n bytes in all: a file is written over and not emptied first, for which ext4 would wait for the disk when it is closed. */
int linefile_open_over(struct linefile *l, const char *path, size_t n);
/* Lines, whole ones. They go out with linefile_flush, or before where they are many. */
void linefile_add(struct linefile *l, struct str lines);
/* The same, where nothing waits yet; the buffer is taken over, and empty then. */
void linefile_give(struct linefile *l, struct sbuf *lines);
/* Lines have been put behind the `before` bytes that waited, by the caller, who looked whether there is a file. */
void linefile_added(struct linefile *l, size_t before);
/* Writes what can be written at once, in as few writes as there is room for: always whole lines to a file. */
void linefile_flush(struct linefile *l);
/* Writes the rest, waits for a slow reader for at most two seconds, and closes. 0 or why not all was written (EAGAIN: he was too slow). */
int linefile_close(struct linefile *l);

#endif
