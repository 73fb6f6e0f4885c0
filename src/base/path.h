/* Paths are bytes, relative to the root, with '/' between parts. */
#ifndef AXMAKE_BASE_PATH_H
#define AXMAKE_BASE_PATH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Lexical normal form: no "." parts, no doubled or final slash, "x/.." resolved (leading ".." stay; "/.." is "/"); the empty path and
 * "." give ".". `./d//x` gives `d/x`. A trailing slash is dropped: ask before. Returns s itself where nothing changes. */
struct str path_normal(struct arena *a, struct str s);
/* A normal path that does not leave the root: not absolute, not "..", not "../…". */
bool path_inside(struct str normal);
struct str path_dir(struct str normal);  /* "a/b" -> "a"; "a" -> "."; "/a" -> "/" */
struct str path_base(struct str normal); /* "a/b" -> "b" */
/* dir/name, normal; name itself when it is absolute or dir is ".". */
struct str path_join(struct arena *a, struct str dir, struct str name);
/* Is `path` equal to `dir` or below it? Both normal. "." holds every inside path. */
bool path_under(struct str path, struct str dir);
/* `path` (absolute or relative to `from`, both absolute and normal) as seen from `from`: "../x". */
struct str path_relative(struct arena *a, struct str from, struct str path);
/* A task's name as one file name: bytes other than letters, digits, '.', '_', '-', '+', ',' and UTF-8 beyond ASCII as %XX; a leading dot too; more than
 * 200 bytes: the first 160, '~' and 16 hexadecimal digits of its hash. Different names give different results. */
struct str path_escape_name(struct arena *a, struct str name);

#endif
