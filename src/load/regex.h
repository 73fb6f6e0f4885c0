/* POSIX extended regular expressions of rules and settings. */
#ifndef AXMAKE_LOAD_REGEX_H
#define AXMAKE_LOAD_REGEX_H

#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

/* What is wrong with one, in words that stay or lie in the arena; NULL: it can be compiled, with REG_ICASE or without, and *groups of it are in parentheses. Beside what regcomp refuses these are
 * parentheses too deep for it, which it follows by recursion, and repetitions of repetitions, which it writes out. pattern: ends in a NUL. */
const char *regex_fault(struct arena *a, struct str pattern, size_t *groups);

#endif
