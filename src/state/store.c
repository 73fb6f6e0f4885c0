#include "state/store.h"

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
#include "base/vec.h"

#define FOLDER ".axmake"

enum { NUMBER_LONGEST = 20 }; /* digits of a u64 */

static bool fail(struct store *s, struct arena *a, struct store_error *err, const char *what, int code)
{
	err->message = arena_printf(a, "cannot %s: %s", what, os_error(code));
	store_close(s);
	return false;
}

static bool refuse(struct store *s, struct store_error *err, struct str message)
{
	err->message = message;
	store_close(s);
	return false;
}

/* A folder that may be entered but not listed will do: everything is opened by name. */
static int open_root(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 && errno == EACCES ? open(".", O_PATH | O_DIRECTORY | O_CLOEXEC) : fd;
}

static int open_folder(int root_fd)
{
	return openat(root_fd, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Is something called .axmake there, be it a link to nothing? */
static bool exists(int at, const char *name)
{
	struct stat st;

	return !fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW);
}

static bool check_owner(struct store *s, struct arena *a, struct store_error *err)
{
	struct stat st;

	if (fstat(s->fd, &st))
		return fail(s, a, err, "look at " FOLDER, errno);
	if (st.st_uid != geteuid())
		return refuse(s, err,
		              arena_printf(a, FOLDER " belongs to another user (uid %ju): remove it, or run as that user",
		                           (uintmax_t)st.st_uid));
	return true;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Has it nothing, or no more than runs that take no lock leave behind? */
static bool is_as_good_as_empty(int fd)
{
	static const char *const names[] = {".", "..", ".gitignore", "runs"};
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	struct dirent *e;
	bool empty = d != NULL;

	if (!d) {
		close_fd(&again);
		return false;
	}
	while (empty && (e = readdir(d))) {
		empty = false;
		for (size_t i = 0; !empty && i < sizeof names / sizeof *names; i++)
			empty = !strcmp(e->d_name, names[i]);
	}
	closedir(d);
	return empty;
}

/* Somebody may keep the state elsewhere. But a link that came with what others made could lead anywhere, where state would be strewn about, and removed by --clean. */
static bool check_link(struct store *s, struct store_error *err)
{
	struct stat st;

	if (fstatat(s->root_fd, FOLDER, &st, AT_SYMLINK_NOFOLLOW) || !S_ISLNK(st.st_mode) || exists(s->fd, "lock") || is_as_good_as_empty(s->fd))
		return true;
	return refuse(s, err, STR(FOLDER " is a link to a folder that holds something else: remove it, or let it lead to an empty folder"));
}

static bool put_gitignore(struct store *s, struct arena *a, struct store_error *err)
{
	int code = exists(s->fd, ".gitignore") ? 0 : os_replace_file(s->fd, ".gitignore", 0600, STR("*\n"));

	return code ? fail(s, a, err, "write " FOLDER "/.gitignore", code) : true;
}

bool store_open(struct store *s, struct arena *a, bool writable, struct store_error *err)
{
	*s = (struct store){.root_fd = -1, .fd = -1, .lock_fd = -1, .writable = writable, .folder = STR(FOLDER)};
	err->message = STR_NONE;
	s->root_fd = open_root();
	if (s->root_fd < 0)
		return fail(s, a, err, "open the root folder", errno);
	s->fd = open_folder(s->root_fd);
	if (s->fd < 0 && errno == ENOENT && exists(s->root_fd, FOLDER))
		return refuse(s, err, STR(FOLDER " is a link to nothing: remove it"));
	if (s->fd < 0 && errno == ENOENT) {
		if (!writable)
			return true;
		if (mkdirat(s->root_fd, FOLDER, 0700) && errno != EEXIST)
			return fail(s, a, err, "create " FOLDER, errno);
		s->fd = open_folder(s->root_fd);
	}
	if (s->fd < 0 && errno == ENOTDIR)
		return refuse(s, err, STR(FOLDER " is not a folder: move it away, axmake keeps its state there"));
	if (s->fd < 0)
		return fail(s, a, err, "open " FOLDER, errno);
	return check_owner(s, a, err) && check_link(s, err) && (!writable || put_gitignore(s, a, err));
}

void store_close(struct store *s)
{
	if (s->lock_fd >= 0 && s->lock_pid == getpid() && ftruncate(s->lock_fd, 0)) {
		/* The next run looks in vain for what this one left: harmless. */
	}
	close_fd(&s->lock_fd);
	close_fd(&s->fd);
	close_fd(&s->root_fd);
}

bool store_open_again(struct store *s, struct arena *a, struct store_error *err)
{
	if (s->fd < 0) {
		store_close(s);
		return store_open(s, a, true, err);
	}
	s->writable = true;
	return put_gitignore(s, a, err);
}

void store_apart(struct store *s, int fd, struct str folder)
{
	close_fd(&s->fd);
	s->fd = fd;
	s->folder = folder;
	s->apart = true;
}

struct str store_task_dir(struct arena *a, struct str task)
{
	struct str name = path_escape_name(a, task);

	return arena_printf(a, "tasks/%.*s", STR_ARG(name));
}

struct str store_dir_of(const struct store *s, struct arena *a, struct str task)
{
	return s->apart ? STR(STORE_CALL) : store_task_dir(a, task);
}

int store_mark_start(const struct store *s, struct str task, uint64_t start_id)
{
	struct arena a = {0};
	struct str dir = store_task_dir(&a, task), path = arena_printf(&a, "%s/started", dir.p);
	struct str text = arena_printf(&a, "%" PRIu64 "\n", start_id);
	int err = os_replace_file(s->fd, path.p, 0600, text);

	if (err == ENOENT) {
		err = os_mkdirs(s->fd, dir.p, 0700);
		if (!err)
			err = os_replace_file(s->fd, path.p, 0600, text);
	}
	arena_free(&a);
	return err;
}

/* The number that the file holds, whole and alone in its line; else 0. */
static uint64_t read_number(int fd)
{
	char text[NUMBER_LONGEST + 2], *end;
	ssize_t n = TEMP_FAILURE_RETRY(pread(fd, text, sizeof text - 1, 0));
	unsigned long long v;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	errno = 0;
	v = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
	return v && !errno && *end == '\n' ? v : 0;
}

bool store_has_folder(const struct store *s, struct str dir)
{
	return s->fd >= 0 && (!faccessat(s->fd, dir.p, F_OK, AT_SYMLINK_NOFOLLOW) || errno != ENOENT);
}

bool store_has_mark(const struct store *s, struct str task)
{
	struct arena a = {0};
	bool there = s->fd >= 0 && !faccessat(s->fd, arena_printf(&a, "%s/started", store_task_dir(&a, task).p).p, F_OK, AT_SYMLINK_NOFOLLOW);

	arena_free(&a);
	return there;
}

uint64_t store_marked_start(const struct store *s, struct str task)
{
	struct arena a = {0};
	struct str path = arena_printf(&a, "%s/started", store_task_dir(&a, task).p);
	int fd = s->fd < 0 ? -1 : openat(s->fd, path.p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	bool gone = fd < 0 && (s->fd < 0 || errno == ENOENT);
	struct str seen_as = arena_printf(&a, FOLDER "/%s", path.p);
	uint64_t id;

	if (fd >= 0)
		seen_open(s->seen, seen_as, fd);
	else if (gone)
		seen_missing(s->seen, seen_as, true);
	else
		seen_spoil(s->seen);
	id = fd < 0 ? 0 : read_number(fd);
	close_fd(&fd);
	arena_free(&a);
	return id;
}

/* Names in a folder, in no order; none where there is no such folder. 0 or errno. */
static int list_folder(struct arena *a, int at, const char *path, struct str **names, size_t *n)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err;
	VEC(struct str) v = {0};
	struct dirent *e;
	DIR *d;

	*n = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : errno;
	d = fdopendir(fd);
	if (!d) {
		err = errno;
		close(fd);
		return err;
	}
	while (errno = 0, (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			vec_push(a, &v, arena_copy(a, str_of(e->d_name)));
	err = errno;
	closedir(d);
	*names = v.p;
	*n = v.n;
	return err;
}

/* Removes what `keep` does not want from a folder. On an error *bad is its path. */
static int sweep(const struct store *s, struct arena *a, const char *folder, bool (*keep)(struct str name), struct str *bad)
{
	struct str *names, path;
	size_t n;
	int err = list_folder(a, s->fd, folder, &names, &n);

	if (err)
		*bad = arena_printf(a, FOLDER "/%s", folder);
	for (size_t i = 0; !err && i < n; i++) {
		if (keep(names[i]))
			continue;
		path = arena_printf(a, "%s/%s", folder, names[i].p);
		err = os_remove_tree(s->fd, path.p);
		if (err)
			*bad = arena_printf(a, FOLDER "/%s", path.p);
	}
	return err;
}

/* The lock stays as long as somebody may hold it, and then something must hide it from git. */
static bool keep_lock(struct str name)
{
	return str_eq(name, STR("lock")) || str_eq(name, STR(".gitignore"));
}

static bool is_temporary(struct str name)
{
	return str_starts(name, STR(".ax-")) && str_ends(name, STR(".tmp"));
}

static bool keep_whole(struct str name)
{
	return !is_temporary(name);
}

static bool keep_but_log(struct str name)
{
	return !str_starts(name, STR("log.")) && !str_eq(name, STR("log")) && !str_eq(name, STR("seal")) && !str_eq(name, STR("followed")) && !is_temporary(name);
}

/* What a killed run left aside is taken up by what stands in tasks/. */
static bool keep_results(struct str name)
{
	return !is_temporary(name) && !str_starts(name, str_sub(STR(STORE_LEFT), sizeof "results/" - 1, sizeof STORE_LEFT - 1));
}

/* The answer was paid for, and edited files are somebody's work. */
static bool keep_in_task(struct str name)
{
	return str_eq(name, STR("result")) || str_eq(name, STR("edited"));
}

/* Where a call is told of, the next run may yet take up the answer. */
static bool keep_in_called(struct str name)
{
	static const char *const answer[] = {"call", "stdout", "answer", "delegates"};
	bool of_it = false;
	for (size_t i = 0; i < sizeof answer / sizeof *answer; i++)
		of_it = of_it || str_eq(name, str_of(answer[i]));
	return of_it || keep_in_task(name);
}

/* *calls: how many tasks have an answer that may be taken up. */
static int clean_tasks(const struct store *s, struct arena *a, struct str *bad, size_t *calls)
{
	struct str *names, path;
	size_t n;
	int err = list_folder(a, s->fd, "tasks", &names, &n);

	if (err)
		*bad = STR(FOLDER "/tasks");
	for (size_t i = 0; !err && i < n; i++) {
		path = arena_printf(a, "tasks/%s", names[i].p);
		bool called = !faccessat(s->fd, arena_printf(a, "%s/call", path.p).p, F_OK, AT_SYMLINK_NOFOLLOW);
		*calls += called;
		err = sweep(s, a, path.p, called ? keep_in_called : keep_in_task, bad);
		if (err == ENOTDIR || err == ELOOP)
			err = 0; /* no folder of ours */
		else if (!err && unlinkat(s->fd, path.p, AT_REMOVEDIR) && errno != ENOTEMPTY && errno != EEXIST) {
			err = errno;
			*bad = arena_printf(a, FOLDER "/%s", path.p);
		}
	}
	return err;
}

void store_tidy(const struct store *s)
{
	struct arena a = {0};
	struct str *names, bad;
	size_t n;

	if (s->fd < 0)
		return;
	sweep(s, &a, ".", keep_whole, &bad);
	sweep(s, &a, "results", keep_whole, &bad);
	if (!list_folder(&a, s->fd, "tasks", &names, &n))
		for (size_t i = 0; i < n; i++)
			sweep(s, &a, arena_printf(&a, "tasks/%s", names[i].p).p, keep_whole, &bad);
	arena_free(&a);
}

int store_clean(const struct store *s, bool all, struct arena *a, struct str *bad)
{
	size_t calls = 0;
	int err;

	*bad = STR_NONE;
	if (s->fd < 0)
		return 0;
	if (all)
		return sweep(s, a, ".", keep_lock, bad);
	/* The log first: what is left behind by a failure is then harmless. */
	err = sweep(s, a, ".", keep_but_log, bad);
	if (!err)
		err = clean_tasks(s, a, bad, &calls);
	if (!err)
		err = sweep(s, a, "results", calls ? keep_whole : keep_results, bad);
	if (!err && !calls && (err = os_remove_tree(s->fd, "views")))
		*bad = STR(FOLDER "/views");
	return err;
}
