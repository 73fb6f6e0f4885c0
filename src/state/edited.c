#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/path.h"
#include "base/vec.h"
#include "state/store.h"

/* What is copied, both from the root and below the task's folder of edited files. */
struct keeping {
	const struct store *s;
	struct arena arena;
	struct str to;        /* "tasks/NAME/edited" */
	VEC(struct str) left; /* folders still to be copied, relative to the root */
};

static const char *target(struct keeping *k, struct str path)
{
	return arena_printf(&k->arena, "%s/%.*s", k->to.p, STR_ARG(path)).p;
}

/* Makes the folders that `path` is to lie in. What an earlier edit left in their place gives way, for the newest wins, and a link
 * above all: nothing may be written or removed where it leads. */
static int make_parents(struct keeping *k, struct str path)
{
	struct stat st;

	for (size_t i = 0; i < path.n; i++) {
		const char *to;

		if (path.p[i] != '/')
			continue;
		to = target(k, str_sub(path, 0, i));
		if (fstatat(k->s->fd, to, &st, AT_SYMLINK_NOFOLLOW))
			break;
		if (!S_ISDIR(st.st_mode) && unlinkat(k->s->fd, to, 0))
			return errno;
	}
	return os_mkdirs(k->s->fd, target(k, path_dir(path)), 0700);
}

static int keep_link(struct keeping *k, struct str path, const char *to)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(k->s->root_fd, path.p, text, sizeof text - 1);

	if (n < 0)
		return errno;
	text[n] = '\0';
	return symlinkat(text, k->s->fd, to) ? errno : 0;
}

static int keep_file(struct keeping *k, struct str path, const char *to)
{
	int from = openat(k->s->root_fd, path.p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), fd, err;
	char piece[16 << 10];
	ssize_t got;

	if (from < 0)
		return errno;
	fd = openat(k->s->fd, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	err = fd < 0 ? errno : 0;
	while (!err && (got = read(from, piece, sizeof piece)) != 0) {
		if (got > 0)
			err = os_write_all(fd, piece, (size_t)got);
		else if (errno != EINTR)
			err = errno;
	}
	if (fd >= 0 && close(fd) && !err && errno != EINTR)
		err = errno;
	close(from);
	return err;
}

static int keep_one(struct keeping *k, struct str path)
{
	const char *to = target(k, path);
	struct stat st;
	int err;

	if (fstatat(k->s->root_fd, path.p, &st, AT_SYMLINK_NOFOLLOW))
		return errno;
	err = make_parents(k, path);
	if (!err)
		err = os_remove_tree(k->s->fd, to);
	if (err)
		return err;
	if (S_ISREG(st.st_mode))
		return keep_file(k, path, to);
	if (S_ISLNK(st.st_mode))
		return keep_link(k, path, to);
	if (!S_ISDIR(st.st_mode))
		return 0; /* a socket or device has no bytes to keep */
	vec_push(&k->arena, &k->left, path);
	return mkdirat(k->s->fd, to, 0700) ? errno : 0;
}

static bool is_passed_over(const char *name)
{
	static const char *const names[] = {".", "..", ".git", ".axmake"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static int keep_entries(struct keeping *k, struct str folder)
{
	int fd = openat(k->s->root_fd, folder.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	struct dirent *e;
	DIR *d;

	if (fd < 0)
		return errno;
	d = fdopendir(fd);
	if (!d) {
		err = errno;
		close(fd);
		return err;
	}
	while (!err && (errno = 0, e = readdir(d))) {
		if (is_passed_over(e->d_name))
			continue;
		err = keep_one(k, path_join(&k->arena, folder, arena_copy(&k->arena, str_of(e->d_name))));
		if (err == ENOENT)
			err = 0; /* gone since it was listed */
	}
	if (!err)
		err = errno;
	closedir(d);
	return err;
}

int store_keep_edited(const struct store *s, struct str task, struct str path)
{
	struct keeping k = {.s = s};
	int err;

	if (!path_inside(path) || str_eq(path, STR(".")))
		return EINVAL;
	k.to = arena_printf(&k.arena, "%s/edited", store_task_dir(&k.arena, task).p);
	err = keep_one(&k, arena_copy(&k.arena, path));
	for (size_t i = 0; !err && i < k.left.n; i++)
		err = keep_entries(&k, k.left.p[i]);
	arena_free(&k.arena);
	return err;
}
