/* usage: least stat|stat2|read LIST [COMMAND ...]
 *        least walk FOLDER
 *        least change FOLDER TIMES COMMAND ...
 *        least lines LOG COMMAND ...
 *        least pages
 *
 * The least that somebody has to pay who wants what axmake does: to look at each file of a list (one path a line), by one thread or by two, or to open and
 * read it, and then to run a command, if one is given; to list a folder with all below it, and to read each file as it is found; or to wait until a file in a
 * folder was written, and to run a command then, so many times; or to hand on what a command prints, to a file and to standard error, as it comes. What depends on the machine alone: the microseconds that a page takes which nobody has touched for a tenth of a
 * second. */
#include <fcntl.h>
#include <fts.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
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

/* fn of each line of a list, which ends with one. */
static int each(char *list, const char *behind, int (*fn)(const char *path))
{
	for (char *end; list < behind; list = end + 1) {
		end = strchr(list, '\n');
		*end = 0;
		if (fn(list)) {
			perror(list);
			return 1;
		}
	}
	return 0;
}

enum { PIECES = 64 };

/* A list in pieces of whole lines, and the first of them that nobody has taken. */
struct pieces {
	char *from[PIECES + 1];
	atomic_int next, failed;
};

static void *look_at_pieces(void *pieces)
{
	struct pieces *p = pieces;
	for (int i; (i = atomic_fetch_add(&p->next, 1)) < PIECES;)
		if (each(p->from[i], p->from[i + 1], look))
			p->failed = 1;
	return NULL;
}

static int look_by_two(char *list, size_t n)
{
	struct pieces p = {.from = {list}};
	pthread_t other;
	for (int i = 1; i <= PIECES; i++) {
		char *at = list + n / PIECES * (size_t)i;
		p.from[i] = i < PIECES && at > list ? strchr(at - 1, '\n') + 1 : list + n;
	}
	if (pthread_create(&other, NULL, look_at_pieces, &p))
		return 1;
	look_at_pieces(&p);
	pthread_join(other, NULL);
	return p.failed;
}

static int walk(char *folder)
{
	FTS *found = fts_open((char *[]){folder, NULL}, FTS_PHYSICAL | FTS_NOSTAT | FTS_NOCHDIR, NULL);
	int failed = !found;
	for (FTSENT *e; !failed && (e = fts_read(found));)
		failed = e->fts_info != FTS_D && e->fts_info != FTS_DP && swallow(e->fts_path);
	return failed;
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

static int lines(const char *log, char **argv)
{
	static char buffer[1 << 16];
	int ends[2], file = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	posix_spawn_file_actions_t a;
	pid_t pid;
	ssize_t n;
	if (file < 0 || pipe2(ends, O_CLOEXEC) || posix_spawn_file_actions_init(&a) || posix_spawn_file_actions_adddup2(&a, ends[1], 1) || posix_spawnp(&pid, argv[0], &a, NULL, argv, environ))
		return 1;
	close(ends[1]);
	while ((n = read(ends[0], buffer, sizeof buffer)) > 0)
		if (write(file, buffer, (size_t)n) < 0 || write(2, buffer, (size_t)n) < 0)
			return 1;
	return 0;
}

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int pages(void)
{
	enum { PAGES = 200, PAGE = 4096, TIMES = 10 };
	volatile char *p = calloc(PAGES, PAGE);
	double took = 0;
	if (!p)
		return 1;
	for (int k = 0; k <= TIMES; k++) { /* the first time makes them */
		double began = now_us();
		for (int i = 0; i < PAGES; i++)
			p[i * PAGE]++;
		took += k ? now_us() - began : 0;
		usleep(100000);
	}
	return printf("%.2f\n", took / TIMES / PAGES) < 0;
}

int main(int argc, char **argv)
{
	char *list;
	size_t n;
	int failed;
	if (argc > 4 && !strcmp(argv[1], "change"))
		return change(argv[2], atoi(argv[3]), argv + 4);
	if (argc > 3 && !strcmp(argv[1], "lines"))
		return lines(argv[2], argv + 3);
	if (argc == 2 && !strcmp(argv[1], "pages"))
		return pages();
	if (argc == 3 && !strcmp(argv[1], "walk"))
		return walk(argv[2]);
	if (argc < 3 || (strncmp(argv[1], "stat", 4) && strcmp(argv[1], "read")))
		return 2;
	list = content(argv[2]);
	if (!list)
		return 1;
	n = strlen(list);
	failed = !strcmp(argv[1], "stat2") ? look_by_two(list, n) : each(list, list + n, argv[1][0] == 's' ? look : swallow);
	return failed || (argc > 3 && run(argv + 3));
}
