#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "load/value.h"
#include "options.h"
#include "show/debuglog.h"

struct fixture {
	struct arena a;
	struct diag *d;
	struct options o;
	struct rules r;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->d = diag_new();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	diag_free(f->d);
	arena_free(&f->a);
	free(f);
	return 0;
}

/* Parses a command line written as a shell would have it, without its program. */
static void parse(struct fixture *f, const char *line, const char *axmakeflags, const char *makeflags)
{
	size_t n;
	struct str *words = value_words(&f->a, str_of(line), &n);
	char **argv = arena_array(&f->a, char *, n + 2);

	argv[0] = "axmake";
	for (size_t i = 0; i < n; i++)
		argv[i + 1] = (char *)words[i].p;
	options_parse(&f->o, &f->a, f->d, (int)n + 1, argv, axmakeflags, makeflags);
}

static const char *printed(struct fixture *f)
{
	char *stream = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&stream, &n);
	struct str copy;

	diag_print(f->d, to, false);
	fclose(to);
	copy = arena_copy(&f->a, (struct str){stream, n});
	free(stream);
	return copy.p;
}

static void assert_clean(struct fixture *f)
{
	assert_string_equal(printed(f), "");
}

static void assert_reports(struct fixture *f, const char *part)
{
	const char *all = printed(f);

	if (!strstr(all, part))
		fail_msg("wanted: %s\ngot: %s", part, all);
}

static void assert_str(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("wanted '%s', got '%.*s'", want, STR_ARG(got));
}

static void without_words_nothing_is_set(void **state)
{
	struct fixture *f = *state;

	parse(f, "", NULL, NULL);
	assert_clean(f);
	assert_int_equal(f->o.mode, MODE_BUILD);
	assert_int_equal(f->o.jobs, JOBS_UNSET);
	assert_int_equal(f->o.print_directory, -1);
	assert_int_equal(f->o.sync, SYNC_TARGET);
	assert_int_equal(f->o.color, COLOR_AUTO);
	assert_false(f->o.keep_going || f->o.stop || f->o.has_auth || f->o.dry_run);
	assert_int_equal(f->o.targets.n, 0);
}

