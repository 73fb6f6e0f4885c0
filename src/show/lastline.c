#include "show/lastline.h"

#include "base/utf8.h"

#define ESC '\033'

static bool ends_line(char c)
{
	return c == '\n' || c == '\r';
}

/* Where the piece's last line begins that holds anything: what stands before is over. */
static size_t last_begins(struct str piece)
{
	size_t at = piece.n;
	while (at && ends_line(piece.p[at - 1]))
		at--;
	while (at && !ends_line(piece.p[at - 1]))
		at--;
	return at;
}

void lastline_add(struct lastline *l, struct str piece)
{
	size_t from = last_begins(piece);
	if (from)
		l->over = true;
	for (size_t i = from; i < piece.n; i++) {
		char c = piece.p[i];
		if (ends_line(c)) {
			l->over = true;
			continue;
		}
		if (l->over)
			l->n = 0;
		l->over = false;
		if (l->n < sizeof l->text)
			l->text[l->n++] = c;
	}
}

/* The length of the control sequence at s: CSI (ESC [ … final) and OSC (ESC ] … BEL or ESC \); of another ESC two bytes. ECMA-48, 5.4 and 5.6. */
static size_t sequence(struct str s)
{
	size_t i = 2;
	if (s.n < 2)
		return s.n;
	if (s.p[1] == '[') {
		while (i < s.n && !(s.p[i] >= 0x40 && s.p[i] <= 0x7e))
			i++;
		return i < s.n ? i + 1 : s.n;
	}
	if (s.p[1] != ']')
		return 2;
	while (i < s.n && s.p[i] != '\a' && s.p[i] != ESC)
		i++;
	return i + 1 < s.n && s.p[i] == ESC ? i + 2 : i < s.n ? i + 1 : s.n;
}

void lastline_show(const struct lastline *l, struct sbuf *b)
{
	struct sbuf clean = {0};
	for (size_t i = 0; i < l->n;) {
		if (l->text[i] == ESC)
			i += sequence((struct str){l->text + i, l->n - i});
		else
			sbuf_char(&clean, l->text[i] == '\t' ? ' ' : l->text[i]), i++;
	}
	struct str s = str_trim(sbuf_view(&clean));
	/* A line that was cut at its end, or in a piece's beginning, may hold half a character. */
	size_t end = l->n == sizeof l->text ? utf8_invalid(s) : s.n;
	utf8_escape(b, str_sub(s, 0, end));
	sbuf_free(&clean);
}
