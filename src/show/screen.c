#include "show/screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "run/mask.h"
#include "show/actions.h"

#define PIECE ((size_t)32 << 10)

enum { ESC = 0x1b };

enum screen_mode screen_mode(bool agent, bool terminal)
{
	return agent ? SCREEN_SAFE : terminal ? SCREEN_COLORS : SCREEN_RAW;
}

static bool is_plain(unsigned char c)
{
	return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t';
}

/* The length of "ESC [ 1 ; 31 m" at s; 1 when it is none; 0 when more must come to tell. */
static size_t color_length(const unsigned char *s, size_t n, size_t longest)
{
	size_t i = 1;
	if (n > 1 && s[1] != '[')
		return 1;
	for (i = 2; i < n && i < longest && ((s[i] >= '0' && s[i] <= '9') || s[i] == ';' || s[i] == ':');)
		i++;
	if (i >= longest)
		return 1;
	return i >= n ? 0 : s[i] == 'm' ? i + 1 : 1;
}

/* The same of a character. */
static size_t character_length(const unsigned char *s, size_t n)
{
	size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2, i = 0;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 1;
	for (size_t k = 1; k < len; k++)
		if (k < n && (s[k] & 0xc0) != 0x80)
			return 1;
	if (n < len)
		return 0;
	utf8_next((struct str){(const char *)s, len}, &i);
	return i;
}

/* What stands at s and goes one way: its length, or 0 when more must come to tell. */
static size_t unit_length(const struct screen *v, const unsigned char *s, size_t n)
{
	if (s[0] == ESC && v->mode == SCREEN_COLORS)
		return color_length(s, n, sizeof v->held);
	if (s[0] == '\r')
		return n < 2 ? 0 : s[1] == '\n' ? 2 : 1;
	return s[0] < 0x80 ? 1 : character_length(s, n);
}

static void add_unit(struct screen *v, struct sbuf *out, const unsigned char *s, size_t n)
{
	size_t i = 0;
	int32_t c = utf8_next((struct str){(const char *)s, n}, &i);
	bool color = n > 1 && s[0] == ESC, line_end = n > 1 && s[0] == '\r';
	if (color)
		v->colored = !(n == 3 || (n == 4 && s[2] == '0'));
	/* A bad byte is a control where terminals speak eight bits. */
	if (!color && !line_end && !is_plain(s[0]) && (c < 0 ? s[0] < 0xa0 : utf8_is_unsafe(c)))
		sbuf_printf(out, c < 0x80 ? "\\x%02x" : "\\u%04x", c < 0 ? s[0] : (unsigned)c);
	else
		sbuf_add(out, s, n);
}

/* Takes byte after byte until what is held is whole; returns how many it took. */
static size_t complete_held(struct screen *v, struct sbuf *out, const unsigned char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		v->held[v->n_held++] = s[i];
		size_t len = unit_length(v, v->held, v->n_held);
		if (!len)
			continue;
		size_t back = v->n_held - len;
		add_unit(v, out, v->held, len);
		v->n_held = 0;
		if (back <= i + 1)
			return i + 1 - back;
		/* It was no sequence after all, and what came with earlier pieces goes on as the text that it is. */
		unsigned char rest[sizeof v->held];
		size_t earlier = back - (i + 1);
		memcpy(rest, v->held + len, earlier);
		screen_add(v, out, (const char *)rest, earlier);
		return 0;
	}
	return n;
}

void screen_add(struct screen *v, struct sbuf *out, const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t i = 0;
	if (v->mode == SCREEN_RAW) {
		sbuf_add(out, p, n);
		return;
	}
	if (v->n_held)
		i = complete_held(v, out, s, n);
	while (i < n) {
		size_t from = i;
		while (i < n && is_plain(s[i]))
			i++;
		sbuf_add(out, p + from, i - from);
		if (i == n)
			break;
		size_t len = unit_length(v, s + i, n - i);
		if (!len) {
			memcpy(v->held, s + i, n - i);
			v->n_held = n - i;
			break;
		}
		add_unit(v, out, s + i, len);
		i += len;
	}
}

void screen_end(struct screen *v, struct sbuf *out)
{
	size_t n = v->n_held;
	v->n_held = 0;
	for (size_t i = 0; i < n; i++)
		add_unit(v, out, v->held + i, 1);
	if (v->colored)
		sbuf_lit(out, "\033[0m");
	v->colored = false;
}

/* Text on its way through a filter. */
struct filtered {
	const struct screen_filter *f;
	struct sbuf carry; /* may be the beginning of a value */
	struct actions_stream at;
};

/* NULL: there is no more. */
static void add_filtered(struct screen *v, struct filtered *t, struct sbuf *out, const char *piece, size_t n)
{
	struct sbuf masked = {0}, seen = {0};
	if (!piece && t->f->grows)
		t->carry.n = mask_before_cut(t->f->mask, sbuf_view(&t->carry)).n;
	mask_piece(t->f->mask, &t->carry, (struct str){piece ? piece : "", n}, !piece, &masked);
	screen_add(v, t->f->defuse ? &seen : out, masked.n ? masked.p : "", masked.n);
	actions_defuse(&t->at, sbuf_view(&seen), out);
	sbuf_free(&masked);
	sbuf_free(&seen);
}

int screen_copy(int fd, FILE *to, enum screen_mode mode, const struct screen_filter *f)
{
	struct screen v = {.mode = mode};
	struct filtered t = {.f = f};
	struct sbuf b = {0};
	int err = 0;
	char *piece = xmalloc(PIECE); /* of the stack each page would be touched */
	while (!ferror(to)) {
		ssize_t n = read(fd, piece, PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = errno;
		if (n <= 0)
			break;
		if (f)
			add_filtered(&v, &t, &b, piece, (size_t)n);
		else
			screen_add(&v, &b, piece, (size_t)n);
		fwrite(b.n ? b.p : "", 1, b.n, to);
		sbuf_clear(&b);
	}
	if (f)
		add_filtered(&v, &t, &b, NULL, 0);
	screen_end(&v, &b);
	fwrite(b.n ? b.p : "", 1, b.n, to);
	sbuf_free(&t.carry);
	sbuf_free(&b);
	free(piece);
	return err;
}
