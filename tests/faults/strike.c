/* Runs a program and lets one system call of it, or of a process that it has forked, fail, or move one byte only:
 *
 *     strike FILE ROLE CALL WHAT NTH ERRNO PROGRAM [WORD...]
 *     strike FILE - PROGRAM [WORD...]         fails none, and writes them all down
 *
 * ROLE is 0 for the program and n for the nth process that it forks; what they start by vfork, to run another program, is left
 * alone, and so is what forked ones fork, or run in their place. Counted, from the first action for a signal or prctl on, are
 * calls of that name by that process about WHAT: the path, or what the descriptor leads to, without the current folder, ^ for the one above that, with N for
 * numbers, and of ioctl what it asks; *: any. ERRNO 0: short. Only calls on files and pipes are shortened: others (signalfd, inotify) are read whole or not
 * at all.
 *
 * FILE gets, a line each: "pid PID", "forked ROLE PID", "ended ROLE", "exec ROLE", "call ROLE CALL WHAT", "(INJECTED) CALL WHAT", and of what
 * outlives the program by two seconds "left ROLE". Ends as the program does. x86-64. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "x86-64 only"
#endif

enum { ROLES_MOST = 8, TRACEES_MOST = 64, TEXT_MOST = 4096 };
enum { NONE = -1, FD = -2 }; /* instead of which argument is a path */

static const struct call {
	const char *name;
	long number;
	int path;  /* which argument; FD: the first is a descriptor */
	int count; /* which argument says how much, of those that may be shortened */
} calls[] = {
#define CALL(name, path)                                                                                                         \
	{                                                                                                                        \
#name, SYS_##name, path, 0                                                                                       \
	}
    CALL(openat, 1),
    {"read", SYS_read, FD, 2},
    {"pread64", SYS_pread64, FD, 2},
    {"write", SYS_write, FD, 2},
    {"pwrite64", SYS_pwrite64, FD, 2},
    {"sendfile", SYS_sendfile, FD, 3},
    {"copy_file_range", SYS_copy_file_range, FD, 4},
    CALL(writev, FD),
    CALL(fsync, FD),
    CALL(fdatasync, FD),
    CALL(ftruncate, FD),
    CALL(close, FD),
    CALL(renameat, 1),
    CALL(renameat2, 1),
    CALL(rename, 0),
    CALL(linkat, 1),
    CALL(unlinkat, 1),
    CALL(unlink, 0),
    CALL(mkdirat, 1),
    CALL(mkdir, 0),
    CALL(symlinkat, 2),
    CALL(rmdir, 0),
    CALL(newfstatat, 1),
    CALL(statx, 1),
    CALL(fstat, FD),
    CALL(stat, 0),
    CALL(lstat, 0),
    CALL(faccessat2, 1),
    CALL(access, 0),
    CALL(readlink, 0),
    CALL(readlinkat, 1),
    CALL(getdents64, FD),
    CALL(lseek, FD),
    CALL(getcwd, NONE),
    CALL(chdir, 0),
    CALL(fchdir, FD),
    CALL(flock, FD),
    CALL(ioctl, FD),
    CALL(mmap, NONE),
    CALL(mprotect, NONE),
    CALL(madvise, NONE),
    CALL(pipe2, NONE),
    CALL(epoll_create1, NONE),
    CALL(epoll_ctl, NONE),
    CALL(epoll_wait, NONE),
    CALL(poll, NONE),
    CALL(inotify_init1, NONE),
    CALL(inotify_add_watch, 1),
    CALL(signalfd4, NONE),
    CALL(memfd_create, 0),
    CALL(pidfd_open, NONE),
    CALL(pidfd_send_signal, NONE),
    CALL(socketpair, NONE),
    CALL(socket, NONE),
    CALL(connect, FD),
    CALL(getsockopt, FD),
    CALL(setsockopt, FD),
    CALL(getsockname, FD),
    CALL(getpeername, FD),
    CALL(eventfd2, NONE),
    CALL(ppoll, NONE),
    CALL(sendto, FD),
    CALL(recvfrom, FD),
    CALL(vfork, NONE),
    CALL(clone, NONE),
    CALL(clone3, NONE),
    CALL(wait4, NONE),
    CALL(waitid, NONE),
    CALL(kill, NONE),
    CALL(seccomp, NONE),
    CALL(sendmsg, NONE),
    CALL(recvmsg, NONE),
    CALL(process_vm_readv, NONE),
    CALL(close_range, NONE),
    CALL(execve, 0),
    CALL(getrandom, NONE),
    CALL(fchmodat, 1),
    CALL(fchmod, FD),
    CALL(utimensat, 1),
    CALL(fallocate, FD),
    CALL(dup2, FD),
    CALL(dup3, FD),
    CALL(prctl, NONE),
    CALL(fstatfs, FD),
};

