#include "run/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"

enum {
	HELD_MAX = 4096, /* of both streams together; also what fits the tail */
	COPY_PIECE = 65536,
	RESERVED = 64 << 10, /* bytes of standard output that a full disk does not cut */
	BLOCK = 4096,
};

static const char *const stream_files[] = {[STREAM_OUT] = "stdout", [STREAM_ERR] = "stderr"};
static const char both_file[] = "output";

void kept_init(struct kept *k, int store_fd, const char *dir)
{
	*k = (struct kept){.store_fd = store_fd, .dir = xstrdup(dir), .dir_fd = -1, .fd = {-1, -1}, .both_fd = -1};
}

static void fail(struct kept *k, int err, const char *file)
{
	if (k->err)
		return;
	k->err = err;
	k->err_file = file;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Some file systems tell of a full disk only at close. */
static void close_written(struct kept *k, int *fd, const char *name)
{
	if (*fd >= 0 && close(*fd) < 0 && errno != EINTR)
		fail(k, errno, name);
	*fd = -1;
}

static int open_folder(const struct kept *k)
{
	return openat(k->store_fd, k->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Files of an earlier run are never written to: they may be linked elsewhere as a result. A program may have put folders there. */
static void remove_old(struct kept *k, int dir_fd)
{
	const char *const names[] = {stream_files[STREAM_OUT], stream_files[STREAM_ERR], both_file};
	int err;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if ((err = os_remove_tree(dir_fd, names[i])))
			fail(k, err, names[i]);
}

/* The folder, without files of an earlier run. */
static void make_folder(struct kept *k)
{
	bool fresh = k->fresh || mkdirat(k->store_fd, k->dir, 0700) == 0;
	k->fresh = false; /* a program may remove it */
	int err = fresh || errno == EEXIST ? 0 : errno == ENOENT ? os_mkdirs(k->store_fd, k->dir, 0700) : errno;
	if (!err) {
		k->dir_fd = open_folder(k);
		err = k->dir_fd < 0 ? errno : 0;
	}
	if (err)
		fail(k, err, "");
	else if (!fresh)
		remove_old(k, k->dir_fd);
	k->on_disk = true;
}

static int make_file(struct kept *k, const char *name, int flags)
{
	int fd = k->err ? -1 : openat(k->dir_fd, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && !k->err)
		fail(k, errno, name);
	return fd;
}

static void append(struct kept *k, int fd, const char *name, const void *p, size_t n)
{
	int err = k->err ? 0 : os_write_all(fd, p, n);
	if (err)
		fail(k, err, name);
}

static bool is_full(int err)
{
	return err == ENOSPC || err == EDQUOT;
}

/* Where `ulimit -f` is lower the program hears of that by a signal; this one must not. */
static bool may_reach(off_t size)
{
	struct rlimit r;
	return !getrlimit(RLIMIT_FSIZE, &r) && (r.rlim_cur == RLIM_INFINITY || (uint64_t)size <= r.rlim_cur);
}

/* Who pays for an answer is to have room for it: most programs do not notice that they cannot write it. */
static void reserve(struct kept *k, int fd)
{
	if (!may_reach(RESERVED))
		return;
	k->reserved = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, RESERVED) == 0;
	if (!k->reserved && is_full(errno))
		fail(k, errno, stream_files[STREAM_OUT]);
}

/* Gives back what was reserved, and asks whether there would be room for more. */
static void settle_room(struct kept *k)
{
	int fd = k->fd[STREAM_OUT];
	off_t size = (off_t)k->size[STREAM_OUT];
	bool tried = false;
	if (k->err || fd < 0)
		return;
	if ((!k->reserved || size > RESERVED) && may_reach(size + BLOCK)) {
		tried = fallocate(fd, FALLOC_FL_KEEP_SIZE, size, BLOCK) == 0;
		k->no_room = !tried && is_full(errno) ? errno : 0;
	}
	if ((k->reserved || tried) && ftruncate(fd, size) < 0)
		fail(k, errno, stream_files[STREAM_OUT]);
}

int kept_give(struct kept *k, int child_fds[2])
{
	k->by_child = true;
	child_fds[0] = child_fds[1] = -1;
	make_folder(k);
	for (int s = 0; s < 2; s++) {
		child_fds[s] = make_file(k, stream_files[s], O_WRONLY | O_APPEND);
		k->fd[s] = k->err ? -1 : openat(k->dir_fd, stream_files[s], O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (!k->err && k->fd[s] < 0)
			fail(k, errno, stream_files[s]);
	}
	if (!k->err)
		reserve(k, child_fds[STREAM_OUT]);
	if (k->err) {
		close_fd(&child_fds[0]);
		close_fd(&child_fds[1]);
	}
	return k->err;
}

/* Copies the first n bytes of a file (fewer where it was cut) to another one's end. 0 or errno. */
static int copy_prefix(int from, int to, uint64_t n)
{
	off_t at = 0;
	bool by_kernel = true;
	while ((uint64_t)at < n) {
		size_t piece = n - (uint64_t)at < COPY_PIECE ? (size_t)(n - (uint64_t)at) : COPY_PIECE;
		if (by_kernel) {
			/* In large pieces: on some file systems nothing is copied at all. */
			uint64_t left = n - (uint64_t)at;
			ssize_t done =
			    copy_file_range(from, &at, to, NULL, left < SSIZE_MAX / 2 ? (size_t)left : SSIZE_MAX / 2, 0);
			if (done > 0)
				continue;
			by_kernel = false; /* refused, or no progress: reading tells which */
		}
		char buf[COPY_PIECE];
		ssize_t got = pread(from, buf, piece, at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : 0;
		int err = os_write_all(to, buf, (size_t)got);
		if (err)
			return err;
		at += got;
	}
	return 0;
}

/* `output`, with all that the other stream has given so far. */
static void make_both(struct kept *k, enum stream other)
{
	k->both_fd = make_file(k, both_file, O_WRONLY);
	k->both = k->both_fd >= 0;
	int err = k->err ? 0 : copy_prefix(k->fd[other], k->both_fd, k->size[other]);
	if (err)
		fail(k, err, both_file);
}

/* Called before n bytes are counted in size. */
static void write_piece(struct kept *k, enum stream s, const char *p, size_t n)
{
	enum stream other = s == STREAM_OUT ? STREAM_ERR : STREAM_OUT;
	if (!k->by_child) {
		if (k->fd[s] < 0)
			k->fd[s] = make_file(k, stream_files[s], O_RDWR);
		append(k, k->fd[s], stream_files[s], p, n);
	}
	if (!k->both && !k->size[s] && k->size[other] && !k->err)
		make_both(k, other);
	if (k->both)
		append(k, k->both_fd, both_file, p, n);
}

void kept_flush(struct kept *k)
{
	if (k->on_disk || !(k->size[0] || k->size[1]))
		return;
	make_folder(k);
	k->hasher = hasher_new();
	hasher_add(&k->hasher, k->held[STREAM_OUT].p, k->held[STREAM_OUT].n);
	for (int s = 0; s < 2; s++) {
		if (!k->held[s].n)
			continue;
		k->fd[s] = make_file(k, stream_files[s], O_RDWR);
		append(k, k->fd[s], stream_files[s], k->held[s].p, k->held[s].n);
	}
	if (k->held[0].n && k->held[1].n) {
		k->both_fd = make_file(k, both_file, O_WRONLY);
		k->both = k->both_fd >= 0;
		append(k, k->both_fd, both_file, k->tail.p, k->tail.n);
	}
	sbuf_free(&k->held[0]);
	sbuf_free(&k->held[1]);
}

static void tail_add(struct sbuf *t, const char *p, size_t n)
{
	if (n >= KEPT_TAIL) {
		sbuf_clear(t);
		p += n - KEPT_TAIL;
		n = KEPT_TAIL;
	}
	if (t->n + n > (size_t)2 * KEPT_TAIL) {
		struct str last = str_sub(sbuf_view(t), t->n - KEPT_TAIL, t->n);
		memmove(t->p, last.p, last.n);
		t->n = last.n;
	}
	sbuf_add(t, p, n);
}

void kept_add(struct kept *k, enum stream s, const char *p, size_t n)
{
	if (!n)
		return;
	if (!k->on_disk && k->size[0] + k->size[1] + n > HELD_MAX) {
		if (k->size[0] || k->size[1]) {
			kept_flush(k);
		} else {
			make_folder(k);
			k->hasher = hasher_new();
		}
	}
	if (!k->on_disk) {
		sbuf_add(&k->held[s], p, n);
	} else {
		write_piece(k, s, p, n);
		if (s == STREAM_OUT && !k->by_child)
			hasher_add(&k->hasher, p, n);
	}
	tail_add(&k->tail, p, n);
	k->size[s] += n;
}

/* Nothing was printed: so nothing stays, and the folder goes where that was all in it. */
static void finish_silent(struct kept *k)
{
	int fd = open_folder(k);
	if (fd < 0) {
		if (errno != ENOENT)
			fail(k, errno, "");
		return;
	}
	remove_old(k, fd);
	close(fd);
	unlinkat(k->store_fd, k->dir, AT_REMOVEDIR); /* a result in it is kept, so is the folder */
}

/* Puts a copy of the file in its place; the program goes on with the file, which has no name any more. */
static void part_from(struct kept *k, enum stream s)
{
	static const char temporary[] = "parted";
	struct stat st;
	int err = os_remove_tree(k->dir_fd, temporary);
	if (err)
		fail(k, err, temporary);
	int fd = make_file(k, temporary, O_RDWR);
	if (k->err)
		return;
	err = fstat(k->fd[s], &st) < 0 ? errno : copy_prefix(k->fd[s], fd, (uint64_t)st.st_size);
	if (!err)
		err = os_remove_tree(k->dir_fd, stream_files[s]);
	if (!err && renameat(k->dir_fd, temporary, k->dir_fd, stream_files[s]) < 0)
		err = errno;
	if (err)
		fail(k, err, stream_files[s]);
	close(k->fd[s]);
	k->fd[s] = fd;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Does the folder's name still lead to the folder that is open? */
static bool folder_stands(const struct kept *k)
{
	struct stat st, named;
	return !fstat(k->dir_fd, &st) && !fstatat(k->store_fd, k->dir, &named, AT_SYMLINK_NOFOLLOW) && same_file(&st, &named);
}

static bool file_stands(const struct kept *k, enum stream s)
{
	struct stat st, named;
	return !fstat(k->fd[s], &st) && !fstatat(k->dir_fd, stream_files[s], &named, AT_SYMLINK_NOFOLLOW) && same_file(&st, &named);
}

/* A program may take its own files away (`git clean -fdx` does): what it wrote is still in those that are open, and may be an answer. */
static void put_back(struct kept *k)
{
	/* What the program wrote itself is not lost with the copy for people, of which an error was told. */
	if (k->err && k->err_file == both_file) {
		k->err = 0;
		k->both = false;
		close_fd(&k->both_fd);
	}
	if (!k->err && !folder_stands(k)) {
		close_fd(&k->dir_fd);
		make_folder(k);
	}
	for (int s = 0; !k->err && s < 2; s++)
		if (!file_stands(k, (enum stream)s))
			part_from(k, (enum stream)s);
}

/* The program may have cut or rewritten its own files (`> /dev/stdout` does): what they hold now is what counts. */
static void measure_files(struct kept *k)
{
	struct stat st;
	int err = hash_fd(k->fd[STREAM_OUT], &k->out_hash, &k->size[STREAM_OUT]);
	if (err)
		fail(k, err, stream_files[STREAM_OUT]);
	if (fstat(k->fd[STREAM_ERR], &st) < 0)
		fail(k, errno, stream_files[STREAM_ERR]);
	else
		k->size[STREAM_ERR] = (uint64_t)st.st_size;
}

int kept_finish(struct kept *k)
{
	if (k->by_child) {
		for (int s = 0; k->left && !k->err && s < 2; s++)
			part_from(k, (enum stream)s);
		put_back(k);
		measure_files(k);
		settle_room(k);
	} else if (!k->size[0] && !k->size[1]) {
		k->out_hash = hash_bytes("", 0);
		if (!k->bare)
			finish_silent(k);
	} else if (k->on_disk) {
		k->out_hash = hasher_end(&k->hasher);
	} else {
		k->out_hash = hash_bytes(k->held[STREAM_OUT].p, k->held[STREAM_OUT].n);
		kept_flush(k);
	}
	for (int s = 0; s < 2; s++)
		close_written(k, &k->fd[s], stream_files[s]);
	close_written(k, &k->both_fd, both_file);
	close_fd(&k->dir_fd);
	return k->err;
}

void kept_free(struct kept *k)
{
	for (int s = 0; s < 2; s++) {
		close_fd(&k->fd[s]);
		sbuf_free(&k->held[s]);
	}
	close_fd(&k->both_fd);
	close_fd(&k->dir_fd);
	sbuf_free(&k->tail);
	if (k->hasher.state)
		hasher_free(&k->hasher);
	free(k->dir);
}
