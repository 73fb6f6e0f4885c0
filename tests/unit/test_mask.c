/* Secrets that are not to be seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/mask.h"

static const char *const environment[] = {"A_KEY=first-secret", "B_TOKEN=never-there", "C_SECRET=q\"uo\\te/d", "D_KEY=short", "E=first",
					 "F_KEY=-----BEGIN-----\nline-one\n\tx\nline\"two\x01\n", "G_TOKEN=ends-with-a-line\n", "H_SECRET=pässwört \xf0\x9f\x94\x91", "I_KEY=<a href=&b>", NULL};

struct box {
	struct arena arena;
	struct mask mask;
};

static int set_up(void **state)
{
	struct box *b = calloc(1, sizeof *b);
	mask_read(&b->mask, &b->arena, environment);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct box *b = *state;
	arena_free(&b->arena);
	free(b);
	return 0;
}

static void expect(struct box *b, const char *text, const char *masked)
{
	struct str got = mask_copy(&b->mask, &b->arena, str_of(text));
	assert_int_equal(got.n, strlen(masked));
	assert_memory_equal(got.p, masked, got.n);
}

static void values_are_masked_and_nothing_else(void **state)
{
	expect(*state, "", "");
	expect(*state, "first short secret", "first short secret");
	expect(*state, "first-secretfirst-secret, first-secre", "******, first-secre");
}

static void a_value_inside_json_is_masked_as_well(void **state)
{
	expect(*state, "q\"uo\\te/d {\"is\":\"q\\\"uo\\\\te/d\"}", "*** {\"is\":\"***\"}");
}

static void lines_of_a_value_are_masked_apart_from_each_other(void **state)
{
	expect(*state, "-----BEGIN-----\nline-one\n\tx\nline\"two\x01\n.", "***.");
	expect(*state, "-----BEGIN----- line-one x line\"two\x01", "*** *** x ***");
	expect(*state, "{\"k\":\"-----BEGIN-----\\nline-one\\n\\tx\\nline\\\"two\\u0001\\n\"}", "{\"k\":\"***\"}");
	expect(*state, "k | -----BEGIN-----\nk | line-one\n", "k | ***\nk | ***\n");
	expect(*state, "the line ends-with-a-line; line", "the line ***; line");
}

static void a_value_beyond_ascii_is_masked_in_all_kinds_of_json(void **state)
{
	expect(*state, "pässwört \xf0\x9f\x94\x91 p\\u00e4ssw\\u00f6rt \\ud83d\\udd11", "*** ***");
}

static void a_value_is_masked_where_json_escapes_more_than_it_must(void **state)
{
	expect(*state, "{\"is\":\"q\\\"uo\\\\te\\/d\"}", "{\"is\":\"***\"}");
	expect(*state, "<a href=&b> \\u003ca href=\\u0026b\\u003e", "*** ***");
}

static void a_value_that_a_cut_went_through_is_masked(void **state)
{
	struct box *b = *state;
	expect(b, "the key is first-sec…", "the key is ***…");
	expect(b, "first-secret and fir…", "*** and fir…");
	struct str got = mask_behind_cut(&b->mask, STR("t-secret was printed"));
	assert_true(str_eq(got, STR(" was printed")));
	assert_true(str_eq(mask_behind_cut(&b->mask, STR("ret was printed")), STR("ret was printed")));
	assert_int_equal(mask_behind_cut(&b->mask, STR_NONE).n, 0);
}

static void a_stream_is_masked_across_its_pieces(void **state)
{
	struct box *b = *state;
	struct sbuf carry = {0}, out = {0};
	const char *text = "x first-secret y first-secre";
	for (size_t i = 0; text[i]; i++)
		mask_piece(&b->mask, &carry, (struct str){text + i, 1}, false, &out);
	mask_piece(&b->mask, &carry, STR_NONE, true, &out);
	assert_true(str_eq(sbuf_view(&out), STR("x *** y first-secre")));
	sbuf_free(&carry);
	sbuf_free(&out);
}

/* Were each value looked for anew after each hit, this would take many minutes. */
static void many_hits_take_no_longer_than_the_text(void **state)
{
	struct box *b = *state;
	struct sbuf text = {0};
	for (int i = 0; i < 200000; i++)
		sbuf_lit(&text, "first-secret\n");
	alarm(120);
	struct str got = mask_copy(&b->mask, &b->arena, sbuf_view(&text));
	alarm(0);
	assert_int_equal(got.n, 200000 * 4);
	sbuf_free(&text);
}

static void what_is_no_file_is_refused_and_not_waited_for(void **state)
{
	struct box *b = *state;
	char dir[] = "/tmp/axmake-mask-XXXXXX";
	bool found;
	assert_non_null(mkdtemp(dir));
	int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkfifoat(at, "fifo", 0600), 0);
	assert_int_equal(mkdirat(at, "folder", 0700), 0);
	assert_int_equal(symlinkat("nowhere", at, "link"), 0);
	assert_int_equal(mask_file(&b->mask, at, "fifo", "fifo", &found), EINVAL);
	assert_int_equal(mask_file(&b->mask, at, "folder", "folder", &found), EISDIR);
	assert_int_equal(mask_file(&b->mask, at, "link", "link", &found), ELOOP);
	assert_int_equal(mask_file(&b->mask, at, "missing", "missing", &found), 0);
	assert_false(found);
	unlinkat(at, "fifo", 0);
	unlinkat(at, "link", 0);
	unlinkat(at, "folder", AT_REMOVEDIR);
	close(at);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(values_are_masked_and_nothing_else, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_value_inside_json_is_masked_as_well, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(lines_of_a_value_are_masked_apart_from_each_other, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_value_is_masked_where_json_escapes_more_than_it_must, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_value_beyond_ascii_is_masked_in_all_kinds_of_json, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_value_that_a_cut_went_through_is_masked, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_stream_is_masked_across_its_pieces, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(many_hits_take_no_longer_than_the_text, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_no_file_is_refused_and_not_waited_for, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