struct tracee {
	pid_t pid;
	int role;    /* -1: its fork has not been told yet */
	bool strike; /* at the end of the call that it is in */
};

static struct tracee tracees[TRACEES_MOST];
static size_t n_tracees;
static int forks;
static bool begun, all;
static const struct call *wanted;
static const char *about;
static int role, error, out;
static long left;
static char here[TEXT_MOST];

static void tell(const char *text)
{
	if (write(out, text, strlen(text)) < 0)
		_exit(125);
}

static struct tracee *find(pid_t pid)
{
	for (size_t i = 0; i < n_tracees; i++)
		if (tracees[i].pid == pid)
			return &tracees[i];
	return NULL;
}

static struct tracee *add(pid_t pid, int as)
{
	if (n_tracees == TRACEES_MOST)
		exit(125);
	tracees[n_tracees] = (struct tracee){pid, as, false};
	return &tracees[n_tracees++];
}

static const struct call *call_of(long number)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (calls[i].number == number)
			return &calls[i];
	return NULL;
}

static void where_fd_leads(pid_t pid, unsigned long long fd, char *to)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, (int)fd);
	ssize_t n = readlink(path, to, TEXT_MOST - 1);
	to[n < 0 ? 0 : n] = '\0';
}

static void text_at(pid_t pid, unsigned long long at, char *to)
{
	size_t n = 0;
	while (at && n < TEXT_MOST - 1) {
		size_t piece = 256 - at % 256; /* within a page */
		struct iovec mine = {to + n, piece < TEXT_MOST - 1 - n ? piece : TEXT_MOST - 1 - n},
		             its = {(void *)(uintptr_t)at, mine.iov_len};
		ssize_t got = process_vm_readv(pid, &mine, 1, &its, 1, 0);
		if (got <= 0)
			break;
		const char *end = memchr(to + n, '\0', (size_t)got);
		if (end)
			return;
		n += (size_t)got;
		at += (size_t)got;
	}
	to[n] = '\0';
}

/* What is another name in each run becomes N, and blanks become what is none. */
static void without_numbers(char *s)
{
	char *to = s, *start = s;
	size_t n = strlen(here), above = (size_t)(strrchr(here, '/') - here);
	if (!strncmp(s, here, n)) {
		s += n;
	} else if (above && !strncmp(s, here, above)) {
		s += above;
		*to++ = '^';
	}
	for (size_t run; *s; s += run) {
		bool number = false, slash = to > start && to[-1] == '/';
		for (run = 0; strchr("0123456789abcdef", s[run]) && s[run]; run++)
			number = number || isdigit((unsigned char)s[run]);
		if (number || (run == 2 && slash && (s[2] == '/' || !s[2]))) {
			*to++ = 'N';
			continue;
		}
		run = run ? run : 1;
		for (size_t i = 0; i < run; i++)
			*to++ = isspace((unsigned char)s[i]) || s[i] == ':' ? '_' : s[i];
	}
	*to = '\0';
}

static bool is_file(const char *where)
{
	return where[0] == '/' || !strncmp(where, "pipe:", 5);
}

/* At the beginning of a call that is to fail. */
static void begin_strike(struct tracee *t, const char *text, bool file)
{
	struct user_regs_struct r;
	char line[TEXT_MOST + 64];
	left = -1;
	if (ptrace(PTRACE_GETREGS, t->pid, 0, &r))
		return;
	if (error && wanted->number == SYS_close) {
		t->strike = true; /* it tells an error, and has closed it all the same */
	} else if (error) {
		r.orig_rax = (unsigned long long)-1;
		t->strike = true;
	} else {
		unsigned long long *count = wanted->count == 2 ? &r.rdx : wanted->count == 3 ? &r.r10 : &r.r8;
		if (!file || *count < 2)
			return;
		*count = 1;
	}
	if (ptrace(PTRACE_SETREGS, t->pid, 0, &r))
		return;
	snprintf(line, sizeof line, "(INJECTED) %s %s\n", wanted->name, text);
	tell(line);
}

static void call_begins(struct tracee *t, const struct __ptrace_syscall_info *info)
{
	const struct call *c = call_of((long)info->entry.nr);
	char text[TEXT_MOST] = "", line[TEXT_MOST + 64];
	begun = begun || info->entry.nr == SYS_rt_sigaction || info->entry.nr == SYS_prctl;
	if (!begun || !c || (!all && (c != wanted || t->role != role)))
		return;
	if (c->path == FD)
		where_fd_leads(t->pid, info->entry.args[0], text);
	else if (c->path >= 0)
		text_at(t->pid, info->entry.args[c->path], text);
	bool file = is_file(text);
	without_numbers(text);
	size_t n = strlen(text);
	if (c->number == SYS_ioctl)
		snprintf(text + n, sizeof text - n, "/%u", (unsigned)info->entry.args[1] & 0xff);
	if (all) {
		snprintf(line, sizeof line, "call %d %s %s\n", t->role, c->name, text);
		tell(line);
	} else if ((!strcmp(about, "*") || !strcmp(text, about)) && !--left) {
		begin_strike(t, text, file);
	}
}

