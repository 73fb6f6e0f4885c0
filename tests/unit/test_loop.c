#include "process_fixture.h"

#include <sys/epoll.h>
#include <sys/resource.h>

#include "run/loop.h"

static char trace[256];

static void note(const char *what)
{
	assert_true(strlen(trace) + strlen(what) < sizeof trace);
	strcat(trace, what);
}

static int new_loop(void **state)
{
	*trace = '\0';
	*state = loop_new();
	return *state ? 0 : -1;
}

static int end_loop(void **state)
{
	loop_free(*state);
	return 0;
}

static void note_signal(void *self, const struct signalfd_siginfo *si)
{
	(void)self;
	note(si->ssi_signo == SIGCHLD ? "C" : si->ssi_signo == SIGINT ? "I" : si->ssi_signo == SIGTERM ? "T" : "?");
}

static void note_timer(void *self)
{
	(void)self;
	note("t");
}

static void note_fd(void *self, uint32_t events)
{
	(void)self;
	note(events & EPOLLIN ? "f" : events & EPOLLHUP ? "h" : "?");
}

/* A pipe with something in it; returns the reading end. */
static int full_pipe(int *other)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	*other = ends[1];
	return ends[0];
}

static void signals_come_before_timers_and_timers_before_descriptors(void **state)
{
	struct loop *l = *state;
	int w, r = full_pipe(&w);
	struct loop_timer t = {.fn = note_timer};
	loop_on_signal(l, note_signal, NULL);
	assert_int_equal(loop_watch(l, r, EPOLLIN, note_fd, NULL), 0);
	loop_timer_set(l, &t, clock_ns() - 1);
	kill(getpid(), SIGINT);
	assert_int_equal(loop_turn(l, true), 0);
	assert_string_equal(trace, "Itf");
	loop_unwatch(l, r);
	close(r);
	close(w);
}

static void a_signal_is_seen_in_the_first_turn_among_hundreds_of_ready_descriptors(void **state)
{
	struct loop *l = *state;
	int r[300], w[300];
	loop_on_signal(l, note_signal, NULL);
	for (int i = 0; i < 300; i++) {
		r[i] = full_pipe(&w[i]);
		assert_int_equal(loop_watch(l, r[i], EPOLLIN, note_fd, NULL), 0);
	}
	kill(getpid(), SIGTERM);
	assert_int_equal(loop_turn(l, true), 0);
	assert_int_equal(trace[0], 'T');
	for (int i = 0; i < 300; i++) {
		loop_unwatch(l, r[i]);
		close(r[i]);
		close(w[i]);
	}
}

static int64_t last_at;
static size_t fired;

static void check_order(void *self)
{
	struct loop_timer *t = self;
	assert_true(t->at_ns >= last_at);
	assert_int_equal(t->place, 0);
	last_at = t->at_ns;
	fired++;
}

static void timers_fire_in_the_order_of_their_times(void **state)
{
	enum { N = 2000 };
	static struct loop_timer t[N];
	struct loop *l = *state;
	int64_t past = clock_ns() - 100 * NS_PER_S;
	last_at = 0;
	fired = 0;
	srand(7);
	for (int i = 0; i < N; i++) {
		t[i] = (struct loop_timer){.fn = check_order, .self = &t[i]};
		loop_timer_set(l, &t[i], past + rand() % 1000000);
	}
	for (int i = 0; i < N; i += 3)
		loop_timer_set(l, &t[i], past + rand() % 1000000); /* moved, both ways */
	for (int i = 1; i < N; i += 5)
		loop_timer_clear(l, &t[i]);
	loop_timer_clear(l, &t[1]); /* twice is nothing */
	assert_int_equal(loop_turn(l, true), 0);
	assert_int_equal(fired, N - N / 5);
}

static struct loop *turning;
static struct loop_timer other_timer;

static void clear_other(void *self)
{
	(void)self;
	note("c");
	loop_timer_clear(turning, &other_timer);
}

static void a_timer_cleared_by_an_earlier_one_does_not_fire(void **state)
{
	struct loop_timer t = {.fn = clear_other};
	turning = *state;
	other_timer = (struct loop_timer){.fn = note_timer};
	loop_timer_set(turning, &t, 1);
	loop_timer_set(turning, &other_timer, 2);
	assert_int_equal(loop_turn(turning, false), 0);
	assert_string_equal(trace, "c");
}

static void set_again(void *self)
{
	note("t");
	loop_timer_set(turning, self, 1);
}

