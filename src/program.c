#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "show/actions.h"

#include "round.h"

bool program_colored(const struct program *g, int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	if (g->options.color != COLOR_AUTO)
		return g->options.color == COLOR_ALWAYS;
	return isatty(fd) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

struct str program_in_workspace(const struct program *g, struct arena *a, struct str file)
{
	struct str workspace = str_of(getenv("GITHUB_WORKSPACE"));
	struct str root = g->project.root.n ? g->project.root : STR("/");
	struct str whole = path_normal(a, path_join(a, root, file));
	workspace = path_normal(a, workspace);
	return workspace.n && workspace.p[0] == '/' && path_under(whole, workspace) ? path_relative(a, workspace, whole) : file;
}

static void annotate(void *self, struct pos at, struct str text)
{
	const struct program *g = self;
	struct arena a = {0};
	struct sbuf b = {0};
	actions_annotate(&b, "error", at.source ? program_in_workspace(g, &a, diag_source_name(g->project.diag, at.source)) : STR_NONE, at.line, STR_NONE, text);
	fwrite(b.p, 1, b.n, stderr);
	sbuf_free(&b);
	arena_free(&a);
}

/* What is printed for GitHub's runner holds lines of files, which agents may have written. */
static void print_for_runner(struct program *g)
{
	size_t before = diag_printed(g->project.diag), n = 0;
	struct actions_stream at = {0};
	struct sbuf b = {0};
	char *text = NULL;
	FILE *to = open_memstream(&text, &n);
	if (!to)
		return;
	diag_print(g->project.diag, to, program_colored(g, STDERR_FILENO));
	fclose(to);
	actions_defuse(&at, (struct str){text, n}, &b);
	fwrite(b.n ? b.p : "", 1, b.n, stderr);
	diag_each_error(g->project.diag, before, annotate, g);
	sbuf_free(&b);
	free(text);
}

static void print_diag(struct program *g)
{
	if (actions_here())
		print_for_runner(g);
	else
		diag_print(g->project.diag, stderr, program_colored(g, STDERR_FILENO));
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
	print_diag(g);
	if (diag_warnings(g->project.diag)) {
		g->project.told = true;
		seen_spoil(g->project.seen);
	}
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

size_t program_agents(const struct program *g)
{
	bool said = g->project.config.max_concurrent_agents > 0;
	bool unlimited = g->options.jobs == JOBS_UNLIMITED || (g->options.jobs == JOBS_UNSET && g->options.makeflags_jobs == JOBS_UNLIMITED);
	return said || unlimited ? program_jobs(g) : 0;
}

/* The i-th of "a, b". */
static bool nth_name(struct str list, size_t i, struct str *name)
{
	size_t at = 0, end = str_find(list, STR(","), 0);
	for (; i && end < list.n; i--) {
		at = end + 1;
		end = str_find(list, STR(","), at);
	}
	*name = str_trim(str_sub(list, at, end));
	return !i && list.n;
}

bool program_asks(const struct program *g, const struct agent *agent, size_t i, const struct provider **p)
{
	const struct rules *r = g->project.rules;
	bool own = agent->providers.n > 0, asked = g->options.provider.n && (options_given(&g->options, "provider") || !own);
	struct str name = !asked && own && i < agent->providers.n ? agent->providers.p[i] : STR_NONE;
	if (asked ? !nth_name(g->options.provider, i, &name) : i >= (own ? agent->providers.n : r->provider_list.n))
		return false;
	*p = asked || own ? rules_provider(r, name) : rules_provider(r, r->provider_list.p[i]->name);
	if (!asked && !own && (*p)->only_when_asked)
		*p = NULL;
	return true;
}

struct budget_def program_budget(const struct program *g)
{
	struct budget_def b = g->project.workflow->policy.budget;
	if (g->options.budget_usd > 0)
		b.cost_usd = g->options.budget_usd;
	return b;
}
