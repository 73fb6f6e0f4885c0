#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"

#define assert_str(s, text) assert_true(str_eq((s), str_of(text)))

static void the_first_bad_byte_is_found(void **state)
{
	static const struct {
		struct str text;
		size_t at;
	} cases[] = {
	    {{"", 0}, 0},
	    {{"plain ascii, long enough for words", 34}, 34},
	    {{"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 15}, 15},
	    {{"12345678\xff", 9}, 8},
	    {{"a\x80", 2}, 1},             /* continuation alone */
	    {{"ab\xc3", 3}, 2},            /* cut */
	    {{"ab\xe2\x82", 4}, 2},        /* cut */
	    {{"\xc0\xaf", 2}, 0},          /* overlong */
	    {{"\xe0\x80\xaf", 3}, 0},      /* overlong */
	    {{"\xed\xa0\x80", 3}, 0},      /* surrogate */
	    {{"x\xf4\x90\x80\x80", 5}, 1}, /* beyond U+10FFFF */
	    {{"a\0b", 3}, 3},              /* NUL is a character */
	    {{"\xc3(", 2}, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(utf8_invalid(cases[i].text), cases[i].at);
}

static void names_that_look_alike_become_equal(void **state)
{
	struct arena a = {0};
	struct str composed = STR("caf\xc3\xa9"), apart = STR("cafe\xcc\x81"), ascii = STR("cafe");

	(void)state;
	assert_str(utf8_nfc(&a, apart), "caf\xc3\xa9");
	assert_ptr_equal(utf8_nfc(&a, composed).p, composed.p);
	assert_ptr_equal(utf8_nfc(&a, ascii).p, ascii.p);
	assert_str(utf8_nfc(&a, STR("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab")), "\xed\x95\x9c"); /* Hangul */
	assert_str(utf8_nfc(&a, STR("\xe2\x84\xab")), "\xc3\x85");                             /* Angstrom sign */
	assert_str(utf8_nfc(&a, STR("\xef\xac\x81")), "\xef\xac\x81");                         /* "fi" ligature: not NFKC */
	arena_free(&a);
}

static void length_counts_characters_and_width_columns(void **state)
{
	(void)state;
	assert_int_equal(utf8_length(STR("a\xc3\xbc\xe6\xbc\xa2")), 3);
	assert_int_equal(utf8_length(STR("a\xff\xfe")), 3);
	assert_int_equal(utf8_width(STR("a\xc3\xbc\xe6\xbc\xa2")), 4);
	assert_int_equal(utf8_width(STR("e\xcc\x81")), 1);
	assert_int_equal(utf8_width(STR("a\tb\n\x7f")), 2);
	assert_int_equal(utf8_width(STR_NONE), 0);
}

static void decoding_moves_on_by_one_character_or_one_bad_byte(void **state)
{
	struct str s = STR("\xe2\x82\xac\xe2\x82x");
	size_t i = 0;

	(void)state;
	assert_int_equal(utf8_next(s, &i), 0x20ac);
	assert_int_equal(i, 3);
	assert_int_equal(utf8_next(s, &i), -1);
	assert_int_equal(i, 4);
	assert_int_equal(utf8_next(s, &i), -1);
	assert_int_equal(utf8_next(s, &i), 'x');
	assert_int_equal(i, s.n);
}

static void what_a_terminal_would_obey_is_escaped(void **state)
{
	static const struct {
		struct str text;
		const char *shown;
	} cases[] = {
	    {{"", 0}, ""},
	    {{"plain \\ \xc3\xbc", 10}, "plain \\ \xc3\xbc"},
	    {{"a\nb\tc\r", 6}, "a\\nb\\tc\\r"},
	    {{"\x1b[31m", 5}, "\\x1b[31m"},
	    {{"a\0b\x7f", 4}, "a\\x00b\\x7f"},
	    {{"\xff\xc3", 2}, "\\xff\\xc3"},
	    {{"\xc2\x9b", 2}, "\\u009b"},
	    {{"\xe2\x80\xae", 3}, "\\u202e"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sbuf b = {0};

		sbuf_lit(&b, ">");
		utf8_escape(&b, cases[i].text);
		assert_string_equal(b.p + 1, cases[i].shown);
		sbuf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_bad_byte_is_found),
	    cmocka_unit_test(names_that_look_alike_become_equal),
	    cmocka_unit_test(length_counts_characters_and_width_columns),
	    cmocka_unit_test(decoding_moves_on_by_one_character_or_one_bad_byte),
	    cmocka_unit_test(what_a_terminal_would_obey_is_escaped),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
