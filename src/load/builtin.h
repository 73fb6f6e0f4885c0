/* The built-in rules by section. They are known to be right, so that no call has to look at more of them than it needs: their headings are
 * found at the start, a section is read when it is asked for, and tests read all of it as a user's file. */
#ifndef AXMAKE_LOAD_BUILTIN_H
#define AXMAKE_LOAD_BUILTIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "load/inifile.h"

/* One built-in file (rules/ *.ini made part of the program; see rules/embed.sh). */
struct builtin_rule {
	const char *name;
	const char *text;
	size_t n;
};
extern const struct builtin_rule builtin_rules[]; /* ends with a NULL name */

/* A section that nobody has read yet. Its strings are parts of the file's text. */
struct builtin_section {
	struct str kind, name;
	struct pos at;    /* of its kind */
	struct str lines; /* behind its heading */
};

/* The first section of `text` from *from on, a byte in its line *line (from 1); both are set to behind it. False: there is none left. */
bool builtin_next(uint32_t source, struct str text, size_t *from, uint32_t *line, struct builtin_section *out);
/* The same with its keys, as inifile_read would have it. */
struct ini_section builtin_read(struct arena *a, const struct builtin_section *s);

#endif
