/* What a killed run of the same root left running. */
#ifndef AXMAKE_RUN_PREVIOUS_H
#define AXMAKE_RUN_PREVIOUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/rules.h"
#include "state/store.h"

/* Ends every process that carries the mark of that run: SIGTERM, a grace, SIGKILL; returns when none is left, or a grace later. How many there were. This process's own
 * ancestors are spared, and what `leave` tasks that had ended well left: noted in the store. */
size_t previous_end(uint64_t run_id, int store_fd);

/* Masks what killed runs had no time to mask: what their programs printed, their prompts and answers, in the folders of runs apart and, where the last run of the root was
 * killed, in tasks/. Results and outputs kept for people stay as they are. Answers that may yet be taken up are put aside. own: the id of the run apart that asks, if it is
 * one, which goes on also where nothing can be locked. `env`: whose secrets. 0 or the first errno. */
int previous_mask(int store_fd, const struct rules *rules, bool killed, struct str own, const char *const *env);

struct previous_cancelled {
	size_t cancelled, failed; /* commands */
	int err;                  /* of looking for them; 0 or errno */
};
/* Cancels what executors may still run for a killed run, by the rules as they are now: ten seconds each, a minute in all. What could not be cancelled is tried again next time. */
struct previous_cancelled previous_cancel(const struct store *s, const struct rules *rules, const char *path_env);
/* The state is a copy: what is noted there is forgotten, and nothing cancelled. 0 or errno. */
int previous_forget(const struct store *s);

/* Removes views of isolated tasks that nobody is at work in any more. 0 or errno. */
int previous_views(const struct store *s);

#endif
