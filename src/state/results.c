#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/path.h"
#include "state/store.h"

enum {
	NAME_ROOM = 80,
	COPY_PIECE = 64 << 10,
	READ_FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
};

#define FOLDER "results"

/* Apart there is one. */
static void result_name(const struct store *s, struct hash128 h, char out[NAME_ROOM])
{
	char hex[HASH_HEX];

	if (s->apart)
		snprintf(out, NAME_ROOM, STORE_CALL "/result");
	else
		snprintf(out, NAME_ROOM, FOLDER "/%s", hash_hex(h, hex));
}

const char *store_result_folder(const struct store *s)
{
	return s->apart ? STORE_CALL : FOLDER;
}

struct str store_result_path(struct arena *a, struct hash128 h)
{
	char hex[HASH_HEX];

	return arena_printf(a, ".axmake/" FOLDER "/%s", hash_hex(h, hex));
}

static void seen_inside(const struct store *s, const char *name, const struct stat *st)
{
	char path[sizeof ".axmake/" + NAME_ROOM];

	snprintf(path, sizeof path, ".axmake/%s", name);
	seen_path(s->seen, str_of(path), st, false);
}

static bool is_empty_hash(struct hash128 h)
{
	return hash_eq(h, hash_bytes("", 0));
}

/* Where the disk is full, what was kept before needs no more room. */
static bool stands(const struct store *s, struct hash128 h)
{
	int fd, err = store_open_result(s, h, &fd);

	if (!err)
		close(fd);
	return !err;
}

bool store_has_result(const struct store *s, struct hash128 h, uint64_t size)
{
	char name[NAME_ROOM];
	struct stat st;
	int failed;

	result_name(s, h, name);
	failed = s->fd < 0 ? ENOENT : fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) ? errno : 0;
	if (!failed && S_ISREG(st.st_mode)) {
		seen_inside(s, name, &st);
		return (uint64_t)st.st_size == size && (!s->doubts || stands(s, h));
	}
	seen_spoil(s->seen);
	if (failed && failed != ENOENT && failed != ENOTDIR)
		return true; /* it could not be looked at: that makes nobody pay again, and who reads it says so */
	/* Nothing can be lost of nothing: it is made again where it is wanted. */
	if (size || !is_empty_hash(h))
		return false;
	return !s->writable || !store_write_result(s, STR_NONE, h);
}

/* A regular file, opened without following a link: its descriptor, or -1 with errno. */
static int open_regular(int at, const char *path, struct stat *st)
{
	int fd = openat(at, path, READ_FLAGS), err;

	if (fd < 0)
		return -1;
	err = fstat(fd, st) ? errno : S_ISREG(st->st_mode) ? 0 : S_ISDIR(st->st_mode) ? EISDIR : EINVAL;
	if (!err)
		return fd;
	close(fd);
	errno = err;
	return -1;
}

bool store_read_result(const struct store *s, struct arena *a, struct hash128 h, struct str *out)
{
	char name[NAME_ROOM], *p;
	struct stat st;
	bool ok;
	int fd, err;

	*out = STR("");
	if (is_empty_hash(h))
		return true;
	result_name(s, h, name);
	fd = s->fd < 0 ? -1 : open_regular(s->fd, name, &st);
	if (fd < 0) {
		err = s->fd < 0 ? ENOENT : errno;
		if (err == EISDIR || err == EINVAL || err == ELOOP || err == ENOTDIR || err == ENXIO)
			err = 0; /* something else stands there */
		seen_spoil(s->seen);
		errno = err;
		return false;
	}
	seen_inside(s, name, &st);
	p = arena_text(a, (size_t)st.st_size + 1);
	errno = 0;
	ok = os_read_exactly(fd, p, (size_t)st.st_size);
	err = ok ? 0 : errno;
	close(fd);
	p[st.st_size] = '\0';
	errno = err;
	if (!ok || !hash_eq(hash_bytes(p, (size_t)st.st_size), h))
		return false;
	*out = (struct str){p, (size_t)st.st_size};
	return true;
}

int store_open_result(const struct store *s, struct hash128 h, int *fd)
{
	char name[NAME_ROOM];
	struct stat st;
	struct hash128 found;
	uint64_t size;
	int err;

	result_name(s, h, name);
	*fd = s->fd < 0 ? -1 : open_regular(s->fd, name, &st);
	if (*fd < 0)
		return s->fd < 0 ? ENOENT : errno;
	err = hash_fd(*fd, &found, &size);
	if (!err && !hash_eq(found, h))
		err = EBADMSG;
	if (!err && lseek(*fd, 0, SEEK_SET) < 0)
		err = errno;
	if (err) {
		close(*fd);
		*fd = -1;
	}
	return err;
}

/* Names that are no hash are somebody else's. What cannot be read now may be read later. */
static bool is_damaged(int folder, const char *name)
{
	char hex[HASH_HEX];
	struct hash128 h;
	struct stat st;
	uint64_t size;
	int fd = strspn(name, "0123456789abcdef") != HASH_HEX - 1 || name[HASH_HEX - 1] ? -1 : open_regular(folder, name, &st);
	bool damaged = fd >= 0 && !hash_fd(fd, &h, &size) && strcmp(hash_hex(h, hex), name) != 0;

	if (fd >= 0)
		close(fd);
	return damaged;
}

