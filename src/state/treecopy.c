#include "state/treecopy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/os.h"
#include "base/vec.h"
#include "state/changes.h"

#define ASK_EVERY 64 /* files */

struct folder {
	struct str path; /* empty: the root itself */
	mode_t mode;
};

struct copying {
	struct arena *a;
	int from, to;
	struct str root, copy;
	VEC(struct folder) folders;
	bool (*stop)(void);
	unsigned n;
	struct sbuf *noted;
};

int treecopy_bytes(int from, int to)
{
	char piece[64 << 10];
	ssize_t n;
	if (!ioctl(to, FICLONE, from))
		return 0;
	while ((n = copy_file_range(from, NULL, to, NULL, (size_t)1 << 30, 0)) > 0)
		;
	/* Between file systems, or where there is nothing of the kind; what was copied before stays. */
	while (n < 0 && (errno == EINTR || errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM)) {
		int err = 0;
		while (!err && (n = read(from, piece, sizeof piece)) > 0)
			err = os_write_all(to, piece, (size_t)n);
		if (err)
			return err;
	}
	return n < 0 ? errno : 0;
}

struct str treecopy_moved_link(struct arena *a, struct str text, struct str from, struct str to)
{
	if (!str_starts(text, from) || (text.n > from.n && text.p[from.n] != '/'))
		return text;
	return arena_printf(a, "%.*s%.*s", STR_ARG(to), STR_ARG(str_sub(text, from.n, text.n)));
}

static int keep_owner(int fd, const struct stat *st)
{
	return geteuid() == 0 && fchown(fd, st->st_uid, st->st_gid) && errno != EPERM ? errno : 0;
}

static int copy_file(int from_dir, int to_dir, const char *name)
{
	struct stat st = {0};
	int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), err = 0;
	if (from < 0)
		return errno;
	int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0 || fstat(from, &st))
		err = errno;
	if (!err)
		err = treecopy_bytes(from, to);
	if (!err)
		err = keep_owner(to, &st);
	if (!err && fchmod(to, st.st_mode & 07777))
		err = errno;
	if (!err && futimens(to, (struct timespec[]){st.st_atim, st.st_mtim}))
		err = errno;
	if (to >= 0 && close(to) && !err && errno != EINTR)
		err = errno;
	close(from);
	return err;
}

static int copy_link(struct copying *c, int from_dir, int to_dir, const char *name, const struct stat *st)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(from_dir, name, text, sizeof text);
	if (n < 0)
		return errno;
	struct str to = treecopy_moved_link(c->a, (struct str){text, (size_t)n}, c->root, c->copy);
	if (symlinkat(arena_copy(c->a, to).p, to_dir, name))
		return errno;
	utimensat(to_dir, name, (struct timespec[]){st->st_atim, st->st_mtim}, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static int copy_folder(struct copying *c, int to_dir, const char *name, struct str path, mode_t mode)
{
	struct stat st;
	if (mkdirat(to_dir, name, 0700) || fstatat(to_dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno;
	sbuf_printf(c->noted, "%" PRIuMAX " %.*s", (uintmax_t)st.st_ino, STR_ARG(path));
	sbuf_char(c->noted, '\0');
	vec_push(NULL, &c->folders, ((struct folder){path, mode}));
	return 0;
}

static int copy_entry(struct copying *c, int from_dir, int to_dir, const char *name, struct str path)
{
	struct stat st;
	if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno;
	if (S_ISDIR(st.st_mode))
		return copy_folder(c, to_dir, name, path, st.st_mode & 07777);
	if (S_ISREG(st.st_mode))
		return copy_file(from_dir, to_dir, name);
	if (S_ISLNK(st.st_mode))
		return copy_link(c, from_dir, to_dir, name, &st);
	if (S_ISFIFO(st.st_mode))
		return mkfifoat(to_dir, name, st.st_mode & 0777) ? errno : 0;
	return 0;
}

static int open_folder(int at, struct str path)
{
	return openat(at, path.n ? path.p : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int copy_listed(struct copying *c, DIR *d, int to, struct str folder, struct str *bad)
{
	struct dirent *e = NULL;
	int err = 0;
	while (!err && (errno = 0, e = readdir(d))) {
		if (changes_pass_over(folder, e->d_name))
			continue;
		struct str path = folder.n ? arena_printf(c->a, "%.*s/%s", STR_ARG(folder), e->d_name) : arena_copy(c->a, str_of(e->d_name));
		err = ++c->n % ASK_EVERY == 0 && c->stop && c->stop() ? EINTR : copy_entry(c, dirfd(d), to, e->d_name, path);
		if (err == ENOENT)
			err = 0; /* gone since it was listed */
		if (err)
			*bad = path;
	}
	return !err && !e ? errno : err;
}

static int copy_entries(struct copying *c, struct str folder, struct str *bad)
{
	int from = open_folder(c->from, folder);
	if (from < 0 && folder.n && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0; /* gone since it was listed, or something else by now: an empty folder stands for it */
	int err = from < 0 ? errno : 0, to = open_folder(c->to, folder);
	if (!err && to < 0)
		err = errno;
	DIR *d = err ? NULL : fdopendir(from);
	*bad = folder.n ? folder : STR(".");
	if (d) {
		err = copy_listed(c, d, to, folder, bad);
		closedir(d);
	} else {
		err = err ? err : errno;
		if (from >= 0)
			close(from);
	}
	if (to >= 0)
		close(to);
	return err;
}

int treecopy(struct arena *a, int root_fd, int to_fd, struct str root, struct str copy, bool (*stop)(void), struct sbuf *folders, struct str *bad)
{
	struct copying c = {.a = a, .from = root_fd, .to = to_fd, .root = root, .copy = copy, .stop = stop, .noted = folders};
	int err = 0;
	vec_push(NULL, &c.folders, ((struct folder){STR_NONE, 0}));
	for (size_t i = 0; !err && i < c.folders.n; i++)
		err = copy_entries(&c, c.folders.p[i].path, bad);
	/* Last, and inner ones first: nothing could be made in a folder that may not be written in. */
	for (size_t i = c.folders.n; !err && i-- > 1;) {
		*bad = c.folders.p[i].path;
		err = fchmodat(to_fd, c.folders.p[i].path.p, c.folders.p[i].mode, 0) ? errno : 0;
	}
	vec_free(&c.folders);
	return err;
}
