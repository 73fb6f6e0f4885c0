/* Settings of the cache, which are no options. */
#include <stdlib.h>

#include "load/value.h"
#include "options.h"

/* `~` and `~/…` are below the home, as in a shell. */
static struct str expand_home(struct arena *a, struct str path)
{
	const char *home = getenv("HOME");

	if (!str_eq(path, STR("~")) && !str_starts(path, STR("~/")))
		return path;
	return home && *home ? arena_printf(a, "%s%.*s", home, STR_ARG(str_sub(path, 1, path.n))) : path;
}

bool options_cache_setting(struct options *o, struct arena *a, struct diag *d, const struct setting *s)
{
	bool size = str_eq(s->name.s, STR("cache_size"));

	if (!size && !str_eq(s->name.s, STR("cache_dir")))
		return false;
	if (!s->value.s.n)
		return true;
	if (!size)
		o->cache_dir = expand_home(a, s->value.s);
	else if (!value_size(s->value.s, true, &o->cache_size) || o->cache_size > INT64_MAX)
		diag_error(d, s->value.at, "such as 500M or 2G; 0 stores nothing", "'%.*s' is no size for 'cache_size'", STR_ARG(s->value.s));
	return true;
}
