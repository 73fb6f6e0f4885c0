/* The pipe or fifo of a jobserver of our own, filled with its tokens. */
#ifndef AXMAKE_RUN_JOBSERVER_POOL_H
#define AXMAKE_RUN_JOBSERVER_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

struct jobserver_pool {
	int fd[2];       /* read end, write end; both the same for a fifo. Close-on-exec; those of a pipe are in blocking mode, as
	                    children expect */
	size_t tokens;   /* bytes in it: what was asked for, or as many as fit */
	int short_error; /* errno of why fewer fit, else 0 */
	struct str fifo; /* absolute path; n == 0: a pipe */
	struct str dir;  /* its folder, ours alone */
};

/* Both fill *p and return true; on false nothing is left behind. A pipe fails with errno in *error. */
bool jobserver_pool_pipe(struct jobserver_pool *p, size_t tokens, int *error);
/* A fifo in a new folder of mode 0700 below $MAKE_TMPDIR, $TMPDIR or /tmp, the first that is set; *why says what failed. Before
 * that, folders of this kind that killed processes left there are removed. */
bool jobserver_pool_fifo(struct arena *a, struct jobserver_pool *p, size_t tokens, struct str *why);
/* Closes the descriptors, removes fifo and folder. Once. */
void jobserver_pool_close(struct jobserver_pool *p);

#endif
