/* Options by their long names, and by what those begin with. */
#include <string.h>

#include "option_rows.h"

bool option_next_name(const char **names, struct str *name)
{
	struct str rest = str_of(*names);

	*name = str_sub(rest, 0, str_find(rest, STR(" "), 0));
	*names += name->n < rest.n ? name->n + 1 : name->n;
	return name->n > 0;
}

struct str option_name(const struct row *row)
{
	const char *names = row->names;
	struct str name;

	option_next_name(&names, &name);
	return name;
}

static bool is_among(const char *names, struct str wanted)
{
	for (const char *end; *names; names = *end ? end + 1 : end) {
		end = strchrnul(names, ' ');
		if (*names == *wanted.p && (size_t)(end - names) == wanted.n && !memcmp(names, wanted.p, wanted.n))
			return true;
	}
	return false;
}

static bool is_first(const char *names, struct str wanted)
{
	return *names == *wanted.p && !strncmp(names, wanted.p, wanted.n) && (!names[wanted.n] || names[wanted.n] == ' ');
}

/* Most are called by their first name, for which no row has to be read to its end. */
const struct row *option_named(struct str wanted)
{
	for (size_t i = 0; wanted.n && i < option_rows_n; i++)
		if (is_first(option_rows[i].names, wanted))
			return &option_rows[i];
	for (size_t i = 0; wanted.n && i < option_rows_n; i++)
		if (is_among(option_rows[i].names, wanted))
			return &option_rows[i];
	return NULL;
}

/* The first of its names that begins so; STR_NONE: none does. */
static struct str name_of_prefix(const struct row *row, struct str prefix)
{
	struct str name;

	for (const char *names = row->names; option_next_name(&names, &name);)
		if (str_starts(name, prefix))
			return name;
	return STR_NONE;
}

static void report_ambiguous(struct parse *p, struct str prefix, size_t left)
{
	struct sbuf b = {0};

	for (size_t i = 0; i < option_rows_n; i++) {
		struct str name = name_of_prefix(&option_rows[i], prefix);

		if (name.n)
			sbuf_printf(&b, "'--%.*s'%s", STR_ARG(name), --left > 1 ? ", " : left ? " or " : "");
	}
	diag_error(p->diag, p->at, NULL, "'--%.*s' may be %.*s", STR_ARG(prefix), (int)b.n, b.p);
	sbuf_free(&b);
}

static void report_unknown(struct parse *p, struct str word)
{
	struct suggestion near = {.wanted = arena_printf(p->arena, "--%.*s", STR_ARG(word))};
	const char *hint;
	struct str name;

	for (size_t i = 0; i < option_rows_n; i++)
		for (const char *names = option_rows[i].names; option_next_name(&names, &name);)
			suggestion_offer(&near, arena_printf(p->arena, "--%.*s", STR_ARG(name)));
	hint = diag_did_you_mean(p->diag, &near);
	diag_error(p->diag, p->at, hint ? hint : "axmake --help=all lists them", "unknown option '--%.*s'", STR_ARG(word));
}

const struct row *option_of_prefix(struct parse *p, struct str prefix)
{
	const struct row *found = NULL;
	size_t n = 0;

	for (size_t i = 0; prefix.n && i < option_rows_n; i++)
		if (name_of_prefix(&option_rows[i], prefix).n) {
			found = &option_rows[i];
			n++;
		}
	if (n > 1)
		report_ambiguous(p, prefix, n);
	else if (!n)
		report_unknown(p, prefix);
	return n == 1 ? found : NULL;
}
