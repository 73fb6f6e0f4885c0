/* So much of a text as a page has room for. */
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

#include "base/os.h"
#include "show/excerpt.h"

static const char *const environment[] = {"A_KEY=first-secret", NULL};

struct box {
	struct arena arena;
	struct mask mask;
	char dir[32];
	int at;
};

static int set_up(void **state)
{
	struct box *b = calloc(1, sizeof *b);
	mask_read(&b->mask, &b->arena, environment);
	strcpy(b->dir, "/tmp/test_excerpt.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->at = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct box *b = *state;
	assert_int_equal(os_remove_tree(AT_FDCWD, b->dir), 0);
	close(b->at);
	arena_free(&b->arena);
	free(b);
	return 0;
}

/* Of a text and of a file the same. */
static void expect(struct box *b, const char *text, size_t most, const char *head, const char *tail, uint64_t cut)
{
	struct excerpt x[2];
	excerpt_text(&b->arena, &b->mask, str_of(text), most, &x[0]);
	assert_int_equal(os_replace_file(b->at, "file", 0600, str_of(text)), 0);
	assert_int_equal(excerpt_file(&b->arena, &b->mask, b->at, "file", most, &x[1]), 0);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(x[i].head.n ? x[i].head.p : "", head);
		assert_string_equal(x[i].tail.n ? x[i].tail.p : "", tail);
		assert_int_equal(x[i].size, strlen(text));
		assert_int_equal(x[i].cut, cut);
	}
}

static void what_has_room_is_whole(void **state)
{
	expect(*state, "", 8, "", "", 0);
	expect(*state, "12345678", 8, "12345678", "", 0);
}

static void of_a_longer_text_the_middle_is_left_out(void **state)
{
	struct box *b = *state;
	memset(&b->mask, 0, sizeof b->mask);
	expect(b, "123456789", 8, "123456", "89", 1);
	expect(b, "123456789", 0, "", "", 9);
}

static void no_character_is_cut_in_two(void **state)
{
	struct box *b = *state;
	memset(&b->mask, 0, sizeof b->mask);
	expect(b, "12345\xc3\xa4 bcd\xc3\xa4", 8, "12345", "\xc3\xa4", 6);
	expect(b, "1234\xf0\x9f\x98\x80 bcde\xf0\x9f\x98\x80", 8, "1234", "", 13);
}

static void lines_and_tabs_stay_and_all_else_that_steers_is_shown(void **state)
{
	expect(*state, "a\tb\r\nc\rd\n\033[1m\xff \xe2\x80\xae\n", 80, "a\tb\nc\\rd\n\\x1b[1m\\xff \\u202e\n", "", 0);
}

static void secrets_are_masked_at_a_cut_too(void **state)
{
	expect(*state, "say first-secret!", 80, "say ***!", "", 0);
	/* The head ends where a secret may have begun, the tail begins where its end may stand. */
	expect(*state, "0123456789012345678901234567890 first-secret ok", 40, "0123456789012345678", " ok", 25);
	expect(*state, "01234567890123456789012345678901234567 first-secret", 40, "0123456789012345678", "", 32);
}

static void what_is_no_file_is_not_read(void **state)
{
	struct box *b = *state;
	struct excerpt x;
	assert_int_equal(symlinkat("/etc/passwd", b->at, "link"), 0);
	assert_int_equal(mkfifoat(b->at, "fifo", 0600), 0);
	assert_int_equal(mkdirat(b->at, "folder", 0700), 0);
	assert_int_equal(excerpt_file(&b->arena, &b->mask, b->at, "link", 8, &x), ELOOP);
	assert_int_equal(excerpt_file(&b->arena, &b->mask, b->at, "fifo", 8, &x), EINVAL);
	assert_int_equal(excerpt_file(&b->arena, &b->mask, b->at, "folder", 8, &x), EISDIR);
	assert_int_equal(excerpt_file(&b->arena, &b->mask, b->at, "none", 8, &x), ENOENT);
	assert_int_equal(x.size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_has_room_is_whole, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(of_a_longer_text_the_middle_is_left_out, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(no_character_is_cut_in_two, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(lines_and_tabs_stay_and_all_else_that_steers_is_shown, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(secrets_are_masked_at_a_cut_too, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_no_file_is_not_read, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
