/* The words after a verb: options from a table, the rest in their order. */
#ifndef AXMAKE_AX_WORDS_H
#define AXMAKE_AX_WORDS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/vec.h"

/* A verb's option. The table ends with a NULL name. */
struct ax_option {
	const char *name;  /* without dashes */
	char letter;       /* 0: none */
	const char *value; /* what its value is called in help; NULL: it takes none */
	const char *help;
};

struct ax_words {
	const struct ax_option *options;
	VEC(struct str) plain;
	struct str *values; /* by place in the table; p == NULL: not given, without a value: "" */
	bool help;
};

/* Takes argv[from..argc) apart; mistakes go to d. `--` ends the options; an option is known by its whole name. */
void ax_words_read(struct ax_words *w, struct arena *a, struct diag *d, const struct ax_option *options, int from, int argc, char **argv);

/* Is the word an option of the table that still wants its value? NULL: it is not. */
const struct ax_option *ax_words_open(const struct ax_option *options, struct str word);

/* The value of an option; p == NULL: it was not given. */
struct str ax_words_value(const struct ax_words *w, const char *name);
bool ax_words_has(const struct ax_words *w, const char *name);

#endif
