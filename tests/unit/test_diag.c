#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/diag.h"

static char *printed(struct diag *d, bool color)
{
	char *stream = NULL, *text;
	size_t n = 0;
	FILE *f = open_memstream(&stream, &n);

	diag_print(d, f, color);
	fclose(f);
	text = strdup(stream);
	free(stream);
	return text;
}

static void check_printed(struct diag *d, const char *want)
{
	char *got = printed(d, false);

	assert_string_equal(got, want);
	free(got);
}

static void an_error_shows_its_line_a_caret_and_a_hint(void **state)
{
	struct diag *d = diag_new();
	uint32_t s = diag_source(d, STR("w.ax.yaml"), STR("one\n\n\n\n\n\n\n\n\n\n\n  tiemout: 3\r\nlast"));

	(void)state;
	diag_error(d, (struct pos){s, 12, 3}, "did you mean 'timeout'?", "unknown key '%s'", "tiemout");
	check_printed(d, "w.ax.yaml:12:3: error: unknown key 'tiemout'\n"
	                 " 12 |   tiemout: 3\n"
	                 "    |   ^\n"
	                 "  hint: did you mean 'timeout'?\n");
	diag_warn(d, (struct pos){s, 13, 5}, NULL, "cut short");
	check_printed(d, "w.ax.yaml:13:5: warning: cut short\n 13 | last\n    |     ^\n");
	diag_free(d);
}

static void what_has_no_place_has_no_excerpt(void **state)
{
	struct diag *d = diag_new();
	uint32_t text = diag_source(d, STR("a"), STR("x\n")), none = diag_source(d, STR("b"), STR_NONE);

	(void)state;
	diag_error(d, POS_NONE, "say -f", "no workflow");
	diag_error(d, (struct pos){text, 0, 0}, NULL, "is empty");
	diag_error(d, (struct pos){none, 3, 4}, NULL, "broken");
	diag_error(d, (struct pos){text, 9, 1}, NULL, "beyond the end");
	diag_error(d, (struct pos){text, 1, 0}, NULL, "whole line");
	check_printed(d, "a: error: is empty\n"
	                 "a:1: error: whole line\n 1 | x\n"
	                 "a:9:1: error: beyond the end\n"
	                 "b:3:4: error: broken\n"
	                 "axmake: error: no workflow\n"
	                 "  hint: say -f\n");
	diag_free(d);
}

static void the_same_words_for_the_same_place_are_said_once_a_print(void **state)
{
	struct diag *d = diag_new();
	struct pos at = {diag_source(d, STR("a"), STR_NONE), 1, 1};

	(void)state;
	assert_true(diag_error(d, at, NULL, "x%d", 1));
	assert_false(diag_error(d, at, "late", "x%d", 1));
	diag_note(d, at, "of a repetition");
	diag_add_hint(d, "of a repetition");
	assert_true(diag_warn(d, at, NULL, "x%d", 1));
	diag_add_hint(d, "found later");
	assert_false(diag_warn(d, at, NULL, "x%d", 1));
	assert_int_equal(diag_errors(d), 1);
	assert_int_equal(diag_warnings(d), 1);
	check_printed(d, "a:1:1: error: x1\na:1:1: warning: x1\n  hint: found later\n");
	assert_true(diag_error(d, at, NULL, "x%d", 1));
	check_printed(d, "a:1:1: error: x1\n");
	diag_free(d);
}

static void places_are_printed_in_order_and_once(void **state)
{
	struct diag *d = diag_new();
	uint32_t a = diag_source(d, STR("a"), STR_NONE), b = diag_source(d, STR("b"), STR_NONE);

	(void)state;
	diag_error(d, (struct pos){b, 1, 1}, NULL, "5");
	diag_error(d, (struct pos){a, 2, 1}, NULL, "3");
	diag_warn(d, (struct pos){a, 1, 9}, NULL, "2");
	diag_note(d, (struct pos){b, 7, 1}, "first here");
	diag_note(d, (struct pos){a, 7, 1}, "then there");
	diag_error(d, (struct pos){a, 2, 1}, NULL, "4");
	diag_error(d, (struct pos){a, 1, 2}, NULL, "1");
	check_printed(d, "a:1:2: error: 1\na:1:9: warning: 2\nb:7:1: note: first here\na:7:1: note: then there\n"
	                 "a:2:1: error: 3\na:2:1: error: 4\nb:1:1: error: 5\n");
	check_printed(d, "");
	diag_error(d, (struct pos){a, 1, 1}, NULL, "later");
	check_printed(d, "a:1:1: error: later\n");
	assert_int_equal(diag_errors(d), 5);
	assert_int_equal(diag_warnings(d), 1);
	diag_free(d);
}

