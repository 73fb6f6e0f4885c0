#include "options.h"

#include <ctype.h>
#include <string.h>

#include "load/makeflags.h"
#include "load/value.h"
#include "option_rows.h"

static const struct row *row_of_letter(char letter)
{
	for (size_t i = 0; letter && i < option_rows_n; i++)
		if (option_rows[i].letter == letter)
			return &option_rows[i];
	return NULL;
}

/* Rows that set the same thing are one to a setting: -k and -S. */
static uint64_t bits_of(const struct row *row)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < option_rows_n; i++)
		if (&option_rows[i] == row || (option_rows[i].set == row->set && row->field && option_rows[i].field == row->field))
			bits |= UINT64_C(1) << i;
	return bits;
}

static void apply(struct parse *p, const struct row *row, struct str value)
{
	if (row->arg == ARG_REQUIRED && !value.n && !option_is_auth(row)) {
		diag_error(p->diag, p->at, NULL, "'%.*s' wants a value: %s", STR_ARG(p->spelled), row->form);
		return;
	}
	if (p->from == FROM_AXMAKEFLAGS && row->where & ON_COMMAND_LINE) {
		diag_error(p->diag, p->at, "give it on the command line", "'%.*s' is nothing for AXMAKEFLAGS", STR_ARG(p->spelled));
		return;
	}
	row->set(p, row, value);
	if (p->from != FROM_SETTINGS)
		p->o->given |= bits_of(row);
}

static bool is_number(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isdigit((unsigned char)s.p[i]))
			return false;
	return s.n > 0;
}

/* The next word as value of an option that wants one and has none of its own. */
static struct str following_value(struct parse *p, const struct row *row)
{
	double load;

	if (p->i < p->n && (row->arg == ARG_REQUIRED || (row->arg == ARG_NUMBER && is_number(p->words[p->i])) ||
	                    (row->arg == ARG_DECIMAL && value_load(p->words[p->i], &load))))
		return p->words[p->i++];
	if (row->arg == ARG_REQUIRED && p->from == FROM_COMMAND)
		p->o->open = row;
	return STR_NONE;
}

static void read_long(struct parse *p, struct str word)
{
	size_t eq = str_find(word, STR("="), 0);
	struct str name = str_sub(word, 2, eq), value = eq < word.n ? str_sub(word, eq + 1, word.n) : STR_NONE;
	const struct row *row = option_named(name);

	p->spelled = str_sub(word, 0, eq);
	if (!row)
		row = option_of_prefix(p, name);
	if (!row)
		return;
	if (row->arg == ARG_NONE && value.p) {
		diag_error(p->diag, p->at, NULL, "'%.*s' takes no value", STR_ARG(p->spelled));
		return;
	}
	apply(p, row, value.p ? value : following_value(p, row));
}

static void report_letter(struct parse *p, char letter)
{
	static const char others[] = "bmeERLI";
	bool make_has_it = str_find(STR(others), (struct str){&letter, 1}, 0) < sizeof others - 1;

	diag_error(p->diag, p->at, make_has_it ? "make has it, axmake does not" : "axmake --help=all lists them",
	           "unknown option '-%c'", letter);
}

static void read_letters(struct parse *p, struct str word)
{
	for (size_t i = 1; i < word.n; i++) {
		const struct row *row = row_of_letter(word.p[i]);
		struct str rest = str_sub(word, i + 1, word.n);

		p->spelled = arena_printf(p->arena, "-%c", word.p[i]);
		if (!row) {
			report_letter(p, word.p[i]);
		} else if (row->arg == ARG_NONE || row->arg == ARG_LONG) {
			apply(p, row, STR_NONE);
		} else {
			apply(p, row, rest.n ? rest : following_value(p, row));
			return;
		}
	}
}

static bool is_identifier(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '_')
			return false;
	return s.n && !isdigit((unsigned char)s.p[0]);
}

static bool replace_var(struct var_def *vars, size_t n, const struct var_def *var)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(vars[i].name.s, var->name.s)) {
			vars[i] = *var;
			return true;
		}
	return false;
}

