/* What `leave` tasks leave running: known by the mark of their try and by its session, spared at the end of the run and by the run that follows a killed one. */
#ifndef AXMAKE_RUN_LEFT_H
#define AXMAKE_RUN_LEFT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/vec.h"

/* One try that was left. */
struct left {
	struct str mark; /* its part of AX_RUN */
	pid_t session;
};

struct left_list {
	VEC(struct left) of;
};

/* Adds one, and notes its mark in the file `left` of the store, for a run that finds this one killed. `a` outlives the list. 0 or errno; it is in the list all the same. */
int left_add(struct left_list *l, struct arena *a, int store_fd, struct str mark, pid_t session);
/* Does this process belong to one of them? */
bool left_has(const struct left_list *l, pid_t pid);
/* The marks that earlier runs noted; session 0. What cannot be read is none. */
void left_read(int store_fd, struct arena *a, struct left_list *out);

#endif
