#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/path.h"

#define CHECK(got, want) check_text(&a, (got), (want), __LINE__)

static void check_text(struct arena *a, struct str got, const char *want, int line)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("line %d: got '%s', not '%s'", line, arena_copy(a, got).p, want);
}

static void normal_form_has_no_idle_parts(void **state)
{
	static const char *const cases[][2] = {
	    {"", "."},
	    {".", "."},
	    {"./", "."},
	    {"././.", "."},
	    {"/", "/"},
	    {"//", "/"},
	    {"a", "a"},
	    {"a/", "a"},
	    {"./d//x", "d/x"},
	    {"a/./b/.", "a/b"},
	    {"a/../b", "b"},
	    {"a/..", "."},
	    {"a/b/../..", "."},
	    {"a/../..", ".."},
	    {"a/../../b", "../b"},
	    {"..", ".."},
	    {"../", ".."},
	    {"../../x", "../../x"},
	    {"../x/../..", "../.."},
	    {"../a/../b", "../b"},
	    {"/..", "/"},
	    {"/../a", "/a"},
	    {"/a/../../b", "/b"},
	    {"//a//b//", "/a/b"},
	    {"/a/..", "/"},
	    {"...", "..."},
	    {"..a/.b", "..a/.b"},
	    {"a/..b", "a/..b"},
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str normal = path_normal(&a, str_of(cases[i][0]));

		CHECK(normal, cases[i][1]);
		assert_ptr_equal(path_normal(&a, normal).p, normal.p);
	}
	arena_free(&a);
}

/* Against the definition: parts on a stack. */
static void normal_form_agrees_with_its_definition(void **state)
{
	static const char *const parts[] = {"", ".", "..", "a", "b"};
	struct arena a = {0};

	(void)state;
	for (int n = 0; n < 5 * 5 * 5 * 5 * 5 * 2; n++) {
		char path[64] = "", want[64] = "";
		const char *stack[8];
		size_t depth = 0;
		int root = n & 1, k = n / 2;

		strcat(path, root ? "/" : "");
		for (int i = 0; i < 5; i++, k /= 5) {
			const char *part = parts[k % 5];

			strcat(strcat(path, i ? "/" : ""), part);
			root = root || path[0] == '/'; /* an empty first part makes a root too */
			if (!strcmp(part, "..") && depth && strcmp(stack[depth - 1], ".."))
				depth--;
			else if (*part && strcmp(part, ".") && !(root && !strcmp(part, "..")))
				stack[depth++] = part;
		}
		strcat(want, root ? "/" : depth ? "" : ".");
		for (size_t i = 0; i < depth; i++)
			strcat(strcat(want, i ? "/" : ""), stack[i]);
		CHECK(path_normal(&a, str_of(path)), want);
	}
	arena_free(&a);
}

static void what_leaves_the_root_is_not_inside(void **state)
{
	(void)state;
	assert_true(path_inside(STR(".")));
	assert_true(path_inside(STR("a/b")));
	assert_true(path_inside(STR("..a")));
	assert_true(path_inside(STR("...")));
	assert_false(path_inside(STR("..")));
	assert_false(path_inside(STR("../a")));
	assert_false(path_inside(STR("/a")));
	assert_false(path_inside(STR("/")));
}

static void folder_and_last_part(void **state)
{
	struct arena a = {0};

	(void)state;
	CHECK(path_dir(STR("a/b/c")), "a/b");
	CHECK(path_dir(STR("a")), ".");
	CHECK(path_dir(STR("/a")), "/");
	CHECK(path_dir(STR("/")), "/");
	CHECK(path_base(STR("a/b")), "b");
	CHECK(path_base(STR("a")), "a");
	CHECK(path_base(STR("/a")), "a");
	CHECK(path_base(STR("/")), "/");
	arena_free(&a);
}

static void joining_is_normal(void **state)
{
	struct arena a = {0};

	(void)state;
	CHECK(path_join(&a, STR("d"), STR("x")), "d/x");
	CHECK(path_join(&a, STR("d/e"), STR("../x")), "d/x");
	CHECK(path_join(&a, STR("d"), STR("../../x")), "../x");
	CHECK(path_join(&a, STR("."), STR("x")), "x");
	CHECK(path_join(&a, STR("d"), STR("/x")), "/x");
	CHECK(path_join(&a, STR("/"), STR("x")), "/x");
	CHECK(path_join(&a, STR("d"), STR(".")), "d");
	CHECK(path_join(&a, STR("d"), STR("")), "d");
	arena_free(&a);
}

