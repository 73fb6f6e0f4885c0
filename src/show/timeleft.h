/* How long a run will still take: what is known of its tasks, along the longest path and over its slots. */
#ifndef AXMAKE_SHOW_TIMELEFT_H
#define AXMAKE_SHOW_TIMELEFT_H

#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

/* Zeroed: nothing is known. */
struct timeleft {
	const struct graph *graph;
	size_t slots; /* tasks at once; 0: any number */
	struct {
		int64_t sum_ns;
		size_t n;
	} ended[2];     /* of this run: scripts, agents */
	int64_t *path_ns; /* by task id: scratch */
};

void timeleft_ended(struct timeleft *l, const struct task *t, int64_t duration_ns);
/* By list scheduling's bound, max(longest path, work / slots), with a running task's time so far (`running_ns`, by task id) taken off. What never ran takes what others of its kind took
 * in this run. Tasks that were not looked at yet count as if they had to run. -1: there is a task of which nothing is known. Time is linear in tasks and edges. */
int64_t timeleft_ns(struct timeleft *l, int64_t (*running_ns)(void *self, const struct task *t), void *self);
void timeleft_free(struct timeleft *l);

#endif
