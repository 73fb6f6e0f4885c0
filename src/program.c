#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool program_colored(const struct program *g, int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	if (g->options.color != COLOR_AUTO)
		return g->options.color == COLOR_ALWAYS;
	return isatty(fd) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

bool program_report(struct program *g)
{
	diag_print(g->project.diag, stderr, program_colored(g, STDERR_FILENO));
	if (diag_warnings(g->project.diag))
		seen_spoil(g->project.seen);
	return diag_errors(g->project.diag) == 0;
}

size_t program_jobs(const struct program *g)
{
	return g->project.config.max_concurrent_agents ? (size_t)g->project.config.max_concurrent_agents : 4;
}
