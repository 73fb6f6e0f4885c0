/* Taking slots and giving them back, counted byte by byte. */
#include "jobserver_fixture.h"
#include "must_fork.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

static void takes_the_implicit_slot_first_and_then_bytes(void **state)
{
	struct ctx *x = *state;
	struct slot s[4] = {0};

	fill(x, "ab", 2);
	struct jobserver *j = open_client(x);
	assert_int_equal(jobserver_role(j), JOBSERVER_CLIENT);
	assert_true(jobserver_take(j, &s[0]));
	assert_true(s[0].implicit);
	assert_int_equal(available(x->pipe[0]), 2);
	assert_int_equal(take_all(j, s + 1, 3), 2);
	assert_int_equal(s[1].byte, 'a');
	assert_int_equal(s[2].byte, 'b');
	assert_int_equal(jobserver_held(j), 3);
	assert_false(s[3].held);
	for (int i = 2; i >= 0; i--)
		jobserver_give(j, &s[i]);
	assert_int_equal(jobserver_held(j), 0);
	assert_int_equal(available(x->pipe[0]), 2);
	jobserver_close(j);
	assert_int_equal(x->n_warnings, 0);
}

static void runs_one_task_when_the_pool_is_empty(void **state)
{
	struct ctx *x = *state;
	struct slot s[2] = {0};
	struct jobserver *j = open_client(x);

	assert_int_equal(take_all(j, s, 2), 1);
	jobserver_give(j, &s[0]);
	assert_int_equal(available(x->pipe[0]), 0);
	assert_true(jobserver_take(j, &s[1]));
	jobserver_give(j, &s[1]);
	assert_int_equal(available(x->pipe[0]), 0);
	jobserver_close(j);
}

static void gives_back_a_byte_when_the_implicit_slot_ends_first(void **state)
{
	struct ctx *x = *state;
	struct slot s[3] = {0};

	fill(x, "ab", 2);
	struct jobserver *j = open_client(x);
	assert_int_equal(take_all(j, s, 3), 3);
	jobserver_give(j, &s[0]);
	assert_int_equal(available(x->pipe[0]), 1);
	assert_true(s[2].implicit);
	assert_true(s[2].held);
	assert_int_equal(jobserver_held(j), 2);
	jobserver_give(j, &s[1]);
	assert_int_equal(available(x->pipe[0]), 2);
	jobserver_give(j, &s[2]);
	assert_int_equal(available(x->pipe[0]), 2);
	unsigned counts[256];
	drain(x->pipe[0], counts);
	assert_int_equal(counts['a'], 1);
	assert_int_equal(counts['b'], 1);
	jobserver_close(j);
}

static void gives_the_same_256_bytes_back_in_any_order(void **state)
{
	struct ctx *x = *state;
	unsigned char all[256];
	static struct slot s[257];
	unsigned counts[256];

	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	fill(x, all, sizeof all);
	struct jobserver *j = open_client(x);
	memset(s, 0, sizeof s);
	srand(7);
	for (int round = 0; round < 5000; round++) {
		size_t k = (size_t)rand() % 257;
		if (s[k].held)
			jobserver_give(j, &s[k]);
		else
			assert_true(jobserver_take(j, &s[k]));
		size_t implicit = 0, held = 0;
		for (size_t i = 0; i < 257; i++) {
			held += s[i].held;
			implicit += s[i].held && s[i].implicit;
		}
		assert_int_equal(implicit, held > 0);
		assert_int_equal(jobserver_held(j), held);
		assert_int_equal(available(x->pipe[0]), 256 - (held ? held - 1 : 0));
	}
	for (size_t i = 0; i < 257; i++)
		if (s[i].held)
			jobserver_give(j, &s[i]);
	jobserver_close(j);
	drain(x->pipe[0], counts);
	for (int i = 0; i < 256; i++)
		assert_int_equal(counts[i], 1);
}

static void returns_all_at_once_and_only_once(void **state)
{
	struct ctx *x = *state;
	struct slot s[4] = {0};

	fill(x, "abc", 3);
	struct jobserver *j = open_client(x);
	assert_int_equal(take_all(j, s, 4), 4);
	errno = ENOENT;
	jobserver_return_all(j);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(available(x->pipe[0]), 3);
	jobserver_return_all(j);
	for (int i = 0; i < 4; i++)
		jobserver_give(j, &s[i]);
	jobserver_close(j);
	jobserver_close(j);
	unsigned counts[256];
	drain(x->pipe[0], counts);
	assert_true(counts['a'] == 1 && counts['b'] == 1 && counts['c'] == 1);
}

