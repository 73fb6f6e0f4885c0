#include "show/linefile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define LAST_WAIT_NS (2 * NS_PER_S)
#define PIECE ((size_t)64 << 10)

/* Which of standard output and error leads to this file; -1: neither. */
static int standard_stream(const struct stat *st)
{
	struct stat other;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (!fstat(fd, &other) && other.st_dev == st->st_dev && other.st_ino == st->st_ino)
			return fd;
	return -1;
}

/* Where a file was emptied, ext4 has all that is written to it brought to the disk when it is closed next, for which the run would wait. So that is done before anything is written. */
static void close_emptied(struct linefile *l)
{
	struct sbuf path = {0};
	sbuf_printf(&path, "/proc/self/fd/%d", l->fd);
	int fd = open(path.p, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	sbuf_free(&path);
	if (fd < 0)
		return;
	close(l->fd);
	l->fd = fd;
}

static int empty(struct linefile *l)
{
	if (ftruncate(l->fd, 0))
		return errno;
	close_emptied(l);
	return 0;
}

/* Emptied only here: O_TRUNC would also take what was printed before from a log that is both. There all writers have to share one place to write at. */
static int take_file(struct linefile *l)
{
	struct stat st;
	l->taken = true;
	if (fstat(l->fd, &st))
		return errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	int stream = standard_stream(&st);
	if (stream < 0)
		return l->anew && st.st_size ? empty(l) : 0;
	close(l->fd);
	l->fd = fcntl(stream, F_DUPFD_CLOEXEC, 3);
	return l->fd < 0 ? errno : 0;
}

int linefile_open(struct linefile *l, const char *path, bool anew)
{
	*l = (struct linefile){.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666), .anew = anew};
	if (l->fd < 0)
		return errno;
	sbuf_reserve(&l->waiting, PIECE);
	return 0;
}

int linefile_open_over(struct linefile *l, const char *path, size_t n)
{
	struct stat st;
	/* To make it where it is missing would cost more, also where it is not: its folder would be locked. */
	*l = (struct linefile){.fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), .taken = true};
	if (l->fd < 0)
		return linefile_open(l, path, true);
	bool own = !fstat(l->fd, &st) && S_ISREG(st.st_mode) && standard_stream(&st) < 0;
	if (own && (st.st_size <= (off_t)n || !ftruncate(l->fd, (off_t)n)))
		return 0;
	close(l->fd);
	return linefile_open(l, path, true);
}

static void give_up(struct linefile *l, int err)
{
	l->err = err;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	sbuf_free(&l->waiting);
}

void linefile_added(struct linefile *l, size_t before)
{
	/* Many lines at once are not gathered in memory. Whoever reads slowly is not asked again for each. */
	if (l->waiting.n / PIECE > before / PIECE)
		linefile_flush(l);
}

void linefile_add(struct linefile *l, struct str lines)
{
	size_t before = l->waiting.n;
	if (l->fd < 0)
		return;
	sbuf_str(&l->waiting, lines);
	linefile_added(l, before);
}

void linefile_give(struct linefile *l, struct sbuf *lines)
{
	sbuf_free(&l->waiting);
	l->waiting = *lines;
	*lines = (struct sbuf){0};
}

void linefile_flush(struct linefile *l)
{
	int err = l->fd >= 0 && l->waiting.n && !l->taken ? take_file(l) : 0;
	if (err)
		give_up(l, err);
	while (l->fd >= 0 && l->written < l->waiting.n) {
		ssize_t n = write(l->fd, l->waiting.p + l->written, l->waiting.n - l->written);
		if (n >= 0)
			l->written += (size_t)n;
		else if (errno == EAGAIN && l->waiting.n - l->written < LINEFILE_ROOM)
			break;
		else if (errno != EINTR)
			give_up(l, errno);
	}
	if (l->fd < 0 || !l->written)
		return;
	if (l->written == l->waiting.n) {
		sbuf_clear(&l->waiting);
		l->written = 0;
		return;
	}
	memmove(l->waiting.p, l->waiting.p + l->written, l->waiting.n - l->written);
	l->waiting.n -= l->written;
	l->written = 0;
}

int linefile_close(struct linefile *l)
{
	linefile_flush(l);
	int64_t until = l->waiting.n ? clock_ns() + LAST_WAIT_NS : 0;
	for (int64_t left; l->fd >= 0 && l->waiting.n && (left = until - clock_ns()) > 0; linefile_flush(l)) {
		struct pollfd p = {.fd = l->fd, .events = POLLOUT};
		if (poll(&p, 1, (int)(left / NS_PER_MS) + 1) < 0 && errno != EINTR)
			break;
	}
	if (l->fd >= 0 && l->waiting.n)
		give_up(l, EAGAIN);
	if (l->fd >= 0 && close(l->fd))
		l->err = errno;
	l->fd = -1;
	sbuf_free(&l->waiting);
	return l->err;
}
