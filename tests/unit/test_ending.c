#include "process_fixture.h"

#include <sys/prctl.h>
#include <sys/stat.h>

static char folder[] = "/tmp/axmake-ending-XXXXXX";

/* A task as the scheduler sees it. */
struct run {
	struct ending e;
	pid_t pid;
	bool first_alive;
	struct pid_list orphans;
};

static char marks[64][64];
static size_t n_marks, marks_ended;

static const char *in_folder(const char *name)
{
	static char path[100];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static struct run begin_mark(void)
{
	char *mark = marks[n_marks++];
	assert_true(n_marks < 64);
	snprintf(mark, sizeof marks[0], "test%d-%zu", (int)getpid(), n_marks);
	return (struct run){.e.mark = str_of(mark), .first_alive = true};
}

static const char *outer(const struct run *r)
{
	static char mark[80];
	snprintf(mark, sizeof mark, "outer-1:%.*s", STR_ARG(r->e.mark));
	return mark;
}

static struct run begin(const char *script, const char *extra)
{
	struct run r = begin_mark();
	r.e.group = r.pid = start_sh(outer(&r), script, extra);
	return r;
}

static struct run begin_part(const char *part)
{
	struct run r = begin_mark();
	r.e.group = r.pid = start_part(outer(&r), part, folder);
	return r;
}

/* On a loaded machine a bomb's processes end faster than they can be reaped: no more than so many before it is acted. */
#define REAPED_AT_ONCE 1000

/* Reaps what has ended, then lists our children that are not this task's first. */
static void look(struct run *r)
{
	pid_t pid;
	int status;
	struct pid_list kids = {0};
	for (int i = 0; i < REAPED_AT_ONCE && process_reap(&pid, &status); i++)
		if (pid == r->pid)
			r->first_alive = false;
	process_children(&kids);
	r->orphans.pids.n = 0;
	for (size_t i = 0; i < kids.pids.n; i++)
		if (kids.pids.p[i] != r->pid)
			vec_push(NULL, &r->orphans.pids, kids.pids.p[i]);
	vec_free(&kids.pids);
}

static bool left(struct run *r)
{
	look(r);
	return ending_anything_left(&r->e, &r->orphans, r->first_alive);
}

static bool first_ended(struct run *r)
{
	look(r);
	return !r->first_alive;
}

static void term(struct run *r)
{
	look(r);
	ending_term(&r->e, &r->orphans, r->first_alive, 1000);
	assert_int_equal(r->e.kill_at_ns, 1000 + ENDING_GRACE_NS);
}

static bool gone_by_kill(struct run *r)
{
	if (!left(r))
		return true;
	ending_kill(&r->e, &r->orphans, r->first_alive);
	return false;
}

static bool gone_by_term(struct run *r)
{
	if (!left(r))
		return true;
	ending_term(&r->e, &r->orphans, r->first_alive, 2000);
	return false;
}

/* Nothing with the task's mark lives any more, whatever the module believes. */
static void finish(struct run *r)
{
	struct pid_list l = {0};
	process_marked(r->e.mark, &l);
	assert_int_equal(l.pids.n, 0);
	vec_free(&l.pids);
	vec_free(&r->orphans.pids);
	ending_free(&r->e);
}

static size_t marked_now(const struct run *r)
{
	struct pid_list l = {0};
	process_marked(r->e.mark, &l);
	size_t n = l.pids.n;
	vec_free(&l.pids);
	return n;
}

/* Are all orphans what they were to become? In the middle of an execve a process shows no mark. */
static bool all_sleep(const struct run *r)
{
	bool yes = true;
	for (size_t i = 0; yes && i < r->orphans.pids.n; i++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/%d/comm", (int)r->orphans.pids.p[i]);
		yes = strcmp(slurp(path), "sleep\n") == 0;
	}
	return yes;
}

/* One orphan, out of session and mark: it has passed its execve. */
static bool has_stray_orphan(struct run *r)
{
	look(r);
	if (r->orphans.pids.n != 1)
		return false;
	pid_t pid = r->orphans.pids.p[0];
	return getsid(pid) == pid && !process_has_mark(pid, r->e.mark);
}

static int tear_down(void **state)
{
	(void)state;
	for (; marks_ended < n_marks; marks_ended++)
		kill_marked(marks[marks_ended]);
	end_children();
	unlink(in_folder("flag"));
	unlink(in_folder("terms"));
	return 0;
}

static void a_plain_end_leaves_nothing(void **state)
{
	(void)state;
	struct run r = begin("exit 0", NULL);
	wait_for(first_ended(&r));
	assert_false(left(&r));
	assert_int_equal(r.e.ended, 0);
	finish(&r);
}

static void a_living_first_process_is_left_and_ended(void **state)
{
	(void)state;
	struct run r = begin("sleep 1000; echo never", NULL);
	assert_true(left(&r));
	wait_for(marked_now(&r) == 2);
	term(&r);
	wait_for(!left(&r));
	assert_false(r.e.killed);
	assert_int_equal(r.e.ended, 1); /* the sleep: the first does not count */
	finish(&r);
}

static void a_background_process_of_the_group_is_ended_and_counted(void **state)
{
	(void)state;
	struct run r = begin("sleep 1000 & sleep 1000 & exit 0", NULL);
	wait_for(first_ended(&r));
	assert_true(left(&r));
	term(&r);
	wait_for(!left(&r));
	assert_int_equal(r.e.ended, 2);
	finish(&r);
}

static void one_in_its_own_session_that_ignores_sigterm_is_killed(void **state)
{
	(void)state;
	char set[120];
	snprintf(set, sizeof set, "F=%s", in_folder("flag"));
	struct run r = begin("(setsid sh -c 'trap \"\" TERM; : > $F; while :; do sleep 1000; done' &) & while ! [ -e $F ]; do :; done", set);
	wait_for(first_ended(&r));
	wait_for(marked_now(&r) == 2); /* the shell and its sleep, which ignores it too */
	assert_true(left(&r));
	assert_int_equal(r.e.own.of.n, 1);
	term(&r);
	nap_ms(50);
	assert_true(left(&r));
	wait_for(gone_by_kill(&r));
	assert_true(r.e.killed);
	assert_int_equal(r.e.ended, 2); /* told and killed is ended once */
	finish(&r);
}

static void a_descendant_without_mark_and_session_is_ended_with_a_living_first(void **state)
{
	(void)state;
	struct run r = begin("env -i setsid sleep 1000 & wait", NULL);
	struct pid_list l = {0};
	wait_for((l.pids.n = 0, process_descendants(r.pid, &l), l.pids.n == 1 && getsid(l.pids.p[0]) == l.pids.p[0]));
	term(&r);
	wait_for(!left(&r));
	assert_false(is_living(l.pids.p[0]));
	assert_int_equal(r.e.ended, 1);
	vec_free(&l.pids);
	finish(&r);
}

static void such_a_descendant_that_ignores_sigterm_is_still_known_as_an_orphan(void **state)
{
	(void)state;
	struct run r = begin("(trap '' TERM; exec env -i setsid sleep 1000) & wait", NULL);
	struct pid_list l = {0};
	wait_for((l.pids.n = 0, process_descendants(r.pid, &l), l.pids.n == 1 && getsid(l.pids.p[0]) == l.pids.p[0]));
	term(&r);
	wait_for(first_ended(&r));
	assert_true(left(&r)); /* by having been told */
	wait_for(gone_by_kill(&r));
	assert_false(is_living(l.pids.p[0]));
	assert_int_equal(r.e.ended, 1);
	vec_free(&l.pids);
	finish(&r);
}

static void an_unmarked_orphan_of_its_own_session_is_nobodys_but_the_runs(void **state)
{
	(void)state;
	struct run r = begin("env -i setsid sleep 1000 & until ps -o sid= -p $! | grep -qw $!; do :; done", NULL);
	wait_for(first_ended(&r));
	wait_for(has_stray_orphan(&r));
	assert_false(left(&r));
	assert_int_equal(r.orphans.pids.n, 1);
	assert_true(is_living(r.orphans.pids.p[0]));
	kill(r.orphans.pids.p[0], SIGKILL);
	wait_for((look(&r), r.orphans.pids.n == 0));
	finish(&r);
}

static void an_unmarked_orphan_in_a_group_of_its_own_is_known_by_its_session(void **state)
{
	(void)state;
	struct run r = begin_part("own-group");
	wait_for(first_ended(&r));
	assert_int_equal(r.orphans.pids.n, 1);
	assert_true(left(&r));
	term(&r);
	wait_for(!left(&r));
	assert_int_equal(r.e.ended, 1);
	finish(&r);
}

static void orphans_of_another_task_are_left_alone(void **state)
{
	(void)state;
	struct run a = begin("setsid sleep 1000 & exit 0", NULL), b = begin("setsid sleep 1000 & exit 0", NULL);
	wait_for((look(&a), a.orphans.pids.n == 2 && all_sleep(&a) && marked_now(&a) == 1 && marked_now(&b) == 1));
	a.first_alive = b.first_alive = false;
	term(&a);
	wait_for(!left(&a));
	ending_kill(&a.e, &a.orphans, false);
	assert_int_equal(a.e.ended, 1);
	assert_int_equal(marked_now(&b), 1);
	assert_true(left(&b));
	wait_for(gone_by_kill(&b));
	assert_int_equal(b.e.ended, 1);
	finish(&a);
	finish(&b);
}

static void each_gets_sigterm_once_however_often_it_is_asked_for(void **state)
{
	(void)state;
	const char *path = in_folder("terms");
	char set[120];
	snprintf(set, sizeof set, "F=%s", path);
	struct run r = begin("trap 'echo t >> $F' TERM; echo r >> $F; while :; do sleep 0.01; done", set);
	wait_for(strcmp(slurp(path), "r\n") == 0);
	for (int i = 0; i < 20; i++) {
		term(&r);
		nap_ms(5);
	}
	wait_for(strcmp(slurp(path), "r\n") != 0);
	nap_ms(100);
	assert_string_equal(slurp(path), "r\nt\n");
	wait_for(gone_by_kill(&r));
	finish(&r);
}

static void a_stopped_process_gets_to_see_its_sigterm(void **state)
{
	(void)state;
	struct run r = begin("sleep 1000 & kill -STOP $!; exit 0", NULL);
	wait_for(first_ended(&r));
	term(&r);
	wait_for(!left(&r));
	assert_false(r.e.killed);
	finish(&r);
}

static void children_come_down_with_their_dying_parents(void **state)
{
	(void)state;
	/* Orphans ending by themselves one after the other while we look: the last of the chain must not be lost. */
	struct run r = begin(
	    "setsid sh -c '(sleep 0.02; setsid sh -c \"(sleep 0.02; setsid sleep 1000) & sleep 0.01\") & sleep 0.01' & exit 0",
	    NULL);
	wait_for(first_ended(&r));
	for (int64_t until = clock_ns() + NS_PER_S / 5; clock_ns() < until;)
		assert_true(left(&r));
	wait_for(gone_by_term(&r));
	finish(&r);
}

static void a_zombie_of_the_group_that_nobody_reaps_does_not_count(void **state)
{
	(void)state;
	struct run r = begin_part("keep-zombie");
	wait_for(first_ended(&r));
	wait_for(has_stray_orphan(&r));
	wait_for(!left(&r)); /* it may just be about to end */
	assert_int_equal(kill(-r.e.group, 0), 0); /* the kernel counts it */
	kill(r.orphans.pids.p[0], SIGKILL);
	wait_for((look(&r), r.orphans.pids.n == 0));
	finish(&r);
}

static void a_member_of_the_group_below_one_that_left_it_is_found(void **state)
{
	(void)state;
	struct run r = begin_part("keep-living");
	wait_for(first_ended(&r));
	wait_for(has_stray_orphan(&r));
	pid_t keeper = r.orphans.pids.p[0];
	assert_true(left(&r));
	wait_for(gone_by_term(&r));
	assert_int_equal(r.e.ended, 1);
	assert_true(is_living(keeper));
	kill(keeper, SIGKILL);
	wait_for((look(&r), r.orphans.pids.n == 0));
	finish(&r);
}

static void runners_that_change_their_number_all_the_time_are_caught(void **state)
{
	(void)state;
	struct run r = begin_part("runner");
	wait_for(first_ended(&r));
	for (int64_t until = clock_ns() + NS_PER_S / 5; clock_ns() < until;)
		assert_true(left(&r));
	wait_for(gone_by_kill(&r));
	assert_true(r.e.ended >= 1);
	finish(&r);
}

static void a_fork_bomb_in_its_group_is_killed_at_a_stroke(void **state)
{
	(void)state;
	struct run r = begin_part("bomb");
	nap_ms(50);
	wait_for(gone_by_kill(&r));
	finish(&r);
}

static void a_number_that_went_to_a_stranger_is_not_signalled(void **state)
{
	(void)state;
	/* As if the group's number had been given to another task's first process after ours was reaped. */
	struct run stranger = begin("sleep 1000", NULL);
	struct run r = begin_mark();
	r.e.group = r.pid = stranger.pid;
	r.first_alive = false;
	struct pid_list orphans = {0};
	vec_push(NULL, &orphans.pids, stranger.pid);
	assert_false(ending_anything_left(&r.e, &orphans, false));
	ending_kill(&r.e, &orphans, false);
	nap_ms(30);
	assert_true(is_living(stranger.pid));
	assert_int_equal(r.e.ended, 0);
	wait_for(gone_by_kill(&stranger));
	vec_free(&orphans.pids);
	finish(&r);
	finish(&stranger);
}

/* What the tests start: this program in other parts. */

static void rest(void)
{
	for (;;)
		pause();
}

static _Noreturn void become_unmarked(char *self)
{
	char *argv[] = {self, "rest", NULL}, *envp[] = {NULL};
	execve("/proc/self/exe", argv, envp);
	_exit(1);
}

static void part_own_group(char *self)
{
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		become_unmarked(self);
	}
	setpgid(pid, pid);
	nap_ms(50);
}

