/* A run's record for later: what ran, how it ended, what it took and cost. One JSON object a line, written as the run goes. */
#ifndef AXMAKE_SHOW_JOURNAL_H
#define AXMAKE_SHOW_JOURNAL_H

#include "run/observer.h"

struct journal_config {
	int state_fd;        /* .axmake, in which runs/ID is made with the first task that starts; -1 with run_fd */
	int run_fd;          /* the run's folder, where it is there already; else -1 */
	struct str id;
	uint64_t run_id;     /* as in AX_RUN */
	struct str what;     /* the workflow's file, or "ax run AGENT" */
	const char *const *environ; /* whose secrets are masked */
};

struct journal;
struct journal *journal_new(const struct journal_config *c);
struct observer journal_observer(struct journal *j);
/* The last line. signal: what ended the run, or 0; status: its exit status. 0 or the first errno. */
int journal_end(struct journal *j, int signal, int status);

#endif