static void a_timer_that_sets_itself_for_the_past_leaves_descriptors_their_turn(void **state)
{
	int w, r = full_pipe(&w);
	struct loop_timer t = {.fn = set_again};
	t.self = &t;
	turning = *state;
	assert_int_equal(loop_watch(turning, r, EPOLLIN, note_fd, NULL), 0);
	loop_timer_set(turning, &t, 1);
	assert_int_equal(loop_turn(turning, true), 0);
	assert_int_equal(loop_turn(turning, true), 0);
	assert_string_equal(trace, "tftf");
	loop_timer_clear(turning, &t);
	loop_unwatch(turning, r);
	close(r);
	close(w);
}

static void a_turn_waits_for_its_timer_and_no_longer(void **state)
{
	struct loop_timer t = {.fn = note_timer};
	int64_t from = clock_ns();
	loop_timer_set(*state, &t, from + 30 * NS_PER_MS);
	assert_int_equal(loop_turn(*state, false), 0);
	assert_string_equal(trace, "");
	assert_int_equal(loop_turn(*state, true), 0);
	int64_t took = clock_ns() - from;
	assert_string_equal(trace, "t");
	assert_true(took >= 30 * NS_PER_MS && took < 2 * NS_PER_S);
}

static int pair[2], pair_w[2];

static void unwatch_both(void *self, uint32_t events)
{
	(void)self, (void)events;
	note("u");
	for (int i = 0; i < 2; i++)
		loop_unwatch(turning, pair[i]);
}

static void unwatching_in_a_callback_silences_events_already_taken(void **state)
{
	turning = *state;
	for (int i = 0; i < 2; i++) {
		pair[i] = full_pipe(&pair_w[i]);
		assert_int_equal(loop_watch(turning, pair[i], EPOLLIN, unwatch_both, NULL), 0);
	}
	assert_int_equal(loop_turn(turning, true), 0);
	assert_int_equal(loop_turn(turning, false), 0);
	assert_string_equal(trace, "u");
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(pair_w[i]);
	}
}

static void replace_other(void *self, uint32_t events)
{
	(void)events;
	int me = *(int *)self, other = me == pair[0] ? pair[1] : pair[0];
	note("r");
	loop_unwatch(turning, me);
	loop_unwatch(turning, other);
	/* The other number is closed and comes back at once as an empty pipe's. */
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(dup3(ends[0], other, O_CLOEXEC), other);
	close(ends[0]);
	assert_int_equal(loop_watch(turning, other, EPOLLIN, note_fd, NULL), 0);
	pair_w[other == pair[0] ? 0 : 1] = ends[1];
}

static void an_event_of_a_closed_descriptor_is_not_given_to_its_successor(void **state)
{
	turning = *state;
	int old_w[2];
	for (int i = 0; i < 2; i++) {
		pair[i] = full_pipe(&old_w[i]);
		pair_w[i] = -1;
		assert_int_equal(loop_watch(turning, pair[i], EPOLLIN, replace_other, &pair[i]), 0);
	}
	assert_int_equal(loop_turn(turning, true), 0);
	assert_int_equal(loop_turn(turning, false), 0);
	assert_string_equal(trace, "r");
	int one = pair_w[0] >= 0 ? 0 : 1;
	assert_int_equal(write(pair_w[one], "x", 1), 1);
	assert_int_equal(loop_turn(turning, true), 0);
	assert_string_equal(trace, "rf");
	loop_unwatch(turning, pair[one]);
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(old_w[i]);
	}
	close(pair_w[one]);
}

static void watch_many(void *self, uint32_t events)
{
	(void)events;
	int *w = self, at = 0;
	note("m");
	loop_unwatch(turning, pair[0]);
	for (int i = 0; i < 200; i += 2) {
		w[i] = full_pipe(&w[i + 1]);
		at += loop_watch(turning, w[i], EPOLLIN, note_fd, NULL);
	}
	assert_int_equal(at, 0);
}

static void watching_more_inside_a_callback_is_safe(void **state)
{
	int w[200];
	turning = *state;
	pair[0] = full_pipe(&pair_w[0]);
	assert_int_equal(loop_watch(turning, pair[0], EPOLLIN, watch_many, w), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(turning, true), 0);
	assert_true(strlen(trace) >= 101);
	for (int i = 0; i < 200; i++) {
		if (i % 2 == 0)
			loop_unwatch(turning, w[i]);
		close(w[i]);
	}
	close(pair[0]);
	close(pair_w[0]);
}

static void what_cannot_be_polled_is_refused(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(loop_watch(*state, fd, EPOLLIN, note_fd, NULL), EPERM);
	close(fd);
	assert_int_equal(loop_watch(*state, fd, EPOLLIN, note_fd, NULL), EBADF);
	assert_int_equal(loop_watch(*state, -1, EPOLLIN, note_fd, NULL), EBADF);
	loop_unwatch(*state, -1);
	loop_unwatch(*state, 100000);
}