static void call_ends(struct tracee *t)
{
	struct user_regs_struct r;
	t->strike = false;
	if (ptrace(PTRACE_GETREGS, t->pid, 0, &r))
		return;
	r.rax = (unsigned long long)-(long long)error;
	ptrace(PTRACE_SETREGS, t->pid, 0, &r);
}

static void at_call(struct tracee *t)
{
	struct __ptrace_syscall_info info;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof info, &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		call_begins(t, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->strike)
		call_ends(t);
}

/* Who is of no interest runs on without stops, but for the program itself, until it has forked who is. */
static void go_on(struct tracee *t, int deliver)
{
	bool looked_at = all || t->strike || (left > 0 && (t->role == role || (!begun && !t->role)));
	ptrace(looked_at ? PTRACE_SYSCALL : PTRACE_CONT, t->pid, 0, deliver);
}

static void begin_role(struct tracee *t, int as)
{
	char line[64];
	t->role = as;
	snprintf(line, sizeof line, "forked %d %d\n", as, (int)t->pid);
	tell(line);
}

static void forked(const struct tracee *by)
{
	unsigned long pid = 0;
	ptrace(PTRACE_GETEVENTMSG, by->pid, 0, &pid);
	int as = by->role == 0 ? ++forks : ROLES_MOST;
	struct tracee *t = find((pid_t)pid);
	bool stopped = t;
	t = t ? t : add((pid_t)pid, as);
	if (as < ROLES_MOST)
		begin_role(t, as);
	t->role = as;
	if (stopped)
		go_on(t, 0);
}

/* It is another program now. */
static void exec_ed(struct tracee *t)
{
	char line[64];
	snprintf(line, sizeof line, "exec %d\n", t->role);
	tell(line);
	ptrace(PTRACE_DETACH, t->pid, 0, 0);
	*t = tracees[--n_tracees];
}

static void stopped(struct tracee *t, int status)
{
	int sig = WSTOPSIG(status);
	if (sig == (SIGTRAP | 0x80))
		at_call(t);
	else if (status >> 16 == PTRACE_EVENT_FORK)
		forked(t);
	if (status >> 16 == PTRACE_EVENT_EXEC && t->role) {
		exec_ed(t);
		return;
	}
	go_on(t, sig == (SIGTRAP | 0x80) || sig == SIGTRAP || sig == SIGSTOP ? 0 : sig);
}

static void ended(struct tracee *t)
{
	char line[64];
	snprintf(line, sizeof line, "ended %d\n", t->role);
	tell(line);
	*t = tracees[--n_tracees];
}

static void too_long(int sig)
{
	(void)sig;
}

/* Until all have ended, or the program has for two seconds. Its wait status. */
static int attend(pid_t program)
{
	int status, end = 0;
	pid_t pid;
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		struct tracee *t = find(pid);
		if (WIFSTOPPED(status)) {
			if (t)
				stopped(t, status);
			else
				add(pid, -1);
			continue;
		}
		if (t)
			ended(t);
		if (pid == program) {
			end = status;
			alarm(2);
		}
	}
	for (size_t i = 0; i < n_tracees; i++) {
		char line[64];
		snprintf(line, sizeof line, "left %d\n", tracees[i].role);
		tell(line);
	}
	return end;
}

static pid_t start(char **argv)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	execvp(argv[0], argv);
	_exit(127);
}

static bool wants(char **argv)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (!strcmp(calls[i].name, argv[1]))
			wanted = &calls[i];
	role = atoi(argv[0]);
	about = argv[2];
	left = atol(argv[3]);
	error = atoi(argv[4]);
	return wanted && (error || wanted->count);
}

int main(int argc, char **argv)
{
	all = argc > 3 && !strcmp(argv[2], "-");
	if (argc < 4 || (!all && (argc < 8 || !wants(argv + 2))))
		return 125;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* and with it all that it traces */
	struct sigaction sa = {.sa_handler = too_long};
	sigaction(SIGALRM, &sa, NULL);
	out = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (out < 0 || !getcwd(here, sizeof here))
		return 125;
	pid_t pid = start(argv + (all ? 3 : 7));
	int status;
	char line[64];
	snprintf(line, sizeof line, "pid %d\n", (int)pid);
	tell(line);
	waitpid(pid, &status, 0);
	if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXEC))
		return 125;
	go_on(add(pid, 0), 0);
	status = attend(pid);
	if (WIFSIGNALED(status))
		raise(WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
