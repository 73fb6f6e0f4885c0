#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

enum { MOST_THREADS = 4, STACK = 1 << 20 };

struct pool {
	size_t n, piece;
	bool (*fn)(void *self, size_t from, size_t to);
	void *self;
	atomic_size_t next;  /* element that nobody has begun with */
	atomic_bool stopped; /* some fn said false */
};

static void *work(void *self)
{
	struct pool *p = self;

	while (!atomic_load_explicit(&p->stopped, memory_order_relaxed)) {
		size_t from = atomic_fetch_add_explicit(&p->next, p->piece, memory_order_relaxed);

		if (from >= p->n)
			break;
		if (!p->fn(p->self, from, p->n - from < p->piece ? p->n : from + p->piece))
			atomic_store_explicit(&p->stopped, true, memory_order_relaxed);
	}
	return NULL;
}

/* How many are worth it, this one included. */
static size_t threads_for(const struct pool *p, size_t worth)
{
	size_t pieces = p->n / p->piece, most;
	cpu_set_t cpus;

	if (pieces < worth)
		return 1;
	/* More processors than a set of this size holds: EINVAL, and there are many. */
	most = sched_getaffinity(0, sizeof cpus, &cpus) ? MOST_THREADS : (size_t)CPU_COUNT(&cpus);
	most = most > MOST_THREADS ? MOST_THREADS : most;
	return most > pieces ? pieces : most;
}

/* Starts up to n; how many could be. */
static size_t start(struct pool *p, pthread_t *threads, size_t n)
{
	pthread_attr_t attr;
	sigset_t all, before;
	size_t started = 0;

	if (!n || pthread_attr_init(&attr))
		return 0;
	pthread_attr_setstacksize(&attr, STACK);
	/* A thread has its maker's mask: signals are for the one that waits for them. */
	sigfillset(&all);
	if (!pthread_sigmask(SIG_SETMASK, &all, &before)) {
		while (started < n && !pthread_create(&threads[started], &attr, work, p))
			started++;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_attr_destroy(&attr);
	return started;
}

static bool each(struct pool *p, size_t worth)
{
	pthread_t threads[MOST_THREADS];
	size_t started = start(p, threads, threads_for(p, worth) - 1);

	work(p);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return !p->stopped;
}

bool pool_each(size_t n, size_t piece, bool (*fn)(void *self, size_t from, size_t to), void *self)
{
	return each(&(struct pool){.n = n, .piece = piece ? piece : 1, .fn = fn, .self = self}, POOL_WORTH);
}

bool pool_each_long(size_t n, bool (*fn)(void *self, size_t from, size_t to), void *self)
{
	return each(&(struct pool){.n = n, .piece = 1, .fn = fn, .self = self}, 2);
}
