#include "state/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/os.h"
#include "base/path.h"
#include "state/treecopy.h"

#define LAYER_MARKS "user.overlay."

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

/* Opens a folder of the root part by part, so that no link is followed; makes what is missing. -1 with errno. */
static int open_folder(int root_fd, struct arena *a, struct str path)
{
	int at = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), err;
	for (size_t from = 0, to; at >= 0 && from < path.n; from = to + 1) {
		to = str_find(path, STR("/"), from);
		const char *part = arena_copy(a, str_sub(path, from, to)).p;
		int next = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 && errno == ENOENT && !mkdirat(at, part, 0777))
			next = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		err = errno;
		close(at);
		errno = err;
		at = next;
	}
	return at;
}

static void leave_folder(struct publish *p)
{
	if (p->to_path.p)
		close(p->to_dir);
	p->to_path = STR_NONE;
}

/* The root's folder that the path lies in. 0 or errno. */
static int enter_folder(struct publish *p, struct str path)
{
	struct str dir = path_dir(path);
	if (p->to_path.p && str_eq(p->to_path, dir))
		return 0;
	leave_folder(p);
	p->to_dir = open_folder(p->store->root_fd, p->arena, str_eq(dir, STR(".")) ? STR_NONE : dir);
	if (p->to_dir < 0)
		return errno == ENOTDIR ? ELOOP : errno;
	p->to_path = dir;
	return 0;
}

static const char *base(const struct publish *p, struct str path)
{
	return arena_copy(p->arena, path_base(path)).p;
}

/* What somebody put there while the task was at work is not lost. */
static int keep_if_newer(struct publish *p, struct str path, const struct stat *st)
{
	if (!later(st->st_ctim, p->since))
		return 0;
	int err = store_keep_edited(p->store, p->task, path);
	if (!err)
		p->kept(p->self, path);
	return err;
}

/* All files below a folder of the root that is about to be removed. */
static int keep_newer_below(struct publish *p, struct str top)
{
	VEC(struct str) folders = {0};
	struct dirent *e;
	struct stat st;
	int err = 0;
	vec_push(NULL, &folders, top);
	for (size_t i = 0; !err && i < folders.n; i++) {
		int fd = openat(p->store->root_fd, folders.p[i].p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		DIR *d = fd < 0 ? NULL : fdopendir(fd);
		if (!d) {
			err = errno;
			if (fd >= 0)
				close(fd);
			break;
		}
		while (!err && (errno = 0, e = readdir(d))) {
			if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
				continue;
			if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
				err = errno == ENOENT ? 0 : errno;
				continue;
			}
			struct str path = arena_printf(p->arena, "%.*s/%s", STR_ARG(folders.p[i]), e->d_name);
			if (S_ISDIR(st.st_mode))
				vec_push(NULL, &folders, path);
			else if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
				err = keep_if_newer(p, path, &st);
		}
		err = err ? err : errno;
		closedir(d);
	}
	vec_free(&folders);
	return err;
}