static void watching_again_replaces(void **state)
{
	int w, r = full_pipe(&w);
	assert_int_equal(loop_watch(*state, r, EPOLLIN, unwatch_both, NULL), 0);
	assert_int_equal(loop_watch(*state, r, EPOLLIN, note_fd, NULL), 0);
	assert_int_equal(loop_turn(*state, true), 0);
	assert_string_equal(trace, "f");
	loop_unwatch(*state, r);
	close(r);
	close(w);
}

static void freeing_restores_mask_and_handlers(void **state)
{
	sigset_t before, during, after;
	struct sigaction sa;
	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	signal(SIGCHLD, SIG_IGN);
	struct loop *l = loop_new();
	pthread_sigmask(SIG_SETMASK, NULL, &during);
	assert_true(sigismember(&during, SIGCHLD) && sigismember(&during, SIGINT) && sigismember(&during, SIGTERM));
	assert_true(sigismember(&during, SIGHUP) && sigismember(&during, SIGQUIT));
	sigaction(SIGPIPE, NULL, &sa);
	assert_true(sa.sa_handler == SIG_IGN);
	sigaction(SIGCHLD, NULL, &sa);
	assert_true(sa.sa_handler == SIG_DFL);
	loop_free(l);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int s = 1; s < NSIG; s++)
		assert_int_equal(sigismember(&before, s), sigismember(&after, s));
	sigaction(SIGPIPE, NULL, &sa);
	assert_true(sa.sa_handler == SIG_DFL);
	sigaction(SIGCHLD, NULL, &sa);
	assert_true(sa.sa_handler == SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

static void without_room_for_descriptors_it_says_so_and_leaves_nothing(void **state)
{
	struct rlimit old, low;
	sigset_t before, after;
	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	getrlimit(RLIMIT_NOFILE, &old);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(fd);
	for (int room = 0; room < 2; room++) {
		low = (struct rlimit){(rlim_t)(fd + room), old.rlim_max};
		setrlimit(RLIMIT_NOFILE, &low);
		struct loop *l = loop_new();
		int err = errno;
		setrlimit(RLIMIT_NOFILE, &old);
		assert_null(l);
		assert_int_equal(err, EMFILE);
	}
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
}

static void an_interrupt_ignored_at_the_start_stays_ignored(void **state)
{
	(void)state;
	for (int sig = 0; sig < 2; sig++) {
		pid_t pid = start_part("x", "ignored", sig ? "HUP" : "INT");
		assert_int_equal(wait_status(pid), 0);
	}
}

/* Started again for itself, since what was ignored is recorded once in a process. */
static int part_ignored(const char *which)
{
	int sig = strcmp(which, "INT") == 0 ? SIGINT : SIGHUP, other = sig == SIGINT ? SIGHUP : SIGINT;
	signal(sig, SIG_IGN);
	struct loop *l = loop_new();
	*trace = '\0';
	loop_on_signal(l, note_signal, NULL);
	kill(getpid(), sig);
	kill(getpid(), other);
	loop_turn(l, false);
	loop_turn(l, false);
	loop_free(l);
	return strlen(trace) == 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "ignored") == 0)
		return part_ignored(argv[2]);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(signals_come_before_timers_and_timers_before_descriptors, new_loop, end_loop),
	    cmocka_unit_test_setup_teardown(a_signal_is_seen_in_the_first_turn_among_hundreds_of_ready_descriptors, new_loop,
	                                    end_loop),
	    cmocka_unit_test_setup_teardown(timers_fire_in_the_order_of_their_times, new_loop, end_loop),
	    cmocka_unit_test_setup_teardown(a_timer_cleared_by_an_earlier_one_does_not_fire, new_loop, end_loop),
	    cmocka_unit_test_setup_teardown(a_timer_that_sets_itself_for_the_past_leaves_descriptors_their_turn, new_loop,
	                                    end_loop),
	    cmocka_unit_test_setup_teardown(a_turn_waits_for_its_timer_and_no_longer, new_loop, end_loop),
	    cmocka_unit_test_setup_teardown(unwatching_in_a_callback_silences_events_already_taken, new_loop, end_loop),
	    cmocka_unit_test_setup_teardown(an_event_of_a_closed_descriptor_is_not_given_to_its_successor, new_loop, end_loop),
	    cmocka_unit_test_setup_teardown(watching_more_inside_a_callback_is_safe, new_loop, end_loop),
	    cmocka_unit_test_setup_teardown(what_cannot_be_polled_is_refused, new_loop, end_loop),
	    cmocka_unit_test_setup_teardown(watching_again_replaces, new_loop, end_loop),
	    cmocka_unit_test(freeing_restores_mask_and_handlers),
	    cmocka_unit_test(without_room_for_descriptors_it_says_so_and_leaves_nothing),
	    cmocka_unit_test(an_interrupt_ignored_at_the_start_stays_ignored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
