/* Entries of `actors` and `stages`, which AutomatosX's own files have instead of `tasks`: tasks with a few keys more, and times in
 * milliseconds. Which section is read says r->dialect. Private to workflow. */
#ifndef AXMAKE_LOAD_DIALECT_H
#define AXMAKE_LOAD_DIALECT_H

#include "load/reader.h"

/* Reader for a table: a duration, into int64_t ns; without a unit it is seconds, and milliseconds in these sections. */
key_read_fn read_timeout;
/* For key_table.other: keys of these sections that axmake does not act on. */
bool dialect_other_key(struct reader *r, const struct node *key, const struct node *value, void *into);
/* For key_table.hint: offers those, and knows other programs' words. */
const char *dialect_hint(struct diag *d, struct str key, struct suggestion *near);
/* Looks at the agent of a task whose keys and name are read. said: its key `agent` or `actor`, or NULL. An actor's becomes that
 * actor's agent; an actor that says none is called as itself. What the actor says besides, or NULL. */
const struct defaults *dialect_agent(struct reader *r, struct task_def *t, const struct pair *said);

#endif
