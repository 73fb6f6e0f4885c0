/* usage: atonce JOBS TIMES INPUT COMMAND [ARG ...]
 *
 * Runs a command TIMES times, JOBS at once, each with file INPUT as its standard input, and its output thrown away: the least that anybody who wants all
 * of these runs has to pay. Where an argument ends with {}, the number of the run stands instead, from 0. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Arguments with {}, each with room for the number that takes its place. */
struct numbered {
	char **argv;
	char *brace[16]; /* where the number goes */
	int n;
};

static struct numbered number(char **argv)
{
	struct numbered r = {.argv = argv};
	for (; *argv && r.n < 16; argv++) {
		size_t len = strlen(*argv);
		char *text = len >= 2 && !strcmp(*argv + len - 2, "{}") ? malloc(len + 12) : NULL;
		if (!text)
			continue;
		*argv = strcpy(text, *argv);
		r.brace[r.n++] = text + len - 2;
	}
	return r;
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
	struct numbered command = number(argv + 4);
	for (int i = 0; i < times; i++) {
		if (i >= jobs)
			failed += collect();
		for (int k = 0; k < command.n; k++)
			sprintf(command.brace[k], "%d", i);
		if (start(argv[3], command.argv))
			return 2;
	}
	for (int i = 0; i < jobs && i < times; i++)
		failed += collect();
	if (failed)
		fprintf(stderr, "atonce: %d of %d failed\n", failed, times);
	return failed > 0;
}
