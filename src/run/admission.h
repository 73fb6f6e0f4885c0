/* Which stale task may start now, and the places that it holds while it runs: -j's slots, the limit on agents, pools, complexity,
 * memory, or an executor's place instead of slots and memory. -l's limit on the machine's load is one more thing to find below.
 *
 * Tasks that need the same wait in one queue, by priority; of the queues' first ones the most urgent that finds all its places free
 * is next. So no task waits behind one that lacks something else. Nobody holds one place while waiting for another. A task that
 * could not start while PATIENCE tasks of lower priority took what it lacked is due: nothing of lower priority that needs any of
 * it starts before it has. */
#ifndef AXMAKE_RUN_ADMISSION_H
#define AXMAKE_RUN_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"
#include "run/jobserver.h"

struct admission;

struct admission_config {
	const struct graph *graph; /* its pools and executors */
	struct jobserver *jobserver;
	size_t max_agents;                    /* at once; 0: no limit */
	bool agents_of_j;                     /* that comes of -j alone, and so counts none that an executor runs */
	bool load_limited;                    /* -l: while the machine's load is max_load or more, nothing takes a slot unless nothing of the run holds one */
	double max_load;
	double (*load)(void *self);          /* the load now; NULL: as the kernel says */
	uint64_t (*memory_left)(void *self); /* bytes that the machine has left; NULL: as the kernel says */
	void *self;
};

/* What one task holds. Zeroed holds nothing. Must stay where it is while it holds something. */
struct places {
	const struct task *task; /* NULL: nothing is held */
	struct slot *slots;
	size_t n_slots;
};

struct admission *admission_new(const struct admission_config *c);
void admission_free(struct admission *ad); /* NULL is fine */

/* A task that is to start as soon as it may. */
void admission_add(struct admission *ad, struct task *t);
/* Does any task wait here? */
bool admission_waiting(const struct admission *ad);

/* Begins a round: what was refused or put off is looked at again. ask: false where the jobserver is known to have nothing, so that
 * it is not asked. */
void admission_begin(struct admission *ad, bool ask);
/* The task to start next, with all its places free but perhaps slots of -j; NULL: none in this round. */
struct task *admission_next(struct admission *ad);
/* What to do with the one that admission_next told last. take: true: it holds its places (memory from `a`) and waits no more;
 * false: too few slots are free, and in this round no task that wants as many is told again. */
bool admission_take(struct admission *ad, struct places *p, struct arena *a);
void admission_put_off(struct admission *ad); /* it and others of the same needs wait for the next round */
void admission_drop(struct admission *ad);    /* it waits no more */

/* After a round that told no task any more: calls fn for the first of each that lack the same, with how many these are and what they lack, where that is other than it was told last. */
void admission_tell(struct admission *ad, void (*fn)(void *self, const struct task *t, size_t n, const char *lacks), void *self);

/* Of all that wait, only those that `keep` says go on waiting. */
void admission_keep(struct admission *ad, bool (*keep)(const void *self, const struct task *t), const void *self);

/* crowded: little is left of what all share without a place of its own, as descriptors, and nothing starts beside what runs. */
void admission_crowd(struct admission *ad, bool crowded);
bool admission_crowded(const struct admission *ad);

/* Gives all back. */
void admission_give(struct admission *ad, struct places *p);

/* Did the round end with a task that lacks nothing but one token of the jobserver? Then one that comes back is to be watched for. */
bool admission_starved(const struct admission *ad);
/* After how many ns a round should follow because a task lacks several tokens, or the machine's load is too high: for that there is
 * nothing to be watched for. 0: no need. For tokens it grows with each call until such a task has started. */
int64_t admission_look_again(struct admission *ad);

#endif
