/* fork that ends the test where it fails: kill(-1, …) in its stead would hit every process of the machine. */
#ifndef AXMAKE_TESTS_MUST_FORK_H
#define AXMAKE_TESTS_MUST_FORK_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline pid_t must_fork(void)
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("fork");
		abort();
	}
	return pid;
}

#endif
