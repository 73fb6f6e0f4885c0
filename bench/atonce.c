/* usage: atonce JOBS TIMES INPUT COMMAND [ARG ...]
 *
 * Runs a command TIMES times, JOBS at once, each with file INPUT as its standard input, and its output thrown away: the least that anybody who wants all
 * of these runs has to pay. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char **environ;

static int start(const char *input, char **argv)
{
	posix_spawn_file_actions_t files;
	pid_t pid;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, input, O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	int err = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	return err;
}

/* 0 when the next to end ended well. */
static int collect(void)
{
	int status;
	return wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	int jobs = argc > 4 ? atoi(argv[1]) : 0, times = argc > 4 ? atoi(argv[2]) : 0, failed = 0;
	if (jobs < 1 || times < 1)
		return 2;
	for (int i = 0; i < times; i++) {
		if (i >= jobs)
			failed += collect();
		if (start(argv[3], argv + 4))
			return 2;
	}
	for (int i = 0; i < jobs && i < times; i++)
		failed += collect();
	if (failed)
		fprintf(stderr, "atonce: %d of %d failed\n", failed, times);
	return failed > 0;
}
