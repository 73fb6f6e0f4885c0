#include "run/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/inherited.h"
#include "run/pidgroup.h"

int process_become_reaper(void)
{
	inherited_signals();
	return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? errno : 0;
}

/* The kernel's struct sched_attr in its first form, which not every C library has. */
struct slice_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

#define SLICE_NS 100000 /* the shortest that there is */
#define RESET_ON_FORK 1 /* SCHED_FLAG_RESET_ON_FORK: a child also loses a nice value below 0, so nobody who has one sets it */

void process_prompt(void)
{
	static bool asked;
	struct slice_attr at = {.size = sizeof at};
	if (asked)
		return;
	asked = true;
	if (syscall(SYS_sched_getattr, 0, &at, sizeof at, 0) < 0 || at.policy != SCHED_OTHER || at.nice < 0)
		return;
	at.flags |= RESET_ON_FORK;
	at.runtime_ns = SLICE_NS;
	syscall(SYS_sched_setattr, 0, &at, 0);
}

/* Everything named child_ runs in the child, in its parent's memory: system calls and its own locals only. */
static int child_descriptors(const struct spawn *s)
{
	int from[3] = {s->in, s->out, s->err};
	/* A source among 0-2 would be overwritten before its turn: out of the way first. */
	for (int i = 0; i < 3; i++) {
		if (from[i] >= 3 || from[i] == i)
			continue;
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
		if (from[i] < 0)
			return errno;
	}
	for (int i = 0; i < 3; i++)
		if ((from[i] == i ? fcntl(i, F_SETFD, 0) : dup2(from[i], i)) < 0)
			return errno;
	/* All are close-on-exec from birth; this is for what a library opened. Old kernels lack it, which harms nothing. */
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	for (size_t i = 0; i < sizeof s->keep / sizeof *s->keep; i++)
		if (s->keep[i] >= 3 && fcntl(s->keep[i], F_SETFD, 0) < 0)
			return errno;
	return 0;
}

static int child_signals(const struct inherited *in)
{
	struct sigaction def = {.sa_handler = SIG_DFL};
	for (size_t i = 0; i < in->n_to_default; i++)
		if (sigaction(in->to_default[i], &def, NULL) < 0)
			return errno;
	return sigprocmask(SIG_SETMASK, &in->mask, NULL) < 0 ? errno : 0;
}

/* The user namespace comes first: in it the right to enter the other is had. */
static int child_place(const struct place *p, const char *volatile *step)
{
	*step = "enter the user namespace";
	if (p->user_ns >= 0 && setns(p->user_ns, CLONE_NEWUSER) < 0)
		return errno;
	*step = "enter the mount namespace";
	if (p->mount_ns >= 0 && setns(p->mount_ns, CLONE_NEWNS) < 0)
		return errno;
	*step = "enter the folder to work in";
	if (p->folder && chdir(p->folder) < 0)
		return errno;
	*step = NULL;
	return 0;
}

static int child_start(const struct spawn *s, const struct inherited *in, pid_t parent, const char *volatile *step)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		return errno;
	if (getppid() != parent)
		return ESRCH; /* it died before the signal was asked for: nobody reads this */
	if (setsid() < 0)
		return errno;
	if (s->group && s->group->fd >= 0)
		pidgroup_join(s->group->fd); /* where that cannot be, a limit of its own is left to it */
	/* Before the descriptors: those of namespaces may be in the way of 0-2. */
	int err = s->place ? child_place(s->place, step) : 0;
	if (!err)
		err = child_descriptors(s);
	if (!err)
		err = child_signals(in);
	if (err)
		return err;
	/* Its dumps are its own affair, and the user's. */
	if (inherited_core())
		setrlimit(RLIMIT_CORE, inherited_core());
	if (inherited_descriptors())
		setrlimit(RLIMIT_NOFILE, inherited_descriptors());
	if (s->file_size && setrlimit(RLIMIT_FSIZE, &(struct rlimit){s->file_size, s->file_size}) < 0)
		return errno;
	if (s->first_file)
		execve(s->first_file, s->first_argv, s->envp);
	execve(s->file, s->argv, s->envp);
	return errno;
}

int process_spawn(const struct spawn *s, pid_t *pid)
{
	const struct inherited *in = inherited_signals();
	pid_t parent = getpid();
	volatile int err = 0; /* written by the child, */
	const char *volatile at = NULL; /* as this */
	sigset_t all, before;

	/* No handler may run in the child while it shares this memory. */
	sigfillset(&all);
	int fault = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (fault)
		return fault;
	pid_t child = vfork();
	if (child == 0) {
		err = child_start(s, in, parent, &at);
		_exit(127);
	}
	fault = child < 0 ? errno : err;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (child > 0 && fault)
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	if (!fault)
		*pid = child;
	if (s->step)
		*s->step = at;
	return fault;
}

bool process_reap(pid_t *pid, int *status)
{
	pid_t p;
	do
		p = waitpid(-1, status, WNOHANG | __WALL);
	while (p < 0 && errno == EINTR);
	if (p <= 0)
		return false;
	*pid = p;
	return true;
}
