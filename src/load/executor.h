/* Executors: where a task's command runs, and the keys of their [executor] sections. */
#ifndef AXMAKE_LOAD_EXECUTOR_H
#define AXMAKE_LOAD_EXECUTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "load/callwords.h"
#include "load/inifile.h"

#define EXECUTOR_LOCAL "local" /* what a task names to run here after all; no section bears that name */
#define EXECUTOR_PLACES 64     /* unless max_concurrent says otherwise */

struct executor {
	struct str name;
	struct pos at;
	struct words wrap;       /* n > 0; they come before a task's command */
	struct words cancel;     /* they end what a try may have left there; n == 0: nothing has to */
	struct str retry_on;     /* POSIX ERE on what `wrap` says of a try that never began: it is worth another. Empty: none is */
	uint32_t max_concurrent; /* its tasks at the same time; 0: EXECUTOR_PLACES */
	struct ini_said said;    /* the keys of all its sections, for people */
};

/* Lays a section over what e says already, key by key; an empty value clears. */
void executor_apply(struct executor *e, struct arena *a, struct diag *d, const struct ini_section *section, bool user);
/* What only the sum of all sections shows: there is something to wrap in. */
void executor_check(const struct executor *e, struct diag *d);
/* How many of its tasks may run at once. */
uint32_t executor_places(const struct executor *e);

#endif
