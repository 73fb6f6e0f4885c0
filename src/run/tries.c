/* What a try leaves to be read: its logs, masked; and, where it was not all, a folder for each in tasks/NAME/tries/. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/os.h"
#include "run/answer_file.h"
#include "run/answer_line.h"
#include "run/job.h"

#define ANSWER_MAX ((size_t)512 << 20)
#define SAID_EACH ((size_t)4 << 10)

static const char both[] = "output";
static const char *const streams[] = {"stdout", "stderr", both};
enum { N_STREAMS = sizeof streams / sizeof *streams };

struct str tries_dir(struct job *j)
{
	return arena_printf(&j->arena, "%.*s/tries/%u", STR_ARG(j->dir), j->tries);
}

void tries_forget(struct job *j)
{
	int err = os_remove_tree(j->sched->c->store->fd, arena_printf(&j->arena, "%.*s/tries", STR_ARG(j->dir)).p);
	if (err && err != ENOTDIR)
		sched_warn(j->sched, j->task, "cannot remove .axmake/%.*s/tries: %s", STR_ARG(j->dir), os_error(err));
}

static void mask_files(struct job *j)
{
	static const char *const names[] = {"stdout", "stderr", "output", "prompt", "answer"};
	struct sched *s = j->sched;
	bool found;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *path = arena_printf(&j->arena, "%.*s/%s", STR_ARG(j->dir), names[i]).p;
		int err = mask_file(&s->mask, s->c->store->fd, path, path, &found);
		if (err)
			sched_warn(s, j->task, "cannot mask secrets in .axmake/%s: %s", path, os_error(err));
		j->masked = j->masked || ((found || err) && (i == 0 || i == sizeof names / sizeof *names - 1)); /* where an answer stands */
	}
}

/* What a check printed, and the answer that it was shown, which is no result. */
static void mask_checked(struct job *j)
{
	static const char *const names[] = {"check/stdout", "check/stderr", "check/output", "answer"};
	struct sched *s = j->sched;
	bool found;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *path = arena_printf(&j->arena, "%.*s/%s", STR_ARG(tries_dir(j)), names[i]).p;
		int err = mask_file(&s->mask, s->c->store->fd, path, path, &found);
		if (err)
			sched_warn(s, j->task, "cannot mask secrets in .axmake/%s: %s", path, os_error(err));
	}
}

/* Logs are for people: from here on they hold no secrets, and nor do the prompt and the answer's own file. The result was kept before and is what it is. */
void tries_mask(struct job *j)
{
	struct sched *s = j->sched;
	if (s->mask.values.n)
		mask_files(j);
	if (s->mask.values.n && (j->checked || j->unfit))
		mask_checked(j);
	for (int i = 0; s->c->live_output && i < 2; i++)
		job_show_live(j, (enum stream)i, STR_NONE, true);
}

/* The folder of this try. *fresh: it was not there. 0 or errno. */
static int make_dir(struct job *j, struct str dir, bool *fresh)
{
	int at = j->sched->c->store->fd;
	*fresh = j->tries == 1 && !mkdirat(at, arena_printf(&j->arena, "%.*s/tries", STR_ARG(j->dir)).p, 0700) && !mkdirat(at, dir.p, 0700);
	return *fresh ? 0 : os_mkdirs(at, dir.p, 0700);
}

/* The same bytes under another name: the next try makes files of its own. */
static int link_streams(struct job *j, struct str dir)
{
	bool fresh;
	int at = j->sched->c->store->fd, err = make_dir(j, dir, &fresh);
	for (size_t i = 0; !err && i < N_STREAMS; i++) {
		if (streams[i] == both && !j->sizes.both)
			continue;
		const char *from = arena_printf(&j->arena, "%.*s/%s", STR_ARG(j->dir), streams[i]).p;
		const char *to = arena_printf(&j->arena, "%.*s/%s", STR_ARG(dir), streams[i]).p;
		if (!fresh && unlinkat(at, to, 0) && errno != ENOENT)
			err = errno;
		if (!err && linkat(at, from, at, to, 0) && errno != ENOENT)
			err = errno;
	}
	return err;
}

/* An answer as the screen shows it: a copy where it holds a secret. */
static struct str answer_to_show(struct job *j)
{
	struct sched *s = j->sched;
	struct str path = arena_printf(&j->arena, "%.*s/result", STR_ARG(j->dir)), shown = arena_printf(&j->arena, "%.*s/shown", STR_ARG(j->dir));
	bool found;
	int err = mask_file(&s->mask, s->c->store->fd, path.p, shown.p, &found);
	return arena_printf(&j->arena, "%.*s/%.*s", STR_ARG(s->c->store->folder), STR_ARG(found && !err ? shown : path));
}

/* Nothing but the error that was found, or where that was found? */
static bool is_error(struct job *j, struct str said)
{
	said = str_trim(said);
	bool one_line = str_find(said, STR("\n"), 0) == said.n;
	return !said.n || (one_line && (*said.p == '{' || str_eq(line_of(&j->arena, said), j->outcome.error)));
}

