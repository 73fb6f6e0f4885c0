/* Fields of a text that is JSON, or that holds one fenced block of JSON. */
#ifndef AXMAKE_BASE_JSONFIELD_H
#define AXMAKE_BASE_JSONFIELD_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* The object or array that the text is but for outer white space, else that of its fenced block: one that is marked `json`, or one without a
 * mark that is JSON. NULL where there is none or more than one, with a phrase on the text in *fault: "holds 2 fenced JSON blocks, …". To be
 * released by json_decref, and only for jsonfield_get: its numbers are kept as they are written. */
json_t *jsonfield_load(struct arena *a, struct str text, struct str *fault);

/* Are these names between dots, none empty, and without control characters? */
bool jsonfield_is_path(struct str path);

/* The value at `a.b.0`: a string as it is, all else as compact JSON, in the arena. Of a key that stands twice the last one counts. false when there is none. */
bool jsonfield_get(struct arena *a, const json_t *root, struct str path, struct str *out);

#endif
