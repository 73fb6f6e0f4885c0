/* Where a user's limits are kept. */
#ifndef AXMAKE_STATE_LIMITS_FOLDER_H
#define AXMAKE_STATE_LIMITS_FOLDER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Opens the folder, made when missing, close-on-exec; *path gets its name. -1 with *problem, a whole phrase in the arena. */
int limits_folder_open(struct arena *a, struct str *path, struct str *problem);
/* Its name, be it there or not. False: there is no place for one. */
bool limits_folder_path(struct arena *a, struct str *path);

#endif
