#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "run/agent.h"

/* A provider of words written as C strings, in a folder that has the program `helper`. */
struct fixture {
	struct arena a;
	char dir[64];
	struct provider p;
	struct call_input in;
	struct call call;
	struct str why;
};

static struct words words_of(struct arena *a, const char *const *list)
{
	struct words w = {0};

	while (list[w.n])
		w.n++;
	w.p = arena_array(a, struct str, w.n + 1);
	for (size_t i = 0; i < w.n; i++)
		w.p[i] = str_of(list[i]);
	return w;
}

#define WORDS(f, ...) words_of(&(f)->a, (const char *const[]){__VA_ARGS__, NULL})

static void put_program(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/tmp/test_agent.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	put_program(arena_printf(&f->a, "%s/helper", f->dir).p, 0755);
	put_program(arena_printf(&f->a, "%s/notes.txt", f->dir).p, 0644);
	f->p = (struct provider){.name = STR("p"), .command = WORDS(f, "helper", "-x")};
	f->in = (struct call_input){
	    .provider = &f->p,
	    .task = STR("build it"),
	    .agent = STR("backend"),
	    .prompt = STR("Do this."),
	    .root = str_of(f->dir),
	    .prompt_file = STR("/state/prompt"),
	    .result_file = STR("/state/answer"),
	    .path_env = f->dir,
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	os_remove_tree(AT_FDCWD, f->dir);
	arena_free(&f->a);
	free(f);
	return 0;
}

static void call(struct fixture *f)
{
	f->why = STR_NONE;
	if (!agent_call(&f->a, &f->in, &f->call, &f->why))
		fail_msg("refused: %.*s", STR_ARG(f->why));
}

static void refused(struct fixture *f, const char *why)
{
	f->why = STR_NONE;
	assert_false(agent_call(&f->a, &f->in, &f->call, &f->why));
	assert_string_equal(f->why.p, why);
}

static void check_list(char **got, const char *const *expected)
{
	size_t i = 0;

	for (; expected[i]; i++) {
		assert_non_null(got[i]);
		assert_string_equal(got[i], expected[i]);
	}
	assert_null(got[i]);
}

#define assert_list(got, ...) check_list((got), (const char *const[]){__VA_ARGS__, NULL})
#define assert_str(s, expected) assert_string_equal(arena_copy(&f->a, (s)).p, (expected))

static void words_come_as_they_stand(void **state)
{
	struct fixture *f = *state;

	call(f);
	assert_list(f->call.argv, "helper", "-x");
	assert_str(str_of(f->call.file), arena_printf(&f->a, "%s/helper", f->dir).p);
	assert_str(f->call.stdin_text, "Do this.");
	assert_true(f->call.prompt_on_stdin);
	assert_null(f->call.env[0]);
}

static void every_placeholder_has_its_value(void **state)
{
	struct fixture *f = *state;

	f->in.model = STR("m-1");
	f->in.role = STR("You are R.");
	f->p.command = WORDS(f, "helper", "${prompt}", "<${prompt_file}>", "${result_file}", "${model}/${agent}", "${name}",
	                     "r=${root}", "${role}");
	call(f);
	assert_list(f->call.argv, "helper", "Do this.", "</state/prompt>", "/state/answer", "m-1/backend", "build it",
	            arena_printf(&f->a, "r=%s", f->dir).p, "You are R.");
}

static void values_stay_in_their_word_and_are_never_expanded(void **state)
{
	struct fixture *f = *state;

	f->in.prompt = STR("a b\n\"c\" $(id) ${role} $${model} `x` '");
	f->in.role = STR("${prompt} ~/x");
	f->p.role_args = WORDS(f, "--role", "${role}");
	f->p.command = WORDS(f, "helper", "pre-${prompt}-post");
	call(f);
	assert_list(f->call.argv, "helper", "pre-a b\n\"c\" $(id) ${role} $${model} `x` '-post", "--role", "${prompt} ~/x");
}

static void dollars_that_are_no_placeholders_stay(void **state)
{
	struct fixture *f = *state;

	f->p.command = WORDS(f, "helper", "$${model}", "$$", "$", "a$b", "${open", "${other}", "$$${agent}", "");
	call(f);
	assert_list(f->call.argv, "helper", "${model}", "$$", "$", "a$b", "${open", "${other}", "$${agent}", "");
}

static void model_words_come_only_with_a_model(void **state)
{
	struct fixture *f = *state;

	f->p.model_args = WORDS(f, "--model", "${model}");
	call(f);
	assert_list(f->call.argv, "helper", "-x");
	f->in.model = STR("big one");
	call(f);
	assert_list(f->call.argv, "helper", "-x", "--model", "big one");
}

static void a_role_is_said_by_words_or_before_the_prompt(void **state)
{
	struct fixture *f = *state;

	f->in.role = STR("You are R.");
	call(f);
	assert_list(f->call.argv, "helper", "-x");
	assert_str(f->call.stdin_text, "You are R.\n\nDo this.");
	f->p.role_args = WORDS(f, "--role", "${role}");
	call(f);
	assert_list(f->call.argv, "helper", "-x", "--role", "You are R.");
	assert_str(f->call.stdin_text, "Do this.");
	f->in.role = STR_NONE;
	call(f);
	assert_list(f->call.argv, "helper", "-x");
}

static void a_role_that_the_command_names_is_not_said_twice(void **state)
{
	struct fixture *f = *state;

	f->in.role = STR("You are R.");
	f->p.command = WORDS(f, "helper", "--system=${role}");
	call(f);
	assert_list(f->call.argv, "helper", "--system=You are R.");
	assert_str(f->call.stdin_text, "Do this.");
}

static void an_argument_prompt_is_appended_unless_a_word_has_it(void **state)
{
	struct fixture *f = *state;

	f->p.prompt = PROMPT_ARG;
	f->in.role = STR("R");
	f->in.model = STR("m");
	f->p.model_args = WORDS(f, "-m", "${model}");
	call(f);
	assert_list(f->call.argv, "helper", "-x", "-m", "m", "R\n\nDo this.");
	assert_false(f->call.prompt_on_stdin);
	assert_str(f->call.stdin_text, "R\n\nDo this.");
	f->p.command = WORDS(f, "helper", "-p", "${prompt}", "-y");
	call(f);
	assert_list(f->call.argv, "helper", "-p", "R\n\nDo this.", "-y", "-m", "m");
	/* Words that are not used this time do not carry it. */
	f->p.command = WORDS(f, "helper");
	f->p.model_args = WORDS(f, "-p", "${prompt}");
	f->in.model = STR_NONE;
	call(f);
	assert_list(f->call.argv, "helper", "R\n\nDo this.");
	/* An escaped one is text. */
	f->p.command = WORDS(f, "helper", "$${prompt}");
	call(f);
	assert_list(f->call.argv, "helper", "${prompt}", "R\n\nDo this.");
}

static void a_prompt_is_never_an_option(void **state)
{
	struct fixture *f = *state;

	f->p.prompt = PROMPT_ARG;
	f->in.prompt = STR("--yes-to-all");
	call(f);
	assert_list(f->call.argv, "helper", "-x", "\n--yes-to-all");
	f->p.command = WORDS(f, "helper", "-p", "${prompt}", "--in=${prompt}");
	call(f);
	assert_list(f->call.argv, "helper", "-p", "\n--yes-to-all", "--in=--yes-to-all");
	/* It is what it was wherever it is no word. */
	assert_str(f->call.stdin_text, "--yes-to-all");
	f->in.prompt = (struct str){"-\0", 2};
	refused(f, "prompt holds a NUL byte, which no argument of a program can have: use prompt = stdin or file");
}

static void a_prompt_by_file_is_not_on_standard_input(void **state)
{
	struct fixture *f = *state;

	f->p.prompt = PROMPT_FILE;
	f->p.command = WORDS(f, "helper", "--from", "${prompt_file}");
	call(f);
	assert_list(f->call.argv, "helper", "--from", "/state/prompt");
	assert_false(f->call.prompt_on_stdin);
	assert_str(f->call.stdin_text, "Do this.");
}

static struct str long_text(struct fixture *f, size_t n)
{
	char *p = arena_text(&f->a, n + 1);

	memset(p, 'x', n);
	p[n] = 0;
	return (struct str){p, n};
}

static void an_argument_may_have_131071_bytes_and_no_more(void **state)
{
	struct fixture *f = *state;

	f->p.prompt = PROMPT_ARG;
	f->in.prompt = long_text(f, 131071);
	call(f);
	assert_int_equal(strlen(f->call.argv[2]), 131071);
	f->in.prompt = long_text(f, 131072);
	refused(f, "prompt of 131072 bytes exceeds the 131071 bytes that one argument of a program can have: use prompt = stdin "
	           "or file");
	f->p.prompt = PROMPT_STDIN;
	call(f);
	assert_int_equal(f->call.stdin_text.n, 131072);
	f->p.env = WORDS(f, "TEXT=${prompt}");
	refused(f, "prompt of 131077 bytes exceeds the 131071 bytes that one argument of a program can have: use prompt = stdin "
	           "or file");
}

static void a_long_role_is_named_as_such(void **state)
{
	struct fixture *f = *state;

	f->p.role_args = WORDS(f, "${role}");
	f->in.role = long_text(f, 131072);
	refused(f, "role of 131072 bytes exceeds the 131071 bytes that one argument of a program can have: shorten it; prompt = "
	           "stdin or file has "
	           "no such limit");
}

static void a_nul_cannot_be_in_an_argument_but_on_standard_input(void **state)
{
	struct fixture *f = *state;

	f->in.prompt = (struct str){"a\0b", 3};
	call(f);
	assert_int_equal(f->call.stdin_text.n, 3);
	f->p.prompt = PROMPT_ARG;
	refused(f, "prompt holds a NUL byte, which no argument of a program can have: use prompt = stdin or file");
}

static void max_prompt_counts_the_role_too(void **state)
{
	struct fixture *f = *state;

	f->p.max_prompt = 8;
	call(f);
	f->in.role = STR("R");
	refused(f, "prompt of 11 bytes exceeds the 8 bytes that provider 'p' takes (max_prompt)");
	f->p.role_args = WORDS(f, "${role}");
	call(f);
}

static void env_is_expanded_and_kept_in_order(void **state)
{
	struct fixture *f = *state;

	f->p.env = WORDS(f, "A=1", "FILE=${prompt_file}", "EMPTY=");
	call(f);
	assert_list(f->call.env, "A=1", "FILE=/state/prompt", "EMPTY=");
}

static void a_missing_program_is_named(void **state)
{
	struct fixture *f = *state;

	f->p.command = WORDS(f, "no-such-program");
	refused(f, "provider 'p': program 'no-such-program' is not installed (not found in PATH)");
	f->p.command = WORDS(f, "/no/such");
	refused(f, "provider 'p': program '/no/such' is not installed (no executable file of that name)");
	f->p.command = WORDS(f, "notes.txt");
	refused(f, "provider 'p': program 'notes.txt' is not installed (not found in PATH)");
	f->p.command = WORDS(f, "");
	refused(f, "provider 'p': program '' is not installed (not found in PATH)");
}

static void installed_says_where(void **state)
{
	struct fixture *f = *state;
	struct str path;

	assert_true(agent_installed(&f->a, &f->p, f->dir, &path));
	assert_str(path, arena_printf(&f->a, "%s/helper", f->dir).p);
	assert_true(agent_installed(&f->a, &f->p, f->dir, NULL));
	assert_false(agent_installed(&f->a, &f->p, "/nonexistent", NULL));
}

static void a_path_with_slash_is_the_roots(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(arena_printf(&f->a, "%s/bin", f->dir).p, 0755), 0);
	put_program(arena_printf(&f->a, "%s/bin/tool", f->dir).p, 0755);
	f->in.path_env = "/nonexistent";
	f->p.command = WORDS(f, "./bin/tool");
	call(f);
	assert_str(str_of(f->call.file), arena_printf(&f->a, "%s/bin/tool", f->dir).p);
	assert_list(f->call.argv, "./bin/tool");
	f->p.command = WORDS(f, "${root}/bin/tool");
	call(f);
	assert_str(str_of(f->call.file), arena_printf(&f->a, "%s/bin/tool", f->dir).p);
}

