/* Paths on disk that are spelt nearly like one that leads nowhere. */
#ifndef AXMAKE_GRAPH_NEAREST_H
#define AXMAKE_GRAPH_NEAREST_H

#include "base/arena.h"
#include "base/str.h"

/* Offers those that are there and differ in the one part by which `path`, normal and inside the root, leads nowhere. In a. */
void nearest_offer(struct arena *a, int root_fd, struct str path, struct suggestion *s);

#endif
