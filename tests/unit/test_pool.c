/* Work that several threads share. */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/pool.h"

#define MANY 10007

struct job {
	unsigned char times[MANY];
	atomic_size_t pieces;
	size_t most; /* elements that may come at once */
	atomic_bool too_many;
	size_t stop_at;
};

static bool count(void *self, size_t from, size_t to)
{
	struct job *j = self;

	atomic_fetch_add(&j->pieces, 1);
	if (to - from > j->most || from >= to)
		atomic_store(&j->too_many, true);
	for (size_t i = from; i < to; i++)
		j->times[i]++;
	return from < j->stop_at;
}

static void each_element_is_done_once(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 63, 64, 65, 256, 257, 4096, MANY};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct job *j = calloc(1, sizeof *j);

		j->most = 64;
		j->stop_at = MANY;
		assert_true(pool_each(sizes[i], 64, count, j));
		for (size_t k = 0; k < MANY; k++)
			assert_int_equal(j->times[k], k < sizes[i]);
		assert_int_equal(j->pieces, (sizes[i] + 63) / 64);
		assert_false(j->too_many);
		free(j);
	}
}

/* Pieces begin in ascending order: all before the one that says no have been begun, and are done. */
static void one_that_says_no_ends_it(void **state)
{
	struct job *j = calloc(1, sizeof *j);

	(void)state;
	j->most = 1;
	j->stop_at = 20;
	assert_false(pool_each(MANY, 1, count, j));
	for (size_t i = 0; i <= 20; i++)
		assert_int_equal(j->times[i], 1);
	assert_in_range(j->pieces, 21, 21 + 3); /* and what others had begun meanwhile */
	free(j);
}

struct threads {
	pthread_t caller;
	atomic_bool other, same, signalled;
};

static bool look(void *self, size_t from, size_t to)
{
	struct threads *t = self;
	sigset_t mask;

	(void)from, (void)to;
	if (pthread_equal(pthread_self(), t->caller)) {
		atomic_store(&t->same, true);
		return true;
	}
	atomic_store(&t->other, true);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	if (!sigismember(&mask, SIGINT) || !sigismember(&mask, SIGTERM) || !sigismember(&mask, SIGCHLD))
		atomic_store(&t->signalled, true);
	return true;
}

static size_t threads_now(void)
{
	DIR *d = opendir("/proc/self/task");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void little_work_starts_no_thread(void **state)
{
	struct threads t = {.caller = pthread_self()};

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(pool_each(POOL_WORTH * 10 - 1, 10, look, &t));
	assert_true(t.same);
	assert_false(t.other);
}

/* So much that a thread comes to it before the caller has done it all; and none is left. */
static bool look_slowly(void *self, size_t from, size_t to)
{
	usleep(1000);
	return look(self, from, to);
}

static void threads_take_no_signals_and_end_with_the_call(void **state)
{
	struct threads t = {.caller = pthread_self()};
	size_t threads = threads_now();
	sigset_t before, after;
	cpu_set_t cpus;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_true(pool_each(50, 1, look_slowly, &t));
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < SIGRTMAX; i++)
		assert_int_equal(sigismember(&before, i), sigismember(&after, i));
	assert_false(t.signalled);
	for (int i = 0; i < 5000 && threads_now() > threads; i++)
		usleep(1000); /* the kernel lists one a little longer than it is there */
	assert_int_equal(threads_now(), threads);
	if (!sched_getaffinity(0, sizeof cpus, &cpus) && CPU_COUNT(&cpus) > 1)
		assert_true(t.other);
}

static void two_long_elements_are_shared_and_one_is_not(void **state)
{
	struct threads one = {.caller = pthread_self()}, two = one;
	struct job *j = calloc(1, sizeof *j);
	cpu_set_t cpus;

	(void)state;
	assert_true(pool_each_long(1, look_slowly, &one));
	assert_true(one.same && !one.other);
	for (int i = 0; i < 100 && !two.other; i++)
		assert_true(pool_each_long(2, look_slowly, &two));
	if (!sched_getaffinity(0, sizeof cpus, &cpus) && CPU_COUNT(&cpus) > 1)
		assert_true(two.other);
	j->most = 1;
	j->stop_at = MANY;
	assert_true(pool_each_long(0, count, j));
	assert_true(pool_each_long(3, count, j));
	assert_true(j->times[0] == 1 && j->times[1] == 1 && j->times[2] == 1 && !j->times[3]);
	assert_false(j->too_many);
	free(j);
}

static void on_one_processor_there_is_one_thread(void **state)
{
	struct threads t = {.caller = pthread_self()};
	cpu_set_t cpus, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof cpus, &cpus), 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &cpus))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	assert_true(pool_each(50, 1, look_slowly, &t));
	assert_false(t.other);
	assert_int_equal(sched_setaffinity(0, sizeof cpus, &cpus), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_element_is_done_once),
	    cmocka_unit_test(one_that_says_no_ends_it),
	    cmocka_unit_test(little_work_starts_no_thread),
	    cmocka_unit_test(threads_take_no_signals_and_end_with_the_call),
	    cmocka_unit_test(two_long_elements_are_shared_and_one_is_not),
	    cmocka_unit_test(on_one_processor_there_is_one_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
