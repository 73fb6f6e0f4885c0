/* What happens in a run as JSON, one object a line: doc/events.md. One writer for all who keep or follow such lines. */
#ifndef AXMAKE_SHOW_EVENTLINE_H
#define AXMAKE_SHOW_EVENTLINE_H

#include <stdbool.h>

#include "run/observer.h"

#define EVENTLINE_VERSION 1

/* Of a run that a seal answers: no task is told of, but they are counted. */
struct eventline_sealed {
	bool yes;
	size_t fresh, skipped;
};

/* What a run's first line says of it. Lives as long as the writer. */
struct eventline_run {
	uint64_t run_id;   /* as in AX_RUN */
	struct str id;     /* of .axmake/runs/ID */
	const char *version; /* of axmake */
	struct str what;   /* the workflow's file, or "ax run AGENT" */
	size_t jobs;       /* at once; 0: any number */
	size_t agents;     /* of them; 0: no limit of their own */
	bool keep_going;
	const struct str *targets; /* as asked for; none: the default */
	size_t n_targets;
	const char *const *environ; /* whose secrets are masked */
	struct eventline_sealed sealed;
};

struct eventline;
/* g: NULL where no task will be told of. */
struct eventline *eventline_new(const struct eventline_run *run, const struct graph *g);
void eventline_free(struct eventline *l);
/* A detail is a line that only a follower wants: of what was up to date already, or of what an agent does just now. */
enum eventline_kind { EVENTLINE_NONE, EVENTLINE_DETAIL, EVENTLINE_FACT };
/* Counts the event, and adds its line, if it has one. Without `details` those are left out. What is gathered has to be added before the line of another kind: of tasks
 * that were up to date EVENTLINE_NONE is returned until their line is full. */
enum eventline_kind eventline_add(struct eventline *l, struct sbuf *b, const struct event *e, bool details);
/* Adds the line of the tasks that were gathered, if there are any. */
void eventline_gathered(struct eventline *l, struct sbuf *b);
/* The last line. signal: what ended the run, or 0; status: its exit status. Of a run that was given up for another one, before it began and without a fault, there is none. */
void eventline_end(struct eventline *l, struct sbuf *b, int signal, int status);

#endif
