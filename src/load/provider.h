/* The keys of a [provider] section. Private to the rules. */
#ifndef AXMAKE_LOAD_PROVIDER_H
#define AXMAKE_LOAD_PROVIDER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/diag.h"
#include "load/inifile.h"
#include "load/rules.h"

/* Lays a section over what p says already, key by key; an empty value clears. `user`: keys that shape the call are noted in
 * user_shape, and another command than p's makes p start afresh: of what it said, only limits, privacy and `ask` stay. */
void provider_apply(struct provider *p, struct arena *a, struct diag *d, const struct ini_section *section, bool user);
/* What only the sum of all sections shows: a command is there, and hands the prompt and the result over as `prompt` and `result`
 * say. */
void provider_check(const struct provider *p, struct diag *d);

#endif
