#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_BLOCK = 8 << 10, LAST_BLOCK = 4 << 20, MAPPED_FROM = 2 << 20, ZEROS_FROM = 128 << 10 };

/* Under AddressSanitizer each piece is a block of its own, so that it sees who reads or writes beyond one. */
#ifdef __has_feature
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined __SANITIZE_ADDRESS__ || HAS_FEATURE(address_sanitizer)
#define APART 1
#else
#define APART 0
#endif

struct arena_block {
	struct arena_block *next;
	size_t grow; /* bytes of the next ordinary block */
	size_t mapped; /* bytes, of a block straight from the system: all zero at first; 0: from malloc */
	_Alignas(max_align_t) char data[];
};

/* zeros: its bytes have to be zero. As the system gives them they are, and a table of which few places are used costs those few pages. */
static struct arena_block *block_new(struct arena *a, size_t size, bool zeros)
{
	struct arena_block *b;
	size_t whole;

	if (size > SIZE_MAX / 2)
		mem_exhausted();
	whole = sizeof *b + size;
	if (whole >= MAPPED_FROM || zeros) {
		b = mem_map(whole);
		b->mapped = whole;
	} else {
		b = xmalloc(whole);
		b->mapped = 0;
	}
	a->total += whole;
	return b;
}

/* Room for `size` bytes of which the free room has too few. *fresh: they are zero; NULL: nobody wants to know. */
static char *take_new(struct arena *a, size_t size, bool *fresh)
{
	size_t grow = a->blocks ? a->blocks->grow : FIRST_BLOCK;
	struct arena_block *b;
	bool zeros = fresh && size >= ZEROS_FROM;

	if (APART || size > grow / 4 || zeros) {
		/* A block of its own behind the newest, whose free room stays in use. */
		b = block_new(a, size, zeros);
		b->grow = grow;
		if (a->blocks) {
			b->next = a->blocks->next;
			a->blocks->next = b;
		} else {
			b->next = NULL;
			a->blocks = b;
		}
		if (fresh)
			*fresh = b->mapped > 0;
		return b->data;
	}
	b = block_new(a, grow - sizeof *b, false);
	b->grow = grow < LAST_BLOCK / 4 ? grow * 4 : LAST_BLOCK;
	b->next = a->blocks;
	a->blocks = b;
	a->fresh = b->mapped > 0;
	if (fresh)
		*fresh = a->fresh;
	a->at = b->data + size;
	a->end = b->data + grow - sizeof *b;
	return b->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t pad = (size_t)(-(uintptr_t)a->at & (_Alignof(max_align_t) - 1));
	size_t room = (size_t)(a->end - a->at);
	bool fresh = a->fresh;
	char *p;

	if (a->at && pad <= room && size <= room - pad && size < ZEROS_FROM) {
		p = a->at + pad;
		a->at = p + size;
	} else {
		p = take_new(a, size, &fresh);
	}
	return fresh ? p : memset(p, 0, size);
}

void arena_warm(struct arena *a, size_t size)
{
	bool fresh;

	if (APART)
		return;
	if (size > (size_t)(a->end - a->at)) {
		take_new(a, 0, &fresh);
		size = size < (size_t)(a->end - a->at) ? size : (size_t)(a->end - a->at);
	}
	memset(a->at, 0, size);
}

char *arena_text(struct arena *a, size_t size)
{
	char *p = a->at;

	if (!p || size > (size_t)(a->end - p))
		return take_new(a, size, NULL);
	a->at = p + size;
	return p;
}

struct str arena_copy(struct arena *a, struct str s)
{
	char *p = arena_text(a, s.n + 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return (struct str){p, s.n};
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
	size_t room = a->at ? (size_t)(a->end - a->at) : 0;
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? a->at : NULL, room, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	p = arena_text(a, (size_t)n + 1);
	if ((size_t)n >= room) {
		va_start(ap, fmt);
		vsnprintf(p, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	return (struct str){p, (size_t)n};
}

void arena_free(struct arena *a)
{
	struct arena_block *next;

	for (struct arena_block *b = a->blocks; b; b = next) {
		next = b->next;
		if (b->mapped)
			mem_unmap(b, b->mapped);
		else
			free(b);
	}
	*a = (struct arena){0};
}
