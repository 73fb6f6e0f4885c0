#include "state/elsewhere.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/vec.h"

#define NOTED_MAX (1 << 20)
#define STARTED ".started"
#define STATUS_MAX 16
#define SIGNAL 256 /* and its number, in the place of an exit status */
#define SIGNAL_MOST 64
#define CLOCK ELSEWHERE "/.clock"

static struct str name_of(struct arena *a, struct str mark, const char *what)
{
	return arena_printf(a, ELSEWHERE "/%.*s.%s", STR_ARG(mark), what);
}

int elsewhere_begin(const struct store *s, struct str mark, const struct str *noted, size_t n)
{
	struct sbuf b = {0};
	struct arena a = {0};
	int err = os_mkdirs(s->fd, ELSEWHERE, 0700);
	for (size_t i = 0; i < n; i++) {
		sbuf_str(&b, noted[i]);
		sbuf_char(&b, '\0');
	}
	if (!err)
		err = os_replace_file(s->fd, name_of(&a, mark, "started").p, 0600, sbuf_view(&b));
	sbuf_free(&b);
	arena_free(&a);
	return err;
}

/* Of digits and a line's end, and nothing else: what was cut is none. */
static bool status_of(struct str text, int *status)
{
	int n = 0;
	if (!str_ends(text, STR("\n")))
		return false;
	text = str_trim_end_newlines(text);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		n = n * 10 + (text.p[i] - '0');
		if (n > SIGNAL + SIGNAL_MOST)
			return false;
	}
	*status = n;
	return text.n > 0 && n != SIGNAL;
}

struct elsewhere elsewhere_look(const struct store *s, struct str mark)
{
	struct arena a = {0};
	struct elsewhere e = {0};
	struct str text = STR_NONE;
	e.ended = !os_read_file(&a, s->fd, name_of(&a, mark, "ended").p, STATUS_MAX, &text) && status_of(text, &e.status);
	if (e.ended && e.status > SIGNAL) {
		e.signal = e.status - SIGNAL;
		e.status = 0;
	}
	e.began = e.ended || !faccessat(s->fd, name_of(&a, mark, "began").p, F_OK, AT_SYMLINK_NOFOLLOW);
	arena_free(&a);
	return e;
}

/* Two machines' clocks may differ: both times are such as the file system gives. */
int64_t elsewhere_age(const struct store *s, struct str mark)
{
	struct arena a = {0};
	struct stat began, now;
	int64_t age = -1;
	if (!fstatat(s->fd, name_of(&a, mark, "began").p, &began, AT_SYMLINK_NOFOLLOW)) {
		int fd = openat(s->fd, CLOCK, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0 && !futimens(fd, NULL) && !fstat(fd, &now))
			age = ((int64_t)now.st_mtim.tv_sec - began.st_mtim.tv_sec) * 1000000000 + now.st_mtim.tv_nsec - began.st_mtim.tv_nsec;
		if (fd >= 0) {
			close(fd);
			unlinkat(s->fd, CLOCK, 0);
		}
	}
	arena_free(&a);
	return age;
}

void elsewhere_forget(const struct store *s, struct str mark)
{
	static const char *const all[] = {"began", "ended", "started"};
	struct arena a = {0};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		unlinkat(s->fd, name_of(&a, mark, all[i]).p, 0);
	arena_free(&a);
}

struct noted {
	VEC(struct str) of;
};

static bool read_noted(int folder, struct arena *a, const char *name, struct noted *out)
{
	struct str text;
	if (os_read_file(a, folder, name, NOTED_MAX, &text))
		return false;
	for (size_t at = 0, end; at < text.n; at = end + 1) {
		end = at + strlen(text.p + at);
		vec_push(a, &out->of, str_sub(text, at, end));
	}
	return true;
}

/* Is nothing more to be done for what that file tells? */
static bool settle(int folder, struct arena *a, const char *name, bool (*fn)(void *self, struct str mark, const struct str *noted, size_t n), void *self)
{
	struct str mark = str_of(name);
	struct noted noted = {0};
	if (!str_ends(mark, STR(STARTED)) || !read_noted(folder, a, name, &noted))
		return true;
	mark = arena_copy(a, str_sub(mark, 0, mark.n - (sizeof STARTED - 1)));
	return fn(self, mark, noted.of.p, noted.of.n);
}

int elsewhere_sweep(const struct store *s, struct arena *a, bool (*fn)(void *self, struct str mark, const struct str *noted, size_t n), void *self)
{
	int fd = openat(s->fd, ELSEWHERE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	if (!dir) {
		err = errno;
		if (fd >= 0)
			close(fd);
		return err == ENOENT ? 0 : err;
	}
	while ((e = readdir(dir))) {
		bool is_one = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
		if (is_one && settle(fd, a, e->d_name, fn, self) && unlinkat(fd, e->d_name, 0) && errno != ENOENT)
			err = errno;
	}
	closedir(dir);
	return err;
}