static void a_leading_tilde_is_the_home_folder(void **state)
{
	struct fixture *f = *state;
	char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;

	setenv("HOME", f->dir, 1);
	f->in.path_env = "/nonexistent";
	f->p.command = WORDS(f, "~/helper", "~/a ${agent}", "~", "x~/y");
	call(f);
	assert_str(str_of(f->call.file), arena_printf(&f->a, "%s/helper", f->dir).p);
	assert_list(f->call.argv, arena_printf(&f->a, "%s/helper", f->dir).p, arena_printf(&f->a, "%s/a backend", f->dir).p, "~",
	            "x~/y");
	assert_true(agent_installed(&f->a, &f->p, "/nonexistent", NULL));
	if (home)
		setenv("HOME", home, 1);
	else
		unsetenv("HOME");
	free(home);
}

/* Where a copy of this program, at `self`, finds offline's program. */
static struct str offline_seen_from(struct fixture *f, struct str self)
{
	char out[PATH_MAX];
	struct str cmd = arena_printf(&f->a, "PATH=%s %s --where", f->dir, self.p);
	FILE *p = popen(cmd.p, "r");

	assert_non_null(p);
	if (!fgets(out, sizeof out, p))
		out[0] = 0;
	assert_int_equal(pclose(p), 0);
	return arena_copy(&f->a, str_trim(str_of(out)));
}

