/* A control group (cgroup) for the processes of one sandbox, which the kernel counts, root's too, and of which it refuses more than may be. Made below the group in which axmake
 * itself is, so that all limits of that one go on to hold: of version 1 where that has the controller `pids`, else of version 2. */
#ifndef AXMAKE_RUN_PIDGROUP_H
#define AXMAKE_RUN_PIDGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* Those of a run. */
struct pidgroups {
	struct arena *a;   /* as long as the run */
	int notes;         /* the folder in which it is noted where groups were made, for the run that follows a killed one: .axmake */
	uint64_t run_id;
	bool looked, noted;
	struct str folder; /* absolute: where they are made; STR_NONE: nowhere */
	bool unified;      /* of version 2, */
	bool enabled;      /* which counted processes there not before */
};

struct pidgroup {
	struct str folder; /* absolute; STR_NONE: none was made */
	int fd;            /* who writes "0" into it is in the group; -1: closed */
};

/* Makes the group "axmake-MARK", of which the beginning is the run's id, for at most so many processes and threads. false: none can be had here, and nothing is left of it. */
bool pidgroup_make(struct pidgroups *all, struct arena *a, struct str mark, uint64_t most, struct pidgroup *g);
/* In a child, before its program: joins it. 0 or errno. System calls only. */
int pidgroup_join(int fd);
/* Its processes have ended, or there were none: removes it. How often one more was refused; 0 as well where that is not known. */
uint64_t pidgroup_end(struct pidgroups *all, struct pidgroup *g);
/* Removes what the runs noted in that folder have left; what still has processes stays noted. */
void pidgroup_sweep(int notes);

#endif