/* A process of the group that leaves the session but keeps a child there, dead or alive. */
static void part_keep(char *self, bool living)
{
	if (fork() > 0)
		return;
	if (fork() == 0) {
		if (living)
			rest();
		_exit(0);
	}
	setsid();
	become_unmarked(self);
}

static void part_runner(bool own_session, long life_us)
{
	time_t end = time(NULL) + 20; /* should the test itself be killed, nobody else could catch it */
	signal(SIGTERM, SIG_IGN);
	while (time(NULL) < end) {
		if (fork() > 0)
			_exit(0);
		if (own_session)
			setsid();
		nanosleep(&(struct timespec){.tv_nsec = life_us * 1000}, NULL);
	}
}

static void part_bomb(void)
{
	signal(SIGTERM, SIG_IGN);
	for (int i = 0; i < 3; i++) /* eight of them: more leave zombies faster than a loaded machine takes them away */
		if (fork() < 0)
			break;
	part_runner(false, 2000);
}

static int play(char **argv)
{
	const char *part = argv[1];
	if (strcmp(part, "rest") == 0)
		rest();
	else if (strcmp(part, "own-group") == 0)
		part_own_group(argv[0]);
	else if (strncmp(part, "keep-", 5) == 0)
		part_keep(argv[0], strcmp(part, "keep-living") == 0);
	else if (strcmp(part, "runner") == 0)
		part_runner(true, 500);
	else if (strcmp(part, "bomb") == 0)
		part_bomb();
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) && process_become_reaper() == 0 ? 0 : -1;
}

