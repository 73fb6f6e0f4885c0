/* Private to run/: which provider serves an agent's task, and when it may: limits, closings, and providers that keep failing. */
#ifndef AXMAKE_RUN_CHOICE_H
#define AXMAKE_RUN_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"
#include "load/definition.h"

struct sched;
struct job;
struct choice;

/* Before a run: what each of a task's providers lacks; empty when one is installed. */
struct str choice_lacking(const struct graph *g, const struct task *t, const char *path_env, struct arena *a);

struct choice *choice_new(struct sched *s);
void choice_free(struct choice *c);

/* Is the job's provider known to be busy? Then the job waits, without a slot, and its task is offered again (sched_offer) when something may have changed. */
bool choice_waits(struct choice *c, struct job *j);

enum choice_result {
	CHOICE_TAKEN, /* j->provider is set, and its place held */
	CHOICE_WAITS, /* as choice_waits */
	CHOICE_NONE,  /* no provider is left */
};
struct choice_none {
	struct str why; /* a phrase for each provider */
	bool closed;    /* at least one is only out of quota */
};
/* The first provider of the list that may serve now. */
enum choice_result choice_take(struct choice *c, struct job *j, struct choice_none *none);

/* Tasks that wait here. */
size_t choice_waiting(const struct choice *c);
/* No slot is free: somebody else may have this process's turn. */
void choice_idle(struct choice *c);
/* Those that wait and may not start any more are forgotten. */
void choice_forget(struct choice *c);

/* A try has ended so; its place is given back. */
void choice_ended(struct job *j, enum try_class class);
/* Its place is given back, whatever it did. */
void choice_release(struct job *j);

enum choice_next {
	CHOICE_SAME,  /* as if there were no other */
	CHOICE_OTHER, /* another provider takes the task over at once, with tries of its own; *name says which */
	CHOICE_OVER,  /* this provider will not serve again, and there is no other */
};
/* After choice_ended with a failure; `again_ns`: when it is tried again with the same provider, -1: it is not. After a transient failure every start on it waits until then, and a task
 * that would wait for more than some seconds goes to another that serves now. */
enum choice_next choice_after_failure(struct job *j, enum try_class class, int64_t again_ns, struct str *name);
/* Its provider cannot be asked: which other one is asked in its place? Empty: none is left. */
struct str choice_instead(struct job *j);
/* Why none serves it, in the choice's memory. That a provider is out of quota is said on the way, once. */
struct choice_none choice_why_none(const struct job *j);

#endif
