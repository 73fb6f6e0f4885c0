/* `.axmake/runs/ID/`: a folder for each run that did something, the last hundred of them. */
#ifndef AXMAKE_STATE_RUNS_H
#define AXMAKE_STATE_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define RUNS_KEPT 100
#define RUNS_JOURNAL "events" /* one JSON object a line; held by a lock as long as the run lives */

/* "20261125-220619-4173fa9": sorts by time, to the millisecond; the last four digits are chance. */
struct str runs_id(struct arena *a, int64_t wall_ns, uint64_t random);

/* Makes runs/ID in folder state_fd (.axmake). *fd gets the folder. 0 or errno. */
int runs_make(int state_fd, struct str id, int *fd);
/* Removes the oldest of more than RUNS_KEPT that have ended. */
void runs_prune(int state_fd);

/* Makes the journal in a run's folder, locked until the descriptor is closed. -1 with errno. */
int runs_journal(int run_fd);

/* All, the oldest first. 0 or errno; none where there is no such folder. */
int runs_list(struct arena *a, int state_fd, struct str **ids, size_t *n);

/* Does it go on now? By the journal's lock, which dies with its holder. */
bool runs_alive(int state_fd, struct str id);

#endif
