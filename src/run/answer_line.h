/* What programs wrote, as one line for people, and matched against a rule's patterns. */
#ifndef AXMAKE_RUN_ANSWER_LINE_H
#define AXMAKE_RUN_ANSWER_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define LINE_BYTES ((size_t)300)

/* Text as one line of at most LINE_BYTES: white space is one space, control characters and a terminal's sequences go, bad bytes
 * become U+FFFD, and what is too long ends in "…". In the arena. */
struct str line_of(struct arena *a, struct str s);
/* The last line that says something: has a letter, a digit or a character beyond ASCII. Part of `text`; empty when none does. */
struct str line_last(struct str text);
/* Does a line of one of two texts match the POSIX extended regular expression, in whatever case? An empty one matches nothing. */
bool line_matches(struct arena *a, struct str pattern, struct str text, struct str other);
/* What the pattern's first group that took part holds, in the first line of either text that has any; empty: none. In the arena. */
struct str line_group(struct arena *a, struct str pattern, struct str text, struct str other);

/* How long a text asks to wait before the next call ("retry-after: 7", "try again in 1.5 minutes", "Retry in 350ms"), in ns and at most
 * an hour; -1: it names no time. */
int64_t line_wait_ns(struct str text);

#endif
