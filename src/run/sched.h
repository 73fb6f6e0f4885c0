/* The scheduler: a task starts the moment its last dependency has ended and a slot is free, the longest remaining path first, or by a better order (graph/lineup.h). */
#ifndef AXMAKE_RUN_SCHED_H
#define AXMAKE_RUN_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"
#include "graph/stale.h"
#include "run/attempts.h"
#include "run/jobserver.h"
#include "run/loop.h"
#include "run/observer.h"
#include "state/cache.h"
#include "state/log.h"
#include "state/store.h"
#include "state/wire.h"

/* Asked when all that was wanted has ended, with `well`: nothing failed, was held or was left. true: more is wanted, of the config's graph, which may have been replaced. */
struct sched_more {
	bool (*go_on)(void *self, bool well); /* NULL: there is no more */
	void *self;
	struct str rest; /* set by go_on: where there is no more: why what is wanted now, but was not before, is not run */
};

struct sched_config {
	struct graph *graph;
	struct sched_more more;
	struct stale *stale;
	struct store *store;
	struct log *log;
	struct filehash *filehash;
	const struct rules *rules;
	struct cache *cache;    /* NULL: none */
	const struct wire_config *server; /* a cache on a server, which `cache` is the front of; NULL: none */
	struct str server_program;        /* that speaks to it */
	bool shares_cache;      /* others may have filled it: no provider need be there */
	struct jobserver *jobserver;
	struct loop *loop;
	const struct observer *observer;
	struct str root;        /* absolute */
	uint64_t run_id;
	bool keep_going;        /* -k */
	bool ignore_errors;     /* -i: a failure fails nothing */
	bool touch;             /* -t: records without running */
	bool tell_lacks;        /* EVENT_LACKS is wanted */
	bool live_output;       /* -O none, -O line */
	bool parallel_delegation; /* delegates of one answer at once, else one after another */
	bool load_limited;      /* -l */
	double max_load;
	size_t max_agents;      /* agent tasks at once; 0: no limit of its own */
	bool agents_of_j;       /* see admission.h */
	size_t fresh;             /* tasks that are up to date, beside those of the graph that have not ended before the run (state/slice.h) */
	const struct saving *saving; /* of these; NULL: there are none */
	struct budget_def budget; /* of the run */
	struct spent spent;       /* of that by earlier rounds of a watch */
	struct attempts *attempts; /* of a watch; else NULL */
	int64_t agent_timeout_ns; /* defaultTimeout; TIMEOUT_UNSET */
	int64_t whole_ns;         /* what its tasks may take, all tries and what they wait for, but not what an answer asks of others; 0: as long as it takes */
	const char *const *environ; /* what tasks inherit */
};

struct sched_result {
	size_t done, fresh, failed, not_run, ignored, restored; /* tasks; groups are not counted */
	size_t skipped; /* by `when` or `run_if` */
	size_t held;   /* tasks that wait for a person's yes */
	struct spent spent; /* with that of earlier rounds */
	int signal;    /* ended by this signal: to be raised again */
	bool refused;  /* nothing was started: a wanted agent has no usable provider, or the state cannot be written. Said through the observer */
	bool untouched; /* -t could not record some task */
};

/* Has every wanted agent that never succeeded, or is known to be stale, a provider that may serve and is installed? What lacks is told by EVENT_REFUSED. sched_run asks before
 * its first start; a caller may ask before anything is written. path_env: PATH, or NULL. cached: of tasks that may be restored none is asked for until it is known that they are not. */
bool sched_providers_there(const struct graph *g, const char *path_env, const struct observer *o, bool cached);

struct sched_result sched_run(const struct sched_config *c, struct arena *a);

#endif
