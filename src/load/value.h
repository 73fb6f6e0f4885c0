/* The values that keys want: durations, numbers, booleans. None accepts trailing rubbish or overflow. */
#ifndef AXMAKE_LOAD_VALUE_H
#define AXMAKE_LOAD_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* "30" (seconds), "1.5", "500ms", "30s", "10m", "1h"; 0 is 0; else from 1 ms to ten years. Nanoseconds. */
bool value_duration(struct str s, int64_t *ns);
/* Decimal, no sign but '-', within [min, max]. */
bool value_int(struct str s, int64_t min, int64_t max, int64_t *out);
bool value_double(struct str s, double *out);
/* A load of the machine: from 0 on. */
bool value_load(struct str s, double *out);
/* true/false, yes/no, on/off in YAML 1.1's capitalisations. */
bool value_bool(struct str s, bool *out);
/* An amount of US dollars that may be spent: above 0. */
bool value_usd(struct str s, double *out);
/* "2000", "2k", "2M", "2G" (binary: "2Ki"…; sizes: powers of 1024 when `binary`). */
bool value_size(struct str s, bool binary, uint64_t *out);

/* Splits words as a shell does, quotes and backslash included, expanding nothing. NULL on an unterminated quote. NULL-terminated array in the arena. */
struct str *value_words(struct arena *a, struct str s, size_t *n);

#endif
