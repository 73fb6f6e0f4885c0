/* Which runs may be answered by a seal (state/seal.h) or leave one, and what a seal is bound to. */
#ifndef AXMAKE_SEALED_H
#define AXMAKE_SEALED_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "options.h"
#include "run/jobserver.h"

/* All that a verdict and its message hang on, but for what is looked at on the way (base/seen.h): this program, its user, the folder it is in, its words, and the variables that are
 * read as options. A jobserver's address is left out: it is another one with every make. */
struct sealed_by {
	const struct options *options;
	const struct jobserver_inherited *inherited;
	int argc;
	char **argv;
	struct str folder; /* absolute; -C has been followed */
	bool color;
};

/* false: only a plain run that would do no more than bring its targets up to date, without a word of warning, is a matter of seals. */
bool sealed_key(const struct sealed_by *by, struct arena *a, struct hash128 *key);

#endif
