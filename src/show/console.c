#include "show/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/utf8.h"

#define GATHERED (64u << 10)
#define LIVE_LINE (64u << 10) /* a line without an end is shown in pieces of this size */

/* Makes control characters visible while a text passes in pieces. */
struct visible {
	bool on;
	bool pending; /* 0xc2 was read: a C1 control may follow */
};

static bool same_file(int a, int b)
{
	struct stat sa, sb;

	return !fstat(a, &sa) && !fstat(b, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

struct console console_open(void)
{
	return (struct console){
	    .terminal = isatty(STDOUT_FILENO) == 1,
	    .one_place = same_file(STDOUT_FILENO, STDERR_FILENO),
	};
}

void console_close(struct console *c)
{
	for (int i = 0; i < 2; i++) {
		struct map_entry *e;

		for (size_t at = 0; (e = map_next(&c->lines[i], &at));) {
			sbuf_free(e->value);
			free(e->value);
		}
		map_free(&c->lines[i]);
	}
	sbuf_free(&c->out);
}

void console_flush(struct console *c)
{
	if (c->out.n && !c->write_error)
		c->write_error = os_write_all(STDOUT_FILENO, c->out.p, c->out.n);
	sbuf_clear(&c->out);
}

void console_room(struct console *c)
{
	if (c->out.n >= GATHERED)
		console_flush(c);
}

void console_say(struct console *c, struct sbuf *message)
{
	console_flush(c);
	/* Where standard error is gone there is nobody to be told. */
	(void)os_write_all(STDERR_FILENO, message->p, message->n);
	sbuf_free(message);
}

/* Adds a piece of foreign output; on a terminal nothing in it moves the cursor. */
static void add_visible(struct sbuf *b, struct visible *v, const char *s, size_t n)
{
	if (!v->on) {
		sbuf_add(b, s, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		bool after_c2 = v->pending;

		v->pending = c == 0xc2;
		if (after_c2 && c >= 0x80 && c < 0xa0) {
			sbuf_printf(b, "\\x%02x", c);
			continue;
		}
		if (after_c2)
			sbuf_char(b, '\xc2');
		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			sbuf_printf(b, "\\x%02x", c);
		else if (!v->pending)
			sbuf_char(b, s[i]);
	}
}

static void end_visible(struct sbuf *b, struct visible *v)
{
	if (v->pending)
		sbuf_lit(b, "\\xc2");
	v->pending = false;
}

int console_stream(struct console *c, int fd, bool *any)
{
	char piece[32 << 10];
	struct visible v = {.on = c->terminal};
	char last = '\n';
	int err = 0;

	*any = false;
	while (!c->write_error) {
		ssize_t n = read(fd, piece, sizeof piece);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = errno;
		if (n <= 0)
			break;
		add_visible(&c->out, &v, piece, (size_t)n);
		last = piece[n - 1];
		*any = true;
		console_room(c);
	}
	end_visible(&c->out, &v);
	if (last != '\n')
		sbuf_char(&c->out, '\n');
	return err;
}

static void live_line(struct console *c, struct str name, bool is_stderr, struct str line)
{
	struct sbuf b = {0};
	struct visible v = {.on = c->terminal};

	utf8_escape(&b, name);
	sbuf_lit(&b, " | ");
	add_visible(&b, &v, line.p, line.n);
	end_visible(&b, &v);
	sbuf_char(&b, '\n');
	if (is_stderr) {
		console_say(c, &b);
		return;
	}
	sbuf_str(&c->out, sbuf_view(&b));
	sbuf_free(&b);
}

void console_live(struct console *c, struct str name, bool is_stderr, struct str text)
{
	struct sbuf **slot = (struct sbuf **)map_slot(&c->lines[is_stderr], name);
	struct sbuf *held;
	size_t at = 0;

	if (!*slot)
		*slot = xcalloc(1, sizeof **slot);
	held = *slot;
	sbuf_str(held, text);
	while (at < held->n) {
		size_t end = str_find(sbuf_view(held), STR("\n"), at);

		if (end == held->n && end - at < LIVE_LINE)
			break;
		live_line(c, name, is_stderr, str_sub(sbuf_view(held), at, end));
		at = end < held->n ? end + 1 : end;
	}
	if (at) {
		memmove(held->p, held->p + at, held->n - at);
		held->n -= at;
	}
	console_flush(c);
}

void console_live_end(struct console *c, struct str name)
{
	for (int i = 0; i < 2; i++) {
		struct sbuf *held = map_get(&c->lines[i], name);

		if (!held)
			continue;
		if (held->n)
			live_line(c, name, i, sbuf_view(held));
		sbuf_free(held);
		free(held);
		*map_slot(&c->lines[i], name) = NULL;
	}
}
