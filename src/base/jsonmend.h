/* Private to base/: JSON that a strict reader refuses, mended in a copy. */
#ifndef AXMAKE_BASE_JSONMEND_H
#define AXMAKE_BASE_JSONMEND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* Reads the object or array that begins `text`, mended; what follows it is left alone. NULL when it is no JSON even so. *taken: how much
 * of the text it takes, set also when it could not be read; 0: nothing closes it.
 * `exact`: numbers come as they are written, in strings that begin with an 'n'; all other strings, keys too, begin with an 's'. */
json_t *jsonmend_load(struct str text, bool exact, size_t *taken);

#endif
