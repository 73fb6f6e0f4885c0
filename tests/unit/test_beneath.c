/* Folders that are made below a root, and none beyond it. */
#include "base/beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "store_fixture.h"

#define ENOUGH 100 /* of each that may come of it */

static void sh(const char *script)
{
	assert_int_equal(system(script), 0);
}

/* root/ is the current folder, elsewhere/ lies beside it. */
static int begin(void)
{
	int fd;

	sh("mkdir root elsewhere");
	assert_int_equal(chdir("root"), 0);
	fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int opened(int root_fd, const char *path, bool make)
{
	int fd = beneath_open(root_fd, path, make), err = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static void what_is_missing_is_made(void **state)
{
	int fd = begin();

	(void)state;
	assert_int_equal(opened(fd, ".", true), 0);
	assert_int_equal(opened(fd, "a/b", false), ENOENT);
	assert_int_equal(opened(fd, "a/b", true), 0);
	assert_int_equal(opened(fd, "a/b", false), 0);
	assert_int_equal(beneath_mkdirs(fd, "one"), 0);
	assert_int_equal(beneath_mkdirs(fd, "a/b/c/d"), 0);
	assert_int_equal(beneath_mkdirs(fd, "a/b/c/d"), 0);
	sh("test -d one && test -d a/b/c/d && echo x > file && ln -s nowhere astray");
	assert_int_equal(beneath_mkdirs(fd, "file"), ENOTDIR);
	assert_int_equal(beneath_mkdirs(fd, "file/x"), ENOTDIR);
	assert_int_equal(opened(fd, "file/x", true), ENOTDIR);
	assert_int_equal(beneath_mkdirs(fd, "astray"), ENOENT);
	assert_int_equal(beneath_mkdirs(fd, "astray/x"), ENOENT);
	assert_int_equal(opened(fd, "astray/x", true), ENOENT);
	close(fd);
}

static void links_within_are_followed(void **state)
{
	int fd = begin();

	(void)state;
	sh("mkdir real real/deep && ln -s real/deep near && ln -s \"$PWD/real\" whole && ln -s ../elsewhere away && ln -s ../root/real ../elsewhere/back && ln -s loop loop");
	assert_int_equal(beneath_mkdirs(fd, "near/a/b"), 0);
	assert_int_equal(beneath_mkdirs(fd, "whole/c"), 0);
	assert_int_equal(opened(fd, "near/d", true), 0);
	assert_int_equal(beneath_mkdirs(fd, "away/back/e/f"), 0);
	assert_int_equal(opened(fd, "away/back/g", true), 0);
	assert_int_equal(beneath_mkdirs(fd, "loop/x"), ELOOP);
	sh("test -d real/deep/a/b && test -d real/c && test -d real/deep/d && test -d real/e/f && test -d real/g");
	close(fd);
}

static void nothing_is_made_beyond_the_root(void **state)
{
	int fd = begin();

	(void)state;
	sh("mkdir ../elsewhere/there ../root2 && ln -s ../elsewhere away && ln -s \"$(dirname \"$PWD\")/root2\" twin && ln -s .. up");
	assert_int_equal(beneath_mkdirs(fd, "away/a"), EXDEV);
	assert_int_equal(beneath_mkdirs(fd, "away/there/a/b"), EXDEV);
	assert_int_equal(beneath_mkdirs(fd, "twin/a"), EXDEV);
	assert_int_equal(beneath_mkdirs(fd, "up/a"), EXDEV);
	assert_int_equal(opened(fd, "away/a", true), EXDEV);
	assert_int_equal(opened(fd, "away", true), EXDEV);
	assert_int_equal(opened(fd, "away/there", false), EXDEV);
	sh("rmdir ../elsewhere/there ../elsewhere ../root2");
	close(fd);
}

static void *exchange(void *over)
{
	while (!__atomic_load_n((bool *)over, __ATOMIC_ACQUIRE)) {
		renameat2(AT_FDCWD, "d", AT_FDCWD, "aside", RENAME_EXCHANGE);
		sched_yield();
	}
	return NULL;
}

static void a_link_that_comes_in_between_leads_nobody_out(void **state)
{
	int fd = begin(), made = 0, refused = 0, err;
	bool over = false;
	char name[64];
	pthread_t thread;

	(void)state;
	sh("mkdir d && ln -s ../elsewhere aside");
	assert_int_equal(pthread_create(&thread, NULL, exchange, &over), 0);
	for (int i = 0; made < ENOUGH || refused < ENOUGH; i++) {
		snprintf(name, sizeof name, "d/%d/x", i);
		err = i % 2 ? beneath_mkdirs(fd, name) : opened(fd, name, true);
		sched_yield();
		made += err == 0;
		refused += err == EXDEV;
		/* ENOENT: made in the folder, and looked for by the link's name */
		assert_true(err == 0 || err == EXDEV || err == ENOENT);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	sh("rmdir ../elsewhere");
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_missing_is_made),
		TEST(links_within_are_followed),
		TEST(nothing_is_made_beyond_the_root),
		TEST(a_link_that_comes_in_between_leads_nobody_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
