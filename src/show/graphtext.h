/* --graph as text: private to graphout.c. */
#ifndef AXMAKE_SHOW_GRAPHTEXT_H
#define AXMAKE_SHOW_GRAPHTEXT_H

#include "show/views.h"

/* A line a task, in v->columns where that is not 0. */
void view_graph_text(const struct view *v, FILE *to);

#endif
