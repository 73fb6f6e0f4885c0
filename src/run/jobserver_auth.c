#include "run/jobserver_auth.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/makeflags.h"

/* Reads a decimal int with an optional minus and moves *at behind it; false when there is none or it does not fit. */
static bool read_int(struct str s, size_t *at, int *out)
{
	size_t i = *at;
	bool minus = i < s.n && s.p[i] == '-';
	long long v = 0;

	i += minus;
	size_t first = i;
	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
		v = v * 10 + (s.p[i] - '0');
		if (v > INT_MAX)
			return false;
	}
	if (i == first)
		return false;
	*at = i;
	*out = (int)(minus ? -v : v);
	return true;
}

static bool parse_pair(struct str auth, int *r, int *w)
{
	size_t at = 0;

	if (!read_int(auth, &at, r) || at == auth.n || auth.p[at++] != ',')
		return false;
	return read_int(auth, &at, w) && at == auth.n;
}

static const char *kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return "a regular file";
	if (S_ISDIR(mode))
		return "a directory";
	if (S_ISSOCK(mode))
		return "a socket";
	if (S_ISCHR(mode))
		return "a device";
	return "something else";
}

/* Is fd an end of a pipe that can be read (O_RDONLY) or written (O_WRONLY)? Fills `why` when not. */
static bool check_end(int fd, int wanted, struct stat *st, char *why, size_t size)
{
	if (fd <= STDERR_FILENO) {
		snprintf(why, size, "descriptor %d is a standard stream, not the jobserver's pipe", fd);
		return false;
	}
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, st) != 0) {
		snprintf(why, size, "descriptor %d is not open", fd);
		return false;
	}
	if (!S_ISFIFO(st->st_mode)) {
		snprintf(why, size, "descriptor %d is %s, not a pipe", fd, kind_of(st->st_mode));
		return false;
	}
	int mode = flags & O_ACCMODE;
	if ((flags & O_PATH) || (mode != wanted && mode != O_RDWR)) {
		snprintf(why, size, "descriptor %d is a pipe that cannot be %s", fd, wanted == O_RDONLY ? "read" : "written");
		return false;
	}
	return true;
}

struct jobserver_inherited jobserver_inspect(struct str auth)
{
	struct jobserver_inherited in = {.read_fd = -1, .write_fd = -1};
	struct stat r, w;

	if (str_starts(auth, STR("fifo:")))
		return in;
	if (!parse_pair(auth, &in.read_fd, &in.write_fd)) {
		in.read_fd = in.write_fd = -1;
		snprintf(in.why, sizeof in.why, "it is neither two descriptors nor fifo:PATH");
		return in;
	}
	in.disabled = in.read_fd < 0 || in.write_fd < 0;
	if (in.disabled || !check_end(in.read_fd, O_RDONLY, &r, in.why, sizeof in.why) ||
	    !check_end(in.write_fd, O_WRONLY, &w, in.why, sizeof in.why))
		return in;
	if (r.st_dev != w.st_dev || r.st_ino != w.st_ino) {
		snprintf(in.why, sizeof in.why, "descriptors %d and %d are not the two ends of one pipe", in.read_fd,
		         in.write_fd);
		return in;
	}
	/* A flag of this process's descriptor, not of the pipe: nobody else sees it. */
	if (fcntl(in.read_fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(in.write_fd, F_SETFD, FD_CLOEXEC) != 0) {
		snprintf(in.why, sizeof in.why, "descriptors %d and %d cannot be made close-on-exec", in.read_fd, in.write_fd);
		return in;
	}
	in.pipe_ok = true;
	return in;
}

/* The next word from *at on, as it stands; words end at a blank that no backslash escapes. n == 0: no more. */
static struct str next_word(struct str s, size_t *at)
{
	size_t i = *at;

