/* What a killed run of the same root left running. */
#ifndef AXMAKE_RUN_PREVIOUS_H
#define AXMAKE_RUN_PREVIOUS_H

#include <stddef.h>
#include <stdint.h>

/* Ends every process that carries the mark of that run: SIGTERM, a grace, SIGKILL; returns when none is left, or a grace later. How many there were. This process's own
 * ancestors are spared, and what `leave` tasks that had ended well left: noted in the store. */
size_t previous_end(uint64_t run_id, int store_fd);

/* Masks what that run had no time to mask: what its programs printed, their prompts and answers in tasks/. Results, outputs kept for people, and answers that this run may take up stay as they are. `env`: whose
 * secrets. 0 or the first errno. */
int previous_mask(int store_fd, const char *const *env);

#endif
