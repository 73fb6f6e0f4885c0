/* What a sandbox shows. */
#include "run/mounts.h"
#include "store_fixture.h"

static void sh(const char *script)
{
	assert_int_equal(system(script), 0);
}

/* The words, with the box's own folder as "@", and without sizes. */
static void shows(struct mounts *m, const char *want)
{
	char here[4096];
	struct words_list words = {0};
	struct sbuf b = {0};
	assert_non_null(getcwd(here, sizeof here));
	mounts_words(m, 1, &words);
	for (size_t i = 0; i < words.of.n; i++) {
		const char *word = words.of.p[i];
		bool own = !strncmp(word, here, strlen(here));
		if (!strcmp(word, "--size"))
			i++;
		else
			sbuf_printf(&b, "%s%s%s", b.n ? " " : "", own ? "@" : "", own ? word + strlen(here) : word);
	}
	sbuf_char(&b, '\0');
	assert_string_equal(b.p, want);
	sbuf_free(&b);
}

static struct str here(struct mounts *m, const char *path)
{
	char dir[4096];
	assert_non_null(getcwd(dir, sizeof dir));
	return arena_printf(m->a, "%s/%s", dir, path);
}

static void the_deeper_lies_over_the_higher_whatever_was_said_first(void **state)
{
	struct arena a = {0};
	struct mounts m = {.a = &a};
	(void)state;
	sh("mkdir -p home/sub home-2");
	assert_true(mounts_show(&m, MOUNT_WRITE, here(&m, "home/sub")));
	assert_true(mounts_show(&m, MOUNT_READ, here(&m, "home-2")));
	mounts_hide(&m, here(&m, "home"));
	mounts_add(&m, MOUNT_READ, STR("/"));
	shows(&m, "--ro-bind / / --tmpfs @/home --ro-bind @/home-2 @/home-2 --bind @/home/sub @/home/sub");
	arena_free(&a);
}

static void of_two_at_one_path_the_last_counts(void **state)
{
	struct arena a = {0};
	struct mounts m = {.a = &a};
	(void)state;
	sh("mkdir home");
	mounts_hide(&m, here(&m, "home"));
	assert_true(mounts_show(&m, MOUNT_READ, here(&m, "home")));
	shows(&m, "--ro-bind @/home @/home");
	mounts_hide(&m, here(&m, "home"));
	shows(&m, "--tmpfs @/home");
	arena_free(&a);
}

static void what_is_not_there_is_not_shown(void **state)
{
	struct arena a = {0};
	struct mounts m = {.a = &a};
	(void)state;
	sh("ln -s nowhere dangling; ln -s loop loop");
	assert_false(mounts_show(&m, MOUNT_READ, here(&m, "gone")));
	assert_false(mounts_show(&m, MOUNT_READ, here(&m, "dangling")));
	assert_false(mounts_show(&m, MOUNT_READ, here(&m, "loop")));
	mounts_hide(&m, here(&m, "gone"));
	shows(&m, "");
	arena_free(&a);
}

static void a_hidden_link_is_seen_under_its_own_name_too(void **state)
{
	struct arena a = {0};
	struct mounts m = {.a = &a};
	(void)state;
	sh("mkdir -p home/open data/inner; ln -s ../data home/link; ln -s ../../data home/open/link");
	mounts_hide(&m, here(&m, "home"));
	assert_true(mounts_show(&m, MOUNT_WRITE, here(&m, "home/link")));
	shows(&m, "--bind @/data @/data --tmpfs @/home --symlink @/data @/home/link");
	/* Not where all around it is seen: there it stands already. */
	assert_true(mounts_show(&m, MOUNT_READ, here(&m, "home/open")));
	assert_true(mounts_show(&m, MOUNT_WRITE, here(&m, "home/open/link")));
	shows(&m, "--bind @/data @/data --tmpfs @/home --symlink @/data @/home/link --ro-bind @/home/open @/home/open");
	arena_free(&a);
}

static void what_is_hidden_is_known(void **state)
{
	struct arena a = {0};
	struct mounts m = {.a = &a};
	(void)state;
	sh("mkdir -p home/user real; ln -s real linked");
	mounts_hide(&m, here(&m, "home/user"));
	mounts_hide(&m, here(&m, "linked"));
	assert_true(mounts_hidden(&m, here(&m, "home/user")));
	assert_true(mounts_hidden(&m, here(&m, "home/user/bin")));
	assert_true(mounts_hidden(&m, here(&m, "real/x")));
	assert_false(mounts_hidden(&m, here(&m, "home/user-2")));
	assert_true(mounts_hold_hidden(&m, here(&m, "home")));
	assert_true(mounts_hold_hidden(&m, here(&m, "home/user")));
	assert_false(mounts_hold_hidden(&m, here(&m, "home/user/bin")));
	arena_free(&a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_deeper_lies_over_the_higher_whatever_was_said_first),
		TEST(of_two_at_one_path_the_last_counts),
		TEST(what_is_not_there_is_not_shown),
		TEST(a_hidden_link_is_seen_under_its_own_name_too),
		TEST(what_is_hidden_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
