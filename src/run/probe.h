/* Asking a program something: for its version, most of all. */
#ifndef AXMAKE_RUN_PROBE_H
#define AXMAKE_RUN_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "load/callwords.h"

/* What a program (argv[0] is its file) prints on standard output, the first `most` bytes of it, in the arena. Its standard input and error are /dev/null; it gets so long, and then it
 * and what it started are killed. false with *why, a phrase, where it does not end well. */
bool probe_output(struct arena *a, char *const argv[], int64_t limit_ns, size_t most, struct str *out, struct str *why);
/* The first line that `file args…` prints on standard output, in the arena. Its standard input and error are /dev/null; it gets
 * so long, and then it and what it started are killed. false with *why: a phrase. */
bool probe_version(struct arena *a, const char *file, const struct words *args, int64_t limit_ns, struct str *line, struct str *why);

#endif