	while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t'))
		i++;
	size_t from = i;
	for (; i < s.n && s.p[i] != ' ' && s.p[i] != '\t'; i++)
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
	*at = i;
	return str_sub(s, from, i);
}

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

enum after {
	AFTER_NOTHING,
	AFTER_KEEP,   /* the next word is the argument of an option that is kept */
	AFTER_DROP,   /* the next word is the argument of one that is taken out */
	AFTER_NUMBER, /* so it is if it is a number: "-j 4" */
};

/* A cluster of one-letter options without its j; the letters stand in word from `from` on. */
static enum after add_cluster(struct sbuf *b, struct str word, size_t from)
{
	enum after after = AFTER_NOTHING;
	size_t start = b->n;

	sbuf_add(b, word.p, from);
	for (size_t i = from; i < word.n; i++) {
		char c = word.p[i];
		if (c == 'j') {
			while (i + 1 < word.n && word.p[i + 1] >= '0' && word.p[i + 1] <= '9')
				i++;
			after = word.p[i] == 'j' && i + 1 == word.n ? AFTER_NUMBER : AFTER_NOTHING;
			continue;
		}
		/* No letters of make's: what is left of them could end the options, or join two words. */
		if (c == '\\')
			i++;
		if (c == '-' || c == '\\')
			continue;
		sbuf_char(b, c);
		if (strchr("CEIWfo", c) || c == 'O' || c == 'l') {
			after = i + 1 == word.n && c != 'O' && c != 'l' ? AFTER_KEEP : AFTER_NOTHING;
			sbuf_add(b, word.p + i + 1, word.n - i - 1);
			break;
		}
	}
	if (b->n == start + from)
		b->n = start;
	return after;
}

/* Is it `name`, alone or with "=VALUE"? */
static bool is_long(struct str word, struct str name)
{
	return str_starts(word, name) && (word.n == name.n || word.p[name.n] == '=');
}

/* Adds what is left of an option's word. */
static enum after add_option(struct sbuf *b, struct str word, bool first)
{
	bool alone = memchr(word.p, '=', word.n) == NULL;

	if (word.n > 1 && word.p[0] == '-' && word.p[1] != '-')
		return add_cluster(b, word, 1);
	if (first && word.p[0] != '-' && alone)
		return add_cluster(b, word, 0);
	if (is_long(word, STR("--jobs")))
		return alone ? AFTER_NUMBER : AFTER_NOTHING;
	if (is_long(word, STR("--jobserver-auth")) || is_long(word, STR("--jobserver-fds")))
		return alone ? AFTER_DROP : AFTER_NOTHING;
	if (word.n > 2 && str_starts(word, STR("--")) && makeflags_takes_word(str_sub(word, 2, word.n))) {
		sbuf_str(b, word);
		return AFTER_KEEP;
	}
	/* A word without a dash that came to stand first would be read as letters. It means nothing to make. */
	if (first || b->n > 0 || word.p[0] == '-' || !alone)
		sbuf_str(b, word);
	return AFTER_NOTHING;
}

/* The options of s up to "--"; *at is left before the blank in front of "--", or at the end. */
static void add_options(struct sbuf *b, struct str s, size_t *at)
{
	enum after after = AFTER_NOTHING;
	size_t next = 0;

	for (bool first = true;; first = false) {
		*at = next;
		struct str word = next_word(s, &next);
		bool argument = after == AFTER_KEEP || after == AFTER_DROP; /* whatever it is */
		if (word.n == 0 || (!argument && str_eq(word, STR("--"))))
			return;
		bool drop = after == AFTER_DROP || (after == AFTER_NUMBER && all_digits(word));
		bool keep = after == AFTER_KEEP;
		after = AFTER_NOTHING;
		if (drop)
			continue;
		size_t before = b->n;
		if (before > 0 || word.p[0] == '-')
			sbuf_char(b, ' ');
		size_t start = b->n;
		if (keep)
			sbuf_str(b, word);
		else
			after = add_option(b, word, first);
		if (b->n == start)
			b->n = before;
	}
}

struct str jobserver_makeflags(struct arena *a, struct str makeflags, struct str words)
{
	struct sbuf b = {0};
	size_t at;

	add_options(&b, makeflags, &at);
	sbuf_str(&b, words);
	struct str overrides = str_trim(str_sub(makeflags, at, makeflags.n));
	if (overrides.n > 2) {
		sbuf_char(&b, ' ');
		sbuf_str(&b, overrides);
	}
	struct str s = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}
