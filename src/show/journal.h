/* A run's events as lines (eventline.h): in its record under .axmake/runs, once something has started, and in a file that the user names. */
#ifndef AXMAKE_SHOW_JOURNAL_H
#define AXMAKE_SHOW_JOURNAL_H

#include "show/eventline.h"
#include "show/linefile.h"

struct journal_config {
	struct eventline_run run;
	const struct graph *graph;
	struct linefile *file; /* where a user follows the run, open, and closed by him; NULL: nowhere. Lives as long as the journal */
};

struct journal;
struct journal *journal_new(const struct journal_config *c);
struct observer journal_observer(struct journal *j);
/* From now on a record is kept: below state_fd (.axmake), in which runs/ID is made with the first task that starts; or in the run's folder, where that is there already, else run_fd is -1. */
void journal_record(struct journal *j, int state_fd, int run_fd);
/* The last line. signal: what ended the run, or 0; status: its exit status. 0 or the first errno of the record. */
int journal_end(struct journal *j, int signal, int status);

#endif
