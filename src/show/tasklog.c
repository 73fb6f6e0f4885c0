#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/utf8.h"
#include "run/mask.h"
#include "show/actions.h"
#include "show/phrase.h"
#include "show/screen.h"
#include "show/views.h"

extern char **environ;

/* How a log is shown. */
struct shown {
	FILE *to;
	bool agent; /* it printed what the log holds */
	struct screen_filter filter;
};

/* "axmake: 'NAME' MESSAGE" on stderr. */
static bool complain(const struct task *t, struct str message)
{
	struct sbuf b = {0};

	sbuf_lit(&b, "axmake: '");
	utf8_escape(&b, t->name);
	sbuf_lit(&b, "' ");
	phrase_line(&b, message);
	sbuf_char(&b, '\n');
	fwrite(b.p, 1, b.n, stderr);
	sbuf_free(&b);
	return false;
}

/* A regular file of folder `at`; -1 with errno. Neither links nor fifos are waited for. */
static int open_file(int at, const char *path, struct stat *st)
{
	int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (!fstat(fd, st) && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

static bool is_terminal(FILE *to)
{
	return isatty(fileno(to)) == 1;
}

/* Programs read results as they are. */
static enum screen_mode mode_of_results(FILE *to)
{
	return is_terminal(to) ? SCREEN_SAFE : SCREEN_RAW;
}

/* Prints the first of the logs in folder `dir`, an agent's or a script's, that has anything. 0, ENOENT: there is none, or another errno with its path in *bad. */
static int print_log(const struct view *v, struct str dir, const struct shown *how, struct str *bad)
{
	static const char *const names[] = {"output", "stdout", "stderr"};

	for (size_t i = 0; v->store->fd >= 0 && i < sizeof names / sizeof *names; i++) {
		struct str path = arena_printf(v->arena, "%.*s/%s", STR_ARG(dir), names[i]);
		struct stat st = {0};
		int fd = open_file(v->store->fd, path.p, &st), err = fd < 0 ? errno : 0;

		if (err == ENOENT || err == ENOTDIR)
			continue;
		if (!err) {
			if (st.st_size)
				err = screen_copy(fd, how->to, screen_mode(how->agent, is_terminal(how->to)), &how->filter);
			close(fd);
			if (!err && !st.st_size)
				continue;
		}
		*bad = path;
		return err;
	}
	return ENOENT;
}

/* How many tries of the last run have a folder of their own, and the last one's number. */
static size_t count_tries(const struct view *v, struct str dir, unsigned long *last)
{
	int fd = openat(v->store->fd, arena_printf(v->arena, "%.*s/tries", STR_ARG(dir)).p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	*last = 0;
	if (fd >= 0 && !d)
		close(fd);
	for (struct dirent *e; d && (e = readdir(d));) {
		unsigned long number = strtoul(e->d_name, NULL, 10);

		n += number > 0;
		*last = number > *last ? number : *last;
	}
	if (d)
		closedir(d);
	return n;
}

/* What the log itself does not tell, on stderr. */
static void note_tries(struct arena *a, const struct task *t, struct open_start start, struct str dir, size_t tries)
{
	if (start.open && start.failed && start.class.n)
		complain(t, str_eq(start.class, STR("failed")) ? STR("failed in its last try") : arena_printf(a, "failed in its last try (%.*s)", STR_ARG(start.class)));
	if (tries > 1)
		complain(t, arena_printf(a, "has the logs of %zu tries in .axmake/%.*s/tries", tries, STR_ARG(dir)));
}

/* Why there is no log of what succeeded, if it did. */
static struct str no_log(const struct task *t)
{
	if (!t->record)
		return STR("has no log: it printed nothing, or never ran here");
	if (t->record->flags & RECORD_RESTORED)
		return t->record->has_result && t->record->result_size ? STR("has no log here: it was restored from the cache; --result shows what it printed on standard output")
								       : STR("has no log here: it was restored from the cache");
	if (t->record->flags & RECORD_TOUCHED)
		return STR("has no log: -t recorded it as up to date, and it did not run");
	return STR("printed nothing");
}

bool view_log(const struct view *v, const struct task *t, FILE *to)
{
	struct str dir = store_task_dir(v->arena, t->name), bad = STR_NONE;
	struct open_start start = {0};
	struct mask m = {0};
	struct shown how = {to, t->kind == TASK_AGENT, {&m, false, actions_here()}};
	unsigned long last = 0;
	int err;

	if (t->kind == TASK_GROUP)
		return complain(t, STR("groups its dependencies and prints nothing itself"));
	if (v->log)
		start = log_open_start(v->log, v->graph->workflow->file, t->name);
	/* What a try has printed is masked on disk when it ends. */
	mask_read(&m, v->arena, (const char *const *)environ);
	how.filter.grows = start.open && !start.failed;
	size_t tries = count_tries(v, dir, &last);
	err = print_log(v, dir, &how, &bad);
	if (err == ENOENT || !err) {
		how.agent = false;
		int checked = print_log(v, arena_printf(v->arena, "%.*s/tries/%lu/check", STR_ARG(dir), last), &how, &bad);
		err = checked == ENOENT ? err : checked;
	}
	if (err && err != ENOENT)
		return complain(t, arena_printf(v->arena, "has a log that cannot be read: .axmake/%.*s: %s", STR_ARG(bad), os_error(err)));
	if (err)
		complain(t, no_log(t));
	note_tries(v->arena, t, start, dir, tries);
	return !err;
}

/* On a terminal what follows begins a line of its own; programs get every byte and no more. 0 or errno. */
static int print_result(int fd, FILE *to)
{
	struct stat st;
	char last = '\n';
	int err = screen_copy(fd, to, mode_of_results(to), NULL);

	if (!err && is_terminal(to) && !fstat(fd, &st) && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) < 0)
		err = errno;
	if (last != '\n')
		fputc('\n', to);
	return err;
}

/* The kept result, its bytes checked before any of them is shown. */
static int copy_result(const struct view *v, const struct task_record *r, FILE *to)
{
	int fd, err = store_open_result(v->store, r->result, &fd);

	if (err)
		return err;
	err = print_result(fd, to);
	close(fd);
	return err;
}

/* A result outlives its record (`--clean`): tasks/NAME/result is the latest that was kept. */
static bool show_latest(const struct view *v, const struct task *t, FILE *to)
{
	struct str path = arena_printf(v->arena, "%.*s/result", STR_ARG(store_task_dir(v->arena, t->name)));
	struct stat st;
	int fd = v->store->fd < 0 ? -1 : open_file(v->store->fd, path.p, &st), err = fd < 0 ? errno : print_result(fd, to);

	if (fd >= 0)
		close(fd);
	if (fd >= 0 && !err)
		return true;
	if (v->store->fd < 0 || err == ENOENT || err == ENOTDIR)
		return complain(t, STR("has no result: it never ended well here"));
	return complain(t, arena_printf(v->arena, "has a kept result that cannot be read: %s", os_error(err)));
}

bool view_result(const struct view *v, const struct task *t, FILE *to)
{
	const struct task_record *r = t->record;
	const char *again;
	int err;

	if (t->kind == TASK_GROUP)
		return complain(t, STR("groups its dependencies and has no result itself"));
	if (!r)
		return show_latest(v, t, to);
	if (!r->has_result)
		return complain(t, r->flags & RECORD_TOUCHED ? STR("has no result: it was recorded by -t, without a run")
		                                             : STR("has no result"));
	/* The file of the empty result is made only when somebody wants its path. */
	if (!r->result_size)
		return true;
	err = copy_result(v, r, to);
	if (!err)
		return true;
	again = "the next run of axmake makes it again";
	if (err == ENOENT)
		return complain(t, arena_printf(v->arena, "has lost its kept result; %s", again));
	if (err == EBADMSG)
		return complain(t, arena_printf(v->arena, "has a kept result that is damaged; %s", again));
	return complain(t, arena_printf(v->arena, "has a kept result that cannot be read: %s", os_error(err)));
}
