#include "process_fixture.h"

#include <linux/sched.h>
#include <sys/syscall.h>

#include "run/aim.h"

static pid_t start_sleeper(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool yes(void *self, pid_t pid)
{
	(void)self;
	(void)pid;
	return true;
}

static bool no(void *self, pid_t pid)
{
	(void)self;
	(void)pid;
	return false;
}

static void who_is_meant_gets_the_signal(void **state)
{
	int status;
	pid_t pid = start_sleeper();
	(void)state;
	assert_int_equal(aim_signal(pid, SIGUSR1, yes, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
	assert_int_equal(aim_signal(pid, SIGUSR1, yes, NULL), ESRCH);
}

static void who_turns_out_to_be_another_gets_none(void **state)
{
	pid_t pid = start_sleeper();
	(void)state;
	assert_int_equal(aim_signal(pid, SIGKILL, no, NULL), ESRCH);
	assert_true(is_living(pid));
	end(pid);
}

static void one_that_is_stopped_ends_by_sigterm(void **state)
{
	int status;
	pid_t pid = start_sleeper();
	struct proc_stat st;
	(void)state;
	kill(pid, SIGSTOP);
	wait_for(proc_stat_read(pid, &st) && st.state == 'T');
	assert_int_equal(aim_signal(pid, SIGTERM, yes, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* A new process of that number; 0: the kernel gives nobody a number of his choice, or not us. */
static pid_t start_as(pid_t number)
{
	struct clone_args how = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&number, .set_tid_size = 1};
	pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof how);
	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid > 0 ? pid : 0;
}

/* The process ends while it is looked at, and its number goes to a stranger, of whom the look tells the same. */
static bool give_number_away(void *stranger, pid_t pid)
{
	end(pid);
	*(pid_t *)stranger = start_as(pid);
	return true;
}

static void a_number_that_was_given_anew_is_not_hit(void **state)
{
	pid_t pid = start_sleeper(), stranger = 0;
	(void)state;
	int err = aim_signal(pid, SIGKILL, give_number_away, &stranger);
	if (!stranger)
		skip();
	assert_int_equal(stranger, pid);
	assert_int_equal(err, ESRCH);
	assert_true(is_living(stranger));
	assert_int_equal(waitpid(stranger, NULL, WNOHANG), 0);
	end(stranger);
}

static bool is_number(void *number, const struct proc_stat *st)
{
	return st->pid == *(pid_t *)number;
}

static void descent_is_seen_through_generations_and_ends_at_this_process(void **state)
{
	int fds[2];
	pid_t grandchild = 0, own = getpid(), child;
	(void)state;
	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		pid_t below = fork();
		if (below == 0) {
			for (;;)
				pause();
		}
		if (write(fds[1], &below, sizeof below) != sizeof below)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(fds[0], &grandchild, sizeof grandchild), sizeof grandchild);
	assert_true(aim_below(grandchild, is_number, &grandchild));
	assert_true(aim_below(grandchild, is_number, &child));
	assert_false(aim_below(child, is_number, &grandchild));
	assert_false(aim_below(grandchild, is_number, &own));
	kill(grandchild, SIGKILL);
	end(child);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_meant_gets_the_signal),
		cmocka_unit_test(who_turns_out_to_be_another_gets_none),
		cmocka_unit_test(one_that_is_stopped_ends_by_sigterm),
		cmocka_unit_test(a_number_that_was_given_anew_is_not_hit),
		cmocka_unit_test(descent_is_seen_through_generations_and_ends_at_this_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
