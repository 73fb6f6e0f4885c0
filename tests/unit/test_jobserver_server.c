/* A jobserver of our own. */
#include "jobserver_fixture.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void without_j_and_parent_the_limit_counts(void **state)
{
	struct ctx *x = *state;
	struct slot s[8] = {0};
	struct jobserver_config c = {.limit = 4};
	struct jobserver *j = jobserver_open(&x->a, &c, NULL, warn, x);

	assert_int_equal(jobserver_role(j), JOBSERVER_NONE);
	assert_int_equal(take_all(j, s, 8), 4);
	assert_int_equal(jobserver_held(j), 4);
	jobserver_give(j, &s[2]);
	assert_true(jobserver_take(j, &s[2]));
	assert_false(jobserver_take(j, &s[5]));
	assert_int_equal(jobserver_wait_fd(j), -1);
	assert_int_equal(jobserver_child(j, true).makeflags.n, 0);
	assert_int_equal(jobserver_child(j, true).keep[0], -1);
	jobserver_close(j);
}

static void j1_and_unlimited_have_no_pool(void **state)
{
	struct ctx *x = *state;
	static struct slot s[1000];

	struct jobserver *one = open_server(x, 1, "");
	assert_int_equal(jobserver_role(one), JOBSERVER_NONE);
	assert_int_equal(take_all(one, s, 2), 1);
	assert_str(jobserver_child(one, true).makeflags, " -j1");
	jobserver_give(one, &s[0]);
	struct jobserver *all = open_server(x, -1, "");
	assert_int_equal(take_all(all, s, 1000), 1000);
	assert_str(jobserver_child(all, true).makeflags, " -j");
	assert_int_equal(jobserver_child(all, false).makeflags.n, 0);
	assert_int_equal(x->n_warnings, 0);
}

static void a_number_on_the_command_line_leaves_the_parent(void **state)
{
	struct ctx *x = *state;
	struct str auth = pair(x, x->pipe[0], x->pipe[1]);
	struct jobserver_config c = {
	    .has_auth = true, .auth = auth, .makeflags = STR("k -j2 --jobserver-auth=8,9 -- A=b"), .jobs_on_command_line = true};
	struct jobserver_inherited in = jobserver_inspect(auth);
	struct slot s[6] = {0};

	c.jobs = 5;
	struct jobserver *j = jobserver_open(&x->a, &c, &in, warn, x);
	assert_int_equal(jobserver_role(j), JOBSERVER_SERVER);
	assert_string_equal(x->warnings.p, "axmake: warning: -j5 forced in submake: resetting jobserver mode.\n");
	assert_int_equal(take_all(j, s, 6), 5);
	struct jobserver_env e = jobserver_child(j, true);
	assert_int_not_equal(e.keep[0], x->pipe[0]);
	char want[80];
	snprintf(want, sizeof want, "k -j5 --jobserver-auth=%d,%d -- A=b", e.keep[0], e.keep[1]);
	assert_str(e.makeflags, want);
	jobserver_close(j);
	c.jobs = 1;
	jobserver_close(jobserver_open(&x->a, &c, &in, warn, x));
	assert_int_equal(x->n_warnings, 1);
	c.jobs = -1;
	jobserver_close(jobserver_open(&x->a, &c, &in, warn, x));
	assert_true(warned(x, "axmake: warning: -j forced in submake: resetting jobserver mode.\n"));
	assert_int_equal(available(x->pipe[0]), 0);
}

static void serves_a_pipe_in_blocking_mode(void **state)
{
	struct ctx *x = *state;
	struct slot s[4] = {0};
	struct jobserver *j = open_server(x, 3, "");
	struct jobserver_env e = jobserver_child(j, true);
	char want[64];

	assert_int_equal(jobserver_role(j), JOBSERVER_SERVER);
	snprintf(want, sizeof want, " -j3 --jobserver-auth=%d,%d", e.keep[0], e.keep[1]);
	assert_str(e.makeflags, want);
	assert_int_equal(available(e.keep[0]), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fcntl(e.keep[i], F_GETFL) & O_NONBLOCK, 0);
		assert_true(fcntl(e.keep[i], F_GETFD) & FD_CLOEXEC);
		assert_true(e.keep[i] > 2);
	}
	assert_int_equal(take_all(j, s, 4), 3);
	assert_int_equal(s[1].byte, '+');
	struct pollfd p = {.fd = jobserver_wait_fd(j), .events = POLLIN};
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(write(e.keep[1], "G", 1), 1);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_true(jobserver_take(j, &s[3]));
	assert_int_equal(s[3].byte, 'G');
	assert_int_equal(jobserver_child(j, false).makeflags.n, 0);
	for (int i = 0; i < 4; i++)
		jobserver_give(j, &s[i]);
	assert_int_equal(jobserver_top_up(j), -1);
	jobserver_close(j);
	assert_int_equal(x->n_warnings, 0);
}

