/* Offsets and places in a YAML text, lines ending where libyaml ends them: \n, \r, \r\n, U+0085, U+2028, U+2029. Private to yaml.
 */
#ifndef AXMAKE_LOAD_YAML_PLACE_H
#define AXMAKE_LOAD_YAML_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* Zeroed: at the start. */
struct cursor {
	size_t offset, line, col; /* line and col from 0, col in characters */
};

/* Moves over one character, or one line end. */
void cursor_step(struct cursor *c, struct str text);
/* The offset of a place, or text.n when it lies behind the end. Going on from the last place, all of a text costs one pass. */
size_t cursor_seek(struct cursor *c, struct str text, size_t line, size_t col);
/* The place of `offset` as messages tell it and editors have it, in lines that \n alone ends; such a cursor is moved by this alone. */
void cursor_to_shown(struct cursor *c, struct str text, size_t offset);
/* Does a line end otherwise somewhere, so that the two differ? */
bool cursor_ends_differ(struct str text);

#endif
