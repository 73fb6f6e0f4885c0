/* Everything that is read before anything is decided: workflow, rules, settings, graph, and what is remembered. */
#ifndef AXMAKE_PROJECT_H
#define AXMAKE_PROJECT_H

#include "graph/graph.h"
#include "graph/stale.h"
#include "load/config.h"
#include "load/rules.h"
#include "load/workflow.h"
#include "options.h"
#include "state/log.h"
#include "state/store.h"

struct project {
	struct arena *arena;
	struct diag *diag;
	const struct options *options;
	struct str root; /* absolute; the current folder from project_load on */
	struct workflow *workflow;
	struct rules *rules;
	struct config config;
	struct graph *graph;
	struct store store;
	struct log *log;
	struct filehash *filehash;
	struct map new_files, old_files; /* -W, -o */
	struct str_list plain_targets;   /* files that are there and that nobody makes */
	struct stale stale;
	struct seen *seen;        /* set by the caller before project_load: where all that is looked at is noted; NULL: nowhere */
	struct hash128 seal_key;
	struct str seal_said;     /* p != NULL: project_close leaves a seal with this message (state/seal.h) */
	uint64_t killed_run; /* an earlier run of this root that was killed; 0: none */
};

/* Reads rules and settings of the current folder alone. Mistakes are in diag. */
void project_load_settings(struct project *p, struct options *o);

/* Reads and checks everything, but for a workflow that p has already; changes into the root. Writes nothing. Mistakes are in diag: the caller prints them and goes no further. */
void project_load(struct project *p, struct options *o);

/* Opens what is remembered. writable: makes .axmake and takes the run's lock, waiting for another run when there is one. false after saying why on stderr. */
bool project_open(struct project *p, bool writable, uint64_t run_id);

/* Opens for writing apart from the root, without its lock: in folder `fd`, which is taken over, and which the root sees as `folder`. */
bool project_open_apart(struct project *p, int fd, struct str folder);

/* Judges all wanted tasks without running any; by task id. Also sets their states (STATE_STALE, STATE_HELD, STATE_FAILED, STATE_SKIPPED, STATE_UPTODATE). */
struct verdict *project_judge(struct project *p);

/* Closes the log and makes the seal that is asked for. 0 or errno, of the log. */
int project_close(struct project *p);

#endif
