/* MAKEFLAGS as far as it speaks of a jobserver, and the descriptors that it names. */
#ifndef AXMAKE_RUN_JOBSERVER_AUTH_H
#define AXMAKE_RUN_JOBSERVER_AUTH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Looks at the inherited descriptors before anything else is opened: fstat, access modes, no byte touched. They become
 * close-on-exec when they are a jobserver's. To be the first thing in main. */
struct jobserver_inherited {
	bool pipe_ok;  /* "R,W" names a readable and a writable end of pipes */
	bool disabled; /* a negative number in it */
	int read_fd, write_fd;
	char why[160]; /* when it cannot be used: exact reason */
};
struct jobserver_inherited jobserver_inspect(struct str auth);

/* A copy of `makeflags` without -j, --jobs, --jobserver-auth and --jobserver-fds, every other word as it stood, and with `words`
 * (such as " -j4 --jobserver-auth=3,4"; may be empty) put before the overrides that follow "--". Empty when nothing is left. */
struct str jobserver_makeflags(struct arena *a, struct str makeflags, struct str words);

#endif
