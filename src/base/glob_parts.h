/* Private to glob*.c, after glob.h: patterns part by part (glob.c), for walking through folders by them (glob_walk.c). */
#ifndef AXMAKE_BASE_GLOB_PARTS_H
#define AXMAKE_BASE_GLOB_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* Takes the next part off *rest, passing over empty and "." parts. false at the end. */
bool glob_next_part(struct str *rest, struct str *part);
bool glob_is_absolute(struct str s);
bool glob_is_double(struct str part);
/* One part against one name. Only the last star is ever tried again, so the time is at most the product of the lengths. */
bool glob_match_part(struct str pat, struct str name, bool dots);
/* May "**" pass over this name? */
bool glob_double_passes(struct str name, bool dots);
bool glob_part_is_wild(struct str part);
/* Parts of a pattern, on the heap. */
struct str *glob_split(struct str pattern, size_t *n);

#endif
