/* A run of this root that goes on now, as others can see it: by its lock and its journal. Nobody asks the run itself. */
#ifndef AXMAKE_SHOW_UNDERWAY_H
#define AXMAKE_SHOW_UNDERWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/vec.h"
#include "state/store.h"

/* What the journal told last of a task. */
struct underway_task {
	int64_t due_ms;     /* wall clock: when its next try is due, after one that failed; 0: none is */
	uint32_t tries;     /* that failed, of such a task; else that have begun */
	struct str class;   /* of that failure */
	struct str waits;   /* why it waited for its provider when that was told last, and no try began since; empty: it did not */
	struct str provider; /* that its last try asked, or empty */
	struct str asks;    /* the agent that its answer asks now, or empty */
	struct str not_run; /* why it is not run, or empty */
};

struct underway {
	struct lock_holder holder;
	bool told;           /* its journal was read; else nothing below is known */
	struct str workflow; /* its file */
	int64_t jobs, agents; /* limits on tasks and on agents that run at once; -1: none is known */
	bool keep_going, stopped; /* a failure has stopped new work */
	VEC(struct str) targets; /* as asked for; none: the default */
	struct map tasks;    /* name -> struct underway_task */
	struct arena *arena;
};

/* Looks; changes nothing. What the log tells is to be read after it: then a task that is at work here has its start there. */
struct underway underway_look(struct arena *a);
void underway_free(struct underway *u);
/* Nothing told: a zeroed one. */
const struct underway_task *underway_task(const struct underway *u, struct str name);

#endif
