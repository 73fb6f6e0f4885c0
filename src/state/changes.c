#include "state/changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/os.h"
#include "base/path.h"

#define OPAQUE "user.overlay.opaque"

/* One look at a view. Folders are worked off as a list: a view may be as deep as it likes. */
struct looking {
	struct arena *a;
	struct changes *out;
	VEC(struct str) folders;
	VEC(bool) hidden; /* of folders: of what the root has in it nothing is seen. Of a copy: it is not the one that was made there */
	struct str *bad;
	/* Of a copy only. */
	int copy_fd, root_fd;
	struct timespec copying, since;
	struct map inodes; /* folder -> its inode's number when it was made, as digits */
};

bool changes_pass_over(struct str folder, const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..") || (!folder.n && !strcmp(name, ".axmake"));
}

static DIR *open_folder(int at, struct str path)
{
	int fd = openat(at, path.n ? path.p : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0) {
		err = errno;
		close(fd);
		errno = err;
	}
	return d;
}

static struct str below(struct arena *a, struct str folder, const char *name)
{
	return folder.n ? arena_printf(a, "%.*s/%s", STR_ARG(folder), name) : arena_copy(a, str_of(name));
}

static void add(struct looking *k, struct str path, enum change_kind kind, bool opaque, mode_t mode)
{
	vec_push(k->a, &k->out->all, ((struct change){path, kind, opaque, mode}));
}

static int finish(struct looking *k, int err)
{
	struct changes *c = k->out;
	map_reserve(&c->by_path, c->all.n);
	for (size_t i = 0; i < c->all.n; i++)
		*map_slot(&c->by_path, c->all.p[i].path) = &c->all.p[i];
	vec_free(&k->folders);
	vec_free(&k->hidden);
	map_free(&k->inodes);
	return err;
}

/* Makes *opaque true where it is so. 0 or errno: taken for another one, what was removed would stand there again. */
static int look_opaque(int at, const char *name, bool *opaque)
{
	char value[2];
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	ssize_t n = fgetxattr(fd, OPAQUE, value, sizeof value);
	int err = n >= 0 || errno == ENODATA || errno == EOPNOTSUPP || errno == ERANGE ? 0 : errno;
	*opaque = *opaque || (n == 1 && value[0] == 'y');
	close(fd);
	return err;
}

/* `hidden`: nothing of the root's is seen in the folder, and so in none below it. */
static int layer_entry(struct looking *k, int at, struct str folder, const char *name, bool hidden)
{
	struct str path = below(k->a, folder, name);
	struct stat st;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW)) {
		*k->bad = path;
		return errno;
	}
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) {
		add(k, path, CHANGE_GONE, false, 0);
	} else if (!S_ISDIR(st.st_mode)) {
		add(k, path, CHANGE_FILE, false, st.st_mode);
	} else {
		int err = look_opaque(at, name, &hidden);
		if (err) {
			*k->bad = path;
			return err;
		}
		add(k, path, CHANGE_FOLDER, hidden, st.st_mode);
		vec_push(NULL, &k->folders, path);
		vec_push(NULL, &k->hidden, hidden);
	}
	return 0;
}

int changes_of_layer(struct arena *a, int upper_fd, struct changes *out, struct str *bad)
{
	struct looking k = {.a = a, .out = out, .bad = bad};
	int err = 0;
	vec_push(NULL, &k.folders, STR_NONE);
	vec_push(NULL, &k.hidden, false);
	for (size_t i = 0; !err && i < k.folders.n; i++) {
		struct str folder = k.folders.p[i];
		DIR *d = open_folder(upper_fd, folder);
		struct dirent *e;
		*bad = folder.n ? folder : STR(".");
		if (!d)
			return finish(&k, errno);
		while (!err && (errno = 0, e = readdir(d)))
			if (!changes_pass_over(folder, e->d_name))
				err = layer_entry(&k, dirfd(d), folder, e->d_name, k.hidden.p[i]);
		err = err ? err : errno;
		closedir(d);
	}
	return finish(&k, err);
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

/* "INODE PATH\0", one after another. */
static void read_folders(struct looking *k, struct str text)
{
	for (size_t at = 0, end, space; at < text.n; at = end + 1) {
		for (end = at; end < text.n && text.p[end]; end++)
			;
		space = str_find(str_sub(text, at, end), STR(" "), 0) + at;
		if (space < end)
			*map_slot(&k->inodes, str_sub(text, space + 1, end)) = (void *)(text.p + at);
	}
}

static bool is_original(const struct looking *k, struct str folder, ino_t inode)
{
	const char *digits = map_get(&k->inodes, folder);
	return digits && strtoumax(digits, NULL, 10) == (uintmax_t)inode;
}

/* An entry of the copy. `moved`: the folder that it is in is not the one that was made there, so times tell nothing of it. */
static int copy_entry(struct looking *k, int at, struct str folder, const char *name, bool moved)
{
	struct str path = below(k->a, folder, name);
	struct stat st;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW)) {
		*k->bad = path;
		return errno;
	}
	if (S_ISDIR(st.st_mode)) {
		bool moved_too = moved || !is_original(k, path, st.st_ino);
		if (moved_too)
			add(k, path, CHANGE_FOLDER, true, st.st_mode);
		vec_push(NULL, &k->folders, path);
		vec_push(NULL, &k->hidden, moved_too);
	} else if (moved || later(st.st_ctim, k->since)) {
		add(k, path, CHANGE_FILE, false, st.st_mode);
	}
	return 0;
}

