/* What comes from elsewhere, and what goes there. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "state/cache_folder.h"

_Static_assert(sizeof((struct cache_arrival){0}.name) >= CACHE_NAME_ROOM, "an arrival has room for its name");

bool cache_has_object(struct cache *c, struct hash128 hash, uint64_t size)
{
	char name[CACHE_NAME_ROOM];
	struct stat st;

	if (!cache_folder(c, false))
		return false;
	cache_name(name, "objects", hash);
	return !fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

int cache_object_fd(struct cache *c, struct hash128 hash, uint64_t size)
{
	if (cache_folder(c, false))
		return cache_open_object(c, hash, size);
	errno = ENOENT;
	return -1;
}

int cache_arrival_begin(struct cache *c, struct cache_arrival *out)
{
	out->fd = cache_temporary(c, (struct hash128){.lo = os_random64()}, out->name, 0444);
	return out->fd < 0 ? errno : 0;
}

void cache_arrival_drop(struct cache *c, struct cache_arrival *arrival)
{
	if (arrival->fd < 0)
		return;
	close(arrival->fd);
	unlinkat(c->fd, arrival->name, 0);
	arrival->fd = -1;
}

int cache_arrival_keep(struct cache *c, struct cache_arrival *arrival, struct hash128 hash, uint64_t size)
{
	char name[CACHE_NAME_ROOM];
	int err = close(arrival->fd) && errno != EINTR ? errno : 0;

	arrival->fd = -1;
	cache_name(name, "objects", hash);
	if (err)
		unlinkat(c->fd, arrival->name, 0);
	else
		err = cache_place(c, arrival->name, name);
	c->added += err ? 0 : size;
	return err;
}
