/* What is asked about a workflow without running it. Each prints to `to` and changes nothing on disk. */
#ifndef AXMAKE_SHOW_VIEWS_H
#define AXMAKE_SHOW_VIEWS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/diag.h"
#include "graph/graph.h"
#include "graph/stale.h"
#include "state/store.h"

struct underway;

enum graph_form { GRAPH_TEXT, GRAPH_DOT, GRAPH_MERMAID, GRAPH_JSON };

/* Everything a view may need; judged: verdicts[task->id] of wanted tasks. */
struct view {
	struct graph *graph;
	const struct diag *diag;
	struct filehash *filehash; /* view_graph: what looks for input files */
	struct store *store;
	struct log *log;
	const struct verdict *verdicts;
	struct arena *arena;
	bool color;
	size_t columns; /* of the terminal that it is shown on; 0: it is none */
	bool of_some; /* view_status: tasks were asked for by name */
	const struct underway *underway; /* view_status: the run that goes on, as it was before the log was read; NULL: not looked at */
	const char *program; /* view_plan: "axmake[1]" below make; NULL: "axmake" */
	bool touch; /* view_plan: what is stale would be recorded as up to date, not run */
};

/* What a data base shows beside the view's graph. */
struct database {
	const struct rules *rules;
	const struct config *config;
	const struct var_def *vars; /* of the command line and AXMAKEFLAGS */
	size_t n_vars;
};

/* -p: everything that was read: files, variables, settings, providers, agents and tasks with what defaults gave them, each with its place. Secrets are masked. */
void view_database(const struct view *v, const struct database *db, FILE *to);
void view_list(const struct view *v, FILE *to, bool json);
void view_graph(const struct view *v, FILE *to, enum graph_form form);
void view_explain(const struct view *v, FILE *to);
/* -n: the tasks that would run, in the order of their starts, with reasons; at the end the time to expect (and cost, from earlier
 * runs). slots, agents: how many tasks, and agents of them, run at once; 0: any number. */
void view_plan(const struct view *v, FILE *to, bool silent, size_t slots, size_t agents);
/* States also of a run that goes on now (by its lock, its journal and its open starts), and for what each task waits there. */
void view_status(const struct view *v, FILE *to, bool json);
/* The kept output or result of a task on `to`, for a terminal with what would steer it made visible (agents' output: everywhere). false with a message on stderr when there is none. */
bool view_log(const struct view *v, const struct task *t, FILE *to);
bool view_result(const struct view *v, const struct task *t, FILE *to);

#endif
