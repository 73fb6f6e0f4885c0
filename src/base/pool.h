/* Many small things of one kind, done on several processors at once.
 *
 * Threads live as long as a call: whoever forks, waits or is signalled never meets one. They take no signals. What they run may
 * not allocate by mem.h (only one thread may find memory exhausted), and shares nothing that it writes but what belongs to its
 * own elements. */
#ifndef AXMAKE_BASE_POOL_H
#define AXMAKE_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* Calls fn(self, from, to) for pieces of [0, n), each of up to `piece` elements, begun in ascending order. None is begun after
 * one said false; false: one did. Where there are fewer than POOL_WORTH pieces, one processor or no thread to be had, all of it
 * is done here. */
#define POOL_WORTH 4
bool pool_each(size_t n, size_t piece, bool (*fn)(void *self, size_t from, size_t to), void *self);
/* The same for elements that take milliseconds: each is a piece, and threads are worth it from two on. */
bool pool_each_long(size_t n, bool (*fn)(void *self, size_t from, size_t to), void *self);

#endif
