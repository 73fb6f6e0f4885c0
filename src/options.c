#include "options.h"

#include <ctype.h>
#include <limits.h>
#include <stddef.h>

#include "load/makeflags.h"
#include "load/value.h"

enum arg { ARG_NONE, ARG_OPTIONAL, ARG_NUMBER, ARG_REQUIRED }; /* ARG_NUMBER: optional, and may be the next word */
enum source { IN_MAKEFLAGS = 1, IN_SETTINGS = 2 };             /* everything is allowed on the command line and in AXMAKEFLAGS */

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

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void *field_of(struct parse *p, const struct row *row)
{
	return (char *)p->o + row->field;
}

static void report_choice(struct parse *p, struct str value, const char *const *choices, size_t n)
{
	struct suggestion near = {.wanted = value};
	struct sbuf all = {0};

	for (size_t i = 0; i < n; i++) {
		suggestion_offer(&near, str_of(choices[i]));
		sbuf_printf(&all, "%s%s", !i ? "" : i + 1 < n ? ", " : " or ", choices[i]);
	}
	diag_error(p->diag, p->at, diag_did_you_mean(p->diag, &near), "'%.*s' wants %s, not '%.*s'", STR_ARG(p->spelled), all.p,
	           STR_ARG(value));
	sbuf_free(&all);
}

/* Finds value among n choices; -1 after saying which there are. */
static int choose(struct parse *p, struct str value, const char *const *choices, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(value, str_of(choices[i])))
			return (int)i;
	report_choice(p, value, choices, n);
	return -1;
}

static void set_not_built(struct parse *p, const struct row *row, struct str value)
{
	(void)row, (void)value;
	diag_error(p->diag, p->at, NULL, "'%.*s' is not built yet", STR_ARG(p->spelled));
}

/* A setting's boolean; an option by itself means yes. */
static bool read_bool(struct parse *p, struct str value, bool *on)
{
	*on = true;
	if (!value.p || value_bool(value, on))
		return true;
	diag_error(p->diag, p->at, "true or false", "'%.*s' is no value for '%.*s'", STR_ARG(value), STR_ARG(p->spelled));
	return false;
}

static void set_flag(struct parse *p, const struct row *row, struct str value)
{
	bool on;

	if (read_bool(p, value, &on))
		*(bool *)field_of(p, row) = on;
}

/* -k and -S: of the two the last one counts. */
static void set_keep_going(struct parse *p, const struct row *row, struct str value)
{
	bool on;

	if (!read_bool(p, value, &on))
		return;
	p->o->keep_going = on == (bool)row->value;
	p->o->stop = !p->o->keep_going;
}

static void set_dry_run(struct parse *p, const struct row *row, struct str value)
{
	set_flag(p, row, value);
	if (p->from == FROM_MAKEFLAGS)
		p->o->makeflags_dry_run = true;
}

/* -B and -t mean less when a parent make handed them down: see options.h. */
static void set_here_or_inherited(struct parse *p, const struct row *row, struct str value)
{
	bool *inherited = (bool *)((char *)p->o + row->value);

	(void)value;
	*(p->from == FROM_MAKEFLAGS ? inherited : (bool *)field_of(p, row)) = true;
}

static void set_print_directory(struct parse *p, const struct row *row, struct str value)
{
	bool on;

	if (read_bool(p, value, &on))
		p->o->print_directory = on == (bool)row->value;
}

static void set_text(struct parse *p, const struct row *row, struct str value)
{
	*(struct str *)field_of(p, row) = value;
}

static void set_budget(struct parse *p, const struct row *row, struct str value)
{
	double usd;

	if (value_usd(value, &usd))
		*(double *)field_of(p, row) = usd;
	else
		diag_error(p->diag, p->at, NULL, "'%.*s' wants an amount in US dollars above 0, such as 5 or 0.50, not '%.*s'", STR_ARG(p->spelled),
		           STR_ARG(value));
}

static void add_dir(struct parse *p, const struct row *row, struct str value)
{
	(void)row;
	vec_push(p->arena, &p->o->dirs, value);
}

static void add_old_file(struct parse *p, const struct row *row, struct str value)
{
	(void)row;
	vec_push(p->arena, &p->o->old_files, value);
}

