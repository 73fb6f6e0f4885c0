#include "look.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "run/choice.h"
#include "show/console.h"
#include "show/debuglog.h"
#include "show/phrase.h"
#include "show/underway.h"
#include "show/views.h"

/* Would it fail, and be passed over? What is not run for want of another is not, and fails the run. */
static bool is_ignored(const struct program *g, const struct task *t, const struct verdict *v)
{
	return verdict_is_error(v) && v->why != WHY_BLOCKED && (t->def->optional || g->options.ignore_errors);
}

static int status_of_plan(const struct program *g, const struct verdict *v)
{
	const struct graph *gr = g->project.graph;
	assert(v); /* a plan is made of them */
	for (size_t i = 0; i < gr->tasks.n; i++)
		if (gr->tasks.p[i]->wanted && verdict_is_error(&v[i]) && !is_ignored(g, gr->tasks.p[i], &v[i]))
			return EXIT_TROUBLE;
	return 0;
}

/* -d */
static void say_verdicts(const struct program *g, const struct verdict *v)
{
	const struct graph *gr = g->project.graph;
	struct debuglog log = {.kinds = g->options.debug, .program = g->name};
	for (size_t i = 0; i < gr->order.n; i++)
		if (gr->order.p[i]->wanted)
			debuglog_verdict(&log, gr->order.p[i], &v[gr->order.p[i]->id]);
}

/* Judges all that was asked for; NULL after saying what is wrong. */
static struct verdict *judge(struct program *g)
{
	struct verdict *v = project_judge(&g->project);
	while (project_look_again(&g->project)) {
		if (!program_report(g))
			return NULL;
		v = project_judge(&g->project);
	}
	say_verdicts(g, v);
	return v;
}

/* What is known of the tasks is not all, or may not be the last word: says why. v: NULL where nothing was judged. */
static void say_unmade(const struct program *g, const struct verdict *v)
{
	const struct graph *gr = g->project.graph;
	struct sbuf b = {0};
	for (size_t i = 0; i < gr->workflow->includes.n; i++) {
		const struct include_def *inc = &gr->workflow->includes.p[i];
		const struct task *maker = gr->makers[i];
		bool judged = v && maker && maker->wanted;
		bool there = judged && (maker->ended || v[maker->id].why == WHY_NOT || verdict_is_skip(&v[maker->id]));
		if (!maker || there || !(judged || inc->left_out))
			continue;
		sbuf_clear(&b);
		sbuf_lit(&b, "task '");
		phrase_line(&b, maker->name);
		sbuf_lit(&b, "' makes '");
		phrase_line(&b, inc->path);
		sbuf_printf(&b, "' %sfirst, and %s tasks may come with it", inc->missing ? "" : "anew ", inc->left_out ? "more" : "other");
		fprintf(stderr, "%s: %s\n", g->name, b.p);
	}
	sbuf_free(&b);
}

/* Would it run for certain? */
static bool is_to_run(const struct program *g, const struct task *t, const struct verdict *v)
{
	if (!t->wanted || t->state != STATE_STALE || v->cached || (t->unsettled && project_shares_cache(&g->project)))
		return false;
	return v->why != WHY_DEPENDENCY && v->why != WHY_PERHAPS_HELD && v->why != WHY_WHEN_UNKNOWN;
}

/* A run would not begin: what a plan lists is for where the providers are. Once for each reason. */
static void say_lacking(const struct program *g, const struct verdict *v)
{
	const struct graph *gr = g->project.graph;
	struct arena a = {0};
	struct str said = STR_NONE;
	for (size_t i = 0; i < gr->order.n; i++) {
		const struct task *t = gr->order.p[i];
		if (t->kind != TASK_AGENT || !is_to_run(g, t, &v[t->id]))
			continue;
		struct str why = choice_lacking(gr, t, getenv("PATH"), &a);
		if (!why.n || str_eq(why, said))
			continue;
		struct sbuf b = {0};
		phrase_line(&b, t->name);
		fprintf(stderr, "%s: warning: nothing would start here: task '%s' has no provider: %.*s; axmake --doctor tells more\n", g->name, b.p, STR_ARG(why));
		sbuf_free(&b);
		said = why;
	}
	arena_free(&a);
}

void look_unmade(const struct program *g)
{
	say_unmade(g, NULL);
}

static int question(struct program *g)
{
	int status = 0;
	struct verdict *v = judge(g);
	if (!v)
		return EXIT_TROUBLE;
	for (size_t i = 0; i < g->project.graph->tasks.n; i++)
		if (g->project.graph->tasks.p[i]->wanted && v[i].why != WHY_NOT && !verdict_is_skip(&v[i]))
			status = verdict_is_error(&v[i]) && !is_ignored(g, g->project.graph->tasks.p[i], &v[i]) ? EXIT_TROUBLE : status ? status : EXIT_STALE;
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
	struct underway underway = {0};
	if (o->mode == MODE_STATUS)
		underway = underway_look(&g->arena);
	if (!of_files_alone && !project_open(p, false, 0))
		return EXIT_TROUBLE;
	if (o->mode == MODE_BUILD && o->question)
		return question(g);
	struct view v = {p->graph, p->diag, p->filehash, &p->store, p->log, NULL, &g->arena, program_colored(g, STDOUT_FILENO), console_width(), o->targets.n > 0, &underway, g->name, o->touch};
	if (o->mode == MODE_BUILD || o->mode == MODE_EXPLAIN || o->mode == MODE_STATUS) {
		if (o->mode != MODE_STATUS)
			project_cache(p, false, false);
		struct verdict *verdicts = judge(g);
		if (!verdicts)
			return EXIT_TROUBLE;
		project_tell_cache(p);
		v.verdicts = verdicts;
		v.graph = p->graph;
	}
	if (o->mode != MODE_LOG && o->mode != MODE_RESULT)
		say_unmade(g, v.verdicts);
	switch (o->mode) {
	case MODE_BUILD:
		view_plan(&v, stdout, o->silent, program_slots(g), program_agents(g));
		if (!o->touch)
			say_lacking(g, v.verdicts);
		return status_of_plan(g, v.verdicts);
	case MODE_EXPLAIN:
		view_explain(&v, stdout);
		return 0;
	case MODE_GRAPH:
		view_graph(&v, stdout, o->graph_form);
		return 0;
	case MODE_LIST:
		view_list(&v, stdout, o->as_json);
		return 0;
	case MODE_STATUS:
		view_status(&v, stdout, o->as_json);
		underway_free(&underway);
		return 0;
	case MODE_LOG:
	case MODE_RESULT:
		return look_into(g, &v);
	default:
		return 0;
	}
}

void look_database(struct program *g)
{
	struct project *p = &g->project;
	struct view v = {.graph = p->graph, .diag = p->diag, .arena = &g->arena};
	rules_complete(p->rules);
	struct database db = {p->rules, &p->config, g->options.vars.p, g->options.vars.n};
	view_database(&v, &db, stdout);
	fflush(stdout); /* what follows may go out another way */
}

void look_files(const struct program *g)
{
	struct debuglog log = {.kinds = g->options.debug, .program = g->name};
	debuglog_files(&log, g->project.diag);
}
