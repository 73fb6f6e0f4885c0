/* What MAKEFLAGS says of a jobserver, and what is handed on of it. */
#include "jobserver_fixture.h"

#include <sys/socket.h>

#include "run/jobserver_auth.h"

static void marks_inherited_descriptors_close_on_exec(void **state)
{
	struct ctx *x = *state;

	assert_int_equal(fcntl(x->pipe[0], F_SETFD, 0), 0);
	assert_int_equal(fcntl(x->pipe[1], F_SETFD, 0), 0);
	struct jobserver_inherited in = jobserver_inspect(pair(x, x->pipe[0], x->pipe[1]));
	assert_true(in.pipe_ok);
	assert_int_equal(in.read_fd, x->pipe[0]);
	assert_int_equal(in.write_fd, x->pipe[1]);
	assert_true(fcntl(x->pipe[0], F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(x->pipe[1], F_GETFD) & FD_CLOEXEC);
}

/* One warning that holds `reason`, one slot, and MAKEFLAGS without the auth. */
static void assert_refused(struct ctx *x, struct str auth, const char *reason, bool plus)
{
	struct slot s[2] = {0};

	sbuf_clear(&x->warnings);
	x->n_warnings = 0;
	struct jobserver *j = open_auth(x, auth);
	assert_int_equal(jobserver_role(j), JOBSERVER_NONE);
	assert_int_equal(x->n_warnings, 1);
	assert_true(str_starts(sbuf_view(&x->warnings), STR("axmake: warning: jobserver unavailable: using -j1.")));
	if (!warned(x, reason))
		fail_msg("no '%s' in: %s", reason, x->warnings.p);
	assert_int_equal(warned(x, "Add '+' to parent make rule."), plus);
	assert_int_equal(take_all(j, s, 2), 1);
	assert_int_equal(jobserver_wait_fd(j), -1);
	struct jobserver_env e = jobserver_child(j, true);
	assert_str(e.makeflags, "ks -j1 -- A=b");
	assert_true(e.keep[0] == -1 && e.keep[1] == -1);
	jobserver_close(j);
}

static void refuses_closed_descriptors(void **state)
{
	struct ctx *x = *state;
	int closed = dup(x->pipe[0]);

	close(closed);
	assert_refused(x, pair(x, closed, x->pipe[1]), "is not open", true);
	assert_refused(x, pair(x, x->pipe[0], closed), "is not open", true);
}

static void refuses_descriptors_that_are_no_pipe(void **state)
{
	struct ctx *x = *state;
	int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC), dir = open("/", O_RDONLY | O_CLOEXEC), sv[2], other[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	fill(x, "a", 1);
	assert_int_equal(write(sv[1], "s", 1), 1);
	assert_refused(x, pair(x, file, x->pipe[1]), "is a regular file, not a pipe", true);
	assert_refused(x, pair(x, dir, x->pipe[1]), "is a directory, not a pipe", true);
	assert_refused(x, pair(x, sv[0], sv[0]), "is a socket, not a pipe", true);
	assert_refused(x, pair(x, x->pipe[1], x->pipe[0]), "is a pipe that cannot be read", true);
	assert_refused(x, pair(x, x->pipe[0], other[0]), "is a pipe that cannot be written", true);
	assert_refused(x, pair(x, x->pipe[0], other[1]), "are not the two ends of one pipe", true);
	assert_refused(x, STR("0,1"), "is a standard stream", true);
	assert_int_equal(available(x->pipe[0]), 1);
	assert_int_equal(available(other[0]), 0);
	assert_int_equal(available(sv[0]), 1);
	assert_int_equal(lseek(file, 0, SEEK_CUR), 0);
	close(file), close(dir), close(sv[0]), close(sv[1]), close(other[0]), close(other[1]);
}

static void refuses_garbage(void **state)
{
	static const char *const words[] = {
	    "", "foo", "3", "3,", ",4", "3,4,", "3,4x", "3;4", "99999999999,4", "3,99999999999", "0x3,4", "-,-"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_refused(*state, str_of(words[i]), "it is neither two descriptors nor fifo:PATH", false);
}

static void negative_descriptors_mean_one_job_and_no_word(void **state)
{
	static const char *const words[] = {"-1,-1", "-2,-2", "3,-1", "-1,4"};
	struct ctx *x = *state;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct slot s[2] = {0};
		struct jobserver *j = open_auth(x, str_of(words[i]));
		assert_int_equal(jobserver_role(j), JOBSERVER_NONE);
		assert_int_equal(take_all(j, s, 2), 1);
		assert_str(jobserver_child(j, true).makeflags, "ks -j1 -- A=b");
		jobserver_close(j);
	}
	assert_int_equal(x->n_warnings, 0);
}

static void joins_a_fifo_with_any_name(void **state)
{
	struct ctx *x = *state;
	static const char *const names[] = {"f", "a:b,c%d e", NULL};
	char longest[201];

	memset(longest, 'x', 200);
	longest[200] = '\0';
	for (int i = 0; i < 3; i++) {
		struct slot s[4] = {0};
		struct str path = arena_printf(&x->a, "%s/%s", x->dir, names[i] ? names[i] : longest);
		assert_int_equal(mkfifo(path.p, 0600), 0);
		int fd = open(path.p, O_RDWR | O_CLOEXEC);
		assert_int_equal(write(fd, "xy", 2), 2);
		struct jobserver *j = open_auth(x, arena_printf(&x->a, "fifo:%s", path.p));
		assert_int_equal(jobserver_role(j), JOBSERVER_CLIENT);
		assert_int_equal(take_all(j, s, 4), 3);
		struct jobserver_env e = jobserver_child(j, true);
		assert_true(e.keep[0] == -1 && e.keep[1] == -1);
		assert_int_equal(str_find(e.makeflags, path, 0) < e.makeflags.n, 1);
		assert_true(str_starts(e.makeflags, STR("ks -j --jobserver-auth=fifo:")));
		assert_str(jobserver_child(j, false).makeflags, i == 1 ? "ks e -- A=b" : "ks -- A=b");
		jobserver_close(j);
		assert_int_equal(available(fd), 2);
		close(fd);
	}
	assert_int_equal(x->n_warnings, 0);
}

static void refuses_paths_that_are_no_fifo(void **state)
{
	struct ctx *x = *state;
	struct str file = arena_printf(&x->a, "%s/file", x->dir);
	int fd = open(file.p, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_refused(x, STR("fifo:"), "it names no path", false);
	assert_refused(x, arena_printf(&x->a, "fifo:%s/none", x->dir), "No such file or directory", false);
	assert_refused(x, arena_printf(&x->a, "fifo:%s", file.p), "it is not a fifo", false);
	assert_refused(x, arena_printf(&x->a, "fifo:%s", x->dir), "it is not a fifo", false);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	close(fd);
}

static void accepts_a_character_device(void **state)
{
	struct ctx *x = *state;
	struct slot s[3] = {0};
	struct jobserver *j = open_auth(x, STR("fifo:/dev/zero"));

	assert_int_equal(jobserver_role(j), JOBSERVER_CLIENT);
	assert_int_equal(take_all(j, s, 3), 3);
	assert_int_equal(s[2].byte, 0);
	jobserver_close(j);
	assert_int_equal(x->n_warnings, 0);
}

static void hands_a_parents_word_on_unchanged(void **state)
{
	struct ctx *x = *state;
	struct str auth = pair(x, x->pipe[0], x->pipe[1]);
	struct str flags = arena_printf(&x->a, " -j3 -l2  --jobserver-auth=%.*s -- A=b\\ c", STR_ARG(auth));
	struct jobserver_config c = {.has_auth = true, .auth = auth, .makeflags = flags, .jobs = 7};
	struct jobserver_inherited in = jobserver_inspect(auth);
	/* -j of AXMAKEFLAGS is a default: the parent's jobserver wins. */
	struct jobserver *j = jobserver_open(&x->a, &c, &in, warn, x);
	struct jobserver_env e = jobserver_child(j, true);

	assert_int_equal(jobserver_role(j), JOBSERVER_CLIENT);
	assert_str(e.makeflags, flags.p);
	assert_true(e.keep[0] == x->pipe[0] && e.keep[1] == x->pipe[1]);
	e = jobserver_child(j, false);
	assert_str(e.makeflags, " -l2 -- A=b\\ c");
	assert_true(e.keep[0] == -1 && e.keep[1] == -1);
	jobserver_close(j);
	assert_int_equal(x->n_warnings, 0);
}

static void strips_only_the_jobservers_words(void **state)
{
	static const char *const cases[][2] = {
	    {"", ""},
	    {" -j1", ""},
	    {" -j", ""},
	    {"ks", "ks"},
	    {"ks -j3 --jobserver-auth=3,4", "ks"},
	    {"n -j3 --jobserver-auth=3,4", "n"},
	    {" -j3 --jobserver-auth=3,4 -- A=b", " -- A=b"},
	    {" -j3 -l2 --jobserver-auth=3,4", " -l2"},
	    {" -j3 -Otarget --jobserver-auth=3,4", " -Otarget"},
	    {"-j --jobserver-fds=3,4 --jobserver-auth=3,4", ""},
	    {" --jobserver-auth=3,4 --jobserver-auth=-2,-2", ""},
	    {" --eval=x\\ -j3\\ --jobserver-auth=9,9 -j3", " --eval=x\\ -j3\\ --jobserver-auth=9,9"},
	    {" -j3 -- A=-j9 B=--jobserver-auth=9,9", " -- A=-j9 B=--jobserver-auth=9,9"},
	    {"kj4s", "ks"},
	    {"-kj4s", " -ks"},
	    {"-ksj 4 -i", " -ks -i"},
	    {" -j-j -k", " -k"},
	    {" -k-s -j2", " -ks"},
	    {"k\\ j4 -i", "k -i"},
	    {"j4", ""},
	    {" -j 4 -k", " -k"},
	    {" --jobs=4 --jobs 5 --jobs -k", " -k"},
	    {" --jobserver-auth 3,4 -k", " -k"},
	    {" -Ijoe -I j3 -Cj -k", " -Ijoe -I j3 -Cj -k"},
	    {" --jobserver-style=fifo -j2", " --jobserver-style=fifo"},
	    {" --no-print-directory -j2", " --no-print-directory"},
	    {"j4 words A=b", "A=b"},
	    {"A=-j3 -j3", "A=-j3"},
	};
	struct ctx *x = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_str(jobserver_makeflags(&x->a, str_of(cases[i][0]), STR_NONE), cases[i][1]);
	assert_str(jobserver_makeflags(&x->a, STR("-- A=b"), STR(" -j2")), " -j2 -- A=b");
	assert_str(jobserver_makeflags(&x->a, STR("k -j9 -- A=b"), STR(" -j2")), "k -j2 -- A=b");
	assert_str(jobserver_makeflags(&x->a, STR("k -- "), STR(" -j2")), "k -j2");
	assert_str(jobserver_makeflags(&x->a, STR("k -C -- -j9 -- A=b"), STR(" -j2")), "k -C -- -j2 -- A=b"); /* the first is a folder's name */
	assert_str(jobserver_makeflags(&x->a, STR("k --what-if -- -j9 -- A=b"), STR(" -j2")), "k --what-if -- -j2 -- A=b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(marks_inherited_descriptors_close_on_exec),
	    CASE(refuses_closed_descriptors),
	    CASE(refuses_descriptors_that_are_no_pipe),
	    CASE(refuses_garbage),
	    CASE(negative_descriptors_mean_one_job_and_no_word),
	    CASE(joins_a_fifo_with_any_name),
	    CASE(refuses_paths_that_are_no_fifo),
	    CASE(accepts_a_character_device),
	    CASE(hands_a_parents_word_on_unchanged),
	    CASE(strips_only_the_jobservers_words),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("jobserver_auth", tests, NULL, NULL);
}
