/* A graph that is judged before anybody asks for it, and what a change of some files then reaches of it. */
#ifndef AXMAKE_GRAPH_REACHED_H
#define AXMAKE_GRAPH_REACHED_H

#include "graph/stale.h"

struct reached {
	struct stale *s;
	uint32_t *first; /* by a path's number: of those who asked for it, in `who`; one more than there are paths */
	uint32_t *who;   /* tasks, by id */
	size_t n_paths;
	uint32_t *place; /* by id: in graph.order */
	bool *idle;      /* by id: it has nothing to run for, nor has what it needs */
	VEC(struct task *) open; /* all that is wanted and has not ended: few, so that nobody need go through all */
	size_t n_first;          /* of them, those that had not ended from the beginning; behind them what was reached */
};

/* Judges all that is wanted, planning, and looks at all that this hangs on. What is up to date, with all that it needs, has ended from then on (task.ended); of the others it is as if they had not been judged, and to be
 * judged without planning. All memory in the stale's arena, but for what stale_free frees. */
void reached_judge(struct reached *r, struct stale *s);

/* These files (never folders) have changed since, and nothing else: whatever that reaches has not ended any more. May be told again, and of more. false: more than files is at stake, or what stands there is no
 * file; then nothing of this is to be used any more. */
bool reached_by(struct reached *r, const struct str *paths, size_t n);

/* All has been told: the graph knows its open tasks. */
void reached_end(struct reached *r);

/* Is all that may run by that a matter of a moment, at nobody's cost, and nothing that it could spoil were it done too early: scripts here that change nothing in place, and took no longer altogether when they ran last? */
bool reached_is_quick(const struct reached *r, int64_t most_ns);

/* Do the kept results still stand that those to be judged may read of the others? */
bool reached_has_results(const struct reached *r);

#endif
