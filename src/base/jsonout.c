#include "base/jsonout.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define LONGEST_NUMBER 32

/* What of a string's bytes may not stand for itself. Control characters may come to a terminal: DEL, and those that a byte 0xc2 begins, are also some. */
enum { PLAIN, ESCAPED, MARKUP, SEPARATOR, HIGH, BEYOND };
static const unsigned char classes[256] = {
	[0 ... 0x1f] = ESCAPED, ['"'] = ESCAPED, ['\\'] = ESCAPED, ['<'] = MARKUP, ['>'] = MARKUP, ['&'] = MARKUP, [0x7f] = ESCAPED, [0xc2] = HIGH, [0xe2] = SEPARATOR,
	[0x80 ... 0xc1] = BEYOND, [0xc3 ... 0xe1] = BEYOND, [0xe3 ... 0xff] = BEYOND, /* plain, if it is UTF-8 */
};

/* Puts the key; behind it is room for so much more. */
static void begin(struct jsonout *o, const char *key, size_t room)
{
	size_t n = key ? strlen(key) : 0;
	sbuf_reserve(o->b, n + room + 5);
	char *p = o->b->p + o->b->n;
	if (o->comma)
		*p++ = ',';
	if (key) {
		*p++ = '"';
		memcpy(p, key, n);
		p += n;
		*p++ = '"';
		*p++ = ':';
	}
	*p = '\0';
	o->b->n = (size_t)(p - o->b->p);
	o->comma = true;
}

/* Where there is room for it. */
static void put(struct sbuf *b, const char *p, size_t n)
{
	memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

static void plain(struct jsonout *o, const char *key, const char *value, size_t n)
{
	begin(o, key, n);
	put(o->b, value, n);
}

static void open_level(struct jsonout *o, const char *key, bool array)
{
	assert(o->depth < 64);
	uint64_t bit = UINT64_C(1) << (63 - o->depth++);
	o->arrays = array ? o->arrays | bit : o->arrays & ~bit;
	plain(o, key, array ? "[" : "{", 1);
	o->comma = false;
}

void jsonout_object(struct jsonout *o, const char *key)
{
	open_level(o, key, false);
}

void jsonout_array(struct jsonout *o, const char *key)
{
	open_level(o, key, true);
}

void jsonout_end(struct jsonout *o)
{
	assert(o->depth);
	sbuf_char(o->b, o->arrays >> (63 - --o->depth) & 1 ? ']' : '}');
	o->comma = o->depth > 0;
}

static void add_escape(struct sbuf *b, unsigned char c)
{
	static const char bytes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
	const char *at = c ? strchr(bytes, c) : NULL;
	if (at)
		sbuf_printf(b, "\\%c", names[at - bytes]);
	else
		sbuf_printf(b, "\\u%04X", c);
}

/* U+2028 and U+2029 */
static bool is_separator(struct str s, size_t at)
{
	return s.n - at >= 3 && s.p[at + 1] == '\x80' && ((unsigned char)s.p[at + 2] | 1) == 0xa9;
}

static bool is_control(struct str s, size_t at)
{
	return s.n - at >= 2 && (unsigned char)s.p[at + 1] >= 0x80 && (unsigned char)s.p[at + 1] < 0xa0;
}

static bool is_special(const struct jsonout *o, struct str s, size_t at)
{
	unsigned char class = classes[(unsigned char)s.p[at]];
	return class == ESCAPED || (class == HIGH && is_control(s, at)) || (o->element && (class == MARKUP || (class == SEPARATOR && is_separator(s, at))));
}

/* Returns where it ends. */
static size_t add_special(struct sbuf *b, struct str s, size_t at)
{
	unsigned char c = (unsigned char)s.p[at], class = classes[c];
	if (class == ESCAPED)
		add_escape(b, c);
	else if (class == HIGH)
		add_escape(b, (unsigned char)s.p[at + 1]);
	else
		sbuf_printf(b, "\\u%04x", class == MARKUP ? c : 0x2000u + ((unsigned char)s.p[at + 2] & 0x3f));
	return at + (class == SEPARATOR ? 3 : class == HIGH ? 2 : 1);
}

static void add_string(struct jsonout *o, struct str s)
{
	size_t from = 0, i = 0;
	while (i < s.n) {
		if (!is_special(o, s, i)) {
			i++;
			continue;
		}
		sbuf_add(o->b, s.p + from, i - from);
		from = i = add_special(o->b, s, i);
	}
	sbuf_add(o->b, s.p + from, s.n - from);
}

bool jsonout_is_plain(struct str s)
{
	size_t i = 0;
	while (i < s.n && classes[(unsigned char)s.p[i]] == PLAIN)
		i++;
	return i == s.n;
}

void jsonout_text(struct jsonout *o, const char *key, struct str s)
{
	struct sbuf visible = {0};
	if (!s.p) {
		jsonout_null(o, key);
		return;
	}
	if (jsonout_is_plain(s)) {
		begin(o, key, s.n + 2);
		char *p = o->b->p + o->b->n;
		*p++ = '"';
		memcpy(p, s.p, s.n);
		p += s.n;
		*p++ = '"';
		*p = '\0';
		o->b->n += s.n + 2;
		return;
	}
	if (utf8_invalid(s) < s.n) {
		utf8_escape(&visible, s);
		s = sbuf_view(&visible);
	}
	begin(o, key, s.n + 2);
	put(o->b, "\"", 1);
	add_string(o, s);
	sbuf_char(o->b, '"');
	sbuf_free(&visible);
}

void jsonout_known(struct jsonout *o, const char *key, struct str s)
{
	jsonout_text(o, key, s.n ? s : STR_NONE);
}

void jsonout_word(struct jsonout *o, const char *key, const char *s)
{
	jsonout_text(o, key, str_of(s));
}

void jsonout_number(struct jsonout *o, const char *key, int64_t n)
{
	char text[LONGEST_NUMBER], *p = text + sizeof text;
	uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;
	do
		*--p = (char)('0' + left % 10);
	while (left /= 10);
	if (n < 0)
		*--p = '-';
	plain(o, key, p, (size_t)(text + sizeof text - p));
}

void jsonout_count(struct jsonout *o, const char *key, int64_t n)
{
	if (n < 0)
		jsonout_null(o, key);
	else
		jsonout_number(o, key, n);
}

void jsonout_real(struct jsonout *o, const char *key, double x)
{
	char text[LONGEST_NUMBER];
	if (!isfinite(x)) {
		jsonout_null(o, key);
		return;
	}
	int n = snprintf(text, sizeof text, "%.15g", x);
	/* A number that looks like a whole one would be read as one. */
	if (!strpbrk(text, ".e"))
		n += snprintf(text + n, sizeof text - (size_t)n, ".0");
	plain(o, key, text, (size_t)n);
}

void jsonout_bool(struct jsonout *o, const char *key, bool yes)
{
	plain(o, key, yes ? "true" : "false", yes ? 4 : 5);
}

void jsonout_hash(struct jsonout *o, const char *key, struct hash128 h)
{
	char text[HASH_HEX + 2] = "\"";
	hash_hex(h, text + 1);
	text[HASH_HEX] = '"';
	plain(o, key, text, HASH_HEX + 1);
}

void jsonout_null(struct jsonout *o, const char *key)
{
	plain(o, key, "null", 4);
}

void jsonout_key(struct jsonout *o, const char *key)
{
	begin(o, key, 0);
}
