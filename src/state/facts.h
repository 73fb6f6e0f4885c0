/* What is kept of tasks and files from run to run, as plain structs. */
#ifndef AXMAKE_STATE_FACTS_H
#define AXMAKE_STATE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/filestat.h"
#include "base/hash.h"
#include "base/str.h"

/* How an output was declared: a path, a folder, a pattern. */
enum output_kind { OUTPUT_FILE, OUTPUT_TREE, OUTPUT_GLOB };

/* A declared output or edit, as a success left it. */
struct output_record {
	struct str path; /* as declared, normal; a tree without its slash */
	struct hash128 hash;
	uint8_t kind; /* enum output_kind */
};

/* Flags of a success. */
#define RECORD_TOUCHED 1 /* by -t */
#define RECORD_TAINTED 2 /* an input changed while it ran: stays stale */
#define RECORD_RESTORED 4 /* from the cache: what it took was taken elsewhere or earlier */

/* A success. */
struct task_record {
	struct str workflow, name;
	uint64_t seq; /* order in the log; set by the log */
	struct hash128 signature;
	uint64_t start_id;
	struct str provider;                /* that answered; empty for run tasks */
	int64_t ended_at_ms;                /* wall clock */
	int64_t duration_ns, first_byte_ns; /* of the last try; first_byte -1: nothing was read */
	uint32_t tries;
	uint8_t flags;
	bool has_result;
	int64_t input_tokens, output_tokens; /* -1: not reported */
	int64_t cache_read_tokens, cache_write_tokens;
	double cost_usd; /* NaN: not reported */
	struct hash128 result;
	uint64_t result_size;
	struct output_record *outputs, *edits;
	uint32_t n_outputs, n_edits;
	struct str fields; /* the fields of the signature, for explaining; see graph/signature.h */
};

/* What the task took each time that it succeeded, for the last few, and what all its calls of an agent came to. */
#define TAKEN_SAMPLES 5
struct taken {
	size_t n; /* samples, the latest last */
	struct {
		int64_t duration_ns;
		int64_t tokens;  /* input, output and cache; -1: not reported */
		double cost_usd; /* NaN: not reported */
	} of[TAKEN_SAMPLES];
	/* Of all calls ever, also those that failed. What was not reported is not in the sums: so many calls are. */
	uint64_t calls, unpriced, uncounted;
	int64_t tokens;
	double cost_usd;
};

/* What agents used, added up. A zeroed one is empty. */
struct usage {
	size_t agents;                    /* that ended */
	size_t tokens_known, costs_known; /* of these */
	int64_t input_tokens, output_tokens;
	double cost_usd;
};

/* What was made before, and is not made again. */
struct saving {
	struct usage usage; /* of agents */
	int64_t ns;
};

#endif
