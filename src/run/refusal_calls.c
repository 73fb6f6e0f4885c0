#include "run/refusal_calls.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define ARCH AUDIT_ARCH_PPC64LE
#endif

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static const struct refusal_call calls[] = {
	{SYS_openat, CALL_OPEN, 0, 1, 2},
	{SYS_openat2, CALL_OPEN_HOW, 0, 1, 2},
	{SYS_mkdirat, CALL_MAKE, 0, 1, -1},
	{SYS_mknodat, CALL_MAKE, 0, 1, -1},
	{SYS_symlinkat, CALL_MAKE, 1, 2, -1},
	{SYS_linkat, CALL_MAKE, 2, 3, -1},
	{SYS_unlinkat, CALL_REMOVE, 0, 1, -1},
	{SYS_renameat2, CALL_RENAME, 0, 1, 2},
	{SYS_truncate, CALL_CHANGE, CALL_HERE, 0, -1},
	{SYS_fchmodat, CALL_CHANGE, 0, 1, -1},
	{SYS_fchmodat2, CALL_CHANGE, 0, 1, -1},
	{SYS_fchownat, CALL_CHANGE, 0, 1, -1},
	{SYS_connect, CALL_ADDRESS, CALL_HERE, 1, 2},
	{SYS_sendto, CALL_ADDRESS, CALL_HERE, 4, 5},
	{SYS_kill, CALL_SIGNAL, CALL_HERE, 0, 1},
	{SYS_tgkill, CALL_SIGNAL, CALL_HERE, 0, 2},
#ifdef SYS_renameat
	{SYS_renameat, CALL_RENAME, 0, 1, 2},
#endif
#ifdef SYS_open /* the older ones, which younger machines do not have */
	{SYS_open, CALL_OPEN, CALL_HERE, 0, 1},
	{SYS_creat, CALL_CREAT, CALL_HERE, 0, -1},
	{SYS_mkdir, CALL_MAKE, CALL_HERE, 0, -1},
	{SYS_mknod, CALL_MAKE, CALL_HERE, 0, -1},
	{SYS_symlink, CALL_MAKE, CALL_HERE, 1, -1},
	{SYS_link, CALL_MAKE, CALL_HERE, 1, -1},
	{SYS_unlink, CALL_REMOVE, CALL_HERE, 0, -1},
	{SYS_rmdir, CALL_REMOVE, CALL_HERE, 0, -1},
	{SYS_rename, CALL_RENAME, CALL_HERE, 0, -1},
	{SYS_chmod, CALL_CHANGE, CALL_HERE, 0, -1},
	{SYS_chown, CALL_CHANGE, CALL_HERE, 0, -1},
	{SYS_lchown, CALL_CHANGE, CALL_HERE, 0, -1},
#endif
};

enum { N_CALLS = sizeof calls / sizeof *calls, HEAD = 4, SENDTO = 5, TAIL = 2 };

const struct refusal_call *refusal_call(int number)
{
	for (size_t i = 0; i < N_CALLS; i++)
		if (calls[i].number == number)
			return &calls[i];
	return NULL;
}

/* What hangs up when nobody is left came with Linux 5.9; without, who listens would stay for ever. */
static int is_old(void)
{
	struct utsname u;
	int major = 0, minor = 0;
	return uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2 || major < 5 || (major == 5 && minor < 9);
}

static int install(struct sock_fprog *program)
{
	unsigned long listen = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	/* A call that somebody has begun to look at is not broken off by a signal that kills nobody. Linux 5.19. */
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listen | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, program);
	if (fd < 0 && errno == EINVAL)
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listen, program);
	return (int)fd;
}

#ifdef ARCH
/* What has no address is no matter of a sandbox's, and there are many of them. */
static size_t put_sendto(struct sock_filter *at)
{
	const uint32_t low = offsetof(struct seccomp_data, args[4]), high = low + 4;
	const struct sock_filter own[SENDTO] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, high),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	for (size_t i = 0; i < SENDTO; i++)
		at[i] = own[i];
	return SENDTO;
}

int refusal_filter(void)
{
	struct sock_filter code[HEAD + N_CALLS + SENDTO + TAIL];
	size_t n = 0;
	if (is_old()) {
		errno = ENOSYS;
		return -1;
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < N_CALLS; i++) {
		size_t left = N_CALLS - 1 - i; /* of these lines; then "none of them", what asks for sendto's address, and "tell" */
		size_t to = left + 1 + (calls[i].number == SYS_sendto ? 0 : SENDTO);
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].number, (uint8_t)to, 0);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	n += put_sendto(code + n);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	struct sock_fprog program = {(unsigned short)n, code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return install(&program);
}
#else
int refusal_filter(void)
{
	errno = ENOSYS;
	return -1;
}
#endif
