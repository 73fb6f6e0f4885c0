/* Runs a program and lets one of its system calls move one byte only, as any of them may: short CALL NTH PROGRAM [WORD...]
 * CALL is read, write, pread64, pwrite64, copy_file_range or sendfile, counted in the program itself, not in what it starts. Files and pipes only: others
 * (signalfd, inotify) are read whole or not at all. Ends as the program does; writes "(INJECTED)" to descriptor 3 when it has done so. x86-64. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "x86-64 only"
#endif

static const struct {
	const char *name;
	long number;
	int count; /* which argument says how much */
} calls[] = {
	{"read", SYS_read, 2},       {"write", SYS_write, 2},
	{"pread64", SYS_pread64, 2}, {"pwrite64", SYS_pwrite64, 2},
	{"sendfile", SYS_sendfile, 3}, {"copy_file_range", SYS_copy_file_range, 4},
};

static int is_file(pid_t pid, unsigned long long fd)
{
	char path[64], to[16];
	snprintf(path, sizeof path, "/proc/%d/fd/%llu", (int)pid, fd);
	ssize_t n = readlink(path, to, sizeof to - 1);
	return n > 0 && (to[0] == '/' || !strncmp(to, "pipe:", 5));
}

/* At the beginning of a call. */
static void shorten(pid_t pid, size_t which)
{
	struct user_regs_struct r;
	if (ptrace(PTRACE_GETREGS, pid, 0, &r) || !is_file(pid, r.rdi))
		return;
	unsigned long long *count = calls[which].count == 2 ? &r.rdx : calls[which].count == 3 ? &r.r10 : &r.r8;
	if (*count < 2)
		return;
	*count = 1;
	if (!ptrace(PTRACE_SETREGS, pid, 0, &r) && write(3, "(INJECTED)\n", 11) < 0)
		_exit(125);
}

int main(int argc, char **argv)
{
	size_t which = 0;
	while (argc > 3 && which < sizeof calls / sizeof *calls && strcmp(calls[which].name, argv[1]))
		which++;
	if (argc < 4 || which == sizeof calls / sizeof *calls)
		return 125;
	long left = atol(argv[2]);
	pid_t pid = fork();
	if (!pid) {
		close(3);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	int status, begins = 0;
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (int deliver = 0; !WIFEXITED(status) && !WIFSIGNALED(status);) {
		ptrace(PTRACE_SYSCALL, pid, 0, deliver);
		if (waitpid(pid, &status, 0) < 0)
			return 125;
		deliver = WIFSTOPPED(status) && WSTOPSIG(status) != (SIGTRAP | 0x80) && WSTOPSIG(status) != SIGTRAP ? WSTOPSIG(status) : 0;
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80) || !(begins = !begins) || left <= 0)
			continue;
		struct user_regs_struct r;
		if (!ptrace(PTRACE_GETREGS, pid, 0, &r) && (long)r.orig_rax == calls[which].number && !--left)
			shorten(pid, which);
	}
	if (WIFSIGNALED(status))
		raise(WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