static void offline_is_found_beside_axmake_first(void **state)
{
	struct fixture *f = *state;
	struct str bin = arena_printf(&f->a, "%s/usr/bin", f->dir), self = arena_printf(&f->a, "%s/axmake", bin.p), me;
	const char *const places[] = {"axmake-offline", "usr/lib/axmake/axmake-offline", "usr/libexec/axmake/axmake-offline",
	                              "usr/bin/axmake-offline"};

	assert_int_equal(os_read_file(&f->a, AT_FDCWD, "/proc/self/exe", SIZE_MAX, &me), 0);
	assert_int_equal(os_mkdirs(AT_FDCWD, bin.p, 0755), 0);
	assert_int_equal(os_mkdirs(AT_FDCWD, arena_printf(&f->a, "%s/usr/lib/axmake", f->dir).p, 0755), 0);
	assert_int_equal(os_mkdirs(AT_FDCWD, arena_printf(&f->a, "%s/usr/libexec/axmake", f->dir).p, 0755), 0);
	assert_int_equal(os_replace_file(AT_FDCWD, self.p, 0755, me), 0);
	assert_str(offline_seen_from(f, self), "none");
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct str path = arena_printf(&f->a, "%s/%s", f->dir, places[i]);

		put_program(path.p, 0755);
		assert_str(offline_seen_from(f, self), path.p);
	}
	/* A folder of that name is no program. */
	assert_int_equal(unlink(arena_printf(&f->a, "%s/usr/bin/axmake-offline", f->dir).p), 0);
	assert_int_equal(mkdir(arena_printf(&f->a, "%s/usr/bin/axmake-offline", f->dir).p, 0755), 0);
	assert_str(offline_seen_from(f, self), arena_printf(&f->a, "%s/usr/libexec/axmake/axmake-offline", f->dir).p);
}

