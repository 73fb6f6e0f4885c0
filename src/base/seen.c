#include "base/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/os.h"

struct seen *seen_new(struct arena *a)
{
	struct seen *s = arena_new(a, struct seen);

	s->arena = a;
	s->since_ns = clock_wall_ns();
	return s;
}

void seen_free(struct seen *s)
{
	if (s)
		map_free(&s->by_name);
}

void seen_spoil(struct seen *s)
{
	for (; s; s = s->also)
		s->spoiled = true;
}

static bool sight_stands(const struct sight *x, int at, int64_t since_ns)
{
	struct file_stat now;
	struct stat st;

	if (x->kind != SIGHT_PATH && x->kind != SIGHT_LINK)
		return false;
	if (fstatat(at, x->name.p, &st, x->kind == SIGHT_LINK ? AT_SYMLINK_NOFOLLOW : 0))
		return !x->there && (errno == ENOENT || errno == ENOTDIR);
	now = file_stat_of(&st);
	return x->there && file_stat_same(&now, &x->stat) && !file_stat_racy(&x->stat, since_ns);
}

bool seen_stands(const struct seen *s, int at)
{
	if (!s || s->spoiled)
		return false;
	for (size_t i = 0; i < s->all.n; i++)
		if (!sight_stands(s->all.p[i], at, s->since_ns))
			return false;
	return true;
}

static bool same(const struct sight *a, const struct sight *b)
{
	return a->there == b->there && file_stat_same(&a->stat, &b->stat) && (a->text.p != NULL) == (b->text.p != NULL) &&
	       str_eq(a->text, b->text);
}

/* What is looked at twice must be found as before: no verdict hangs on two states of one thing. */
static void note(struct seen *s, const struct sight *now)
{
	char kind = (char)('0' + now->kind);
	struct sbuf key = {0};
	struct sight *known;

	if (s->also)
		note(s->also, now);
	sbuf_char(&key, kind);
	sbuf_str(&key, now->name);
	known = map_get(&s->by_name, sbuf_view(&key));
	if (known) {
		bool stands = same(known, now);

		s->spoiled = s->spoiled || !stands;
		known->changed = known->changed || (!stands && known->folder && now->folder);
	} else {
		struct str own = arena_copy(s->arena, sbuf_view(&key));

		known = arena_new(s->arena, struct sight);
		*known = *now;
		known->name = str_sub(own, 1, own.n);
		if (now->text.p)
			known->text = arena_copy(s->arena, now->text);
		*map_slot(&s->by_name, own) = known;
		vec_push(s->arena, &s->all, known);
	}
	sbuf_free(&key);
}

static struct sight *find(const struct seen *s, enum sight_kind kind, struct str name)
{
	struct sbuf key = {0};
	struct sight *known;

	sbuf_char(&key, (char)('0' + kind));
	sbuf_str(&key, name);
	known = map_get(&s->by_name, sbuf_view(&key));
	sbuf_free(&key);
	return known;
}

bool seen_more_than_folder(const struct seen *s, struct str path)
{
	bool more = find(s, SIGHT_REAL, path) != NULL;

	for (enum sight_kind kind = SIGHT_PATH; kind <= SIGHT_LINK; kind++) {
		const struct sight *known = find(s, kind, path);

		more = more || (known && !known->folder);
	}
	return more;
}

void seen_renew_folder(struct seen *s, int at, struct str folder)
{
	for (enum sight_kind kind = SIGHT_PATH; kind <= SIGHT_LINK; kind++) {
		struct sight *known = find(s, kind, folder);
		struct stat st;

		if (known && known->folder && !fstatat(at, known->name.p, &st, kind == SIGHT_LINK ? AT_SYMLINK_NOFOLLOW : 0) && S_ISDIR(st.st_mode))
			known->stat = file_stat_of(&st);
	}
}

struct seen *seen_before(const struct seen *s, size_t n)
{
	struct seen *before = seen_new(s->arena);

	before->since_ns = s->since_ns;
	for (size_t i = 0; i < n; i++)
		note(before, s->all.p[i]);
	return before;
}

void seen_path(struct seen *s, struct str path, const struct stat *st, bool through)
{
	if (s)
		note(s, &(struct sight){.kind = through ? SIGHT_PATH : SIGHT_LINK, .name = path, .there = true, .folder = S_ISDIR(st->st_mode), .stat = file_stat_of(st)});
}

void seen_missing(struct seen *s, struct str path, bool through)
{
	if (s)
		note(s, &(struct sight){.kind = through ? SIGHT_PATH : SIGHT_LINK, .name = path});
}

void seen_open(struct seen *s, struct str path, int fd)
{
	struct stat st;

	if (!s)
		return;
	if (fstat(fd, &st))
		seen_spoil(s);
	else
		seen_path(s, path, &st, true);
}

const char *seen_getenv(struct seen *s, const char *name)
{
	const char *value = getenv(name);

	if (s)
		note(s, &(struct sight){.kind = SIGHT_ENV, .name = str_of(name), .text = value ? str_of(value) : STR_NONE});
	return value;
}

char *seen_realpath(struct seen *s, const char *path, char buf[PATH_MAX])
{
	char *real = realpath(path, buf);
	int err = errno;

	if (s)
		note(s, &(struct sight){.kind = SIGHT_REAL, .name = str_of(path), .text = real ? str_of(real) : STR_NONE});
	errno = err;
	return real;
}

static int read_seen(struct seen *s, struct arena *a, int at, const char *path, size_t limit, struct str *out, int (*read)(struct arena *, int, const char *, size_t, struct str *, struct stat *))
{
	struct stat st;
	int err = read(a, at, path, limit, out, &st);

	if (err == ENOENT)
		seen_missing(s, str_of(path), true);
	else if (!err || !fstatat(at, path, &st, 0))
		seen_path(s, str_of(path), &st, true);
	if ((err && err != ENOENT) || (!err && !S_ISREG(st.st_mode)))
		seen_spoil(s);
	return err;
}

int seen_read_file(struct seen *s, struct arena *a, int at, const char *path, size_t limit, struct str *out)
{
	return read_seen(s, a, at, path, limit, out, os_read_ready);
}

int seen_read_any(struct seen *s, struct arena *a, int at, const char *path, size_t limit, struct str *out)
{
	return read_seen(s, a, at, path, limit, out, os_read_any);
}
