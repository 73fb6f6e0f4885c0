#include "options.h"

#include <limits.h>
#include <stddef.h>

#include "load/value.h"
#include "option_rows.h"
#include "show/debuglog.h"

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
	if (p->choices) {
		*p->choices = (struct choices){choices, n};
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		if (str_eq(value, str_of(choices[i])))
			return (int)i;
	report_choice(p, value, choices, n);
	return -1;
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

/* As for make, "-" is what standard input says. */
static void set_workflow(struct parse *p, const struct row *row, struct str value)
{
	set_text(p, row, str_eq(value, STR("-")) ? STR("/dev/stdin") : value);
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

static void set_load(struct parse *p, const struct row *row, struct str value)
{
	double load = -1;

	(void)row;
	if (!value.p || value_load(value, &load))
		p->o->max_load = load;
	else if (p->from != FROM_MAKEFLAGS)
		diag_error(p->diag, p->at, NULL, "'%.*s' wants a number from 0 on, such as 4 or 2.5, not '%.*s'", STR_ARG(p->spelled), STR_ARG(value));
}

static void set_output_sync(struct parse *p, const struct row *row, struct str value)
{
	static const char *const kinds[] = {[SYNC_TARGET] = "target", [SYNC_LINE] = "line", [SYNC_NONE] = "none"};
	int kind = value.p ? choose(p, value, kinds, COUNT(kinds)) : SYNC_TARGET;

	(void)row;
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
	static const char *const ways[] = {"auto", "tty", "plain", "none"};

	(void)row;
	if (choose(p, value, ways, COUNT(ways)) >= 0)
		p->o->progress = value;
}

static void set_jobserver_style(struct parse *p, const struct row *row, struct str value)
{
	static const char *const styles[] = {"pipe", "fifo"};

	if (choose(p, value, styles, COUNT(styles)) >= 0)
		set_text(p, row, value);
}

/* One of make's words, or its first letter. */
static bool add_debug(struct parse *p, unsigned *kinds, struct str word)
{
	static const char *const names[] = {"all", "basic", "verbose", "jobs", "makefile", "none"};
	static const unsigned bits[] = {DEBUG_ALL, DEBUG_BASIC, DEBUG_BASIC | DEBUG_VERBOSE, DEBUG_JOBS, DEBUG_FILES, 0};
	int i = -1;

	for (size_t k = 0; k < COUNT(names); k++)
		if (word.n == 1 && word.p[0] == names[k][0])
			i = (int)k;
	if (i < 0)
		i = choose(p, word, names, COUNT(names));
	if (i >= 0)
		*kinds = bits[i] ? *kinds | bits[i] : 0;
	return i >= 0;
}

/* -d is all, --debug make's `basic`. Several words stand between commas. */
static void set_debug(struct parse *p, const struct row *row, struct str value)
{
	unsigned *kinds = field_of(p, row);

	if (!value.p)
		*kinds |= str_starts(p->spelled, STR("--")) ? DEBUG_BASIC : DEBUG_ALL;
	for (size_t at = 0, end; value.p && at <= value.n; at = end + 1) {
		end = str_find(value, STR(","), at);
		if (!add_debug(p, kinds, str_sub(value, at, end)))
			return;
	}
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

static void set_help_mode(struct parse *p, const struct row *row, struct str value)
{
	static const char *const whats[] = {"all"};

	if ((!value.p || choose(p, value, whats, COUNT(whats)) >= 0) && enter_mode(p, (enum mode)row->value))
		p->o->help_all = value.p != NULL;
}

static void set_clean_mode(struct parse *p, const struct row *row, struct str value)
{
	static const char *const whats[] = {"all"};

	if ((!value.p || choose(p, value, whats, COUNT(whats)) >= 0) && enter_mode(p, (enum mode)row->value))
		p->o->clean_all = value.p != NULL;
}

#define FIELD(f) offsetof(struct options, f)
#define BOTH (IN_MAKEFLAGS | IN_SETTINGS)

const struct row option_rows[] = {
    {'f', "file makefile", ARG_REQUIRED, set_workflow, FIELD(file), 0, 0, "FILE", "read FILE instead of workflow.ax.yaml"},
    {'C', "directory", ARG_REQUIRED, add_dir, 0, 0, 0, "DIR", "change to DIR first"},
    {'j', "jobs", ARG_NUMBER, set_jobs, 0, 0, IN_SETTINGS, "[=N]", "run N tasks at once; as many as can without N"},
    {'l', "load-average max-load", ARG_DECIMAL, set_load, FIELD(max_load), 0, BOTH, "[=LOAD]",
     "start nothing more while the load is LOAD or more"},
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
     "whole output (target), or as it comes (line, none)"},
    {'w', "print-directory", ARG_NONE, set_print_directory, FIELD(print_directory), 1, IN_MAKEFLAGS, NULL,
     "print the directory at start and end"},
    {0, "no-print-directory", ARG_NONE, set_print_directory, FIELD(print_directory), 0, IN_MAKEFLAGS, NULL,
     "do not, even if it changes"},
    {'r', "no-builtin-rules", ARG_NONE, set_flag, FIELD(no_builtin), 0, 0, NULL, "forget the built-in providers and agents"},
    {'p', "print-data-base", ARG_NONE, set_flag, FIELD(print_database), 0, 0, NULL, "print all that was read, then go on"},
    {'d', "debug", ARG_LONG, set_debug, FIELD(debug), 0, 0, "[=WHAT]", "say how it decides: basic, verbose, jobs, makefile"},
    {0, "trace", ARG_NONE, set_flag, FIELD(trace), 0, IN_SETTINGS, NULL, "print why each task runs, and its command"},
    {0, "explain", ARG_NONE, set_mode, 0, MODE_EXPLAIN, 0, NULL, "say why each task is or is not stale"},
    {0, "graph", ARG_OPTIONAL, set_graph_mode, 0, MODE_GRAPH, 0, "[=FORM]", "print the graph: text, dot, mermaid or json"},
    {0, "list", ARG_OPTIONAL, set_listing_mode, 0, MODE_LIST, 0, "[=json]", "list the tasks"},
    {0, "status", ARG_OPTIONAL, set_listing_mode, 0, MODE_STATUS, 0, "[=json]", "show each task's state, also during a run"},
    {0, "log", ARG_REQUIRED, set_subject_mode, 0, MODE_LOG, 0, "TASK", "print what the task printed last"},
    {0, "result", ARG_REQUIRED, set_subject_mode, 0, MODE_RESULT, 0, "TASK", "print the task's result"},
    {0, "approve", ARG_REQUIRED, add_subject, 0, MODE_APPROVE, 0, "TASK", "say yes to a task that is held"},
    {0, "reject", ARG_REQUIRED, add_subject, 0, MODE_REJECT, 0, "TASK[=WHY]", "what it made is bad; WHY joins its prompt"},
    {0, "init", ARG_NONE, set_mode, 0, MODE_INIT, 0, NULL, "write a starter workflow; never over anything"},
    {0, "doctor", ARG_NONE, set_mode, 0, MODE_DOCTOR, 0, NULL, "say which providers are installed and usable"},
    {0, "validate", ARG_NONE, set_mode, 0, MODE_VALIDATE, 0, NULL, "check the files, run nothing"},
    {0, "clean", ARG_OPTIONAL, set_clean_mode, 0, MODE_CLEAN, 0, "[=all]", "forget what is up to date; all: results too"},
    {0, "watch", ARG_NONE, set_mode, 0, MODE_WATCH, ON_COMMAND_LINE, NULL, "run again whenever something changes that counts"},
    {0, "no-cache-push", ARG_NONE, set_flag, FIELD(no_cache_push), 0, IN_SETTINGS, NULL, "put nothing into the shared cache"},
    {0, "no-cache", ARG_NONE, set_flag, FIELD(no_cache), 0, IN_SETTINGS, NULL, "restore nothing from the cache, store nothing"},
    {0, "cache-stats", ARG_NONE, set_mode, 0, MODE_CACHE_STATS, 0, NULL, "say what is in the cache"},
    {0, "cache-gc", ARG_NONE, set_mode, 0, MODE_CACHE_GC, 0, NULL, "remove what the cache need not keep"},
    {0, "provider", ARG_REQUIRED, set_text, FIELD(provider), 0, IN_SETTINGS, "PROVIDER", "let this provider answer for every agent"},
    {0, "budget", ARG_REQUIRED, set_budget, FIELD(budget_usd), 0, IN_SETTINGS, "USD", "start no call that would go beyond that"},
    {0, "events", ARG_REQUIRED, option_set_file, FIELD(events), 0, IN_SETTINGS, "FILE", "write what happens to FILE, as lines of JSON"},
    {0, "trace-file", ARG_REQUIRED, option_set_file, FIELD(trace_file), 0, IN_SETTINGS, "FILE", "at the end write a trace for Perfetto"},
    {0, "report", ARG_REQUIRED, option_add_report, FIELD(reports), 0, IN_SETTINGS, "FILE", "at the end write FILE.html, .json, .xml or .md"},
    {0, "color", ARG_OPTIONAL, set_color, 0, 0, IN_SETTINGS, "[=WHEN]", "auto, always or never"},
    {0, "progress", ARG_REQUIRED, set_progress, 0, 0, IN_SETTINGS, "HOW", "auto, tty, plain or none"},
    {0, "jobserver-style", ARG_REQUIRED, set_jobserver_style, FIELD(jobserver_style), 0, IN_SETTINGS, "STYLE",
     "pipe or fifo, for the makes below"},
    {'h', "help", ARG_LONG, set_help_mode, 0, MODE_HELP, 0, "[=all]", "print the usual options, or all"},
    {'v', "version", ARG_NONE, set_mode, 0, MODE_VERSION, 0, NULL, "print the version"},
    {0, "jobserver-auth jobserver-fds", ARG_REQUIRED, set_auth, 0, 0, IN_MAKEFLAGS, "AUTH", NULL},
};

_Static_assert(COUNT(option_rows) <= 64, "options.given has a bit for each row");

const size_t option_rows_n = COUNT(option_rows);

void option_choices(const struct row *row, struct arena *a, struct choices *all)
{
	struct options nobodys = {0};
	struct parse p = {.o = &nobodys, .arena = a, .diag = diag_new(), .from = FROM_COMMAND, .choices = all};

	row->set(&p, row, STR(""));
	diag_free(p.diag);
}

void option_inherit_load(struct options *o, struct str load)
{
	value_load(load, &o->max_load);
}

bool option_is_auth(const struct row *row)
{
	return row->set == set_auth;
}
