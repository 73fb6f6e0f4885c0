#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "show/lastline.h"

static void assert_shown(const struct lastline *l, const char *text)
{
	struct sbuf b = {0};
	lastline_show(l, &b);
	assert_string_equal(b.n ? b.p : "", text);
	sbuf_free(&b);
}

static void the_last_line_that_holds_anything_is_shown(void **state)
{
	struct lastline l = {0};
	(void)state;
	lastline_add(&l, STR("one\ntwo"));
	lastline_add(&l, STR(" and more\n"));
	assert_shown(&l, "two and more");
	lastline_add(&l, STR("\n"));
	assert_shown(&l, "two and more");
	lastline_add(&l, STR("10 %\r20 %"));
	assert_shown(&l, "20 %");
}

static void of_a_long_line_the_beginning_is_kept(void **state)
{
	enum { SIZE = 20000 };
	char *big = malloc(SIZE), expected[LASTLINE_MAX + 1] = "{";
	struct lastline l = {0};
	(void)state;
	memset(big, 'x', SIZE);
	memcpy(big, "before\n{", 8);
	memset(expected + 1, 'x', LASTLINE_MAX - 1);
	lastline_add(&l, (struct str){big, SIZE});
	assert_shown(&l, expected);
	lastline_add(&l, (struct str){big + 8, SIZE - 8});
	assert_shown(&l, expected);
	lastline_add(&l, STR("\nnext"));
	assert_shown(&l, "next");
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_line_that_holds_anything_is_shown),
		cmocka_unit_test(of_a_long_line_the_beginning_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
