#include "state/watchlist.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "state/bytes.h"

#define STATE ".axmake"
#define LOG "log"

enum { NOTHING = 0, UNKNOWABLE = 1 };

struct adding {
	struct sbuf *b;
	struct str prefix;
	int64_t now_ns; /* wall clock */
};

static uint64_t number(const struct file_stat *st)
{
	uint64_t n = file_stat_hash(st);

	return n > UNKNOWABLE ? n : UNKNOWABLE + 1;
}

uint64_t watchlist_fact(const char *path, bool link)
{
	struct file_stat facts;
	struct stat st;

	if (fstatat(AT_FDCWD, path, &st, link ? AT_SYMLINK_NOFOLLOW : 0))
		return errno == ENOENT || errno == ENOTDIR ? NOTHING : UNKNOWABLE;
	facts = file_stat_of(&st);
	return number(&facts);
}

static bool is_own(struct str path)
{
	return str_starts(path, STR(STATE)) && (path.n == sizeof STATE - 1 || path.p[sizeof STATE - 1] == '/');
}

static void put(const struct adding *to, struct str path, uint8_t flags, uint64_t fact)
{
	bool absolute = path.n && path.p[0] == '/';
	struct str prefix = absolute ? STR_NONE : to->prefix;

	if (prefix.n && str_eq(path, STR("."))) {
		path = str_sub(prefix, 0, prefix.n - 1);
		prefix = STR_NONE;
	}

	bytes_put_u8(to->b, flags);
	bytes_put_u64(to->b, fact);
	bytes_put_u32(to->b, (uint32_t)(prefix.n + path.n));
	sbuf_str(to->b, prefix);
	sbuf_str(to->b, path);
	bytes_put_u8(to->b, 0);
}

static void put_found(const struct adding *to, struct str path, const struct file_stat *st, uint8_t flags)
{
	if (is_own(path) || memchr(path.p, '\0', path.n))
		return;
	if (st && file_stat_racy(st, to->now_ns))
		flags |= WATCH_YOUNG;
	put(to, path, flags, st ? number(st) : flags & WATCH_CHANGED ? UNKNOWABLE : NOTHING);
}

static void put_hashed(void *self, const struct filehash_sight *s)
{
	unsigned flags = (s->through ? 0 : WATCH_LINK) | (s->folder ? WATCH_FOLDER : 0) | (s->changed ? WATCH_CHANGED : 0);

	if (s->failed)
		put(self, s->path, (uint8_t)flags, UNKNOWABLE);
	else
		put_found(self, s->path, s->stat, (uint8_t)flags);
}

static void put_sight(const struct adding *to, const struct sight *s)
{
	unsigned flags = (s->kind == SIGHT_LINK ? WATCH_LINK : 0) | (s->folder ? WATCH_FOLDER : 0) | (s->changed ? WATCH_CHANGED : 0);

	if (s->kind == SIGHT_PATH || s->kind == SIGHT_LINK)
		put_found(to, s->name, s->there ? &s->stat : NULL, (uint8_t)flags);
}

void watchlist_add(struct sbuf *b, struct str prefix, const struct seen *seen, const struct map *but, const struct filehash *fh)
{
	struct adding to = {b, prefix, clock_wall_ns()};

	for (size_t i = 0; seen && i < seen->all.n; i++)
		if (!but || !map_get(but, seen->all.p[i]->name))
			put_sight(&to, seen->all.p[i]);
	if (fh)
		filehash_sights(fh, put_hashed, &to);
}

void watchlist_add_log(struct sbuf *b, struct str prefix, const struct store *s)
{
	struct adding to = {.b = b, .prefix = prefix};
	struct file_stat facts;
	struct stat st;
	bool there = !fstatat(s->fd, LOG, &st, AT_SYMLINK_NOFOLLOW);

	if (there)
		facts = file_stat_of(&st);
	put(&to, STR(STATE "/" LOG), WATCH_LINK | WATCH_LOG, there ? number(&facts) : NOTHING);
}

bool watchlist_next(struct reader *r, struct watch_entry *e)
{
	if (!reader_left(r) || r->bad)
		return false;
	e->flags = reader_u8(r);
	e->fact = reader_u64(r);
	e->path = reader_str(r);
	if (reader_u8(r))
		r->bad = true;
	return !r->bad;
}
