#include "run/aim.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEEPEST 65536 /* ancestors that are looked at */

/* The wrappers came later than the calls. */
static int hold(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0);
#else
	errno = ENOSYS;
	return -1;
#endif
}

static int send_held(int fd, pid_t pid, int sig)
{
#ifdef SYS_pidfd_send_signal
	if (fd >= 0 && !syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0))
		return 0;
	if (fd >= 0 && errno != ENOSYS)
		return errno;
#endif
	return kill(pid, sig) ? errno : 0;
}

/* A stopped process acts on SIGTERM only once it goes on. */
static void wake(int fd, pid_t pid)
{
	struct proc_stat st;
	if (proc_stat_read(pid, &st) && (st.state == 'T' || st.state == 't'))
		send_held(fd, pid, SIGCONT);
}

int aim_signal(pid_t pid, int sig, bool (*still)(void *self, pid_t pid), void *self)
{
	int fd = hold(pid);
	if (fd < 0 && errno == ESRCH)
		return ESRCH;
	int err = still(self, pid) ? send_held(fd, pid, sig) : ESRCH;
	if (!err && sig == SIGTERM)
		wake(fd, pid);
	if (fd >= 0)
		close(fd);
	return err;
}

bool aim_below(pid_t pid, bool (*holds)(void *self, const struct proc_stat *st), void *self)
{
	struct proc_stat st, again;
	pid_t at = pid, parent = 0, own = getpid();
	for (int i = 0; i < DEEPEST && proc_stat_read(at, &st); i++) {
		if (!i)
			parent = st.parent;
		if (holds(self, &st)) /* had its parent died meanwhile, another could bear that number */
			return !i || (proc_stat_read(pid, &again) && again.parent == parent);
		if (st.parent == own || st.parent <= 1)
			return false;
		at = st.parent;
	}
	return false;
}
