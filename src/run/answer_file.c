#include "run/answer_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* Lines that are no longer come as they are. */
#define ROOM ((size_t)256 << 10)

/* O_NONBLOCK: a fifo that an agent put there must not stop axmake. O_NOFOLLOW: a link that it put there would have axmake read what the agent itself may not. */
int answer_file_open(int at, const char *name, int *fd, uint64_t *size)
{
	struct stat st;

	*fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
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

int answer_file_ends(struct arena *a, int at, const char *name, size_t each, struct str *out)
{
	uint64_t size = 0;
	size_t head, tail = 0;
	int fd = -1, err = answer_file_open(at, name, &fd, &size);

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

void answer_lines_begin(struct answer_lines *l, int fd, struct jsonfilter *filter)
{
	*l = (struct answer_lines){.fd = fd, .filter = filter, .buf = xmalloc(ROOM)};
}

/* Reads on; the bytes of lines that were given out make room first. */
static void more(struct answer_lines *l)
{
	size_t got = 0;

	memmove(l->buf, l->buf + l->from, l->n - l->from);
	l->at += l->from;
	l->n -= l->from;
	l->seen -= l->from;
	l->from = 0;
	l->err = read_at(l->fd, l->at + l->n, l->buf + l->n, ROOM - l->n, &got);
	l->n += got;
	l->end = l->err || !got;
}

static void skip_blanks(struct answer_lines *l)
{
	while (l->from < l->n && memchr(" \t\r", l->buf[l->from], 3))
		l->from++;
	l->seen = l->seen < l->from ? l->from : l->seen;
}

/* Is the line's end in what was read? *to: where, or all that was read. */
static bool find_end(const struct answer_lines *l, size_t *to)
{
	const char *stop = l->n > l->seen ? memchr(l->buf + l->seen, '\n', l->n - l->seen) : NULL;

	*to = stop ? (size_t)(stop - l->buf) : l->n;
	return stop;
}

static void go_behind(struct answer_lines *l, size_t to, bool whole)
{
	l->from = l->seen = to + whole;
}

/* A line whose beginning takes all the room. */
static void pass_long(struct answer_lines *l)
{
	struct str text = {l->buf + l->from, l->n - l->from};
	bool json = text.p[0] == '{' || str_starts(text, STR("\xef\xbb\xbf")), whole = false;
	size_t to;

	jsonfilter_begin(l->filter, l->at + l->from, false);
	while (!whole && !l->end) {
		whole = find_end(l, &to);
		if (json)
			jsonfilter_add(l->filter, l->buf + l->from, to - l->from);
		go_behind(l, to, whole);
		if (!whole)
			more(l);
	}
	l->too_big = l->filter->too_big;
}

bool answer_lines_next(struct answer_lines *l, struct str *line)
{
	size_t to;

	l->too_big = false;
	for (;;) {
		skip_blanks(l);
		bool whole = find_end(l, &to);

		if (whole || (l->end && to > l->from)) {
			*line = (struct str){l->buf + l->from, to - l->from};
			go_behind(l, to, whole);
			return true;
		}
		if (l->end)
			return false;
		l->seen = l->n;
		if (l->n - l->from == ROOM) {
			pass_long(l);
			*line = sbuf_view(&l->filter->text);
			return true;
		}
		more(l);
	}
}

void answer_lines_end(struct answer_lines *l)
{
	free(l->buf);
}
