#include "process_fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "run/loop.h"

static char folder[] = "/tmp/axmake-process-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[4][128];
	static int at;
	at = (at + 1) % 4;
	snprintf(path[at], sizeof path[at], "%s/%s", folder, name);
	return path[at];
}

static char *no_env[] = {NULL};

/* Runs a program to its end and returns what it printed. */
static const char *output_of(char *const *argv)
{
	const char *path = in_folder("out");
	struct spawn s = spawn_plain(argv, no_env);
	s.out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t pid = start(&s);
	assert_int_equal(wait_status(pid), 0);
	close(s.in);
	close(s.out);
	return slurp(path);
}

static unsigned long long status_bits(const char *status, const char *field)
{
	const char *at = strstr(status, field);
	assert_non_null(at);
	return strtoull(at + strlen(field), NULL, 16);
}

#define BIT(sig) (1ULL << ((sig)-1))

static void a_child_has_the_mask_and_handlers_of_the_start(void **state)
{
	struct loop *l = loop_new();
	char *argv[] = {"/bin/cat", "/proc/self/status", NULL};
	const char *status = output_of(argv);
	(void)state;
	/* main blocks USR1 and ignores HUP, PIPE and USR2 before the first call. */
	assert_int_equal(status_bits(status, "SigBlk:"), BIT(SIGUSR1));
	/* The C library keeps 32 and 33 for itself, and whoever started this may have left them ignored. */
	assert_int_equal(status_bits(status, "SigIgn:") & ~(BIT(32) | BIT(33)), BIT(SIGHUP));
	loop_free(l);
}

static void spawning_leaves_the_own_mask_alone(void **state)
{
	sigset_t before, after;
	char *argv[] = {"/bin/true", NULL};
	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	output_of(argv);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int s = 1; s < NSIG; s++)
		assert_int_equal(sigismember(&before, s), sigismember(&after, s));
}

static void a_child_leads_a_session_of_its_own(void **state)
{
	(void)state;
	pid_t pid = start_sh("m", "sleep 1000", NULL);
	assert_int_equal(getsid(pid), pid);
	assert_int_equal(getpgid(pid), pid);
	kill(-pid, SIGKILL);
	assert_true(WIFSIGNALED(wait_status(pid)));
}

struct slices {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, more[2];
};

static struct slices slices_of(pid_t pid)
{
	struct slices s = {.size = sizeof s};
	assert_int_equal(syscall(SYS_sched_getattr, pid, &s, sizeof s, 0), 0);
	return s;
}

static struct slices child_slices(void)
{
	pid_t pid = start_sh("m", "exec sleep 1000", NULL);
	struct slices s = slices_of(pid);
	kill(pid, SIGKILL);
	assert_true(WIFSIGNALED(wait_status(pid)));
	return s;
}

/* In a process of its own, since what is asked for stays. 0: all as it should be. */
static int slices_after_asking(int niceness)
{
	pid_t pid = fork();
	if (!pid) {
		bool set = !niceness || !setpriority(PRIO_PROCESS, 0, niceness);
		struct slices before = slices_of(0), own, child;
		process_prompt();
		own = slices_of(0);
		child = child_slices();
		bool child_as_ever = child.policy == before.policy && child.nice == before.nice && child.runtime_ns == before.runtime_ns && !child.flags;
		/* An older kernel tells of no slices, and has none. */
		bool short_ones = niceness < 0 ? own.flags == before.flags && own.runtime_ns == before.runtime_ns : own.flags && (!before.runtime_ns || own.runtime_ns == 100000);
		_exit(!set ? 0 : !child_as_ever ? 1 : !short_ones ? 2 : own.nice != before.nice ? 3 : 0);
	}
	return WEXITSTATUS(wait_status(pid));
}

static void only_the_own_slices_become_short(void **state)
{
	(void)state;
	assert_int_equal(slices_after_asking(0), 0);
	assert_int_equal(slices_after_asking(4), 0);
	assert_int_equal(slices_after_asking(-4), 0); /* which only some may set */
}

static size_t list_fds(pid_t pid, int *fds, size_t room)
{
	char path[64];
	size_t n = 0;
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.' && n < room)
			fds[n++] = atoi(e->d_name);
	closedir(d);
	return n;
}

