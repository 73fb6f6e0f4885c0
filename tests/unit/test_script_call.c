#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "run/script_call.h"

/* The words joined with '|', or "shell". */
static struct str called(struct arena *a, const char *script)
{
	char **words = script_call_words(a, str_of(script));
	struct str all = words ? str_of(words[0]) : STR("shell");
	for (size_t i = 1; words && words[i]; i++)
		all = arena_printf(a, "%.*s|%s", STR_ARG(all), words[i]);
	return all;
}

static void plain_words_need_no_shell(void **state)
{
	static const char *const cases[][2] = {
	    {"cp a b", "cp|a|b"},
	    {"cp a b\n", "cp|a|b"},
	    {"  cp\ta  b \t\n\n", "cp|a|b"},
	    {"ls", "ls"},
	    {"./x", "./x"},
	    {"../bin/x -o=1,2", "../bin/x|-o=1,2"},
	    {"/bin/echo a", "/bin/echo|a"},
	    {"_x a", "_x|a"},
	    {"7z x", "7z|x"},
	    {"g++ -std=c++20 -DA=1 a.c", "g++|-std=c++20|-DA=1|a.c"},
	    {"scp a@b:c/d %e ^f :g @h +i ,j =k", "scp|a@b:c/d|%e|^f|:g|@h|+i|,j|=k"},
	    {"env echo", "env|echo"},
	    {"echoes a", "echoes|a"},
	    {"tes t", "tes|t"},
	};
	struct arena a = {0};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (!str_eq(called(&a, cases[i][0]), str_of(cases[i][1])))
			fail_msg("'%s': %s", cases[i][0], called(&a, cases[i][0]).p);
	arena_free(&a);
}

static void all_else_is_the_shells(void **state)
{
	static const char *const scripts[] = {
	    "", " ", "\n", "\ncp a b", "cp a b\ncp b c", "cp a\r", "cp a\v", "cp a b\n ",
	    /* characters with a meaning, or with one in some place */
	    "cp $a b", "cp 'a' b", "cp \"a\" b", "cp a* b", "cp a? b", "cp [a] b", "cp a\\ b", "cp ~ b", "cp a~ b", "cp a b;", "cp a b&",
	    "cp a>b", "cp<a", "cp a|b", "cp `a` b", "cp (a)", "cp {a,b} c", "cp a #b", "cp !a b", "cp a\x01", "cp \xc3\xa4 b", "! cp a b",
	    /* assignments and jobs */
	    "a=b", "a=b cp a b", "=a b", "%1", "-x", "+x", "@a", "^a^b", ":a", ",a",
	    /* the shell's own */
	    ".", ". ./x", ":", "echo a", "test -e a", "true", "false", "printf a", "cd a", "exec a", "set -e", "export a", "kill 1", "pwd", "wait",
	    "time a", "type a", "command a", "ulimit -n", "umask 0", "read a", "trap", "eval a", "alias", "if a", "fi", "for a", "while a", "case a",
	    "until a", "do", "done", "esac", "then", "else", "elif", "in", "unset a", "shift", "times", "times\n", "\ttrue ", "local a", "source a",
	    "function a", "select a", "coproc a", "let a", "print a", "zstyle", "setsid a",
	};
	struct arena a = {0};
	(void)state;
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		if (script_call_words(&a, str_of(scripts[i])))
			fail_msg("'%s': %s", scripts[i], called(&a, scripts[i]).p);
	arena_free(&a);
}

static const char pwd[] = "PWD=/here";

static const char *program(struct arena *a, const char *word, const char *x, const char *y)
{
	char *env[] = {"A=1", (char *)pwd, (char *)x, (char *)y, NULL};
	const char *file = NULL;
	return script_call_program(a, word, env, pwd, &file) ? file : "shell";
}

static void a_program_is_searched_as_the_shell_would(void **state)
{
	struct arena a = {0};
	(void)state;
	assert_string_equal(program(&a, "sh", "PATH=/nowhere:/bin", NULL), "/bin/sh");
	assert_string_equal(program(&a, "/bin/sh", "PATH=/bin", NULL), "/bin/sh");
	assert_string_equal(program(&a, "sh", "PATH=/bin", "BASH_FUNC_shell%%=() { :; }"), "/bin/sh");
	/* Not there, or not to be executed. */
	assert_string_equal(program(&a, "no-such-program", "PATH=/bin", NULL), "shell");
	assert_string_equal(program(&a, "/etc/passwd", "PATH=/bin", NULL), "shell");
	assert_string_equal(program(&a, "/bin", "PATH=/bin", NULL), "shell");
	assert_string_equal(program(&a, "..", "PATH=/bin", NULL), "shell");
	/* No PATH, two of them, or one with a meaning for dash alone. */
	assert_string_equal(program(&a, "sh", NULL, NULL), "shell");
	assert_string_equal(program(&a, "sh", "PATH=", NULL), "shell");
	assert_string_equal(program(&a, "sh", "PATH=/bin", "PATH=/usr/bin"), "shell");
	assert_string_equal(program(&a, "sh", "PATH=/lib%func:/bin", NULL), "shell");
	/* What a shell would look at in the environment. */
	assert_string_equal(program(&a, "sh", "PATH=/bin", "PWD=/elsewhere"), "shell");
	assert_string_equal(program(&a, "sh", "PATH=/bin", "SHELLOPTS=xtrace"), "shell");
	assert_string_equal(program(&a, "sh", "PATH=/bin", "BASH_FUNC_sh%%=() { :; }"), "shell");
	arena_free(&a);
}

static void without_a_known_folder_it_is_the_shells(void **state)
{
	struct arena a = {0};
	char *env[] = {"PATH=/bin", NULL};
	const char *file = NULL;
	(void)state;
	assert_false(script_call_program(&a, "sh", env, NULL, &file));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_words_need_no_shell),
	    cmocka_unit_test(all_else_is_the_shells),
	    cmocka_unit_test(a_program_is_searched_as_the_shell_would),
	    cmocka_unit_test(without_a_known_folder_it_is_the_shells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
