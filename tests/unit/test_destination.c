/* Where restored files go, and where not. */
#include "graph/graph.h"
#include "run/destination.h"
#include "store_fixture.h"

static void sh(const char *script)
{
	assert_int_equal(system(script), 0);
}

static void holds(const char *path, const char *want)
{
	struct arena a = {0};
	struct str text;

	assert_int_equal(os_read_file(&a, AT_FDCWD, path, 1 << 20, &text), 0);
	assert_string_equal(text.p, want);
	arena_free(&a);
}

static struct file_stat stat_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return file_stat_of(&st);
}

static struct pattern tree(const char *path)
{
	return (struct pattern){.kind = PATTERN_TREE, .path = str_of(path)};
}

static void what_stands_there_since_stays(void **state)
{
	struct box *b = *state;
	struct pattern out = tree("out");
	struct task t = {.outputs = {.p = &out, .n = 1}};
	struct destination d;
	struct file_stat was;

	open_store(b);
	sh("mkdir out && printf old > out/f && printf made > new && printf made > new2 && printf made > new3");
	was = stat_of("out/f");
	assert_int_equal(destination_open(&d, &b->arena, b->s.root_fd, &t, &out), 0);
	assert_int_equal(destination_move(&d, b->s.root_fd, "new", STR("out/f"), &was), 0);
	holds("out/f", "made");
	/* something else, something of the same name, a folder, nothing */
	assert_int_equal(destination_move(&d, b->s.root_fd, "new2", STR("out/f"), &was), EBUSY);
	assert_int_equal(destination_move(&d, b->s.root_fd, "new2", STR("out/f"), NULL), EBUSY);
	sh("printf person > out/f && mkdir out/folder && printf x > out/folder/x");
	assert_int_equal(destination_move(&d, b->s.root_fd, "new2", STR("out/f"), &was), EBUSY);
	assert_int_equal(destination_move(&d, b->s.root_fd, "new2", STR("out/folder"), &was), EBUSY);
	holds("out/f", "person");
	holds("out/folder/x", "x");
	assert_int_equal(destination_move(&d, b->s.root_fd, "new2", STR("out/none"), &was), 0);
	assert_int_equal(destination_move_over(&d, b->s.root_fd, "new3", STR("out/f")), 0);
	holds("out/f", "made");
	holds("out/none", "made");
	destination_close(&d);
}

static int open_for(struct box *b, const struct task *t, struct destination *d, size_t i)
{
	return destination_open(d, &b->arena, b->s.root_fd, t, &t->outputs.p[i]);
}

static void links_of_its_own_and_out_of_the_root_are_not_followed(void **state)
{
	struct box *b = *state;
	struct pattern outputs[] = {tree("out"), {.kind = PATTERN_FILE, .path = STR("out/a/f")}, {.kind = PATTERN_GLOB, .path = STR("g*")},
				    {.kind = PATTERN_FILE, .path = STR("gone/f")}, {.kind = PATTERN_FILE, .path = STR("away/deep/f")}, {.kind = PATTERN_FILE, .path = STR("near/f")}};
	struct task t = {.outputs = {.p = outputs, .n = 6}};
	struct destination d;
	int fd;

	sh("mkdir root elsewhere");
	assert_int_equal(chdir("root"), 0);
	open_store(b);
	sh("mkdir out really && printf x > new && ln -s ../../elsewhere out/a && ln -s ../elsewhere gone && ln -s ../elsewhere away && ln -s really near");
	assert_int_equal(open_for(b, &t, &d, 1), 0);
	assert_int_equal(destination_move(&d, b->s.root_fd, "new", STR("out/a/f"), NULL), ENOTDIR);
	destination_close(&d);
	assert_int_equal(open_for(b, &t, &d, 3), 0);
	assert_int_equal(destination_folder(&d, STR("gone"), true, &fd), ENOTDIR);
	destination_close(&d);
	assert_int_equal(open_for(b, &t, &d, 4), EXDEV);
	destination_close(&d);
	assert_int_equal(open_for(b, &t, &d, 5), 0);
	assert_int_equal(destination_move(&d, b->s.root_fd, "new", STR("near/f"), NULL), 0);
	destination_close(&d);
	sh("test -z \"$(ls ../elsewhere)\" && test -e really/f");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_stands_there_since_stays),
		TEST(links_of_its_own_and_out_of_the_root_are_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
