/* Where the user is at home. */
#ifndef AXMAKE_BASE_HOME_H
#define AXMAKE_BASE_HOME_H

#include "base/arena.h"

/* By the system's own list; NULL: it has none. */
const char *home_listed(struct arena *a);
/* HOME, else by that list; NULL: not known. */
const char *home_folder(struct arena *a);

#endif
