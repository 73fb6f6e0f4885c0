/* Limits that all processes of a user share: what one of them may take, who comes next, and what is left when one dies. */
#include "store_fixture.h"

#include <poll.h>
#include <sys/mman.h>

#include "state/limits.h"
#include "must_fork.h"

static const struct limit_rule no_rule = {0}, one_place = {.max_concurrent = 1};

static int setup(void **state)
{
	int failed = box_setup(state);
	struct box *b = *state;

	setenv("XDG_RUNTIME_DIR", b->path, 1);
	return failed || chmod(b->path, 0700);
}

static struct limit *open_limit(struct arena *a, const char *name)
{
	struct str problem;
	struct limits *l = limits_open(a, &problem);

	return l ? limit_of(l, str_of(name)) : NULL;
}

static enum limit_kind take(struct limit *l, const struct limit_rule *rule, struct limit_hold *hold)
{
	return limit_take(l, rule, hold).kind;
}

static void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* As a scheduler does: sleeps until there is a sense in asking again. */
static void take_waiting(struct limits *of, struct limit *l, const struct limit_rule *rule, struct limit_hold *hold)
{
	for (;;) {
		struct limit_answer a = limit_take(l, rule, hold);
		struct pollfd p = {limits_fd(of), POLLIN, 0};

		if (a.kind == LIMIT_TAKEN)
			return;
		if (a.kind != LIMIT_WAIT)
			_exit(9);
		int64_t left = a.again_ns == INT64_MAX ? -1 : a.again_ns - clock_ns();
		poll(&p, 1, left < 0 ? (a.again_ns == INT64_MAX ? -1 : 0) : (int)(left / NS_PER_MS + 1));
		limits_drain(of);
	}
}

/* A process that is no ancestor of later ones, takes, and writes `name` into the pipe when it has. It gives back after `hold_ms`; -1: never. */
static pid_t taker(int pipe_fd, const struct limit_rule *rule, char name, int hold_ms)
{
	pid_t pid = must_fork();
	struct arena a = {0};
	struct str problem;
	struct limit_hold hold;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct limits *of = limits_open(&a, &problem);
	struct limit *l = limit_of(of, STR("p"));
	take_waiting(of, l, rule, &hold);
	if (write(pipe_fd, &name, 1) != 1)
		_exit(1);
	while (hold_ms < 0)
		pause();
	sleep_ms(hold_ms);
	limit_give(&hold, true);
	_exit(0);
}

