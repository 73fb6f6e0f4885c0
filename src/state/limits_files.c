#include "state/limits.h"
#include "state/limits_parts.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/path.h"
#include "state/limits_folder.h"

#define MUTEX_TRIES 20

static void read_boot(char boot[BUCKET_BOOT_MAX])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, boot, BUCKET_BOOT_MAX - 1);

	if (fd >= 0)
		close(fd);
	boot[n > 0 ? n : 0] = '\0';
	boot[strcspn(boot, " \n")] = '\0';
	if (!*boot)
		strcpy(boot, "-");
}

struct limits *limits_open(struct arena *a, struct str *problem)
{
	struct str path;
	int fd = limits_folder_open(a, &path, problem);
	struct limits *l;

	if (fd < 0)
		return NULL;
	l = arena_new(a, struct limits);
	l->arena = a;
	l->path = path;
	l->folder_fd = fd;
	l->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	read_boot(l->boot);
	return l;
}

static void close_files(struct limit *l)
{
	if (l->state_fd >= 0)
		close(l->state_fd);
	if (l->places_fd >= 0)
		close(l->places_fd);
	l->state_fd = l->places_fd = -1;
	l->queued = false;
	if (l->of->inotify_fd < 0)
		return;
	inotify_rm_watch(l->of->inotify_fd, l->state_watch);
	inotify_rm_watch(l->of->inotify_fd, l->places_watch);
}

void limits_close(struct limits *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->all.n; i++)
		close_files(l->all.p[i]);
	close(l->folder_fd);
	if (l->inotify_fd >= 0)
		close(l->inotify_fd);
}

int limits_fd(const struct limits *l)
{
	return l->inotify_fd;
}

static void note_event(struct limits *l, const struct inotify_event *e)
{
	for (size_t i = 0; i < l->all.n; i++)
		if ((e->mask & IN_CLOSE_WRITE) && (l->all.p[i]->state_watch == e->wd || l->all.p[i]->places_watch == e->wd))
			l->all.p[i]->closed_lately = true;
}

void limits_drain(struct limits *l)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t n;

	while (l->inotify_fd >= 0 && (n = read(l->inotify_fd, events, sizeof events)) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(events + at);

			note_event(l, e);
			at += (ssize_t)(sizeof *e + e->len);
		}
}

int limits_open_own(const struct limits *l, struct str name, int how)
{
	assert(name.p);
	int fd = openat(l->folder_fd, name.p, how | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	struct stat st;

	int err = fd < 0 ? errno : fstat(fd, &st) ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;

	if (fd >= 0 && err) {
		close(fd);
		fd = -1;
	}
	errno = err;
	return fd;
}

static int watch(const struct limits *l, struct str name, uint32_t events)
{
	char path[4096];

	if (l->inotify_fd < 0 || snprintf(path, sizeof path, "%.*s/%.*s", STR_ARG(l->path), STR_ARG(name)) >= (int)sizeof path)
		return -1;
	return inotify_add_watch(l->inotify_fd, path, events);
}

/* 0 or errno. */
static int open_files(struct limit *l)
{
	l->state_fd = limits_open_own(l->of, l->state_name, O_RDWR);
	if (l->state_fd < 0)
		return errno;
	l->places_fd = limits_open_own(l->of, l->places_name, O_RDONLY);
	if (l->places_fd < 0)
		return errno;
	l->state_watch = watch(l->of, l->state_name, IN_MODIFY | IN_CLOSE_WRITE);
	l->places_watch = watch(l->of, l->places_name, IN_CLOSE_WRITE);
	return 0;
}

struct limit *limit_of(struct limits *ls, struct str provider)
{
	struct str name = path_escape_name(ls->arena, provider), state = arena_printf(ls->arena, "%.*s.state", STR_ARG(name));
	struct limit *l;
	int err;

	for (size_t i = 0; i < ls->all.n; i++)
		if (str_eq(ls->all.p[i]->state_name, state))
			return ls->all.p[i];
	l = arena_new(ls->arena, struct limit);
	*l = (struct limit){.of = ls, .state_name = state, .state_fd = -1, .places_fd = -1, .state_watch = -1, .places_watch = -1};
	l->places_name = arena_printf(ls->arena, "%.*s.places", STR_ARG(name));
	err = open_files(l);
	if (err) {
		close_files(l);
		errno = err;
		return NULL;
	}
	vec_push(ls->arena, &ls->all, l);
	return l;
}

int limits_lock(int fd, short type, int64_t start, int64_t length)
{
	struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	while (fcntl(fd, F_OFD_SETLK, &fl))
		if (errno != EINTR)
			return errno == EACCES ? EAGAIN : errno;
	return 0;
}

bool limits_locked(int fd, int64_t start, int64_t length)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	return length > 0 && !fcntl(fd, F_OFD_GETLK, &fl) && fl.l_type != F_UNLCK;
}

/* The right to change the state is held for microseconds; but its holder may have been stopped, and is not waited for. */
static int lock_state(const struct limit *l)
{
	const struct timespec pause = {0, NS_PER_MS};
	int err = limits_lock(l->state_fd, F_WRLCK, 0, 1);

	for (int i = 0; err == EAGAIN && i < MUTEX_TRIES; i++) {
		nanosleep(&pause, NULL);
		err = limits_lock(l->state_fd, F_WRLCK, 0, 1);
	}
	return err;
}

/* Does the folder still have the files that are open? */
static bool still_there(const struct limit *l)
{
	struct stat state, places;

	return !fstat(l->state_fd, &state) && !fstat(l->places_fd, &places) && state.st_nlink && places.st_nlink;
}

int limit_enter(struct limit *l, struct bucket *b)
{
	char text[BUCKET_TEXT];
	ssize_t n;
	int err;

	for (int i = 0; i < 2; i++) {
		err = l->state_fd < 0 ? open_files(l) : 0;
		if (!err)
			err = lock_state(l);
		if (err)
			return err;
		if (still_there(l))
			break;
		close_files(l);
	}
	if (l->state_fd < 0)
		return EAGAIN;
	n = TEMP_FAILURE_RETRY(pread(l->state_fd, text, sizeof text, 0));
	if (n < 0) {
		err = errno;
		limits_lock(l->state_fd, F_UNLCK, 0, 1);
		return err;
	}
	bucket_parse((struct str){text, (size_t)n}, b);
	return 0;
}

int limit_put(struct limit *l, const struct bucket *b, bool changed)
{
	char text[BUCKET_TEXT];
	int err = 0;

	if (changed) {
		bucket_print(b, text);
		err = os_pwrite_all(l->state_fd, text, sizeof text, 0);
	}
	limits_lock(l->state_fd, F_UNLCK, 0, 1);
	return err;
}
