/* Starting small programs in tests of run/: shells, and the test program itself in another part. */
#ifndef AXMAKE_TEST_PROCESS_FIXTURE_H
#define AXMAKE_TEST_PROCESS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/process.h"
#include "run/procfs.h"

static inline void nap_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Waits up to a minute for a condition, which is looked at until it holds and then no more: only a failure takes that long. */
#define wait_for(condition)                                                                                                      \
	do {                                                                                                                     \
		int64_t end_ns_ = clock_ns() + 60 * NS_PER_S;                                                                    \
		bool held_;                                                                                                      \
		while (!(held_ = (condition)) && clock_ns() < end_ns_)                                                           \
			nap_ms(2);                                                                                               \
		assert_true(held_);                                                                                              \
	} while (0)

static inline bool is_living(pid_t pid)
{
	struct proc_stat st;
	return proc_stat_read(pid, &st) && st.living;
}

static inline struct spawn spawn_plain(char *const *argv, char *const *envp)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(null > 2);
	return (struct spawn){
	    .file = argv[0], .argv = argv, .envp = envp, .in = null, .out = null, .err = null, .keep = {-1, -1}};
}

static inline pid_t start(const struct spawn *s)
{
	pid_t pid = 0;
	assert_int_equal(process_spawn(s, &pid), 0);
	assert_true(pid > 0);
	return pid;
}

/* A shell with `mark` in its environment; extra: a further "NAME=value", or NULL. */
static inline pid_t start_sh(const char *mark, const char *script, const char *extra)
{
	char set_mark[200];
	snprintf(set_mark, sizeof set_mark, "AX_RUN=%s", mark);
	char *argv[] = {"/bin/sh", "-c", (char *)script, NULL};
	char *envp[] = {"PATH=/usr/bin:/bin", set_mark, (char *)extra, NULL};
	struct spawn s = spawn_plain(argv, envp);
	pid_t pid = start(&s);
	close(s.in);
	return pid;
}

/* This test program again, in the part that `name` says (see its main). */
static inline pid_t start_part(const char *mark, const char *name, const char *arg)
{
	char set_mark[200], self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	assert_true(n > 0);
	self[n] = '\0';
	snprintf(set_mark, sizeof set_mark, "AX_RUN=%s", mark);
	char *argv[] = {self, (char *)name, (char *)arg, NULL};
	char *envp[] = {"PATH=/usr/bin:/bin", set_mark, NULL};
	struct spawn s = spawn_plain(argv, envp);
	pid_t pid = start(&s);
	close(s.in);
	return pid;
}

/* A program with `mark` in its environment, once that is seen there: while a process executes another program it has none. */
static inline pid_t start_marked(const char *mark, const char *part)
{
	char set_mark[200];
	snprintf(set_mark, sizeof set_mark, "AX_RUN=%s", mark);
	char *argv[] = {"/bin/sleep", "1000", NULL};
	char *envp[] = {"OTHER=zzz", set_mark, NULL};
	struct spawn s = spawn_plain(argv, envp);
	pid_t pid = start(&s);
	close(s.in);
	wait_for(process_has_mark(pid, str_of(part)));
	return pid;
}

static inline int wait_status(pid_t pid)
{
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* SIGKILL to all that has the mark, whatever state a test ended in. */
static inline void kill_marked(const char *mark)
{
	struct pid_list l = {0};
	do {
		l.pids.n = 0;
		process_marked(str_of(mark), &l);
		for (size_t i = 0; i < l.pids.n; i++)
			kill(l.pids.p[i], SIGKILL);
	} while (l.pids.n);
	vec_free(&l.pids);
}

/* SIGKILL to all children that are left, and to what comes to this process when they have ended: so a test that failed halfway costs no other one. */
static inline void end_children(void)
{
	struct pid_list l = {0};
	do {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		l.pids.n = 0;
		process_children(&l);
		for (size_t i = 0; i < l.pids.n; i++)
			kill(l.pids.p[i], SIGKILL);
	} while (waitpid(-1, NULL, l.pids.n ? 0 : WNOHANG) >= 0 || errno == EINTR);
	vec_free(&l.pids);
}

/* The content of a small file, in a static buffer. */
static inline const char *slurp(const char *path)
{
	static char buf[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof buf - 1);
	buf[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return buf;
}

#endif
