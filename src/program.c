#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "round.h"

bool program_colored(const struct program *g, int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	if (g->options.color != COLOR_AUTO)
		return g->options.color == COLOR_ALWAYS;
	return isatty(fd) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

bool program_report(struct program *g)
{
	bool errors = diag_errors(g->project.diag) > 0;
	struct round *r = g->round;
	/* In such a round it has been said before. */
	if (r && r->hush && r->broken == errors)
		return !errors;
	if (r) {
		r->broken = errors;
		r->spoke = true;
	}
	diag_print(g->project.diag, stderr, program_colored(g, STDERR_FILENO));
	if (diag_warnings(g->project.diag))
		seen_spoil(g->project.seen);
	return !errors;
}

size_t program_jobs(const struct program *g)
{
	return g->project.config.max_concurrent_agents ? (size_t)g->project.config.max_concurrent_agents : 4;
}

size_t program_slots(const struct program *g)
{
	int jobs = g->options.jobs == JOBS_UNSET ? g->options.makeflags_jobs : g->options.jobs;
	return jobs == JOBS_UNLIMITED ? 0 : jobs > 0 ? (size_t)jobs : program_jobs(g);
}

struct budget_def program_budget(const struct program *g)
{
	struct budget_def b = g->project.workflow->policy.budget;
	if (g->options.budget_usd > 0)
		b.cost_usd = g->options.budget_usd;
	return b;
}