static int clean_up(void **state)
{
	(void)state;
	return rmdir(folder);
}

#define ending_test(f) cmocka_unit_test_setup_teardown(f, NULL, tear_down)

int main(int argc, char **argv)
{
	if (argc > 1)
		return play(argv);
	const struct CMUnitTest tests[] = {
	    ending_test(a_plain_end_leaves_nothing),
	    ending_test(a_living_first_process_is_left_and_ended),
	    ending_test(a_background_process_of_the_group_is_ended_and_counted),
	    ending_test(one_in_its_own_session_that_ignores_sigterm_is_killed),
	    ending_test(a_descendant_without_mark_and_session_is_ended_with_a_living_first),
	    ending_test(such_a_descendant_that_ignores_sigterm_is_still_known_as_an_orphan),
	    ending_test(an_unmarked_orphan_of_its_own_session_is_nobodys_but_the_runs),
	    ending_test(an_unmarked_orphan_in_a_group_of_its_own_is_known_by_its_session),
	    ending_test(orphans_of_another_task_are_left_alone),
	    ending_test(each_gets_sigterm_once_however_often_it_is_asked_for),
	    ending_test(a_stopped_process_gets_to_see_its_sigterm),
	    ending_test(children_come_down_with_their_dying_parents),
	    ending_test(a_zombie_of_the_group_that_nobody_reaps_does_not_count),
	    ending_test(a_member_of_the_group_below_one_that_left_it_is_found),
	    ending_test(runners_that_change_their_number_all_the_time_are_caught),
	    ending_test(a_fork_bomb_in_its_group_is_killed_at_a_stroke),
	    ending_test(a_number_that_went_to_a_stranger_is_not_signalled),
	};
	return cmocka_run_group_tests(tests, set_up, clean_up);
}
