/* Values of inherited variables named *_KEY, *_TOKEN, *_SECRET or *_PASSWORD are not to be seen: in logs, and on the screen. Results keep them. */
#ifndef AXMAKE_RUN_MASK_H
#define AXMAKE_RUN_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"

struct mask {
	VEC(struct str) values; /* of eight bytes or more; also their lines, and all of it as JSON has it */
	size_t longest;
};

/* From an environment, whose strings must stay; what else is needed is in the arena. */
void mask_read(struct mask *m, struct arena *a, const char *const *env);

/* Adds text with each value as "***". */
void mask_text(const struct mask *m, struct str text, struct sbuf *out);
/* The text itself where it holds none, else a masked copy in the arena. Also masked is what stands of a value that a closing "…" has cut. */
struct str mask_copy(const struct mask *m, struct arena *a, struct str text);
/* Without what may be the beginning of a value at its end: for text of which more may come. */
struct str mask_before_cut(const struct mask *m, struct str text);
/* Without what may be the end of a value at its beginning: for text whose beginning was cut away. */
struct str mask_behind_cut(const struct mask *m, struct str text);

/* Writes a masked copy of file `from` to `to` (by rename; they may be one) when it holds any value; *found says so. 0 or errno (what is no file is refused); a missing file holds none. */
int mask_file(const struct mask *m, int at, const char *from, const char *to, bool *found);

/* A stream in pieces: masks what is sure, and keeps back in `carry` what may be the beginning of a value. `last`: nothing more comes. */
void mask_piece(const struct mask *m, struct sbuf *carry, struct str piece, bool last, struct sbuf *out);

#endif