static void end(pid_t pid, int signal)
{
	kill(pid, signal);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_bucket_starts_full_and_refills_by_time(void **state)
{
	const struct limit_rule rule = {.capacity = 3, .refill = 0.5};
	struct bucket b;
	struct bucket_now now = {"boot", 1000 * NS_PER_S, 5000};

	(void)state;
	assert_false(bucket_parse(STR("garbage"), &b));
	assert_true(bucket_settle(&b, &rule, &now));
	assert_int_equal(bucket_wait_ns(&b, &rule), 0);
	b.missing = 3;
	assert_in_range(bucket_wait_ns(&b, &rule), 1999 * NS_PER_MS, 2001 * NS_PER_MS);
	now.boot_ns += NS_PER_S;
	assert_false(bucket_settle(&b, &rule, &now));
	assert_in_range(bucket_wait_ns(&b, &rule), 999 * NS_PER_MS, 1001 * NS_PER_MS);
	now.boot_ns += 1000 * NS_PER_S;
	bucket_settle(&b, &rule, &now);
	assert_true(b.missing == 0);
	assert_int_equal(bucket_wait_ns(&b, &no_rule), 0);
}

static void many_small_steps_refill_as_one_large(void **state)
{
	const struct limit_rule rule = {.capacity = 10, .refill = 0.001};
	struct bucket b = {.boot = "boot", .missing = 10, .settled_ns = NS_PER_S};
	char text[BUCKET_TEXT];

	(void)state;
	for (int i = 1; i <= 10000; i++) {
		bucket_settle(&b, &rule, &(struct bucket_now){"boot", NS_PER_S + i * 100 * NS_PER_MS, 0});
		bucket_print(&b, text);
		assert_true(bucket_parse((struct str){text, sizeof text}, &b));
	}
	assert_true(b.missing > 8.98 && b.missing < 9.02);
}

static void a_clock_that_steps_back_gives_neither_flood_nor_stop(void **state)
{
	const struct limit_rule rule = {.capacity = 2, .refill = 1};
	struct bucket b = {.boot = "boot", .missing = 2, .settled_ns = 1000 * NS_PER_S, .why = LIMIT_NO_QUOTA, .until_ms = 9000, .closed_ms = 8000};

	(void)state;
	assert_true(bucket_settle(&b, &rule, &(struct bucket_now){"boot", 10 * NS_PER_S, 8500}));
	assert_true(b.missing == 2);
	assert_int_equal(b.until_ms, 9000);
	bucket_settle(&b, &rule, &(struct bucket_now){"boot", 11 * NS_PER_S, 100});
	assert_int_equal(bucket_wait_ns(&b, &rule), 0);
	assert_int_equal(b.until_ms, 1100);
	b.missing = 2;
	bucket_settle(&b, &rule, &(struct bucket_now){"another", NS_PER_S, 100});
	assert_true(b.missing == 0);
}

static void a_state_survives_its_text(void **state)
{
	struct bucket b = {"0123-4567", 1.5, INT64_MAX, 77, 5, LIMIT_COOLING, 1 << 20, 1 << 10, 3}, c;
	char text[BUCKET_TEXT];

	(void)state;
	bucket_print(&b, text);
	assert_true(bucket_parse((struct str){text, sizeof text}, &c));
	assert_string_equal(c.boot, b.boot);
	assert_true(c.missing == 1.5 && c.settled_ns == b.settled_ns && c.next_ticket == 77 && c.free_since_ns == 5 &&
		    c.why == LIMIT_COOLING && c.until_ms == b.until_ms && c.closed_ms == b.closed_ms && c.probe_ns == 3);
	text[20] = '\xff';
	text[3] = 'x';
	assert_false(bucket_parse((struct str){text, sizeof text}, &c));
}

static void the_folder_is_the_users_alone(void **state)
{
	struct box *b = *state;
	struct str problem;
	struct limits *l = limits_open(&b->arena, &problem);
	struct stat st;

	assert_non_null(limit_of(l, STR("a/../b c")));
	assert_int_equal(stat("axmake", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(access("axmake/a%2F..%2Fb%20c.state", F_OK), 0);
	limits_close(l);
	/* A runtime folder that others may look into is none. */
	assert_int_equal(chmod(b->path, 0755), 0);
	setenv("HOME", arena_printf(&b->arena, "%s/none", b->path).p, 1);
	unsetenv("XDG_STATE_HOME");
	assert_null(limits_open(&b->arena, &problem));
	assert_non_null(strstr(problem.p, "set XDG_RUNTIME_DIR, XDG_STATE_HOME or HOME"));
	assert_int_not_equal(access("none", F_OK), 0);
	setenv("HOME", b->path, 1);
	l = limits_open(&b->arena, &problem);
	assert_non_null(l);
	assert_int_equal(access(".local/state/axmake/limits", F_OK), 0);
	limits_close(l);
}

static void tokens_are_shared_and_waited_for_by_time(void **state)
{
	struct box *b = *state;
	const struct limit_rule rule = {.capacity = 2, .refill = 1};
	struct limit *mine = open_limit(&b->arena, "p"), *others = open_limit(&b->arena, "p");
	struct limit_hold h;

	assert_int_equal(take(mine, &rule, &h), LIMIT_TAKEN);
	assert_int_equal(take(others, &rule, &h), LIMIT_TAKEN);
	struct limit_answer a = limit_take(mine, &rule, &h);
	assert_int_equal(a.kind, LIMIT_WAIT);
	int64_t left = a.again_ns - clock_ns();
	assert_in_range(left, 0, NS_PER_S);
	sleep_ms(left / NS_PER_MS + 2);
	/* Who came first goes first. */
	assert_int_equal(take(others, &rule, &h), LIMIT_WAIT);
	assert_int_equal(take(mine, &rule, &h), LIMIT_TAKEN);
	assert_int_equal(take(open_limit(&b->arena, "another"), &rule, &h), LIMIT_TAKEN);
}

static void a_place_that_is_given_back_wakes_who_waits(void **state)
{
	struct box *b = *state;
	struct str problem;
	struct limits *of = limits_open(&b->arena, &problem);
	struct limit *mine = limit_of(of, STR("p")), *others = open_limit(&b->arena, "p");
	struct limit_hold h, g;
	struct pollfd p = {limits_fd(of), POLLIN, 0};

	assert_int_equal(take(others, &one_place, &h), LIMIT_TAKEN);
	assert_true(h.fd >= 0 && (fcntl(h.fd, F_GETFD) & FD_CLOEXEC));
	struct limit_answer a = limit_take(mine, &one_place, &g);
	assert_int_equal(a.kind, LIMIT_WAIT);
	assert_true(a.again_ns == INT64_MAX);
	limits_drain(of);
	assert_int_equal(poll(&p, 1, 0), 0);
	limit_give(&h, true);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_int_equal(take(mine, &one_place, &g), LIMIT_TAKEN);
	limit_give(&g, true);
}

static void looking_in_vain_wakes_nobody(void **state)
{
	struct box *b = *state;
	struct str problem;
	struct limits *of = limits_open(&b->arena, &problem);
	struct limit *mine = limit_of(of, STR("p")), *others = open_limit(&b->arena, "p");
	struct limit_hold h, g;
	struct pollfd p = {limits_fd(of), POLLIN, 0};

	assert_int_equal(take(mine, &one_place, &h), LIMIT_TAKEN);
	assert_int_equal(take(others, &one_place, &g), LIMIT_WAIT);
	limits_drain(of);
	for (int i = 0; i < 5; i++)
		assert_int_equal(take(others, &one_place, &g), LIMIT_WAIT);
	assert_int_equal(poll(&p, 1, 0), 0);
	limit_give(&h, true);
}

/* As a scheduler does; how often it asked. */
static int times_asked(struct limits *of, struct limit *l, const struct limit_rule *rule, struct limit_hold *hold)
{
	for (int n = 1;; n++) {
		struct limit_answer a = limit_take(l, rule, hold);
		struct pollfd p = {limits_fd(of), POLLIN, 0};

		if (a.kind == LIMIT_TAKEN)
			return n;
		int64_t left = a.again_ns == INT64_MAX ? -1 : a.again_ns - clock_ns();
		poll(&p, 1, left < 0 ? (a.again_ns == INT64_MAX ? -1 : 0) : (int)(left / NS_PER_MS + 1));
		limits_drain(of);
	}
}

/* With nobody else about: once to hear that it has to wait, and once when there is something to take; far from twenty times a second. */
static void who_waits_does_not_poll(void **state)
{
	static const struct limit_rule slow = {.capacity = 1, .refill = 1};
	struct box *b = *state;
	struct str problem;
	struct limits *of = limits_open(&b->arena, &problem);
	struct limit *mine = limit_of(of, STR("p")), *bucket = limit_of(of, STR("q"));
	struct limit_hold h;
	int fds[2];
	char c;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t holder = taker(fds[1], &one_place, 'x', 1000);
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_in_range(times_asked(of, mine, &one_place, &h), 2, 6);
	limit_give(&h, true);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	assert_int_equal(times_asked(of, bucket, &slow, &h), 1);
	limit_give(&h, true);
	assert_in_range(times_asked(of, bucket, &slow, &h), 2, 6);
	limit_give(&h, true);
}

static void a_killed_holder_leaves_nothing_locked(void **state)
{
	struct box *b = *state;
	int fds[2];
	char c;
	struct str problem;
	struct limits *of = limits_open(&b->arena, &problem);
	struct limit *mine = limit_of(of, STR("p"));
	struct limit_hold h;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = taker(fds[1], &one_place, 'a', -1);
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(take(mine, &one_place, &h), LIMIT_WAIT);
	kill(pid, SIGKILL);
	take_waiting(of, mine, &one_place, &h);
	limit_give(&h, true);
	waitpid(pid, NULL, 0);
}

static void turns_are_first_come_first_served_and_the_dead_lose_theirs(void **state)
{
	struct box *b = *state;
	struct limit *mine = open_limit(&b->arena, "p");
	struct limit_hold h;
	int fds[2];
	char got[4] = "";
	pid_t pid[4];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	/* By another process: whose ancestor holds all would not wait. */
	pid_t holder = taker(fds[1], &one_place, 'x', -1);
	assert_int_equal(read(fds[0], got, 1), 1);
	for (int i = 0; i < 4; i++) {
		pid[i] = taker(fds[1], &one_place, (char)('a' + i), 0);
		sleep_ms(150);
	}
	end(pid[1], SIGKILL);
	end(holder, SIGKILL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(read(fds[0], got + i, 1), 1);
	assert_string_equal(got, "acd");
	for (int i = 0; i < 4; i++)
		if (i != 1)
			assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
	assert_int_equal(take(mine, &one_place, &h), LIMIT_TAKEN);
	limit_give(&h, true);
}

static void one_that_sleeps_on_its_turn_is_passed_by(void **state)
{
	struct box *b = *state;
	int fds[2];
	char c;

	(void)b;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t holder = taker(fds[1], &one_place, 'x', -1);
	assert_int_equal(read(fds[0], &c, 1), 1);
	pid_t sleeper = taker(fds[1], &one_place, 'a', 0);
	sleep_ms(150);
	kill(sleeper, SIGSTOP);
	pid_t other = taker(fds[1], &one_place, 'b', 0);
	sleep_ms(150);
	end(holder, SIGKILL);
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(c, 'b');
	assert_int_equal(waitpid(other, NULL, 0), other);
	kill(sleeper, SIGCONT);
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(c, 'a');
	assert_int_equal(waitpid(sleeper, NULL, 0), sleeper);
}

static void who_waits_for_an_ancestor_is_told(void **state)
{
	struct box *b = *state;
	struct limit *mine = open_limit(&b->arena, "p");
	struct limit_hold h;
	int status;

	assert_int_equal(take(mine, &one_place, &h), LIMIT_TAKEN);
	pid_t pid = must_fork();
	if (!pid) {
		struct arena a = {0};
		_exit(limit_take(open_limit(&a, "p"), &one_place, &h).kind);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), LIMIT_OWN);
	limit_give(&h, true);
}

static void closed_for_one_is_closed_for_all_and_opens_with_one_first(void **state)
{
	struct box *b = *state;
	struct limit *mine = open_limit(&b->arena, "p"), *others = open_limit(&b->arena, "p");
	struct limit_hold h, g;
	int64_t until = clock_wall_ns() / NS_PER_MS + 600;

	assert_int_equal(limit_close(mine, until, LIMIT_NO_QUOTA), 0);
	assert_int_equal(limit_close(others, until - 100, LIMIT_NO_QUOTA), 0);
	struct limit_answer a = limit_take(others, &no_rule, &g);
	assert_int_equal(a.kind, LIMIT_CLOSED);
	assert_int_equal(a.until_ms, until);
	sleep_ms(610);
	assert_int_equal(take(others, &no_rule, &g), LIMIT_TAKEN);
	assert_true(g.probe);
	a = limit_take(mine, &no_rule, &h);
	assert_int_equal(a.kind, LIMIT_WAIT);
	assert_in_range(a.again_ns - clock_ns(), 20 * NS_PER_S, 30 * NS_PER_S);
	/* The first one failed otherwise, which says nothing: the next is first again. */
	limit_give(&g, false);
	assert_int_equal(take(mine, &no_rule, &h), LIMIT_TAKEN);
	assert_int_equal(take(others, &no_rule, &g), LIMIT_WAIT);
	limit_give(&h, true);
	assert_int_equal(take(mine, &no_rule, &h), LIMIT_TAKEN);
	assert_int_equal(take(others, &no_rule, &g), LIMIT_TAKEN);
	assert_false(g.probe);
}

static void cooling_down_only_puts_off(void **state)
{
	struct box *b = *state;
	struct limit *mine = open_limit(&b->arena, "p"), *others = open_limit(&b->arena, "p");
	struct limit_hold h;

	assert_int_equal(limit_close(mine, clock_wall_ns() / NS_PER_MS + 900, LIMIT_COOLING), 0);
	struct limit_answer a = limit_take(others, &no_rule, &h);
	assert_int_equal(a.kind, LIMIT_WAIT);
	assert_in_range(a.again_ns - clock_ns(), 0, 900 * NS_PER_MS);
	assert_int_equal(limit_close(mine, clock_wall_ns() / NS_PER_MS + 800, LIMIT_NO_QUOTA), 0);
	assert_int_equal(take(others, &no_rule, &h), LIMIT_CLOSED);
}

static void a_folder_that_vanishes_is_made_anew(void **state)
{
	struct box *b = *state;
	struct limit *mine = open_limit(&b->arena, "p");
	struct limit_hold h;

	assert_int_equal(take(mine, &one_place, &h), LIMIT_TAKEN);
	limit_give(&h, true);
	assert_int_equal(unlink("axmake/p.state"), 0);
	assert_int_equal(unlink("axmake/p.places"), 0);
	assert_int_equal(take(mine, &one_place, &h), LIMIT_TAKEN);
	assert_int_equal(take(open_limit(&b->arena, "p"), &one_place, &h), LIMIT_WAIT);
}

/* The storm: many processes, some killed at random. */

#define PROCESSES 20
#define CALLS 10
#define KILLS 6

struct call {
	_Atomic int64_t asked_ns, taken_ns, given_ns; /* 0: not yet */
};

static const struct limit_rule storm_rule = {.capacity = 20, .refill = 150, .max_concurrent = 5};

static void storm(struct call *calls, unsigned seed)
{
	struct arena a = {0};
	struct str problem;
	struct limits *of = limits_open(&a, &problem);
	struct limit *l = limit_of(of, STR("p"));
	struct limit_hold h;

	for (int i = 0; i < CALLS; i++) {
		calls[i].asked_ns = clock_ns();
		take_waiting(of, l, &storm_rule, &h);
		calls[i].taken_ns = clock_ns();
		sleep_ms((long)((seed = seed * 1103515245 + 12345) >> 16) % 20);
		calls[i].given_ns = clock_ns();
		limit_give(&h, true);
	}
	_exit(0);
}

/* Of all calls, how many were certainly on their way when this one began? */
static int at_once(const struct call *calls, const struct call *c)
{
	int n = 0;

	for (int i = 0; i < PROCESSES * CALLS; i++)
		n += calls[i].taken_ns && calls[i].taken_ns <= c->taken_ns && calls[i].given_ns > c->taken_ns;
	return n;
}

/* No span of time saw more calls begin than the bucket has for it. */
static void check_bucket(const struct call *calls)
{
	for (int i = 0; i < PROCESSES * CALLS; i++)
		for (int j = 0; j < PROCESSES * CALLS; j++) {
			int64_t from = calls[i].asked_ns, to = calls[j].taken_ns;
			int n = 0;

			if (!calls[i].taken_ns || !to || to < from)
				continue;
			for (int k = 0; k < PROCESSES * CALLS; k++)
				n += calls[k].taken_ns && calls[k].asked_ns >= from && calls[k].taken_ns <= to;
			double most = storm_rule.capacity + storm_rule.refill * (double)(to - from) / (double)NS_PER_S;
			assert_true(n <= most + 0.01);
		}
}

static void a_storm_never_exceeds_bucket_and_places_and_leaves_nothing_locked(void **state)
{
	struct box *b = *state;
	struct call *calls = mmap(NULL, PROCESSES * CALLS * sizeof *calls, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct limit_hold held[5];
	pid_t pid[PROCESSES];
	int64_t killed_ns[PROCESSES] = {0};
	int done = 0;

	assert_true(calls != MAP_FAILED);
	for (int i = 0; i < PROCESSES; i++)
		if (!(pid[i] = must_fork()))
			storm(calls + i * CALLS, (unsigned)i);
	for (int i = 0; i < KILLS; i++) {
		sleep_ms(80);
		killed_ns[i * 3] = clock_ns();
		kill(pid[i * 3], SIGKILL);
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true((WIFEXITED(status) && WEXITSTATUS(status) == 0) || (killed_ns[i] && WIFSIGNALED(status)));
	}
	for (int i = 0; i < PROCESSES * CALLS; i++) {
		done += calls[i].given_ns != 0;
		if (calls[i].taken_ns && !calls[i].given_ns)
			calls[i].given_ns = killed_ns[i / CALLS];
	}
	assert_true(done >= (PROCESSES - KILLS) * CALLS);
	for (int i = 0; i < PROCESSES * CALLS; i++)
		assert_true(!calls[i].taken_ns || at_once(calls, &calls[i]) <= 5);
	check_bucket(calls);
	sleep_ms(200);
	for (int i = 0; i < 5; i++)
		assert_int_equal(take(open_limit(&b->arena, "p"), &storm_rule, &held[i]), LIMIT_TAKEN);
	munmap(calls, PROCESSES * CALLS * sizeof *calls);
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bucket_starts_full_and_refills_by_time),
	    cmocka_unit_test(many_small_steps_refill_as_one_large),
	    cmocka_unit_test(a_clock_that_steps_back_gives_neither_flood_nor_stop),
	    cmocka_unit_test(a_state_survives_its_text),
	    IN_BOX(the_folder_is_the_users_alone),
	    IN_BOX(tokens_are_shared_and_waited_for_by_time),
	    IN_BOX(a_place_that_is_given_back_wakes_who_waits),
	    IN_BOX(looking_in_vain_wakes_nobody),
	    IN_BOX(who_waits_does_not_poll),
	    IN_BOX(a_killed_holder_leaves_nothing_locked),
	    IN_BOX(turns_are_first_come_first_served_and_the_dead_lose_theirs),
	    IN_BOX(one_that_sleeps_on_its_turn_is_passed_by),
	    IN_BOX(who_waits_for_an_ancestor_is_told),
	    IN_BOX(closed_for_one_is_closed_for_all_and_opens_with_one_first),
	    IN_BOX(cooling_down_only_puts_off),
	    IN_BOX(a_folder_that_vanishes_is_made_anew),
	    IN_BOX(a_storm_never_exceeds_bucket_and_places_and_leaves_nothing_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
