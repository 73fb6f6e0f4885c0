/* --cache-stats and --cache-gc. */
#ifndef AXMAKE_CACHEINFO_H
#define AXMAKE_CACHEINFO_H

#include "program.h"

/* Print on standard output; the project is loaded. The exit status. */
int cacheinfo_stats(struct program *g);
int cacheinfo_gc(struct program *g);

#endif
