/* INI text as sections and keys that remember their places: a scan of our own is strict about lines, inih reads the values. */
#ifndef AXMAKE_LOAD_INIFILE_H
#define AXMAKE_LOAD_INIFILE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "base/vec.h"
#include "load/definition.h"

#define INIFILE_MAX (16u << 20) /* bytes of one file */

struct ini_key {
	struct text name, value; /* value: without outer space and comment; NUL-terminated; n == 0 when nothing stands there */
};

/* `[kind name]`: the first word of the heading, and the rest in NFC, empty when there is none. */
struct ini_section {
	struct text kind, name;
	VEC(struct ini_key) keys; /* each name once */
};

struct inifile {
	VEC(struct ini_section) sections; /* each kind and name once */
};

/* Reads registered source `source` (text given again; a BOM and CRLF are accepted). Reports every mistake: NUL and bad UTF-8
 * (then nothing is read), text that is no `key = value`, an indented line, a key outside of a section, a key or a section
 * repeated, an empty section. What could be read stands in the result. */
struct inifile *inifile_read(struct arena *a, struct diag *d, uint32_t source, struct str text);

/* Keys as they hold in the end, in the order in which they were first said. */
struct ini_said {
	VEC(struct ini_key) keys;
};
/* A later value takes an earlier one's place; an empty one clears it. */
void ini_said_note(struct ini_said *said, struct arena *a, const struct ini_key *key);

/* `key`'s entry, or NULL. */
const struct ini_key *ini_section_get(const struct ini_section *s, struct str key);

#endif
