#include "complete.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "offers.h"
#include "option_rows.h"

/* What its help calls the value says what it is; else the option itself says which there are. */
static void values(struct offers *o, const struct row *row)
{
	struct choices all = {0};
	if (row->form && offer_values(o, str_of(row->form)))
		return;
	option_choices(row, &o->g->arena, &all);
	for (size_t i = 0; i < all.n; i++)
		offer(o, str_of(all.p[i]), STR_NONE);
}

/* --NAME, and once some of it was typed --NAME=VALUE for each value that it may have, where it need not have one. */
static void option(struct offers *o, const struct row *row)
{
	struct str name = option_name(row), help = str_of(row->help);
	offer(o, arena_printf(&o->g->arena, "--%.*s", STR_ARG(name)), help);
	if (row->letter && o->word.n < 2)
		offer(o, arena_printf(&o->g->arena, "-%c", row->letter), help);
	if ((row->arg != ARG_OPTIONAL && row->arg != ARG_LONG) || o->word.n < 3)
		return;
	o->fixed = arena_printf(&o->g->arena, "--%.*s=", STR_ARG(name));
	values(o, row);
	o->fixed = STR_NONE;
}

/* The value in "--provider=off". */
static void own_value(struct offers *o, size_t eq)
{
	const struct row *row = option_named(str_sub(o->word, 2, eq));
	o->fixed = str_sub(o->word, 0, eq + 1);
	if (row && row->help && row->arg != ARG_NONE)
		values(o, row);
}

static void options(struct offers *o)
{
	size_t eq = str_find(o->word, STR("="), 0);
	if (eq < o->word.n) {
		if (str_starts(o->word, STR("--")))
			own_value(o, eq);
		return;
	}
	for (size_t i = 0; i < option_rows_n; i++)
		if (option_rows[i].help)
			option(o, &option_rows[i]);
}

static bool enter_folders(const struct program *g, struct arena *a)
{
	for (size_t i = 0; i < g->options.dirs.n; i++)
		if (chdir(arena_copy(a, g->options.dirs.p[i]).p))
			return false;
	return true;
}

void complete(struct program *g, int n, char **words)
{
	struct offers o = {.g = g, .word = str_of(n ? words[n - 1] : "")};
	char **before = arena_array(&g->arena, char *, (size_t)n + 1); /* for the parser: the program's name stands in front */
	bool ended = false;
	before[0] = (char *)g->name;
	for (int i = 0; i + 1 < n; i++) {
		before[i + 1] = words[i];
		ended = ended || !strcmp(words[i], "--");
	}
	options_parse(&g->options, &g->arena, g->project.diag, n ? n : 1, before, getenv("AXMAKEFLAGS"), NULL);
	/* Mistakes in other words do not matter to this one: only what the files hold does. */
	diag_rewind(g->project.diag, 0);
	if (!enter_folders(g, &g->arena)) {
		offers_print(&o);
		return;
	}
	if (g->options.open) {
		values(&o, g->options.open);
	} else if (!ended && str_starts(o.word, STR("-"))) {
		options(&o);
	} else {
		offer_tasks(&o);
		offer_vars(&o);
	}
	offers_print(&o);
}