int store_sift_results(const struct store *s)
{
	int fd = s->apart ? -1 : openat(s->fd, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return s->apart || errno == ENOENT ? 0 : errno;
	while ((errno = 0, e = readdir(d)))
		if (is_damaged(fd, e->d_name) && unlinkat(fd, e->d_name, 0) && errno != ENOENT)
			err = errno;
	if (!err)
		err = errno;
	closedir(d);
	return err;
}

static int copy_content(int from, int to)
{
	char *piece = malloc(COPY_PIECE);
	ssize_t got;
	int err = 0;

	if (!piece)
		return ENOMEM;
	while (!err && (got = read(from, piece, COPY_PIECE)) != 0) {
		if (got > 0)
			err = os_write_all(to, piece, (size_t)got);
		else if (errno != EINTR)
			err = errno;
	}
	free(piece);
	return err;
}

/* A regular file's content as the new file `to`, which must not be there. */
static int copy_file(int from_at, const char *from, int to_at, const char *to, mode_t mode)
{
	struct stat st;
	int in = open_regular(from_at, from, &st), out, err;

	if (in < 0)
		return errno;
	out = openat(to_at, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	err = out < 0 ? errno : copy_content(in, out);
	if (out >= 0 && close(out) && !err && errno != EINTR)
		err = errno;
	if (out >= 0 && err)
		unlinkat(to_at, to, 0);
	close(in);
	return err;
}

/* A name that was just given. A link's own name was doubled if it was one. */
static int check_name(int at, const char *to)
{
	struct stat st;
	int err = fstatat(at, to, &st, AT_SYMLINK_NOFOLLOW) ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;

	if (!err && fchmodat(at, to, 0400, 0))
		err = errno;
	if (err)
		unlinkat(at, to, 0);
	return err;
}

/* A second name for `from`, or a copy where there can be none (another file system, too many names, no such thing there). */
static int link_or_copy(int at, const char *from, const char *to)
{
	if (linkat(at, from, at, to, 0)) {
		if (errno == ENOENT || errno == ENOSPC || errno == EDQUOT || errno == EROFS)
			return errno;
		return copy_file(at, from, at, to, 0400);
	}
	return check_name(at, to);
}

/* `from` under the name `to` also, by way of a temporary name in folder `dir`, so that `to` is never half there. */
static int place(const struct store *s, const char *from, const char *dir, const char *to)
{
	struct arena a = {0};
	struct str temporary = arena_printf(&a, "%s/.ax-%016" PRIx64 ".tmp", dir, os_random64());
	int err = link_or_copy(s->fd, from, temporary.p);

	if (err == ENOENT) {
		/* Of the file or of the folder? */
		err = os_mkdirs(s->fd, dir, 0700);
		if (!err)
			err = link_or_copy(s->fd, from, temporary.p);
	}
	if (!err) {
		if (renameat(s->fd, temporary.p, s->fd, to))
			err = errno;
		/* rename leaves both names alone where they are one file already. */
		unlinkat(s->fd, temporary.p, 0);
	}
	arena_free(&a);
	return err;
}

int store_keep_result(const struct store *s, const char *from, struct hash128 h)
{
	char name[NAME_ROOM];

	result_name(s, h, name);
	return place(s, from, store_result_folder(s), name);
}

static int write_result(const struct store *s, struct hash128 h, int (*write)(void *self, int fd), void *self)
{
	char name[NAME_ROOM];
	int err;

	result_name(s, h, name);
	err = os_replace_by(s->fd, name, 0400, write, self);
	if (err == ENOENT) {
		err = os_mkdirs(s->fd, store_result_folder(s), 0700);
		err = err ? err : os_replace_by(s->fd, name, 0400, write, self);
	}
	return err;
}

static int write_content(void *self, int fd)
{
	const struct str *content = self;

	return os_write_all(fd, content->p, content->n);
}

int store_write_result(const struct store *s, struct str content, struct hash128 h)
{
	int err = write_result(s, h, write_content, &content);

	return err && stands(s, h) ? 0 : err;
}

int store_write_result_by(const struct store *s, struct hash128 h, int (*write)(void *self, int fd), void *self)
{
	return stands(s, h) ? 0 : write_result(s, h, write, self);
}

/* Two names of one file? Then there is nothing to do, which cannot be left half done. */
static bool is_same(int at, const char *one, const char *other)
{
	struct stat a, b;

	return !fstatat(at, one, &a, AT_SYMLINK_NOFOLLOW) && !fstatat(at, other, &b, AT_SYMLINK_NOFOLLOW) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int store_show_result(const struct store *s, struct str task, struct hash128 h)
{
	struct arena a = {0};
	struct str dir = store_task_dir(&a, task), to = arena_printf(&a, "%s/result", dir.p);
	char name[NAME_ROOM];
	int err;

	result_name(s, h, name);
	if (is_same(s->fd, name, to.p)) {
		arena_free(&a);
		return 0;
	}
	/* Where nothing stands there, as mostly, no other name is needed first. */
	err = linkat(s->fd, name, s->fd, to.p, 0) ? place(s, name, dir.p, to.p) : check_name(s->fd, to.p);
	if (err == ENOENT && is_empty_hash(h)) {
		err = store_write_result(s, STR_NONE, h);
		if (!err)
			err = place(s, name, dir.p, to.p);
	}
	arena_free(&a);
	return err;
}
