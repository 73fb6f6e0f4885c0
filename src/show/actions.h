/* GitHub's runner reads what a step prints, and takes some of it for commands. So nothing that tasks print may be one, and failures are told by one. */
#ifndef AXMAKE_SHOW_ACTIONS_H
#define AXMAKE_SHOW_ACTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* Does such a runner read this process's output? By GITHUB_ACTIONS. */
bool actions_here(void);

/* Where a stream stands. Zeroed: at its beginning. */
struct actions_stream {
	bool within;     /* the line has begun with something else than a command would */
	unsigned colons; /* of a line that has not, so far */
	unsigned hashes; /* just now, in a row */
};

/* Adds the next piece of a stream, in which no line is a command any more: a `::` at the beginning of a line becomes `:\x3a`, a `##[` anywhere `##\x5b`. All else stays. */
void actions_defuse(struct actions_stream *s, struct str piece, struct sbuf *out);

/* Writes whole lines, defused where such a runner reads them. 0 or errno. */
int actions_write(int fd, struct str lines);

/* Adds a line "::error file=…,line=…,title=…::message". level: "error" or "warning"; line 0, an empty file: not known. */
void actions_annotate(struct sbuf *b, const char *level, struct str file, unsigned line, struct str title, struct str message);

#endif
