#include "base/mem.h"

#include <stdint.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Global because an allocation has no context to pass it by: the one mutable state besides the signal flags. */
static struct {
	void (*run)(void *self);
	void *self;
} exhausted_hook;

void mem_on_exhausted(void (*hook)(void *self), void *self)
{
	exhausted_hook.run = hook;
	exhausted_hook.self = self;
}

_Noreturn void mem_exhausted(void)
{
	static const char message[] = "axmake: out of memory\n";
	void (*run)(void *self) = exhausted_hook.run;

	/* Cleared first: a hook that allocates itself comes back here and must not run twice. */
	exhausted_hook.run = NULL;
	if (run)
		run(exhausted_hook.self);
	if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
		_exit(2); /* nobody to tell */
	_exit(2);
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		mem_exhausted();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = n && size ? calloc(n, size) : calloc(1, 1);

	if (!p)
		mem_exhausted();
	return p;
}

void *xrealloc(void *p, size_t n)
{
	void *moved = realloc(p, n ? n : 1);

	if (!moved)
		mem_exhausted();
	return moved;
}

char *xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xmalloc(n), s, n);
}

#define HUGE_PAGE ((size_t)2 << 20)

void *xmalloc_large(size_t n)
{
	if (n < HUGE_PAGE || n > SIZE_MAX - HUGE_PAGE)
		return xmalloc(n);
	n = (n + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	void *p = aligned_alloc(HUGE_PAGE, n);
	if (!p)
		mem_exhausted();
	madvise(p, n, MADV_HUGEPAGE); /* a wish: where it is refused, all is slower and nothing else */
	return p;
}
