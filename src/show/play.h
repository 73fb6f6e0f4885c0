/* Private to show/: a run played through by what tasks usually take: who starts when, as the scheduler would. */
#ifndef AXMAKE_SHOW_PLAY_H
#define AXMAKE_SHOW_PLAY_H

#include "base/vec.h"
#include "show/views.h"

struct admission;
struct played;

/* A binary heap of tasks. */
struct play_heap {
	VEC(struct task *) tasks;
	const int64_t *keys; /* by id; the smallest first, then the smallest id */
};

struct play {
	const struct view *view;
	size_t slots;                     /* 0: without a limit */
	struct admission *admission;
	struct places *places;            /* by id */
	VEC(struct played *) providers;   /* that have a limit */
	int64_t *ends_ns;                 /* by id */
	uint32_t *waiting_for;
	struct play_heap running;
	VEC(struct task *) settled;       /* ended, their users not told yet */
	VEC(const struct task *) starts;  /* in order, also of what is restored */
	int64_t now_ns;                   /* in the end: how long it takes */
};

/* slots, agents: how many tasks, and agents of them, run at once; 0: any number. All lies in the view's arena. */
void play_run(struct play *p, const struct view *v, size_t slots, size_t agents);
/* Would it be restored from the cache? That takes no time and no place. */
bool play_restores(const struct play *p, const struct task *t);

#endif
