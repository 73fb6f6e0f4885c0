#include "show/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/utf8.h"
#include "show/screen.h"

#define USUAL_ROWS 24
#define GATHERED (64u << 10)
/* A line without an end is shown in pieces of this size: each has its task's name, or is a line by itself to whoever reads it. */
#define LIVE_LINE (64u << 10)
#define BARE_LINE (8u << 20)

static bool same_file(int a, int b)
{
	struct stat sa, sb;

	return !fstat(a, &sa) && !fstat(b, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

struct console console_open(void)
{
	return (struct console){
	    .terminal = isatty(STDOUT_FILENO) == 1,
	    .error_terminal = isatty(STDERR_FILENO) == 1,
	    .one_place = same_file(STDOUT_FILENO, STDERR_FILENO),
	    .defuse = actions_here(),
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

size_t console_width(void)
{
	struct winsize w = {0};
	if (isatty(STDOUT_FILENO) != 1)
		return 0;
	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
	return w.ws_col ? w.ws_col : 80;
}

size_t console_columns(const struct console *c)
{
	return c->terminal ? console_width() : 0;
}

/* Where that may be in the middle of a line. 0 or errno. */
static int write_out(struct console *c)
{
	struct sbuf b = {0};
	if (!c->defuse)
		return os_write_all(STDOUT_FILENO, c->out.p, c->out.n);
	actions_defuse(&c->at, sbuf_view(&c->out), &b);
	int err = os_write_all(STDOUT_FILENO, b.p, b.n);
	sbuf_free(&b);
	return err;
}

size_t console_rows(const struct console *c)
{
	struct winsize w = {0};
	if (c->terminal)
		(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
	return w.ws_row ? w.ws_row : USUAL_ROWS;
}

size_t console_lines(struct str text, size_t columns)
{
	size_t lines = 0;
	for (size_t at = 0; at < text.n;) {
		size_t end = str_find(text, STR("\n"), at), width = columns ? utf8_width(str_sub(text, at, end)) : 0;
		lines += width > columns ? (width + columns - 1) / columns : 1;
		at = end + 1;
	}
	return lines;
}

void console_flush(struct console *c)
{
	if (c->drawn && c->out.n) {
		terminal_add(c->drawn, sbuf_view(&c->out));
		terminal_pump(c->drawn);
	} else if (c->out.n && !c->write_error)
		c->write_error = write_out(c);
	sbuf_clear(&c->out);
}

void console_room(struct console *c)
{
	if (c->out.n >= GATHERED)
		console_flush(c);
}

void console_say(struct console *c, struct sbuf *message)
{
	if (c->drawn && c->one_place) {
		sbuf_str(&c->out, sbuf_view(message));
		sbuf_free(message);
		console_flush(c);
		return;
	}
	console_flush(c);
	/* Where standard error is gone there is nobody to be told. */
	(void)actions_write(STDERR_FILENO, sbuf_view(message));
	sbuf_free(message);
}

void console_drain(struct console *c)
{
	console_flush(c);
	if (c->drawn)
		c->write_error = terminal_drain(c->drawn);
	c->drawn = NULL;
}

int console_stream(struct console *c, bool agent, int fd, bool *any)
{
	char piece[32 << 10];
	struct screen v = {.mode = screen_mode(agent, c->terminal)};
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
		screen_add(&v, &c->out, piece, (size_t)n);
		last = piece[n - 1];
		*any = true;
		console_room(c);
	}
	screen_end(&v, &c->out);
	if (last != '\n')
		sbuf_char(&c->out, '\n');
	return err;
}

static void live_line(struct console *c, struct str name, bool agent, bool is_stderr, struct str line)
{
	struct sbuf b = {0};
	struct screen v = {.mode = screen_mode(agent, is_stderr ? c->error_terminal : c->terminal)};

	if (!c->bare) {
		utf8_escape(&b, name);
		sbuf_lit(&b, " | ");
	}
	screen_add(&v, &b, line.p, line.n);
	screen_add(&v, &b, "\n", 1); /* through the same door: a line's end may be of two bytes */
	screen_end(&v, &b);
	if (is_stderr) {
		console_say(c, &b);
		return;
	}
	sbuf_str(&c->out, sbuf_view(&b));
	sbuf_free(&b);
}

void console_live(struct console *c, struct str name, bool agent, bool is_stderr, struct str text)
{
	struct sbuf **slot = (struct sbuf **)map_slot(&c->lines[is_stderr], name);
	struct sbuf *held;
	size_t at = 0, longest = c->bare ? BARE_LINE : LIVE_LINE;

	if (!*slot)
		*slot = xcalloc(1, sizeof **slot);
	held = *slot;
	sbuf_str(held, text);
	while (at < held->n) {
		size_t end = str_find(sbuf_view(held), STR("\n"), at);

		if (end == held->n && end - at < longest)
			break;
		live_line(c, name, agent, is_stderr, str_sub(sbuf_view(held), at, end));
		at = end < held->n ? end + 1 : end;
	}
	if (at) {
		memmove(held->p, held->p + at, held->n - at);
		held->n -= at;
	}
	console_flush(c);
}

void console_live_end(struct console *c, struct str name, bool agent)
{
	for (int i = 0; i < 2; i++) {
		struct sbuf *held = map_get(&c->lines[i], name);

		if (!held)
			continue;
		if (held->n)
			live_line(c, name, agent, i, sbuf_view(held));
		sbuf_free(held);
		free(held);
		*map_slot(&c->lines[i], name) = NULL;
	}
}
