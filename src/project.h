/* Everything that is read before anything is decided: workflow, rules, settings, graph, and what is remembered. */
#ifndef AXMAKE_PROJECT_H
#define AXMAKE_PROJECT_H

#include "graph/graph.h"
#include "graph/stale.h"
#include "load/config.h"
#include "load/rules.h"
#include "load/workflow.h"
#include "options.h"
#include "state/cache.h"
#include "state/slice.h"
#include "state/log.h"
#include "state/seal.h"
#include "state/store.h"
#include "state/wire.h"

struct project {
	struct arena *arena;
	struct diag *diag;
	const struct options *options;
	struct str root; /* absolute; the current folder from project_load on */
	struct str file;           /* the workflow's, as found from the folder in which axmake was started; STR_NONE: it has none */
	struct str start;          /* that folder, where the root is another; else STR_NONE */
	struct inclusion reading;    /* how its includes are read */
	unsigned rounds;           /* how often it was read again because tasks had made of it */
	bool making;               /* what is wanted are tasks that make includes: see project_go_on */
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
	bool may_seal;            /* seal_key is that of this run */
	struct hash128 seal_key;
	struct str seal_word;     /* p != NULL: project_close leaves a seal with this word (state/seal.h) */
	struct slice *slice;      /* set by the caller before project_load: what alone is read and judged; NULL: all is */
	struct ready *ready;      /* from project_make_ready on: all that is wanted was judged, and is judged again only where a change reaches it; NULL: nothing was */
	bool waited;              /* project_open has waited for another run */
	bool lost;                /* project_open failed since another run has changed what the slice, or what is ready, is of */
	bool judge_again;         /* something was done: the seal that project_close makes, or renews where there is a slice, is of what stands there after it */
	size_t n_loaded;          /* of what was noted in `seen`, so much by project_load; 0: nothing can be built on it */
	bool told;                /* something was said that is no part of a verdict, and that a run by a seal would not say */
	struct seen *seen_outside; /* what was noted in the folder that the root was entered from; NULL: they are one */
	void (*closing)(void *self, struct project *p); /* called by project_close, when the log is closed and the lock still held; NULL: nobody */
	void *closing_self;
	bool own_ancestor;   /* project_open failed since a task of the run that holds the lock has called it */
	struct cache *cache;      /* from project_cache on; NULL: none */
	struct wire_config server; /* from project_server on */
	uint64_t killed_run; /* an earlier run of this root that was killed; 0: none */
	bool copied;         /* that was in another folder, of which this one is a copy, and may go on there */
};

/* Does anything run with these options, if it is stale? */
bool project_runs(const struct options *o);

/* Reads rules and settings of the current folder alone. Mistakes are in diag. */
void project_load_settings(struct project *p, struct options *o);

/* Reads and checks everything, but for a workflow that p has already; changes into the root. Writes nothing. Mistakes are in diag: the caller prints them and goes no further.
 * The options that ask for the cache alone need no workflow: without one the root is the current folder, and there is no graph. */
void project_load(struct project *p, struct options *o);

/* To be called when all that was wanted has ended well: with what its tasks have made of the workflow's includes, what comes next? true: more is wanted, of p->graph, which may be
 * another one, with what has ended so far taken over. false: there is nothing more, or there were mistakes, which are in diag. */
bool project_go_on(struct project *p);

/* What was asked for, as far as it is known, is wanted now, to be told what does not come to its turn. */
void project_want_rest(struct project *p);

/* Nothing runs, and all that is wanted has been judged: was a file left out for its mistakes though its maker is up to date? Then it is read after all: true, and what was asked for is
 * to be judged again, unless diag has mistakes now. */
bool project_look_again(struct project *p);

/* Opens what is remembered. writable: makes .axmake and takes the run's lock, waiting for another run when there is one. false after saying why on stderr. */
bool project_open(struct project *p, bool writable, uint64_t run_id);