static void close_gives_back_what_is_held(void **state)
{
	struct ctx *x = *state;
	struct slot s[3] = {0};

	fill(x, "ab", 2);
	struct jobserver *j = open_client(x);
	assert_int_equal(take_all(j, s, 3), 3);
	jobserver_close(j);
	assert_int_equal(available(x->pipe[0]), 2);
}

static void never_changes_the_mode_of_inherited_descriptors(void **state)
{
	struct ctx *x = *state;

	for (int mode = 0; mode < 2; mode++) {
		struct slot s[3] = {0};
		assert_int_equal(fcntl(x->pipe[0], F_SETFL, mode ? O_NONBLOCK : 0), 0);
		int r = fcntl(x->pipe[0], F_GETFL), w = fcntl(x->pipe[1], F_GETFL);
		struct jobserver *j = open_client(x);
		fill(x, "a", 1);
		/* Blocking or not, no more than there is; and no waiting. */
		assert_int_equal(take_all(j, s, 3), 2);
		assert_int_equal(fcntl(x->pipe[0], F_GETFL), r);
		assert_int_equal(fcntl(x->pipe[1], F_GETFL), w);
		assert_int_not_equal(jobserver_wait_fd(j), x->pipe[0]);
		assert_true(fcntl(jobserver_wait_fd(j), F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(jobserver_wait_fd(j), F_GETFD) & FD_CLOEXEC);
		jobserver_close(j);
		assert_int_equal(available(x->pipe[0]), 1);
		char c;
		assert_int_equal(read(x->pipe[0], &c, 1), 1);
	}
}

/* Runs fn in a child that cannot open /proc/self/fd of an inherited pipe; its status, or -1 where neither way works. */
static int without_reopen(void (*fn)(struct ctx *x), struct ctx *x)
{
	int status;
	pid_t pid = must_fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 ? setresuid(65534, 65534, 65534) != 0
		                   : unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || mount("none", "/proc", "tmpfs", 0, NULL) != 0)
			_exit(77);
		alarm(10);
		fn(x);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 77 ? -1 : status;
}

#define CHILD_ASSERT(e)                                                                                                          \
	do {                                                                                                                     \
		if (!(e)) {                                                                                                      \
			dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__, #e);                                                       \
			_exit(1);                                                                                                \
		}                                                                                                                \
	} while (0)

static void fallback_client(struct ctx *x)
{
	struct slot s[4] = {0};
	int r = fcntl(x->pipe[0], F_GETFL), w = fcntl(x->pipe[1], F_GETFL), n;
	struct jobserver *j = open_client(x);

	CHILD_ASSERT(jobserver_role(j) == JOBSERVER_CLIENT);
	CHILD_ASSERT(jobserver_wait_fd(j) == x->pipe[0]);
	/* The pipe is in blocking mode: a plain read of the fourth would never return. */
	CHILD_ASSERT(take_all(j, s, 4) == 3);
	CHILD_ASSERT(fcntl(x->pipe[0], F_GETFL) == r && fcntl(x->pipe[1], F_GETFL) == w);
	jobserver_give(j, &s[0]);
	CHILD_ASSERT(ioctl(x->pipe[0], FIONREAD, &n) == 0 && n == 1);
	jobserver_close(j);
	CHILD_ASSERT(ioctl(x->pipe[0], FIONREAD, &n) == 0 && n == 2);
	CHILD_ASSERT(x->n_warnings == 0);
}

static void uses_inherited_descriptors_where_they_cannot_be_reopened(void **state)
{
	struct ctx *x = *state;

	fill(x, "ab", 2);
	int status = without_reopen(fallback_client, x);
	if (status < 0)
		skip();
	assert_int_equal(status, 0);
	unsigned counts[256];
	drain(x->pipe[0], counts);
	assert_true(counts['a'] == 1 && counts['b'] == 1);
}

/* Takes and gives as fast as it can beside others like it. */
static void race(struct ctx *x)
{
	struct slot s[8] = {0};
	struct jobserver *j = open_client(x);

	for (int round = 0; round < 3000; round++) {
		size_t n = take_all(j, s, 8);
		CHILD_ASSERT(n >= 1 && n <= 4);
		for (size_t i = 0; i < n; i++)
			jobserver_give(j, &s[i]);
	}
	jobserver_close(j);
}

static void plain_race(struct ctx *x)
{
	alarm(20);
	race(x);
	_exit(0);
}

