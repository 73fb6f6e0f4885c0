/* Which of several workflow files in a folder is the main one. */
#ifndef AXMAKE_LOAD_CANDIDATES_H
#define AXMAKE_LOAD_CANDIDATES_H

#include <stddef.h>

#include "base/arena.h"
#include "base/seen.h"
#include "base/str.h"

/* The one file of the current folder from which `include` leads to all the others, and that none of them includes; STR_NONE: there is none. Files that cannot be read or parsed include
 * nothing, and neither does one with a root of its own, where its paths begin elsewhere. What is looked at is noted in `seen` (or NULL). Nothing is reported. */
struct str candidates_main(struct arena *a, struct seen *seen, const struct str *files, size_t n);

#endif
