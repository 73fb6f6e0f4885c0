/* The lock of a root: who holds it, who waits, and who would wait for ever. */
#include "store_fixture.h"
#include "must_fork.h"

static void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* A process that is no ancestor of ours, holds the lock, and says so by a byte in the pipe. */
static pid_t hold_lock(struct box *b, uint64_t run_id)
{
	int fds[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = must_fork();
	if (!pid) {
		struct store s;
		struct lock_holder h;

		if (!store_open(&s, &b->arena, true, &b->err) ||
		    store_lock(&s, run_id, false, &h, &b->err, &b->arena) != LOCK_TAKEN)
			_exit(1);
		if (write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

static void kill_holder(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_held_lock_names_its_holder_and_dies_with_it(void **state)
{
	struct box *b = *state;
	struct lock_holder h;
	pid_t pid;

	open_store(b);
	assert_false(store_lock_holder(&b->s).held);
	assert_false(is_there(".axmake/lock"));
	pid = hold_lock(b, UINT64_MAX);
	h = store_lock_holder(&b->s);
	assert_true(h.held);
	assert_int_equal(h.pid, pid);
	assert_true(h.run_id == UINT64_MAX);
	assert_true(h.since_ns > clock_wall_ns() - 600 * NS_PER_S && h.since_ns <= clock_wall_ns());
	h = (struct lock_holder){0};
	assert_int_equal(store_lock(&b->s, 2, false, &h, &b->err, &b->arena), LOCK_BUSY);
	assert_int_equal(h.pid, pid);
	assert_int_equal(b->s.lock_fd, -1);
	assert_int_equal(mode_of(".axmake/lock"), S_IFREG | 0600);
	kill_holder(pid);
	assert_false(store_lock_holder(&b->s).held);
	assert_int_equal(store_lock(&b->s, 2, false, &h, &b->err, &b->arena), LOCK_TAKEN);
	h = store_lock_holder(&b->s);
	assert_true(h.held && h.pid == getpid() && h.run_id == 2);
	assert_true(fcntl(b->s.lock_fd, F_GETFD) & FD_CLOEXEC);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void waiting_ends_when_the_holder_does(void **state)
{
	struct sigaction on = {.sa_handler = on_alarm}, old; /* no SA_RESTART */
	struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
	struct box *b = *state;
	struct lock_holder h;
	pid_t pid, killer;
	int64_t began_ns;

	open_store(b);
	pid = hold_lock(b, 1);
	killer = must_fork();
	if (!killer) {
		sleep_ms(300);
		kill(pid, SIGKILL);
		_exit(0);
	}
	sigaction(SIGALRM, &on, &old);
	setitimer(ITIMER_REAL, &often, NULL);
	began_ns = clock_ns();
	assert_int_equal(store_lock(&b->s, 2, true, &h, &b->err, &b->arena), LOCK_TAKEN);
	assert_true(clock_ns() - began_ns > 100 * NS_PER_MS);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	assert_int_equal(h.pid, pid);
	waitpid(pid, NULL, 0);
	waitpid(killer, NULL, 0);
}

static void a_waiter_can_be_ended_by_a_signal(void **state)
{
	struct box *b = *state;
	pid_t holder, waiter;
	int status;

	open_store(b);
	holder = hold_lock(b, 1);
	waiter = must_fork();
	if (!waiter) {
		struct lock_holder h;

		signal(SIGTERM, SIG_DFL);
		store_lock(&b->s, 2, true, &h, &b->err, &b->arena);
		_exit(1);
	}
	sleep_ms(200);
	kill(waiter, SIGTERM);
	assert_int_equal(waitpid(waiter, &status, 0), waiter);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	kill_holder(holder);
}

static void a_lock_held_by_an_ancestor_is_never_waited_for(void **state)
{
	struct box *b = *state;
	struct lock_holder h;
	int status;
	pid_t child;

	open_store(b);
	assert_int_equal(store_lock(&b->s, 1, false, &h, &b->err, &b->arena), LOCK_TAKEN);
	child = must_fork();
	if (!child) {
		pid_t grandchild = must_fork();
		struct store s;

		if (grandchild) {
			waitpid(grandchild, &status, 0);
			_exit(WEXITSTATUS(status));
		}
		store_close(&b->s);
		/* An unpleasant name must not lead astray. */
		prctl(PR_SET_NAME, ") R 1 1 (x");
		if (!store_open(&s, &b->arena, true, &b->err))
			_exit(100);
		_exit((int)store_lock(&s, 2, true, &h, &b->err, &b->arena));
	}
	waitpid(child, &status, 0);
	assert_int_equal(WEXITSTATUS(status), LOCK_OWN_ANCESTOR);
}

static void ancestors_are_known(void **state)
{
	pid_t sibling = must_fork();

	(void)state;
	if (!sibling) {
		pause();
		_exit(0);
	}
	assert_true(store_is_ancestor(getpid()));
	assert_true(store_is_ancestor(getppid()));
	assert_false(store_is_ancestor(sibling));
	assert_false(store_is_ancestor(0));
	assert_false(store_is_ancestor(-1));
	kill_holder(sibling);
	assert_false(store_is_ancestor(sibling));
}

static void an_orphan_of_a_subreaper_still_knows_its_ancestor(void **state)
{
	int fds[2], status;
	char verdict = 0;
	pid_t child, me = getpid();

	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	child = must_fork();
	if (!child) {
		pid_t parent = getpid();

		if (must_fork())
			_exit(0);
		setsid();
		while (getppid() == parent)
			sleep_ms(5);
		verdict = store_is_ancestor(me) ? 'y' : 'n';
		_exit(write(fds[1], &verdict, 1) != 1);
	}
	waitpid(child, &status, 0);
	assert_int_equal(read(fds[0], &verdict, 1), 1);
	assert_int_equal(verdict, 'y');
	while (wait(&status) > 0)
		;
	close(fds[0]);
	close(fds[1]);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void a_program_started_under_the_lock_does_not_keep_it(void **state)
{
	struct box *b = *state;
	struct lock_holder h;
	pid_t pid, child = 0;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = must_fork();
	if (!pid) {
		open_store(b);
		if (store_lock(&b->s, 1, false, &h, &b->err, &b->arena) != LOCK_TAKEN)
			_exit(1);
		child = must_fork();
		if (!child) {
			execlp("sleep", "sleep", "100", (char *)NULL);
			_exit(1);
		}
		sleep_ms(300); /* until it runs its program */
		_exit(write(fds[1], &child, sizeof child) != sizeof child);
	}
	assert_int_equal(read(fds[0], &child, sizeof child), sizeof child);
	waitpid(pid, NULL, 0);
	open_store(b);
	assert_int_equal(store_lock(&b->s, 2, false, &h, &b->err, &b->arena), LOCK_TAKEN);
	kill(child, SIGKILL);
	close(fds[0]);
	close(fds[1]);
}

static void strange_locks_are_replaced_or_refused(void **state)
{
	struct box *b = *state;
	struct lock_holder h;

	open_store(b);
	put("victim", "precious");
	assert_int_equal(symlink("../victim", ".axmake/lock"), 0);
	assert_false(store_lock_holder(&b->s).held);
	assert_int_equal(store_lock(&b->s, 1, false, &h, &b->err, &b->arena), LOCK_TAKEN);
	assert_str(content(b, "victim"), "precious");
	close(b->s.lock_fd);
	b->s.lock_fd = -1;
	unlink(".axmake/lock");
	assert_int_equal(mkdir(".axmake/lock", 0700), 0);
	assert_int_equal(store_lock(&b->s, 1, false, &h, &b->err, &b->arena), LOCK_FAILED);
	assert_str(b->err.message, "cannot open .axmake/lock: Is a directory");
	rmdir(".axmake/lock");
	/* Whatever stands in it: the lock itself tells. */
	put(".axmake/lock", "noise 1 2\n");
	assert_false(store_lock_holder(&b->s).held);
	assert_int_equal(store_lock(&b->s, 1, false, &h, &b->err, &b->arena), LOCK_TAKEN);
	put(".axmake/other", "");
	assert_int_equal(store_lock_holder(&b->s).pid, getpid());
}

static void a_holder_without_a_readable_line_is_still_a_holder(void **state)
{
	static const char *const lines[] = {"",         "x",       "12 34",       "12 34 56",
	                                    "-5 1 1\n", "0 1 1\n", "12 34 56x\n", "99999999999999 1 1\n"};
	struct box *b = *state;
	struct lock_holder h;
	pid_t pid;

	open_store(b);
	pid = hold_lock(b, 1);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		int fd = open(".axmake/lock", O_WRONLY | O_TRUNC | O_CLOEXEC);

		assert_int_equal(os_write_all(fd, lines[i], strlen(lines[i])), 0);
		close(fd);
		h = store_lock_holder(&b->s);
		assert_true(h.held);
		assert_int_equal(h.pid, 0);
		assert_int_equal(store_lock(&b->s, 2, false, &h, &b->err, &b->arena), LOCK_BUSY);
	}
	kill_holder(pid);
}

/* Takes the lock as another run than the one that is told of there. */
static struct lock_holder take_over(struct box *b)
{
	struct lock_holder h;

	assert_int_equal(store_lock(&b->s, 2, false, &h, &b->err, &b->arena), LOCK_TAKEN);
	close(b->s.lock_fd);
	b->s.lock_fd = -1;
	return h;
}

static void a_copied_lock_is_no_killed_run_s(void **state)
{
	struct box *b = *state;
	struct lock_holder h;

	open_store(b);
	kill_holder(hold_lock(b, 7));
	put("copy", content(b, ".axmake/lock").p);
	assert_int_equal(rename(".axmake", "renamed"), 0);
	assert_int_equal(rename("renamed", ".axmake"), 0);
	h = take_over(b);
	assert_true(h.run_id == 7 && !h.copied);
	assert_int_equal(rename("copy", ".axmake/lock"), 0);
	h = take_over(b);
	assert_true(h.run_id == 7 && h.copied);
	h = take_over(b);
	assert_true(h.run_id == 2 && !h.copied);
}

static void a_lock_that_says_not_which_file_it_is_counts(void **state)
{
	static const char *const lines[] = {"12 7 56\n", "12 7 56\n1 2", "12 7 56\n1\n", "12 7 56\nx 1\n", "12 7 56\n99 34 56\n"};
	struct box *b = *state;

	open_store(b);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct lock_holder h;

		put(".axmake/lock", lines[i]);
		h = take_over(b);
		assert_true(h.run_id == 7 && !h.copied);
	}
}

/* A device may have another number after a start of the machine, a file has none. */
static void of_before_the_machine_s_start_the_inode_tells(void **state)
{
	struct box *b = *state;
	struct stat st;

	open_store(b);
	put(".axmake/lock", "");
	assert_int_equal(stat(".axmake/lock", &st), 0);
	for (int i = 0; i < 4; i++) {
		int64_t since_ns = clock_boot_wall_ns() + (i & 1 ? 60 : -60) * NS_PER_S;
		uint64_t inode = (uint64_t)st.st_ino + (i & 2 ? 1 : 0);

		struct str text = arena_printf(&b->arena, "12 7 %lld\n%llu %llu\n", (long long)since_ns, (unsigned long long)st.st_dev + 1, (unsigned long long)inode);
		int fd = open(".axmake/lock", O_WRONLY | O_TRUNC | O_CLOEXEC);

		assert_int_equal(os_write_all(fd, text.p, text.n), 0);
		close(fd);
		assert_int_equal(take_over(b).copied, i != 0);
	}
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_BOX(a_held_lock_names_its_holder_and_dies_with_it),
	    IN_BOX(waiting_ends_when_the_holder_does),
	    IN_BOX(a_waiter_can_be_ended_by_a_signal),
	    IN_BOX(a_lock_held_by_an_ancestor_is_never_waited_for),
	    IN_BOX(ancestors_are_known),
	    IN_BOX(an_orphan_of_a_subreaper_still_knows_its_ancestor),
	    IN_BOX(a_program_started_under_the_lock_does_not_keep_it),
	    IN_BOX(strange_locks_are_replaced_or_refused),
	    IN_BOX(a_holder_without_a_readable_line_is_still_a_holder),
	    IN_BOX(a_copied_lock_is_no_killed_run_s),
	    IN_BOX(a_lock_that_says_not_which_file_it_is_counts),
	    IN_BOX(of_before_the_machine_s_start_the_inode_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
