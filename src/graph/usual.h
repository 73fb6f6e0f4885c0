/* What a task usually takes: medians of its last successes. */
#ifndef AXMAKE_GRAPH_USUAL_H
#define AXMAKE_GRAPH_USUAL_H

#include "graph/graph.h"

struct usual {
	int64_t duration_ns; /* -1: it never succeeded */
	int64_t tokens;      /* input, output and cache; -1: never reported */
	double cost_usd;     /* NaN: never reported */
	bool telling;        /* it succeeded, and an agent by the provider that is asked first: what it used tells what it will use. Else the two are not known */
};

/* Of an agent only as long as who answered last may serve it. */

struct usual usual_of(const struct task *t);
/* How long it takes: as it usually did, or a guess by its kind; 0: a group. */
int64_t usual_time(const struct task *t);

/* All tokens of a call, or -1: neither input nor output was reported. Those read from a cache are not among the input. */
int64_t usual_tokens(int64_t input, int64_t output, int64_t cache_read, int64_t cache_write);

/* What the task has taken so far, by the log or, where that has nothing of the kind, by its last success. */
struct taken usual_taken(struct log *l, struct str workflow, const struct task *t);

#endif
