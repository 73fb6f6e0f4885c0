/* malloc that ends the program on no memory: whatever is on disk is safe, since every record there is whole or absent. */
#ifndef AXMAKE_BASE_MEM_H
#define AXMAKE_BASE_MEM_H

#include <stddef.h>

/* On no memory: runs the hook once (it may give jobserver tokens back), writes `axmake: out of memory` to stderr, _exit(2). */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
/* malloc for what may be large: from 1 MiB on in huge pages, because on many machines a first touch costs more than the work done there. free() frees it. */
void *xmalloc_large(size_t n);
/* n zero bytes straight from the system, from 2 MiB on in huge pages where it has them; mem_unmap(p, n) gives them back. */
void *mem_map(size_t n);
void mem_unmap(void *p, size_t n);

/* The same end, for a library's allocation that failed. */
_Noreturn void mem_exhausted(void);

void mem_on_exhausted(void (*hook)(void *self), void *self);

#endif
