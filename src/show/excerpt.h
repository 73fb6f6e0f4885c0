/* So much of a text as a page has room for, fit to be shown to people: masked, and with control characters and bad bytes made visible. */
#ifndef AXMAKE_SHOW_EXCERPT_H
#define AXMAKE_SHOW_EXCERPT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "run/mask.h"

struct excerpt {
	struct str head, tail; /* in the arena; of what is not cut all is in head */
	uint64_t size;         /* of the whole, in bytes */
	uint64_t cut;          /* so many of these are left out between head and tail; 0: it is whole */
};

/* Of a text longer than `most` bytes: its beginning and, a quarter of that, its end. */
void excerpt_text(struct arena *a, const struct mask *m, struct str text, size_t most, struct excerpt *out);
/* The same of a file of folder `at`, of which no more is read. 0 or errno; links, folders and pipes are none: ELOOP, EISDIR, EINVAL. */
int excerpt_file(struct arena *a, const struct mask *m, int at, const char *path, size_t most, struct excerpt *out);

#endif
