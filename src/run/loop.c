#include "run/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/vec.h"
#include "run/inherited.h"

enum {
	BATCH = 64,   /* events taken from the kernel in one turn */
	SIGNALS = 16, /* signals read at once */
};
#define SIGNAL_EVENT UINT64_MAX

struct watch {
	void (*fn)(void *self, uint32_t events); /* NULL: not watched */
	void *self;
	uint32_t gen; /* of this descriptor number: tells an event of a closed descriptor from one of its successor */
};

struct loop {
	int epoll_fd, signal_fd;
	bool masked; /* the three below are to be restored */
	sigset_t old_mask;
	struct sigaction old_pipe, old_size, old_child;
	void (*on_signal)(void *self, const struct signalfd_siginfo *si);
	void *signal_self;
	VEC(struct watch) watches;       /* by descriptor */
	VEC(struct loop_timer *) timers; /* a heap, soonest first */
};

/* A blocked signal is queued even where it is ignored, so what has to stay ignored must not be blocked. */
static void signals_wanted(sigset_t *set)
{
	const struct inherited *in = inherited_signals();
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGTERM);
	const int ignorable[] = {SIGINT, SIGHUP, SIGQUIT};
	for (size_t i = 0; i < sizeof ignorable / sizeof *ignorable; i++)
		if (!sigismember(&in->ignored, ignorable[i]))
			sigaddset(set, ignorable[i]);
}

static int signals_take(struct loop *l)
{
	sigset_t wanted;
	signals_wanted(&wanted);
	int err = pthread_sigmask(SIG_BLOCK, &wanted, &l->old_mask);
	if (err)
		return err;
	struct sigaction ignore = {.sa_handler = SIG_IGN}, def = {.sa_handler = SIG_DFL};
	/* With SIGCHLD ignored, as some parents leave it, the kernel would throw away every exit status. A file that reaches `ulimit -f` is to be an error, as a full disk is. */
	if (sigaction(SIGPIPE, &ignore, &l->old_pipe) < 0 || sigaction(SIGXFSZ, &ignore, &l->old_size) < 0 || sigaction(SIGCHLD, &def, &l->old_child) < 0)
		return errno;
	l->masked = true;
	l->signal_fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	return l->signal_fd < 0 ? errno : 0;
}

struct loop *loop_new(void)
{
	struct loop *l = xcalloc(1, sizeof *l);
	l->signal_fd = -1;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int err = l->epoll_fd < 0 ? errno : signals_take(l);
	if (!err) {
		struct epoll_event ev = {.events = EPOLLIN, .data.u64 = SIGNAL_EVENT};
		if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->signal_fd, &ev) < 0)
			err = errno;
	}
	if (err) {
		loop_free(l);
		errno = err;
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	if (l->signal_fd >= 0)
		close(l->signal_fd);
	if (l->masked) {
		sigaction(SIGPIPE, &l->old_pipe, NULL);
		sigaction(SIGXFSZ, &l->old_size, NULL);
		sigaction(SIGCHLD, &l->old_child, NULL);
		pthread_sigmask(SIG_SETMASK, &l->old_mask, NULL);
	}
	for (size_t i = 0; i < l->timers.n; i++)
		l->timers.p[i]->place = 0;
	vec_free(&l->timers);
	vec_free(&l->watches);
	free(l);
}

void loop_on_signal(struct loop *l, void (*fn)(void *self, const struct signalfd_siginfo *si), void *self)
{
	l->on_signal = fn;
	l->signal_self = self;
}

int loop_watch(struct loop *l, int fd, uint32_t events, void (*fn)(void *self, uint32_t events), void *self)
{
	if (fd < 0)
		return EBADF;
	assert(fn);
	while (l->watches.n <= (size_t)fd)
		vec_push(NULL, &l->watches, (struct watch){.fn = NULL});
	struct watch *w = &l->watches.p[fd];
	struct epoll_event ev = {.events = events, .data.u64 = (uint64_t)(w->gen + 1) << 32 | (uint32_t)fd};
	int op = w->fn ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	/* It is still there where the kernel could not take it away. */
	if (epoll_ctl(l->epoll_fd, op, fd, &ev) < 0 && (errno != EEXIST || epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, fd, &ev) < 0))
		return errno;
	*w = (struct watch){.fn = fn, .self = self, .gen = w->gen + 1};
	return 0;
}

