#include "state/views.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/os.h"
#include "base/vec.h"

#define VIEWS "views"
#define LEFT "views-left" /* by mark */

static const char *const kinds[] = {[VIEW_OVERLAY] = "overlay", [VIEW_COPY] = "copy"};
static const char *const written[] = {[VIEW_OVERLAY] = "upper", [VIEW_COPY] = "copy"};

struct str views_dir(struct arena *a, struct str task)
{
	struct str dir = store_task_dir(a, task);
	return arena_printf(a, VIEWS "/%s", dir.p + sizeof "tasks/" - 1);
}

/* Folders that nobody may write in keep what they hold: a task may have made such, and the kernel does. */
static int open_up(int at, const char *path)
{
	struct stat st;
	if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode))
		return 0;
	if (fchmodat(at, path, 0700, 0))
		return errno;
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	if (!d) {
		err = errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (errno = 0, e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN))
			err = open_up(fd, e->d_name);
	closedir(d);
	return err;
}

static int remove_any(int at, const char *path)
{
	int err = os_remove_tree(at, path);
	if (err != EACCES && err != EPERM)
		return err;
	err = open_up(at, path);
	return err ? err : os_remove_tree(at, path);
}

/* A link would lead what is written elsewhere, and a copy of the root into itself. */
static int remove_link(const struct store *s, const char *path)
{
	struct stat st;
	if (fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) || !S_ISLNK(st.st_mode))
		return 0;
	return unlinkat(s->fd, path, 0) ? errno : 0;
}

static const char *in(struct arena *a, struct str dir, const char *name)
{
	return arena_printf(a, "%.*s/%s", STR_ARG(dir), name).p;
}

