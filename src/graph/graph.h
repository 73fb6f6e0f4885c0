/* Tasks, the files between them, and the edges: where data flows. */
#ifndef AXMAKE_GRAPH_GRAPH_H
#define AXMAKE_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"
#include "load/condition.h"
#include "load/config.h"
#include "load/expand.h"
#include "load/rules.h"
#include "load/workflow.h"
#include "state/filehash.h"
#include "state/log.h"

enum pattern_kind { PATTERN_FILE, PATTERN_TREE, PATTERN_GLOB };

/* A declared path: expanded, normal. A tree's has no final slash. */
struct pattern {
	enum pattern_kind kind;
	bool exclude; /* `!…`, of inputs only */
	struct str path;
	struct pos at;
};

/* Why an edge is there, as bits. */
enum dep_how {
	DEP_NAMED = 1,   /* `dependencies` */
	DEP_AFTER = 2,   /* order only */
	DEP_FILE = 4,    /* a literal input is its output */
	DEP_PATTERN = 8, /* an input pattern meets its outputs: its files count there */
	DEP_RESULT = 16, /* ${task} in the prompt or env */
	DEP_PATH = 32,   /* ${task.path} */
	DEP_PROMPT = 128, /* named in the prompt, as a result, path or field */
	DEP_CONTEXT = 256, /* `context`: its result follows the prompt, unless that names it */
	DEP_FIELD = 512, /* ${task.a.b}: that field counts, not the rest of the result */
	DEP_WHEN = 1024, /* named in `when`, which asks what it ended with; counts only by what comes of that */
	DEP_EDIT = 64,   /* both change a path, and the other comes first: see build_edit_order */
};

struct task;

struct dep {
	struct task *task;
	unsigned how;
	bool tolerant; /* only used as ${x?}: its failure is nothing */
	struct pos at; /* of the first mention */
};

/* A field of a result that somebody uses. */
struct used_field {
	struct str path;         /* "a.b" */
	const struct task *user; /* the first that cannot do without it; NULL: all allow its absence */
	bool found;              /* in the result that was read last: see task.fields_of */
	struct str text;
};

/* Does something of it count for who needs it, beyond the order? */
static inline bool dep_counts(const struct dep *d)
{
	return d->how & ~(unsigned)(DEP_AFTER | DEP_WHEN);
}

enum task_kind { TASK_GROUP, TASK_RUN, TASK_AGENT };

enum task_state {
	STATE_IDLE,     /* not asked for */
	STATE_WAITING,  /* for dependencies */
	STATE_READY,    /* dependencies have ended; not looked at yet */
	STATE_STALE,    /* to be started */
	STATE_RUNNING,  /* includes waiting for another try */
	STATE_UPTODATE,
	STATE_DONE,     /* ran with success */
	STATE_FAILED,
	STATE_HELD,     /* waits for a person's yes; planning: or for a task that does */
	STATE_SKIPPED,  /* its `when` does not hold, or it is for failures and there was none: as if done, with an empty result */
	STATE_NOT_RUN,  /* because of a failure */
};

struct env_template {
	struct str name;
	struct template value;
	struct text source;
};

/* An agent that a task's answer may ask. */
struct delegate_agent {
	const struct agent *agent;
	struct provider *const *providers; /* as a task's */
	size_t n_providers;
};

struct task {
	const struct task_def *def;
	struct str name;
	uint32_t id; /* place in graph.tasks */
	enum task_kind kind;

	VEC(struct dep) deps;      /* one for each task it needs, merged */
	VEC(struct task *) users;  /* the other way round */
	VEC(struct pattern) inputs, outputs, edits; /* each sorted by path */
	struct template prompt;    /* or of task_file's content */
	struct text prompt_source;
	struct condition *when;    /* NULL: none */
	struct env_template *env;  /* sorted by name */
	size_t n_env;
	VEC(const struct var_def *) vars; /* that its script or env names, sorted by name: given to a run task, and counted */
	bool names_task;           /* AX_TASK or ${name} in a rule's word: its name counts */
	bool uses_fields;          /* of others' results, in its prompt or env */
	bool names_results;        /* AX_RESULTS in its script: every dependency's result counts */

	const struct executor *executor; /* where it runs; NULL: here */
	uint32_t executor_number;        /* its place in graph.executors, from 1; 0: none */

	/* Agents. */
	const struct agent *agent;
	struct provider *const *providers; /* to be tried in this order, already filtered by the policy */
	size_t n_providers;
	struct str excluded; /* what keeps providers that it names from that list, a phrase for each; empty: nothing */
	struct str role, model;
	const struct delegate_agent *delegates;
	size_t n_delegates;
	const struct task *asker;  /* of what is run for a task's answer: whose. NULL for all tasks of the graph */

	/* Of a partial workflow: its edges are not all there. */
	bool lacks_name;           /* it names what nobody bears, which may come with a file that was left out */
	bool lacks_file;           /* likewise an input or edit that does not exist, and whose maker may come */

	/* What earlier runs left; set by graph_recall. */
	const struct task_record *record;
	const struct taken *taken; /* NULL: not on record */
	int64_t priority_ns; /* the greatest goes first: its own learned duration and the longest path of users behind it, or what lineup.h made of it */

