#include "run/jobserver_pool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"

#define FOLDER_PREFIX "axmake-jobserver-"
#define FIFO_NAME "fifo"

/* What an unprivileged process may have by default; a pipe for more tokens than that only costs the kernel memory. */
enum { PIPE_MOST = 1 << 20 };

/* How many tokens can circulate in the pipe. Bytes are taken from the front of one page while others are added to another, so a
 * page has to be spare: without it a full pipe refuses a token back until a whole page was read. */
static size_t room_for_tokens(int fd, size_t page)
{
	int size = fcntl(fd, F_GETPIPE_SZ);

	return size < 0 || (size_t)size < page ? 0 : (size_t)size - page;
}

/* Sees to room for p->tokens, or lowers their number to what fits. */
static void make_room(struct jobserver_pool *p)
{
	long page_size = sysconf(_SC_PAGESIZE);
	size_t page = page_size > 0 ? (size_t)page_size : 4096;
	int fd = p->fd[1], error = p->tokens > PIPE_MOST - page ? EOVERFLOW : 0;

	for (size_t want = error ? PIPE_MOST : p->tokens + page; room_for_tokens(fd, page) < p->tokens && want >= 2 * page;
	     want /= 2) {
		if (fcntl(fd, F_SETPIPE_SZ, (int)want) >= 0)
			break;
		error = error ? error : errno;
	}
	size_t room = room_for_tokens(fd, page);
	if (room < p->tokens) {
		p->tokens = room;
		p->short_error = error ? error : ENOSPC;
	}
}

/* Writes the tokens into a pipe in non-blocking mode. */
static void fill(struct jobserver_pool *p)
{
	char plus[4096];
	size_t done = 0;

	make_room(p);
	memset(plus, '+', sizeof plus);
	while (done < p->tokens) {
		size_t n = p->tokens - done;
		ssize_t put = write(p->fd[1], plus, n < sizeof plus ? n : sizeof plus);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			p->short_error = errno;
			p->tokens = done;
			return;
		}
		done += (size_t)put;
	}
}

/* Moves a descriptor off 0, 1 and 2, which become a child's standard streams. */
static int above_standard(int fd)
{
	if (fd > STDERR_FILENO || fd < 0)
		return fd;
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	int error = errno;
	close(fd);
	errno = error;
	return moved;
}

bool jobserver_pool_pipe(struct jobserver_pool *p, size_t tokens, int *error)
{
	*p = (struct jobserver_pool){.fd = {-1, -1}, .tokens = tokens};
	if (pipe2(p->fd, O_CLOEXEC) != 0) {
		*error = errno;
		return false;
	}
	p->fd[0] = above_standard(p->fd[0]);
	if (p->fd[0] >= 0)
		p->fd[1] = above_standard(p->fd[1]);
	/* No child exists yet, so nobody sees the mode change. */
	if (p->fd[0] < 0 || p->fd[1] < 0 || fcntl(p->fd[1], F_SETFL, O_NONBLOCK) != 0) {
		*error = errno;
		jobserver_pool_close(p);
		return false;
	}
	fill(p);
	if (fcntl(p->fd[1], F_SETFL, 0) != 0) {
		*error = errno;
		jobserver_pool_close(p);
		return false;
	}
	return true;
}

/* Process ids mean something only inside their namespace, and a temporary folder may be shared by several: so both stand in the
 * name. */
static unsigned long pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? (unsigned long)st.st_ino : 0;
}

/* Is it the folder of a jobserver whose process is dead and whose fifo nobody reads? */
static bool is_abandoned(int at, const char *name, unsigned long ns)
{
	unsigned long its_ns;
	struct stat st;
	char path[NAME_MAX + sizeof "/" FIFO_NAME];
	int pid;

	if (sscanf(name, FOLDER_PREFIX "%d-%lu-", &pid, &its_ns) != 2 || pid <= 0 || its_ns != ns)
		return false;
	if (kill(pid, 0) == 0 || errno != ESRCH)
		return false;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return false;
	snprintf(path, sizeof path, "%s/" FIFO_NAME, name);
	int fd = openat(at, path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		close(fd);
	return fd < 0 && (errno == ENXIO || errno == ENOENT);
}

/* Removes what killed processes left in the folder. That it fails is no reason not to go on. */
static void sweep(const char *tmp)
{
	unsigned long ns = pid_namespace();
	DIR *dir = opendir(tmp);
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir)) != NULL) {
		char path[sizeof e->d_name + sizeof "/" FIFO_NAME];
		if (strncmp(e->d_name, FOLDER_PREFIX, sizeof FOLDER_PREFIX - 1) != 0 || !is_abandoned(dirfd(dir), e->d_name, ns))
			continue;
		snprintf(path, sizeof path, "%s/" FIFO_NAME, e->d_name);
		unlinkat(dirfd(dir), path, 0);
		unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

/* The temporary folder, absolute and free of what would not survive MAKEFLAGS: blanks and backslashes end or escape words there,
 * and make expands `$`. */
static bool temporary_folder(struct arena *a, struct str *tmp, struct str *why)
{
	static const char *const names[] = {"MAKE_TMPDIR", "TMPDIR"};
	const char *given = "/tmp";

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);
		if (value && *value) {
			given = value;
			break;
		}
	}
	char *real = realpath(given, NULL);
	if (!real) {
		*why = arena_printf(a, "%s: %s", given, os_error(errno));
		return false;
	}
	*tmp = arena_copy(a, str_of(real));
	free(real);
	if (strpbrk(tmp->p, " \t\r\n\\$")) {
		*why = arena_printf(a, "%s: a blank, a backslash or a '$' in the path cannot be written in MAKEFLAGS", tmp->p);
		return false;
	}
	return true;
}

bool jobserver_pool_fifo(struct arena *a, struct jobserver_pool *p, size_t tokens, struct str *why)
{
	struct str tmp;

	*p = (struct jobserver_pool){.fd = {-1, -1}, .tokens = tokens};
	if (!temporary_folder(a, &tmp, why))
		return false;
	sweep(tmp.p);
	struct str dir = arena_printf(a, "%s/" FOLDER_PREFIX "%d-%lu-XXXXXX", str_eq(tmp, STR("/")) ? "" : tmp.p, (int)getpid(),
	                              pid_namespace());
	if (!mkdtemp((char *)dir.p)) {
		*why = arena_printf(a, "%s: %s", tmp.p, os_error(errno));
		return false;
	}
	p->dir = dir;
	struct str fifo = arena_printf(a, "%s/" FIFO_NAME, dir.p);
	if (mkfifo(fifo.p, 0600) == 0) {
		p->fifo = fifo;
		/* Open for both, so that opening never waits and the tokens live as long as we do. */
		p->fd[0] = above_standard(open(fifo.p, O_RDWR | O_NONBLOCK | O_CLOEXEC));
		p->fd[1] = p->fd[0];
	}
	if (p->fd[0] < 0) {
		*why = arena_printf(a, "%s: %s", fifo.p, os_error(errno));
		jobserver_pool_close(p);
		return false;
	}
	fill(p);
	return true;
}

void jobserver_pool_close(struct jobserver_pool *p)
{
	if (p->fd[0] >= 0)
		close(p->fd[0]);
	if (p->fd[1] >= 0 && p->fd[1] != p->fd[0])
		close(p->fd[1]);
	p->fd[0] = p->fd[1] = -1;
	if (p->fifo.n)
		unlink(p->fifo.p);
	if (p->dir.n)
		rmdir(p->dir.p);
	p->fifo = p->dir = STR_NONE;
}