static void a_child_has_three_descriptors_and_the_kept_ones(void **state)
{
	char *argv[] = {"/bin/sleep", "1000", NULL};
	int leaked = open("/dev/null", O_RDONLY); /* not close-on-exec, as a library might */
	int born = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int kept[2] = {fcntl(born, F_DUPFD_CLOEXEC, 40), fcntl(born, F_DUPFD_CLOEXEC, 50)};
	(void)state;
	for (int keep = 0; keep <= 2; keep++) {
		struct spawn s = spawn_plain(argv, no_env);
		int fds[64];
		for (int i = 0; i < keep; i++)
			s.keep[i] = kept[i];
		pid_t pid = start(&s);
		wait_for(list_fds(pid, fds, 64) == 3 + (size_t)keep); /* the loader's own come and go */
		for (int i = 0; i < 3 + keep; i++)
			assert_int_equal(fds[i], i < 3 ? i : kept[i - 3]);
		assert_true(fcntl(kept[0], F_GETFD) & FD_CLOEXEC); /* only the child's was cleared */
		kill(pid, SIGKILL);
		wait_status(pid);
		close(s.in);
	}
	close(leaked);
	close(born);
	close(kept[0]);
	close(kept[1]);
}

static void expect_fd(pid_t pid, int fd, const char *file)
{
	char link[64], target[256];
	snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
	ssize_t n = readlink(link, target, sizeof target - 1);
	target[n > 0 ? n : 0] = '\0';
	if (strcmp(target, file) != 0)
		_exit(1);
}

/* In a process of its own: its standard descriptors are three files. */
static _Noreturn void try_all_overlaps(void)
{
	char path[4][256];
	char *argv[] = {"/bin/sleep", "1000", NULL};
	for (int i = 0; i < 4; i++) {
		snprintf(path[i], sizeof path[i], "%s/fd%d", folder, i);
		int fd = open(path[i], O_RDWR | O_CREAT, 0600);
		dup2(fd, i < 3 ? i : 9);
		close(fd);
	}
	const int from[4] = {0, 1, 2, 9};
	for (int c = 0; c < 64; c++) {
		int pick[3] = {c & 3, c >> 2 & 3, c >> 4 & 3};
		struct spawn s = {.file = argv[0], .argv = argv, .envp = no_env, .keep = {-1, -1}};
		s.in = from[pick[0]];
		s.out = from[pick[1]];
		s.err = from[pick[2]];
		pid_t pid;
		if (process_spawn(&s, &pid) != 0)
			_exit(2);
		for (int i = 0; i < 3; i++)
			expect_fd(pid, i, path[pick[i]]);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	_exit(0);
}

static void descriptors_may_overlap_in_every_way(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0)
		try_all_overlaps();
	assert_int_equal(wait_status(pid), 0);
}

static int spawn_error(const char *file, char *const *argv)
{
	struct spawn s = spawn_plain(argv, no_env);
	pid_t pid = -7;
	s.file = file;
	int err = process_spawn(&s, &pid);
	assert_int_equal(pid, -7);
	close(s.in);
	return err;
}

