#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

#define FOLDER_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)

/* On the way down. */
struct way {
	int root_fd;
	int at;    /* root_fd itself, or opened */
	bool sure; /* `at` lies in the root: no link was followed since that was known */
};

static ssize_t where_is(int fd, char out[PATH_MAX])
{
	char name[64];
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	return readlink(name, out, PATH_MAX);
}

/* The descriptor holds the folder, so that its place is asked for and not that of a name. Without /proc nobody can tell. */
static bool is_inside(struct way *w)
{
	char root[PATH_MAX], path[PATH_MAX];
	ssize_t n, m;
	if (w->sure)
		return true;
	n = where_is(w->root_fd, root);
	m = where_is(w->at, path);
	w->sure = n < 0 || m < 0 || path_under((struct str){path, (size_t)m}, (struct str){root, (size_t)n});
	return w->sure;
}

/* Makes one, where that is inside. EEXIST: somebody else has just done so, or a link leads nowhere. 0 or errno. */
static int make_one(struct way *w, const char *name)
{
	if (!is_inside(w))
		return EXDEV;
	return mkdirat(w->at, name, 0777) ? errno : 0;
}

/* One further down. *linked: by a link. A descriptor, or -1 with errno. */
static int look_at(const struct way *w, const char *name, bool *linked)
{
	int fd = openat(w->at, name, FOLDER_FLAGS | O_NOFOLLOW);
	*linked = fd < 0 && (errno == ENOTDIR || errno == ELOOP);
	return *linked ? openat(w->at, name, FOLDER_FLAGS) : fd;
}

/* 0 or errno. */
static int go_down(struct way *w, const char *name, bool make)
{
	bool linked;
	int fd = look_at(w, name, &linked);
	if (fd < 0 && errno == ENOENT && make) {
		int err = make_one(w, name);
		if (err && err != EEXIST)
			return err;
		fd = look_at(w, name, &linked);
	}
	if (fd < 0)
		return errno;
	if (w->at != w->root_fd)
		close(w->at);
	w->at = fd;
	w->sure = w->sure && !linked;
	return 0;
}

/* Down to the folder above the last part of `path`, which *last becomes. 0 or errno. */
static int go_above(struct way *w, char *path, bool make, const char **last)
{
	char *slash;
	int err = 0;
	*last = path;
	while (!err && (slash = strchr(*last, '/'))) {
		*slash = '\0';
		err = go_down(w, *last, make);
		*last = slash + 1;
	}
	return err;
}

static void leave(const struct way *w)
{
	if (w->at != w->root_fd)
		close(w->at);
}

int beneath_open(int root_fd, const char *path, bool make)
{
	struct way w = {.root_fd = root_fd, .at = root_fd, .sure = true};
	if (!strcmp(path, "."))
		return openat(root_fd, path, FOLDER_FLAGS);
	const char *last;
	char *copy = xstrdup(path);
	int err = go_above(&w, copy, make, &last);
	err = err ? err : go_down(&w, last, make);
	err = err || is_inside(&w) ? err : EXDEV;
	free(copy);
	if (!err)
		return w.at;
	leave(&w);
	errno = err;
	return -1;
}

static int check_folder(int at, const char *path)
{
	struct stat st;
	if (fstatat(at, path, &st, 0))
		return errno;
	return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

int beneath_mkdirs(int root_fd, const char *path)
{
	struct way w = {.root_fd = root_fd, .at = root_fd, .sure = true};
	/* Most are there already, and a look costs less than a refusal. */
	int err = check_folder(root_fd, path);
	if (err != ENOENT)
		return err;
	const char *last;
	char *copy = xstrdup(path);
	err = go_above(&w, copy, true, &last);
	err = err ? err : make_one(&w, last);
	err = err == EEXIST ? check_folder(w.at, last) : err;
	leave(&w);
	free(copy);
	return err;
}
