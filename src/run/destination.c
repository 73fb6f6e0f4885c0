#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/glob.h"
#include "base/os.h"
#include "base/path.h"
#include "run/destination.h"

#define FOLDER_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#define PIECE (64 << 10)

static struct str base_of(const struct pattern *output)
{
	return output->kind == PATTERN_GLOB ? glob_prefix(output->path) : path_dir(output->path);
}

static bool may_make(const struct task *t, struct str path)
{
	for (size_t i = 0; i < t->outputs.n; i++) {
		const struct pattern *o = &t->outputs.p[i];
		if (o->kind == PATTERN_GLOB ? glob_match(o->path, path, false) : path_under(path, o->path))
			return true;
	}
	return false;
}

/* The folder above the first on the way to `dir` that the task may have made a link. */
static struct str not_its_own(const struct task *t, struct str dir)
{
	for (size_t i = 0; i < dir.n; i++) {
		size_t end = str_find(dir, STR("/"), i);
		if (may_make(t, str_sub(dir, 0, end)))
			return path_dir(str_sub(dir, 0, end));
		i = end;
	}
	return dir;
}

int destination_open(struct destination *p, struct arena *a, int root_fd, const struct task *t, const struct pattern *output)
{
	*p = (struct destination){.a = a, .base = arena_copy(a, not_its_own(t, base_of(output))), .base_fd = -1, .dir_fd = -1};
	p->base_fd = beneath_open(root_fd, p->base.p, true);
	return p->base_fd < 0 ? errno : 0;
}

static void close_dir(struct destination *p)
{
	if (p->dir_fd >= 0)
		close(p->dir_fd);
	p->dir_fd = -1;
	p->dir = STR_NONE;
}

void destination_close(struct destination *p)
{
	close_dir(p);
	if (p->base_fd >= 0)
		close(p->base_fd);
	p->base_fd = -1;
}

/* One folder further down. -1 with errno. */
static int enter(int at, const char *name, bool make)
{
	int fd = openat(at, name, FOLDER_FLAGS | O_NOFOLLOW);
	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (mkdirat(at, name, 0777) && errno != EEXIST)
		return -1;
	return openat(at, name, FOLDER_FLAGS | O_NOFOLLOW);
}

static struct str below_base(const struct destination *p, struct str path)
{
	return str_eq(p->base, STR(".")) ? path : str_sub(path, p->base.n + 1, path.n);
}

int destination_folder(struct destination *p, struct str dir, bool make, int *fd)
{
	if (str_eq(dir, p->base)) {
		*fd = p->base_fd;
		return 0;
	}
	*fd = p->dir_fd;
	if (p->dir.p && str_eq(p->dir, dir))
		return 0;
	if (!path_under(dir, p->base))
		return EXDEV;
	close_dir(p);
	struct str rest = below_base(p, dir);
	int at = p->base_fd, err = 0;
	for (size_t i = 0; i < rest.n && !err;) {
		size_t end = str_find(rest, STR("/"), i);
		int next = enter(at, arena_copy(p->a, str_sub(rest, i, end)).p, make);
		err = next < 0 ? errno : 0;
		if (at != p->base_fd)
			close(at);
		at = next;
		i = end + 1;
	}
	if (err)
		return err;
	p->dir = dir;
	*fd = p->dir_fd = at;
	return 0;
}

static int copy_bytes(int in, int out)
{
	char piece[PIECE];
	ssize_t n;
	int err = 0;
	while (!err && (n = read(in, piece, sizeof piece)) != 0) {
		if (n > 0)
			err = os_write_all(out, piece, (size_t)n);
		else if (errno != EINTR)
			err = errno;
	}
	return err;
}

static int copy_file(int from_fd, const char *from, int to_fd, const char *to, mode_t mode)
{
	int in = openat(from_fd, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0)
		return errno;
	int out = openat(to_fd, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int err = out < 0 ? errno : copy_bytes(in, out);
	if (out >= 0 && close(out) && !err && errno != EINTR)
		err = errno;
	close(in);
	return err;
}

static int copy_link(int from_fd, const char *from, int to_fd, const char *to)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(from_fd, from, text, sizeof text - 1);
	if (n < 0)
		return errno;
	text[n] = '\0';
	return symlinkat(text, to_fd, to) ? errno : 0;
}

