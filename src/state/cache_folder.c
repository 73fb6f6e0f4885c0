#include "state/cache_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/path.h"

#define VERSION "v1"
/* Removing takes milliseconds, hardly ever seconds. */
#define LOCK_PATIENCE_NS (2 * NS_PER_S)
#define LOCK_NAP_NS (2 * NS_PER_MS)

struct cache *cache_open(struct arena *a, const struct cache_config *config)
{
	struct cache *c = arena_new(a, struct cache);

	c->config = *config;
	c->arena = a;
	c->where = config->dir.p ? arena_copy(a, config->dir) : arena_printf(a, "%.*s/cache", STR_ARG(config->store->folder));
	c->fd = c->lock_fd = c->size_fd = -1;
	return c;
}

struct str cache_where(const struct cache *c)
{
	return c->where;
}

struct cache_attend cache_attend(struct cache *c, struct cache_attend a)
{
	struct cache_attend before = c->attend;

	c->attend = a;
	return before;
}

void cache_say(struct cache *c, const char *fmt, ...)
{
	struct sbuf b = {0};
	va_list ap;

	if (c->note.n)
		return;
	va_start(ap, fmt);
	sbuf_vprintf(&b, fmt, ap);
	va_end(ap);
	c->note = arena_copy(c->arena, sbuf_view(&b));
	sbuf_free(&b);
}

struct str cache_note(struct cache *c)
{
	struct str s = c->note;

	c->note = STR_NONE;
	return s;
}

void cache_give_up(struct cache *c, const char *what, int err)
{
	if (!c->full)
		cache_say(c, "cannot %s in the cache '%.*s': %s; nothing more is stored there in this run", what, STR_ARG(c->where), os_error(err));
	c->full = true;
}

static bool die(struct cache *c, int err)
{
	cache_say(c, "cannot use the cache '%.*s': %s", STR_ARG(c->where), os_error(err));
	c->dead = true;
	return false;
}

static mode_t folder_mode(const struct cache *c)
{
	return c->config.owner_only ? 0700 : 0777;
}

bool cache_folder(struct cache *c, bool make)
{
	int at = c->config.dir.p ? c->config.store->root_fd : c->config.store->fd, err;
	struct str path;

	if (c->fd >= 0 || c->dead)
		return !c->dead;
	if (at < 0)
		return false;
	path = arena_printf(c->arena, "%.*s/" VERSION, STR_ARG(c->config.dir.p ? c->config.dir : STR("cache")));
	c->made = make && !c->config.dir.p && !mkdirat(at, "cache", folder_mode(c));
	if (make && (err = os_mkdirs(at, path.p, folder_mode(c))))
		return die(c, err);
	c->fd = openat(at, path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->fd < 0 && errno != ENOENT) {
		err = errno;
		if (err != EACCES && err != EPERM && err != ENOTDIR && err != ELOOP)
			c->out_of_reach = err;
		return die(c, err);
	}
	return c->fd >= 0;
}

int cache_out_of_reach(const struct cache *c)
{
	return c->out_of_reach;
}

bool cache_exists(struct cache *c)
{
	return cache_folder(c, false);
}

bool cache_is_own(const struct cache *c)
{
	return c->made;
}

void cache_name(char out[CACHE_NAME_ROOM], const char *what, struct hash128 h)
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	snprintf(out, CACHE_NAME_ROOM, "%s/%.2s/%s", what, hex, hex + 2);
}

int cache_temporary(const struct cache *c, struct hash128 what, char *name, unsigned mode)
{
	uint64_t number = c->salt ^ what.lo;
	int fd, err;

	do {
		snprintf(name, CACHE_NAME_ROOM, "tmp/%016" PRIx64, number);
		fd = openat(c->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, c->config.owner_only ? mode & 0700 : mode);
		err = fd < 0 ? errno : 0;
		if (err == EEXIST)
			number = os_random64();
		else if (err == ENOENT)
			err = mkdirat(c->fd, "tmp", folder_mode(c)) ? errno : EEXIST;
	} while (err == EEXIST);
	errno = err;
	return fd;
}

