/* MAKEFLAGS, as whoever is above might have set it. */
#include <string.h>

#include "fuzz.h"
#include "load/makeflags.h"
#include "options.h"
#include "run/jobserver_auth.h"

/* What children get without a jobserver names none, and what they get with ours names ours. */
static void check_children(struct arena *a, struct str flags)
{
	struct str without = jobserver_makeflags(a, flags, STR_NONE), with = jobserver_makeflags(a, flags, STR(" -j4 --jobserver-auth=3,4"));
	struct makeflags n = makeflags_parse(a, without);

	always(!n.jobs);
	for (size_t i = 0; i < n.options.n; i++)
		always(!str_starts(n.options.p[i], STR("jobserver-auth=")) && !str_starts(n.options.p[i], STR("jobserver-fds=")));
	always(str_eq(jobserver_makeflags(a, without, STR_NONE), without));
	n = makeflags_parse(a, with);
	always(n.jobs == 4 || !n.jobs); /* where the last option lacks its value, it takes the next word */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str copy = fuzz_copy(data, strnlen((const char *)data, size)); /* an environment holds no NUL */
	struct arena a = {0};
	struct diag *d = diag_new();
	struct makeflags m = makeflags_parse(&a, copy);
	char *argv[] = {(char *)"axmake", NULL};
	struct options o;

	for (size_t i = 0; i < m.options.n; i++)
		always(m.options.p[i].n > 0);
	if (!memchr(copy.p, '\\', copy.n) && !memchr(copy.p, '$', copy.n)) /* make quotes in values only */
		check_children(&a, copy);
	options_parse(&o, &a, d, 1, argv, NULL, arena_copy(&a, copy).p);
	always(!diag_errors(d)); /* it is never the user's mistake */
	always(o.jobs == JOBS_UNSET && o.makeflags_jobs >= JOBS_UNLIMITED);
	fuzz_told(d);
	arena_free(&a);
	free((char *)copy.p);
	return 0;
}
