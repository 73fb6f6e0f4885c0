/* Private to run/: what agents have spent, against the run's budget and the tasks' own. What is not reported is counted as unknown,
 * never as nothing. */
#ifndef AXMAKE_RUN_BUDGET_H
#define AXMAKE_RUN_BUDGET_H

#include <stdbool.h>

#include "graph/graph.h"
#include "run/observer.h"

struct sched;
struct job;
struct answer;

enum budget_word {
	BUDGET_FITS,
	BUDGET_WAITS, /* it would fit if those that run come out cheaper than they usually do */
	BUDGET_OVER,  /* it does not start any more: all is spent, or less is left than it usually takes */
};
/* May this task start? One that never succeeded is taken for an average call of its agent, in this run or on record, or of all agents; where nothing is known of its agent, while another such
 * call runs, it waits for that. */
enum budget_word budget_ask(const struct sched *s, const struct task *t);
/* It does not start any more: notes of which limits it would go beyond one. */
void budget_left(struct sched *s, const struct task *t);

/* When a graph is taken up: what its agents' tasks usually take, by the record. */
void budget_recall(struct sched *s);

/* The try's usage has been read into j->answer: adds it up, and warns. */
void budget_count(struct job *j);
/* What the task has spent so far goes on record, before it goes on: nobody else will know, should this run be killed. 0 or errno. */
int budget_keep(struct job *j);
/* So does what a try of a killed run had spent, of which nothing was on record. 0 or errno. */
int budget_lost(struct job *j, const struct answer *a);
/* The task has ended so, after a try at least: what it took goes on record. 0 or errno. */
int budget_record(struct job *j, enum try_class class);
/* Something came from the running try. true: with that its task has spent its own budget. */
bool budget_news(struct job *j);
/* Has its task spent its own budget, by tries that have ended? */
bool budget_gone(const struct job *j);

/* At the end of a run: tells what was spent where there is a budget, and frees what was known of agents. */
void budget_end(struct sched *s);

#endif
