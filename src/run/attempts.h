/* What a watch remembers of its rounds: tasks whose last try did not make them up to date, and what they hung on when it ended. As long as that is the same, another try would be
 * asked the same. */
#ifndef AXMAKE_RUN_ATTEMPTS_H
#define AXMAKE_RUN_ATTEMPTS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/str.h"
#include "graph/stale.h"

struct reader; /* state/bytes.h */

struct attempt {
	struct str name;
	struct hash128 ended; /* see attempts_state; when it ended */
	bool changed;         /* that, or its signature, was another when it began: what it uses changed while it ran */
	bool again;           /* it ran for no other reason than that one before it was so */
	bool retried;         /* in this round it is to run for no other reason */
	bool over;            /* it is none any more */
};

struct attempts {
	struct arena *arena;
	struct map by_name; /* -> struct attempt */
};

/* All that a task hangs on, with whichever of its providers. fresh: files are looked at again. Zeros where it cannot be computed. */
struct hash128 attempts_state(struct stale *s, struct task *t, bool fresh);

/* Is the stale task not to be tried? Then *why says so. An agent whose inputs changed while it ran is asked once more, a script as often as it is so. */
bool attempts_spare(struct attempts *a, struct stale *s, struct task *t, const char **why);
/* A try has ended so that the task is stale still. */
void attempts_note(struct attempts *a, struct stale *s, struct task *t, bool changed);
/* It is up to date. */
void attempts_forget(struct attempts *a, const struct task *t);

void attempts_put(struct sbuf *b, const struct attempts *a);
/* Takes over what attempts_put has put. The names lie in a's arena. */
void attempts_take(struct attempts *a, struct reader *r);
void attempts_free(struct attempts *a); /* what lies outside the arena */

#endif
