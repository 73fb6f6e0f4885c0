/* What a run was, once it has ended, for people and programs: each adds a whole file. */
#ifndef AXMAKE_SHOW_REPORT_H
#define AXMAKE_SHOW_REPORT_H

#include "base/diag.h"
#include "show/ledger.h"
#include "state/store.h"

#define REPORT_VERSION 1

/* Where in a file it says when the run began, as clock_iso_ms has it, or the first n bytes of that; n == 0: nowhere. */
struct report_time {
	uint64_t at;
	size_t n;
};

struct report {
	const struct ledger *ledger;
	const struct diag *diag; /* for places */
	const char *version;     /* of axmake */
	const struct store *store; /* where texts are read; NULL: nowhere */
	int signal, status;      /* what ended the run, or 0; its exit status */
	void (*drain)(void *to, struct sbuf *b); /* takes what has been made so far, and clears b; NULL: all of it stays in b */
	void *to;
	struct report_time *time; /* is set; NULL: nobody wants to know */
};

/* All that is known, as one JSON object. */
void report_json(struct sbuf *b, const struct report *r);
/* JUnit's XML, as servers for continuous integration read it. */
void report_junit(struct sbuf *b, const struct report *r);
/* A table and what failed, in Markdown; at most so many rows and failures. */
void report_markdown(struct sbuf *b, const struct report *r, size_t most);
/* A page that a browser shows without any other file: all that the JSON tells but for most hashes, with prompts, answers and logs, of each at most 64 KiB, of all some 16 MiB. */
void report_html(struct sbuf *b, const struct report *r);
/* Chrome's trace events: a lane a task at a time, arrows along the chain of dependencies that took longest. */
void report_trace(struct sbuf *b, const struct report *r);

/* Hands on what has been made, where that is wanted, once it is much. */
void report_drain(const struct report *r, struct sbuf *b);

/* The time has just been added to b, of which nothing has been handed on yet, and `behind` bytes more. */
void report_note_time(const struct report *r, const struct sbuf *b, size_t n, size_t behind);

/* "done", "failed", "interrupted" */
const char *report_state(const struct report *r);
/* "3 done, 1 failed in 1m04s (812+96 tokens, $0.01)" */
void report_summary(struct sbuf *b, const struct report *r);

#endif
