#include "run/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "run/aim.h"
#include "run/process.h"

extern char **environ;

enum { MOST_BYTES = 4096, PIECE = 4096, STEP_MS = 5 };

static int ms_until(int64_t end_ns)
{
	int64_t left = end_ns - clock_ns();
	return left <= 0 ? 0 : (int)((left + NS_PER_MS - 1) / NS_PER_MS);
}

/* Reads until the end or the limit; what comes after the `most` first bytes is passed over. */
static void read_some(int fd, size_t most, int64_t end_ns, struct sbuf *to)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char piece[PIECE];
		int ready = poll(&p, 1, ms_until(end_ns));
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return;
		ssize_t got = read(fd, piece, sizeof piece);
		if (got <= 0 && !(got < 0 && errno == EINTR))
			return;
		size_t room = most - to->n;
		if (got > 0)
			sbuf_add(to, piece, (size_t)got < room ? (size_t)got : room);
	}
}

static bool is_first(void *first, const struct proc_stat *st)
{
	return st->pid == *(const pid_t *)first;
}

static bool still_below(void *first, pid_t pid)
{
	return aim_below(pid, is_first, first);
}

static void kill_all(pid_t pid)
{
	struct pid_list below = {0};
	process_descendants(pid, &below);
	for (size_t i = below.pids.n; i-- > 0;) /* children first: then they still are below */
		aim_signal(below.pids.p[i], SIGKILL, still_below, &pid);
	vec_free(&below.pids);
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
}

/* Waits for its end; kills it at the limit. false: it had to be killed. */
static bool wait_for(pid_t pid, int64_t end_ns, int *status)
{
	struct timespec step = {0, STEP_MS * 1000000};
	pid_t got;
	while ((!(got = waitpid(pid, status, WNOHANG)) || (got < 0 && errno == EINTR)) && ms_until(end_ns))
		nanosleep(&step, NULL);
	if (got == pid) {
		kill(-pid, SIGKILL); /* what it left in its session, */
		while (ms_until(end_ns) && ((got = waitpid(-pid, NULL, WNOHANG)) >= 0 || errno == EINTR)) /* and what of that came to us */
			if (got <= 0)
				nanosleep(&step, NULL);
		return true;
	}
	kill_all(pid);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return false;
}

static bool start(struct arena *a, char *const argv[], int out, pid_t *pid, struct str *why)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct spawn s = {.file = argv[0], .argv = argv, .envp = environ, .in = null_fd, .out = out, .err = null_fd, .keep = {-1, -1, -1}};
	int err = null_fd < 0 ? errno : process_spawn(&s, pid);
	if (null_fd >= 0)
		close(null_fd);
	if (err)
		*why = arena_printf(a, "it cannot be started: %s", os_error(err));
	return !err;
}

bool probe_output(struct arena *a, char *const argv[], int64_t limit_ns, size_t most, struct str *out, struct str *why)
{
	int64_t end_ns = clock_ns() + limit_ns;
	struct sbuf text = {0};
	int fd[2], status;
	pid_t pid = -1;
	if (pipe2(fd, O_CLOEXEC)) {
		*why = str_of(os_error(errno));
		return false;
	}
	bool started = start(a, argv, fd[1], &pid, why);
	close(fd[1]);
	if (started)
		read_some(fd[0], most, end_ns, &text);
	close(fd[0]);
	if (!started)
		return false;
	bool in_time = wait_for(pid, end_ns, &status);
	*out = arena_copy(a, sbuf_view(&text));
	sbuf_free(&text);
	if (!in_time)
		*why = STR("it does not end");
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		*why = WIFEXITED(status) ? arena_printf(a, "it ends with %d", WEXITSTATUS(status)) : STR("it is ended by a signal");
	else
		return true;
	return false;
}

bool probe_version(struct arena *a, const char *file, const struct words *args, int64_t limit_ns, struct str *line, struct str *why)
{
	char **argv = arena_array(a, char *, args->n + 2);
	argv[0] = (char *)file;
	for (size_t i = 0; i < args->n; i++)
		argv[i + 1] = (char *)arena_copy(a, args->p[i]).p;
	struct str said = STR_NONE;
	bool well = probe_output(a, argv, limit_ns, MOST_BYTES, &said, why);
	said = str_trim(said);
	*line = arena_copy(a, str_trim(str_sub(said, 0, str_find(said, STR("\n"), 0))));
	if (!well)
		*why = arena_printf(a, "asked for its version %.*s", STR_ARG(*why));
	else if (!line->n)
		*why = STR("it says no version");
	return well && line->n;
}
