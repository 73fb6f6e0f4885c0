/* In which order tasks start, where nothing but a number of equal places limits them.
 *
 * The longest path first is a good order, but not always the best one: what it leaves for the end may be long. A schedule that is played by it, then from its end
 * backwards with what ended last first, and forwards again in the order that came of this, often ends sooner; so does one that begins with the longest paths a little shaken. */
#ifndef AXMAKE_GRAPH_LINEUP_H
#define AXMAKE_GRAPH_LINEUP_H

#include <stdbool.h>
#include <stddef.h>

#include "graph/graph.h"

/* More tasks than that keep the longest path first: all has to be played through before anything starts. */
#define LINEUP_MOST 10000

struct lineup_limits {
	size_t slots, agents; /* so many tasks, and agents' tasks, at once; 0: any number */
};

/* Sets priority_ns of the wanted tasks that `comes` tells to be still to run, if a shorter schedule was found. true: it was. false: nothing has changed, because
 * there is none, because times are not known, or because tasks need other things than one slot each. Groups take no time, and are not asked about. */
bool lineup(const struct graph *g, struct lineup_limits limits, bool (*comes)(const void *self, const struct task *t), const void *self);

#endif
