/* axmake-guard: runs the program that builds a sandbox, and looks at what is asked for in there. Three processes:
 *
 *   keeper   the one that was started. It waits for the other two, ends as the builder does, and goes on for the watcher should that be gone
 *   watcher  hears of each call, lets it take its course, and notes what the sandbox refuses
 *   builder  bubblewrap, with the filter that it and all below it keep
 *
 * usage: axmake-guard NOTES network|none PROGRAM WORDS…
 *
 * NOTES is the descriptor of memory as in run/refusal.h, or "-". Nothing here decides anything: where calls cannot be heard of, all goes on unheard. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/os.h"
#include "run/process.h"
#include "run/refusal.h"
#include "run/refusal_calls.h"
#include "run/refusal_heard.h"
#include "run/refusal_judge.h"

enum { CANNOT = 126, LOOK_MS = 1000, LOOKS = 3, LAST_MS = 1000, LAST_S = 2 };

/* What keeper and watcher share. */
struct shared {
	volatile uint64_t heard; /* calls, so far */
	union {
		struct seccomp_notif notif; /* the call at hand, or the last one */
		char room[HEARD_NOTIF];
	} u;
};

struct guard {
	struct shared *shared;
	struct refusals *notes;
	int listener; /* -1: none */
	int error;    /* why */
	pid_t builder, watcher;
};

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "axmake-guard: %s: %s\n", what, why);
	exit(CANNOT);
}

static void *share(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("cannot share memory", os_error(errno));
	return p;
}

/* The listener, or the error that there is in its place. false: it has not been sent. */
static bool send_listener(int to, int fd, int error)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec text = {&error, sizeof error};
	struct msghdr m = {.msg_iov = &text, .msg_iovlen = 1};
	memset(&control, 0, sizeof control);
	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof control;
		control.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.h), &fd, sizeof fd);
	}
	ssize_t n;
	while ((n = sendmsg(to, &m, MSG_NOSIGNAL)) < 0 && errno == EINTR)
		;
	return n > 0;
}

/* -1: there is none, and *error is why; 0 there: there is one, and it is lost. */
static int receive_listener(int from, int *error)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec text = {error, sizeof *error};
	struct msghdr m = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	int fd = -1;
	ssize_t n;
	while ((n = recvmsg(from, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	else if (n <= 0)
		*error = 0;
	return fd;
}

/* Without the keeper all that is watched is killed, which the watcher sees the end of: nothing in there is to find that nobody listens any more. Who was stopped goes on. */
static pid_t keeper;

static void see_end(int sig)
{
	(void)sig;
	if (getppid() != keeper)
		alarm(LAST_S);
}

static void end_after_keeper(void)
{
	signal(SIGALRM, SIG_DFL);
	signal(SIGCONT, see_end);
	prctl(PR_SET_PDEATHSIG, SIGCONT);
	see_end(SIGCONT);
}

/* With who started it, whatever comes in between. */
static void die_with_keeper(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper)
		_exit(CANNOT);
}

/* to: where the listener is sent; -1: there is to be none. */
static _Noreturn void build(int to, char *const *argv)
{
	die_with_keeper();
	int fd = to < 0 ? -1 : refusal_filter();
	if (to >= 0 && !send_listener(to, fd, fd < 0 ? errno : 0))
		_exit(CANNOT);
	execv(argv[0], argv + 1);
	die(argv[0], os_error(errno));
}

static bool has_ended(pid_t *pid, int *status, bool wait)
{
	pid_t got;
	while ((got = waitpid(*pid, status, wait ? 0 : WNOHANG)) < 0 && errno == EINTR)
		;
	if (!got)
		return false;
	*pid = 0;
	return true;
}

/* What it asks would be refused with a filter whose listener is lost: another one begins without. The first has got nowhere, since it asks before it does anything. */
static void begin_again(struct guard *g, char *const *argv)
{
	int status;
	kill(g->builder, SIGKILL);
	has_ended(&g->builder, &status, true);
	g->error = EPROTO;
	g->builder = fork();
	if (!g->builder)
		build(-1, argv);
	if (g->builder < 0)
		die("cannot fork", os_error(errno));
}

static void start_builder(struct guard *g, char *const *argv)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		die("cannot make sockets", os_error(errno));
	g->builder = fork();
	if (g->builder < 0)
		die("cannot fork", os_error(errno));
	if (!g->builder)
		build(ends[1], argv);
	close(ends[1]);
	g->listener = receive_listener(ends[0], &g->error);
	close(ends[0]);
	if (g->listener < 0 && !g->error)
		begin_again(g, argv);
}

/* What belongs to the task is not held here: it waits for its pipes to end. */
static void let_go(const struct guard *g)
{
	int least = g->listener < 0 ? 0 : g->listener;
	if (least)
		close_range(0, (unsigned)least - 1, 0);
	close_range((unsigned)least + (g->listener < 0 ? 0 : 1), ~0U, 0);
}

