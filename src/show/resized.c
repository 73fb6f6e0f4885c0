#include "show/resized.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

struct resized {
	int fd;
	struct loop *loop;
	void (*fn)(void *self);
	void *self;
	struct sigaction before;
};

/* For the handler. */
static volatile sig_atomic_t wake_fd = -1;

/* Not blocked and read by the loop as other signals are: whoever is started would begin with it blocked. */
static void on_resize(int signal_number)
{
	static const uint64_t one = 1;
	int saved = errno;
	(void)signal_number;
	if (wake_fd >= 0)
		(void)!write((int)wake_fd, &one, sizeof one);
	errno = saved;
}

static void woken(void *resized, uint32_t events)
{
	struct resized *r = resized;
	uint64_t n;
	(void)events;
	if (read(r->fd, &n, sizeof n) == sizeof n)
		r->fn(r->self);
}

struct resized *resized_open(struct loop *l, void (*fn)(void *self), void *self)
{
	struct resized *r = xcalloc(1, sizeof *r);
	*r = (struct resized){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .loop = l, .fn = fn, .self = self};
	int err = r->fd < 0 ? errno : loop_watch(l, r->fd, EPOLLIN, woken, r);
	if (err) {
		if (r->fd >= 0)
			close(r->fd);
		free(r);
		errno = err;
		return NULL;
	}
	wake_fd = r->fd;
	sigaction(SIGWINCH, &(struct sigaction){.sa_handler = on_resize, .sa_flags = SA_RESTART}, &r->before);
	return r;
}

void resized_close(struct resized *r)
{
	if (!r)
		return;
	sigaction(SIGWINCH, &r->before, NULL);
	wake_fd = -1;
	loop_close(r->loop, r->fd);
	free(r);
}
