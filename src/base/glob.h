/* Patterns: `*` and `?` within a part, `**` over parts, `[a-z]`, `[!a-z]`, backslash quotes. A leading dot of a part must be matched by a dot. */
#ifndef AXMAKE_BASE_GLOB_H
#define AXMAKE_BASE_GLOB_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/seen.h"
#include "base/str.h"
#include "base/vec.h"

bool glob_is_pattern(struct str s); /* does it hold an unquoted * ? or [ */
/* What a text that is no pattern names: without its quoting backslashes. */
struct str glob_literal(struct arena *a, struct str s);
/* The pattern that matches just this path, added to b. */
void glob_quote(struct sbuf *b, struct str path);
/* Does the whole normal path match? `dots`: wildcards match leading dots too (for trees). Never exponential. */
bool glob_match(struct str pattern, struct str path, bool dots);
/* The longest normal folder that every match lies in: "src/gen/ *.c" -> "src/gen", "*.c" -> ".". */
struct str glob_prefix(struct str pattern);
/* Could a path matching `a` match `b` also? May say true where it cannot tell. `a` or `b` may be paths, quoted. */
bool glob_may_meet(struct str a, struct str b);

/* Is `name` in `folder` (relative to the root, normal; empty: the root) one that never counts: `.git`, `.axmake`, `.automatosx/status`, "." or ".."? */
bool glob_passes_over(struct str folder, const char *name);

/* Files found on disk. */
struct glob_list {
	VEC(struct str) paths; /* normal, relative to the root; in byte order, each once, after glob_sort */
	struct seen *seen;     /* given by the caller: where folders that were listed are noted; NULL: nowhere */
};
/* Adds every file (not folder; links to files count, links to folders are not entered) under root_fd that matches. What
 * glob_passes_over says is never entered. A missing folder finds nothing. 0, or errno with *bad_path set. */
int glob_walk(struct arena *a, int root_fd, struct str pattern, struct glob_list *out, struct str *bad_path);
/* All files below folder `dir` ("." too), names with leading dots as well. */
int glob_walk_tree(struct arena *a, int root_fd, struct str dir, struct glob_list *out, struct str *bad_path);
void glob_sort(struct glob_list *l);

#endif
