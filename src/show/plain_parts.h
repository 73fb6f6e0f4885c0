/* Private to plain*.c, after plain.h: a run as plain lines while it goes on (plain.c), each task's end (plain_task.c), and its own (plain_end.c). */
#ifndef AXMAKE_SHOW_PLAIN_PARTS_H
#define AXMAKE_SHOW_PLAIN_PARTS_H

#include <stdint.h>

#include "show/console.h"
#include "show/phrase.h"
#include "show/table.h"

struct plain {
	struct plain_config config;
	struct console console;
	uint32_t *ordinals;    /* of started tasks, by id */
	size_t total, reached; /* tasks wanted; found up to date or started */
	size_t fresh, skipped;
	struct sbuf failure;   /* what stands there of a failure, its output's last lines with it, where nothing of other tasks has come after it */
	struct sbuf skips;     /* the lines of what was skipped, as they were printed */
	int64_t begin_ns, end_ns; /* -1: not yet */
	struct usage usage;
	struct saving restored, spared; /* by the cache; of what was up to date */
	struct spending spending; /* zeroed: there was no budget */
	struct table table;
	struct arena arena;                   /* the table's texts, and the ordinals */
	const struct task *shown, *explained; /* whose output came last; whose reason was told last */
	const struct task *headed; /* whose head stands there last, with nothing of another task behind it */
	struct str unsaid; /* why the first was not run of which nothing else tells; in the arena */
	bool refused; /* nothing was started, and why was said */
	bool warned, mistaken;
};

/* Are only failures, warnings and outputs wanted? */
bool plain_quiet(const struct plain *p);

/* Gives the task its number, unless it has one: the N of "[N/M] name: ", which plain_name adds. */
void plain_number(struct plain *p, const struct task *t);
void plain_name(struct plain *p, const struct task *t);
/* Above a task's output: what is called; or "[N/M] name:" alone, where other tasks' lines have come between. */
void plain_head(struct plain *p, const struct event *e);
void plain_short_head(struct plain *p, const struct task *t);
/* What config.why says, once. */
void plain_say_why(struct plain *p);

void plain_on_end(struct plain *p, const struct event *e);
void plain_on_retry(struct plain *p, const struct event *e);

#endif
