/* Standard output and error as one place: output is gathered, and stands before every message that came after it. */
#ifndef AXMAKE_SHOW_CONSOLE_H
#define AXMAKE_SHOW_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"
#include "base/str.h"
#include "show/actions.h"
#include "show/terminal.h"

struct console {
	struct sbuf out;     /* of standard output, not written yet: added to by everyone */
	int write_error;     /* first errno of standard output; nothing is written after it */
	bool terminal, error_terminal; /* standard output, or error, is one: what scripts print is not passed as it is */
	bool one_place;      /* standard output and error lead to the same file */
	bool defuse;         /* a runner reads that takes some lines for commands */
	struct actions_stream at; /* where standard output stands for it */
	struct terminal *drawn; /* where standard output goes, so that nobody waits for it; NULL: written as it comes */
	bool bare;           /* live lines are shown without the names of their tasks */
	struct map lines[2]; /* live output without its line's end yet, of standard output and error: name -> struct sbuf * */
};

struct console console_open(void);
void console_close(struct console *c);

/* Columns of the terminal that standard output is; 0: it is none. */
size_t console_width(void);
size_t console_columns(const struct console *c); /* the same, as was found when it was opened */
/* The rows of a screen, be there one or not. */
size_t console_rows(const struct console *c);
/* The lines of a text on a terminal of so many columns; 0: each is one line. */
size_t console_lines(struct str text, size_t columns);
void console_flush(struct console *c);
/* Flushes when so much is gathered that it should not be kept any longer. */
void console_room(struct console *c);
/* Writes a message to standard error, after what stands before it on standard output, and frees it. */
void console_say(struct console *c, struct sbuf *message);

/* Waits until all is written that goes to `drawn`, and leaves it. */
void console_drain(struct console *c);

/* Copies an open file, an agent's or a script's output, to standard output in pieces, and ends its last line. 0 or errno of reading; *any: it held something. */
int console_stream(struct console *c, bool agent, int fd, bool *any);

/* Live output: whole lines, each behind "NAME | " unless they are to be bare. */
void console_live(struct console *c, struct str name, bool agent, bool is_stderr, struct str text);
/* The task has ended: what it left without a line's end. */
void console_live_end(struct console *c, struct str name, bool agent);

#endif
