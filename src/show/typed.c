#include "show/typed.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

struct typed {
	int fd;
	struct loop *loop;
	void (*fn)(void *self);
	void *self;
	int waiting;    /* bytes of whole lines that nobody has read yet */
	unsigned lines; /* not asked for yet */
};

static int waiting_bytes(const struct typed *t)
{
	int n = 0;
	return ioctl(t->fd, FIONREAD, &n) < 0 ? 0 : n;
}

/* Do lines that are typed appear, each with its end? */
static bool is_echoed(const struct typed *t)
{
	struct termios how;
	return !tcgetattr(t->fd, &how) && how.c_lflag & ICANON && how.c_lflag & ECHO;
}

/* Each end of a line wakes the loop. Should it have been busy meanwhile, how many they are is not certain, but one is. */
static void look(struct typed *t)
{
	int now = waiting_bytes(t);
	t->lines += now > t->waiting && is_echoed(t);
	t->waiting = now;
}

static void came(void *typed, uint32_t events)
{
	struct typed *t = typed;
	(void)events;
	look(t);
	if (t->lines)
		t->fn(t->self);
}

struct typed *typed_open(const char *path, struct loop *l, void (*fn)(void *self), void *self)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	struct typed *t = xcalloc(1, sizeof *t);
	*t = (struct typed){.fd = fd, .loop = l, .fn = fn, .self = self};
	t->waiting = waiting_bytes(t);
	/* By edges: nobody reads, so there is always something. */
	if (!loop_watch(l, fd, EPOLLIN | EPOLLET, came, t))
		return t;
	close(fd);
	free(t);
	return NULL;
}

void typed_close(struct typed *t)
{
	if (!t)
		return;
	loop_close(t->loop, t->fd);
	free(t);
}

unsigned typed_lines(struct typed *t)
{
	if (!t)
		return 0;
	look(t);
	unsigned n = t->lines;
	t->lines = 0;
	return n;
}
