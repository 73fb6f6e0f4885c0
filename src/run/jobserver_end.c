#include "run/jobserver_end.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct jobserver_end jobserver_end_reopen(int fd, int access)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int own = open(path, access | O_NONBLOCK | O_CLOEXEC);
	return own >= 0 ? (struct jobserver_end){own, true} : (struct jobserver_end){fd, false};
}

static bool no_nowait(int error)
{
	return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL;
}

ssize_t jobserver_end_read(struct jobserver_end e, unsigned char *byte)
{
	struct iovec io = {byte, 1};
	struct pollfd p = {.fd = e.fd, .events = POLLIN};

	if (e.own)
		return read(e.fd, byte, 1);
	ssize_t n = preadv2(e.fd, &io, 1, -1, RWF_NOWAIT);
	if (n >= 0 || !no_nowait(errno))
		return n;
	/* A kernel that cannot read a pipe without waiting: between poll and read another process may take the byte, and then
	 * this waits for the next. */
	int ready = poll(&p, 1, 0);
	if (ready == 0)
		errno = EAGAIN;
	return ready > 0 ? read(e.fd, byte, 1) : -1;
}

static ssize_t write_byte(struct jobserver_end e, unsigned char byte)
{
	struct iovec io = {&byte, 1};
	struct pollfd p = {.fd = e.fd, .events = POLLOUT};

	if (e.own)
		return write(e.fd, &byte, 1);
	ssize_t n = pwritev2(e.fd, &io, 1, -1, RWF_NOWAIT);
	if (n >= 0 || !no_nowait(errno))
		return n;
	int ready = poll(&p, 1, 0);
	if (ready == 0)
		errno = EAGAIN;
	return ready > 0 ? write(e.fd, &byte, 1) : -1;
}

static int ms_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int)((now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000);
}

int jobserver_end_put(struct jobserver_end e, unsigned char byte, int *ms)
{
	struct timespec start = {0};
	int left = *ms;

	while (write_byte(e, byte) != 1) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return errno;
		if (!start.tv_sec && !start.tv_nsec)
			clock_gettime(CLOCK_MONOTONIC, &start);
		left = *ms - ms_since(&start);
		if (left <= 0) {
			*ms = 0;
			return EAGAIN;
		}
		/* Not the whole time at once: a pipe may take a byte into a page that is begun while poll still calls it full. */
		struct pollfd p = {.fd = e.fd, .events = POLLOUT};
		poll(&p, 1, left < 10 ? left : 10);
	}
	*ms = left;
	return 0;
}

void jobserver_end_close(struct jobserver_end e)
{
	if (e.own && e.fd >= 0)
		close(e.fd);
}
