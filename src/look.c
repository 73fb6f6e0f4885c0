#include "look.h"

#include <stdio.h>
#include <unistd.h>

#include "show/phrase.h"
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
		if (g->project.graph->tasks.p[i]->wanted && v[i].why != WHY_NOT && !verdict_is_skip(&v[i]))
			status = verdict_is_error(&v[i]) ? EXIT_TROUBLE : status ? status : EXIT_STALE;
	return status;
}

/* The tasks of --log and --result; none after reporting. */
static struct task_span subjects(struct program *g)
{
	struct task_span t = graph_named(g->project.graph, g->options.subject);
	if (!t.n)
		graph_want(g->project.graph, g->project.diag, &g->options.subject, 1, g->project.filehash, &g->project.plain_targets);
	if (!t.n && !diag_errors(g->project.diag))
		diag_error(g->project.diag, POS_NONE, "axmake --list shows the tasks", "'%.*s' is not a task", STR_ARG(g->options.subject));
	if (!t.n)
		program_report(g);
	return t;
}

/* Of a whole matrix each task's, below its name as head(1) shows it. */
static int look_into(struct program *g, const struct view *v)
{
	struct task_span t = subjects(g);
	bool ok = t.n > 0;
	for (size_t i = 0; i < t.n; i++) {
		struct sbuf name = {0};
		phrase_line(&name, t.p[i]->name);
		if (t.n > 1)
			printf("%s==> %s <==\n", i ? "\n" : "", name.p);
		sbuf_free(&name);
		ok = (g->options.mode == MODE_LOG ? view_log : view_result)(v, t.p[i], stdout) && ok;
	}
	return ok ? 0 : EXIT_TROUBLE;
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
	case MODE_RESULT:
		return look_into(g, &v);
	default:
		return 0;
	}
}