void loop_unwatch(struct loop *l, int fd)
{
	if (fd < 0 || (size_t)fd >= l->watches.n || !l->watches.p[fd].fn)
		return;
	l->watches.p[fd].fn = NULL;
	/* Fails only where the descriptor was closed before, and then the kernel has forgotten it already. */
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void loop_close(struct loop *l, int fd)
{
	if ((size_t)fd < l->watches.n)
		l->watches.p[fd].fn = NULL;
	close(fd); /* and with the last of its kind the kernel forgets that it was watched */
}

static bool sooner(const struct loop *l, size_t a, size_t b)
{
	return l->timers.p[a]->at_ns < l->timers.p[b]->at_ns;
}

static void heap_swap(struct loop *l, size_t a, size_t b)
{
	struct loop_timer *t = l->timers.p[a];
	l->timers.p[a] = l->timers.p[b];
	l->timers.p[b] = t;
	l->timers.p[a]->place = a + 1;
	l->timers.p[b]->place = b + 1;
}

static void heap_settle(struct loop *l, size_t i)
{
	for (; i > 0 && sooner(l, i, (i - 1) / 2); i = (i - 1) / 2)
		heap_swap(l, i, (i - 1) / 2);
	for (;;) {
		size_t least = i;
		for (size_t kid = 2 * i + 1; kid <= 2 * i + 2 && kid < l->timers.n; kid++)
			if (sooner(l, kid, least))
				least = kid;
		if (least == i)
			return;
		heap_swap(l, i, least);
		i = least;
	}
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_ns)
{
	assert(t->fn);
	t->at_ns = at_ns;
	if (!t->place) {
		vec_push(NULL, &l->timers, t);
		t->place = l->timers.n;
	}
	heap_settle(l, t->place - 1);
}

void loop_timer_clear(struct loop *l, struct loop_timer *t)
{
	if (!t->place)
		return;
	size_t i = t->place - 1, last = l->timers.n - 1;
	assert(i <= last && l->timers.p[i] == t);
	if (i != last)
		heap_swap(l, i, last);
	l->timers.n--;
	t->place = 0;
	if (i != last)
		heap_settle(l, i);
}

/* Milliseconds to wait, rounded up: a turn that ends a moment before its timer would only turn again. */
static int wait_ms(const struct loop *l, bool block)
{
	if (!block)
		return 0;
	if (!l->timers.n)
		return -1;
	int64_t left = l->timers.p[0]->at_ns - clock_ns();
	if (left <= 0)
		return 0;
	int64_t ms = left / NS_PER_MS + (left % NS_PER_MS != 0);
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

static int read_signals(struct loop *l)
{
	struct signalfd_siginfo si[SIGNALS];
	for (;;) {
		ssize_t n = read(l->signal_fd, si, sizeof si);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : errno;
		size_t count = (size_t)n / sizeof *si;
		for (size_t i = 0; i < count; i++)
			if (l->on_signal)
				l->on_signal(l->signal_self, &si[i]);
		if (count < SIGNALS)
			return 0;
	}
}

/* A timer that sets itself again for the past waits for the next turn: descriptors get theirs. */
static void run_timers(struct loop *l)
{
	if (!l->timers.n)
		return;
	int64_t now = clock_ns();
	for (size_t most = l->timers.n; most && l->timers.n && l->timers.p[0]->at_ns <= now; most--) {
		struct loop_timer *t = l->timers.p[0];
		loop_timer_clear(l, t);
		t->fn(t->self);
	}
}

static void run_event(struct loop *l, const struct epoll_event *ev)
{
	if (ev->data.u64 == SIGNAL_EVENT)
		return;
	size_t fd = (uint32_t)ev->data.u64;
	if (fd >= l->watches.n)
		return;
	struct watch w = l->watches.p[fd]; /* a copy: the callback may make the table grow */
	if (w.fn && w.gen == (uint32_t)(ev->data.u64 >> 32))
		w.fn(w.self, ev->events);
}

int loop_turn(struct loop *l, bool block)
{
	struct epoll_event ev[BATCH];
	int n = epoll_wait(l->epoll_fd, ev, BATCH, wait_ms(l, block));
	if (n < 0) {
		if (errno != EINTR)
			return errno;
		n = 0;
	}
	/* In a full batch the signals may not have found room. */
	bool signals = n == BATCH;
	for (int i = 0; i < n && !signals; i++)
		signals = ev[i].data.u64 == SIGNAL_EVENT;
	int err = signals ? read_signals(l) : 0;
	if (err)
		return err;
	run_timers(l);
	for (int i = 0; i < n; i++)
		run_event(l, &ev[i]);
	return 0;
}
