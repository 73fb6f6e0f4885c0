#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"

struct folder {
	char path[32];
	int fd;
	struct arena arena;
};

static int make_folder(void **state)
{
	struct folder *f = calloc(1, sizeof *f);

	strcpy(f->path, "/tmp/test-os-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return 0;
}

static int drop_folder(void **state)
{
	struct folder *f = *state;
	int err = os_remove_tree(AT_FDCWD, f->path);

	close(f->fd);
	arena_free(&f->arena);
	free(f);
	return err;
}

static bool exists(struct folder *f, const char *path)
{
	struct stat st;

	return !fstatat(f->fd, path, &st, AT_SYMLINK_NOFOLLOW);
}

static void content_comes_back_whole(void **state)
{
	struct folder *f = *state;
	static const size_t sizes[] = {0, 1, 4095, 4096, 1 << 20};
	struct str s;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct str content = {xcalloc(sizes[i] + 1, 1), sizes[i]};

		memset((char *)content.p, 'x', sizes[i]);
		assert_int_equal(os_replace_file(f->fd, "file", 0666, content), 0);
		assert_int_equal(os_read_file(&f->arena, f->fd, "file", sizes[i], &s), 0);
		assert_true(str_eq(s, content));
		assert_int_equal(s.p[s.n], '\0');
		free((char *)content.p);
	}
	/* A file whose size the kernel gives as 0. */
	assert_int_equal(os_read_file(&f->arena, AT_FDCWD, "/proc/self/status", 1 << 20, &s), 0);
	assert_true(s.n > 100);
	assert_true(str_starts(s, STR("Name:")));
}

