/* Entries: found, stored, forgotten. */
#include "state/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/os.h"
#include "state/cache_folder.h"

/* What one entry holds of contents itself: a file more costs more than it. */
#define SMALL_CONTENT 4096u
#define SMALL_ENTRY (256u << 10)
/* Above the limit by so many of its parts, a run does not wait for its end before it removes. */
#define OVER_PART 4
/* A sweep counts anew after some hundred runs at the latest. */
#define BLOCK_MOST (UINT64_C(8) << 20)

bool cache_object_there(const struct cache *c, struct hash128 hash, uint64_t size)
{
	char name[CACHE_NAME_ROOM];
	struct stat st;

	cache_name(name, "objects", hash);
	if (fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno != ENOENT && errno != ENOTDIR; /* who reads it will know */
	return S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

static bool object_there(void *self, struct hash128 hash, uint64_t size)
{
	return cache_object_there(self, hash, size);
}

/* The file may be a newer one by now, another run's: that is lost then, which costs a run, no more. */
static void drop(struct cache *c, const char *name)
{
	if (c->config.writable)
		unlinkat(c->fd, name, 0);
}

static int read_entry(struct cache *c, struct arena *a, const char *name, struct str *out)
{
	struct stat st;
	int fd = openat(c->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), err = 0;
	char *p;

	if (fd < 0)
		return errno;
	if (fstat(fd, &st))
		err = errno;
	else if (!S_ISREG(st.st_mode) || st.st_size > CACHE_ENTRY_MAX)
		err = EBADMSG;
	if (!err) {
		p = arena_text(a, (size_t)st.st_size + 1);
		*out = (struct str){p, (size_t)st.st_size};
		errno = 0;
		if (!os_read_exactly(fd, p, out->n))
			err = errno ? errno : EBADMSG;
	}
	close(fd);
	return err;
}

bool cache_find_bytes(struct cache *c, struct arena *a, struct hash128 signature, struct cache_entry *out, struct str *file)
{
	char name[CACHE_NAME_ROOM];
	int err;

	if (!cache_folder(c, false))
		return false;
	c->out_of_reach = 0;
	cache_name(name, "entries", signature);
	err = read_entry(c, a, name, file);
	if (err == ENOENT)
		return false;
	if (!err && (!cache_entry_read(a, *file, out) || !hash_eq(out->signature, signature)))
		err = EBADMSG;
	if (err == EBADMSG || err == ELOOP) {
		cache_say(c, "a damaged entry of the cache '%.*s' is dropped", STR_ARG(c->where));
		drop(c, name);
	} else if (err) {
		c->out_of_reach = err != EACCES && err != EPERM ? err : 0;
		cache_say(c, "cannot read the cache '%.*s': %s", STR_ARG(c->where), os_error(err));
	} else if (!cache_entry_objects(out, object_there, c)) {
		cache_say(c, "an entry of the cache '%.*s' lacks a part and is dropped", STR_ARG(c->where));
		drop(c, name);
		err = EBADMSG;
	}
	return !err;
}

bool cache_find(struct cache *c, struct arena *a, struct hash128 signature, struct cache_entry *out)
{
	struct str file = STR_NONE;

	return cache_find_bytes(c, a, signature, out, &file);
}

void cache_used(struct cache *c, struct hash128 signature)
{
	char name[CACHE_NAME_ROOM];

	cache_name(name, "entries", signature);
	/* Another user's entry may be too old in vain: no harm. */
	if (c->config.writable && utimensat(c->fd, name, NULL, AT_SYMLINK_NOFOLLOW) && errno == ENOENT)
		return;
}

void cache_forget(struct cache *c, struct hash128 signature)
{
	char name[CACHE_NAME_ROOM];

	if (!cache_folder(c, false))
		return;
	cache_name(name, "entries", signature);
	drop(c, name);
}

/* Of runs that were killed while they stored. */
static void sweep_temporary(struct cache *c)
{
	c->swept = true;
	c->salt = os_random64();
	if (!cache_lock(c, true, LOCK_AT_ONCE))
		return;
	os_remove_tree(c->fd, "tmp");
	cache_unlock(c);
}

/* Ahead, in blocks: so a total that is not exact is too high, which leads to a sweep that puts it right. */
static void reserve(struct cache *c, uint64_t bytes)
{
	uint64_t block = c->config.limit / 64 < BLOCK_MOST ? c->config.limit / 64 + 1 : BLOCK_MOST, total, more;
	struct cache_stats stats;

	if (c->added + bytes <= c->reserved)
		return;
	more = c->added + bytes - c->reserved;
	more += block - more % block;
	if (!cache_size_add(c, more, &total)) {
		if (cache_survey(c, &stats))
			return;
		cache_size_set(c, stats.bytes + more);
	}
	c->reserved += more;
}

bool cache_store_begin(struct cache *c, uint64_t bytes)
{
	if (!c->config.writable || c->full || c->dead || bytes > c->config.limit || !cache_folder(c, true))
		return false;
	if (!c->swept)
		sweep_temporary(c);
	reserve(c, bytes);
	c->in_entry = 0;
	return cache_lock(c, false, LOCK_PATIENTLY);
}

/* Far above the limit: now, not at the end. */
static bool much_too_big(struct cache *c)
{
	uint64_t total, limit = c->config.limit;

	return c->added > limit / OVER_PART && cache_size_add(c, 0, &total) && total > limit + limit / OVER_PART;
}

void cache_store_end(struct cache *c)
{
	struct cache_stats after;

	cache_unlock(c);
	if (!c->full && much_too_big(c))
		cache_sweep(c, false, NULL, &after);
}

static bool store_object(struct cache *c, int in, struct hash128 hash, uint64_t size)
{
	char name[CACHE_NAME_ROOM], temporary[CACHE_NAME_ROOM];
	int to, err;

	cache_name(name, "objects", hash);
	if (cache_object_there(c, hash, size))
		return true;
	to = cache_temporary(c, hash, temporary, 0444);
	err = to < 0 ? errno : cache_copy(c, in, to, hash, size);
	if (to >= 0 && close(to) && !err && errno != EINTR)
		err = errno;
	if (to >= 0 && err)
		unlinkat(c->fd, temporary, 0);
	if (!err)
		err = cache_place(c, temporary, name);
	if (err && err != EBADMSG && err != EINTR)
		cache_give_up(c, "store", err);
	c->added += err ? 0 : size;
	return !err;
}

/* A few bytes, into memory. */
static bool take_small(struct arena *a, int fd, struct hash128 hash, uint64_t size, struct str *here)
{
	char *p = arena_text(a, (size_t)size + 1);

	*here = (struct str){p, (size_t)size};
	return os_read_exactly(fd, p, (size_t)size) && hash_eq(hash_bytes(p, (size_t)size), hash);
}

bool cache_in_entry(const struct cache *c, uint64_t size)
{
	return size <= SMALL_CONTENT && c->in_entry + size <= SMALL_ENTRY;
}

bool cache_store_content(struct cache *c, struct arena *a, int at, const char *path, struct hash128 hash, uint64_t size, struct str *here)
{
	int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	bool ok;

	*here = STR_NONE;
	if (fd < 0)
		return false;
	if (cache_in_entry(c, size)) {
		ok = take_small(a, fd, hash, size, here);
		c->in_entry += size;
	} else {
		ok = store_object(c, fd, hash, size);
	}
	close(fd);
	return ok;
}

bool cache_store_bytes(struct cache *c, struct hash128 signature, struct str file)
{
	char name[CACHE_NAME_ROOM], temporary[CACHE_NAME_ROOM];
	int fd, err;

	if (file.n > CACHE_ENTRY_MAX)
		return false;
	cache_name(name, "entries", signature);
	fd = cache_temporary(c, signature, temporary, 0666);
	err = fd < 0 ? errno : os_write_all(fd, file.p, file.n);
	if (fd >= 0 && close(fd) && !err && errno != EINTR)
		err = errno;
	if (fd >= 0 && err)
		unlinkat(c->fd, temporary, 0);
	if (!err)
		err = cache_place(c, temporary, name);
	if (err)
		cache_give_up(c, "store", err);
	c->added += err ? 0 : file.n;
	return !err;
}

bool cache_store_entry(struct cache *c, const struct cache_entry *e)
{
	struct sbuf b = {0};
	bool ok;

	cache_entry_put(&b, e);
	ok = cache_store_bytes(c, e->signature, sbuf_view(&b));
	sbuf_free(&b);
	return ok;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void cache_close(struct cache *c)
{
	struct cache_stats after;
	uint64_t total;

	if (!c)
		return;
	if (c->added && cache_size_add(c, 0, &total) && total > c->config.limit)
		cache_sweep(c, false, NULL, &after);
	close_fd(&c->fd);
	close_fd(&c->lock_fd);
	close_fd(&c->size_fd);
	free(c->piece);
	c->piece = NULL;
}
