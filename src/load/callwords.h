/* Words of a command as rules give them, with placeholders ${…} still in them. */
#ifndef AXMAKE_LOAD_CALLWORDS_H
#define AXMAKE_LOAD_CALLWORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "load/inifile.h"

struct words {
	struct str *p;
	size_t n;
	struct pos at;
};

/* Splits a key's value as a shell splits words. `known`: the placeholders' names, ended by NULL; others, open ones and open quotes are reported, and out->n is 0 then. out->at is
 * set whatever comes, so that nobody says there are none. */
void callwords_read(struct arena *a, struct diag *d, const struct ini_key *key, const char *const *known, struct words *out);
/* Does any word hold the placeholder ${name}? */
bool callwords_use(const struct words *w, struct str name);
bool callwords_word_uses(struct str word, struct str name);
/* The word with values in the places of their names: as they are, and never looked at again. A `$${` becomes `${`; a name for which `value_of` has NULL stays as it was written. */
struct str callwords_expand(struct arena *a, struct str word, const struct str *(*value_of)(const void *self, struct str name), const void *self);
/* Is it a name that a variable can have? */
bool callwords_is_name(struct str word);

#endif
