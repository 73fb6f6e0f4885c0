#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/jsonfield.h"

/* The field of a text, or what is wrong with it after "! ", or "?" where it has no such field. */
static struct str field(struct arena *a, struct str text, const char *path)
{
	struct str fault = STR_NONE, out = STR("?");
	json_t *root = jsonfield_load(a, text, &fault);

	if (!root)
		return arena_printf(a, "! %.*s", STR_ARG(fault));
	jsonfield_get(a, root, str_of(path), &out);
	json_decref(root);
	return out;
}

static void assert_str(struct str text, const char *path, const char *want)
{
	struct arena a = {0};
	struct str got = field(&a, text, path);

	assert_string_equal(arena_copy(&a, got).p, want);
	arena_free(&a);
}

static void assert_field(const char *text, const char *path, const char *want)
{
	assert_str(str_of(text), path, want);
}

static void scalars_are_text_and_all_else_compact(void **state)
{
	static const char json[] = "{\"s\": \"a \\\"b\\\" \\u00e9\", \"n\": -1.50e2, \"t\": true, \"z\": null, \"e\": \"\",\n"
				   " \"o\": {\"k\": [1, \"x, \\\\\\\"y\"], \"0\": false}, \"l\": [[], {}, 0.1]}";

	(void)state;
	assert_field(json, "s", "a \"b\" \xc3\xa9");
	assert_field(json, "n", "-1.50e2");
	assert_field(json, "t", "true");
	assert_field(json, "z", "null");
	assert_field(json, "e", "");
	assert_field(json, "o", "{\"k\":[1,\"x, \\\\\\\"y\"],\"0\":false}");
	assert_field(json, "o.0", "false");
	assert_field(json, "l", "[[],{},0.1]");
	assert_field(json, "l.2", "0.1");
}

static void what_is_not_there_is_not_found(void **state)
{
	(void)state;
	assert_field("{\"a\": {\"b\": 1}}", "b", "?");
	assert_field("{\"a\": {\"b\": 1}}", "a.b.c", "?");
	assert_field("{\"a\": [1]}", "a.1", "?");
	assert_field("{\"a\": [1]}", "a.00", "?");
	assert_field("{\"a\": [1]}", "a.-1", "?");
	assert_field("{\"a\": [1]}", "a.s", "?");
	assert_field("[{\"a\": 1}]", "0.a", "1");
	assert_field("{\"a\": 1}", "sa", "?");
}

static void numbers_stay_as_they_are_written(void **state)
{
	(void)state;
	assert_field("[12345678901234567890123, 1e999, 1.10, -0, 3.14159265358979323846]", "0", "12345678901234567890123");
	assert_field("[12345678901234567890123, 1e999, 1.10, -0, 3.14159265358979323846]", "1", "1e999");
	assert_field("{\"a\":[12345678901234567890123, 1e999, 1.10, -0, 3.14159265358979323846]}", "a",
		     "[12345678901234567890123,1e999,1.10,-0,3.14159265358979323846]");
	assert_field("[01]", "0", "! is no JSON: line 1: invalid token");
	assert_field("{\"a\":\n1.}", "a", "! is no JSON: line 2: invalid token");
}

static void a_text_may_be_json_or_hold_one_block_of_it(void **state)
{
	(void)state;
	assert_field("\xef\xbb\xbf\n {\"a\": 1}\n\n", "a", "1");
	assert_field("Here:\n```json\n{\"a\": 1}\n```\nDone. {\"a\": 2}\n", "a", "1");
	assert_field("~~~ JSON\n{\"a\": 1}\n~~~", "a", "1");
	assert_field("Text\n\n  ````\n  [7]\n  ````\n", "0", "7");
	assert_field("```sh\necho '{}'\n```\n```json {file=x}\n{\"a\":1}\n```\n```\nno JSON\n```\n", "a", "1");
	assert_field("````md\n```json\n{\"a\": 1}\n```\n````\n```json\n{\"a\": 2}\n```\r\n", "a", "2");
	assert_field("```json\n{\"a\": 1}", "a", "1");
	assert_field("[1] says\n```json\n{\"a\": 1}\n```", "a", "1");
}