static void jobs_are_read_in_every_spelling(void **state)
{
	static const struct {
		const char *line;
		int jobs;
		size_t targets;
	} rows[] = {
	    {"-j4", 4, 0},
	    {"-j 4", 4, 0},
	    {"-j", JOBS_UNLIMITED, 0},
	    {"-j t", JOBS_UNLIMITED, 1},
	    {"--jobs=4", 4, 0},
	    {"--jobs 4", 4, 0},
	    {"-k -ij 4", 4, 0},
	    {"-kj4", 4, 0},
	    {"-kj 4 t", 4, 1},
	    {"-j2 -j3", 3, 0},
	    {"--jobs", JOBS_UNLIMITED, 0},
	    {"-j 4x", JOBS_UNLIMITED, 1},
	    {"-j -k", JOBS_UNLIMITED, 0},
	    {"-j -- 4", JOBS_UNLIMITED, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		void *fresh;
		struct fixture *f;

		set_up(&fresh);
		f = fresh;
		parse(f, rows[i].line, NULL, NULL);
		assert_clean(f);
		assert_int_equal(f->o.jobs, rows[i].jobs);
		assert_int_equal(f->o.jobs_from, FROM_COMMAND);
		assert_int_equal(f->o.targets.n, rows[i].targets);
		tear_down(&fresh);
	}
}

static void options_and_operands_may_be_mixed(void **state)
{
	struct fixture *f = *state;

	parse(f, "a -k X=1 -f w.yaml b -C d --directory=e -isW x -o y --what-if=z --assume-old z -- -n Y=2 _z9=", NULL, NULL);
	assert_clean(f);
	assert_int_equal(f->o.targets.n, 3);
	assert_str(f->o.targets.p[0], "a");
	assert_str(f->o.targets.p[1], "b");
	assert_str(f->o.targets.p[2], "-n");
	assert_false(f->o.dry_run);
	assert_true(f->o.keep_going && f->o.ignore_errors && f->o.silent);
	assert_str(f->o.file, "w.yaml");
	assert_int_equal(f->o.dirs.n, 2);
	assert_str(f->o.dirs.p[1], "e");
	assert_int_equal(f->o.new_files.n, 2);
	assert_str(f->o.new_files.p[0], "x");
	assert_str(f->o.old_files.p[1], "z");
	assert_int_equal(f->o.vars.n, 3);
	assert_str(f->o.vars.p[0].name.s, "X");
	assert_str(f->o.vars.p[0].value.s, "1");
	assert_str(f->o.vars.p[2].name.s, "_z9");
	assert_str(f->o.vars.p[2].value.s, "");
}

static void only_an_identifier_makes_a_variable(void **state)
{
	struct fixture *f = *state;

	parse(f, "1A=b a-b=c 't[k=2]' A=1 A=2=3 -", NULL, NULL);
	assert_clean(f);
	assert_int_equal(f->o.targets.n, 3);
	assert_int_equal(f->o.vars.n, 1);
	assert_str(f->o.vars.p[0].value.s, "2=3");
}

static void every_flag_has_its_letter_and_its_long_names(void **state)
{
	struct fixture *f = *state;

	parse(f, "-nqsBtrikw --trace", NULL, NULL);
	assert_clean(f);
	assert_true(f->o.dry_run && f->o.question && f->o.silent && f->o.always_make && f->o.touch);
	assert_true(f->o.no_builtin && f->o.ignore_errors && f->o.keep_going && f->o.trace);
	assert_false(f->o.always_make_inherited || f->o.touch_inherited || f->o.makeflags_dry_run);
	assert_int_equal(f->o.print_directory, 1);
	parse(f,
	      "--recon --question --quiet --always-make --touch --no-builtin-rules --ignore-errors --keep-going "
	      "--print-directory --no-print-directory --output-sync=none --color --provider=p --progress plain "
	      "--jobserver-style=fifo",
	      NULL, NULL);
	assert_clean(f);
	assert_true(f->o.dry_run && f->o.question && f->o.silent && f->o.always_make && f->o.touch);
	assert_true(f->o.no_builtin && f->o.ignore_errors && f->o.keep_going && !f->o.trace);
	assert_int_equal(f->o.print_directory, 0);
	assert_int_equal(f->o.sync, SYNC_NONE);
	assert_int_equal(f->o.color, COLOR_ALWAYS);
	assert_str(f->o.provider, "p");
	assert_str(f->o.progress, "plain");
	assert_str(f->o.jobserver_style, "fifo");
}

static void of_k_and_S_the_last_wins(void **state)
{
	struct fixture *f = *state;

	parse(f, "-k -S", NULL, NULL);
	assert_true(f->o.stop && !f->o.keep_going);
	parse(f, "-Sk", NULL, NULL);
	assert_true(!f->o.stop && f->o.keep_going);
	parse(f, "--stop", NULL, "k");
	assert_true(f->o.stop && !f->o.keep_going);
}

static void output_sync_takes_its_value_only_attached(void **state)
{
	struct fixture *f = *state;

	parse(f, "-Onone -O none", NULL, NULL);
	assert_clean(f);
	assert_int_equal(f->o.sync, SYNC_TARGET);
	assert_str(f->o.targets.p[0], "none");
}

static void modes_take_their_forms(void **state)
{
	static const struct {
		const char *line;
		enum mode mode;
	} rows[] = {{"--explain", MODE_EXPLAIN}, {"--list=json", MODE_LIST},  {"--status=json", MODE_STATUS},
	            {"--log t", MODE_LOG},       {"--result=t", MODE_RESULT}, {"--vali", MODE_VALIDATE},
	            {"--clean", MODE_CLEAN},     {"-h", MODE_HELP},           {"--list -v", MODE_VERSION},
	            {"--help --list", MODE_HELP}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		parse(f, rows[i].line, NULL, NULL);
		assert_clean(f);
		assert_int_equal(f->o.mode, rows[i].mode);
		assert_int_equal(f->o.as_json, strstr(rows[i].line, "json") != NULL);
		assert_str(f->o.subject,
		           strstr(rows[i].line, "t") && rows[i].mode >= MODE_LOG && rows[i].mode <= MODE_RESULT ? "t" : "");
		assert_false(f->o.clean_all);
	}
	parse(f, "--graph=mermaid", NULL, NULL);
	assert_int_equal(f->o.mode, MODE_GRAPH);
	assert_int_equal(f->o.graph_form, GRAPH_MERMAID);
	parse(f, "--graph", NULL, NULL);
	assert_int_equal(f->o.graph_form, GRAPH_TEXT);
	parse(f, "--clean=all", NULL, NULL);
	assert_true(f->o.clean_all);
	assert_clean(f);
}

static void debug_takes_makes_words_and_their_first_letters(void **state)
{
	static const struct {
		const char *line;
		unsigned debug;
	} rows[] = {{"-k", 0}, {"-d", DEBUG_ALL}, {"-dk", DEBUG_ALL}, {"--debug", DEBUG_BASIC}, {"--debug=b", DEBUG_BASIC},
	            {"--debug=verbose", DEBUG_BASIC | DEBUG_VERBOSE}, {"--debug=j,makefile", DEBUG_JOBS | DEBUG_FILES},
	            {"--debug=a", DEBUG_ALL}, {"-d --debug=n", 0}, {"--debug=none,jobs", DEBUG_JOBS}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		parse(f, rows[i].line, NULL, "dp");
		assert_clean(f);
		assert_int_equal(f->o.debug, rows[i].debug);
		assert_false(f->o.print_database);
	}
}

static void mistakes_are_named_with_what_is_near(void **state)
{
	static const struct {
		const char *line, *want;
	} rows[] = {
	    {"--keep-giong", "error: unknown option '--keep-giong'\n  hint: did you mean '--keep-going'?\n"},
	    {"-x", "unknown option '-x'"},
	    {"-kxk", "unknown option '-x'"},
	    {"-e", "make has it, axmake does not"},
	    {"--p", "'--p' may be '--"},
	    {"--job=4", "'--job' may be '--jobs', '--jobserver-style' or '--jobserver-auth'"},
	    {"--=x", "unknown option '--'"},
	    {"-j0", "'-j' wants a number from 1 on, not '0'"},
	    {"-j4x", "'-j' wants a number from 1 on, not '4x'"},
	    {"-j 99999999999999999999", "'-j' wants a number from 1 on"},
	    {"--jobs=-1", "'--jobs' wants a number from 1 on, not '-1'"},
	    {"--jobs=", "'--jobs' wants a number from 1 on, not ''"},
	    {"-f", "'-f' wants a value: FILE"},
	    {"-C ''", "'-C' wants a value: DIR"},
	    {"--log", "'--log' wants a value: TASK"},
	    {"--keep-going=yes", "'--keep-going' takes no value"},
	    {"--color=purple", "'--color' wants auto, always or never, not 'purple'"},
	    {"--graph=dto", "did you mean 'dot'?"},
	    {"--list=xml", "'--list' wants text or json, not 'xml'"},
	    {"--clean=everything", "'--clean' wants all, not 'everything'"},
	    {"-Orecurse", "'-O' wants target, line or none, not 'recurse'"},
	    {"--jobserver-style=sem", "'--jobserver-style' wants pipe or fifo, not 'sem'"},
	    {"--list --graph", "'--list' and '--graph' exclude each other"},
	    {"''", "a target's name is empty"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		void *fresh;
		struct fixture *f;

		set_up(&fresh);
		f = fresh;
		parse(f, rows[i].line, NULL, NULL);
		assert_int_equal(diag_errors(f->d), 1);
		assert_reports(f, rows[i].want);
		tear_down(&fresh);
	}
}

static void axmakeflags_are_defaults(void **state)
{
	struct fixture *f = *state;

	parse(f, "--list V=2 -j3", "-k -j8 --color=never 'W=a b' V=1 --explain", NULL);
	assert_clean(f);
	assert_true(f->o.keep_going);
	assert_int_equal(f->o.jobs, 3);
	assert_int_equal(f->o.jobs_from, FROM_COMMAND);
	assert_int_equal(f->o.color, COLOR_NEVER);
	assert_int_equal(f->o.mode, MODE_LIST);
	assert_int_equal(f->o.vars.n, 2);
	assert_str(f->o.vars.p[0].value.s, "a b");
	assert_str(f->o.vars.p[1].value.s, "2");
	parse(f, "", "-j8", NULL);
	assert_int_equal(f->o.jobs, 8);
	assert_int_equal(f->o.jobs_from, FROM_AXMAKEFLAGS);
	parse(f, "", "-j '4", NULL);
	assert_reports(f, "AXMAKEFLAGS: error: unterminated quote");
	parse(f, "", "target", NULL);
	assert_reports(f, "AXMAKEFLAGS: error: 'target' is no option");
	parse(f, "", "--wach", NULL);
	assert_reports(f, "AXMAKEFLAGS: error: unknown option '--wach'");
}

static void makeflags_of_make_are_understood(void **state)
{
	struct fixture *f = *state;

	parse(f, "", NULL, " -j3 --jobserver-auth=3,4");
	assert_true(f->o.has_auth);
	assert_str(f->o.auth, "3,4");
	assert_int_equal(f->o.jobs, JOBS_UNSET);
	assert_str(f->o.makeflags, " -j3 --jobserver-auth=3,4");
	parse(f, "", NULL, "ks -j3 --jobserver-fds=5,6 --jobserver-auth=fifo:/tmp/GMfifo1");
	assert_true(f->o.keep_going && f->o.silent);
	assert_str(f->o.auth, "fifo:/tmp/GMfifo1");
	parse(f, "", NULL, "n -j3 --jobserver-auth=3,4 --jobserver-auth=-2,-2");
	assert_true(f->o.dry_run && f->o.makeflags_dry_run);
	assert_str(f->o.auth, "-2,-2");
	parse(f, "", NULL, "-n");
	assert_true(f->o.dry_run && f->o.makeflags_dry_run);
	parse(f, "", NULL, "--just-print --no-print-directory");
	assert_true(f->o.makeflags_dry_run);
	assert_int_equal(f->o.print_directory, 0);
	parse(f, "", NULL, "Bktwiq");
	assert_true(f->o.always_make_inherited && f->o.touch_inherited && f->o.ignore_errors && f->o.question);
	assert_false(f->o.always_make || f->o.touch);
	assert_int_equal(f->o.print_directory, 1);
	parse(f, "", NULL, "k -j3 -l2.5 --jobserver-auth=3,4");
	assert_true(f->o.max_load == 2.5);
	parse(f, "-l", NULL, " -j3 -l2.5");
	assert_true(f->o.max_load < 0);
	parse(f, "-l 3 all", NULL, " -lx -l");
	assert_true(f->o.max_load == 3 && f->o.targets.n == 1);
	parse(f, "-B", NULL, "kS");
	assert_true(f->o.always_make && !f->o.always_make_inherited && f->o.stop);
	assert_clean(f);
}

static void what_axmake_lacks_is_passed_over_in_makeflags(void **state)
{
	struct fixture *f = *state;

	parse(f, "", NULL,
	      "w -I/x -Iy -l2 -j -Otarget --trace --eval=x:=foo\\ --\\ --jobserver-auth=9,9 -f Mk -C k A.b "
	      "--warn-undefined-variables "
	      "--eval --jobserver-auth=8,8 -xyzerR -- B:=q A=a$$$$b\\ c --jobserver-auth=7,7 k C+=1");
	assert_clean(f);
	assert_false(f->o.has_auth);
	assert_false(f->o.keep_going || f->o.trace || f->o.no_builtin || f->o.file.n || f->o.dirs.n);
	assert_int_equal(f->o.sync, SYNC_TARGET);
	assert_int_equal(f->o.jobs, JOBS_UNSET);
	assert_int_equal(f->o.targets.n, 0);
	assert_int_equal(f->o.vars.n, 0);
	assert_int_equal(f->o.inherited_vars.n, 2);
	assert_str(f->o.inherited_vars.p[0].name.s, "B");
	assert_str(f->o.inherited_vars.p[0].value.s, "q");
	assert_str(f->o.inherited_vars.p[1].value.s, "a$$b c");
}

static void a_first_word_with_an_equals_sign_is_no_flags(void **state)
{
	struct fixture *f = *state;

	parse(f, "", NULL, "nk=1");
	assert_false(f->o.dry_run || f->o.keep_going);
	assert_str(f->o.inherited_vars.p[0].name.s, "nk");
	parse(f, "", NULL, "-k sn");
	assert_true(f->o.keep_going && !f->o.silent && !f->o.dry_run);
	parse(f, "", NULL, "");
	assert_false(f->o.has_auth);
	assert_clean(f);
}

static void add_setting(struct fixture *f, const char *name, const char *value)
{
	struct pos at = {0, 0, 0};

	vec_push(&f->a, &f->r.settings, (struct setting){{.s = str_of(name), .at = at}, {.s = str_of(value), .at = at}});
}

static void settings_fill_what_nobody_said(void **state)
{
	struct fixture *f = *state;

	add_setting(f, "jobs", "7");
	add_setting(f, "keep-going", "yes");
	add_setting(f, "color", "never");
	add_setting(f, "output-sync", "none");
	add_setting(f, "provider", "offline");
	add_setting(f, "progress", "none");
	add_setting(f, "quiet", "true");
	add_setting(f, "trace", "");
	parse(f, "", NULL, NULL);
	options_settings(&f->o, &f->a, f->d, &f->r);
	assert_clean(f);
	assert_int_equal(f->o.jobs, 7);
	assert_int_equal(f->o.jobs_from, FROM_SETTINGS);
	assert_true(f->o.keep_going && f->o.silent && !f->o.trace);
	assert_int_equal(f->o.color, COLOR_NEVER);
	assert_int_equal(f->o.sync, SYNC_NONE);
	assert_str(f->o.provider, "offline");
	assert_str(f->o.progress, "none");
	parse(f, "-S -j2 --color=auto -O", "--provider=p", "w");
	options_settings(&f->o, &f->a, f->d, &f->r);
	assert_clean(f);
	assert_int_equal(f->o.jobs, 2);
	assert_true(f->o.stop && !f->o.keep_going);
	assert_int_equal(f->o.color, COLOR_AUTO);
	assert_int_equal(f->o.sync, SYNC_TARGET);
	assert_int_equal(f->o.print_directory, 1);
	assert_str(f->o.provider, "p");
	assert_true(f->o.silent);
}

static void wrong_settings_are_reported_even_when_overridden(void **state)
{
	static const struct {
		const char *name, *value, *want;
	} rows[] = {
	    {"keep_going", "yes", "hint: did you mean 'keep-going'?"},
	    {"jobs", "many", "'jobs' wants a number from 1 on, not 'many'"},
	    {"silent", "perhaps", "'perhaps' is no value for 'silent'"},
	    {"clean", "all", "'clean' is an option, but no setting"},
	    {"report", "x.htm", "'report' wants a file that ends in .html, .json, .xml or .md, not 'x.htm'"},
	    {"cache_size", "1X", "'1X' is no size for 'cache_size'"},
	    {"cache_size", "-1", "'-1' is no size for 'cache_size'"},
	    {"cache_url", "ftp://x", "'cache_url' wants a URL of http or https, without spaces, '?' and '#'"},
	    {"cache_push", "perhaps", "'perhaps' is no value for 'cache_push'"},
	    {"cache_timeout", "0", "'0' is no time for 'cache_timeout'"},
	    {"notify", "say 'x", "unterminated quote"},
	    {"colour", "", "unknown setting 'colour'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		void *fresh;
		struct fixture *f;

		set_up(&fresh);
		f = fresh;
		add_setting(f, rows[i].name, rows[i].value);
		parse(f, "-j4 -s --progress=none", NULL, NULL);
		options_settings(&f->o, &f->a, f->d, &f->r);
		assert_int_equal(diag_errors(f->d), 1);
		assert_reports(f, rows[i].want);
		assert_int_equal(f->o.jobs, 4);
		tear_down(&fresh);
	}
}

/* Frees the text of the last call. */
static const char *help_text(bool all, size_t *lines)
{
	static char *text;
	size_t n = 0;
	FILE *to;

	free(text);
	to = open_memstream(&text, &n);
	options_help(to, all);
	fclose(to);
	*lines = 0;
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, ++*lines)
		assert_true(end - line <= 80);
	return text;
}

static void help_fits_a_screen_of_24_lines_and_points_to_the_rest(void **state)
{
	size_t lines;
	const char *text = help_text(false, &lines);

	(void)state;
	assert_true(lines < 24); /* and the prompt */
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_true(strchr(line, '\n') - line <= 80);
	assert_non_null(strstr(text, "  -j, --jobs[=N]"));
	assert_non_null(strstr(text, "--explain"));
	assert_null(strstr(text, "--jobserver-style"));
	assert_non_null(strstr(text, "axmake --help=all"));
	assert_non_null(strstr(text, "man axmake"));
}

static void help_all_lists_what_is_built(void **state)
{
	size_t lines;
	const char *text = help_text(true, &lines);

	(void)state;
	assert_non_null(strstr(text, "  -j, --jobs[=N]"));
	assert_non_null(strstr(text, "      --no-print-directory"));
	assert_non_null(strstr(text, "--jobserver-style"));
	assert_null(strstr(text, "--jobserver-auth"));
	assert_non_null(strstr(text, "-d, --debug[=WHAT]"));
}

static void help_takes_nothing_but_all(void **state)
{
	static const struct {
		const char *line;
		bool all;
	} rows[] = {{"--help", false}, {"--help=all", true}, {"-h", false}, {"-hk", false}, {"-kh all", false}, {"--list --help=all", true}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		parse(f, rows[i].line, NULL, NULL);
		assert_clean(f);
		assert_int_equal(f->o.mode, MODE_HELP);
		assert_int_equal(f->o.help_all, rows[i].all);
	}
	parse(f, "--help=everything", NULL, NULL);
	assert_reports(f, "'--help' wants all, not 'everything'");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(without_words_nothing_is_set),
	    TEST(jobs_are_read_in_every_spelling),
	    TEST(options_and_operands_may_be_mixed),
	    TEST(only_an_identifier_makes_a_variable),
	    TEST(every_flag_has_its_letter_and_its_long_names),
	    TEST(of_k_and_S_the_last_wins),
	    TEST(output_sync_takes_its_value_only_attached),
	    TEST(modes_take_their_forms),
	    TEST(debug_takes_makes_words_and_their_first_letters),
	    TEST(mistakes_are_named_with_what_is_near),
	    TEST(axmakeflags_are_defaults),
	    TEST(makeflags_of_make_are_understood),
	    TEST(what_axmake_lacks_is_passed_over_in_makeflags),
	    TEST(a_first_word_with_an_equals_sign_is_no_flags),
	    TEST(settings_fill_what_nobody_said),
	    TEST(wrong_settings_are_reported_even_when_overridden),
	    TEST(help_fits_a_screen_of_24_lines_and_points_to_the_rest),
	    TEST(help_all_lists_what_is_built),
	    TEST(help_takes_nothing_but_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
