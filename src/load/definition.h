/* What workflow files say, as plain structs, and what a task may say. */
#ifndef AXMAKE_LOAD_DEFINITION_H
#define AXMAKE_LOAD_DEFINITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/str.h"
#include "base/vec.h"

/* A string with its place. Absent: s.p == NULL. */
struct text {
	struct str s;
	struct pos at;
	uint16_t first_col; /* column in which its lines begin, where they stand in the file as they are; 0: not known */
	bool is_block;      /* a `|` block: it begins on the line after `at` */
};

struct text_list {
	struct text *p;
	size_t n;
	struct pos at; /* of the list's key; line 0 when absent */
};

struct env_def {
	struct text name, value;
};

/* What follows an agent's prompt: nothing, where the results of its dependencies are kept, or what they say. */
enum context { CONTEXT_NONE, CONTEXT_PATHS, CONTEXT_RESULTS };

/* How what comes before a task must have ended for it to start. */
enum run_if { RUN_IF_SUCCESS, RUN_IF_FAILURE, RUN_IF_DONE };

/* Where a task works: in the root, in an overlay over it, in a copy of it. */
enum isolate { ISOLATE_NONE, ISOLATE_OVERLAY, ISOLATE_COPY };

/* What programs of a task may see and do beside the root. */
struct sandbox {
	bool network;                /* else there is none but a loopback of its own */
	struct text_list read, write; /* paths, absolute or below "~/" */
	uint64_t disk;               /* bytes that it may write, in all and in any file */
	uint32_t processes;          /* at once, threads too */
	bool watch;                  /* is it looked at what it refuses? */
};

enum on_edit { ON_EDIT_DEFAULT, ON_EDIT_KEEP, ON_EDIT_RERUN, ON_EDIT_FAIL };

/* Classes of a failed try, as bits for retry.on. */
enum try_class {
	TRY_OK = 0,
	TRY_FAILED = 1 << 0, /* its own failure: an exit status */
	TRY_TRANSIENT = 1 << 1,
	TRY_QUOTA = 1 << 2,
	TRY_AUTH = 1 << 3,
	TRY_CHECK = 1 << 4,
	TRY_ANSWER = 1 << 5, /* a field or output is missing */
	TRY_TIMEOUT = 1 << 6,
	TRY_STALL = 1 << 7,
	TRY_CRASH = 1 << 8, /* ended by a signal that was not ours */
	TRY_BUDGET = 1 << 9,
	TRY_LOST = 1 << 10, /* an executor lost its node */
};
#define TRY_RETRIED_BY_DEFAULT (0x3ff & ~(TRY_AUTH | TRY_QUOTA | TRY_BUDGET))
/* As retry.on spells it; "ok" for TRY_OK. */
const char *try_class_name(enum try_class c);

struct retry {
	bool set;
	uint32_t attempts;    /* tries in all, 1..1000 */
	int64_t delay_ns;     /* 5 s unless set */
	int64_t max_delay_ns; /* 0: no limit */
	bool exponential;
	unsigned on; /* classes worth another try */
};

/* What may be spent. 0: no limit. */
struct budget_def {
	double cost_usd;
	int64_t tokens;
};

struct var_def {
	struct text name, value;
};

/* A key of a matrix with its values, of which no two are equal in NFC. */
struct matrix_key {
	struct text name;              /* NFC */
	const struct var_def **values; /* each bears the key's name */
	size_t n;
};

struct matrix {
	struct matrix_key *keys; /* in the file's order */
	size_t n;
	struct pos at; /* of the key `matrix` */
};

enum complexity { COMPLEXITY_LOW, COMPLEXITY_MEDIUM, COMPLEXITY_HIGH };

#define TIMEOUT_UNSET INT64_C(-1)

struct task_def {
	struct text name; /* NFC */
	struct pos at;    /* of the name, else of the task */
	struct text agent, prompt, prompt_file;
	bool unsaid; /* the prompt was composed of the names, for none was given */
	struct text run, shell, check;
	struct text_list dependencies, after; /* NFC names */
	struct text_list inputs, outputs, edits;
	struct env_def *env;
	size_t n_env;
	struct text_list env_inputs;
	struct text model, provider, description;
	struct text executor; /* where it runs; empty: here */
	struct text_list delegates; /* agents that its answer may ask */
	bool delegates_any;         /* every known agent: said on the command line, in no file */
	enum on_edit on_edit;
	enum context context;
	enum isolate isolate;
	const struct sandbox *sandbox; /* NULL: none. With it `isolate` is no ISOLATE_NONE */
	int64_t timeout_ns; /* TIMEOUT_UNSET; 0: none */
	int64_t stall_ns;   /* without a byte of output; 0: no limit */
	struct retry retry;
	bool optional, always;
	bool leave; /* of a script: what it leaves running stays */
	int8_t jobserver; /* -1 unset, else 0 or 1 */
	int8_t cache;     /* likewise: may it be restored */
	uint32_t slots;   /* of -j's; 1 unless set */
	struct text pool; /* NFC */
	uint32_t pool_number; /* place in workflow.pools, from 1; 0: none */
	enum complexity complexity;
	uint64_t memory; /* bytes; 0: not said */
	struct budget_def budget; /* its own */
	struct text approve; /* what a person is to say yes to */
	const struct matrix *matrix;              /* NULL: none */
	const struct var_def *const *combination; /* with a matrix: a value for each of its keys */
	struct text when;    /* a condition, see load/condition.h */
	enum run_if run_if;
	struct pos run_if_at;
	uint32_t include;    /* in workflow.includes, from 1: by which its file came; 0: it stands in the main file */
	bool lacks_pool;     /* its pool may stand in a file that was left out */
};

/* Every key a task may have, for completion and schema; NULL-terminated. */
const char *const *workflow_task_keys(void);

/* One agent's definition that a workflow carries itself is not in this format; agents come from rules. */
struct policy {
	struct text privacy;    /* "private" or "public" */
	int64_t max_latency_ms; /* -1 unset */
	struct pos latency_at;
	struct budget_def budget; /* of several files the stricter */
};

/* So many at once of the tasks that name it. */
struct pool_def {
	struct text name; /* NFC */
	uint32_t places;  /* from 1 */
};

/* What a matrix has become. */
struct matrix_tasks {
	struct text name;            /* NFC, without a combination */
	const struct matrix *matrix;
	size_t first, n;             /* in workflow.tasks */
};

/* An `include`. What it reads may include more, and those follow it. */
struct include_def {
	struct str path;   /* normal, relative to the root */
	struct pos at;
	uint32_t from;     /* in workflow.includes, from 1: by which the file came that says it; 0: the main file says it */
	struct pos output; /* an output that may make it, as far as its text tells; POS_NONE: it is no task's */
	bool output_sure;  /* it does */
	struct str text;   /* as it was read; p == NULL: it was not, or by another include */
	bool left_out;     /* it was not read, and that is no mistake */
	bool missing;      /* there is no such file, as far as was looked */
};

struct workflow {
	struct str file; /* the main file as it was named, normal */
	struct text name;
	struct str root; /* "." or what `root:` says, relative to where axmake was started */
	struct policy policy;
	VEC(struct var_def) vars;          /* the including file's win */
	VEC(struct pool_def) pools;        /* likewise */
	struct text_list defaults_targets; /* `default:`, of the main file only */
	VEC(struct task_def *) tasks;      /* in the order of the files */
	VEC(struct matrix_tasks) matrices;
	VEC(struct str) files;             /* every file read, the main one first */
	VEC(struct include_def) includes;  /* in the order in which they were met */
	bool partial;                      /* some include was left out: names that are not known may come with it */
};

#endif
