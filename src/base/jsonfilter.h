/* JSON text passes through in pieces, but for its long strings: their places hold marks, so that a text of any length whose bulk is in
 * strings can be parsed in little memory. */
#ifndef AXMAKE_BASE_JSONFILTER_H
#define AXMAKE_BASE_JSONFILTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/jsonstring.h"
#include "base/str.h"
#include "base/vec.h"

/* Strings of more bytes, as they are written, are long. */
#define JSONFILTER_LONG ((size_t)64 << 10)
/* What else may pass of one text: bytes, and values (about as many, by their brackets and commas). */
#define JSONFILTER_MOST_BYTES ((size_t)64 << 20)
#define JSONFILTER_MOST_VALUES ((size_t)1000000)

/* A long string. */
struct jsonlong {
	uint64_t from, to;   /* where what is between its quotes stands */
	struct hash128 hash; /* of the bytes that it stands for, with its NULs */
	uint64_t size;       /* as many */
	bool has_text;       /* something else than white space */
};

struct jsonfilter {
	struct sbuf text;         /* what has passed of this text; empty when it is too big */
	bool too_big;             /* more passed than may */
	bool closed;              /* the object or array that began it has ended, and nothing was taken of what follows */
	VEC(struct jsonlong) longs; /* those of this text, and of earlier ones; who wants these no more may lessen `n` */
	size_t longest;           /* of strings that pass: JSONFILTER_LONG */
	/* Its own: */
	size_t most_bytes, values, depth, cut;
	bool one, in_string, escaped, is_long;
	size_t string_at;         /* in `text`, behind the quote */
	uint64_t at;              /* of the next byte that comes */
	struct jsonlong now;
	struct jsonstring string;
	struct hasher hasher;
	char mark[HASH_HEX];      /* made by chance when all that passes was written: it cannot stand there by itself */
};

/* To be freed by jsonfilter_free. */
void jsonfilter_init(struct jsonfilter *f, size_t most_bytes);
/* The same, but of a long string the first `cut` bytes stay in its place, and nothing is known of the rest. */
void jsonfilter_init_cut(struct jsonfilter *f, size_t most_bytes, size_t cut);
void jsonfilter_free(struct jsonfilter *f);

/* A text begins, whose first byte stands at `at`. `one`: it is the first object or array in what comes. */
void jsonfilter_begin(struct jsonfilter *f, uint64_t at, bool one);
/* How many of the bytes it took: all, but where the one value has ended. */
size_t jsonfilter_add(struct jsonfilter *f, const char *p, size_t n);

/* The long string for which this string of the parsed text, or this key, stands; NULL: it is what it is. *no_nul: its NULs were mended. */
const struct jsonlong *jsonfilter_find(const struct jsonfilter *f, struct str value, bool *no_nul);
/* The next of them in JSON as jansson prints it, from `from` on: *at and *end are its place with its quotes. */
const struct jsonlong *jsonfilter_find_in(const struct jsonfilter *f, struct str json, size_t from, size_t *at, size_t *end, bool *no_nul);

#endif
