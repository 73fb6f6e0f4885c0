/* What stands between a JSON string's quotes, in pieces of any length: to the bytes that it stands for, and back. */
#ifndef AXMAKE_BASE_JSONSTRING_H
#define AXMAKE_BASE_JSONSTRING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* The longest that has to be seen whole: a surrogate pair, \ud83d\ude00. */
#define JSONSTRING_UNIT 12

/* Zeroed but for its first three fields it is at the beginning. What a strict reader refuses comes as jsonmend has it. */
struct jsonstring {
	int (*put)(void *self, const char *p, size_t n); /* takes what comes out; 0, or an errno, after which it is not called again */
	void *self;
	bool no_nul;   /* U+FFFD stands for a NUL */
	bool has_nul;  /* there was one */
	bool mended;   /* there was something that a strict reader refuses */
	bool has_text; /* something else than white space came out */
	int err;       /* what put said */
	size_t n_held, n_out;
	char held[2 * JSONSTRING_UNIT]; /* what has not come whole */
	char out[4096];
};

void jsonstring_add(struct jsonstring *s, const char *p, size_t n);
/* Nothing more comes. 0, or what put said. */
int jsonstring_end(struct jsonstring *s);

/* Adds valid UTF-8 as jansson writes it between quotes. */
void jsonstring_escape(struct sbuf *b, const char *p, size_t n);

/* The value of `\uXXXX` at `at`, or -1. */
int jsonstring_unicode(struct str s, size_t at);

#endif