/* As long as nothing of what is inside could be read, nothing is known. Of a program that hides its own memory that is so, and of others not. */
static void note_reading(struct refusals *notes, const struct judge *judge, const struct heard *h)
{
	if (judge->root >= 0 && notes->watch == WATCH_IMPOSSIBLE)
		notes->watch = WATCH_ON;
	if (judge->root < 0 && (judge->error || h->error)) {
		notes->error = EACCES;
		notes->watch = WATCH_IMPOSSIBLE;
	}
}

static _Noreturn void watch(const struct guard *g, const char *wall, bool network)
{
	static struct judge judge;
	static struct heard heard;
	const int passed_over[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
	struct seccomp_notif *notif = &g->shared->u.notif;
	int come;
	for (size_t i = 0; i < sizeof passed_over / sizeof *passed_over; i++)
		signal(passed_over[i], SIG_IGN);
	process_prompt();
	heard_begin(g->listener);
	judge_init(&judge, wall, network, g->notes);
	while ((come = heard_wait(g->listener, notif)) >= 0) {
		if (!come)
			continue;
		bool known = heard_read(g->listener, notif, &heard), first = known && judge_first(&heard);
		if (first)
			judge_call(&judge, &heard);
		heard_continue(g->listener, notif->id);
		g->shared->heard++;
		if (known && !first)
			judge_call(&judge, &heard);
		note_reading(g->notes, &judge, &heard);
	}
	_exit(0);
}

static void start_watcher(struct guard *g, const char *wall, bool network)
{
	g->watcher = fork();
	if (!g->watcher) {
		end_after_keeper();
		let_go(g);
		watch(g, wall, network);
	}
	if (g->watcher < 0)
		g->watcher = 0;
}

/* A descriptor that poll passes over where there can be none: then it is looked for each LOOK_MS. */
static struct pollfd end_of(pid_t pid)
{
	return (struct pollfd){.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
}

/* The watcher is gone, or does not come back from something: calls go on without it. What it was at is not told again, but its number stands. Until the builder has ended: before
 * Linux 6.11 the listener hears of no end as long as that is not waited for. */
static void take_over(struct guard *g, int *status)
{
	static struct shared own;
	struct pollfd p[] = {end_of(g->builder), {.fd = g->listener, .events = POLLIN}};
	if (g->notes->watch == WATCH_ON)
		g->notes->watch = WATCH_LOST;
	heard_continue(g->listener, g->shared->u.notif.id);
	for (;;) {
		int ready = poll(p, 2, LOOK_MS);
		if (ready > 0 && p[1].revents & POLLIN && heard_take(g->listener, &own.u.notif))
			heard_continue(g->listener, own.u.notif.id);
		if ((!ready || p[0].revents || p[1].revents & POLLHUP) && has_ended(&g->builder, status, p[1].revents & POLLHUP))
			return;
	}
}

/* One that the watcher has begun to look at waits as well. */
static bool is_waited_for(const struct guard *g)
{
	struct pollfd p = {.fd = g->listener, .events = POLLIN | POLLOUT};
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLIN | POLLOUT));
}

/* Until the builder has ended, or the watcher no longer does its part. */
static void attend(struct guard *g, int *status)
{
	struct pollfd p[] = {end_of(g->builder), end_of(g->watcher)};
	uint64_t before = g->shared->heard;
	int own = 0, stuck = p[0].fd < 0 || p[1].fd < 0 ? LOOKS : 0; /* looks in a row in which somebody waited and nothing was heard */
	while (stuck < LOOKS) {
		int ready = poll(p, 2, LOOK_MS);
		if (has_ended(&g->watcher, &own, false))
			break;
		if (p[0].revents && has_ended(&g->builder, status, false))
			break;
		stuck = !ready && before == g->shared->heard && is_waited_for(g) ? stuck + 1 : 0;
		before = g->shared->heard;
	}
	if (!g->builder && g->watcher)
		poll(p + 1, 1, LAST_MS); /* it has a last call to look at */
	if (g->watcher)
		kill(g->watcher, SIGKILL);
	if (g->builder && (g->watcher || own)) /* else it has seen the end of all */
		take_over(g, status);
}

static _Noreturn void end_as(int status)
{
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	prctl(PR_SET_DUMPABLE, 0);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	_exit(128 + WTERMSIG(status));
}

int main(int argc, char **argv)
{
	struct guard g = {.listener = -1};
	int status = 0;
	if (argc < 5)
		die("usage", "axmake-guard NOTES network|none PROGRAM WORDS...");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	keeper = getpid();
	if (strcmp(argv[1], "-") != 0) {
		int fd = atoi(argv[1]);
		g.notes = refusals_map(fd);
		close(fd);
	}
	if (!g.notes)
		g.notes = share(sizeof *g.notes);
	g.shared = share(sizeof *g.shared);
	start_builder(&g, argv + 3);
	g.notes->error = g.error;
	g.notes->watch = g.listener < 0 ? WATCH_IMPOSSIBLE : WATCH_ON;
	if (g.listener >= 0)
		start_watcher(&g, argv[3], !strcmp(argv[2], "network"));
	let_go(&g);
	if (g.watcher)
		attend(&g, &status);
	else if (g.listener >= 0)
		take_over(&g, &status);
	if (g.builder)
		has_ended(&g.builder, &status, true);
	end_as(status);
}
