/* Private to run/: whole answers of killed runs for which nobody asks now, until somebody does. */
#ifndef AXMAKE_RUN_SHELF_H
#define AXMAKE_RUN_SHELF_H

#include "run/call_left.h"
#include "run/job.h"

/* What stands in the task's folder is j's no more, and its own is not to be written over: a whole answer to something else goes
 * to the shelf with what it made, anything else to something else is forgotten. Before anything of the root changes. Gives back
 * what went there, in the job's arena: the outputs as they stood; else NULL. */
const struct cache_entry *shelf_put(struct job *j);
/* The same of a task that is up to date: its outputs may be changed again before it runs. */
void shelf_put_of(struct sched *s, struct task *t);
/* Does the shelf have an answer to what is asked now, of any provider that may serve? Then it, and what it made, stand where the
 * killed run left them, its start is on record as the latest, and *left says what it is; strings in the job's arena. `kept` is
 * what shelf_put gave. */
bool shelf_take(struct job *j, const struct cache_entry *kept, struct call_left *left);
/* Of an answer in the task's folder, to what is asked now: has nobody put outputs back since, as the last success made them?
 * Anything else is taken for what it made. */
bool shelf_outputs_stand(struct job *j, const struct call_left *left);
/* Does it answer what would be asked now? */
bool shelf_asked_now(struct job *j, const struct call_left *left);
/* What stands in another task's folder of its call is j's from now on. false, with a warning: it is not, or not all of it. */
bool shelf_carry(struct job *j, struct str from);
/* j has an answer of its own to what it asked: one on the shelf is not wanted any more. */
void shelf_forget(struct job *j);

#endif
