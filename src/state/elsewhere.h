/* Folder `.axmake/elsewhere`: what is known of tries whose commands an executor runs, by the marks of these tries.
 *
 *   MARK.began    made there, when the command is about to start; what the shell says of its end is put into it
 *   MARK.ended    written there: the command's exit status, or 256 and the signal that ended it
 *   MARK.started  written here before the start: by which executor, and what its words were made of; each ended by a NUL
 *
 * Each of the first two names is asked for once the executor's own program has ended: a network's file system then has no older answer to give. */
#ifndef AXMAKE_STATE_ELSEWHERE_H
#define AXMAKE_STATE_ELSEWHERE_H

#include "state/store.h"

#define ELSEWHERE "elsewhere"

/* Before a try starts. What is noted, without NULs, is given back by elsewhere_sweep. 0 or errno. */
int elsewhere_begin(const struct store *s, struct str mark, const struct str *noted, size_t n);

struct elsewhere {
	bool began, ended;
	int status; /* 0..255; with `ended` */
	int signal; /* which ended it; 0: none, or that was not told */
};
struct elsewhere elsewhere_look(const struct store *s, struct str mark);
/* How long ago it began, by the clock of the folder's own file system, in ns; -1: it has not begun, or that cannot be known. */
int64_t elsewhere_age(const struct store *s, struct str mark);
/* Nothing of the try is left, or it was told. */
void elsewhere_forget(const struct store *s, struct str mark);

/* What runs have left that did not come to forget it: calls fn with each try's mark and what was noted of it, in the arena; those for which it says true are forgotten. No run may
 * be at work. 0 or errno. */
int elsewhere_sweep(const struct store *s, struct arena *a, bool (*fn)(void *self, struct str mark, const struct str *noted, size_t n), void *self);

#endif
