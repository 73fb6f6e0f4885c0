#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "run/delegation.h"

/* The requests of an answer as "AGENT=TASK|…". */
static void assert_requests(const char *answer, const char *want)
{
	struct arena a = {0};
	struct sbuf b = {0};
	struct delegation_list l = delegation_parse(&a, str_of(answer));

	for (size_t i = 0; i < l.of.n; i++)
		sbuf_printf(&b, "%s%.*s=%.*s", i ? "|" : "", STR_ARG(l.of.p[i].agent), STR_ARG(l.of.p[i].task));
	assert_string_equal(b.n ? b.p : "", want);
	sbuf_free(&b);
	arena_free(&a);
}

static void lines_of_both_forms_are_requests(void **state)
{
	(void)state;
	assert_requests("I plan.\n@backend: build the API\nDELEGATE TO security-2: look at it: all of it\n",
	                "backend=build the API|security-2=look at it: all of it");
	assert_requests("@a:x", "a=x");
	assert_requests("@a: x\r\n@b:\ty  \r\n", "a=x|b=y");
	assert_requests("DELEGATE TO  a : x", "a=x");
	assert_requests("@a: ${x} $(rm) `y`", "a=${x} $(rm) `y`");
	assert_requests("@\xc3\xa9: x", "\xc3\xa9=x");
	assert_requests("@the back end: x\nDELEGATE TO the back end: y", "the back end=x|the back end=y");
}

static void what_only_looks_like_one_is_none(void **state)
{
	(void)state;
	assert_requests("", "");
	assert_requests(" @a: indented\n\t@a: x\n- @a: x\nsee @a: x\n", "");
	assert_requests("@a\n@a:\n@a:  \n@: x\n@ a: x\n@a : x\n", "");
	assert_requests("delegate to a: x\nDELEGATE TOa: x\nDELEGATE TO : x\nDELEGATE TO a\n", "");
}

static void fences_hold_none(void **state)
{
	(void)state;
	assert_requests("```\n@a: x\n```\n@b: y", "b=y");
	assert_requests("~~~ text\n@a: x\n```\n@a: x\n~~~\n@b: y", "b=y");
	assert_requests("````md\n```\n@a: x\n```\n@a: x\n`````  \n@b: y", "b=y");
	assert_requests("   ```\n@a: x\n```sh\n@a: x\n  ```\r\n@b: y", "b=y");
	assert_requests("```\n@a: never closed", "");
	assert_requests("``\n@a: x\n``` x ``` y\n@b: y\n    ```\n@c: z", "a=x|b=y|c=z");
	assert_requests("```\n> ```\n@a: x", "");
}

static void quotes_hold_none(void **state)
{
	(void)state;
	assert_requests("> @a: x\n>@a: x\n@a: goes on\n@a: and on\n\n@b: y", "b=y");
	assert_requests("   > q\r\n@a: x\r\n\r\n@b: y", "b=y");
	assert_requests("> ```\n\n@b: y", "b=y");
	assert_requests("> q\n```\n@a: x\n```\n@b: y", "b=y");
}

static void many_are_counted_and_time_is_by_length(void **state)
{
	static const char lines[] = "@a: x\n> q\n\n";
	struct arena a = {0};
	struct sbuf b = {0};

	(void)state;
	while (b.n < (1u << 20))
		sbuf_lit(&b, lines);
	int64_t before = clock_ns();
	struct delegation_list l = delegation_parse(&a, sbuf_view(&b));
	assert_true(clock_ns() - before < 2 * NS_PER_S);
	assert_int_equal(l.of.n, DELEGATION_READ_MOST);
	assert_int_equal(l.more, b.n / strlen(lines) - DELEGATION_READ_MOST);
	sbuf_clear(&b);
	while (b.n < (1u << 20))
		sbuf_lit(&b, "`");
	assert_int_equal(delegation_parse(&a, sbuf_view(&b)).of.n, 0);
	sbuf_free(&b);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_of_both_forms_are_requests), cmocka_unit_test(what_only_looks_like_one_is_none),
	    cmocka_unit_test(fences_hold_none),                 cmocka_unit_test(quotes_hold_none),
	    cmocka_unit_test(many_are_counted_and_time_is_by_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