int cache_place(struct cache *c, const char *temporary, const char *name)
{
	int err = renameat(c->fd, temporary, c->fd, name) ? errno : 0;

	/* A folder there is none of ours. */
	if (err == EISDIR && !os_remove_tree(c->fd, name))
		err = renameat(c->fd, temporary, c->fd, name) ? errno : 0;
	if (err == ENOENT) {
		struct arena a = {0};

		err = os_mkdirs(c->fd, arena_copy(&a, path_dir(str_of(name))).p, folder_mode(c));
		if (!err && renameat(c->fd, temporary, c->fd, name))
			err = errno;
		arena_free(&a);
	}
	if (err)
		unlinkat(c->fd, temporary, 0);
	return err;
}

/* What file systems without locks say: then there is nobody to be kept apart. */
static bool no_locks(int err)
{
	return err == ENOLCK || err == EOPNOTSUPP || err == EINVAL || err == ENOSYS;
}

static bool try_lock(int fd, int how, enum cache_patience patience)
{
	int64_t until_ns = clock_ns() + (patience == LOCK_AT_ONCE ? 0 : LOCK_PATIENCE_NS);

	for (;;) {
		if (!flock(fd, patience == LOCK_FOR_EVER ? how : how | LOCK_NB) || no_locks(errno))
			return true;
		if (errno != EINTR && (errno != EWOULDBLOCK || clock_ns() >= until_ns))
			return false;
		if (errno == EWOULDBLOCK)
			nanosleep(&(struct timespec){.tv_nsec = LOCK_NAP_NS}, NULL);
	}
}

static int open_beside(struct cache *c, const char *name)
{
	return openat(c->fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, c->config.owner_only ? 0600 : 0666);
}

bool cache_lock(struct cache *c, bool exclusive, enum cache_patience patience)
{
	if (c->lock_fd < 0)
		c->lock_fd = open_beside(c, "lock");
	if (c->lock_fd < 0) {
		cache_give_up(c, "store", errno);
		return false;
	}
	c->locked = try_lock(c->lock_fd, exclusive ? LOCK_EX : LOCK_SH, patience);
	return c->locked;
}

void cache_unlock(struct cache *c)
{
	if (c->locked)
		flock(c->lock_fd, LOCK_UN);
	c->locked = false;
}

/* The number on record, alone in its line. */
static bool read_total(int fd, uint64_t *total)
{
	char text[24], *end;
	ssize_t n = TEMP_FAILURE_RETRY(pread(fd, text, sizeof text - 1, 0));

	if (n <= 0)
		return false;
	text[n] = '\0';
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*total = strtoull(text, &end, 10);
	return !errno && *end == '\n';
}

static void write_total(int fd, uint64_t total)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%" PRIu64 "\n", total);

	/* A number that is lost is counted anew. */
	if (os_pwrite_all(fd, text, (size_t)n, 0) || ftruncate(fd, n))
		if (ftruncate(fd, 0))
			return;
}

static bool lock_size(struct cache *c)
{
	if (c->size_fd < 0)
		c->size_fd = open_beside(c, "size");
	return c->size_fd >= 0 && try_lock(c->size_fd, LOCK_EX, LOCK_PATIENTLY);
}

bool cache_size_add(struct cache *c, uint64_t more, uint64_t *total)
{
	bool known;

	if (!lock_size(c))
		return false;
	known = read_total(c->size_fd, total);
	if (known && more) {
		*total += more;
		write_total(c->size_fd, *total);
	}
	flock(c->size_fd, LOCK_UN);
	return known;
}

void cache_size_set(struct cache *c, uint64_t total)
{
	if (!lock_size(c))
		return;
	write_total(c->size_fd, total);
	flock(c->size_fd, LOCK_UN);
}