static void counts_tokens_that_died_and_puts_them_back(void **state)
{
	struct ctx *x = *state;
	struct slot s[5] = {0};
	struct jobserver *j = open_server(x, 5, "");
	struct jobserver_env e = jobserver_child(j, true);
	char c[8];

	assert_int_equal(jobserver_top_up(j), 0);
	assert_int_equal(read(e.keep[0], c, 2), 2);
	assert_int_equal(take_all(j, s, 2), 2);
	assert_int_equal(jobserver_top_up(j), 2);
	assert_int_equal(jobserver_top_up(j), 0);
	assert_int_equal(available(e.keep[0]), 3);
	assert_int_equal(write(e.keep[1], "GG", 2), 2);
	assert_int_equal(jobserver_top_up(j), -2);
	assert_int_equal(available(e.keep[0]), 3);
	jobserver_give(j, &s[0]);
	jobserver_give(j, &s[1]);
	jobserver_close(j);
	assert_int_equal(x->n_warnings, 0);
}

static void says_at_the_end_what_is_lost_or_too_many(void **state)
{
	struct ctx *x = *state;
	char c[2];

	struct jobserver *j = open_server(x, 4, "");
	assert_int_equal(read(jobserver_child(j, true).keep[0], c, 2), 2);
	jobserver_close(j);
	assert_true(warned(x, "2 of 3 tokens not given back"));
	j = open_server(x, 4, "");
	assert_int_equal(write(jobserver_child(j, true).keep[1], "x", 1), 1);
	jobserver_close(j);
	assert_true(warned(x, "1 tokens too many"));
	assert_int_equal(x->n_warnings, 2);
}

