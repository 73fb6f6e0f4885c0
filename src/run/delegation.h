/* What an answer asks other agents to do: lines `@AGENT: TASK` and `DELEGATE TO AGENT: TASK`. */
#ifndef AXMAKE_RUN_DELEGATION_H
#define AXMAKE_RUN_DELEGATION_H

#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"

#define DELEGATION_READ_MOST 64 /* requests that are looked at: more than may be run, so that what is passed over can be named */

struct delegation_request {
	struct str agent, task; /* parts of the answer, neither empty; no line's end in them */
};

struct delegation_list {
	VEC(struct delegation_request) of; /* in the order of the answer */
	size_t more;                       /* beyond DELEGATION_READ_MOST; not kept */
};

/* Finds them at the start of lines, outside fences (``` and ~~~; one that is never closed goes to the end) and quotes (> and the lines that go on with one). Takes time by the
 * answer's length. */
struct delegation_list delegation_parse(struct arena *a, struct str answer);

#endif
