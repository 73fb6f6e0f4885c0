/* What a run looked at, told to another process: everything, as it was found, but its own state. */
#include "load_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/os.h"
#include "state/bytes.h"
#include "state/watchlist.h"

static char folder[] = "/tmp/axmake-watchlist-XXXXXX";

static int enter(void **state)
{
	(void)state;
	return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int leave(void **state)
{
	(void)state;
	return chdir("/") || os_remove_tree(AT_FDCWD, folder) ? -1 : 0;
}

static void keep(const char *path, const char *text)
{
	assert_int_equal(os_replace_file(AT_FDCWD, path, 0644, str_of(text)), 0);
}

/* The flags of the only entry with this path; -1: none. *fact as told. */
static int told(const struct sbuf *list, const char *path, uint64_t *fact)
{
	struct reader r = reader_of(sbuf_view(list));
	struct watch_entry e;
	int flags = -1;
	while (watchlist_next(&r, &e)) {
		assert_int_equal(e.path.p[e.path.n], '\0');
		if (!str_eq(e.path, str_of(path)))
			continue;
		assert_int_equal(flags, -1);
		flags = e.flags;
		*fact = e.fact;
	}
	assert_true(reader_at_end(&r));
	return flags;
}

static void what_was_seen_is_told_as_it_was_found(void **state)
{
	struct arena a = {0};
	struct seen *s = seen_new(&a);
	struct sbuf b = {0};
	struct str text;
	uint64_t fact = 0;
	(void)state;
	keep("f", "1");
	assert_int_equal(seen_read_file(s, &a, AT_FDCWD, "f", 100, &text), 0);
	assert_int_equal(seen_read_file(s, &a, AT_FDCWD, "none", 100, &text), ENOENT);
	seen_missing(s, STR("/no/where"), false);
	seen_missing(s, STR(".axmake/log"), true);
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	seen_open(s, STR("."), fd);
	close(fd);
	watchlist_add(&b, STR("sub/"), s, NULL, NULL);
	assert_int_equal(told(&b, "sub/f", &fact) & ~WATCH_YOUNG, 0);
	assert_true(fact == watchlist_fact("f", false));
	assert_int_equal(told(&b, "sub/none", &fact), 0);
	assert_true(fact == 0 && watchlist_fact("none", true) == 0);
	assert_int_equal(told(&b, "/no/where", &fact), WATCH_LINK);
	assert_int_equal(told(&b, "sub", &fact) & ~WATCH_YOUNG, WATCH_FOLDER);
	assert_int_equal(told(&b, "sub/.axmake/log", &fact), -1);
	keep("f", "23");
	assert_true(watchlist_fact("f", false) > 1);
	told(&b, "sub/f", &fact);
	assert_true(fact != watchlist_fact("f", false));
	sbuf_free(&b);
	seen_free(s);
	arena_free(&a);
}

static void an_input_in_two_states_is_told_as_changed_and_an_own_output_is_not(void **state)
{
	struct arena a = {0};
	struct filehash *fh = filehash_new(&a, AT_FDCWD, NULL);
	struct sbuf b = {0};
	struct hash128 hash;
	uint64_t fact = 0;
	int err;
	(void)state;
	keep("in", "1");
	keep("out", "1");
	filehash_hash(fh, filehash_file(fh, STR("in")), true);
	assert_int_equal(filehash_output(fh, STR("out"), &hash, &err), FILE_REGULAR);
	keep("in", "other");
	keep("out", "other");
	assert_int_equal(filehash_output(fh, STR("out"), &hash, &err), FILE_REGULAR);
	filehash_hash(fh, filehash_file(fh, STR("out")), true); /* as somebody's input, and as it was left */
	watchlist_add(&b, STR_NONE, NULL, NULL, fh);
	assert_int_equal(told(&b, "in", &fact) & WATCH_CHANGED, 0);
	assert_true(fact != watchlist_fact("in", false));
	sbuf_clear(&b);
	filehash_hash(fh, filehash_file(fh, STR("in")), true);
	watchlist_add(&b, STR_NONE, NULL, NULL, fh);
	assert_int_equal(told(&b, "in", &fact) & WATCH_CHANGED, WATCH_CHANGED);
	assert_int_equal(told(&b, "out", &fact) & ~WATCH_YOUNG, WATCH_LINK);
	assert_true(fact == watchlist_fact("out", true));
	sbuf_free(&b);
	filehash_free(fh);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_seen_is_told_as_it_was_found),
	    cmocka_unit_test(an_input_in_two_states_is_told_as_changed_and_an_own_output_is_not),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