int publish_remove(struct publish *p, struct str path)
{
	struct stat st;
	if (fstatat(p->store->root_fd, path.p, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
	int err = enter_folder(p, path);
	if (!err)
		err = S_ISDIR(st.st_mode) ? keep_newer_below(p, path) : keep_if_newer(p, path, &st);
	if (!err)
		err = os_remove_tree(p->to_dir, base(p, path));
	p->moved += !err;
	return err;
}

int publish_clear(struct publish *p, const struct changes *c, const struct change *folder)
{
	int fd = openat(p->store->root_fd, folder->path.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	if (!d) {
		err = errno;
		if (fd >= 0)
			close(fd);
		return fd < 0 && (err == ENOENT || err == ENOTDIR || err == ELOOP) ? 0 : err; /* no folder stands there */
	}
	while (!err && (errno = 0, e = readdir(d))) {
		struct str path = arena_printf(p->arena, "%.*s/%s", STR_ARG(folder->path), e->d_name);
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !changes_get(c, path))
			err = publish_remove(p, path);
	}
	err = err ? err : errno;
	closedir(d);
	return err;
}

int publish_folder(struct publish *p, const struct change *folder)
{
	const char *name = base(p, folder->path);
	struct stat st;
	int err = enter_folder(p, folder->path);
	if (err)
		return err;
	/* What is in it is taken out of it. */
	if (fchmodat(p->from_fd, folder->path.p, (folder->mode & 07777) | 0700, 0))
		return errno;
	bool there = !fstatat(p->to_dir, name, &st, AT_SYMLINK_NOFOLLOW);
	if (!there && errno != ENOENT)
		return errno;
	if (there && S_ISDIR(st.st_mode) && ((st.st_mode ^ folder->mode) & 07777) == 0)
		return 0;
	if (there && !S_ISDIR(st.st_mode)) {
		err = publish_remove(p, folder->path);
		there = false;
	}
	if (!err)
		err = enter_folder(p, folder->path);
	if (!err && (there ? fchmodat(p->to_dir, name, (folder->mode & 07777) | 0700, 0) : mkdirat(p->to_dir, name, 0700)))
		err = errno;
	if (err)
		return err;
	p->moved++;
	vec_push(p->arena, &p->modes, folder);
	return 0;
}

static mode_t mode_of(const struct publish *p, const struct change *file)
{
	return file->mode & (p->walled ? 01777 : 07777);
}

/* The marks that the kernel made in its layer mean nothing outside. Only who may write to a file may take them away. */
static int strip_marks(struct publish *p, const struct change *file)
{
	char names[4096], *fd_path;
	int fd = openat(p->from_fd, file->path.p, O_PATH | O_NOFOLLOW | O_CLOEXEC), err = 0;
	if (fd < 0)
		return errno;
	fd_path = (char *)arena_printf(p->arena, "/proc/self/fd/%d", fd).p;
	if (p->walled && file->mode & 06000 && chmod(fd_path, mode_of(p, file)))
		err = errno;
	ssize_t n = listxattr(fd_path, names, sizeof names);
	for (const char *at = names; n > 0 && at < names + n; at += strlen(at) + 1) {
		if (strncmp(at, LAYER_MARKS, sizeof LAYER_MARKS - 1) != 0)
			continue;
		bool readonly = removexattr(fd_path, at) && errno == EACCES;
		if (readonly && !chmod(fd_path, mode_of(p, file) | 0200)) {
			err = removexattr(fd_path, at) ? errno : err;
			if (chmod(fd_path, mode_of(p, file)))
				err = errno;
		}
	}
	close(fd);
	return err;
}

static int repoint_link(struct publish *p, const struct change *link)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(p->from_fd, link->path.p, text, sizeof text);
	if (n < 0)
		return errno;
	struct str was = {text, (size_t)n}, to = treecopy_moved_link(p->arena, was, p->copy, p->root);
	if (str_eq(was, to))
		return 0;
	if (unlinkat(p->from_fd, link->path.p, 0) || symlinkat(arena_copy(p->arena, to).p, p->from_fd, link->path.p))
		return errno;
	return 0;
}

/* Where the view is of another file system: a copy beside the place, and that by rename. */
static int move_by_copy(struct publish *p, const struct change *file, const char *name)
{
	const char *temporary = arena_printf(p->arena, ".ax-%016" PRIx64 ".tmp", os_random64()).p;
	char text[PATH_MAX];
	int from = -1, to = -1, err = 0;
	ssize_t n;
	if (S_ISLNK(file->mode)) {
		n = readlinkat(p->from_fd, file->path.p, text, sizeof text - 1);
		if (n >= 0)
			text[n] = '\0';
		err = n < 0 || symlinkat(text, p->to_dir, temporary) ? errno : 0;
	} else if (!S_ISREG(file->mode)) {
		err = EXDEV;
	} else {
		from = openat(p->from_fd, file->path.p, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		to = from < 0 ? -1 : openat(p->to_dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		err = to < 0 ? errno : treecopy_bytes(from, to);
		if (!err && fchmod(to, mode_of(p, file)))
			err = errno;
		if (from >= 0)
			close(from);
		if (to >= 0 && close(to) && !err && errno != EINTR)
			err = errno;
	}
	if (!err && renameat(p->to_dir, temporary, p->to_dir, name))
		err = errno;
	if (err)
		unlinkat(p->to_dir, temporary, 0);
	else
		unlinkat(p->from_fd, file->path.p, 0);
	return err;
}

int publish_file(struct publish *p, const struct change *file)
{
	const char *name = base(p, file->path);
	struct stat st;
	int err = enter_folder(p, file->path);
	if (!err && !fstatat(p->to_dir, name, &st, AT_SYMLINK_NOFOLLOW))
		err = S_ISDIR(st.st_mode) ? publish_remove(p, file->path) : keep_if_newer(p, file->path, &st);
	if (!err)
		err = enter_folder(p, file->path);
	if (!err && S_ISREG(file->mode))
		err = strip_marks(p, file);
	if (!err && S_ISLNK(file->mode) && p->copy.n)
		err = repoint_link(p, file);
	if (!err && renameat(p->from_fd, file->path.p, p->to_dir, name))
		err = errno == EXDEV ? move_by_copy(p, file, name) : errno;
	p->moved += !err;
	return err;
}

int publish_end(struct publish *p)
{
	int err = 0;
	for (size_t i = p->modes.n; !err && i-- > 0;) { /* inner ones first */
		err = enter_folder(p, p->modes.p[i]->path);
		if (!err && fchmodat(p->to_dir, base(p, p->modes.p[i]->path), p->modes.p[i]->mode & 07777, 0))
			err = errno;
	}
	leave_folder(p);
	return err;
}
