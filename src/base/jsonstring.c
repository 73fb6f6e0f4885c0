#include "base/jsonstring.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int jsonstring_unicode(struct str s, size_t at)
{
	int v = 0;

	if (at >= s.n || s.n - at < 6 || s.p[at] != '\\' || s.p[at + 1] != 'u')
		return -1;
	for (size_t i = at + 2; i < at + 6; i++) {
		int d = hex_digit(s.p[i]);

		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

static void hand_on(struct jsonstring *s, const char *p, size_t n)
{
	if (n && !s->err)
		s->err = s->put(s->self, p, n);
}

static void flush(struct jsonstring *s)
{
	hand_on(s, s->out, s->n_out);
	s->n_out = 0;
}

static void give(struct jsonstring *s, const char *p, size_t n)
{
	if (!s->has_text)
		s->has_text = str_trim((struct str){p, n}).n > 0;
	if (s->n_out + n > sizeof s->out)
		flush(s);
	if (n > sizeof s->out) {
		hand_on(s, p, n);
		return;
	}
	memcpy(s->out + s->n_out, p, n);
	s->n_out += n;
}

static void give_replacement(struct jsonstring *s)
{
	give(s, REPLACEMENT, sizeof REPLACEMENT - 1);
}

static void give_nul(struct jsonstring *s)
{
	s->has_nul = true;
	if (s->no_nul)
		give_replacement(s);
	else
		give(s, "", 1);
}

static void give_code_point(struct jsonstring *s, int32_t c)
{
	char utf8[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; --i > 0; c >>= 6)
		utf8[i] = (char)(0x80 | (c & 0x3f));
	utf8[0] = (char)(n == 1 ? c : (0xf00 >> n & 0xff) | c);
	give(s, utf8, n);
}

/* `\uXXXX` of that value at `at`, or two that are one character. Returns where it ends. */
static size_t take_unicode(struct jsonstring *s, struct str text, size_t at, int v)
{
	int low = v >= 0xd800 && v <= 0xdbff ? jsonstring_unicode(text, at + 6) : -1;

	if (low >= 0xdc00 && low <= 0xdfff) {
		give_code_point(s, 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00));
		return at + 12;
	}
	if (v >= 0xd800 && v <= 0xdfff) {
		s->mended = true;
		give_replacement(s);
	} else if (v == 0) {
		give_nul(s);
	} else {
		give_code_point(s, v);
	}
	return at + 6;
}

static size_t take_escape(struct jsonstring *s, struct str text, size_t at)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	int v = jsonstring_unicode(text, at);

	if (v >= 0)
		return take_unicode(s, text, at, v);
	const char *name = at + 1 < text.n ? memchr(names, text.p[at + 1], sizeof names - 1) : NULL;
	if (name) {
		give(s, &bytes[name - names], 1);
		return at + 2;
	}
	s->mended = true;
	give(s, "\\", 1);
	return at + 1;
}

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '\\';
}

/* One character or escape, or a run of plain ones. Returns where it ends. */
static size_t take(struct jsonstring *s, struct str text, size_t at)
{
	size_t from = at;
	unsigned char c = (unsigned char)text.p[at];

	while (at < text.n && is_plain(text.p[at]))
		at++;
	if (at > from) {
		give(s, text.p + from, at - from);
	} else if (c == '\\') {
		at = take_escape(s, text, at);
	} else if (c < 0x20) {
		s->mended = true;
		at++;
		if (c)
			give(s, text.p + from, 1);
		else
			give_nul(s);
	} else if (utf8_next(text, &at) < 0) {
		s->mended = true;
		give_replacement(s);
	} else {
		give(s, text.p + from, at - from);
	}
	return at;
}

/* As much of it as surely comes whole. Returns where it ends. */
static size_t take_whole(struct jsonstring *s, struct str text, size_t until)
{
	size_t at = 0;

	while (at < until && text.n - at >= JSONSTRING_UNIT)
		at = take(s, text, at);
	return at;
}

static void hold(struct jsonstring *s, struct str rest)
{
	memmove(s->held, rest.p, rest.n);
	s->n_held = rest.n;
}

void jsonstring_add(struct jsonstring *s, const char *p, size_t n)
{
	size_t at = 0;

	if (s->n_held) {
		size_t before = s->n_held, more = sizeof s->held - before < n ? sizeof s->held - before : n;

		memcpy(s->held + before, p, more);
		struct str text = {s->held, before + more};
		at = take_whole(s, text, before);
		if (at < before) { /* all that came is too little still */
			hold(s, str_sub(text, at, text.n));
			return;
		}
		at -= before;
		s->n_held = 0;
	}
	struct str text = {p + at, n - at};
	at = take_whole(s, text, text.n);
	if (at < text.n)
		hold(s, str_sub(text, at, text.n));
}

int jsonstring_end(struct jsonstring *s)
{
	struct str text = {s->held, s->n_held};

	for (size_t at = 0; at < text.n;)
		at = take(s, text, at);
	s->n_held = 0;
	flush(s);
	return s->err;
}

static void escape_one(struct sbuf *b, char c)
{
	static const char bytes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
	const char *at = memchr(bytes, c, sizeof bytes - 1);

	if (at)
		sbuf_printf(b, "\\%c", names[at - bytes]);
	else
		sbuf_printf(b, "\\u%04X", (unsigned char)c);
}

void jsonstring_escape(struct sbuf *b, const char *p, size_t n)
{
	for (size_t at = 0; at < n; at++) {
		size_t from = at;

		while (at < n && (unsigned char)p[at] >= 0x20 && p[at] != '"' && p[at] != '\\')
			at++;
		sbuf_add(b, p + from, at - from);
		if (at < n)
			escape_one(b, p[at]);
	}
}
