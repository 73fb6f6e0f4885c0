/* How a failure is put into words. */
#ifndef AXMAKE_SHOW_FAILURE_H
#define AXMAKE_SHOW_FAILURE_H

#include <stdbool.h>

#include "base/str.h"
#include "graph/graph.h"
#include "run/observer.h"

/* What it was, with its class unless that is `failed`: "Error 2", "Terminated (crash)", "Timeout after 10m", "transient: 529
 * overloaded"; of a check with the last line of what it printed: "check: Error 1: it holds no title". */
void failure_words(struct sbuf *b, const struct task *t, const struct outcome *o);
/* The same where the last lines stand beside it. */
void failure_brief(struct sbuf *b, const struct task *t, const struct outcome *o);
/* The last lines of an output: at most 10 and 2 KiB, whole where they can be. */
struct str failure_tail(struct str output);
/* Where its output is kept, relative to the root; false where it printed nothing. */
bool failure_log(struct sbuf *b, const struct task *t, const struct outcome *o);

#endif
