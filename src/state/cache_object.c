/* Contents: read and written, and hashed on the way. A copy by the kernel would have to be read again to be checked. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "state/cache_folder.h"

#define LONGEST_TEXT (UINT64_C(2) << 30)

int cache_open_object(const struct cache *c, struct hash128 hash, uint64_t size)
{
	char name[CACHE_NAME_ROOM];
	struct stat st;
	int fd, err = 0;

	cache_name(name, "objects", hash);
	fd = openat(c->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st))
		err = errno;
	else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		err = EBADMSG;
	if (!err)
		return fd;
	close(fd);
	errno = err;
	return -1;
}

/* A content that is the same file twice, where the file system can do that. false: it cannot. */
static bool clone(struct cache *c, int in, int out, uint64_t size)
{
	if (size < CACHE_LEAST_CLONE || c->no_clone)
		return false;
	c->no_clone = ioctl(out, FICLONE, in) != 0;
	return !c->no_clone;
}

/* Up to a whole piece, unless the end comes first. -1 with errno. */
static ssize_t read_piece(int fd, unsigned char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, p + done, n - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static bool goes_on(const struct cache *c)
{
	return !c->attend.go_on || c->attend.go_on(c->attend.self);
}

/* Reads `in` to its end, in pieces; to `out` too where that is none of -1. */
static int copy_pieces(struct cache *c, int in, int out, ssize_t got, struct hash128 want, uint64_t size)
{
	struct hasher h = hasher_new();
	uint64_t n = 0;
	int err = 0;

	while (!err && got > 0 && (n += (uint64_t)got) <= size) {
		hasher_add(&h, c->piece, (size_t)got);
		err = out < 0 ? 0 : os_write_all(out, c->piece, (size_t)got);
		if (!err && !goes_on(c))
			err = EINTR;
		got = err ? 0 : read_piece(in, c->piece, CACHE_PIECE);
		if (got < 0)
			err = errno;
	}
	if (!err && (n != size || !hash_eq(hasher_end(&h), want)))
		err = EBADMSG;
	hasher_free(&h);
	return err;
}

int cache_copy(struct cache *c, int in, int out, struct hash128 want, uint64_t size)
{
	bool cloned = clone(c, in, out, size);
	ssize_t got;

	if (!c->piece)
		c->piece = xmalloc(CACHE_PIECE);
	/* A clone is read as what it has become: the object may change still. */
	got = read_piece(cloned ? out : in, c->piece, CACHE_PIECE);
	if (got < 0)
		return errno;
	if ((size_t)got == CACHE_PIECE)
		return copy_pieces(c, cloned ? out : in, cloned ? -1 : out, got, want, size);
	if ((uint64_t)got != size || !hash_eq(hash_bytes(c->piece, (size_t)got), want))
		return EBADMSG;
	return cloned ? 0 : os_write_all(out, c->piece, (size_t)got);
}

void cache_drop(struct cache *c, const struct cache_content *content)
{
	char name[CACHE_NAME_ROOM];

	cache_name(name, "objects", content->hash);
	if (c->config.writable)
		unlinkat(c->fd, name, 0);
}

int cache_read(struct cache *c, const struct cache_content *content, int to)
{
	int in, err;

	if (content->here.p)
		return os_write_all(to, content->here.p, content->here.n);
	in = cache_open_object(c, content->hash, content->size);
	err = in < 0 ? errno : cache_copy(c, in, to, content->hash, content->size);
	if (in >= 0)
		close(in);
	if (err == EBADMSG || err == ELOOP) {
		cache_drop(c, content);
		return EBADMSG;
	}
	return err;
}

int cache_read_bytes(struct cache *c, struct arena *a, const struct cache_content *content, struct str *out)
{
	int in, err = 0;
	char *p;

	*out = content->here;
	if (content->here.p)
		return 0;
	if (content->size > LONGEST_TEXT)
		return EFBIG;
	in = cache_open_object(c, content->hash, content->size);
	if (in < 0)
		err = errno;
	if (!err) {
		p = arena_text(a, (size_t)content->size + 1);
		*out = (struct str){p, (size_t)content->size};
		if (!os_read_exactly(in, p, out->n) || !hash_eq(hash_bytes(p, out->n), content->hash))
			err = EBADMSG;
		close(in);
	}
	if (err == EBADMSG || err == ELOOP) {
		cache_drop(c, content);
		return EBADMSG;
	}
	return err;
}
