/* Which tasks a change of inputs reaches. A seal (state/seal.h) knows who looked at which file and who needs whom: where nothing but inputs of some tasks
 * differs, only these and those behind them are read and judged again. All others are as the seal found them. */
#ifndef AXMAKE_STATE_SLICE_H
#define AXMAKE_STATE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/str.h"
#include "state/facts.h"
#include "state/log.h"

enum {
	SLICE_APART = 1,   /* can be read and judged without the rest of the workflow, given those that it needs */
	SLICE_WANTED = 2,
	SLICE_COUNTED = 4, /* no group */
};

/* A task as a seal keeps it; its number is its place. */
struct slice_task {
	struct str name;
	unsigned how;          /* SLICE_… */
	struct log_places log;
	const uint32_t *deps;
	size_t n_deps;
};

/* All tasks of a workflow that is up to date. */
struct slice_whole {
	struct slice_task *tasks; /* NULL: nothing is to be found by them */
	size_t n;
	struct log_place *strangers; /* of names that no task bears */
	size_t n_strangers;
	uint64_t log_seq, log_size;
	struct saving saving; /* of all that are wanted */
};

/* Of those that are kept. */
struct slice_kept {
	struct str name;
	uint32_t number;
	bool reached; /* to be judged; else needed by one of these, and as the seal found it */
};

/* A file that some of them looked at. */
struct slice_file {
	uint32_t number, block; /* among the paths that are not for all; of the seal */
	struct str path;
	uint64_t fact;
	bool hashed;
	struct hash128 content;
};

/* Some tasks of a workflow. All in an arena, but for the map. */
struct slice {
	struct map by_name; /* -> struct slice_kept *; free it */
	struct slice_kept *kept;
	size_t n_kept;      /* 0: there is no slice */
	struct slice_file *files; /* by number, each once */
	size_t n_files;
	struct log_place *places; /* their successes, and those of strangers */
	size_t n_places;
	size_t fresh;       /* tasks, without groups, that are wanted and not reached */
	struct saving saving; /* of all that are wanted; from project_slice_begin on of those that are not reached */
	uint64_t log, log_seq; /* the log's fact and highest number when the seal was made */
	uint64_t seal;      /* its number */
	struct str word;    /* that it keeps */
};

#endif