static void what_is_wrong_with_a_text_is_said(void **state)
{
	(void)state;
	assert_field("", "a", "! is empty");
	assert_field(" \n", "a", "! is empty");
	assert_field("I have no idea", "a", "! is no JSON and holds no fenced block of it");
	assert_field("42", "a", "! is no JSON and holds no fenced block of it");
	assert_field("```yaml\na: 1\n```", "a", "! is no JSON and holds no fenced block of it");
	assert_field("{\"a\": 1} and so on", "a", "! is no JSON: something follows its end in line 1");
	assert_field("{\"a\": ", "a", "! is no JSON: nothing closes it");
	assert_field("{\"a\": 1,}", "a", "! is no JSON: line 1: string or '}' expected");
	assert_field("Two:\n```json\n{}\n```\n```\n[]\n```\n", "a",
		     "! holds 2 fenced blocks of JSON (the first two begin in lines 2 and 5) where one is wanted");
	assert_field("One:\n\n```json\n{\"a\": 1\n \"b\": 2}\n```\n", "a",
		     "! holds a fenced block, in line 3, that is no JSON: line 5: '}' expected");
	assert_field("```json\n42\n```", "a", "! holds a fenced block, in line 1, that is no JSON: it is neither an object nor an array");
	assert_field("```json\n{\"a\": 1}\nand no end", "a", "! holds a fenced block, in line 1, that is no JSON: the block is never closed");
	assert_field("```json", "a", "! holds a fenced block, in line 1, that is no JSON: the block is never closed");
}

static void odd_texts_are_read_or_refused(void **state)
{
	static const char nul[] = "{\"a\0b\": \"x\0y\", \"b\": \"\\u0000\"}";
	struct arena a = {0};

	(void)state;
	assert_field("{\"a\": 1, \"a\": 2}", "a", "2");
	assert_field("{\"a\": \"\xff\", \"b\": \"\\ud800\"}", "a", "\xef\xbf\xbd");
	struct str got = field(&a, (struct str){nul, sizeof nul - 1}, "b");
	assert_int_equal(got.n, 3); /* a NUL in a key: all become U+FFFD */
	got = field(&a, STR("{\"b\": \"x\\u0000y\"}"), "b");
	assert_int_equal(got.n, 3);
	assert_memory_equal(got.p, "x\0y", 3);
	assert_str((struct str){"{\"a\": 1}\0", 9}, "a", "! is no JSON: something follows its end in line 1");
	arena_free(&a);
}

static void deep_texts_are_refused(void **state)
{
	enum { DEEP = 10000 };
	struct sbuf b = {0};

	(void)state;
	for (int i = 0; i < DEEP; i++)
		sbuf_lit(&b, "{\"a\":[");
	for (int i = 0; i < DEEP; i++)
		sbuf_lit(&b, "]}");
	assert_str(sbuf_view(&b), "a.0.a", "! is no JSON: it is nested more than 2048 deep");
	sbuf_clear(&b);
	for (int i = 0; i < 2000; i++)
		sbuf_char(&b, '[');
	sbuf_char(&b, '7');
	for (int i = 0; i < 2000; i++)
		sbuf_char(&b, ']');
	struct arena a = {0};
	assert_int_equal(field(&a, sbuf_view(&b), "0.0").n, 2 * 1998 + 1);
	arena_free(&a);
	sbuf_free(&b);
}

static void paths_are_names_between_dots(void **state)
{
	(void)state;
	assert_true(jsonfield_is_path(STR("a.b.0")));
	assert_true(jsonfield_is_path(STR("a b.\xc3\xa9")));
	assert_false(jsonfield_is_path(STR("")));
	assert_false(jsonfield_is_path(STR("a.")));
	assert_false(jsonfield_is_path(STR(".a")));
	assert_false(jsonfield_is_path(STR("a..b")));
	assert_false(jsonfield_is_path((struct str){"a\0b", 3}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_are_text_and_all_else_compact),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(numbers_stay_as_they_are_written),
		cmocka_unit_test(a_text_may_be_json_or_hold_one_block_of_it),
		cmocka_unit_test(what_is_wrong_with_a_text_is_said),
		cmocka_unit_test(odd_texts_are_read_or_refused),
		cmocka_unit_test(deep_texts_are_refused),
		cmocka_unit_test(paths_are_names_between_dots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