/* A later value takes the earlier one's place: MAKEFLAGS' that of AXMAKEFLAGS, too, which has been read by then. */
static void add_var(struct parse *p, struct str name, struct str value)
{
	struct options *o = p->o;
	struct var_def var = {.name = {.s = name, .at = p->at}, .value = {.s = value, .at = p->at}};

	if (replace_var(o->vars.p, o->vars.n, &var) && p->from != FROM_MAKEFLAGS)
		return;
	if (p->from != FROM_MAKEFLAGS)
		vec_push(p->arena, &o->vars, var);
	else if (!replace_var(o->inherited_vars.p, o->inherited_vars.n, &var))
		vec_push(p->arena, &o->inherited_vars, var);
}

static void read_operand(struct parse *p, struct str word)
{
	size_t eq = str_find(word, STR("="), 0);

	if (eq < word.n && is_identifier(str_sub(word, 0, eq)))
		add_var(p, str_sub(word, 0, eq), str_sub(word, eq + 1, word.n));
	else if (!word.n)
		diag_error(p->diag, p->at, NULL, "a target's name is empty");
	else if (p->from == FROM_AXMAKEFLAGS)
		diag_error(p->diag, p->at, "targets stand on the command line", "'%.*s' is no option", STR_ARG(word));
	else
		vec_push(p->arena, &p->o->targets, word);
}

static void read_words(struct parse *p)
{
	bool options = true;

	while (p->i < p->n) {
		struct str word = p->words[p->i++];

		if (options && str_eq(word, STR("--")))
			options = false;
		else if (options && str_starts(word, STR("--")))
			read_long(p, word);
		else if (options && str_starts(word, STR("-")) && word.n > 1)
			read_letters(p, word);
		else if (!options || !str_eq(word, STR("-"))) /* a lone '-' means nothing, as to make */
			read_operand(p, word);
	}
}

/* The options of make that axmake takes from a parent; the others are the parent's business. */
static void take_inherited(struct parse *p, struct str option)
{
	size_t eq = str_find(option, STR("="), 0);
	const struct row *row = option.n == 1 ? row_of_letter(option.p[0]) : option_named(str_sub(option, 0, eq));

	if (row && row->where & IN_MAKEFLAGS && (row->arg == ARG_NONE) == (eq == option.n))
		apply(p, row, eq < option.n ? str_sub(option, eq + 1, option.n) : STR_NONE);
}

static void read_makeflags(struct options *o, struct arena *a, struct diag *d)
{
	struct parse p = {.o = o, .arena = a, .diag = d, .from = FROM_MAKEFLAGS};
	struct makeflags flags = makeflags_parse(a, o->makeflags);

	o->makeflags_jobs = flags.jobs;
	if (flags.load.n)
		option_inherit_load(o, flags.load);
	for (size_t i = 0; i < flags.options.n; i++)
		take_inherited(&p, flags.options.p[i]);
	for (size_t i = 0; i < flags.vars.n; i++)
		if (is_identifier(flags.vars.p[i].name.s))
			add_var(&p, flags.vars.p[i].name.s, flags.vars.p[i].value.s);
}

static void read_axmakeflags(struct options *o, struct arena *a, struct diag *d, struct str flags)
{
	struct parse p = {.o = o, .arena = a, .diag = d, .from = FROM_AXMAKEFLAGS};

	p.at = (struct pos){diag_source(d, STR("AXMAKEFLAGS"), STR_NONE), 0, 0};
	p.words = value_words(a, flags, &p.n);
	if (!p.words)
		diag_error(d, p.at, "words are split as a shell splits them", "unterminated quote");
	else
		read_words(&p);
}

void options_parse(struct options *o, struct arena *a, struct diag *d, int argc, char **argv, const char *axmakeflags,
                   const char *makeflags)
{
	struct parse command = {.o = o, .arena = a, .diag = d, .from = FROM_COMMAND};
	struct str *words = arena_array(a, struct str, (size_t)argc);

	*o = (struct options){.print_directory = -1, .max_load = -1, .cache_size = CACHE_SIZE_UNSET, .makeflags = str_of(makeflags)};
	if (axmakeflags && *axmakeflags)
		read_axmakeflags(o, a, d, str_of(axmakeflags));
	read_makeflags(o, a, d);
	for (int i = 1; i < argc; i++)
		words[command.n++] = str_of(argv[i]);
	command.words = words;
	read_words(&command);
}

