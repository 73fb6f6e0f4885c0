#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"

/* How many of the first bytes are ASCII, eight at a time: nearly all text is. */
static size_t ascii_run(struct str s, size_t from)
{
	uint64_t word;
	size_t i = from;

	for (; s.n - i >= sizeof word; i += sizeof word) {
		memcpy(&word, s.p + i, sizeof word);
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	while (i < s.n && (unsigned char)s.p[i] < 0x80)
		i++;
	return i;
}

int32_t utf8_next(struct str s, size_t *i)
{
	size_t left = s.n - *i;
	utf8proc_int32_t c = (unsigned char)s.p[*i];
	utf8proc_ssize_t n = 1;

	if (c >= 0x80) {
		n = utf8proc_iterate((const utf8proc_uint8_t *)s.p + *i, left < 4 ? (utf8proc_ssize_t)left : 4, &c);
		if (n < 1) {
			n = 1;
			c = -1;
		}
	}
	*i += (size_t)n;
	return c;
}

size_t utf8_invalid(struct str s)
{
	for (size_t i = 0; (i = ascii_run(s, i)) < s.n;) {
		size_t at = i;

		if (utf8_next(s, &i) < 0)
			return at;
	}
	return s.n;
}

struct str utf8_nfc(struct arena *a, struct str s)
{
	utf8proc_uint8_t *composed = NULL;
	utf8proc_ssize_t n;
	struct str result = s;

	if (ascii_run(s, 0) == s.n)
		return s;
	n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	if (n == UTF8PROC_ERROR_NOMEM)
		mem_exhausted();
	if (n >= 0 && !str_eq((struct str){(char *)composed, (size_t)n}, s))
		result = arena_copy(a, (struct str){(char *)composed, (size_t)n});
	free(composed);
	return result;
}

size_t utf8_length(struct str s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.n; count++)
		utf8_next(s, &i);
	return count;
}

size_t utf8_width(struct str s)
{
	size_t width = 0;

	for (size_t i = 0; i < s.n;) {
		int32_t c = utf8_next(s, &i);

		/* A bad byte is shown as one replacement character. */
		width += c < 0 ? 1 : c < 0x80 ? c >= 0x20 && c != 0x7f : (size_t)utf8proc_charwidth(c);
	}
	return width;
}

/* What would move the cursor, break the line, or show text in another order than it stands in. */
bool utf8_is_unsafe(int32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	       c == 0x200e || c == 0x200f || c == 0x061c || c == 0xfeff;
}

static void escape_one(struct sbuf *b, int32_t c, unsigned char byte)
{
	static const char letters[] = "\a\b\t\n\v\f\r", names[] = "abtnvfr";
	const char *letter = c > 0 ? memchr(letters, c, c < 0x20 ? sizeof letters - 1 : 0) : NULL;

	if (letter)
		sbuf_printf(b, "\\%c", names[letter - letters]);
	else if (c < 0x80)
		sbuf_printf(b, "\\x%02x", byte);
	else
		sbuf_printf(b, "\\u%04x", (unsigned)c);
}

void utf8_escape(struct sbuf *b, struct str s)
{
	size_t plain = 0; /* start of what was not added yet and needs no escape */

	for (size_t i = 0; i < s.n;) {
		size_t at = i;
		int32_t c = utf8_next(s, &i);

		if (!utf8_is_unsafe(c))
			continue;
		sbuf_add(b, s.p + plain, at - plain);
		escape_one(b, c, (unsigned char)s.p[at]);
		plain = i;
	}
	if (plain < s.n)
		sbuf_add(b, s.p + plain, s.n - plain);
}
