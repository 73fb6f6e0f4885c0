/* usage: least stat LIST [COMMAND ...]
 *        least read LIST [COMMAND ...]
 *        least change FOLDER TIMES COMMAND ...
 *
 * The least that somebody has to pay who wants what axmake does: to look at each file of a list (one path a line), or to open and read it, and then to
 * run a command, if one is given; or to wait until a file in a folder was written, and to run a command then, so many times. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* 0 when it ended well. */
static int run(char **argv)
{
	pid_t pid;
	int status;
	return posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status);
}

/* The whole file, with a NUL byte behind it, or NULL. */
static char *content(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = fd >= 0 && !fstat(fd, &st) ? calloc(1, (size_t)st.st_size + 1) : NULL;
	if (text && read(fd, text, (size_t)st.st_size) != st.st_size)
		return NULL;
	if (fd >= 0)
		close(fd);
	return text;
}

static int look(const char *path)
{
	struct stat st;
	return stat(path, &st);
}

static int swallow(const char *path)
{
	static char buffer[1 << 16];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	if (fd < 0)
		return -1;
	while ((n = read(fd, buffer, sizeof buffer)) > 0)
		;
	return close(fd) || n < 0 ? -1 : 0;
}

static int each(char *list, int (*fn)(const char *path))
{
	for (char *end; (end = strchr(list, '\n')); list = end + 1) {
		*end = 0;
		if (fn(list)) {
			perror(list);
			return 1;
		}
	}
	return 0;
}

static int change(const char *folder, int times, char **command)
{
	_Alignas(struct inotify_event) char events[1 << 16];
	int fd = inotify_init1(IN_CLOEXEC);
	if (fd < 0 || inotify_add_watch(fd, folder, IN_CLOSE_WRITE) < 0 || puts("ready") < 0 || fflush(stdout))
		return 1;
	while (times-- > 0)
		if (read(fd, events, sizeof events) <= 0 || run(command))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	char *list;
	if (argc > 4 && !strcmp(argv[1], "change"))
		return change(argv[2], atoi(argv[3]), argv + 4);
	if (argc < 3 || (strcmp(argv[1], "stat") && strcmp(argv[1], "read")))
		return 2;
	list = content(argv[2]);
	if (!list || each(list, argv[1][0] == 's' ? look : swallow))
		return 1;
	return argc > 3 && run(argv + 3);
}
