/* What the tool and the guide's command line have in common: options, the project, and how to speak of them. */
#ifndef AXMAKE_PROGRAM_H
#define AXMAKE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "options.h"
#include "project.h"
#include "run/jobserver.h"

#define EXIT_STALE 1
#define EXIT_TROUBLE 2

struct round;
struct followed;

struct program {
	struct arena arena;
	struct options options;
	struct project project;
	struct jobserver_inherited inherited;
	bool said_more; /* the command has targets, variables or --provider; what settings say is in the folder */
	bool follow; /* output of tasks is to be heard of as it comes */
	struct followed *followed; /* followed.h; NULL: nobody follows by a file */
	struct round *round; /* of a watch; else NULL */
	int64_t whole_ns; /* sched.h */
	struct str summary; /* of the run that has ended, where something was done and somebody is to be notified; else n == 0 */
	const char *name; /* "axmake", "axmake[1]" below a make, or "ax" */
};

/* Is what goes to fd to be coloured? By --color, NO_COLOR, TERM and whether it is a terminal. */
bool program_colored(const struct program *g, int fd);
/* Prints the mistakes and warnings so far on standard error. true: there was no mistake. */
bool program_report(struct program *g);
/* A file, as seen from the root, as seen from the folder of GitHub's checkout where it lies in there. */
struct str program_in_workspace(const struct program *g, struct arena *a, struct str file);
/* Whom a task that names no provider asks for this agent, in order: the i-th, NULL where there is no such provider. false: there is none behind those before. */
bool program_asks(const struct program *g, const struct agent *agent, size_t i, const struct provider **p);
/* What a run may spend: the workflow's, unless somebody named an amount for this run. */
struct budget_def program_budget(const struct program *g);
/* How many at once when nobody says how many; also the usual limit on agents. */
size_t program_jobs(const struct program *g);
/* At once in this run, by -j or a make above; 0: any number. */
size_t program_slots(const struct program *g);
/* Of these, agents; 0: no limit of their own. */
size_t program_agents(const struct program *g);

#endif
