/* A pool to test the jobserver with, and what is common to its tests. */
#ifndef TESTS_UNIT_JOBSERVER_FIXTURE_H
#define TESTS_UNIT_JOBSERVER_FIXTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/os.h"
#include "base/str.h"
#include "run/jobserver.h"

struct ctx {
	struct arena a;
	struct sbuf warnings; /* one a line */
	size_t n_warnings;
	int pipe[2];
	char dir[64];
};

static inline void warn(void *self, const char *line)
{
	struct ctx *x = self;

	sbuf_lit(&x->warnings, line);
	sbuf_char(&x->warnings, '\n');
	x->n_warnings++;
}

static inline int setup(void **state)
{
	struct ctx *x = calloc(1, sizeof *x);

	if (!x || pipe2(x->pipe, O_CLOEXEC) != 0)
		return -1;
	strcpy(x->dir, "/tmp/test-jobserver-XXXXXX");
	if (!mkdtemp(x->dir))
		return -1;
	sbuf_lit(&x->warnings, "");
	*state = x;
	return 0;
}

static inline int teardown(void **state)
{
	struct ctx *x = *state;

	unsetenv("MAKE_TMPDIR");
	unsetenv("TMPDIR");
	close(x->pipe[0]);
	close(x->pipe[1]);
	os_remove_tree(AT_FDCWD, x->dir);
	sbuf_free(&x->warnings);
	arena_free(&x->a);
	free(x);
	return 0;
}

static inline bool warned(const struct ctx *x, const char *text)
{
	return strstr(x->warnings.p, text) != NULL;
}

static inline void fill(const struct ctx *x, const void *bytes, size_t n)
{
	assert_int_equal(write(x->pipe[1], bytes, n), (ssize_t)n);
}

static inline int available(int fd)
{
	int n = -1;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

static inline struct str pair(struct ctx *x, int r, int w)
{
	return arena_printf(&x->a, "%d,%d", r, w);
}

static inline struct jobserver *open_auth(struct ctx *x, struct str auth)
{
	struct str flags = arena_printf(&x->a, "ks -j --jobserver-auth=%.*s -- A=b", STR_ARG(auth));
	struct jobserver_config c = {.has_auth = true, .auth = auth, .makeflags = flags, .limit = 4};
	struct jobserver_inherited in = jobserver_inspect(auth);

	return jobserver_open(&x->a, &c, &in, warn, x);
}

static inline struct jobserver *open_client(struct ctx *x)
{
	return open_auth(x, pair(x, x->pipe[0], x->pipe[1]));
}

static inline struct jobserver *open_server(struct ctx *x, int jobs, const char *style)
{
	struct jobserver_config c = {.jobs = jobs, .jobs_on_command_line = true, .style = str_of(style), .limit = 4};

	return jobserver_open(&x->a, &c, NULL, warn, x);
}

static inline size_t take_all(struct jobserver *j, struct slot *s, size_t n)
{
	size_t i = 0;

	while (i < n && jobserver_take(j, &s[i]))
		i++;
	return i;
}

static inline void assert_str(struct str s, const char *want)
{
	assert_int_equal(s.n, strlen(want));
	assert_memory_equal(s.p ? s.p : "", want, s.n);
}

/* What the pool holds, sorted, as a set of counts. */
static inline void drain(int fd, unsigned counts[256])
{
	unsigned char b;

	memset(counts, 0, 256 * sizeof *counts);
	while (available(fd) > 0) {
		assert_int_equal(read(fd, &b, 1), 1);
		counts[b]++;
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
