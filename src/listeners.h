/* Who hears a run: the screen, the run's journal, the files that tell others how agents end. */
#ifndef AXMAKE_LISTENERS_H
#define AXMAKE_LISTENERS_H

#include "program.h"
#include "run/sched.h"
#include "show/agentstatus.h"
#include "show/journal.h"
#include "show/tee.h"

/* Zeroed: nobody. More can be added to the tee. */
struct listeners {
	struct tee tee;
	struct agentstatus *status;
	struct journal *journal;
};

/* What is to be heard of. */
struct listeners_config {
	uint64_t run_id;
	struct str what;  /* the workflow's file, or "ax run AGENT" */
	struct str asked; /* of ax run: TASK; else empty */
	struct str id;    /* of the run's folder, and that folder, where it is there already; else empty and -1 */
	int run_fd;
};

/* Adds those that write files; the project is open for writing. */
void listeners_add_files(struct listeners *l, const struct program *g, const struct listeners_config *c);
struct observer listeners_observer(struct listeners *l);
/* The run has ended with this status: what could not be written is said. */
void listeners_close(struct listeners *l, const struct program *g, const struct sched_result *r, int status);

#endif
