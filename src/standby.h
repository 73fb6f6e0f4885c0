/* The next round of a watch, in a process of its own: it has read and judged everything before anybody asks for it, and sleeps until it is told what has changed. */
#ifndef AXMAKE_STANDBY_H
#define AXMAKE_STANDBY_H

#include "program.h"
#include "round.h"
#include "run/watcher.h"

enum { STANDBY_DEAF = 125 }; /* exit status of one that has not heard what it was told: it has done nothing */

/* For the one that watches. */
struct standby {
	pid_t pid;      /* 0: there is none */
	int fd;         /* to speak with it */
	int tell_fd;    /* where it will tell what came of it (round_tell) */
	uint32_t asked; /* number of the last question */
};

/* Starts one. 0: this is that process, which is to call standby_wait with *fd, and to tell by *tell_fd; else its number, or -1. Only plain runs can be prepared: -1 for others. */
pid_t standby_start(struct standby *s, const struct program *g, int *fd, int *tell_fd);
/* Asks whether what these changes reach is soon done and unpaid: s->fd is readable when there is an answer. */
bool standby_ask(struct standby *s, const struct changes *c);
/* The answer; false also where it is not to the last question. */
bool standby_says_yes(struct standby *s);
/* Lets it be the round: from now on it is a child like others, and its tell_fd is the caller's. false: it does not hear; standby_end is to follow. */
bool standby_go(struct standby *s, const struct changes *c, bool hush, struct str why);
/* It is not needed. Nothing is left of it. */
void standby_end(struct standby *s);

/* In the process itself: prepares what can be prepared, and returns when it is to be the round, with r->hush and r->why. Ends the process where it
 * is not wanted, or by STANDBY_DEAF. */
void standby_wait(struct program *g, struct round *r, int fd);
/* What was prepared is of no use after all: nothing is loaded any more. */
void standby_forget(struct program *g);

#endif
