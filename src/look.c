#include "look.h"

#include <stdio.h>
#include <unistd.h>

#include "show/views.h"

static int status_of_plan(const struct graph *gr, const struct verdict *v)
{
	for (size_t i = 0; i < gr->tasks.n; i++)
		if (gr->tasks.p[i]->wanted && verdict_is_error(&v[i]))
			return EXIT_TROUBLE;
	return 0;
}

static int question(struct program *g)
{
	int status = 0;
	struct verdict *v = project_judge(&g->project);
	for (size_t i = 0; i < g->project.graph->tasks.n; i++)
		if (g->project.graph->tasks.p[i]->wanted && v[i].why != WHY_NOT)
			status = verdict_is_error(&v[i]) ? EXIT_TROUBLE : status ? status : EXIT_STALE;
	return status;
}

static struct task *subject(struct program *g)
{
	struct task *t = graph_task(g->project.graph, g->options.subject);
	if (!t)
		graph_want(g->project.graph, g->project.diag, &g->options.subject, 1, g->project.filehash, &g->project.plain_targets);
	if (!t && !diag_errors(g->project.diag))
		diag_error(g->project.diag, POS_NONE, "axmake --list shows the tasks", "'%.*s' is not a task", STR_ARG(g->options.subject));
	if (!t)
		program_report(g);
	return t;
}

int look(struct program *g)
{
	struct project *p = &g->project;
	const struct options *o = &g->options;
	bool of_files_alone = o->mode == MODE_LIST || o->mode == MODE_GRAPH; /* nothing that is remembered is asked for */
	if (!of_files_alone && !project_open(p, false, 0))
		return EXIT_TROUBLE;
	if (o->mode == MODE_BUILD && o->question)
		return question(g);
	struct view v = {p->graph, p->diag, &p->store, p->log, NULL, &g->arena, program_colored(g, STDOUT_FILENO)};
	struct task *t = o->mode == MODE_LOG || o->mode == MODE_RESULT ? subject(g) : NULL;
	switch (o->mode) {
	case MODE_BUILD:
		v.verdicts = project_judge(p);
		view_plan(&v, stdout, o->silent, o->jobs > 0 ? (size_t)o->jobs : o->jobs == JOBS_UNLIMITED ? 0 : program_jobs(g));
		return status_of_plan(p->graph, v.verdicts);
	case MODE_EXPLAIN:
		v.verdicts = project_judge(p);
		view_explain(&v, stdout);
		return 0;
	case MODE_GRAPH:
		view_graph(&v, stdout, o->graph_form);
		return 0;
	case MODE_LIST:
		view_list(&v, stdout, o->as_json);
		return 0;
	case MODE_STATUS:
		v.verdicts = project_judge(p);
		view_status(&v, stdout, o->as_json);
		return 0;
	case MODE_LOG:
		return t && view_log(&v, t, stdout) ? 0 : EXIT_TROUBLE;
	case MODE_RESULT:
		return t && view_result(&v, t, stdout) ? 0 : EXIT_TROUBLE;
	default:
		return 0;
	}
}
