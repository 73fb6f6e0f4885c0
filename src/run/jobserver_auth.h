/* MAKEFLAGS as far as it speaks of a jobserver: see also jobserver_inspect. */
#ifndef AXMAKE_RUN_JOBSERVER_AUTH_H
#define AXMAKE_RUN_JOBSERVER_AUTH_H

#include "base/arena.h"
#include "base/str.h"

/* A copy of `makeflags` without -j, --jobs, --jobserver-auth and --jobserver-fds, every other word as it stood, and with `words`
 * (such as " -j4 --jobserver-auth=3,4"; may be empty) put before the overrides that follow "--". Empty when nothing is left. */
struct str jobserver_makeflags(struct arena *a, struct str makeflags, struct str words);

#endif
