/* Programs that are installed together with axmake. */
#ifndef AXMAKE_BASE_BESIDE_H
#define AXMAKE_BASE_BESIDE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* The program of that name beside this process's own, or where a package keeps programs that are not for people's PATH: ../libexec/axmake or ../lib/axmake from there. Its absolute
 * path lies in the arena. false with errno: ENOENT where there is none. */
bool beside_find(struct arena *a, struct str name, struct str *out);

#endif