struct place {
	int fd;
	const char *name;
};

/* Any rename changes the ctime. */
static bool is_what_was(struct place at, const struct file_stat *was)
{
	struct stat st;
	if (fstatat(at.fd, at.name, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	struct file_stat now = file_stat_of(&st);
	return now.ino == was->ino && now.size == was->size && now.mtime_ns == was->mtime_ns;
}

static int swap(struct place from, struct place to)
{
	return renameat2(from.fd, from.name, to.fd, to.name, RENAME_EXCHANGE) ? errno : 0;
}

static int move_over(struct place from, struct place to)
{
	return renameat(from.fd, from.name, to.fd, to.name) ? errno : 0;
}

/* Some file systems cannot spare what is there, or exchange two files. */
static bool is_unknown(int err)
{
	return err == EINVAL || err == ENOSYS;
}

static int move_to_none(struct place from, struct place to)
{
	int err = renameat2(from.fd, from.name, to.fd, to.name, RENAME_NOREPLACE) ? errno : 0;
	return is_unknown(err) ? move_over(from, to) : err == EEXIST ? EBUSY : err;
}

/* Looked at after the exchange, when nobody finds it by its name any more. */
static int move(struct place from, struct place to, const struct file_stat *was)
{
	int err = was ? swap(from, to) : ENOENT;
	if (err == ENOENT)
		return move_to_none(from, to);
	if (is_unknown(err))
		return is_what_was(to, was) ? move_over(from, to) : EBUSY;
	if (err || is_what_was(from, was))
		return err;
	err = swap(from, to);
	return err ? err : EBUSY;
}

/* To a folder on another file system: beside its place, then into it. */
static int move_across(struct destination *p, int from_fd, const char *from, int to_fd, const char *to, bool over, const struct file_stat *was)
{
	struct stat st;
	const char *beside = arena_printf(p->a, ".ax-%016" PRIx64 ".tmp", os_random64()).p;
	if (fstatat(from_fd, from, &st, AT_SYMLINK_NOFOLLOW))
		return errno;
	int err = S_ISLNK(st.st_mode) ? copy_link(from_fd, from, to_fd, beside) : copy_file(from_fd, from, to_fd, beside, st.st_mode & 0100 ? 0777 : 0666);
	struct place at = {to_fd, beside}, place = {to_fd, to};
	if (!err)
		err = over ? move_over(at, place) : move(at, place, was);
	unlinkat(to_fd, beside, 0); /* what was there, or what could not be moved */
	return err;
}

static int move_to(struct destination *p, int from_fd, const char *from, struct str path, bool over, const struct file_stat *was)
{
	int fd, err = destination_folder(p, path_dir(path), true, &fd);
	if (err)
		return err;
	struct place at = {from_fd, from}, to = {fd, arena_copy(p->a, path_base(path)).p};
	err = over ? move_over(at, to) : move(at, to, was);
	return err == EXDEV ? move_across(p, from_fd, from, fd, to.name, over, was) : err;
}

int destination_move(struct destination *p, int from_fd, const char *from, struct str path, const struct file_stat *was)
{
	return move_to(p, from_fd, from, path, false, was);
}

int destination_move_over(struct destination *p, int from_fd, const char *from, struct str path)
{
	return move_to(p, from_fd, from, path, true, NULL);
}

int destination_remove(struct destination *p, struct str path, bool folder)
{
	int fd, err = destination_folder(p, path_dir(path), false, &fd);
	if (err)
		return err == ENOENT ? 0 : err;
	return unlinkat(fd, arena_copy(p->a, path_base(path)).p, folder ? AT_REMOVEDIR : 0) && errno != ENOENT ? errno : 0;
}