static void add_new_file(struct parse *p, const struct row *row, struct str value)
{
	(void)row;
	vec_push(p->arena, &p->o->new_files, value);
}

static void set_jobs(struct parse *p, const struct row *row, struct str value)
{
	int64_t n = JOBS_UNLIMITED;

	(void)row;
	if (value.p && !value_int(value, 1, INT_MAX, &n)) {
		diag_error(p->diag, p->at, NULL, "'%.*s' wants a number from 1 on, not '%.*s'", STR_ARG(p->spelled),
		           STR_ARG(value));
		return;
	}
	p->o->jobs = (int)n;
	p->o->jobs_from = p->from;
}

static void set_output_sync(struct parse *p, const struct row *row, struct str value)
{
	static const char *const kinds[] = {[SYNC_TARGET] = "target", [SYNC_NONE] = "none"};
	int kind;

	(void)row;
	if (str_eq(value, STR("line"))) {
		diag_error(p->diag, p->at, "target and none are", "'line' of '%.*s' is not built yet", STR_ARG(p->spelled));
		return;
	}
	kind = value.p ? choose(p, value, kinds, COUNT(kinds)) : SYNC_TARGET;
	if (kind >= 0)
		p->o->sync = (enum output_sync)kind;
}

static void set_color(struct parse *p, const struct row *row, struct str value)
{
	static const char *const colors[] = {[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"};
	int color = value.p ? choose(p, value, colors, COUNT(colors)) : COLOR_ALWAYS;

	(void)row;
	if (color >= 0)
		p->o->color = (enum color)color;
}

static void set_progress(struct parse *p, const struct row *row, struct str value)
{
	static const char *const ways[] = {"auto", "plain", "none"};

	(void)row;
	if (str_eq(value, STR("tty")))
		diag_error(p->diag, p->at, "auto, plain and none are", "'tty' of '%.*s' is not built yet", STR_ARG(p->spelled));
	else if (choose(p, value, ways, COUNT(ways)) >= 0)
		p->o->progress = value;
}

static void set_jobserver_style(struct parse *p, const struct row *row, struct str value)
{
	static const char *const styles[] = {"pipe", "fifo"};

	if (choose(p, value, styles, COUNT(styles)) >= 0)
		set_text(p, row, value);
}

static void set_auth(struct parse *p, const struct row *row, struct str value)
{
	(void)row;
	p->o->has_auth = true;
	p->o->auth = value;
}

/* --help and --version come before all else. Otherwise one place may ask for one thing; a later place wins. False: the mode stays
 * as it is. */
static bool enter_mode(struct parse *p, enum mode mode)
{
	bool informs = mode == MODE_HELP || mode == MODE_VERSION;

	if (p->o->mode == MODE_HELP || p->o->mode == MODE_VERSION)
		return false;
	if (p->mode_spelled.n && p->o->mode != mode && !informs) {
		diag_error(p->diag, p->at, "give one of them", "'%.*s' and '%.*s' exclude each other", STR_ARG(p->mode_spelled),
		           STR_ARG(p->spelled));
		return false;
	}
	p->o->mode = mode;
	p->mode_spelled = p->spelled;
	return true;
}

static void set_mode(struct parse *p, const struct row *row, struct str value)
{
	(void)value;
	enter_mode(p, (enum mode)row->value);
}

/* --log TASK, --result TASK */
static void set_subject_mode(struct parse *p, const struct row *row, struct str value)
{
	if (enter_mode(p, (enum mode)row->value))
		p->o->subject = value;
}

/* --approve TASK, --reject TASK[=WHY]: as often as one likes */
static void add_subject(struct parse *p, const struct row *row, struct str value)
{
	if (enter_mode(p, (enum mode)row->value))
		vec_push(p->arena, &p->o->subjects, value);
}

/* --list, --status: in words or =json */
static void set_listing_mode(struct parse *p, const struct row *row, struct str value)
{
	static const char *const forms[] = {"text", "json"};
	int form = value.p ? choose(p, value, forms, COUNT(forms)) : 0;

	if (form >= 0 && enter_mode(p, (enum mode)row->value))
		p->o->as_json = form == 1;
}

static void set_graph_mode(struct parse *p, const struct row *row, struct str value)
{
	static const char *const forms[] = {
	    [GRAPH_TEXT] = "text", [GRAPH_DOT] = "dot", [GRAPH_MERMAID] = "mermaid", [GRAPH_JSON] = "json"};
	int form = value.p ? choose(p, value, forms, COUNT(forms)) : GRAPH_TEXT;

	if (form >= 0 && enter_mode(p, (enum mode)row->value))
		p->o->graph_form = (enum graph_form)form;
}

static void set_clean_mode(struct parse *p, const struct row *row, struct str value)
{
	static const char *const whats[] = {"all"};

	if ((!value.p || choose(p, value, whats, COUNT(whats)) >= 0) && enter_mode(p, (enum mode)row->value))
		p->o->clean_all = value.p != NULL;
}

#define FIELD(f) offsetof(struct options, f)
#define BOTH (IN_MAKEFLAGS | IN_SETTINGS)

static const struct row rows[] = {
    {'f', "file makefile", ARG_REQUIRED, set_text, FIELD(file), 0, 0, "FILE", "read FILE instead of workflow.ax.yaml"},
    {'C', "directory", ARG_REQUIRED, add_dir, 0, 0, 0, "DIR", "change to DIR first"},
    {'j', "jobs", ARG_NUMBER, set_jobs, 0, 0, IN_SETTINGS, "[=N]", "run N tasks at once; as many as can without N"},
    {'k', "keep-going", ARG_NONE, set_keep_going, FIELD(keep_going), 1, BOTH, NULL,
     "after a failure go on with what does not need it"},
    {'S', "no-keep-going stop", ARG_NONE, set_keep_going, FIELD(keep_going), 0, IN_MAKEFLAGS, NULL, "undo -k"},
    {'i', "ignore-errors", ARG_NONE, set_flag, FIELD(ignore_errors), 0, BOTH, NULL, "a failed task fails nothing"},
    {'n', "dry-run just-print recon", ARG_NONE, set_dry_run, FIELD(dry_run), 0, IN_MAKEFLAGS, NULL,
     "say what would run; run nothing"},
    {'q', "question", ARG_NONE, set_flag, FIELD(question), 0, IN_MAKEFLAGS, NULL,
     "exit status 1 if something is stale; run nothing"},
    {'s', "silent quiet", ARG_NONE, set_flag, FIELD(silent), 0, BOTH, NULL, "do not print tasks as they start and end"},
    {'B', "always-make", ARG_NONE, set_here_or_inherited, FIELD(always_make), FIELD(always_make_inherited), IN_MAKEFLAGS, NULL,
     "take every task for stale"},
    {'t', "touch", ARG_NONE, set_here_or_inherited, FIELD(touch), FIELD(touch_inherited), IN_MAKEFLAGS, NULL,
     "record tasks as up to date; run nothing"},
    {'o', "old-file assume-old", ARG_REQUIRED, add_old_file, 0, 0, 0, "NAME", "take this file or task for up to date"},
    {'W', "what-if new-file assume-new", ARG_REQUIRED, add_new_file, 0, 0, 0, "NAME", "take this file or task for changed"},
    {'O', "output-sync", ARG_OPTIONAL, set_output_sync, 0, 0, IN_SETTINGS, "[=HOW]",
     "print output whole (target) or as it comes (none)"},
    {'w', "print-directory", ARG_NONE, set_print_directory, FIELD(print_directory), 1, IN_MAKEFLAGS, NULL,
     "print the directory at start and end"},
    {0, "no-print-directory", ARG_NONE, set_print_directory, FIELD(print_directory), 0, IN_MAKEFLAGS, NULL,
     "do not, even if it changes"},
    {'r', "no-builtin-rules", ARG_NONE, set_flag, FIELD(no_builtin), 0, 0, NULL, "forget the built-in providers and agents"},
    {0, "trace", ARG_NONE, set_flag, FIELD(trace), 0, IN_SETTINGS, NULL, "print why each task runs, and its command"},
    {0, "explain", ARG_NONE, set_mode, 0, MODE_EXPLAIN, 0, NULL, "say why each task is or is not stale"},
    {0, "graph", ARG_OPTIONAL, set_graph_mode, 0, MODE_GRAPH, 0, "[=FORM]", "print the graph: text, dot, mermaid or json"},
    {0, "list", ARG_OPTIONAL, set_listing_mode, 0, MODE_LIST, 0, "[=json]", "list the tasks"},
    {0, "status", ARG_OPTIONAL, set_listing_mode, 0, MODE_STATUS, 0, "[=json]", "show each task's state, also during a run"},
    {0, "log", ARG_REQUIRED, set_subject_mode, 0, MODE_LOG, 0, "TASK", "print what the task printed last"},
    {0, "result", ARG_REQUIRED, set_subject_mode, 0, MODE_RESULT, 0, "TASK", "print the task's result"},
    {0, "approve", ARG_REQUIRED, add_subject, 0, MODE_APPROVE, 0, "TASK", "say yes to a task that is held"},
    {0, "reject", ARG_REQUIRED, add_subject, 0, MODE_REJECT, 0, "TASK[=WHY]", "what it made is bad; WHY joins its prompt"},
    {0, "doctor", ARG_NONE, set_mode, 0, MODE_DOCTOR, 0, NULL, "say which providers are installed and usable"},
    {0, "validate", ARG_NONE, set_mode, 0, MODE_VALIDATE, 0, NULL, "check the files, run nothing"},
    {0, "clean", ARG_OPTIONAL, set_clean_mode, 0, MODE_CLEAN, 0, "[=all]", "forget what is up to date; all: results too"},
    {0, "provider", ARG_REQUIRED, set_text, FIELD(provider), 0, IN_SETTINGS, "NAME", "let this provider answer for every agent"},
    {0, "budget", ARG_REQUIRED, set_budget, FIELD(budget_usd), 0, IN_SETTINGS, "USD", "start no agent once so much is spent"},
    {0, "color", ARG_OPTIONAL, set_color, 0, 0, IN_SETTINGS, "[=WHEN]", "auto, always or never"},
    {0, "progress", ARG_REQUIRED, set_progress, 0, 0, IN_SETTINGS, "HOW", "auto, plain or none"},
    {0, "jobserver-style", ARG_REQUIRED, set_jobserver_style, FIELD(jobserver_style), 0, IN_SETTINGS, "STYLE",
     "pipe or fifo, for the makes below"},
    {'h', "help", ARG_NONE, set_mode, 0, MODE_HELP, 0, NULL, "print this"},
    {'v', "version", ARG_NONE, set_mode, 0, MODE_VERSION, 0, NULL, "print the version"},
    {0, "jobserver-auth jobserver-fds", ARG_REQUIRED, set_auth, 0, 0, IN_MAKEFLAGS, "AUTH", NULL},

    {'l', "load-average max-load", ARG_NUMBER, set_not_built, 0, 0, 0, "[LOAD]", NULL},
    {'p', "print-data-base", ARG_NONE, set_not_built, 0, 0, 0, NULL, NULL},
    {'d', "debug", ARG_OPTIONAL, set_not_built, 0, 0, 0, NULL, NULL},
    {0, "watch", ARG_NONE, set_not_built, 0, 0, 0, NULL, NULL},
    {0, "init", ARG_NONE, set_not_built, 0, 0, 0, NULL, NULL},
    {0, "events", ARG_REQUIRED, set_not_built, 0, 0, 0, "FILE", NULL},
    {0, "trace-file", ARG_REQUIRED, set_not_built, 0, 0, 0, "FILE", NULL},
    {0, "report", ARG_REQUIRED, set_not_built, 0, 0, 0, "FILE", NULL},
    {0, "no-cache", ARG_NONE, set_not_built, 0, 0, 0, NULL, NULL},
    {0, "cache-stats", ARG_NONE, set_not_built, 0, 0, 0, NULL, NULL},
    {0, "cache-gc", ARG_NONE, set_not_built, 0, 0, 0, NULL, NULL},
};

_Static_assert(COUNT(rows) <= 64, "options.given has a bit for each row");

/* The next of a row's long names. */
static bool next_name(const char **names, struct str *name)
{
	struct str rest = str_of(*names);

	*name = str_sub(rest, 0, str_find(rest, STR(" "), 0));
	*names += name->n < rest.n ? name->n + 1 : name->n;
	return name->n > 0;
}

static const struct row *row_of_letter(char letter)
{
	for (size_t i = 0; letter && i < COUNT(rows); i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

static const struct row *row_of_name(struct str wanted)
{
	struct str name;

	for (size_t i = 0; i < COUNT(rows); i++)
		for (const char *names = rows[i].names; next_name(&names, &name);)
			if (str_eq(name, wanted))
				return &rows[i];
	return NULL;
}

/* Rows that set the same thing are one to a setting: -k and -S. */
static uint64_t bits_of(const struct row *row)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < COUNT(rows); i++)
		if (&rows[i] == row || (rows[i].set == row->set && row->field && rows[i].field == row->field))
			bits |= UINT64_C(1) << i;
	return bits;
}

static void apply(struct parse *p, const struct row *row, struct str value)
{
	if (row->arg == ARG_REQUIRED && !value.n && row->set != set_auth && row->set != set_not_built) {
		diag_error(p->diag, p->at, NULL, "'%.*s' wants a value: %s", STR_ARG(p->spelled), row->form);
		return;
	}
	row->set(p, row, value);
	if (p->from != FROM_SETTINGS)
		p->o->given |= bits_of(row);
}

/* An abbreviation's row, or NULL after an error. */
static const struct row *row_of_prefix(struct parse *p, struct str prefix)
{
	struct suggestion near = {.wanted = arena_printf(p->arena, "--%.*s", STR_ARG(prefix))};
	const struct row *found = NULL;
	struct str first = STR_NONE, name;

	for (size_t i = 0; i < COUNT(rows); i++)
		for (const char *names = rows[i].names; next_name(&names, &name);) {
			suggestion_offer(&near, arena_printf(p->arena, "--%.*s", STR_ARG(name)));
			if (!str_starts(name, prefix) || !prefix.n || found == &rows[i])
				continue;
			if (found) {
				diag_error(p->diag, p->at, NULL, "'--%.*s' may be '--%.*s' or '--%.*s'", STR_ARG(prefix),
				           STR_ARG(first), STR_ARG(name));
				return NULL;
			}
			found = &rows[i];
			first = name;
		}
	if (!found) {
		const char *hint = diag_did_you_mean(p->diag, &near);

		diag_error(p->diag, p->at, hint ? hint : "axmake --help lists them", "unknown option '--%.*s'", STR_ARG(prefix));
	}
	return found;
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
	if (p->i < p->n && (row->arg == ARG_REQUIRED || (row->arg == ARG_NUMBER && is_number(p->words[p->i]))))
		return p->words[p->i++];
	return STR_NONE;
}

static void read_long(struct parse *p, struct str word)
{
	size_t eq = str_find(word, STR("="), 0);
	struct str name = str_sub(word, 2, eq), value = eq < word.n ? str_sub(word, eq + 1, word.n) : STR_NONE;
	const struct row *row = row_of_name(name);

	p->spelled = str_sub(word, 0, eq);
	if (!row)
		row = row_of_prefix(p, name);
	if (!row)
		return;
	if (row->arg == ARG_NONE && value.p && row->set != set_not_built) {
		diag_error(p->diag, p->at, NULL, "'%.*s' takes no value", STR_ARG(p->spelled));
		return;
	}
	apply(p, row, value.p ? value : following_value(p, row));
}

static void report_letter(struct parse *p, char letter)
{
	static const char others[] = "bmeERLI";
	bool make_has_it = str_find(STR(others), (struct str){&letter, 1}, 0) < sizeof others - 1;

	diag_error(p->diag, p->at, make_has_it ? "make has it, axmake does not" : "axmake --help lists them",
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
		} else if (row->arg == ARG_NONE) {
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

/* A later value takes the earlier one's place. */
static void add_var(struct parse *p, struct str name, struct str value)
{
	bool inherited = p->from == FROM_MAKEFLAGS;
	struct var_def var = {.name = {.s = name, .at = p->at}, .value = {.s = value, .at = p->at}};
	struct var_def *vars = inherited ? p->o->inherited_vars.p : p->o->vars.p;
	size_t n = inherited ? p->o->inherited_vars.n : p->o->vars.n;

	for (size_t i = 0; i < n; i++)
		if (str_eq(vars[i].name.s, name)) {
			vars[i] = var;
			return;
		}
	if (inherited)
		vec_push(p->arena, &p->o->inherited_vars, var);
	else
		vec_push(p->arena, &p->o->vars, var);
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
	const struct row *row = option.n == 1 ? row_of_letter(option.p[0]) : row_of_name(str_sub(option, 0, eq));

	if (row && row->where & IN_MAKEFLAGS && (row->arg == ARG_NONE) == (eq == option.n))
		apply(p, row, eq < option.n ? str_sub(option, eq + 1, option.n) : STR_NONE);
}

static void read_makeflags(struct options *o, struct arena *a, struct diag *d)
{
	struct parse p = {.o = o, .arena = a, .diag = d, .from = FROM_MAKEFLAGS};
	struct makeflags flags = makeflags_parse(a, o->makeflags);

	o->makeflags_jobs = flags.jobs;
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

	*o = (struct options){.print_directory = -1, .makeflags = str_of(makeflags)};
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
	static const char *const not_built[] = {"cache_dir", "cache_size", "cache_url", "notify"};
	struct suggestion near = {.wanted = s->name.s};
	struct str name;

	for (size_t i = 0; i < COUNT(not_built); i++)
		if (str_eq(s->name.s, str_of(not_built[i]))) {
			diag_error(d, s->name.at, "remove it", "'%s' is not built yet", not_built[i]);
			return;
		}
	for (size_t i = 0; i < COUNT(rows); i++)
		for (const char *names = rows[i].names; rows[i].where & IN_SETTINGS && next_name(&names, &name);)
			suggestion_offer(&near, name);
	diag_error(d, s->name.at, diag_did_you_mean(d, &near), "unknown setting '%.*s'", STR_ARG(s->name.s));
}

static void take_setting(struct options *o, struct arena *a, struct diag *d, const struct setting *s)
{
	struct parse p = {.o = o, .arena = a, .diag = d, .from = FROM_SETTINGS, .at = s->value.at, .spelled = s->name.s};
	const struct row *row = row_of_name(s->name.s);

	if (!row)
		report_setting(d, s);
	else if (row->set == set_not_built)
		diag_error(d, s->name.at, "remove it", "'%.*s' is not built yet", STR_ARG(s->name.s));
	else if (!(row->where & IN_SETTINGS))
		diag_error(d, s->name.at, "give it on the command line or in AXMAKEFLAGS", "'%.*s' is an option, but no setting",
		           STR_ARG(s->name.s));
	else if (s->value.s.n)
		apply(&p, row, s->value.s);
}

/* A setting that an option overrides is checked all the same, on options that nobody looks at. */
void options_settings(struct options *o, struct arena *a, struct diag *d, const struct rules *r)
{
	for (size_t i = 0; i < r->settings.n; i++) {
		const struct row *row = row_of_name(r->settings.p[i].name.s);
		struct options unused = {0};

		take_setting(row && o->given & bits_of(row) ? &unused : o, a, d, &r->settings.p[i]);
	}
}

bool options_given(const struct options *o, const char *name)
{
	const struct row *row = row_of_name(str_of(name));

	return row && o->given & bits_of(row);
}

bool options_same(struct str a, const char *b)
{
	const struct row *x = row_of_name(a), *y = row_of_name(str_of(b));

	return x && y && bits_of(x) & bits_of(y);
}

void options_help(FILE *to)
{
	fputs("Usage: axmake [options] [VAR=value ...] [target ...]\n"
	      "Brings the targets (tasks, or files that tasks make; by default all) up to date.\n\n",
	      to);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct sbuf left = {0};
		const char *names = row->names, *form = row->form ? row->form : "";
		struct str name;

		if (!row->help)
			continue;
		next_name(&names, &name);
		sbuf_printf(&left, row->letter ? "  -%c, " : "      ", row->letter);
		sbuf_printf(&left, "--%.*s%s%s", STR_ARG(name), row->arg == ARG_REQUIRED ? "=" : "", form);
		fprintf(to, "%-29s %s\n", left.p, row->help);
		sbuf_free(&left);
	}
	fputs("\nAXMAKEFLAGS holds defaults for these options, axmake.ini's [axmake] too.\n"
	      "Exit status: 0 done, 1 stale (-q), 2 a task failed or the input is wrong.\n",
	      to);
}
