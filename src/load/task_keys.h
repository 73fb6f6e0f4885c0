/* The keys of a task and of `defaults`. Private to workflow. */
#ifndef AXMAKE_LOAD_TASK_KEYS_H
#define AXMAKE_LOAD_TASK_KEYS_H

#include "load/reader.h"

/* Slots of a task's keys, in the order in which they are read. */
enum task_slot {
	SLOT_NAME,
	SLOT_AGENT,
	SLOT_TASK,
	SLOT_TASK_FILE,
	SLOT_RUN,
	SLOT_SHELL,
	SLOT_DEPENDENCIES,
	SLOT_AFTER,
	SLOT_INPUTS,
	SLOT_OUTPUTS,
	SLOT_EDITS,
	SLOT_ENV,
	SLOT_ENV_INPUTS,
	SLOT_MODEL,
	SLOT_PROVIDER,
	SLOT_DESCRIPTION,
	SLOT_ON_EDIT,
	SLOT_TIMEOUT,
	SLOT_RETRY,
	SLOT_OPTIONAL,
	SLOT_ALWAYS,
	SLOT_JOBSERVER,
	SLOT_STALL,
	SLOT_CHECK,
	SLOT_CONTEXT,
	SLOT_LEAVE,
	SLOT_SLOTS,
	SLOT_POOL,
	SLOT_COMPLEXITY,
	SLOT_MEMORY,
	SLOT_APPROVE,
	SLOT_DELEGATES,
	SLOT_BUDGET,
	SLOT_MATRIX,
	SLOT_WHEN,
	SLOT_RUN_IF,
	SLOT_ISOLATE,
	SLOT_CACHE,
	SLOT_SANDBOX,
	SLOT_EXECUTOR,
};

/* A zeroed task, as one is before its keys are read. */
void task_init(struct task_def *t, struct pos at);
/* Zeroed `out` is a file without defaults. */
void defaults_read(struct reader *r, const struct node *value, struct defaults *out);
/* One of `actors` where there are `stages` as well: the same, with a name (or absent) in out->task. */
void actor_read(struct reader *r, const struct node *value, struct defaults *out);
/* Reads one item of `tasks`, checks it by itself and adds it to the workflow. name: where it is the key of a map; or NULL. */
void task_read(struct reader *r, const struct node *name, const struct node *value, const struct defaults *defaults);
/* Completes a task whose keys are read: name checked and noted, defaults applied, contradictions reported. `own`: the keys that it
 * has itself; actor: what comes before defaults, or NULL. */
void task_finish(struct reader *r, struct task_def *t, const struct slots *own, const struct defaults *actor,
                 const struct defaults *defaults);
/* Is this a key of a task, built or not? */
bool task_key_known(struct str key);
/* May it stand in `defaults`? */
bool task_key_in_defaults(struct str key);

#endif
