/* A folder of its own, an arena and a diag for each test of what reads workflow files. */
#ifndef AXMAKE_TESTS_LOAD_FIXTURE_H
#define AXMAKE_TESTS_LOAD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/os.h"

struct fixture {
	struct arena a;
	struct diag *d;
	char dir[64];
	char *printed; /* what diag_print said, of the last look */
};

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->d = diag_new();
	strcpy(f->dir, "/tmp/axmake-test-XXXXXX");
	*state = f;
	return mkdtemp(f->dir) && !chdir(f->dir) ? 0 : -1;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;
	int err = chdir("/") || os_remove_tree(AT_FDCWD, f->dir);

	diag_free(f->d);
	arena_free(&f->a);
	free(f->printed);
	free(f);
	return err ? -1 : 0;
}

static inline void put(const char *path, const char *text)
{
	assert_int_equal(os_replace_file(AT_FDCWD, path, 0600, str_of(text)), 0);
}

/* Everything reported since the last call; valid until the next. */
static inline const char *printed(struct fixture *f)
{
	size_t n = 0;
	FILE *to;

	free(f->printed);
	to = open_memstream(&f->printed, &n);
	diag_print(f->d, to, false);
	fclose(to);
	return f->printed;
}

static inline void assert_holds(const char *text, const char *want)
{
	if (!strstr(text, want))
		fail_msg("wanted: %s\n--- in ---\n%s", want, text);
}

/* Starts anew with nothing reported. */
static inline void forget(struct fixture *f)
{
	diag_free(f->d);
	f->d = diag_new();
}

static inline void assert_text(struct str s, const char *want)
{
	if (!str_eq(s, str_of(want)))
		fail_msg("wanted '%s', not '%.*s'", want, STR_ARG(s));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
