/* The last line of what a program prints, as a person would see it. */
#ifndef AXMAKE_SHOW_LASTLINE_H
#define AXMAKE_SHOW_LASTLINE_H

#include <stdbool.h>

#include "base/str.h"

#define LASTLINE_MAX 400 /* bytes of a line that are kept: its beginning */

/* Zeroed: nothing was printed. */
struct lastline {
	size_t n;
	bool over; /* its end has come: what follows is another line */
	char text[LASTLINE_MAX];
};

/* The next bytes. A carriage return begins the line anew; an empty line does not replace the one before. */
void lastline_add(struct lastline *l, struct str piece);
/* Adds it in one line, without sequences that colour or move; valid UTF-8. */
void lastline_show(const struct lastline *l, struct sbuf *b);

#endif
