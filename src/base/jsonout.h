/* JSON as it is written: compact, value after value, into a buffer that may be emptied in between. */
#ifndef AXMAKE_BASE_JSONOUT_H
#define AXMAKE_BASE_JSONOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

/* Zeroed but for the buffer it is at its beginning, and is so again when its outermost value has ended. */
struct jsonout {
	struct sbuf *b;
	bool element; /* it will stand in an element of HTML: strings have other spellings of `<`, `>`, `&` and of what JavaScript once took for line ends */
	bool comma;   /* a value stands before the next one */
	unsigned depth;
	uint64_t arrays; /* a bit a level, the outermost the highest: 1 is an array. 64 levels at most */
};

/* The key is NULL where the value stands in an array, or alone. */
void jsonout_object(struct jsonout *o, const char *key);
void jsonout_array(struct jsonout *o, const char *key);
/* Of the innermost. */
void jsonout_end(struct jsonout *o);

/* Bytes that are no UTF-8 are made visible. null for STR_NONE. */
void jsonout_text(struct jsonout *o, const char *key, struct str s);
/* Is each byte of it ASCII that stands for itself, in an element of HTML too? Of nearly all texts that is so. */
bool jsonout_is_plain(struct str s);
/* null where it is empty. */
void jsonout_known(struct jsonout *o, const char *key, struct str s);
void jsonout_word(struct jsonout *o, const char *key, const char *s); /* null for NULL */
void jsonout_number(struct jsonout *o, const char *key, int64_t n);
/* null below 0. */
void jsonout_count(struct jsonout *o, const char *key, int64_t n);
/* null for NaN. 15 digits: every decimal number that was read comes out as it was written. */
void jsonout_real(struct jsonout *o, const char *key, double x);
void jsonout_bool(struct jsonout *o, const char *key, bool yes);
void jsonout_hash(struct jsonout *o, const char *key, struct hash128 h); /* as hash_hex */
void jsonout_null(struct jsonout *o, const char *key);
/* Whose value is put behind it by other means. */
void jsonout_key(struct jsonout *o, const char *key);

#endif
