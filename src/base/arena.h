/* Memory by phase: everything allocated from an arena is freed at once with it. */
#ifndef AXMAKE_BASE_ARENA_H
#define AXMAKE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct arena {
	struct arena_block *blocks; /* newest first */
	char *at, *end;             /* free room of the newest block */
	bool fresh;                 /* that room is zero: it came straight from the system */
	size_t total;               /* bytes asked from the system */
};

/* A zeroed struct arena is an empty arena. None of these return NULL: no memory ends the program (see mem.h). */

/* `size` bytes, zeroed, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size);
/* The same without zeroing and without alignment: for text. */
char *arena_text(struct arena *a, size_t size);
/* A NUL-terminated copy of `s`; the NUL is not counted in the result's length. */
struct str arena_copy(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The next `size` bytes, or as many as a block has, will cost no look for pages: they are there and have been touched. */
void arena_warm(struct arena *a, size_t size);
void arena_free(struct arena *a);

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc((a), (n) * sizeof(type)))

#endif
