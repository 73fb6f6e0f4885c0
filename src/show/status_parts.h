/* Private to status*.c, after views.h: how each task stands (status_look.c), for what it waits (status_waits.c), and that as text or JSON (status.c). */
#ifndef AXMAKE_SHOW_STATUS_PARTS_H
#define AXMAKE_SHOW_STATUS_PARTS_H

#include "show/views.h"

enum state { S_UP_TO_DATE, S_STALE, S_RUNNING, S_WAITING, S_HELD, S_FAILED, S_DONE, S_SKIPPED, S_NOT_RUN };

/* A task as it stands now. */
struct standing {
	enum state state;
	struct str reason; /* absent: none */
	const struct task_record *record;
	struct open_start start;
	bool in_run; /* the run that goes on is to make it */
};

struct busy_provider {
	struct str told; /* why a task waited there when that was told last; empty: none does */
	size_t calls;    /* of tasks at work */
};

/* What the tasks at work take of what others could wait for. */
struct busy {
	size_t slots, agents, complex[3]; /* by enum complexity */
	size_t *pools;     /* by number */
	struct map providers; /* name -> struct busy_provider */
};

struct scene {
	const struct view *view;
	const struct underway *run; /* that goes on, unless its holder.held is false */
	struct standing *tasks;     /* by id */
	struct busy busy;
};

/* Judges all that is wanted. */
struct scene status_look(const struct view *v);
void status_free(struct scene *s); /* what lies outside the arena */

/* The states of all tasks that run are known: counts what they take. */
void status_count_busy(struct scene *s);
/* For what a task waits, in the view's arena. */
struct str status_waits(const struct scene *s, const struct task *t);
/* "4s", "2m10s": no more exact than a glance is. */
void status_span(struct sbuf *b, int64_t ns);

#endif