static void report_setting(struct diag *d, const struct setting *s)
{
	struct suggestion near = {.wanted = s->name.s};
	struct str name;

	for (size_t i = 0; i < option_rows_n; i++)
		for (const char *names = option_rows[i].names; option_rows[i].where & IN_SETTINGS && option_next_name(&names, &name);)
			suggestion_offer(&near, name);
	diag_error(d, s->name.at, diag_did_you_mean(d, &near), "unknown setting '%.*s'", STR_ARG(s->name.s));
}

static void take_setting(struct options *o, struct arena *a, struct diag *d, const struct setting *s)
{
	struct parse p = {.o = o, .arena = a, .diag = d, .from = FROM_SETTINGS, .at = s->value.at, .spelled = s->name.s};
	const struct row *row = option_named(s->name.s);

	if (options_cache_setting(o, a, d, s) || option_notify_setting(o, a, d, s))
		return;
	if (!row)
		report_setting(d, s);
	else if (!(row->where & IN_SETTINGS))
		diag_error(d, s->name.at, row->where & ON_COMMAND_LINE ? "give it on the command line" : "give it on the command line or in AXMAKEFLAGS", "'%.*s' is an option, but no setting",
		           STR_ARG(s->name.s));
	else if (s->value.s.n)
		apply(&p, row, s->value.s);
}

/* A setting that an option overrides is checked all the same, on options that nobody looks at. */
void options_settings(struct options *o, struct arena *a, struct diag *d, const struct rules *r)
{
	for (size_t i = 0; i < r->settings.n; i++) {
		const struct row *row = option_named(r->settings.p[i].name.s);
		struct options unused = {0};

		take_setting(row && o->given & bits_of(row) ? &unused : o, a, d, &r->settings.p[i]);
	}
}

bool options_given(const struct options *o, const char *name)
{
	const struct row *row = option_named(str_of(name));

	return row && o->given & bits_of(row);
}

bool options_same(struct str a, const char *b)
{
	const struct row *x = option_named(a), *y = option_named(str_of(b));

	return x && y && bits_of(x) & bits_of(y);
}

static void help_line(FILE *to, const struct row *row)
{
	struct sbuf left = {0};
	const char *form = row->form ? row->form : "";
	struct str name = option_name(row);

	sbuf_printf(&left, row->letter ? "  -%c, " : "      ", row->letter);
	sbuf_printf(&left, "--%.*s%s%s", STR_ARG(name), row->arg == ARG_REQUIRED ? "=" : "", form);
	fprintf(to, "%-29s %s\n", left.p, row->help);
	sbuf_free(&left);
}

/* Is it one of those that somebody needs who does not know axmake yet? With all else they fit a terminal of 24 lines. */
static bool is_usual(const struct row *row)
{
	static const char *const usual[] = {"file",   "jobs", "keep-going", "dry-run", "always-make", "explain",  "graph",  "list", "status",
					    "watch",  "log",  "result",     "approve", "reject",      "provider", "budget", "init", "doctor"};

	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (row == option_named(str_of(usual[i])))
			return true;
	return false;
}

void options_help(FILE *to, bool all)
{
	fputs("Usage: axmake [options] [VAR=value ...] [target ...]\n"
	      "Brings the targets (tasks, or files that tasks make; by default all) up to date.\n\n",
	      to);
	for (size_t i = 0; i < option_rows_n; i++)
		if (option_rows[i].help && (all || is_usual(&option_rows[i])))
			help_line(to, &option_rows[i]);
	fputs(all ? "\nAXMAKEFLAGS holds defaults for these options, axmake.ini's [axmake] too.\n"
		    "Exit status: 0 done, 1 stale (-q), 2 a task failed or the input is wrong.\n"
		    "`man axmake` says more.\n"
		  : "\n`axmake --help=all` lists all options, `man axmake` explains them.\n",
	      to);
}