static void reading_refuses_what_is_no_file_of_the_size(void **state)
{
	struct folder *f = *state;
	struct str s;

	assert_int_equal(os_replace_file(f->fd, "six", 0666, STR("123456")), 0);
	assert_int_equal(os_read_file(&f->arena, f->fd, "six", 5, &s), EFBIG);
	struct stat st;
	assert_int_equal(os_read_any(&f->arena, AT_FDCWD, "/dev/zero", 1 << 20, &s, &st), EFBIG);
	assert_int_equal(os_read_file(&f->arena, AT_FDCWD, "/dev/zero", 1 << 20, &s), EINVAL);
	assert_int_equal(mkfifoat(f->fd, "fifo", 0600), 0);
	assert_int_equal(os_read_file(&f->arena, f->fd, "fifo", 100, &s), EINVAL); /* and does not wait for a writer */
	assert_int_equal(os_read_ready(&f->arena, f->fd, "fifo", 100, &s, &st), ENXIO);
	assert_int_equal(os_read_ready(&f->arena, AT_FDCWD, "/dev/null", 100, &s, &st), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(os_read_ready(&f->arena, AT_FDCWD, "/dev/zero", 1 << 20, &s, &st), EFBIG);
	assert_int_equal(os_read_file(&f->arena, f->fd, ".", 100, &s), EISDIR);
	assert_int_equal(os_read_file(&f->arena, f->fd, "nothere", 100, &s), ENOENT);
}

static void replacing_takes_the_place_of_a_link_and_leaves_nothing_behind(void **state)
{
	struct folder *f = *state;
	struct stat st;
	struct str s;

	assert_int_equal(os_mkdirs(f->fd, "r", 0777), 0);
	assert_int_equal(os_replace_file(f->fd, "r/target", 0666, STR("old")), 0);
	assert_int_equal(symlinkat("target", f->fd, "r/link"), 0);
	assert_int_equal(os_replace_file(f->fd, "r/link", 0600, STR("new")), 0);
	assert_int_equal(os_read_file(&f->arena, f->fd, "r/target", 100, &s), 0);
	assert_true(str_eq(s, STR("old")));
	assert_int_equal(fstatat(f->fd, "r/link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(os_replace_file(f->fd, "r", 0666, STR("x")), EISDIR);
	assert_int_equal(os_replace_file(f->fd, "nothere/x", 0666, STR("x")), ENOENT);
	assert_int_equal(unlinkat(f->fd, "r/link", 0), 0);
	assert_int_equal(unlinkat(f->fd, "r/target", 0), 0);
	assert_int_equal(unlinkat(f->fd, "r", AT_REMOVEDIR), 0); /* so it was empty */
}

static void a_name_as_long_as_can_be_is_replaced(void **state)
{
	struct folder *f = *state;
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	assert_int_equal(os_replace_file(f->fd, name, 0666, STR("x")), 0);
	assert_true(exists(f, name));
}

static void missing_folders_are_made(void **state)
{
	struct folder *f = *state;

	assert_int_equal(os_mkdirs(f->fd, "m/a/b//c/", 0777), 0);
	assert_true(exists(f, "m/a/b/c"));
	assert_int_equal(os_mkdirs(f->fd, "m/a/b/c", 0777), 0);
	assert_int_equal(os_mkdirs(f->fd, ".", 0777), 0);
	assert_int_equal(os_mkdirs(f->fd, "/", 0777), 0);
	assert_int_equal(os_mkdirs(f->fd, "", 0777), ENOENT);
	assert_int_equal(os_replace_file(f->fd, "m/file", 0666, STR("x")), 0);
	assert_int_equal(os_mkdirs(f->fd, "m/file", 0777), ENOTDIR);
	assert_int_equal(os_mkdirs(f->fd, "m/file/x/y", 0777), ENOTDIR);
	assert_int_equal(symlinkat("a", f->fd, "m/to_a"), 0);
	assert_int_equal(os_mkdirs(f->fd, "m/to_a/new/er", 0777), 0);
	assert_true(exists(f, "m/a/new/er"));
}

static void a_tree_goes_but_not_what_its_links_point_to(void **state)
{
	struct folder *f = *state;

	assert_int_equal(os_mkdirs(f->fd, "t/a/b", 0777), 0);
	assert_int_equal(os_mkdirs(f->fd, "keep", 0777), 0);
	assert_int_equal(os_replace_file(f->fd, "keep/x", 0666, STR("x")), 0);
	assert_int_equal(symlinkat("../keep", f->fd, "t/link"), 0);
	assert_int_equal(symlinkat("keep", f->fd, "link"), 0);
	for (int i = 0; i < 1000; i++) {
		char name[32];

		snprintf(name, sizeof name, "t/a/%d", i);
		assert_int_equal(symlinkat("x", f->fd, name), 0);
	}
	assert_int_equal(os_remove_tree(f->fd, "t"), 0);
	assert_false(exists(f, "t"));
	assert_int_equal(os_remove_tree(f->fd, "link"), 0);
	assert_false(exists(f, "link"));
	assert_true(exists(f, "keep/x"));
	assert_int_equal(os_remove_tree(f->fd, "t"), 0);
	assert_int_equal(os_remove_tree(f->fd, "keep/x"), 0);
	assert_int_equal(os_remove_tree(f->fd, "keep"), 0);
	assert_false(exists(f, "keep"));
}

static void writing_waits_where_there_is_no_room(void **state)
{
	enum { N = 1 << 20 };
	char *text = xcalloc(N, 1);
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	pid = fork();
	if (!pid) {
		char buf[4096];
		size_t n = 0;
		ssize_t got;

		free(text); /* what a child ends with counts for who looks for lost memory */
		close(fds[1]);
		usleep(50000);
		while ((got = read(fds[0], buf, sizeof buf)) > 0)
			n += (size_t)got;
		_exit(n != N);
	}
	assert_int_equal(os_write_all(fds[1], text, N), 0);
	close(fds[1]);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	free(text);
}

static void a_full_disk_is_an_error(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(os_write_all(fd, "x", 1), ENOSPC);
	assert_int_equal(os_write_all(fd, NULL, 0), 0);
	close(fd);
	assert_int_equal(os_write_all(-1, "x", 1), EBADF);
}

static void programs_are_found_as_execvp_finds_them(void **state)
{
	struct folder *f = *state;
	struct arena *a = &f->arena;
	char path[200], word[64];
	struct str s;

	assert_int_equal(os_mkdirs(f->fd, "p1/tool", 0777), 0); /* a folder is no program */
	assert_int_equal(os_mkdirs(f->fd, "p2", 0777), 0);
	assert_int_equal(os_mkdirs(f->fd, "p3", 0777), 0);
	assert_int_equal(os_replace_file(f->fd, "p2/tool", 0644, STR("#!/bin/sh\n")), 0);
	assert_int_equal(os_replace_file(f->fd, "p3/tool", 0755, STR("#!/bin/sh\n")), 0);
	snprintf(path, sizeof path, "/nothere:%s/p1:%s/p2:%s/p3", f->path, f->path, f->path);
	assert_true(os_find_program(a, "tool", path, &s));
	assert_true(str_ends(s, STR("/p3/tool")));
	assert_false(os_find_program(a, "tool", "/nothere", &s));
	assert_false(os_find_program(a, "", path, &s));
	assert_true(os_find_program(a, "sh", NULL, &s));
	snprintf(word, sizeof word, "%s/p3/tool", f->path);
	assert_true(os_find_program(a, word, "", &s));
	assert_string_equal(s.p, word);
	snprintf(word, sizeof word, "%s/p2/tool", f->path);
	assert_false(os_find_program(a, word, path, &s));
	/* An empty entry is the current folder. */
	snprintf(word, sizeof word, "%s/p3", f->path);
	assert_int_equal(chdir(word), 0);
	assert_true(os_find_program(a, "tool", "/nothere::/x", &s));
	assert_string_equal(s.p, "./tool");
	assert_true(os_find_program(a, "tool", "/nothere:", &s));
	assert_int_equal(chdir("/"), 0);
}

static void only_the_current_folder_is_here(void **state)
{
	struct folder *f = *state;
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(os_here(here), AT_FDCWD);
	assert_int_equal(os_here(f->fd), f->fd);
	assert_int_equal(os_here(-1), -1);
	close(here);
}

static void every_descriptor_is_closed_on_exec_but_the_first_three(void **state)
{
	int fd = dup(0), high = fcntl(0, F_DUPFD, 500);

	(void)state;
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	os_cloexec_all();
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(high, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(1, F_GETFD), 0);
	close(fd);
	close(high);
}

static void hook(void *self)
{
	if (write(1, self, 4) != 4)
		_exit(9);
	mem_exhausted(); /* as a hook's own allocation would: it must not come back here */
}

static void no_memory_runs_the_hook_once_and_exits_2(void **state)
{
	char text[100] = "";
	int fds[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		mem_on_exhausted(hook, "hook");
		mem_exhausted();
	}
	close(fds[1]);
	while ((got = read(fds[0], text + n, sizeof text - 1 - n)) > 0)
		n += (size_t)got;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
	assert_string_equal(text, "hookaxmake: out of memory\n");
}

static void errors_have_words(void **state)
{
	(void)state;
	assert_string_equal(os_error(ENOENT), "No such file or directory");
	assert_string_equal(os_error(99999), "Unknown error");
	assert_true(os_random64() != os_random64());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(content_comes_back_whole),
	    cmocka_unit_test(reading_refuses_what_is_no_file_of_the_size),
	    cmocka_unit_test(replacing_takes_the_place_of_a_link_and_leaves_nothing_behind),
	    cmocka_unit_test(a_name_as_long_as_can_be_is_replaced),
	    cmocka_unit_test(missing_folders_are_made),
	    cmocka_unit_test(a_tree_goes_but_not_what_its_links_point_to),
	    cmocka_unit_test(writing_waits_where_there_is_no_room),
	    cmocka_unit_test(a_full_disk_is_an_error),
	    cmocka_unit_test(programs_are_found_as_execvp_finds_them),
	    cmocka_unit_test_setup_teardown(only_the_current_folder_is_here, make_folder, drop_folder),
	    cmocka_unit_test(every_descriptor_is_closed_on_exec_but_the_first_three),
	    cmocka_unit_test(no_memory_runs_the_hook_once_and_exits_2),
	    cmocka_unit_test(errors_have_words),
	};

	return cmocka_run_group_tests_name("os", tests, make_folder, drop_folder);
}