/* Opens for writing apart from the root, without its lock: in folder `fd`, which is taken over, and which the root sees as `folder`. */
bool project_open_apart(struct project *p, int fd, struct str folder);

/* The cache of the settings, for what the root's state was opened for. Nothing of it is opened before it is asked for; `always`: also where runs have none. */
void project_cache(struct project *p, bool writable, bool always);
/* The server that the cache is the front of, for a run; NULL: there is none, or no cache. Nobody speaks to it yet. */
const struct wire_config *project_server(struct project *p);
/* May others have put something into it? */
bool project_shares_cache(const struct project *p);

/* Judges all wanted tasks without running any; by task id. With a cache open, which of them would be restored. Also sets their states (STATE_STALE, STATE_HELD, STATE_FAILED, STATE_SKIPPED, STATE_UPTODATE). */
struct verdict *project_judge(struct project *p);

/* Tells what the cache has to tell. */
void project_tell_cache(struct project *p);

/* Of reading.c, for project.c: the workflow's files, read and linked to a graph. An include that some task makes is read as it stands, but nothing of what it says runs before its maker
 * has ended; where the files cannot be used together, those that will be made anew are left out. */

/* Reads p->file and what it includes into p->workflow. Mistakes are in diag. */
void project_read(struct project *p);
/* Makes p->graph of p->workflow, which may have to be read in another way for that; wants those tasks that are to make includes before anything else, and says in p->making whether there
 * are any. What has ended in `before` (or NULL) has ended here too, unless it needs more now. false: there were mistakes. */
bool project_link(struct project *p, const struct graph *before);
/* Has a task made anything of the includes that was not read? All makers that were wanted have ended. */
bool project_outdated(const struct project *p);
/* Was an include left out for mistakes though who makes it has ended? */
bool project_held_needlessly(const struct project *p);
/* Both again, for p->graph has ended as far as it could. Mistakes: false, and graph and workflow are the old ones. */
bool project_read_again(struct project *p);

/* Of slicing.c. After project_load: is what was read the slice, without a word to be said of it since `mark`, and from the files that the seal knows? */
bool project_slice_fits(const struct project *p, size_t mark);
/* For project_open: the log, as far as it is asked for; NULL: the slice is of no use any more. */
struct log *project_slice_log(struct project *p);
/* For project_open: what is remembered of those that the slice's tasks need. false: the slice is of no use. */
bool project_slice_begin(struct project *p);
/* For project_close: judges once more, by a file hash and a recorder of its own, whether all that was wanted is up to date now. false: it is not. */
bool project_judge_again(struct project *p, struct seal_looks *looks);
/* For project_close: what is on record of the tasks now, for a seal; NULL: none is to be judged apart. */
const struct slice_whole *project_whole(struct project *p);
/* Back to where nothing was loaded, to load all. */
void project_forget(struct project *p, size_t mark);

/* Of ready.c: a run that is prepared long before it is asked for. */

/* After project_load: judges all that is wanted, so that a run that is told later which files have changed has little left to look at. Takes no lock and writes nothing. false: there were mistakes, or it is no workflow
 * of which that can be told; project_forget is to follow. */
bool project_make_ready(struct project *p);
/* These files have changed since, and nothing else has. false: more hangs on it than can be told; project_forget is to follow. */
bool project_ready_for(struct project *p, const struct str *paths, size_t n);
/* Is what may run by that short, unpaid, and soon done again? (graph/reached.h) */
bool project_ready_is_quick(const struct project *p);
/* For project_open, which has the lock: goes on with what was found ready. false: it is of no use. */
bool project_ready_begin(struct project *p);
/* So many tasks are up to date beside those that the run judges, and what they took. */
size_t project_beside(const struct project *p, const struct saving **saving);

/* For ready.c: what the log, which is open, says of each task. */
void project_remember(struct project *p, bool writable);

/* Closes the log and makes the seal that is asked for. 0 or errno, of the log. */
int project_close(struct project *p);

#endif