static void serves_a_fifo_in_a_folder_of_its_own(void **state)
{
	struct ctx *x = *state;
	struct slot s[4] = {0};
	struct stat st;
	static const char head[] = " -j3 --jobserver-auth=fifo:";

	setenv("MAKE_TMPDIR", x->dir, 1);
	setenv("TMPDIR", "/nowhere", 1);
	struct jobserver *j = open_server(x, 3, "fifo");
	struct jobserver_env e = jobserver_child(j, true);
	assert_true(e.keep[0] == -1 && e.keep[1] == -1);
	assert_true(str_starts(e.makeflags, STR(head)));
	struct str path = arena_copy(&x->a, str_sub(e.makeflags, sizeof head - 1, e.makeflags.n));
	assert_true(str_starts(path, str_of(x->dir)));
	assert_int_equal(stat(path.p, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	*strrchr((char *)path.p, '/') = '\0';
	assert_int_equal(stat(path.p, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(take_all(j, s, 4), 3);
	for (int i = 0; i < 3; i++)
		jobserver_give(j, &s[i]);
	jobserver_close(j);
	assert_int_not_equal(stat(path.p, &st), 0);
	assert_int_equal(x->n_warnings, 0);
}

static void falls_back_to_a_pipe_where_no_fifo_can_be(void **state)
{
	struct ctx *x = *state;
	struct str blank = arena_printf(&x->a, "%s/a b", x->dir), file = arena_printf(&x->a, "%s/file", x->dir);
	const char *bad[] = {"/nowhere/at/all", blank.p, file.p, "/proc"};

	assert_int_equal(mkdir(blank.p, 0700), 0);
	close(open(file.p, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		setenv("TMPDIR", bad[i], 1);
		x->n_warnings = 0;
		struct jobserver *j = open_server(x, 3, "fifo");
		assert_int_equal(x->n_warnings, 1);
		assert_true(warned(x, "no fifo can be made"));
		assert_true(jobserver_child(j, true).keep[0] > 2);
		jobserver_close(j);
	}
}

/* A dead process's id and what its folder would be called. */
static struct str left_behind(struct ctx *x, pid_t pid)
{
	struct stat st;

	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	struct str dir = arena_printf(&x->a, "%s/axmake-jobserver-%d-%lu-abcdef", x->dir, (int)pid, (unsigned long)st.st_ino);
	assert_int_equal(mkdir(dir.p, 0700), 0);
	assert_int_equal(mkfifo(arena_printf(&x->a, "%s/fifo", dir.p).p, 0600), 0);
	return dir;
}

static pid_t dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

static void sweeps_only_folders_of_the_dead(void **state)
{
	struct ctx *x = *state;
	pid_t dead = dead_pid();
	struct str gone = left_behind(x, dead), live = left_behind(x, getpid()), used = left_behind(x, dead_pid());
	struct str foreign = arena_printf(&x->a, "%s/axmake-jobserver-%d-1-abcdef", x->dir, (int)dead);
	int reader = open(arena_printf(&x->a, "%s/fifo", used.p).p, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	assert_true(reader >= 0);
	assert_int_equal(mkdir(foreign.p, 0700), 0);
	setenv("TMPDIR", x->dir, 1);
	jobserver_close(open_server(x, 3, "fifo"));
	assert_int_not_equal(access(gone.p, F_OK), 0);
	assert_int_equal(access(live.p, F_OK), 0);
	assert_int_equal(access(used.p, F_OK), 0);
	assert_int_equal(access(foreign.p, F_OK), 0);
	close(reader);
	jobserver_close(open_server(x, 3, "fifo"));
	assert_int_not_equal(access(used.p, F_OK), 0);
}

static void many_slots_get_a_larger_pipe(void **state)
{
	struct ctx *x = *state;
	struct slot s[2] = {0};
	static const char *const styles[] = {"pipe", "fifo"};

	setenv("TMPDIR", x->dir, 1);
	for (int i = 0; i < 2; i++) {
		struct jobserver *j = open_server(x, 100000, styles[i]);
		assert_int_equal(available(jobserver_wait_fd(j)), 99999);
		/* A token can be taken and given back as often as one likes: there is a page to spare. */
		for (int round = 0; round < 20000; round++) {
			assert_int_equal(take_all(j, s, 2), 2);
			jobserver_give(j, &s[1]);
			jobserver_give(j, &s[0]);
		}
		assert_int_equal(available(jobserver_wait_fd(j)), 99999);
		jobserver_close(j);
	}
	assert_int_equal(x->n_warnings, 0);
}

static void more_slots_than_fit_are_said_and_cut(void **state)
{
	struct ctx *x = *state;
	struct jobserver *j = open_server(x, 2000000000, "");
	int there = available(jobserver_wait_fd(j));
	char want[64];

	assert_true(there > 4096 && there < 1 << 20);
	assert_int_equal(x->n_warnings, 1);
	assert_true(warned(x, "no room for -j2000000000 in the kernel's pipe"));
	snprintf(want, sizeof want, "using -j%d", there + 1);
	assert_true(warned(x, want));
	snprintf(want, sizeof want, " -j%d --jobserver-auth=", there + 1);
	assert_true(str_starts(jobserver_child(j, true).makeflags, str_of(want)));
	jobserver_close(j);
}

static void no_descriptor_left_means_no_jobserver_for_children(void **state)
{
	struct ctx *x = *state;
	struct slot s[4] = {0};
	struct rlimit old, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct jobserver *j = open_server(x, 3, "");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(jobserver_role(j), JOBSERVER_NONE);
	assert_true(warned(x, "no pipe can be made: Too many open files"));
	assert_int_equal(take_all(j, s, 4), 3);
	assert_str(jobserver_child(j, true).makeflags, " -j1");
	jobserver_close(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(without_j_and_parent_the_limit_counts),
	    CASE(j1_and_unlimited_have_no_pool),
	    CASE(a_number_on_the_command_line_leaves_the_parent),
	    CASE(serves_a_pipe_in_blocking_mode),
	    CASE(counts_tokens_that_died_and_puts_them_back),
	    CASE(says_at_the_end_what_is_lost_or_too_many),
	    CASE(serves_a_fifo_in_a_folder_of_its_own),
	    CASE(falls_back_to_a_pipe_where_no_fifo_can_be),
	    CASE(sweeps_only_folders_of_the_dead),
	    CASE(many_slots_get_a_larger_pipe),
	    CASE(more_slots_than_fit_are_said_and_cut),
	    CASE(no_descriptor_left_means_no_jobserver_for_children),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("jobserver_server", tests, NULL, NULL);
}
