/* What is known of a file or folder that somebody has changed since, and has told so. */
#include "load_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/seen.h"
#include "state/filehash.h"

struct box {
	char path[64];
	int fd;
	struct arena arena;
	struct seen *seen;
	struct filehash *fh;
};

static int enter(void **state)
{
	struct box *b = calloc(1, sizeof *b);

	strcpy(b->path, "/tmp/axmake-renew-XXXXXX");
	if (!mkdtemp(b->path))
		return -1;
	b->fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->seen = seen_new(&b->arena);
	b->fh = filehash_new(&b->arena, b->fd, NULL);
	filehash_see(b->fh, b->seen);
	*state = b;
	return b->fd < 0;
}

static int leave(void **state)
{
	struct box *b = *state;

	filehash_free(b->fh);
	seen_free(b->seen);
	arena_free(&b->arena);
	close(b->fd);
	os_remove_tree(AT_FDCWD, b->path);
	free(b);
	return 0;
}

static void keep(struct box *b, const char *path, const char *text)
{
	assert_int_equal(os_replace_file(b->fd, path, 0644, str_of(text)), 0);
}

static void assert_hash(struct box *b, const char *path, const char *text)
{
	struct filehash_file *f = filehash_file(b->fh, str_of(path));

	assert_int_equal(filehash_hash(b->fh, f, false), FILE_REGULAR);
	assert_true(hash_eq(f->hash, hash_bytes(text, strlen(text))));
}

static void not_changed(void *self, const struct filehash_sight *s)
{
	(void)self;
	assert_false(s->changed);
	assert_non_null(s->stat);
}

static void a_renewed_file_is_as_if_it_had_not_been_looked_at(void **state)
{
	struct box *b = *state;

	keep(b, "in", "one");
	assert_hash(b, "in", "one");
	keep(b, "in", "another");
	assert_hash(b, "in", "one");
	assert_true(filehash_renew(b->fh, STR("in")));
	assert_hash(b, "in", "another");
	assert_false(b->seen->spoiled);
	filehash_sights(b->fh, not_changed, NULL);
}

static void a_renewed_output_is_looked_at_as_one(void **state)
{
	struct box *b = *state;
	struct hash128 one, other;
	int err;

	keep(b, "out", "one");
	assert_int_equal(filehash_output(b->fh, STR("out"), &one, &err), FILE_REGULAR);
	keep(b, "out", "another");
	assert_true(filehash_renew(b->fh, STR("out")));
	assert_int_equal(filehash_output(b->fh, STR("out"), &other, &err), FILE_REGULAR);
	assert_false(hash_eq(one, other));
	assert_false(b->seen->spoiled);
}

static void what_is_not_known_or_of_another_kind_is_not_renewed(void **state)
{
	struct box *b = *state;

	keep(b, "in", "one");
	keep(b, "unknown", "one");
	assert_hash(b, "in", "one");
	assert_false(filehash_renew(b->fh, STR("unknown")));
	assert_int_equal(unlinkat(b->fd, "in", 0), 0);
	assert_false(filehash_renew(b->fh, STR("in")));
	assert_int_equal(mkdirat(b->fd, "in", 0755), 0);
	assert_false(filehash_renew(b->fh, STR("in")));
	assert_int_equal(filehash_look(b->fh, filehash_file(b->fh, STR("none")), false), FILE_MISSING);
	keep(b, "none", "now it is");
	assert_false(filehash_renew(b->fh, STR("none")));
}

static void look(struct box *b, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(b->fd, path, &st, 0), 0);
	seen_path(b->seen, str_of(path), &st, true);
}

static void a_renewed_folder_is_found_as_it_stands_now(void **state)
{
	struct box *b = *state;

	assert_int_equal(mkdirat(b->fd, "src", 0755), 0);
	look(b, "src");
	keep(b, "src/a", "one"); /* by another name and a rename: its stamps change */
	seen_renew_folder(b->seen, b->fd, STR("src"));
	look(b, "src");
	assert_false(b->seen->spoiled);
	assert_false(seen_more_than_folder(b->seen, STR("src")));
	look(b, "src/a");
	assert_true(seen_more_than_folder(b->seen, STR("src/a")));
	keep(b, "src/b", "two");
	look(b, "src");
	assert_true(b->seen->spoiled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_renewed_file_is_as_if_it_had_not_been_looked_at, enter, leave),
	    cmocka_unit_test_setup_teardown(a_renewed_output_is_looked_at_as_one, enter, leave),
	    cmocka_unit_test_setup_teardown(what_is_not_known_or_of_another_kind_is_not_renewed, enter, leave),
	    cmocka_unit_test_setup_teardown(a_renewed_folder_is_found_as_it_stands_now, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
