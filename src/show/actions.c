#include "show/actions.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"

bool actions_here(void)
{
	const char *value = getenv("GITHUB_ACTIONS");
	return value && !strcmp(value, "true");
}

/* The runner skips white space of any kind before a command, and compares as people do, for whom there are characters that do not count: so none of those ends a beginning. */
static bool may_be_nothing(unsigned char c)
{
	return c <= ' ' || c >= 0x7f;
}

/* A lone carriage return ends a line for it too. */
static bool ends_line(char c)
{
	return c == '\n' || c == '\r';
}

static void step(struct actions_stream *s, char c, struct sbuf *out)
{
	if (ends_line(c)) {
		*s = (struct actions_stream){0};
	} else if (may_be_nothing((unsigned char)c)) {
		/* as if it were not there */
	} else if (c == ':' && !s->within && s->colons == 1) {
		sbuf_lit(out, "\\x3a");
		s->within = true;
		return;
	} else if (c == '[' && s->hashes >= 2) {
		sbuf_lit(out, "\\x5b");
		s->hashes = 0;
		s->within = true;
		return;
	} else {
		s->colons += c == ':';
		s->within = s->within || c != ':';
		s->hashes = c == '#' ? s->hashes + 1 : 0;
	}
	sbuf_char(out, c);
}

void actions_defuse(struct actions_stream *s, struct str piece, struct sbuf *out)
{
	sbuf_reserve(out, piece.n);
	for (size_t i = 0; i < piece.n; i++)
		step(s, piece.p[i], out);
}

int actions_write(int fd, struct str lines)
{
	struct actions_stream at = {0};
	struct sbuf b = {0};
	if (!actions_here())
		return os_write_all(fd, lines.p, lines.n);
	actions_defuse(&at, lines, &b);
	int err = os_write_all(fd, b.p, b.n);
	sbuf_free(&b);
	return err;
}

/* In a property ':' and ',' would end it. */
static void add_escaped(struct sbuf *b, struct str s, bool property)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ',')))
			sbuf_printf(b, "%%%02X", c);
		else
			sbuf_char(b, (char)c);
	}
}

static void add_property(struct sbuf *b, const char **gap, const char *name, struct str value)
{
	if (!value.n)
		return;
	sbuf_printf(b, "%s%s=", *gap, name);
	add_escaped(b, value, true);
	*gap = ",";
}

void actions_annotate(struct sbuf *b, const char *level, struct str file, unsigned line, struct str title, struct str message)
{
	const char *gap = " ";
	struct sbuf number = {0};
	sbuf_printf(b, "::%s", level);
	add_property(b, &gap, "file", file);
	if (line && file.n)
		sbuf_printf(&number, "%u", line);
	add_property(b, &gap, "line", sbuf_view(&number));
	add_property(b, &gap, "title", title);
	sbuf_lit(b, "::");
	add_escaped(b, message, false);
	sbuf_char(b, '\n');
	sbuf_free(&number);
}
