/* AXMAKEFLAGS, MAKEFLAGS, and the words of a command line, one in each line. */
#include <stdio.h>
#include <string.h>

#include "base/vec.h"
#include "fuzz.h"
#include "options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size};
	struct arena a = {0};
	const char *axmakeflags = arena_copy(&a, fuzz_part(&rest)).p, *makeflags = arena_copy(&a, fuzz_part(&rest)).p;
	struct diag *d = diag_new();
	struct options o;
	VEC(char *) argv = {0};

	vec_push(&a, &argv, (char *)"axmake");
	for (size_t at = 0; at < rest.n;) {
		size_t end = str_find(rest, STR("\n"), at);

		vec_push(&a, &argv, (char *)arena_copy(&a, str_sub(rest, at, end)).p);
		at = end + 1;
	}
	vec_push(&a, &argv, NULL);
	options_parse(&o, &a, d, (int)argv.n - 1, argv.p, axmakeflags, makeflags);
	if (!diag_errors(d)) {
		always(o.jobs >= JOBS_UNLIMITED && o.mode <= MODE_VERSION);
		always(o.targets.n + o.vars.n + 1 <= argv.n + strlen(axmakeflags) + strlen(makeflags));
	}
	fuzz_told(d);
	arena_free(&a);
	return 0;
}
