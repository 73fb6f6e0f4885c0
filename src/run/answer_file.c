#include "run/answer_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)256 << 10)

/* O_NONBLOCK: a fifo that an agent put there must not stop axmake. */
static int open_regular(int at, const char *name, int *fd, uint64_t *size)
{
	struct stat st;

	*fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return errno;
	int err = fstat(*fd, &st) != 0 ? errno : S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	if (err) {
		close(*fd);
		return err;
	}
	*size = (uint64_t)st.st_size;
	return 0;
}

/* Up to n bytes from `from` on; fewer when the file ends. */
static int read_at(int fd, uint64_t from, char *p, size_t n, size_t *got)
{
	*got = 0;
	while (*got < n) {
		ssize_t r = pread(fd, p + *got, n - *got, (off_t)(from + *got));

		if (r == 0)
			break;
		if (r < 0 && errno != EINTR)
			return errno;
		if (r > 0)
			*got += (size_t)r;
	}
	return 0;
}

int answer_file_read(struct arena *a, int at, const char *name, size_t limit, struct str *out)
{
	uint64_t size;
	size_t got;
	int fd, err = open_regular(at, name, &fd, &size);

	if (err)
		return err;
	if (size > limit) {
		close(fd);
		return EFBIG;
	}
	char *p = arena_text(a, (size_t)size + 1);
	err = read_at(fd, 0, p, (size_t)size, &got);
	close(fd);
	p[got] = 0;
	*out = (struct str){p, got};
	return err;
}

int answer_file_ends(struct arena *a, int at, const char *name, size_t each, struct str *out)
{
	uint64_t size;
	size_t head, tail = 0;
	int fd, err = open_regular(at, name, &fd, &size);

	if (err)
		return err;
	bool cut = size > 2 * (uint64_t)each;
	char *p = arena_text(a, (cut ? 2 * each + 1 : (size_t)size) + 1);
	err = read_at(fd, 0, p, cut ? each : (size_t)size, &head);
	if (cut && !err) {
		p[head++] = '\n';
		err = read_at(fd, size - each, p + head, each, &tail);
	}
	close(fd);
	*out = (struct str){p, head + tail};
	return err;
}

int answer_lines_open(struct answer_lines *l, int at, const char *name, size_t limit)
{
	uint64_t size;

	*l = (struct answer_lines){.fd = -1, .limit = limit};
	return open_regular(at, name, &l->fd, &size);
}

/* Reads on; the bytes of lines that were given out make room first. */
static void more(struct answer_lines *l)
{
	if (l->skip)
		l->from = l->seen = l->buf.n;
	if (l->from > 0) {
		memmove(l->buf.p, l->buf.p + l->from, l->buf.n - l->from);
		l->buf.n -= l->from;
		l->seen -= l->from;
		l->from = 0;
	}
	sbuf_reserve(&l->buf, CHUNK);
	ssize_t r = read(l->fd, l->buf.p + l->buf.n, CHUNK);
	if (r < 0 && errno == EINTR)
		return;
	if (r < 0)
		l->err = errno;
	if (r <= 0)
		l->end = true;
	else
		l->buf.n += (size_t)r;
}

bool answer_lines_next(struct answer_lines *l, struct str *line)
{
	for (;;) {
		const char *from = l->buf.p ? l->buf.p + l->seen : NULL;
		const char *stop = l->buf.n > l->seen ? memchr(from, '\n', l->buf.n - l->seen) : NULL;
		size_t to = stop ? (size_t)(stop - l->buf.p) : l->buf.n;
		bool whole = stop || (l->end && to > l->from);

		if (!stop && !l->end) {
			l->seen = l->buf.n;
			l->skip = l->skip || l->buf.n - l->from > l->limit;
			more(l);
			continue;
		}
		if (!whole)
			return false;
		*line = (struct str){l->buf.p + l->from, to - l->from};
		l->from = l->seen = stop ? to + 1 : to;
		if (!l->skip)
			return true;
		l->skip = false;
	}
}

void answer_lines_close(struct answer_lines *l)
{
	if (l->fd >= 0)
		close(l->fd);
	sbuf_free(&l->buf);
}
