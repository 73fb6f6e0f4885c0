/* Asking programs for their version: those that answer, that fail, that never end. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/os.h"
#include "run/probe.h"

#define LONG_NS (20 * NS_PER_S)

static char here[] = "/tmp/axmake-probe-XXXXXX";

static int enter(void **state)
{
	(void)state;
	return mkdtemp(here) && !chdir(here) ? 0 : -1;
}

static int leave(void **state)
{
	(void)state;
	return chdir("/") || os_remove_tree(AT_FDCWD, here);
}

static struct str version_word = {"--version", 9};
static const struct words by_version = {.p = &version_word, .n = 1};

static bool ask(struct arena *a, const char *script, int64_t limit_ns, struct str *line, struct str *why)
{
	*line = *why = STR_NONE;
	assert_int_equal(os_replace_file(AT_FDCWD, "program", 0755, arena_printf(a, "#!/bin/sh\n%s\n", script)), 0);
	return probe_version(a, "./program", &by_version, limit_ns, line, why);
}

static void the_first_line_is_the_version(void **state)
{
	struct arena a = {0};
	struct str line, why;

	(void)state;
	assert_true(ask(&a, "[ \"$*\" = --version ] && echo '  tool 1.2  ' && echo more", LONG_NS, &line, &why));
	assert_string_equal(line.p, "tool 1.2");
	assert_true(ask(&a, "cat; echo 3; yes | head -c 300000", LONG_NS, &line, &why));
	assert_string_equal(line.p, "3");
	arena_free(&a);
}

static void what_is_no_answer_is_said(void **state)
{
	struct arena a = {0};
	struct str line, why;

	(void)state;
	assert_false(ask(&a, "echo no >&2; exit 7", LONG_NS, &line, &why));
	assert_string_equal(why.p, "asked for its version it ends with 7");
	assert_false(ask(&a, "kill -9 $$", LONG_NS, &line, &why));
	assert_string_equal(why.p, "asked for its version it is ended by a signal");
	assert_false(ask(&a, ":", LONG_NS, &line, &why));
	assert_string_equal(why.p, "it says no version");
	assert_false(probe_version(&a, "./none", &by_version, LONG_NS, &line, &why));
	assert_non_null(strstr(why.p, "cannot be started"));
	arena_free(&a);
}

static void what_does_not_end_is_ended(void **state)
{
	struct arena a = {0};
	struct str line, why;
	int64_t began = clock_ns();

	(void)state;
	assert_false(ask(&a, "echo 1.0; sleep 300", 300 * NS_PER_MS, &line, &why));
	assert_string_equal(why.p, "asked for its version it does not end");
	assert_false(ask(&a, "exec >&-; exec sleep 300", 300 * NS_PER_MS, &line, &why));
	assert_true(clock_ns() - began < 30 * NS_PER_S);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_line_is_the_version),
	    cmocka_unit_test(what_is_no_answer_is_said),
	    cmocka_unit_test(what_does_not_end_is_ended),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
