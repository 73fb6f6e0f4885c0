/* The expression of `when`: taken apart once, before anything runs; judged when the task's turn has come.
 *
 *   condition = all { "||" all }
 *   all       = not { "&&" not }
 *   not       = { "!" } term
 *   term      = "(" condition ")" | "true" | "false" | "exists" "(" path ")" | value ( "==" | "!=" ) value
 *   value     = '"' text '"' | "'" text "'" | "${" name "}"
 *   path      = value | a word without spaces, quotes, parentheses and signs of this grammar
 *
 * In quoted texts and words `${name}` stands for its value and `$${` for `${`; there are no other escapes: a text with one kind of
 * quote stands in the other. Texts are equal when their bytes are. A value by itself is neither true nor false: that is an error.
 * Values are put in after the expression was taken apart, and never looked at again: whatever an answer holds, it stays a text. */
#ifndef AXMAKE_LOAD_CONDITION_H
#define AXMAKE_LOAD_CONDITION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "load/definition.h"
#include "load/expand.h"

/* Parentheses within parentheses. */
#define CONDITION_DEPTH 64

/* A value or path, where it stands in the source, quotes and all: bytes [from, to). */
struct operand {
	struct template value;
	size_t from, to;
	bool is_path; /* of TERM_EXISTS. No pattern, and not empty unless by what is put in */
};

enum term_kind { TERM_CONST, TERM_EQUAL, TERM_UNEQUAL, TERM_EXISTS, TERM_ALL, TERM_ANY };

struct term {
	enum term_kind kind;
	bool negated;
	bool truth;               /* TERM_CONST */
	size_t operand;           /* TERM_EXISTS: its number; TERM_EQUAL, TERM_UNEQUAL: that of the left one, the right one follows */
	struct term *first, *next; /* TERM_ALL, TERM_ANY: the first of its terms; the next one of the term that this stands in */
};

struct condition {
	struct text source;
	struct operand *operands; /* in the order of the source */
	size_t n_operands;
	struct term *root;
};

/* In the arena. NULL after reporting what is wrong, at its place. */
struct condition *condition_parse(struct arena *a, struct diag *d, struct text source);

#endif
