#include "state/runs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/vec.h"

#define FOLDER "runs"

static char *put(char *p, unsigned n, size_t digits, unsigned base)
{
	for (size_t i = digits; i-- > 0; n /= base)
		p[i] = "0123456789abcdef"[n % base];
	return p + digits;
}

/* By hand: a run that finds nothing to do would need printf for this alone. */
struct str runs_id(struct arena *a, int64_t wall_ns, uint64_t random)
{
	struct clock_date d = clock_date(wall_ns);
	const struct {
		int n;
		size_t digits;
		bool dash;
	} parts[] = {{d.year, 4, false}, {d.month, 2, false}, {d.day, 2, true}, {d.hour, 2, false}, {d.minute, 2, false}, {d.second, 2, true}, {d.ms, 3, false}};
	char text[32], *p = text;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		p = put(p, (unsigned)parts[i].n, parts[i].digits, 10);
		if (parts[i].dash)
			*p++ = '-';
	}
	p = put(p, (unsigned)(random & 0xffff), 4, 16);
	return arena_copy(a, (struct str){text, (size_t)(p - text)});
}

static int compare_names(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

int runs_list(struct arena *a, int state_fd, struct str **ids, size_t *n)
{
	int fd = openat(state_fd, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	VEC(struct str) v = {0};
	*ids = NULL;
	*n = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : errno;
	DIR *d = fdopendir(fd);
	if (!d) {
		int err = errno;
		close(fd);
		return err;
	}
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			vec_push(a, &v, arena_copy(a, str_of(e->d_name)));
	closedir(d);
	if (v.n > 1)
		qsort(v.p, v.n, sizeof *v.p, compare_names);
	*ids = v.p;
	*n = v.n;
	return 0;
}

bool runs_alive(int state_fd, struct str id)
{
	struct sbuf path = {0};
	sbuf_printf(&path, FOLDER "/%.*s/" RUNS_JOURNAL, STR_ARG(id));
	int fd = openat(state_fd, path.p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	bool held = fd >= 0 && !fcntl(fd, F_OFD_GETLK, &fl) && fl.l_type != F_UNLCK;
	if (fd >= 0)
		close(fd);
	sbuf_free(&path);
	return held;
}

/* A run whose journal is not there yet may just have begun: it is not touched unless it is far down the list. */
void runs_prune(int state_fd)
{
	struct arena a = {0};
	struct str *ids;
	size_t n;
	if (!runs_list(&a, state_fd, &ids, &n))
		for (size_t i = 0; i + RUNS_KEPT < n; i++)
			if (!runs_alive(state_fd, ids[i]))
				os_remove_tree(state_fd, arena_printf(&a, FOLDER "/%.*s", STR_ARG(ids[i])).p);
	arena_free(&a);
}

int runs_make(int state_fd, struct str id, int *fd)
{
	struct sbuf path = {0};
	sbuf_printf(&path, FOLDER "/%.*s", STR_ARG(id));
	int err = mkdirat(state_fd, path.p, 0700) ? errno : 0;
	if (err == ENOENT)
		err = os_mkdirs(state_fd, path.p, 0700);
	*fd = err ? -1 : openat(state_fd, path.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (!err && *fd < 0)
		err = errno;
	sbuf_free(&path);
	return err;
}

int runs_journal(int run_fd)
{
	int fd = openat(run_fd, RUNS_JOURNAL, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fd >= 0)
		fcntl(fd, F_OFD_SETLK, &fl); /* where locks are refused, the run merely looks as if it had ended */
	return fd;
}
