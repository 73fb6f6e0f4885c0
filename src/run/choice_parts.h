/* Private to choice*.c: what the choosing of providers keeps, and those that wait for one. */
#ifndef AXMAKE_RUN_CHOICE_PARTS_H
#define AXMAKE_RUN_CHOICE_PARTS_H

#include "base/arena.h"
#include "base/vec.h"
#include "graph/graph.h"
#include "run/loop.h"
#include "run/served.h"
#include "state/limits.h"

struct sched;
struct job;

struct choice {
	struct sched *sched;
	struct arena arena;
	VEC(struct served *) all;
	struct limits *limits;
	struct str problem; /* why there are no limits */
	struct loop_timer timer;
	size_t waiting;
};

/* A choice's timer: time has come for some that wait. */
void choice_time(void *choice);
/* Another process gave something back that all share, or took it. As loop_watch wants it. */
void choice_others_moved(void *choice, uint32_t events);
/* Who waits for the provider is offered again; choice_timer is to follow. */
void choice_offer_all(struct choice *c, struct served *v);
/* Sets the timer for the first of all. */
void choice_timer(struct choice *c);
/* The job's task waits for the provider, for want of that; again_ns: until then at most, INT64_MAX: until somebody says so. */
void choice_wait(struct choice *c, struct served *v, struct job *j, enum limit_lack lack, int64_t again_ns);

/* What keeps providers from the task's list, behind what those in it lack. */
void choice_add_excluded(struct sbuf *b, const struct graph *g, const struct task *t);

#endif
