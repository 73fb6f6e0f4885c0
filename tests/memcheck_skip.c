/* Preloaded by memcheck.py: leaves those tests of a cmocka program out whose names stand in MEMCHECK_SKIP, between spaces. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int _cmocka_run_group_tests(const char *group, const struct CMUnitTest *const tests, const size_t n, CMFixtureFunction setup, CMFixtureFunction teardown)
{
	int (*run)(const char *, const struct CMUnitTest *, size_t, CMFixtureFunction, CMFixtureFunction) = dlsym(RTLD_NEXT, "_cmocka_run_group_tests");
	const char *skip = getenv("MEMCHECK_SKIP");
	struct CMUnitTest *kept = malloc(n * sizeof *kept);
	size_t k = 0;
	for (size_t i = 0; kept && i < n; i++) {
		size_t length = strlen(tests[i].name);
		const char *at = skip ? strstr(skip, tests[i].name) : NULL;
		if (!at || at == skip || at[-1] != ' ' || at[length] != ' ')
			kept[k++] = tests[i];
	}
	int failed = kept ? run(group, kept, k, setup, teardown) : -1;
	free(kept);
	return failed;
}
