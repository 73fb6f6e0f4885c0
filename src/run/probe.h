/* Asking a program for its version. */
#ifndef AXMAKE_RUN_PROBE_H
#define AXMAKE_RUN_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* The first line that `file --version` prints on standard output, in the arena. Its standard input and error are /dev/null; it gets
 * so long, and then it and what it started are killed. false with *why: a phrase. */
bool probe_version(struct arena *a, const char *file, int64_t limit_ns, struct str *line, struct str *why);

#endif
