/* A folder of its own for each test of the store. */
#ifndef AXMAKE_TESTS_STORE_FIXTURE_H
#define AXMAKE_TESTS_STORE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/os.h"
#include "state/store.h"

/* Each test stands in an empty folder of its own. */
struct box {
	char path[64];
	int back_fd;
	struct arena arena;
	struct store s;
	struct store_error err;
};

static inline int box_setup(void **state)
{
	struct box *b = calloc(1, sizeof *b);

	strcpy(b->path, "/tmp/axmake-store-XXXXXX");
	b->back_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!mkdtemp(b->path) || chdir(b->path))
		return -1;
	b->s = (struct store){.root_fd = -1, .fd = -1, .lock_fd = -1};
	*state = b;
	return 0;
}

static inline int box_teardown(void **state)
{
	struct box *b = *state;

	store_close(&b->s);
	if (fchdir(b->back_fd))
		return -1;
	close(b->back_fd);
	os_remove_tree(AT_FDCWD, b->path);
	arena_free(&b->arena);
	free(b);
	return 0;
}

static inline void open_store(struct box *b)
{
	assert_true(store_open(&b->s, &b->arena, true, &b->err));
	assert_int_equal(b->err.message.n, 0);
}

static inline void assert_str(struct str s, const char *text)
{
	if (!str_eq(s, str_of(text)))
		fail_msg("'%.*s' is not '%s'", STR_ARG(s), text);
}

static inline void assert_refused(struct box *b, bool writable, const char *message)
{
	assert_false(store_open(&b->s, &b->arena, writable, &b->err));
	assert_str(b->err.message, message);
	assert_true(b->s.root_fd == -1 && b->s.fd == -1);
}

static inline struct str content(struct box *b, const char *path)
{
	struct str s = STR_NONE;
	int err = os_read_file(&b->arena, AT_FDCWD, path, SIZE_MAX, &s);

	if (err)
		fail_msg("%s: %s", path, os_error(err));
	return s;
}

static inline void put(const char *path, const char *text)
{
	assert_int_equal(os_replace_file(AT_FDCWD, path, 0600, str_of(text)), 0);
}

static inline mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_mode;
}

static inline bool is_there(const char *path)
{
	return mode_of(path) != 0;
}

/* As root nothing is forbidden: be somebody else meanwhile. */
static inline void be_user(bool on)
{
	if (!getuid())
		assert_int_equal(seteuid(on ? 65534 : 0), 0);
}

#endif