static void loses_no_byte_when_many_race_for_a_blocking_pipe(void **state)
{
	struct ctx *x = *state;
	pid_t pids[4];
	int status;

	fill(x, "abc", 3);
	for (int i = 0; i < 4; i++) {
		pids[i] = must_fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			plain_race(x);
	}
	int fallback = without_reopen(race, x);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_true(fallback <= 0);
	unsigned counts[256];
	drain(x->pipe[0], counts);
	assert_true(counts['a'] == 1 && counts['b'] == 1 && counts['c'] == 1);
}

static void a_pool_that_breaks_leaves_the_implicit_slot(void **state)
{
	struct ctx *x = *state;
	struct slot s[3] = {0};

	fill(x, "ab", 2);
	struct jobserver *j = open_client(x);
	assert_int_equal(take_all(j, s, 3), 3);
	/* What can go wrong with a descriptor of our own: somebody closed it. */
	int limit = (int)sysconf(_SC_OPEN_MAX);
	for (int fd = 3; fd < (limit < 1024 ? limit : 1024); fd++) {
		int mode = fcntl(fd, F_GETFL);
		if (fd != x->pipe[0] && fd != x->pipe[1] && mode >= 0 && (mode & O_ACCMODE) == O_WRONLY && (mode & O_NONBLOCK))
			close(fd);
	}
	jobserver_give(j, &s[1]);
	jobserver_give(j, &s[2]);
	assert_int_equal(x->n_warnings, 1);
	assert_true(warned(x, "cannot give back a token: Bad file descriptor"));
	assert_int_equal(jobserver_wait_fd(j), -1);
	jobserver_give(j, &s[0]);
	assert_int_equal(take_all(j, s, 3), 1);
	jobserver_close(j);
}

static void waits_at_most_a_second_for_room(void **state)
{
	struct ctx *x = *state;
	struct slot s[2] = {0};
	char block[4096] = {0};
	struct timespec from, to;

	fill(x, "a", 1);
	struct jobserver *j = open_client(x);
	assert_int_equal(take_all(j, s, 2), 2);
	assert_int_equal(fcntl(x->pipe[1], F_SETFL, O_NONBLOCK), 0);
	while (write(x->pipe[1], block, sizeof block) > 0)
		;
	clock_gettime(CLOCK_MONOTONIC, &from);
	jobserver_give(j, &s[1]);
	clock_gettime(CLOCK_MONOTONIC, &to);
	double took = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	assert_true(took > 0.9 && took < 2.5);
	assert_int_equal(x->n_warnings, 1);
	jobserver_close(j);
}

static struct jobserver *signalled;

static void on_signal(int sig)
{
	(void)sig;
	jobserver_return_all(signalled);
	_exit(3);
}

static void returns_all_from_a_signal_handler_at_any_moment(void **state)
{
	struct ctx *x = *state;
	struct slot s[4] = {0};
	unsigned lost = 0;

	fill(x, "abc", 3);
	for (int round = 0; round < 200; round++) {
		int status, ready[2];
		assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
		pid_t pid = must_fork();
		if (pid == 0) {
			signalled = open_client(x);
			signal(SIGTERM, on_signal);
			CHILD_ASSERT(write(ready[1], "r", 1) == 1);
			CHILD_ASSERT(take_all(signalled, s, 4) == 4);
			for (;;)
				pause();
		}
		char c;
		assert_int_equal(read(ready[0], &c, 1), 1);
		while (available(x->pipe[0]) > 0)
			sched_yield();
		/* All three bytes are read; the last may not yet be noted down. */
		usleep(2000);
		kill(pid, SIGTERM);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
		lost += (unsigned)(3 - available(x->pipe[0]));
		close(ready[0]), close(ready[1]);
	}
	assert_int_equal(lost, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(takes_the_implicit_slot_first_and_then_bytes),
	    CASE(runs_one_task_when_the_pool_is_empty),
	    CASE(gives_back_a_byte_when_the_implicit_slot_ends_first),
	    CASE(gives_the_same_256_bytes_back_in_any_order),
	    CASE(returns_all_at_once_and_only_once),
	    CASE(close_gives_back_what_is_held),
	    CASE(never_changes_the_mode_of_inherited_descriptors),
	    CASE(uses_inherited_descriptors_where_they_cannot_be_reopened),
	    CASE(loses_no_byte_when_many_race_for_a_blocking_pipe),
	    CASE(a_pool_that_breaks_leaves_the_implicit_slot),
	    CASE(waits_at_most_a_second_for_room),
	    CASE(returns_all_from_a_signal_handler_at_any_moment),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("jobserver", tests, NULL, NULL);
}