/* What the root has there and the copy has not: gone, unless it came to the root since the copying began. */
static int find_gone(struct looking *k, struct str folder, const struct map *seen)
{
	DIR *d = open_folder(k->root_fd, folder);
	struct dirent *e;
	struct stat st;
	if (!d)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : errno;
	while ((errno = 0, e = readdir(d))) {
		if (changes_pass_over(folder, e->d_name) || map_get(seen, str_of(e->d_name)) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISSOCK(st.st_mode) || S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			continue; /* it was never copied */
		struct str path = below(k->a, folder, e->d_name);
		if (S_ISDIR(st.st_mode) ? map_get(&k->inodes, path) != NULL : !later(st.st_ctim, k->copying))
			add(k, path, CHANGE_GONE, false, 0);
	}
	int err = errno;
	closedir(d);
	return err;
}

static int copy_folder(struct looking *k, struct str folder, bool moved)
{
	DIR *d = open_folder(k->copy_fd, folder);
	struct map seen = {0};
	struct dirent *e;
	int err = 0;
	*k->bad = folder.n ? folder : STR(".");
	if (!d)
		return errno;
	while (!err && (errno = 0, e = readdir(d))) {
		if (changes_pass_over(folder, e->d_name))
			continue;
		err = copy_entry(k, dirfd(d), folder, e->d_name, moved);
		struct str name = arena_copy(k->a, str_of(e->d_name));
		*map_slot(&seen, name) = k;
	}
	err = err ? err : errno;
	closedir(d);
	if (!err && !moved)
		err = find_gone(k, folder, &seen);
	map_free(&seen);
	return err;
}

int changes_of_copy(struct arena *a, int copy_fd, int root_fd, struct timespec copying, struct timespec since, struct str folders, struct changes *out, struct str *bad)
{
	struct looking k = {.a = a, .out = out, .bad = bad, .copy_fd = copy_fd, .root_fd = root_fd, .copying = copying, .since = since};
	int err = 0;
	read_folders(&k, folders);
	vec_push(NULL, &k.folders, STR_NONE);
	vec_push(NULL, &k.hidden, false);
	for (size_t i = 0; !err && i < k.folders.n; i++)
		err = copy_folder(&k, k.folders.p[i], k.hidden.p[i]);
	return finish(&k, err);
}

void changes_free(struct changes *c)
{
	map_free(&c->by_path);
}

const struct change *changes_get(const struct changes *c, struct str path)
{
	return map_get(&c->by_path, path);
}

bool changes_hide(const struct changes *c, struct str path)
{
	const struct change *at = changes_get(c, path);
	if (at)
		return at->kind != CHANGE_FOLDER || at->opaque;
	for (struct str dir = path_dir(path); !str_eq(dir, STR(".")); dir = path_dir(dir)) {
		at = changes_get(c, dir);
		if (at && (at->kind != CHANGE_FOLDER || at->opaque))
			return true;
	}
	return false;
}

static bool same_bytes(int x, int y)
{
	char a[16 << 10], b[16 << 10];
	for (;;) {
		ssize_t n = read(x, a, sizeof a);
		if (n < 0 || (n && !os_read_exactly(y, b, (size_t)n)) || (n && memcmp(a, b, (size_t)n) != 0))
			return false;
		if (!n)
			return true;
	}
}

static bool same_links(int view_fd, int root_fd, const char *path)
{
	char a[PATH_MAX], b[PATH_MAX];
	ssize_t n = readlinkat(view_fd, path, a, sizeof a);
	return n >= 0 && readlinkat(root_fd, path, b, sizeof b) == n && !memcmp(a, b, (size_t)n);
}

bool changes_same(int view_fd, int root_fd, struct str path)
{
	struct stat x, y;
	if (fstatat(view_fd, path.p, &x, AT_SYMLINK_NOFOLLOW) || fstatat(root_fd, path.p, &y, AT_SYMLINK_NOFOLLOW) || x.st_mode != y.st_mode)
		return false;
	if (S_ISLNK(x.st_mode))
		return same_links(view_fd, root_fd, path.p);
	if (!S_ISREG(x.st_mode) || x.st_size != y.st_size)
		return false;
	int a = openat(view_fd, path.p, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), b = openat(root_fd, path.p, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool same = a >= 0 && b >= 0 && same_bytes(a, b);
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return same;
}
