/* Private to the options: what is parsed, and the table of options. */
#ifndef AXMAKE_OPTION_ROWS_H
#define AXMAKE_OPTION_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "flag_origin.h"

struct options;
struct setting;

/* ARG_LONG: optional, of the long names alone. ARG_NUMBER, ARG_DECIMAL: optional, and may be the next word. */
enum arg { ARG_NONE, ARG_LONG, ARG_OPTIONAL, ARG_NUMBER, ARG_DECIMAL, ARG_REQUIRED };
/* Everything is allowed on the command line, and but for what is ON_COMMAND_LINE alone in AXMAKEFLAGS: that is inherited by all that tasks call. */
enum source { IN_MAKEFLAGS = 1, IN_SETTINGS = 2, ON_COMMAND_LINE = 4 };

/* The values that an option knows by name. */
struct choices {
	const char *const *p;
	size_t n;
};

/* One place that options come from. */
struct parse {
	struct options *o;
	struct arena *arena;
	struct diag *diag;
	enum flag_origin from;
	struct pos at;
	struct str spelled;      /* the option at hand as it was written */
	struct str mode_spelled; /* the mode that this place has asked for */
	const struct str *words;
	size_t n, i; /* words, and the next one */
	struct choices *choices; /* nothing is to be set: which values would do is asked. NULL: it is not */
};

struct row {
	char letter;       /* 0: none */
	const char *names; /* long names, by blanks; the first is the one that is shown */
	enum arg arg;
	void (*set)(struct parse *p, const struct row *row, struct str value); /* value.p == NULL: none was given */
	size_t field;                                                          /* of struct options */
	int value;                                                             /* what set stores */
	unsigned where;
	const char *form, *help; /* help NULL: not listed */
};

/* All options, in the order of --help. */
extern const struct row option_rows[];
extern const size_t option_rows_n;
/* Setters of option_files.c. */
void option_set_file(struct parse *p, const struct row *row, struct str value);
bool option_notify_setting(struct options *o, struct arena *a, struct diag *d, const struct setting *s); /* false: it is another one */
void option_add_report(struct parse *p, const struct row *row, struct str value);

/* The name that is shown, without dashes. */
struct str option_name(const struct row *row);
/* Takes the next long name from a row's; false: there is none. */
bool option_next_name(const char **names, struct str *name);
/* By any of its whole long names; NULL: there is none. */
const struct row *option_named(struct str name);
/* By what one option's names alone begin with; NULL after an error. */
const struct row *option_of_prefix(struct parse *p, struct str prefix);
/* The values that the option, which takes one, would take; none where it does not know them by name. */
void option_choices(const struct row *row, struct arena *a, struct choices *all);
/* -lLOAD of MAKEFLAGS. What no make could have written is passed over. */
void option_inherit_load(struct options *o, struct str load);
/* --jobserver-auth, which may be empty: it is a parent's word. */
bool option_is_auth(const struct row *row);

#endif