/* What the task sees as the root has the root's mode, and its owner and group where this process may give them away. Its own user works in it before and after. */
static int look_like_root(const struct store *s, const char *path)
{
	struct stat root;
	if (fstat(s->root_fd, &root))
		return errno;
	int fd = openat(s->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	if (fd < 0)
		return errno;
	if (fchown(fd, root.st_uid, root.st_gid) && errno != EPERM && errno != EINVAL)
		err = errno;
	if (!err && fchmod(fd, (root.st_mode & 07777) | 0700))
		err = errno;
	close(fd);
	return err;
}

int views_make(const struct store *s, struct str dir, enum view_kind kind)
{
	struct arena a = {0};
	int err = remove_link(s, VIEWS);
	if (!err)
		err = remove_any(s->fd, arena_copy(&a, dir).p);
	if (!err)
		err = os_mkdirs(s->fd, in(&a, dir, written[kind]), 0700);
	if (!err)
		err = look_like_root(s, in(&a, dir, written[kind]));
	if (!err && kind == VIEW_OVERLAY)
		err = os_mkdirs(s->fd, in(&a, dir, "work"), 0700);
	arena_free(&a);
	return err;
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

/* Waits until the clock has gone on since the file was written: what is changed from then on is known by its time. */
static int settle(int at, const char *path)
{
	static const struct timespec moment = {0, 1000000};
	struct stat first, now;
	int err = fstatat(at, path, &first, 0) ? errno : 0;
	if (err)
		return err;
	for (int i = 0; i < 3000; i++) { /* the coarsest clocks have two seconds */
		int fd = openat(at, "views/.clock", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return errno;
		err = os_write_all(fd, "1\n", 2);
		if (!err && fstat(fd, &now))
			err = errno;
		close(fd);
		if (err || later(now.st_ctim, first.st_ctim))
			return err;
		nanosleep(&moment, NULL);
	}
	return ETIME;
}

int views_begin_copy(const struct store *s, struct str dir)
{
	struct arena a = {0};
	const char *path = in(&a, dir, "copying");
	int err = os_replace_file(s->fd, path, 0600, STR_NONE);
	if (!err)
		err = settle(s->fd, path);
	arena_free(&a);
	return err;
}

int views_open(const struct store *s, struct str dir, enum view_kind kind)
{
	struct arena a = {0};
	int fd = openat(s->fd, in(&a, dir, written[kind]), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = errno;
	arena_free(&a);
	errno = err;
	return fd;
}

static struct str began_text(struct arena *a, enum view_kind kind, uint64_t start_id)
{
	return arena_printf(a, "%" PRIu64 " %s\n", start_id, kinds[kind]);
}

int views_begin(const struct store *s, struct str dir, enum view_kind kind, uint64_t start_id)
{
	struct arena a = {0};
	const char *path = in(&a, dir, "began");
	int err = os_replace_file(s->fd, path, 0600, began_text(&a, kind, start_id));
	if (!err && kind == VIEW_COPY)
		err = settle(s->fd, path);
	arena_free(&a);
	return err;
}

bool views_began(const struct store *s, struct str dir, enum view_kind kind, uint64_t start_id, struct timespec *copying, struct timespec *since)
{
	struct arena a = {0};
	struct str text;
	struct stat st;
	int err = os_read_file_stat(&a, s->fd, in(&a, dir, "began"), 4096, &text, &st);
	bool same = !err && str_eq(text, began_text(&a, kind, start_id));
	if (same)
		*copying = *since = st.st_ctim;
	if (same && kind == VIEW_COPY && !fstatat(s->fd, in(&a, dir, "copying"), &st, AT_SYMLINK_NOFOLLOW))
		*copying = st.st_ctim;
	arena_free(&a);
	errno = err ? err : ESTALE;
	return same;
}

int views_set_moving(const struct store *s, struct str dir)
{
	struct arena a = {0};
	int err = os_replace_file(s->fd, in(&a, dir, "moving"), 0600, STR_NONE);
	arena_free(&a);
	return err;
}

bool views_moving(const struct store *s, struct str dir)
{
	struct arena a = {0};
	bool there = !faccessat(s->fd, in(&a, dir, "moving"), F_OK, AT_SYMLINK_NOFOLLOW);
	arena_free(&a);
	return there;
}

int views_remove(const struct store *s, struct str dir)
{
	struct arena a = {0};
	int err = remove_any(s->fd, arena_copy(&a, dir).p);
	unlinkat(s->fd, VIEWS "/.clock", 0);
	unlinkat(s->fd, VIEWS, AT_REMOVEDIR); /* where this was the last */
	arena_free(&a);
	return err;
}

bool views_any(const struct store *s)
{
	return !faccessat(s->fd, VIEWS, F_OK, AT_SYMLINK_NOFOLLOW);
}

int views_leave(const struct store *s, struct str dir, struct str mark)
{
	struct arena a = {0};
	int err = os_mkdirs(s->fd, LEFT, 0700);
	if (!err && renameat(s->fd, arena_copy(&a, dir).p, s->fd, in(&a, STR(LEFT), arena_copy(&a, mark).p)))
		err = errno;
	arena_free(&a);
	return err;
}

static bool is_wanted(const struct store *s, struct arena *a, bool left, const char *name, bool (*alive)(struct str mark))
{
	struct stat st;
	if (left)
		return alive(str_of(name));
	return !fstatat(s->fd, arena_printf(a, "tasks/%s/call", name).p, &st, AT_SYMLINK_NOFOLLOW);
}

static int sweep(const struct store *s, const char *folder, bool left, bool (*alive)(struct str mark))
{
	int fd = openat(s->fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct arena a = {0};
	struct dirent *e;
	if (!d) {
		err = errno;
		if (fd >= 0)
			close(fd);
		return err == ENOENT ? 0 : err == ENOTDIR ? remove_link(s, folder) : err;
	}
	while ((errno = 0, e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || is_wanted(s, &a, left, e->d_name, alive))
			continue;
		int failed = remove_any(fd, e->d_name);
		err = err ? err : failed;
	}
	closedir(d);
	unlinkat(s->fd, folder, AT_REMOVEDIR); /* where nothing is left in it */
	arena_free(&a);
	return err;
}

int views_sweep(const struct store *s, bool (*alive)(struct str mark))
{
	int err = sweep(s, VIEWS, false, alive), also = sweep(s, LEFT, true, alive);
	return err ? err : also;
}