static void under_is_by_whole_parts(void **state)
{
	(void)state;
	assert_true(path_under(STR("a/b"), STR("a")));
	assert_true(path_under(STR("a"), STR("a")));
	assert_false(path_under(STR("ab"), STR("a")));
	assert_false(path_under(STR("a"), STR("a/b")));
	assert_true(path_under(STR("a"), STR(".")));
	assert_true(path_under(STR("."), STR(".")));
	assert_false(path_under(STR("../a"), STR(".")));
	assert_false(path_under(STR("/a"), STR(".")));
	assert_true(path_under(STR("/a"), STR("/")));
	assert_false(path_under(STR("a"), STR("/")));
	assert_true(path_under(STR("../a"), STR("..")));
	assert_true(path_under(STR("a"), STR("..")));
	assert_false(path_under(STR("../../a"), STR("..")));
	assert_true(path_under(STR("../a/b"), STR("../a")));
	assert_false(path_under(STR("../../a"), STR("../a")));
}

static void relative_climbs_to_the_common_folder(void **state)
{
	struct arena a = {0};

	(void)state;
	CHECK(path_relative(&a, STR("/a/b"), STR("/a/b/c")), "c");
	CHECK(path_relative(&a, STR("/a/b"), STR("/a/c")), "../c");
	CHECK(path_relative(&a, STR("/a/b"), STR("/a/bc")), "../bc");
	CHECK(path_relative(&a, STR("/a/b"), STR("/a")), "..");
	CHECK(path_relative(&a, STR("/a/b"), STR("/a/b")), ".");
	CHECK(path_relative(&a, STR("/a/b"), STR("/")), "../..");
	CHECK(path_relative(&a, STR("/"), STR("/x/y")), "x/y");
	CHECK(path_relative(&a, STR("/"), STR("/")), ".");
	CHECK(path_relative(&a, STR("/a/b"), STR("/x/y")), "../../x/y");
	CHECK(path_relative(&a, STR("/a"), STR("b/c")), "b/c");
	arena_free(&a);
}

static void names_become_file_names_that_differ(void **state)
{
	struct arena a = {0};
	char x[400], y[400];
	struct str sx = {x, 400}, sy = {y, 400}, ex, ey;

	(void)state;
	CHECK(path_escape_name(&a, STR("build-1.2_x+y,z")), "build-1.2_x+y,z");
	CHECK(path_escape_name(&a, STR("a b/c%")), "a%20b%2Fc%25");
	CHECK(path_escape_name(&a, STR(".x.y")), "%2Ex.y");
	CHECK(path_escape_name(&a, STR("..")), "%2E.");
	CHECK(path_escape_name(&a, STR("gr\xc3\xbc\xc3\x9f")), "gr\xc3\xbc\xc3\x9f");
	CHECK(path_escape_name(&a, STR("\xff\n~")), "%FF%0A%7E");
	CHECK(path_escape_name(&a, STR("a\0b")), "a%00b");
	CHECK(path_escape_name(&a, STR("")), "%");
	memset(x, 'a', sizeof x);
	memset(y, 'a', sizeof y);
	y[399] = 'b';
	ex = path_escape_name(&a, sx);
	ey = path_escape_name(&a, sy);
	assert_int_equal(ex.n, 177);
	assert_int_equal(ex.p[160], '~');
	assert_false(str_eq(ex, ey));
	assert_int_equal(path_escape_name(&a, (struct str){x, 200}).n, 200);
	assert_int_equal(path_escape_name(&a, (struct str){x, 201}).n, 177);
	memset(x, ' ', sizeof x); /* never cut in the middle of an escape */
	assert_int_equal(path_escape_name(&a, (struct str){x, 100}).p[159], '~');
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(normal_form_has_no_idle_parts),
	    cmocka_unit_test(normal_form_agrees_with_its_definition),
	    cmocka_unit_test(what_leaves_the_root_is_not_inside),
	    cmocka_unit_test(folder_and_last_part),
	    cmocka_unit_test(joining_is_normal),
	    cmocka_unit_test(under_is_by_whole_parts),
	    cmocka_unit_test(relative_climbs_to_the_common_folder),
	    cmocka_unit_test(names_become_file_names_that_differ),
	};

	return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
