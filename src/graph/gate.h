/* Is a task to run at all in this run, whatever else there is to say of it? `run_if` and `when` decide, once its dependencies have
 * ended (planning: have been judged). A task that is not counts as done, with an empty result; its outputs stay as they are. */
#ifndef AXMAKE_GRAPH_GATE_H
#define AXMAKE_GRAPH_GATE_H

#include "graph/content.h"

enum gate {
	GATE_OPEN,       /* it is to be judged like any other */
	GATE_WHEN,       /* skipped: `when` does not hold. text: it, with the values */
	GATE_NO_FAILURE, /* skipped: it is for failures, and there was none */
	GATE_IF_FAILURE, /* planning: the same, unless a dependency that is to run first fails */
	GATE_UNKNOWN,    /* planning: what runs first decides whether `when` holds. text: the name of a dependency */
	GATE_PROBLEM,    /* text: why it cannot be told */
};

struct gate_word {
	enum gate gate;
	struct str text; /* in the arena */
};

/* Planning: notes whether something before t runs first. To be called of every task, dependencies first. */
void gate_look_ahead(struct task *t);
struct gate_word gate_judge(struct hashing *h, struct arena *a, struct task *t, bool planning);

/* Makes what those that need it see of a task that is skipped: an empty result, and its outputs as they stand. */
void gate_skip(struct hashing *h, struct arena *a, struct task *t);

#endif
