#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/* Waits for room where the descriptor does not block. */
static int wait_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, -1) < 0 && errno != EINTR ? errno : 0;
}

int os_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t done = write(fd, at, n);

		if (done > 0) {
			at += done;
			n -= (size_t)done;
		} else if (!done) {
			return EIO; /* a device that takes nothing would keep us here for ever */
		} else if (errno == EAGAIN) {
			int err = wait_writable(fd);

			if (err)
				return err;
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

int os_pwrite_all(int fd, const void *p, size_t n, off_t at)
{
	const char *from = p;

	while (n) {
		ssize_t done = pwrite(fd, from, n, at);

		if (done <= 0 && (!done || errno != EINTR))
			return done ? errno : EIO;
		if (done > 0) {
			from += done;
			at += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

static int open_retry(int at, const char *path, int flags, mode_t mode)
{
	int fd;

	do
		fd = openat(at, path, flags | O_CLOEXEC | O_NOCTTY, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* Reads fd to its end into the arena; `expect` bytes are likely. */
static int read_to_end(struct arena *a, int fd, size_t expect, size_t limit, struct str *out)
{
	size_t cap = expect + 1, n = 0; /* one more than expected, so that the end is seen without growing */
	char *p = arena_text(a, cap + 1);

	for (;;) {
		ssize_t got = read(fd, p + n, cap - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (!got)
			break;
		n += (size_t)got;
		if (n > limit)
			return EFBIG;
		if (n == cap) {
			char *more = arena_text(a, 2 * cap + 1);

			memcpy(more, p, n);
			p = more;
			cap *= 2;
		}
	}
	p[n] = '\0';
	*out = (struct str){p, n};
	return 0;
}

enum read_what { READ_FILE, READ_READY, READ_ANY };

static int read_opened(struct arena *a, int at, const char *path, enum read_what what, size_t limit, struct str *out, struct stat *st)
{
	int fd = open_retry(at, path, O_RDONLY | (what == READ_ANY ? 0 : O_NONBLOCK), 0), err;

	if (fd < 0)
		return errno;
	if (fstat(fd, st))
		err = errno;
	else if (S_ISDIR(st->st_mode))
		err = EISDIR;
	else if (!S_ISREG(st->st_mode) && what == READ_FILE)
		err = EINVAL;
	else if (S_ISFIFO(st->st_mode) && what == READ_READY)
		err = ENXIO; /* as a socket cannot be opened at all */
	else if (!S_ISREG(st->st_mode))
		err = read_to_end(a, fd, 16 << 10, limit, out);
	else if ((uintmax_t)st->st_size > limit)
		err = EFBIG;
	else
		err = read_to_end(a, fd, (size_t)st->st_size, limit, out);
	close(fd);
	return err;
}

int os_read_ready(struct arena *a, int at, const char *path, size_t limit, struct str *out, struct stat *st)
{
	return read_opened(a, at, path, READ_READY, limit, out, st);
}

const char *os_read_error(int err)
{
	return err == ENXIO ? "it is a fifo or a socket" : os_error(err);
}

int os_read_any(struct arena *a, int at, const char *path, size_t limit, struct str *out, struct stat *st)
{
	return read_opened(a, at, path, READ_ANY, limit, out, st);
}

int os_read_file_stat(struct arena *a, int at, const char *path, size_t limit, struct str *out, struct stat *st)
{
	return read_opened(a, at, path, READ_FILE, limit, out, st);
}

int os_read_file(struct arena *a, int at, const char *path, size_t limit, struct str *out)
{
	struct stat st;

	return os_read_file_stat(a, at, path, limit, out, &st);
}

bool os_read_exactly(int fd, char *p, size_t n)
{
	while (n) {
		ssize_t got = read(fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

int os_read_at(int fd, void *p, size_t *n, uint64_t from)
{
	size_t done = 0;
	ssize_t got = 1;
	int err = 0;

	while (done < *n && got && !err) {
		got = pread(fd, (char *)p + done, *n - done, (off_t)(from + done));
		if (got >= 0)
			done += (size_t)got;
		else if (errno != EINTR)
			err = errno;
	}
	*n = done;
	return err;
}

bool os_read_exactly_at(int fd, char *p, size_t n, uint64_t at)
{
	size_t got = n;

	return !os_read_at(fd, p, &got, at) && got == n;
}

bool os_write_exactly_at(int fd, const char *p, size_t n, uint64_t at)
{
	while (n) {
		ssize_t put = pwrite(fd, p, n, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
		at += (size_t)put;
	}
	return true;
}

int os_open_file(int at, const char *path, int flags, int *fd, uint64_t *size)
{
	struct stat st;
	int err;

	*fd = open_retry(at, path, O_RDONLY | O_NONBLOCK | flags, 0);
	if (*fd < 0)
		return errno;
	err = fstat(*fd, &st) ? errno : S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	if (err) {
		close(*fd);
		*fd = -1;
	} else {
		*size = (uint64_t)st.st_size;
	}
	return err;
}

/* A name beside `path` that nobody else has: the file's own name is left out, as it may be as long as a name can be. */
static void temporary_beside(struct sbuf *b, const char *path)
{
	const char *slash = strrchr(path, '/');

	sbuf_clear(b);
	if (slash)
		sbuf_add(b, path, (size_t)(slash - path) + 1);
	sbuf_printf(b, ".ax-%016" PRIx64 ".tmp", os_random64());
}

static int write_and_rename(int at, int fd, const char *temporary, const char *path, int (*write)(void *self, int fd), void *self)
{
	int err = write(self, fd);

	/* Some file systems tell of a full disk only at close. */
	if (close(fd) && !err && errno != EINTR)
		err = errno;
	if (!err && renameat(at, temporary, at, path))
		err = errno;
	if (err)
		unlinkat(at, temporary, 0);
	return err;
}

int os_replace_by(int at, const char *path, mode_t mode, int (*write)(void *self, int fd), void *self)
{
	struct sbuf temporary = {0};
	int fd, err;

	do {
		temporary_beside(&temporary, path);
		fd = open_retry(at, temporary.p, O_WRONLY | O_CREAT | O_EXCL, mode);
	} while (fd < 0 && errno == EEXIST);
	err = fd < 0 ? errno : write_and_rename(at, fd, temporary.p, path, write, self);
	sbuf_free(&temporary);
	return err;
}

static int write_content(void *self, int fd)
{
	const struct str *content = self;

	return os_write_all(fd, content->p, content->n);
}

int os_new_file(int at, const char *path, mode_t mode, struct str content)
{
	int fd = open_retry(at, path, O_WRONLY | O_CREAT | O_EXCL, mode), err;

	if (fd < 0)
		return errno == EEXIST ? os_replace_file(at, path, mode, content) : errno;
	err = os_write_all(fd, content.p, content.n);
	if (close(fd) && !err && errno != EINTR)
		err = errno;
	if (err)
		unlinkat(at, path, 0);
	return err;
}

int os_replace_file(int at, const char *path, mode_t mode, struct str content)
{
	return os_replace_by(at, path, mode, write_content, &content);
}

int os_sync(int at, const char *path)
{
	int fd = open_retry(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0), err;

	if (fd < 0)
		return errno;
	err = fsync(fd) ? errno : 0;
	close(fd);
	return err == EINVAL || err == EROFS || err == ENOTSUP ? 0 : err;
}

void os_sync_ahead(int at, const char *path)
{
	int fd = open_retry(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd < 0)
		return;
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* os_sync tells what goes wrong */
	close(fd);
}

static int check_folder(int at, const char *path)
{
	struct stat st;

	if (fstatat(at, path, &st, 0))
		return errno;
	return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

int os_mkdirs(int at, const char *path, mode_t mode)
{
	char *copy, *slash;
	/* Most are there already, and a look costs less than a refusal. */
	int err = check_folder(at, path);

	if (err != ENOENT)
		return err;
	err = 0;
	if (!mkdirat(at, path, mode))
		return 0;
	if (errno == EEXIST)
		return check_folder(at, path);
	if (errno != ENOENT || !*path)
		return errno;
	copy = xstrdup(path);
	slash = copy + strspn(copy, "/");
	while (!err && (slash = strchr(slash, '/'))) {
		*slash = '\0';
		if (mkdirat(at, copy, mode) && errno != EEXIST)
			err = errno;
		*slash++ = '/';
		slash += strspn(slash, "/");
	}
	if (!err && mkdirat(at, path, mode))
		err = errno == EEXIST ? check_folder(at, path) : errno;
	free(copy);
	return err;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Removes what the open folder holds. *removed: something went. */
static int remove_entries(DIR *d, bool *removed)
{
	struct dirent *e;
	int err;

	while (errno = 0, (e = readdir(d))) {
		if (is_dots(e->d_name))
			continue;
		err = os_remove_tree(dirfd(d), e->d_name);
		if (err)
			return err;
		*removed = true;
	}
	return errno;
}

static int remove_folder(int at, const char *path)
{
	int fd = open_retry(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0), err;
	bool removed;
	DIR *d;

	if (fd < 0)
		return errno;
	d = fdopendir(fd);
	if (!d) {
		err = errno;
		close(fd);
		return err;
	}
	/* Some file systems pass over entries while others go; a folder that stays full though nothing is found in it is an
	 * error. */
	do {
		removed = false;
		rewinddir(d);
		err = remove_entries(d, &removed);
		if (!err && unlinkat(at, path, AT_REMOVEDIR))
			err = errno;
	} while ((err == ENOTEMPTY || err == EEXIST) && removed);
	closedir(d);
	return err;
}

int os_remove_tree(int at, const char *path)
{
	int err;

	if (!unlinkat(at, path, 0) || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return errno;
	err = errno;
	if (!unlinkat(at, path, AT_REMOVEDIR) || errno == ENOENT)
		return 0;
	if (errno == ENOTDIR)
		return err; /* a file that may not be removed */
	if (errno != ENOTEMPTY && errno != EEXIST)
		return errno;
	err = remove_folder(at, path);
	return err == ENOENT ? 0 : err;
}

/* By the effective user, as the kernel will ask; a folder is no program though it may be "executable". */
static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !faccessat(AT_FDCWD, path, X_OK, AT_EACCESS);
}

int os_here(int fd)
{
	enum { WANTED = STATX_INO | STATX_MNT_ID };
	struct statx a, b;

	if (statx(fd, "", AT_EMPTY_PATH, WANTED, &a) || statx(AT_FDCWD, "", AT_EMPTY_PATH, WANTED, &b) || (a.stx_mask & b.stx_mask & WANTED) != WANTED)
		return fd;
	/* A folder that is mounted twice has other things mounted in it. */
	return a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor && a.stx_mnt_id == b.stx_mnt_id ? AT_FDCWD : fd;
}

bool os_find_program(struct arena *a, const char *word, const char *path_env, struct str *out)
{
	struct sbuf b = {0};
	bool found = false;

	if (strchr(word, '/')) {
		*out = arena_copy(a, str_of(word));
		return is_program(word);
	}
	if (!path_env)
		path_env = getenv("PATH");
	if (!path_env)
		path_env = "/bin:/usr/bin";
	for (const char *end; !found && *word; path_env = end + 1) {
		end = strchrnul(path_env, ':');
		sbuf_clear(&b);
		sbuf_add(&b, path_env, (size_t)(end - path_env));
		sbuf_lit(&b, end == path_env ? "./" : "/"); /* an empty entry is the current folder */
		sbuf_lit(&b, word);
		found = is_program(b.p);
		if (!*end)
			break;
	}
	if (found)
		*out = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return found;
}

/* For kernels before 5.11. */
static void cloexec_listed(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		int fd = atoi(e->d_name), flags = fd > 2 ? fcntl(fd, F_GETFD) : -1;

		if (flags >= 0 && !(flags & FD_CLOEXEC))
			fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
	}
	closedir(d);
}

void os_cloexec_all(void)
{
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC))
		cloexec_listed();
}

uint64_t os_random64(void)
{
	uint64_t r;

	/* The fall-back is for sandboxes that forbid the call: its use is names that do not collide, not secrets. */
	if (getrandom(&r, sizeof r, GRND_NONBLOCK) != sizeof r)
		r = ((uint64_t)clock_ns() ^ (uint64_t)clock_wall_ns() << 20 ^ (uint64_t)getpid() << 44) *
		    UINT64_C(0x9e3779b97f4a7c15);
	return r;
}

const char *os_error(int err)
{
	const char *text = strerrordesc_np(err);

	return text ? text : "Unknown error";
}
