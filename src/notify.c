#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "load/value.h"
#include "run/process.h"

#define LIMIT_NS (10 * NS_PER_S)

extern char **environ;

/* An outer make's jobserver is no business of it. */
static bool is_dropped(const char *entry)
{
	static const char *const names[] = {"AX_STATUS=", "AX_SUMMARY=", "MAKEFLAGS=", "MFLAGS="};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_starts(str_of(entry), str_of(names[i])))
			return true;
	return false;
}

static char **environment(struct arena *a, int status, struct str summary)
{
	size_t n = 0, kept = 0;
	while (environ[n])
		n++;
	char **env = arena_array(a, char *, n + 3);
	for (size_t i = 0; i < n; i++)
		if (!is_dropped(environ[i]))
			env[kept++] = environ[i];
	env[kept++] = (char *)arena_printf(a, "AX_STATUS=%d", status).p;
	env[kept++] = (char *)arena_printf(a, "AX_SUMMARY=%.*s", STR_ARG(summary)).p;
	env[kept] = NULL;
	return env;
}

/* Waits for its end until then. false: it goes on. */
static bool wait_until(pid_t pid, int pidfd, int64_t until_ns, int *status)
{
	for (;;) {
		pid_t ended = waitpid(pid, status, WNOHANG);
		int64_t left = until_ns - clock_ns();
		if (ended == pid || (ended < 0 && errno != EINTR))
			return true;
		if (left <= 0)
			return false;
		struct pollfd p = {.fd = pidfd, .events = POLLIN};
		/* Without a pidfd it is looked at now and then. */
		int ms = (int)(left / NS_PER_MS) + 1;
		poll(&p, pidfd >= 0, pidfd >= 0 || ms < 20 ? ms : 20);
	}
}

/* NULL: it ended well. */
static const char *attend(struct arena *a, pid_t pid)
{
	int status = 0, pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	bool over = wait_until(pid, pidfd, clock_ns() + LIMIT_NS, &status);
	if (!over) {
		kill(-pid, SIGTERM);
		if (!wait_until(pid, pidfd, clock_ns() + NS_PER_S, &status)) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
		}
	}
	if (pidfd >= 0)
		close(pidfd);
	if (!over)
		return "it took longer than 10 seconds and was ended";
	if (WIFSIGNALED(status))
		return arena_printf(a, "it died of signal %d", WTERMSIG(status)).p;
	return WEXITSTATUS(status) ? arena_printf(a, "it ended with status %d", WEXITSTATUS(status)).p : NULL;
}

void notify_run(struct program *g, int status, struct str summary)
{
	struct arena *a = &g->arena;
	size_t n;
	struct str *words = value_words(a, g->options.notify, &n), file;
	char **argv = arena_array(a, char *, n + 1);
	const char *why = NULL;
	pid_t pid = 0;
	for (size_t i = 0; i < n; i++)
		argv[i] = (char *)arena_copy(a, words[i]).p;
	fflush(NULL);
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!os_find_program(a, argv[0], getenv("PATH"), &file)) {
		why = "there is no such program";
	} else {
		struct spawn s = {.file = arena_copy(a, file).p, .argv = argv, .envp = environment(a, status, summary), .in = in, .out = STDERR_FILENO, .err = STDERR_FILENO, .keep = {-1, -1, -1}};
		int err = in < 0 ? errno : process_spawn(&s, &pid);
		why = err ? os_error(err) : attend(a, pid);
	}
	if (in >= 0)
		close(in);
	if (why)
		fprintf(stderr, "%s: warning: notify = %s: %s\n", g->name, argv[0], why);
}
