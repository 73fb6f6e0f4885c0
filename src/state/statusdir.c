#include "state/statusdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/path.h"
#include "base/vec.h"

#define NAME_LIMIT 4096 /* of an agent, in a mark */
#define AHEAD 10000     /* milliseconds that are tried for a free name */

/* A status file, by its name: its time. */
struct old {
	struct str name;
	int64_t wall_ms;
};

/* AGENT-EPOCHMS.json: EPOCHMS; -1: no such name. */
static int64_t time_of_name(struct str name)
{
	struct str stem = str_sub(name, 0, name.n > 5 && str_ends(name, STR(".json")) ? name.n - 5 : 0);
	size_t from = stem.n;
	while (from && stem.p[from - 1] >= '0' && stem.p[from - 1] <= '9')
		from--;
	if (from < 2 || from == stem.n || stem.n - from > 18 || stem.p[from - 1] != '-')
		return -1;
	return strtoll(stem.p + from, NULL, 10);
}

static int newest_first(const void *a, const void *b)
{
	const struct old *x = a, *y = b;
	return x->wall_ms < y->wall_ms ? 1 : x->wall_ms > y->wall_ms ? -1 : str_cmp(x->name, y->name);
}

/* Who reads them may just be about to: young ones stay, however many they are. */
void statusdir_prune(int dir_fd, int64_t now_ms)
{
	struct arena a = {0};
	VEC(struct old) all = {0};
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		int64_t ms = time_of_name(str_of(e->d_name));
		if (ms >= 0)
			vec_push(NULL, &all, ((struct old){arena_copy(&a, str_of(e->d_name)), ms}));
	}
	if (all.n > STATUSDIR_KEPT)
		qsort(all.p, all.n, sizeof *all.p, newest_first);
	for (size_t i = STATUSDIR_KEPT; i < all.n; i++)
		if (all.p[i].wall_ms < now_ms - STATUSDIR_KEPT_MS)
			unlinkat(dir_fd, all.p[i].name.p, 0);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	vec_free(&all);
	arena_free(&a);
}

int statusdir_make(int root_fd, int *fd)
{
	struct stat st;
	*fd = openat(root_fd, STATUSDIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT) {
		int err = os_mkdirs(root_fd, STATUSDIR, 0777);
		if (err)
			return err;
		*fd = openat(root_fd, STATUSDIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (*fd < 0)
		return errno;
	return fstatat(*fd, ".gitignore", &st, AT_SYMLINK_NOFOLLOW) ? os_replace_file(*fd, ".gitignore", 0644, STR("*\n")) : 0;
}

static struct flock whole_file(void)
{
	return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

int statusdir_begin(int dir_fd, struct str agent, struct statusdir_mark *m)
{
	struct arena a = {0};
	struct flock fl = whole_file();
	/* Cut, since a name's escapes may make it long; what counts is the content. */
	struct str name = str_sub(path_escape_name(&a, agent), 0, 200);
	struct str mark = arena_printf(&a, STATUSDIR_MARK "%.*s-%016llx", STR_ARG(name), (unsigned long long)os_random64());
	struct str made = arena_printf(&a, ".ax-%016llx.tmp", (unsigned long long)os_random64());
	int err = 0, fd = openat(dir_fd, made.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		err = errno;
	/* Before it can be seen: a mark without a lock is a dead one. */
	if (!err && fcntl(fd, F_OFD_SETLK, &fl))
		err = errno;
	if (!err)
		err = os_write_all(fd, agent.p, agent.n);
	if (!err && renameat(dir_fd, made.p, dir_fd, mark.p))
		err = errno;
	if (err && fd >= 0) {
		unlinkat(dir_fd, made.p, 0);
		close(fd);
	}
	if (!err)
		*m = (struct statusdir_mark){fd, xstrdup(mark.p)};
	arena_free(&a);
	return err;
}

void statusdir_end(int dir_fd, struct statusdir_mark *m)
{
	if (!m->name)
		return;
	unlinkat(dir_fd, m->name, 0);
	close(m->fd);
	free(m->name);
	*m = (struct statusdir_mark){0};
}

/* By rename where nothing stands; a file system that cannot promise that gets a plain rename. */
static int rename_new(int dir_fd, const char *from, const char *to)
{
	if (!renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	struct stat st;
	if (!fstatat(dir_fd, to, &st, AT_SYMLINK_NOFOLLOW))
		return EEXIST;
	return renameat(dir_fd, from, dir_fd, to) ? errno : 0;
}

static int write_new(int dir_fd, const char *name, struct str content)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	int err = os_write_all(fd, content.p, content.n);
	if (close(fd) && !err)
		err = errno;
	return err;
}

int statusdir_put(int dir_fd, struct str agent, int64_t wall_ms, struct str json)
{
	struct arena a = {0};
	struct str name = path_escape_name(&a, agent);
	struct str made = arena_printf(&a, ".ax-%016llx.tmp", (unsigned long long)os_random64());
	int err = write_new(dir_fd, made.p, json);
	for (int64_t ms = wall_ms; !err && ms < wall_ms + AHEAD; ms++) {
		err = rename_new(dir_fd, made.p, arena_printf(&a, "%.*s-%lld.json", STR_ARG(name), (long long)ms).p);
		if (err != EEXIST)
			break;
		err = 0;
	}
	if (err)
		unlinkat(dir_fd, made.p, 0);
	arena_free(&a);
	return err;
}

bool statusdir_read_mark(struct arena *a, int dir_fd, const char *name, struct str *agent, bool *alive)
{
	struct flock fl = whole_file();
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	*alive = !fcntl(fd, F_OFD_GETLK, &fl) && fl.l_type != F_UNLCK;
	close(fd);
	return !os_read_file(a, dir_fd, name, NAME_LIMIT, agent);
}
