/* Growing arrays. `VEC(int) v = {0}; vec_push(arena, &v, 3);` With an arena, growing leaves the old array to it; with NULL
 * the array lives on the heap and vec_free frees it. */
#ifndef AXMAKE_BASE_VEC_H
#define AXMAKE_BASE_VEC_H

#include <stddef.h>

#include "base/arena.h"

#define VEC(type)                                                                                                              \
	struct {                                                                                                               \
		type *p;                                                                                                       \
		size_t n, cap;                                                                                                 \
	}

#define vec_push(arena, v, ...)                                                                                                \
	do {                                                                                                                   \
		if ((v)->n == (v)->cap)                                                                                        \
			(v)->p = vec_grow((arena), (v)->p, &(v)->cap, sizeof *(v)->p);                                         \
		(v)->p[(v)->n++] = (__VA_ARGS__);                                                                              \
	} while (0)

#define vec_free(v) (vec_release((v)->p), (v)->p = NULL, (v)->n = (v)->cap = 0)

/* Doubles *cap (to a few at first) and returns the moved array. */
void *vec_grow(struct arena *a, void *p, size_t *cap, size_t size);
void vec_release(void *p);

#endif
