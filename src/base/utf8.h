/* UTF-8: validity, normal form C, columns (utf8proc). */
#ifndef AXMAKE_BASE_UTF8_H
#define AXMAKE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* Offset of the first byte that is not well-formed UTF-8, or s.n. */
size_t utf8_invalid(struct str s);
/* The string in NFC, in the arena; `s` itself when it is already (always for ASCII). s must be valid. */
struct str utf8_nfc(struct arena *a, struct str s);
/* Code points in s; bad bytes count one each. */
size_t utf8_length(struct str s);
/* Terminal columns that s takes; control characters count 0. */
size_t utf8_width(struct str s);
/* Decodes one code point at s[*i], moves *i on; -1 (and one byte on) when it is malformed. */
int32_t utf8_next(struct str s, size_t *i);
/* Would this character move the cursor, break the line, or turn the order of the text? Also -1. */
bool utf8_is_unsafe(int32_t c);
/* Adds s with control characters and bad bytes made visible (\n, \t, \x1b): fit for a terminal and for one line. */
void utf8_escape(struct sbuf *b, struct str s);

#endif