static void lines_are_found_backwards_as_well(void **state)
{
	struct diag *d = diag_new();
	uint32_t s = diag_source(d, STR("f"),
	                         STR("\xef\xbb\xbf"
	                             "first\nsecond\nthird"));

	(void)state;
	diag_error(d, (struct pos){s, 3, 1}, NULL, "x");
	diag_note(d, (struct pos){s, 1, 2}, "y");
	diag_note(d, (struct pos){s, 2, 3}, "z");
	check_printed(d, "f:3:1: error: x\n 3 | third\n   | ^\n"
	                 "f:1:2: note: y\n 1 | first\n   |  ^\n"
	                 "f:2:3: note: z\n 2 | second\n   |   ^\n");
	diag_free(d);
}

static void the_caret_stands_below_its_character(void **state)
{
	struct diag *d = diag_new();
	uint32_t s = diag_source(d, STR("f"),
	                         STR("\ta: \xe6\xbc\xa2\xe5\xad\x97 e\xcc\x81 x\na\x1b[1mb\xff"
	                             "c\n"));

	(void)state;
	diag_error(d, (struct pos){s, 1, 2}, NULL, "after a tab");
	diag_error(d, (struct pos){s, 1, 11}, NULL, "after wide and combined");
	diag_error(d, (struct pos){s, 2, 8}, NULL, "after escapes");
	check_printed(d, "f:1:2: error: after a tab\n"
	                 " 1 |         a: \xe6\xbc\xa2\xe5\xad\x97 e\xcc\x81 x\n"
	                 "   |         ^\n"
	                 "f:1:11: error: after wide and combined\n"
	                 " 1 |         a: \xe6\xbc\xa2\xe5\xad\x97 e\xcc\x81 x\n"
	                 "   |                   ^\n"
	                 "f:2:8: error: after escapes\n"
	                 " 2 | a\\x1b[1mb\\xffc\n"
	                 "   |              ^\n");
	diag_free(d);
}

/* Wherever the caret is in a long line, it stands below its character, and neither line is long. */
static void long_lines_are_cut_around_the_caret(void **state)
{
	char line[3001];

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		for (uint32_t col = 1; col <= 3000; col += 37) {
			struct diag *d = diag_new();
			char *text, *excerpt, *caret;
			size_t columns = 0;

			memset(line, kind ? kind == 1 ? '\t' : '\1' : 'a', 3000);
			line[col - 1] = 'X';
			line[3000] = '\0';
			diag_error(d, (struct pos){diag_source(d, STR("f"), str_of(line)), 1, col}, NULL, "m");
			text = printed(d, false);
			excerpt = strstr(text, "\n 1 | ") + 6;
			caret = strstr(text, "\n   | ") + 6;
			for (const char *p = excerpt; *p != 'X'; p++) {
				assert_int_not_equal(*p, '\n');
				columns += ((unsigned char)*p & 0xc0) != 0x80;
			}
			assert_int_equal(strspn(caret, " "), columns);
			assert_string_equal(caret + columns, "^\n");
			assert_true(caret - excerpt < 130);
			free(text);
			diag_free(d);
		}
	}
}

static void names_and_messages_cannot_steer_the_terminal(void **state)
{
	struct diag *d = diag_new();
	uint32_t s = diag_source(d, STR("a\nb"), STR_NONE);

	(void)state;
	diag_error(d, (struct pos){s, 1, 1}, "x\ty", "bad '%s'", "\x1b]0;t\a");
	check_printed(d, "a\\nb:1:1: error: bad '\\x1b]0;t\\a'\n  hint: x\\ty\n");
	diag_free(d);
}

static void color_is_only_where_asked(void **state)
{
	struct diag *d = diag_new();
	uint32_t s = diag_source(d, STR("f"), STR_NONE);
	char *text;

	(void)state;
	diag_error(d, (struct pos){s, 1, 1}, NULL, "e");
	diag_warn(d, (struct pos){s, 2, 1}, NULL, "w");
	diag_note(d, (struct pos){s, 3, 1}, "n");
	text = printed(d, true);
	assert_string_equal(text, "\033[1mf:1:1:\033[0m \033[31merror:\033[0m e\n"
	                          "\033[1mf:2:1:\033[0m \033[35mwarning:\033[0m w\n"
	                          "\033[1mf:3:1:\033[0m note: n\n");
	free(text);
	diag_free(d);
}