	/* The run. */
	enum task_state state;
	bool wanted;
	bool asks_server, asked_server; /* stale, and it is not known yet whether a server has what it makes; the server was asked */
	bool ended;                /* in an earlier round of this run: not judged again */
	bool spared;               /* of a watch: it failed, or was not run, in the last round, and stands so in this one */
	bool refused;              /* it was told what it lacks, for which nothing is started */
	bool same_failure;         /* of a watch: what failed before it did so in the last round, and is no other failure */
	uint32_t waiting_for;      /* dependencies that have not ended */
	bool bypassed;             /* STATE_NOT_RUN: new work had stopped before its turn came; nothing that it needs failed */
	bool behind_held;          /* something before it waits for a person, and so will not end */
	bool perhaps_held;         /* planning, STATE_HELD: what runs first may leave it up to date, or skipped */
	bool foreseen, foreseen_files; /* planning: it is to be restored, so out_hash and result are known; and each file; see graph/foresight.h */
	bool unsettled;            /* planning: something before it runs first */
	struct hash128 *out_hash;  /* of each output as it stands now; valid in STATE_UPTODATE, STATE_DONE and STATE_SKIPPED */
	bool has_result;
	struct hash128 result;
	uint64_t result_size;
	VEC(struct used_field) fields; /* of its result, sorted by path, each once; see fields.h */
	bool fields_read;
	struct hash128 fields_of;  /* the result in which they were looked for */
	struct str fields_fault;   /* why that has no fields at all; empty: it may have */
	bool contribution_known;
	struct hash128 contribution; /* see signature.h */
};

/* Who makes a path. */
struct claim {
	struct task *task;
	const struct pattern *pattern;
	struct str prefix; /* of a glob: the folder that all its matches lie in; empty: the root */
};

struct task_span {
	struct task *const *p;
	size_t n;
};

struct graph {
	struct arena *arena;
	const struct workflow *workflow;
	struct str root; /* absolute, without links */
	VEC(struct task *) tasks; /* in the file's order */
	VEC(struct task *) order; /* topological: dependencies first; wanted or not */
	struct map by_name;       /* NFC name -> struct task * */
	struct map matrices;      /* NFC name -> const struct matrix_tasks * */
	struct map claims;        /* literal outputs and trees: path -> struct claim * */
	VEC(struct claim) glob_claims; /* outputs that are globs */
	struct map vars;          /* name -> const struct var_def *, with overrides applied */
	VEC(struct provider *) providers_used;
	VEC(const struct executor *) executors; /* those that tasks name, each once */
	struct task **makers;     /* of workflow.includes, in that order: who makes the file; NULL: nobody */
	struct task_span open, open_in_order; /* of a run for which that is known: those that are wanted and have not ended, in the orders of the two lists above; p NULL: it is not known */
};

struct graph_config {
	const struct workflow *workflow;
	const struct rules *rules;
	const struct var_def *vars; /* VAR=value: override and add */
	size_t n_vars;
	const struct var_def *inherited_vars; /* of MAKEFLAGS: override only */
	size_t n_inherited;
	struct str provider;         /* --provider, or empty: before all that tasks and agents name */
	struct str provider_default; /* for those that name none; or empty */
	struct filehash *filehash; /* for inputs that must exist */
	int root_fd;
	int store_fd; /* .axmake, for what is on record; -1: nothing is */
	struct seen *seen; /* where what was looked at is noted; NULL: nowhere */
};

/* Builds and checks everything that names mean together. Every mistake goes to d; the graph is to be used only when there was none. */
struct graph *graph_build(struct arena *a, struct diag *d, const struct graph_config *c);

/* A path as seen from the root: absolute or leading out and in again, it becomes what lies below the root. Others stay. */
struct str graph_path(const struct graph *g, struct arena *a, struct str path);
/* Is a path of the root in a folder whose files never count? Nothing there is an output. */
bool graph_never_counts(struct str path);

/* All tasks, in the file's order or dependencies first, or, where it is known, those alone that a run may have something to do for. */
struct task_span graph_open(const struct graph *g);
struct task_span graph_open_in_order(const struct graph *g);

/* What lies outside the arena. */
void graph_free(struct graph *g);

struct task *graph_task(const struct graph *g, struct str name); /* any normal form */
/* Of those that may serve the task; NULL: none of that name. */
const struct provider *graph_provider_of(const struct task *t, struct str name);
const struct matrix_tasks *graph_matrix(const struct graph *g, struct str name);

/* The tasks that a name means: one, or all of a matrix. n == 0: there is none of that name. */
struct task_span graph_named(const struct graph *g, struct str name);
/* The task that makes a normal path: as a file, in a tree, by a glob. NULL: nobody. */
struct task *graph_producer(const struct graph *g, struct str path);

/* Marks targets and all they need as wanted. An unknown target is an error in d with the nearest name. A path that exists and nobody makes is fine and wants nothing: it is
 * added to *plain. No targets: `default:`, else all. Of a partial workflow, names that are not known are passed over. */
struct str_list {
	VEC(struct str) items;
};
void graph_want(struct graph *g, struct diag *d, const struct str *targets, size_t n, struct filehash *fh, struct str_list *plain);

/* Fills records from the log (taking over those of renamed tasks is stale.h's) and priorities: learned durations, 60 s for an agent and 1 s for a script that never ran. */
void graph_recall(struct graph *g, struct log *log);

/* Marks as wanted who makes includes and has not ended, with all they need, but for those that need, or are themselves, what an include says that is yet to be made, or a name that may
 * come with it: their turn comes later. false: nobody is left to want. */
bool graph_want_makers(struct graph *g);
/* Is what the workflow says of the task itself not certain before somebody has made a file? */
bool graph_uncertain(const struct graph *g, const struct task *t);
/* Of a partial workflow in which nobody can make what was left out: is that for want of files alone? Then these are reported. */
bool graph_report_lacking(struct graph *g, struct diag *d, const struct graph_config *c);
/* The first task that has not ended and makes an include; NULL: there is none. */
const struct task *graph_maker_left(const struct graph *g);

/* Does the task (directly or not) name what nobody bears? */
bool graph_needs_unknown(const struct graph *g, const struct task *t);
/* Does task a (directly or not) need task b? */
bool graph_needs(const struct graph *g, const struct task *a, const struct task *b);

#endif
