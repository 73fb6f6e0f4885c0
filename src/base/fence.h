/* Fenced blocks of Markdown, line by line. */
#ifndef AXMAKE_BASE_FENCE_H
#define AXMAKE_BASE_FENCE_H

#include <stddef.h>

#include "base/str.h"

/* Zeroed: outside. */
struct fence {
	char mark; /* '`' or '~' within a block, else 0 */
	size_t n;  /* how many opened it */
};

enum fence_line { FENCE_OUTSIDE, FENCE_OPENS, FENCE_INSIDE, FENCE_CLOSES };

/* What the next line, without its end, is; moves on. A block that is never closed goes to the end of the text. *info: of a line that opens
 * one, the words behind its marks. */
enum fence_line fence_next(struct fence *at, struct str line, struct str *info);

#endif
