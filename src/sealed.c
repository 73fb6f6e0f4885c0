#include "sealed.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/filestat.h"
#include "show/actions.h"
#include "version.h"

/* Is it a run whose verdict is one of contents alone, and that says nothing where there is nothing to do? */
static bool is_plain(const struct options *o)
{
	return (o->mode == MODE_BUILD || o->mode == MODE_WATCH) && !o->dry_run && !o->question && !o->ignore_errors && !o->always_make && !o->always_make_inherited && !o->touch &&
	       !o->touch_inherited && !o->trace && !o->print_database && !o->debug && !o->old_files.n && !o->new_files.n && !actions_here();
}

/* Would a parent's jobserver be used without a warning? */
static bool parent_is_well(const struct sealed_by *by)
{
	const struct options *o = by->options;
	struct str auth = o->auth;

	if (!o->has_auth)
		return true;
	if (o->jobs_from == FROM_COMMAND)
		return false; /* it is left aside, and that is said */
	if (str_starts(auth, STR("fifo:")))
		return !access(auth.p + sizeof "fifo:" - 1, R_OK | W_OK);
	return by->inherited->pipe_ok || by->inherited->disabled;
}

static void add_text(struct sbuf *b, struct str s)
{
	sbuf_add(b, &s.n, sizeof s.n);
	sbuf_str(b, s);
}

/* Unset is something else than empty. */
static void add_env(struct sbuf *b, const char *name)
{
	const char *value = getenv(name);

	sbuf_char(b, value ? '=' : '-');
	add_text(b, str_of(value ? value : ""));
}

static bool add_file(struct sbuf *b, const char *path)
{
	struct file_stat facts;
	struct stat st;

	if (stat(path, &st))
		return false;
	facts = file_stat_of(&st);
	sbuf_add(b, &facts, sizeof facts);
	return true;
}

static bool add_folder(struct sbuf *b, struct str path)
{
	struct stat st;
	uint64_t which[2];

	if (stat(".", &st))
		return false;
	which[0] = st.st_dev;
	which[1] = st.st_ino;
	sbuf_add(b, which, sizeof which);
	add_text(b, path);
	return true;
}

bool sealed_key(const struct sealed_by *by, struct arena *a, struct hash128 *key)
{
	uint64_t user[2] = {geteuid(), getegid()};
	struct sbuf b = {0};
	bool known;

	if (!is_plain(by->options) || !parent_is_well(by))
		return false;
	add_text(&b, STR(AXMAKE_VERSION));
	known = add_file(&b, "/proc/self/exe") && add_folder(&b, by->folder);
	sbuf_add(&b, user, sizeof user);
	struct hash128 boot = boot_id(); /* files that stand as they stood may hold something else after a loss of power */
	sbuf_add(&b, &boot, sizeof boot);
	sbuf_char(&b, by->color ? 'c' : 'p');
	for (int i = 1; i < by->argc; i++) /* a round of a watch is a run of the other words */
		if (!str_eq(str_of(by->argv[i]), STR("--watch")))
			add_text(&b, str_of(by->argv[i]));
	sbuf_char(&b, '\0');
	add_env(&b, "AXMAKEFLAGS");
	add_env(&b, "MAKELEVEL");
	add_text(&b, jobserver_makeflags(a, by->options->makeflags, STR_NONE));
	*key = hash_bytes(b.p, b.n);
	sbuf_free(&b);
	return known;
}