static int print_offline(void)
{
	struct arena a = {0};
	struct str word = STR("axmake-offline"), path = STR("none");
	struct provider p = {.name = STR("offline"), .command = {.p = &word, .n = 1}};

	agent_installed(&a, &p, getenv("PATH"), &path);
	printf("%.*s\n", STR_ARG(path));
	arena_free(&a);
	return 0;
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    CASE(words_come_as_they_stand),
	    CASE(every_placeholder_has_its_value),
	    CASE(values_stay_in_their_word_and_are_never_expanded),
	    CASE(dollars_that_are_no_placeholders_stay),
	    CASE(model_words_come_only_with_a_model),
	    CASE(a_role_is_said_by_words_or_before_the_prompt),
	    CASE(a_role_that_the_command_names_is_not_said_twice),
	    CASE(an_argument_prompt_is_appended_unless_a_word_has_it),
	    CASE(a_prompt_is_never_an_option),
	    CASE(a_prompt_by_file_is_not_on_standard_input),
	    CASE(an_argument_may_have_131071_bytes_and_no_more),
	    CASE(a_long_role_is_named_as_such),
	    CASE(a_nul_cannot_be_in_an_argument_but_on_standard_input),
	    CASE(max_prompt_counts_the_role_too),
	    CASE(env_is_expanded_and_kept_in_order),
	    CASE(a_missing_program_is_named),
	    CASE(installed_says_where),
	    CASE(a_path_with_slash_is_the_roots),
	    CASE(a_leading_tilde_is_the_home_folder),
	    CASE(offline_is_found_beside_axmake_first),
	};

	if (argc == 2 && strcmp(argv[1], "--where") == 0)
		return print_offline();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
