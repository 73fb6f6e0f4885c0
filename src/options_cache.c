/* Settings of the cache, which are no options. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/beside.h"
#include "base/os.h"
#include "load/value.h"
#include "options.h"
#include "state/wire.h"

/* `~` and `~/…` are below the home, as in a shell. */
static struct str expand_home(struct arena *a, struct str path)
{
	const char *home = getenv("HOME");

	if (!str_eq(path, STR("~")) && !str_starts(path, STR("~/")))
		return path;
	return home && *home ? arena_printf(a, "%s%.*s", home, STR_ARG(str_sub(path, 1, path.n))) : path;
}

struct reading {
	struct options *o;
	struct arena *arena;
	struct diag *diag;
	const struct setting *s;
};

static void set_dir(struct reading *r)
{
	r->o->cache_dir = expand_home(r->arena, r->s->value.s);
}

static void set_size(struct reading *r)
{
	const struct setting *s = r->s;

	if (!value_size(s->value.s, true, &r->o->cache_size) || r->o->cache_size > INT64_MAX)
		diag_error(r->diag, s->value.at, "such as 500M or 2G; 0 stores nothing", "'%.*s' is no size for 'cache_size'", STR_ARG(s->value.s));
}

/* Printable, and nothing that ends a URL's path or a line of HTTP. */
static bool is_plain_url(struct str url)
{
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] == 0x7f || strchr("\"<>\\^`{|}?#", url.p[i]))
			return false;
	return true;
}

/* "http://user:password@host/path/" in its parts. false: it is none. */
static bool split_url(struct arena *a, struct str url, struct server_setting *out)
{
	size_t scheme = str_starts(url, STR("http://")) ? 7 : str_starts(url, STR("https://")) ? 8 : 0;
	size_t end = str_find(url, STR("/"), scheme), at = scheme;
	struct str login;

	if (!scheme || !is_plain_url(url))
		return false;
	for (size_t i = scheme; i < end; i++)
		if (url.p[i] == '@')
			at = i + 1;
	while (url.n > end && url.p[url.n - 1] == '/')
		url.n--;
	if (at == (end < url.n ? end : url.n))
		return false;
	login = at > scheme ? str_sub(url, scheme, at - 1) : STR_NONE;
	size_t colon = str_find(login, STR(":"), 0);
	out->user = str_sub(login, 0, colon);
	out->password = str_sub(login, colon + 1, login.n);
	out->url = arena_printf(a, "%.*s%.*s", (int)scheme, url.p, STR_ARG(str_sub(url, at, url.n)));
	return true;
}

/* What is wrong with it is said without it, and without its line: it may hold a password. */
static void set_url(struct reading *r)
{
	struct server_setting *to = &r->o->server;
	struct str url = r->s->value.s;
	struct pos at = r->s->value.at;
	int lacks = beside_find(r->arena, STR(WIRE_PROGRAM), &to->program) ? 0 : errno;

	if (str_find(url, STR("@"), 0) < url.n)
		at.line = 0;
	if (!split_url(r->arena, url, to))
		diag_error(r->diag, at, "as in http://host/path or https://host:8443/path", "'cache_url' wants a URL of http or https, without spaces, '?' and '#'");
	else if (lacks && lacks != ENOENT)
		diag_error(r->diag, at, NULL, "'cache_url' needs the program " WIRE_PROGRAM ", which cannot be run beside axmake: %s", os_error(lacks));
	else if (lacks)
		diag_error(r->diag, at, "build axmake where libcurl and libcrypto are (libcurl4-openssl-dev and libssl-dev), or remove it",
			   "'cache_url' needs the program " WIRE_PROGRAM ", which is not installed beside axmake");
}

static void set_ca(struct reading *r)
{
	r->o->server.ca = expand_home(r->arena, r->s->value.s);
}

static void set_key(struct reading *r)
{
	r->o->server.key = expand_home(r->arena, r->s->value.s);
}

static void set_push(struct reading *r)
{
	bool on;

	if (value_bool(r->s->value.s, &on))
		r->o->server.no_push = !on;
	else
		diag_error(r->diag, r->s->value.at, "true or false", "'%.*s' is no value for 'cache_push'", STR_ARG(r->s->value.s));
}

static void set_timeout(struct reading *r)
{
	int64_t ns;

	if (value_duration(r->s->value.s, &ns) && ns > 0)
		r->o->server.timeout_ns = ns;
	else
		diag_error(r->diag, r->s->value.at, "such as 10s or 1m", "'%.*s' is no time for 'cache_timeout'", STR_ARG(r->s->value.s));
}

bool options_cache_setting(struct options *o, struct arena *a, struct diag *d, const struct setting *s)
{
	static const struct {
		struct str name;
		void (*set)(struct reading *r);
	} settings[] = {
	    {{"cache_dir", 9}, set_dir},   {{"cache_size", 10}, set_size}, {{"cache_url", 9}, set_url},          {{"cache_push", 10}, set_push},
	    {{"cache_ca", 8}, set_ca},     {{"cache_key", 9}, set_key},    {{"cache_timeout", 13}, set_timeout},
	};
	struct reading r = {o, a, d, s};

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (str_eq(s->name.s, settings[i].name)) {
			if (s->value.s.n)
				settings[i].set(&r);
			return true;
		}
	return false;
}
