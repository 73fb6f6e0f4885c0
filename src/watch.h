/* --watch: a run, and another one whenever something changes that it looked at. */
#ifndef AXMAKE_WATCH_H
#define AXMAKE_WATCH_H

#include "program.h"

/* Each round calls `build` in a process of its own, with options that ask for a build; there watch returns what build returns, to be the process's exit status. In the process that
 * watches it returns only when there is no use in going on; a signal ends it. */
int watch(struct program *g, int (*build)(struct program *g));

#endif
