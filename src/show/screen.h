/* What tasks print, on its way to people: nothing that an agent writes steers a terminal, and of what a script writes colours alone do. */
#ifndef AXMAKE_SHOW_SCREEN_H
#define AXMAKE_SHOW_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/str.h"

struct mask;

enum screen_mode {
	SCREEN_SAFE,   /* every control character but tab and line's end is shown as \x1b or \u202e */
	SCREEN_COLORS, /* the same, but colours (SGR sequences) pass */
	SCREEN_RAW,    /* byte by byte */
};

/* What passes of an agent's or a script's output, to a terminal or elsewhere. */
enum screen_mode screen_mode(bool agent, bool terminal);

/* A text that passes in pieces. Zeroed but for its mode it is at the beginning. */
struct screen {
	enum screen_mode mode;
	bool colored;           /* a colour was set and not taken back */
	size_t n_held;
	unsigned char held[32]; /* the beginning of a character or sequence that has not come whole */
};

void screen_add(struct screen *v, struct sbuf *out, const char *p, size_t n);
/* The text is over: what is held, and the end of its colours. */
void screen_end(struct screen *v, struct sbuf *out);
/* What becomes of a log on its way to people. */
struct screen_filter {
	const struct mask *mask; /* whose values are not shown */
	bool grows;              /* more may be written: a value's beginning at the end is not shown either */
	bool defuse;             /* no line is a command to a runner */
};

/* The rest of a file, in pieces, through `f` (NULL: as it is). 0 or the errno of reading; writing's errors stay with `to`. */
int screen_copy(int fd, FILE *to, enum screen_mode mode, const struct screen_filter *f);

#endif
