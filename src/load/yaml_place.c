#include "load/yaml_place.h"

/* Bytes of the line end at p, 0 when there is none. */
static size_t line_end(const unsigned char *p, size_t n)
{
	if (p[0] == '\n')
		return 1;
	if (p[0] == '\r')
		return n > 1 && p[1] == '\n' ? 2 : 1;
	if (n > 1 && p[0] == 0xc2 && p[1] == 0x85)
		return 2;
	if (n > 2 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
		return 3;
	return 0;
}

static size_t char_length(unsigned char first, size_t n)
{
	size_t length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	return length < n ? length : n;
}

void cursor_step(struct cursor *c, struct str text)
{
	const unsigned char *p = (const unsigned char *)text.p + c->offset;
	size_t n = text.n - c->offset;
	size_t end;

	if (n == 0)
		return;
	end = line_end(p, n);
	if (end) {
		c->offset += end;
		c->line++;
		c->col = 0;
	} else {
		c->offset += char_length(*p, n);
		c->col++;
	}
}

size_t cursor_seek(struct cursor *c, struct str text, size_t line, size_t col)
{
	if (line < c->line || (line == c->line && col < c->col))
		*c = (struct cursor){0};
	while (c->offset < text.n && (c->line < line || (c->line == line && c->col < col)))
		cursor_step(c, text);
	return c->offset;
}

void cursor_to_shown(struct cursor *c, struct str text, size_t offset)
{
	if (offset < c->offset)
		*c = (struct cursor){0};
	while (c->offset < text.n && c->offset < offset) {
		bool ends = text.p[c->offset] == '\n';

		c->offset += char_length((unsigned char)text.p[c->offset], text.n - c->offset);
		c->line += ends;
		c->col = ends ? 0 : c->col + 1;
	}
}

bool cursor_ends_differ(struct str text)
{
	const unsigned char *p = (const unsigned char *)text.p;

	for (size_t i = 0; i < text.n; i++)
		if ((p[i] == '\r' || p[i] >= 0xc2) && line_end(p + i, text.n - i) && !(p[i] == '\r' && i + 1 < text.n && p[i + 1] == '\n'))
			return true;
	return false;
}
