/* Private to run/: what a task made before comes to stand in the root again. All contents are read and checked first, beside the
 * outputs; then a start is logged, as before a run, and only then anything of the root changes. */
#ifndef AXMAKE_RUN_PUTBACK_H
#define AXMAKE_RUN_PUTBACK_H

#include "run/job.h"
#include "run/standing.h"
#include "state/cache.h"

#define PUTBACK_ASIDE "restore" /* in .axmake: what is not in its place yet. One run at a time has it */

struct putback {
	struct job *j; /* with its start_id, under which the start is logged */
	struct cache *from;
	const struct cache_entry *entry; /* with the outputs of j's task, in their order */
	const char *whence;              /* "from the cache", where it is told that something is restored */
	const struct cache_entry *kept;  /* outputs that stood there and are kept elsewhere, as they may be known; NULL: none */
	struct standing *outputs;        /* set by putback_fetch */
	size_t aside;                    /* files made there */
	bool lost;                       /* what the entry names is damaged, or gone */
	bool outside;                    /* the problem is that a link leads out of the root */
	struct str problem;              /* of the task's own, to be told; in the job's arena */
};

/* Within the loop's turns: false: the run is to end. `putback` is a struct putback. */
bool putback_go_on(void *putback);
/* Makes the folder PUTBACK_ASIDE. */
bool putback_make_aside(struct putback *p);
/* Notes what cannot be had; always false. EINTR is none of it. */
bool putback_problem(struct putback *p, struct str path, int err);
/* Notes whether such an error means that the entry is no good. */
bool putback_lost(struct putback *p, int err);

/* Every content that is missing comes to be beside its place. false: as putback_fetch. */
bool putback_contents(struct putback *p);
/* Fetches what does not stand there as it was made. false: it cannot be had, see lost and problem; or the run is to end. */
bool putback_fetch(struct putback *p);
/* Logs and marks a start of that id; putback_place does. false: the log cannot be written, and the run has been told. */
bool putback_begin(struct job *j);
/* Puts it there, and sets the task's out_hash. What others changed is kept. false: see problem; or the log cannot be written, and
 * the run has been told. */
bool putback_place(struct putback *p);
/* What was fetched and has no place goes, also what a killed run left. */
void putback_sweep(struct sched *s);

#endif
