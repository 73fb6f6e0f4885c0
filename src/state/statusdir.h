/* `.automatosx/status/`: a file for each agent that has ended, and a mark for each that is under way, so that others can wait for them. */
#ifndef AXMAKE_STATE_STATUSDIR_H
#define AXMAKE_STATE_STATUSDIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define STATUSDIR ".automatosx/status"
#define STATUSDIR_MARK ".running-" /* how names of marks begin; the content is the agent's name */

/* Makes the folder below root_fd, with a .gitignore of `*`, and opens it. 0 or errno. */
int statusdir_make(int root_fd, int *fd);

/* Removes all but the newest STATUSDIR_KEPT files and those that are no older than STATUSDIR_KEPT_MS. */
void statusdir_prune(int dir_fd, int64_t now_ms);
#define STATUSDIR_KEPT 1000
#define STATUSDIR_KEPT_MS (INT64_C(3600) * 1000)

/* A run under way. The mark is locked; the lock dies with its holder. A zeroed one is no mark. */
struct statusdir_mark {
	int fd;     /* 0: none */
	char *name; /* in the folder; on the heap */
};

/* Puts a mark, by rename. 0 or errno. */
int statusdir_begin(int dir_fd, struct str agent, struct statusdir_mark *m);
/* Takes it away again. */
void statusdir_end(int dir_fd, struct statusdir_mark *m);

/* Puts AGENT-EPOCHMS.json, by rename; where that name is taken, with the next free millisecond. 0 or errno. */
int statusdir_put(int dir_fd, struct str agent, int64_t wall_ms, struct str json);

/* Reads a mark: the agent's name, and whether its holder lives. false: it is gone, or no mark. */
bool statusdir_read_mark(struct arena *a, int dir_fd, const char *name, struct str *agent, bool *alive);

#endif
