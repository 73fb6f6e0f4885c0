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
	if (n < HUGE_PAGE / 2 || n > SIZE_MAX - HUGE_PAGE)
		return xmalloc(n);
	n = (n + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	void *p = aligned_alloc(HUGE_PAGE, n);
	if (!p)
		mem_exhausted();
	madvise(p, n, MADV_HUGEPAGE); /* a wish: where it is refused, all is slower and nothing else */
	return p;
}

#ifdef __SANITIZE_ADDRESS__
/* A leak checker does not follow pointers that lie in mapped memory. */
void *mem_map(size_t n)
{
	return xcalloc(1, n);
}

void mem_unmap(void *p, size_t n)
{
	(void)n;
	free(p);
}
#else
void *mem_map(size_t n)
{
	/* Huge pages begin at their own multiples: what lies before and behind is given back. */
	size_t whole = n < HUGE_PAGE ? n : n + HUGE_PAGE;
	char *p = n > SIZE_MAX - HUGE_PAGE ? MAP_FAILED : mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		mem_exhausted();
	if (n < HUGE_PAGE)
		return p;
	size_t before = (size_t)(-(uintptr_t)p & (HUGE_PAGE - 1)), page = (size_t)sysconf(_SC_PAGESIZE);
	size_t used = (n + page - 1) & ~(page - 1);
	if (before)
		munmap(p, before);
	if (whole - before > used)
		munmap(p + before + used, whole - before - used);
	madvise(p + before, used, MADV_HUGEPAGE);
	return p + before;
}

void mem_unmap(void *p, size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	munmap(p, (n + page - 1) & ~(page - 1));
}
#endif