/* What a program for machines says beside its answer is for people: of a failure the last lines are shown. */
static void show_said(struct job *j)
{
	struct sched *s = j->sched;
	struct outcome *o = &j->outcome;
	struct str said;
	if (o->class == TRY_OK || !j->sizes.err || answer_file_ends(&j->arena, s->c->store->fd, arena_printf(&j->arena, "%.*s/stderr", STR_ARG(j->dir)).p, SAID_EACH, &said))
		return;
	said = mask_copy(&s->mask, &j->arena, said);
	if (!is_error(j, said))
		o->tail = said;
}

static void show_log(struct job *j)
{
	const struct capture_sizes *z = &j->sizes;
	struct outcome *o = &j->outcome;
	/* What delegates answered stands in the result alone. */
	bool for_machines = j->asked || (j->provider && j->provider->result.kind != WHERE_TEXT);
	o->log_size = z->out + z->err;
	o->tail = mask_copy(&j->sched->mask, &j->arena, z->tail);
	o->error = mask_copy(&j->sched->mask, &j->arena, o->error);
	o->log_path = STR_NONE;
	if (o->log_size)
		o->log_path = arena_printf(&j->arena, "%.*s/%.*s/%s", STR_ARG(j->sched->c->store->folder), STR_ARG(j->dir), z->both ? "output" : z->out ? "stdout" : "stderr");
	if (!for_machines)
		return;
	/* What a program prints for machines is nothing for people: its answer is, or the error that was found in it. */
	o->tail = STR_NONE;
	o->log_size = 0;
	if (o->class == TRY_OK) {
		o->log_path = answer_to_show(j);
		o->log_size = j->task->result_size;
	}
	show_said(j);
}

int tries_answer(struct job *j, struct str *text)
{
	*text = j->answer.text;
	if (j->answer.long_text)
		return longtext_read(j->answer.long_text, &j->arena, text);
	if (j->task->kind == TASK_AGENT && !j->answer.text_is_stdout)
		return 0;
	*text = STR_NONE;
	if (!j->sizes.out)
		return 0;
	return os_read_file(&j->arena, j->sched->c->store->fd, arena_printf(&j->arena, "%.*s/stdout", STR_ARG(j->dir)).p, ANSWER_MAX, text);
}

static const char *answer_path(struct job *j)
{
	return arena_printf(&j->arena, "%.*s/answer", STR_ARG(tries_dir(j))).p;
}

void tries_keep_answer(struct job *j)
{
	struct store *store = j->sched->c->store;
	const char *path = answer_path(j), *out = arena_printf(&j->arena, "%.*s/stdout", STR_ARG(j->dir)).p;
	int err = os_mkdirs(store->fd, tries_dir(j).p, 0700);
	if (!err && j->answer.long_text)
		err = os_replace_by(store->fd, path, 0600, longtext_write, j->answer.long_text);
	else if (!err && j->task->kind == TASK_AGENT && !j->answer.text_is_stdout)
		err = os_replace_file(store->fd, path, 0600, j->answer.text);
	else if (!err && !(unlinkat(store->fd, path, 0) && errno != ENOENT) && linkat(store->fd, out, store->fd, path, 0))
		err = errno == ENOENT ? os_replace_file(store->fd, path, 0600, STR_NONE) : errno;
	if (err)
		sched_warn(j->sched, j->task, "cannot keep its answer in .axmake/%s: %s", path, os_error(err));
}

/* One that passed is the result, and kept as that. */
static void drop_answer(struct job *j)
{
	unlinkat(j->sched->c->store->fd, answer_path(j), 0);
	unlinkat(j->sched->c->store->fd, tries_dir(j).p, AT_REMOVEDIR);
	unlinkat(j->sched->c->store->fd, arena_printf(&j->arena, "%.*s/tries", STR_ARG(j->dir)).p, AT_REMOVEDIR);
}

/* A script that did well at once is all in its task's folder: most tasks are such, and want no further one. */
static bool worth_a_folder(const struct job *j)
{
	bool said = j->sizes.out || j->sizes.err;
	if (j->sched->c->store->apart && j->outcome.class == TRY_OK)
		return false; /* all of that folder goes when it ended well */
	return said && (j->task->kind == TASK_AGENT || j->tries > 1 || j->outcome.class != TRY_OK);
}

void tries_keep(struct job *j)
{
	struct str dir = tries_dir(j);
	tries_mask(j);
	int err = worth_a_folder(j) ? link_streams(j, dir) : 0;
	if (err)
		sched_warn(j->sched, j->task, "cannot keep what try %u printed in .axmake/%.*s: %s", j->tries, STR_ARG(dir), os_error(err));
	if (j->checked && j->outcome.class == TRY_OK)
		drop_answer(j);
	show_log(j);
	if (j->outcome.class == TRY_CHECK)
		check_show(j);
}
