#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "show/screen.h"

/* The text, passed in pieces of `step` bytes. */
static void assert_shown(enum screen_mode mode, const char *text, const char *want)
{
	for (size_t step = 1; step <= strlen(text) + 1; step++) {
		struct screen v = {.mode = mode};
		struct sbuf out = {0};
		for (size_t i = 0; i < strlen(text); i += step)
			screen_add(&v, &out, text + i, strlen(text) - i < step ? strlen(text) - i : step);
		screen_end(&v, &out);
		assert_string_equal(out.n ? out.p : "", want);
		sbuf_free(&out);
	}
}

static void text_passes(void **state)
{
	(void)state;
	static const char text[] = "a\tb\n\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\r\nlatin \xe9";

	for (enum screen_mode m = SCREEN_SAFE; m <= SCREEN_RAW; m++)
		assert_shown(m, text, text);
	assert_shown(SCREEN_SAFE, "half \xe2\x82", "half \xe2\\x82");
}

static void nothing_of_an_agent_steers(void **state)
{
	(void)state;
	assert_shown(SCREEN_SAFE, "\x1b[31mred\x1b]0;title\a\x1b[2J\x1b", "\\x1b[31mred\\x1b]0;title\\x07\\x1b[2J\\x1b");
	assert_shown(SCREEN_SAFE, "back\b\b over\rwritten\r", "back\\x08\\x08 over\\x0dwritten\\x0d");
	assert_shown(SCREEN_SAFE, "eight bits \x9b" "2J \xc2\x9b" "2J \x7f", "eight bits \\x9b2J \\u009b2J \\x7f");
	assert_shown(SCREEN_SAFE, "turned \xe2\x80\xae round", "turned \\u202e round");
}

static void colours_of_scripts_pass_and_are_taken_back(void **state)
{
	(void)state;
	assert_shown(SCREEN_COLORS, "\x1b[1;31mred\x1b[0m \x1b[38:5:1mx\x1b[m", "\x1b[1;31mred\x1b[0m \x1b[38:5:1mx\x1b[m");
	assert_shown(SCREEN_COLORS, "\x1b[31mred", "\x1b[31mred\x1b[0m");
	assert_shown(SCREEN_COLORS, "\x1b[2J\x1b]0;t\a\x1b[?25lx\x1b[3\x1b[3;", "\\x1b[2J\\x1b]0;t\\x07\\x1b[?25lx\\x1b[3\\x1b[3;");
	assert_shown(SCREEN_COLORS, "\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1m", "\\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1m");
	assert_shown(SCREEN_COLORS, "\x1b[3\xe2\x82\xac\x1b[1mb", "\\x1b[3\xe2\x82\xac\x1b[1mb\x1b[0m");
}

static void what_goes_elsewhere_passes_byte_by_byte(void **state)
{
	(void)state;
	assert_shown(screen_mode(false, false), "\x1b[2J\x9b\r\x7f", "\x1b[2J\x9b\r\x7f");
	assert_int_equal(screen_mode(true, false), SCREEN_SAFE);
	assert_int_equal(screen_mode(true, true), SCREEN_SAFE);
	assert_int_equal(screen_mode(false, true), SCREEN_COLORS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_passes),
	    cmocka_unit_test(nothing_of_an_agent_steers),
	    cmocka_unit_test(colours_of_scripts_pass_and_are_taken_back),
	    cmocka_unit_test(what_goes_elsewhere_passes_byte_by_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
