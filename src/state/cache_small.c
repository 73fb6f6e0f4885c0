/* Small contents, by several threads: nothing here allocates, or writes to what two of them share. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/os.h"
#include "base/pool.h"
#include "state/cache_folder.h"

/* Of a content that a thread has on its stack. */
#define MOST_SMALL (128u << 10)

enum { PIECE = 4 };

/* Else it takes its time, or may be had as a clone. */
static bool is_small(const struct cache *c, uint64_t size)
{
	return size < CACHE_LEAST_CLONE || (c->no_clone && size <= MOST_SMALL);
}

bool cache_is_small(const struct cache *c, const struct cache_content *content)
{
	return content->here.p || is_small(c, content->size);
}

/* The right bytes, all of them: 0, errno or EBADMSG. */
static int read_checked(int fd, unsigned char *piece, size_t n, struct hash128 want)
{
	/* As much as its size says: the hash tells whether that was all. */
	errno = 0;
	if (!os_read_exactly(fd, (char *)piece, n))
		return errno ? errno : EBADMSG;
	return hash_eq(hash_bytes(piece, n), want) ? 0 : EBADMSG;
}

int cache_read_small(const struct cache *c, const struct cache_content *content, int to)
{
	unsigned char piece[MOST_SMALL];
	size_t n = (size_t)content->size;
	int in, err;

	if (content->here.p)
		return os_write_all(to, content->here.p, content->here.n);
	in = cache_open_object(c, content->hash, content->size);
	if (in < 0)
		return errno == ELOOP ? EBADMSG : errno;
	err = read_checked(in, piece, n, content->hash);
	close(in);
	return err ? err : os_write_all(to, piece, n);
}

/* A file that is to be an object. */
struct storing {
	const struct cache_file *file;
	int err;
	char temporary[CACHE_NAME_ROOM]; /* not empty: it is there, and has not come to its place */
};

struct all {
	const struct cache *c;
	int at;
	size_t n;
	struct storing of[CACHE_TOGETHER];
};

static int copy(const struct all *all, struct storing *s, unsigned char *piece)
{
	const struct cache_file *f = s->file;
	int to, in = openat(all->at, f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), err;

	if (in < 0)
		return EBADMSG;
	err = read_checked(in, piece, (size_t)f->size, f->hash);
	close(in);
	if (err)
		return err;
	to = cache_temporary(all->c, f->hash, s->temporary, 0444);
	if (to < 0) {
		*s->temporary = '\0';
		return errno;
	}
	err = os_write_all(to, piece, (size_t)f->size);
	if (close(to) && !err && errno != EINTR)
		err = errno;
	return err;
}

static void store(const struct all *all, struct storing *s)
{
	unsigned char piece[MOST_SMALL];
	char name[CACHE_NAME_ROOM];

	*s->temporary = '\0';
	s->err = cache_object_there(all->c, s->file->hash, s->file->size) ? 0 : copy(all, s, piece);
	if (s->err || !*s->temporary)
		return;
	cache_name(name, "objects", s->file->hash);
	/* Where that is not to be had at once, one who may allocate does it. */
	if (!renameat(all->c->fd, s->temporary, all->c->fd, name))
		*s->temporary = '\0';
}

static bool store_some(void *self, size_t from, size_t to)
{
	struct all *all = self;

	for (size_t i = from; i < to; i++)
		store(all, &all->of[i]);
	return true;
}

static bool take(struct cache *c, struct storing *s)
{
	char name[CACHE_NAME_ROOM];

	cache_name(name, "objects", s->file->hash);
	if (*s->temporary && s->err)
		unlinkat(c->fd, s->temporary, 0);
	else if (*s->temporary)
		s->err = cache_place(c, s->temporary, name);
	if (s->err && s->err != EBADMSG)
		cache_give_up(c, "store", s->err);
	c->added += s->err ? 0 : s->file->size;
	return !s->err;
}

bool cache_store_files(struct cache *c, struct arena *a, int at, struct cache_file *of, size_t n)
{
	struct all all = {.c = c, .at = at};
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++) {
		if (of[i].text.p && cache_in_entry(c, of[i].size)) {
			of[i].here = of[i].text;
			c->in_entry += of[i].size;
		} else if (cache_in_entry(c, of[i].size) || !is_small(c, of[i].size)) {
			ok = cache_store_content(c, a, at, of[i].path, of[i].hash, of[i].size, &of[i].here);
		} else {
			of[i].here = STR_NONE;
			all.of[all.n++].file = &of[i];
		}
	}
	if (!ok)
		return false;
	pool_each(all.n, PIECE, store_some, &all);
	for (size_t i = 0; i < all.n; i++)
		ok = take(c, &all.of[i]) && ok;
	return ok;
}
