/* -d: what is looked at, why each task is run or not, and how its turn comes, as lines on standard error. */
#ifndef AXMAKE_SHOW_DEBUGLOG_H
#define AXMAKE_SHOW_DEBUGLOG_H

#include "base/diag.h"
#include "graph/graph.h"
#include "run/observer.h"

enum debug_kind {
	DEBUG_BASIC = 1,   /* why a task is run, skipped, held or not run */
	DEBUG_VERBOSE = 2, /* and which are up to date */
	DEBUG_JOBS = 4,    /* starts, waits, tries and ends */
	DEBUG_FILES = 8,   /* what was read */
};
#define DEBUG_ALL (DEBUG_BASIC | DEBUG_VERBOSE | DEBUG_JOBS | DEBUG_FILES)

struct debuglog {
	unsigned kinds;
	const char *program;  /* "axmake" */
	struct observer shown; /* what it prints goes out first; event NULL: nobody prints beside */
	VEC(const struct task *) working;
};

/* Hears a run; to be freed after it. */
struct observer debuglog_observer(struct debuglog *l);
void debuglog_free(struct debuglog *l);
/* The files that were read. */
void debuglog_files(const struct debuglog *l, const struct diag *d);
/* What a task was found to be, where nothing runs. t->state says it as well. */
void debuglog_verdict(const struct debuglog *l, const struct task *t, const struct verdict *v);

#endif