static void a_failed_start_gives_the_errno_and_leaves_no_child(void **state)
{
	char *argv[] = {"x", NULL, NULL};
	const char *plain = in_folder("plain");
	(void)state;
	close(open(plain, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	assert_int_equal(spawn_error("/nowhere/at/all", argv), ENOENT);
	assert_int_equal(spawn_error(plain, argv), EACCES);
	assert_int_equal(spawn_error("/", argv), EACCES);
	assert_int_equal(spawn_error("/dev/null/x", argv), ENOTDIR);
	chmod(plain, 0755);
	assert_int_equal(spawn_error(plain, argv), ENOEXEC);
	argv[1] = malloc(200001);
	memset(argv[1], 'x', 200000);
	argv[1][200000] = '\0';
	assert_int_equal(spawn_error("/bin/true", argv), E2BIG);
	free(argv[1]);
	argv[1] = NULL;
	struct spawn s = spawn_plain(argv, no_env);
	pid_t pid;
	s.file = "/bin/true";
	s.err = 999;
	assert_int_equal(process_spawn(&s, &pid), EBADF);
	close(s.in);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void a_child_is_told_when_its_parent_dies(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t parent = fork();
	if (parent == 0) {
		char *argv[] = {"/bin/sleep", "1000", NULL};
		struct spawn s = {.file = argv[0], .argv = argv, .envp = no_env, .in = 0, .out = 1, .err = 2, .keep = {-1, -1}};
		pid_t pid = 0;
		process_spawn(&s, &pid);
		if (write(ends[1], &pid, sizeof pid) != sizeof pid)
			_exit(1);
		pause();
		_exit(0);
	}
	pid_t pid = 0;
	assert_int_equal(read(ends[0], &pid, sizeof pid), sizeof pid);
	assert_true(pid > 0 && is_living(pid));
	kill(parent, SIGKILL);
	wait_status(parent);
	wait_for(!is_living(pid));
	close(ends[0]);
	close(ends[1]);
}

static size_t signals_seen;

static void count_signal(void *self, const struct signalfd_siginfo *si)
{
	(void)self;
	signals_seen += si->ssi_signo == SIGCHLD;
}

static void a_storm_of_ends_is_reaped_to_the_last(void **state)
{
	enum { N = 60 };
	struct loop *l = loop_new();
	char *argv[] = {"/bin/true", NULL};
	struct spawn s = spawn_plain(argv, no_env);
	size_t reaped = 0;
	(void)state;
	signals_seen = 0;
	loop_on_signal(l, count_signal, NULL);
	for (int i = 0; i < N; i++)
		start(&s);
	while (reaped < N) {
		assert_int_equal(loop_turn(l, true), 0);
		pid_t pid;
		int status;
		while (process_reap(&pid, &status)) {
			assert_int_equal(status, 0);
			reaped++;
		}
	}
	assert_true(signals_seen >= 1 && signals_seen <= N);
	close(s.in);
	loop_free(l);
}

static void children_are_listed_dead_or_alive(void **state)
{
	struct pid_list l = {0};
	(void)state;
	process_children(&l);
	assert_int_equal(l.pids.n, 0);
	pid_t dead = start_sh("m", "exit 3", NULL), living = start_sh("m", "sleep 1000", NULL);
	wait_for(!is_living(dead));
	process_children(&l);
	assert_int_equal(l.pids.n, 2);
	assert_true(pid_list_has(&l, dead) && pid_list_has(&l, living));
	kill(-living, SIGKILL);
	wait_status(living);
	wait_status(dead);
	l.pids.n = 0;
	process_children(&l);
	assert_int_equal(l.pids.n, 0);
	vec_free(&l.pids);
}

static void a_thousand_children_are_all_listed(void **state)
{
	enum { N = 1000 };
	struct pid_list l = {0};
	static pid_t pids[N];
	(void)state;
	for (int i = 0; i < N; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(0);
	}
	process_children(&l);
	assert_int_equal(l.pids.n, N);
	for (int i = 0; i < N; i++) {
		assert_true(pid_list_has(&l, pids[i]));
		wait_status(pids[i]);
	}
	vec_free(&l.pids);
}

static void *child_of_a_thread(void *arg)
{
	(void)arg;
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	struct pid_list l = {0};
	process_children(&l);
	bool found = pid_list_has(&l, pid);
	vec_free(&l.pids);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return found ? "yes" : NULL;
}

static void children_of_other_threads_are_listed(void **state)
{
	pthread_t t;
	void *found = NULL;
	(void)state;
	assert_int_equal(pthread_create(&t, NULL, child_of_a_thread, NULL), 0);
	pthread_join(t, &found);
	assert_non_null(found);
}

static void a_fork_lists_its_own_children(void **state)
{
	struct pid_list l = {0};
	(void)state;
	process_children(&l);
	pid_t pid = fork();
	if (pid == 0) {
		pid_t kid = fork();
		if (kid == 0)
			_exit(0);
		l.pids.n = 0;
		process_children(&l);
		_exit(l.pids.n == 1 && l.pids.p[0] == kid ? 0 : 1);
	}
	assert_int_equal(wait_status(pid), 0);
	vec_free(&l.pids);
}

static size_t count_descendants(pid_t pid, bool scan, struct pid_list *l)
{
	l->pids.n = 0;
	if (scan)
		procfs_descendants_by_scan(pid, l);
	else
		process_descendants(pid, l);
	return l->pids.n;
}

static void descendants_are_found_at_every_depth_by_both_ways(void **state)
{
	struct pid_list l = {0};
	char mark[40]; /* of this run of the test alone */
	(void)state;
	snprintf(mark, sizeof mark, "deep-tree%d", (int)getpid());
	pid_t pid = start_sh(mark, "sleep 1000 & (setsid sh -c 'sleep 1000 & wait' & wait) & sh -c 'exit 0' & wait", NULL);
	/* The first sleep, a subshell, a shell, the second sleep; the dead one does not count. */
	wait_for(count_descendants(pid, false, &l) == 4 && (nap_ms(50), count_descendants(pid, true, &l) == 4));
	assert_false(pid_list_has(&l, pid));
	kill_marked(mark);
	wait_status(pid);
	assert_int_equal(count_descendants(pid, false, &l), 0);
	vec_free(&l.pids);
}

static void a_mark_is_one_whole_part(void **state)
{
	(void)state;
	pid_t pid = start_marked("outer-1:abc-12:r", "outer-1");
	const char *yes[] = {"outer-1", "abc-12", "r"},
	           *no[] = {"outer", "abc-1", "abc-123", "zzz", "outer-1:abc-12", "", "bc-12"};
	for (size_t i = 0; i < 3; i++)
		assert_true(process_has_mark(pid, str_of(yes[i])));
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		assert_false(process_has_mark(pid, str_of(no[i])));
	kill(pid, SIGKILL);
	wait_for(!is_living(pid));
	assert_false(process_has_mark(pid, STR("r")));
	wait_status(pid);
	assert_false(process_has_mark(pid, STR("r")));
}

static void a_mark_behind_a_big_environment_is_read(void **state)
{
	static char big[100000];
	char *argv[] = {"/bin/sleep", "1000", NULL}, *envp[] = {big, "XAX_RUN=no", "AX_RUN=here", NULL};
	(void)state;
	memset(big, 'b', sizeof big - 1);
	big[1] = '=';
	struct spawn s = spawn_plain(argv, envp);
	pid_t pid = start(&s);
	wait_for(process_has_mark(pid, STR("here"))); /* its environment shows a moment after its exec */
	assert_false(process_has_mark(pid, STR("no")));
	kill(pid, SIGKILL);
	wait_status(pid);
	close(s.in);
}

static void what_a_killed_run_left_is_found_by_its_prefix(void **state)
{
	struct pid_list l = {0};
	char run[40];
	(void)state;
	snprintf(run, sizeof run, "run%d-", (int)getpid());
	char mark[2][80];
	snprintf(mark[0], sizeof mark[0], "o:%s1", run);
	snprintf(mark[1], sizeof mark[1], "x%s1", run); /* not at the beginning of a part */
	pid_t a = start_marked(mark[0], "o"), b = start_marked(mark[1], mark[1]);
	process_marked(str_of(run), &l);
	assert_int_equal(l.pids.n, 1);
	assert_int_equal(l.pids.p[0], a);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	wait_status(b);
	wait_for(!is_living(a)); /* a zombie */
	l.pids.n = 0;
	process_marked(str_of(run), &l);
	assert_int_equal(l.pids.n, 0);
	wait_status(a);
	vec_free(&l.pids);
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void a_process_whose_first_thread_ended_is_living(void **state)
{
	(void)state;
	pid_t pid = start_part("m", "headless", NULL);
	struct proc_stat st;
	wait_for(proc_stat_read(pid, &st) && st.state == 'Z');
	assert_true(st.living);
	kill(pid, SIGKILL);
	wait_status(pid);
	assert_false(proc_stat_read(pid, &st));
}

static void orphans_come_to_the_reaper(void **state)
{
	struct pid_list l = {0};
	int status;
	pid_t got;
	(void)state;
	assert_int_equal(process_become_reaper(), 0);
	pid_t pid = start_sh("m", "setsid sleep 1000 & exit 5", NULL);
	wait_for(process_reap(&got, &status));
	assert_int_equal(got, pid);
	assert_int_equal(WEXITSTATUS(status), 5);
	process_children(&l);
	assert_int_equal(l.pids.n, 1);
	assert_false(process_reap(&got, &status));
	kill(l.pids.p[0], SIGKILL);
	wait_for(process_reap(&got, &status));
	assert_int_equal(got, l.pids.p[0]);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	vec_free(&l.pids);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	const char *names[] = {"out", "plain", "fd0", "fd1", "fd2", "fd3"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(in_folder(names[i]));
	return rmdir(folder);
}

static int tear_down(void **state)
{
	(void)state;
	end_children();
	return 0;
}

#define process_test(f) cmocka_unit_test_setup_teardown(f, NULL, tear_down)

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "headless") == 0) {
		pthread_t t;
		if (pthread_create(&t, NULL, wait_for_ever, NULL) != 0)
			return 1;
		pthread_exit(NULL);
	}
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	const struct CMUnitTest tests[] = {
	    process_test(a_child_has_the_mask_and_handlers_of_the_start),
	    process_test(spawning_leaves_the_own_mask_alone),
	    process_test(only_the_own_slices_become_short),
	    process_test(a_child_leads_a_session_of_its_own),
	    process_test(a_child_has_three_descriptors_and_the_kept_ones),
	    process_test(descriptors_may_overlap_in_every_way),
	    process_test(a_failed_start_gives_the_errno_and_leaves_no_child),
	    process_test(a_child_is_told_when_its_parent_dies),
	    process_test(a_storm_of_ends_is_reaped_to_the_last),
	    process_test(children_are_listed_dead_or_alive),
	    process_test(a_thousand_children_are_all_listed),
	    process_test(children_of_other_threads_are_listed),
	    process_test(a_fork_lists_its_own_children),
	    process_test(descendants_are_found_at_every_depth_by_both_ways),
	    process_test(a_mark_is_one_whole_part),
	    process_test(a_mark_behind_a_big_environment_is_read),
	    process_test(what_a_killed_run_left_is_found_by_its_prefix),
	    process_test(a_process_whose_first_thread_ended_is_living),
	    process_test(orphans_come_to_the_reaper),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
