/* The end of a run where something failed: what failed, what was not run and why, what ran, what to type next. */
#ifndef AXMAKE_SHOW_TABLE_H
#define AXMAKE_SHOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"
#include "graph/graph.h"
#include "show/phrase.h"

/* Lines of tasks that a table has at most, on a screen as high as that. */
#define TABLE_LINES 30

/* In the order in which a table shows them. */
enum row_state { ROW_FAILED, ROW_HELD, ROW_IGNORED, ROW_NOT_RUN, ROW_SKIPPED, ROW_DONE, ROW_RESTORED, N_ROW_STATES };

struct row {
	const struct task *task;
	int64_t duration_ns; /* -1: did not run */
	uint32_t tries;
	int64_t input_tokens, output_tokens; /* -1: not reported */
	double cost_usd;                     /* NaN: not reported */
	struct str why;                      /* of a failure; of a task that was skipped or not run; what was saved */
	bool stopped;                        /* not run, but -k would have run it */
	bool anew;                           /* held or failed, and perhaps up to date: -B or -W was given */
	bool has_log;                        /* `--log` shows something */
};

/* Counts all, keeps the rows that can be shown. Zeroed is empty. */
struct table {
	struct {
		size_t n;
		VEC(struct row) rows; /* at most TABLE_LINES */
	} states[N_ROW_STATES];
};

/* Counts; copies the row into the arena where it can be shown. */
void table_add(struct table *t, struct arena *a, enum row_state state, const struct row *row);

/* The rows, `room` at most, and in a further line how many more there are, and where; lines no longer than `columns`, unless that is 0. */
void table_rows(struct sbuf *b, const struct table *t, const struct graph *g, bool color, size_t columns, size_t room);
/* "3 failed, 80 not run, 17 done, 7 up to date": what is not 0. */
void table_counts(struct sbuf *b, const struct table *t, size_t fresh);
/* What to type next, a line each. mistaken: there are mistakes in the workflow, and they were said. */
void table_hints(struct sbuf *b, const struct table *t, const struct graph *g, bool mistaken, bool said_more);

#endif
