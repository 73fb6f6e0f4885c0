#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "state/store.h"

#define LOCK "lock"

enum { LOCK_TEXT = 128, STAT_TEXT = 1024 };

static struct flock whole_file(void)
{
	/* l_pid 0 is what open file description locks ask for. */
	return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* "DEVICE INODE\n" of the file in which the holder wrote. A root that is renamed keeps both, a copy has others; devices may be numbered anew when the machine starts. */
static bool is_elsewhere(const char *line, int64_t since_ns, const struct stat *here)
{
	uint64_t device, inode;
	int end = 0;

	if (sscanf(line, "%" SCNu64 " %" SCNu64 "%n", &device, &inode, &end) != 2 || line[end] != '\n')
		return false;
	return inode != here->st_ino || (device != here->st_dev && since_ns > clock_boot_wall_ns());
}

/* "PID RUN-ID SINCE-NS\n" and the line of is_elsewhere; those of an earlier holder may hang on behind shorter ones, hence the newlines. */
static void read_holder(int fd, struct lock_holder *h, const struct stat *here)
{
	char text[LOCK_TEXT + 1];
	ssize_t n = TEMP_FAILURE_RETRY(pread(fd, text, LOCK_TEXT, 0));
	struct lock_holder got = {0};
	int pid, end = 0;

	if (n <= 0)
		return;
	text[n] = '\0';
	if (sscanf(text, "%9d %" SCNu64 " %" SCNd64 "%n", &pid, &got.run_id, &got.since_ns, &end) != 3 || text[end] != '\n' ||
	    pid <= 0)
		return;
	h->pid = pid;
	h->run_id = got.run_id;
	h->since_ns = got.since_ns;
	h->copied = here && is_elsewhere(text + end + 1, got.since_ns, here);
}

struct lock_holder store_lock_holder(const struct store *s)
{
	struct lock_holder h = {0};
	struct flock fl = whole_file();
	int fd = s->fd < 0 ? -1 : openat(s->fd, LOCK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return h;
	h.held = !fcntl(fd, F_OFD_GETLK, &fl) && fl.l_type != F_UNLCK;
	if (h.held)
		read_holder(fd, &h, NULL);
	close(fd);
	return h;
}

bool store_at_rest(const struct store *s)
{
	struct flock fl = whole_file();
	int fd = s->fd < 0 ? -1 : openat(s->fd, LOCK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	bool rests = fd >= 0 && !fcntl(fd, F_OFD_GETLK, &fl) && fl.l_type == F_UNLCK && !fstat(fd, &st) && S_ISREG(st.st_mode) && !st.st_size;

	if (fd >= 0)
		close(fd);
	return rests;
}

/* The parent of pid as /proc tells; 0 when it does not. */
static pid_t parent_of(pid_t pid)
{
	char path[32], text[STAT_TEXT + 1], *after;
	ssize_t n;
	int fd, parent;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, STAT_TEXT);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* A program's name may hold anything, ')' and blanks too: fields are counted from its end. */
	after = strrchr(text, ')');
	return after && sscanf(after + 1, " %*c %d", &parent) == 1 && parent > 0 ? parent : 0;
}

bool store_is_ancestor(pid_t pid)
{
	pid_t at = getpid(), parent = getppid();

	if (pid <= 0)
		return false;
	while (at > 0 && at != pid) {
		at = parent;
		parent = at > 1 ? parent_of(at) : 0;
	}
	return at > 0;
}

static enum lock_result lock_error(struct store *s, struct store_error *err, struct arena *a, const char *what, int code)
{
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	s->lock_fd = -1;
	err->message = arena_printf(a, "cannot %s .axmake/lock: %s", what, os_error(code));
	return LOCK_FAILED;
}

static int open_lock(const struct store *s)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = openat(s->fd, LOCK, flags, 0600);

	/* A link is replaced, never written through. */
	if (fd < 0 && errno == ELOOP && !unlinkat(s->fd, LOCK, 0))
		fd = openat(s->fd, LOCK, flags, 0600);
	return fd;
}

/* Does the name still lead to the file that was locked? Another one may have come in its place while this waited. */
static bool still_named(const struct store *s)
{
	struct stat mine, named;

	return !fstat(s->lock_fd, &mine) && !fstatat(s->fd, LOCK, &named, AT_SYMLINK_NOFOLLOW) && mine.st_ino == named.st_ino &&
	       mine.st_dev == named.st_dev;
}

/* One write and then the cut, so that a reader finds whole lines at any time. */
static int write_holder(int fd, uint64_t run_id, const struct stat *st)
{
	char text[LOCK_TEXT];
	int n = snprintf(text, sizeof text, "%d %" PRIu64 " %" PRId64 "\n%" PRIu64 " %" PRIu64 "\n", (int)getpid(), run_id, clock_wall_ns(),
	                 (uint64_t)st->st_dev, (uint64_t)st->st_ino);
	int err = os_pwrite_all(fd, text, (size_t)n, 0);

	return err ? err : ftruncate(fd, n) ? errno : 0;
}

/* Locks lock_fd. 0, EAGAIN (not `wait`, and it is held), or another errno. */
static int take(struct store *s, bool wait)
{
	struct flock fl = whole_file();

	while (fcntl(s->lock_fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &fl)) {
		if (errno == EACCES)
			return EAGAIN;
		if (errno != EINTR)
			return errno;
	}
	return 0;
}

/* The lock is somebody else's; is that for good? */
static bool held_by_ancestor(struct store *s, struct lock_holder *holder)
{
	*holder = store_lock_holder(s);
	holder->held = true;
	return store_is_ancestor(holder->pid);
}

static enum lock_result give_up(struct store *s, enum lock_result result)
{
	close(s->lock_fd);
	s->lock_fd = -1;
	return result;
}

enum lock_result store_lock(struct store *s, uint64_t run_id, bool wait, struct lock_holder *holder, struct store_error *err,
                            struct arena *a)
{
	struct stat st;
	int code;

	*holder = (struct lock_holder){0};
	err->message = STR_NONE;
	for (;;) {
		s->lock_fd = open_lock(s);
		if (s->lock_fd < 0)
			return lock_error(s, err, a, "open", errno);
		code = fstat(s->lock_fd, &st) ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;
		if (code)
			return lock_error(s, err, a, "use", code);
		code = take(s, false);
		if (code == EAGAIN) {
			if (held_by_ancestor(s, holder))
				return give_up(s, LOCK_OWN_ANCESTOR);
			if (!wait)
				return give_up(s, LOCK_BUSY);
			code = take(s, true);
		}
		if (code)
			return lock_error(s, err, a, "lock", code);
		if (still_named(s))
			break;
		give_up(s, LOCK_BUSY);
	}
	s->lock_pid = getpid();
	read_holder(s->lock_fd, holder, &st);
	code = write_holder(s->lock_fd, run_id, &st);
	return code ? lock_error(s, err, a, "write", code) : LOCK_TAKEN;
}
