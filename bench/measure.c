/* usage: measure FD COMMAND [ARG ...]
 *
 * Runs a command and prints, on descriptor FD, its wall seconds, its CPU seconds (its children's too) and its own peak memory in KiB.
 *
 * A program of its own, because a process's peak counts from its fork: started from an interpreter it would be the interpreter's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status, out = argc > 1 ? atoi(argv[1]) : -1;
	double start = now();
	pid_t pid;
	if (argc < 3)
		return 2;
	pid = fork();
	if (pid == 0) {
		close(out);
		execvp(argv[2], argv + 2);
		fprintf(stderr, "measure: cannot start %s: %s\n", argv[2], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		return 2;
	dprintf(out, "%.6f %.6f %ld\n", now() - start, seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
