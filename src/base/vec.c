#include "base/vec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void *vec_grow(struct arena *a, void *p, size_t *cap, size_t size)
{
	/* In an arena most arrays stay short, and what is left behind is never used again: large members begin with one place. */
	size_t first = !a || size < 8 ? 8 : size < 32 ? 2 : 1;
	size_t old = *cap, n = old < first ? first : old * 2;
	void *moved;

	if (n > SIZE_MAX / 2 / size)
		mem_exhausted();
	*cap = n;
	if (!a)
		return xrealloc(p, n * size);
	moved = arena_alloc(a, n * size);
	if (old)
		memcpy(moved, p, old * size);
	return moved;
}

void vec_release(void *p)
{
	free(p);
}
