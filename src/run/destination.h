/* Putting files where they belong, never through a link. */
#ifndef AXMAKE_RUN_DESTINATION_H
#define AXMAKE_RUN_DESTINATION_H

#include "base/arena.h"
#include "base/filestat.h"
#include "graph/graph.h"

/* The folder above an output, and the last one below it that was asked for. */
struct destination {
	struct arena *a;
	struct str base; /* relative to the root */
	int base_fd;
	struct str dir;  /* below the root; p NULL: none yet */
	int dir_fd;
};

/* Folders above an output of t are taken as they are, links too: that is where the task would write. But no link is followed in whose place t itself may have put it, as part of
 * another output, and none out of the root (EXDEV). They are made. 0 or errno. */
int destination_open(struct destination *p, struct arena *a, int root_fd, const struct task *t, const struct pattern *output);
void destination_close(struct destination *p);
/* The folder `dir` at or below the base, without following a link. Where it is not there it is made (`make`), else ENOENT. 0 or errno; *fd stays the destination's. */
int destination_folder(struct destination *p, struct str dir, bool make, int *fd);
/* Moves `from` of folder from_fd to `path`, in the place of what `was` there (NULL: nothing). EBUSY: something else stands there, and stays. 0 or errno. */
int destination_move(struct destination *p, int from_fd, const char *from, struct str path, const struct file_stat *was);
/* The same whatever stands there, but a folder. */
int destination_move_over(struct destination *p, int from_fd, const char *from, struct str path);
/* Removes a file, link or empty folder. 0 or errno. */
int destination_remove(struct destination *p, struct str path, bool folder);

#endif