static void fifty_errors_are_shown_and_the_rest_counted(void **state)
{
	struct diag *d = diag_new();
	char *text;

	(void)state;
	for (int i = 0; i < 53; i++)
		diag_error(d, POS_NONE, NULL, "number %d.", i);
	for (int i = 0; i < 51; i++)
		diag_warn(d, POS_NONE, NULL, "warning %d.", i);
	text = printed(d, false);
	assert_non_null(strstr(text, "number 49."));
	assert_null(strstr(text, "number 50."));
	assert_non_null(strstr(text, "axmake: and 3 more errors\n"));
	assert_non_null(strstr(text, "axmake: and 1 more warning\n"));
	assert_int_equal(diag_errors(d), 53);
	free(text);
	diag_free(d);
}

static void where_is_file_and_line(void **state)
{
	struct diag *d = diag_new();
	uint32_t s = diag_source(d, STR("f"), STR_NONE);
	struct sbuf b = {0};

	(void)state;
	diag_where(d, (struct pos){s, 7, 3}, &b);
	sbuf_char(&b, ' ');
	diag_where(d, (struct pos){s, 0, 0}, &b);
	sbuf_char(&b, ' ');
	diag_where(d, POS_NONE, &b);
	assert_string_equal(b.p, "f:7 f axmake");
	assert_true(str_eq(diag_source_name(d, s), STR("f")));
	assert_int_equal(diag_source_name(d, 0).n, 0);
	sbuf_free(&b);
	diag_free(d);
}

static void hints_are_made_from_suggestions(void **state)
{
	struct diag *d = diag_new();
	struct suggestion near = {.wanted = STR("rnu")}, far = {.wanted = STR("rnu")};

	(void)state;
	suggestion_offer(&near, STR("run"));
	suggestion_offer(&far, STR("timeout"));
	assert_string_equal(diag_did_you_mean(d, &near), "did you mean 'run'?");
	assert_null(diag_did_you_mean(d, &far));
	assert_string_equal(diag_hint(d, "%d of %s", 3, "x"), "3 of x");
	diag_free(d);
	diag_free(NULL);
}

static void what_is_read_again_is_warned_of_once(void **state)
{
	struct diag *d = diag_new();
	uint32_t a = diag_source(d, STR("a"), STR("x\n")), b = diag_source(d, STR("b"), STR("x\n"));

	(void)state;
	assert_int_equal(diag_source(d, STR("a"), STR("x\n")), a);
	assert_int_not_equal(diag_source(d, STR("a"), STR("y\n")), a);
	diag_warn(d, (struct pos){a, 1, 1}, NULL, "w");
	size_t mark = diag_mark(d);
	diag_error(d, (struct pos){a, 1, 1}, NULL, "e");
	diag_warn(d, (struct pos){a, 1, 1}, NULL, "w");
	assert_int_equal(diag_errors(d), 1);
	diag_rewind(d, mark);
	assert_int_equal(diag_errors(d), 0);
	assert_int_equal(diag_warnings(d), 1);
	diag_warn(d, (struct pos){a, 1, 1}, NULL, "w");
	diag_warn(d, (struct pos){b, 1, 1}, NULL, "w");
	diag_error(d, (struct pos){a, 1, 1}, NULL, "e");
	diag_forget_repeated(d, mark);
	assert_int_equal(diag_warnings(d), 2);
	assert_int_equal(diag_errors(d), 1);
	assert_int_equal(diag_errors_in(d, STR("x\n")), 1);
	assert_int_equal(diag_errors_in(d, STR("y\n")), 0);
	diag_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_error_shows_its_line_a_caret_and_a_hint),
	    cmocka_unit_test(what_has_no_place_has_no_excerpt),
	    cmocka_unit_test(the_same_words_for_the_same_place_are_said_once_a_print),
	    cmocka_unit_test(places_are_printed_in_order_and_once),
	    cmocka_unit_test(lines_are_found_backwards_as_well),
	    cmocka_unit_test(the_caret_stands_below_its_character),
	    cmocka_unit_test(long_lines_are_cut_around_the_caret),
	    cmocka_unit_test(names_and_messages_cannot_steer_the_terminal),
	    cmocka_unit_test(color_is_only_where_asked),
	    cmocka_unit_test(fifty_errors_are_shown_and_the_rest_counted),
	    cmocka_unit_test(where_is_file_and_line),
	    cmocka_unit_test(hints_are_made_from_suggestions),
	    cmocka_unit_test(what_is_read_again_is_warned_of_once),
	};

	return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
