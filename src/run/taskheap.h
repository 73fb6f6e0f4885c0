/* Tasks in the order in which they are wanted: by priority (the longest remaining path, or graph/lineup.h), then the file's order. */
#ifndef AXMAKE_RUN_TASKHEAP_H
#define AXMAKE_RUN_TASKHEAP_H

#include <stdbool.h>

#include "base/vec.h"
#include "graph/graph.h"

/* Zeroed is empty; vec_free(&heap.tasks) frees it. */
struct taskheap {
	VEC(struct task *) tasks;
};

/* Is a to be taken before b? */
bool task_before(const struct task *a, const struct task *b);
void taskheap_push(struct taskheap *h, struct task *t);
/* NULL: empty. */
struct task *taskheap_top(const struct taskheap *h);
/* Of a heap that is not empty. */
struct task *taskheap_pop(struct taskheap *h);
/* Takes out all but those that `keep` says. */
void taskheap_keep(struct taskheap *h, bool (*keep)(const void *self, const struct task *t), const void *self);

#endif
