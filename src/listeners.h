/* Who hears a run: the screen, the run's record, the files that tell others how agents end, and those that options name. */
#ifndef AXMAKE_LISTENERS_H
#define AXMAKE_LISTENERS_H

#include "program.h"
#include "run/sched.h"
#include "show/agentstatus.h"
#include "show/journal.h"
#include "show/ledger.h"
#include "show/tee.h"

/* Zeroed: nobody. More can be added to the tee. */
struct listeners {
	struct tee tee;
	struct agentstatus *status;
	struct journal *journal;
	struct linefile events; /* --events */
	bool followed;          /* that was given */
	struct ledger *ledger;  /* NULL: nobody wants to know at the end */
};

/* What is to be heard of. */
struct listeners_config {
	uint64_t run_id;
	struct str what;  /* the workflow's file, or "ax run AGENT" */
	struct str asked; /* of ax run: TASK; else empty */
	struct str id;    /* of the run's folder, and that folder, where it is there already; else empty and -1 */
	int run_fd;
	bool files;       /* those that options name are written */
};

/* Is something to be written of a run even where there was nothing to do? */
bool listeners_wanted(const struct options *o);
/* Of a run in which all is as the seal with that word says. Takes *said out of it; all files that follow say by now that this run began now, and events have been written. false: that could
 * not be, and somebody else is to tell of the run. */
bool listeners_sealed(struct program *g, struct str word, struct str *said);
/* Can they begin, end without a word, and begin once more, and who reads hears nothing of that? Not where a FIFO would come to its end. */
bool listeners_begin_twice(const struct program *g);
/* Adds those that need no open state. false after saying that a file cannot be written: nothing should run then. */
bool listeners_begin(struct listeners *l, struct program *g, const struct listeners_config *c);
/* The project is open for writing: adds those that write there. */
void listeners_keep(struct listeners *l, const struct program *g, const struct listeners_config *c);
struct observer listeners_observer(struct listeners *l);
/* The run has ended with this status: what is written at the end is written now, and what could not be is said. The log is open. */
void listeners_close(struct listeners *l, struct program *g, const struct sched_result *r, int status);

#endif
