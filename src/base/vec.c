#include "base/vec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void *vec_grow(struct arena *a, void *p, size_t *cap, size_t size)
{
	size_t old = *cap, n = old < 8 ? 8 : old * 2;
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
