#include "state/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"

#define LOG "log"
#define LOG_BAD "log.bad"
#define LOG_NEW "log.new"

enum { APPEND_FLAGS = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK };

/* Never through a link, and never waiting for the other end of a fifo. */
static int open_log(int dir_fd, bool read_only)
{
	if (read_only)
		return openat(dir_fd, LOG, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	return openat(dir_fd, LOG, APPEND_FLAGS | O_CREAT, 0600);
}

enum logfile_state logfile_open(struct logfile *f, int dir_fd, bool read_only, int *err)
{
	struct stat st;

	*f = (struct logfile){.dir_fd = dir_fd, .fd = -1, .read_only = read_only};
	if (dir_fd < 0 && read_only)
		return LOGFILE_ABSENT;
	f->fd = open_log(dir_fd, read_only);
	if (f->fd < 0) {
		*err = errno;
		if (errno == ENOENT && read_only)
			return LOGFILE_ABSENT;
		return errno == ELOOP || errno == EISDIR || errno == ENXIO || errno == ENODEV ? LOGFILE_FOREIGN : LOGFILE_FAILED;
	}
	if (fstat(f->fd, &st)) {
		*err = errno;
		logfile_close(f);
		return LOGFILE_FAILED;
	}
	if (!S_ISREG(st.st_mode)) {
		logfile_close(f);
		return LOGFILE_FOREIGN;
	}
	f->size = (uint64_t)st.st_size;
	return LOGFILE_OPEN;
}

bool logfile_go_on(struct logfile *f, int dir_fd)
{
	int fd = openat(dir_fd, LOG, APPEND_FLAGS);
	struct stat now, was;

	/* It only ever grows or is replaced, and one that is open is not replaced by another of the same number. */
	if (fd < 0 || fstat(fd, &now) || fstat(f->fd, &was) || now.st_dev != was.st_dev || now.st_ino != was.st_ino || (uint64_t)now.st_size != f->size) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	logfile_close(f);
	f->fd = fd;
	f->dir_fd = dir_fd;
	f->read_only = false;
	return true;
}

void logfile_close(struct logfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

int logfile_load(struct logfile *f, unsigned char **data, size_t *n)
{
	size_t have = 0;
	unsigned char *p;
	ssize_t got;

	*data = NULL;
	*n = 0;
	if (!f->size)
		return 0;
	p = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return errno;
	madvise(p, f->size, MADV_HUGEPAGE); /* fewer page faults; whether it helps or not */
	*data = p;
	*n = f->size;
	while (have < *n) {
		got = pread(f->fd, p + have, *n - have, (off_t)have);
		if (got < 0 && errno != EINTR)
			return errno;
		if (!got)
			break; /* it was cut since its size was asked */
		if (got > 0)
			have += (size_t)got;
	}
	f->size = have;
	return 0;
}

int logfile_read(const struct logfile *f, uint64_t from, char *to, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = pread(f->fd, to + have, n - have, (off_t)(from + have));

		if (got < 0 && errno != EINTR)
			return errno;
		if (!got)
			return EIO; /* somebody cut it */
		if (got > 0)
			have += (size_t)got;
	}
	return 0;
}

void logfile_unload(unsigned char *data, size_t n)
{
	if (data)
		munmap(data, n);
}

int logfile_append(struct logfile *f, struct str bytes)
{
	if (f->error || f->nowhere)
		return f->error;
	f->error = f->read_only ? EROFS : os_write_all(f->fd, bytes.p, bytes.n);
	if (!f->error)
		f->size += bytes.n;
	else if (!f->read_only && ftruncate(f->fd, (off_t)f->size))
		return f->error; /* a cut frame stays at the end: the next run finds and drops it */
	return f->error;
}

int logfile_sync(struct logfile *f)
{
	if (f->error || f->nowhere || f->read_only)
		return f->error;
	if (fdatasync(f->fd) && errno != EINVAL && errno != EROFS)
		f->error = errno;
	if (!f->error && !f->named)
		f->error = os_sync(f->dir_fd, ".");
	f->named = !f->error;
	return f->error;
}

int logfile_move_aside(const struct logfile *f)
{
	int err = os_remove_tree(f->dir_fd, LOG_BAD);

	if (err)
		return err;
	return renameat(f->dir_fd, LOG, f->dir_fd, LOG_BAD) ? errno : 0;
}

int logfile_keep_bad(const struct logfile *f, struct str content)
{
	int err = os_remove_tree(f->dir_fd, LOG_BAD);

	if (err)
		return err;
	/* A second name is enough: the log is replaced, never changed in place. */
	if (!linkat(f->dir_fd, LOG, f->dir_fd, LOG_BAD, 0))
		return 0;
	return os_replace_file(f->dir_fd, LOG_BAD, 0600, content);
}

bool logfile_is_removed(const struct logfile *f)
{
	struct stat st;

	return f->fd >= 0 && !f->read_only && !fstat(f->fd, &st) && !st.st_nlink;
}

int logfile_rewrite(struct logfile *f, struct str content)
{
	int err = os_remove_tree(f->dir_fd, LOG_NEW), fd;

	if (err)
		return err;
	fd = openat(f->dir_fd, LOG_NEW, APPEND_FLAGS | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return errno;
	err = os_write_all(fd, content.p, content.n);
	/* On the disk before the old one goes: a power cut must not leave a name without its content. */
	if (!err && fsync(fd))
		err = errno;
	if (!err && renameat(f->dir_fd, LOG_NEW, f->dir_fd, LOG))
		err = errno;
	if (err) {
		unlinkat(f->dir_fd, LOG_NEW, 0);
		close(fd);
		return err;
	}
	logfile_close(f);
	f->fd = fd;
	f->size = content.n;
	f->named = false;
	return 0;
}
