/* What an isolated task wrote beside its outputs and edits: told, and of an agent kept, for it was paid for. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/path.h"
#include "run/isolate.h"
#include "state/publish.h"

#define TOLD_AT_MOST 10
#define KEPT_AT_MOST ((off_t)64 << 20) /* bytes; small files first, which are rather somebody's work */

static void note_leading(struct dropped *l, struct str path)
{
	for (struct str dir = path_dir(path); !str_eq(dir, STR(".")) && !map_get(&l->leading, dir); dir = path_dir(dir))
		*map_slot(&l->leading, dir) = l;
}

static bool is_in_told(const struct dropped *l, struct str path)
{
	for (struct str dir = path_dir(path); !str_eq(dir, STR(".")); dir = path_dir(dir))
		if (map_get(&l->folders, dir))
			return true;
	return false;
}

static void tell_folder(struct dropped *l, struct str folder, bool kept)
{
	struct arena *a = &l->j->arena;
	struct str label = arena_printf(a, "%.*s/", STR_ARG(folder));
	if (map_get(&l->folders, folder))
		return;
	*map_slot(&l->folders, folder) = l;
	if (kept)
		vec_push(a, &l->told, label);
	else
		vec_push(a, &l->lost, label);
}

/* Git's index is refreshed by whoever asks git anything; of the rest of its folder no more is said than that it was written in. */
static bool passed_over(struct dropped *l, const struct change *at)
{
	struct str git = STR(".git");
	if (path_under(at->path, STR(".automatosx/status")) || str_eq(at->path, git) || str_eq(at->path, STR(".git/index")))
		return true;
	if (path_under(at->path, git) && at->kind != CHANGE_FOLDER)
		tell_folder(l, git, false);
	return path_under(at->path, git);
}

static void note_file(struct dropped *l, const struct change *at, bool there)
{
	bool inside = is_in_told(l, at->path);
	if (!inside && there && changes_same(l->view_fd, l->j->sched->c->store->root_fd, at->path))
		return;
	vec_push(&l->j->arena, &l->files, at);
	if (!inside)
		vec_push(&l->j->arena, &l->told, at->path);
}

static void note_dropped(struct dropped *l, const struct declared *d, const struct change *at)
{
	struct stat st;
	if (isolate_is_declared(d, at) || passed_over(l, at))
		return;
	bool there = !fstatat(l->j->sched->c->store->root_fd, at->path.p, &st, AT_SYMLINK_NOFOLLOW);
	if (at->kind == CHANGE_FILE)
		note_file(l, at, there);
	else if (is_in_told(l, at->path))
		return;
	else if (at->kind == CHANGE_FOLDER && !(there && S_ISDIR(st.st_mode)) && !map_get(&l->leading, at->path))
		tell_folder(l, at->path, true);
	else if (at->kind == CHANGE_GONE && there)
		vec_push(&l->j->arena, &l->lost, arena_printf(&l->j->arena, "%.*s (removed)", STR_ARG(at->path)));
}

void dropped_begin(struct dropped *l, struct job *j, int view_fd, const struct declared *d)
{
	const struct changes *c = &j->view->changes;
	*l = (struct dropped){.j = j, .view_fd = view_fd, .again = isolate_moving(j)};
	for (size_t i = 0; i < c->all.n; i++)
		if (isolate_is_declared(d, &c->all.p[i]))
			note_leading(l, c->all.p[i].path);
	for (size_t i = 0; i < c->all.n; i++)
		note_dropped(l, d, &c->all.p[i]);
}

struct sized {
	const struct change *file;
	off_t size;
};

static int by_size(const void *x, const void *y)
{
	const struct sized *a = x, *b = y;
	return a->size != b->size ? (a->size < b->size ? -1 : 1) : str_cmp(a->file->path, b->file->path);
}

/* Moves a file of the view as publishing does, but below another folder. The folder that it lies in may be one that nobody may write in. */
static int keep_one(struct dropped *l, struct publish *p, const struct change *file)
{
	int err = publish_file(p, file);
	if (err != EACCES || fchmodat(l->view_fd, arena_copy(&l->j->arena, path_dir(file->path)).p, 0700, 0))
		return err;
	return publish_file(p, file);
}

static void note_too_much(struct dropped *l, struct str path)
{
	vec_push(&l->j->arena, &l->lost, arena_printf(&l->j->arena, "%.*s (too much to keep)", STR_ARG(path)));
	*map_slot(&l->too_much, path) = l;
}

static void leave_lost_out(struct dropped *l)
{
	size_t n = 0;
	for (size_t i = 0; i < l->told.n; i++)
		if (!map_get(&l->too_much, l->told.p[i]))
			l->told.p[n++] = l->told.p[i];
	l->told.n = n;
}

static int keep_files(struct dropped *l, int to_fd)
{
	struct job *j = l->j;
	struct store to = {.root_fd = to_fd, .fd = -1};
	struct publish p = {.arena = &j->arena, .store = &to, .from_fd = l->view_fd, .since = {INT64_MAX, 0}};
	struct sized *files = arena_array(&j->arena, struct sized, l->files.n);
	off_t kept = 0;
	int err = 0;
	if (j->view->kind == VIEW_COPY) {
		p.copy = j->view->root;
		p.root = j->sched->c->graph->root;
	}
	for (size_t i = 0; i < l->files.n; i++) {
		struct stat st = {0};
		files[i].file = l->files.p[i];
		files[i].size = fstatat(l->view_fd, l->files.p[i]->path.p, &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_size;
	}
	qsort(files, l->files.n, sizeof *files, by_size);
	for (size_t i = 0; !err && i < l->files.n; i++) {
		kept += files[i].size;
		if (kept <= KEPT_AT_MOST)
			err = keep_one(l, &p, files[i].file);
		else
			note_too_much(l, files[i].file->path);
	}
	leave_lost_out(l);
	int last = publish_end(&p);
	return err ? err : last;
}

/* One that was told is there, be there files in it or not. */
static int keep_folders(const struct dropped *l, int to_fd)
{
	int err = 0;
	for (size_t i = 0; !err && i < l->told.n; i++)
		if (l->told.p[i].p[l->told.p[i].n - 1] == '/')
			err = os_mkdirs(to_fd, arena_copy(&l->j->arena, str_sub(l->told.p[i], 0, l->told.p[i].n - 1)).p, 0700);
	return err;
}

static int keep(struct dropped *l, struct str dir)
{
	int at = l->j->sched->c->store->fd, err = l->again ? 0 : os_remove_tree(at, dir.p);
	if (err || !l->told.n)
		return err;
	err = os_mkdirs(at, dir.p, 0700);
	int fd = err ? -1 : openat(at, dir.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err ? err : errno;
	err = keep_folders(l, fd);
	if (!err)
		err = keep_files(l, fd);
	close(fd);
	return err;
}

static int by_name(const void *x, const void *y)
{
	return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static void put_names(struct sbuf *b, const char *before, struct str *names, size_t n)
{
	if (n > 1)
		qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n && i < TOLD_AT_MOST; i++)
		sbuf_printf(b, "%s%.*s", i ? ", " : before, STR_ARG(names[i]));
	if (n > TOLD_AT_MOST)
		sbuf_printf(b, " and %zu more", n - TOLD_AT_MOST);
}

void dropped_end(struct dropped *l, bool wanted)
{
	struct job *j = l->j;
	struct str dir = arena_printf(&j->arena, "%.*s/dropped", STR_ARG(j->dir));
	struct sbuf b = {0};
	int err = 0;
	wanted = wanted && j->task->kind == TASK_AGENT;
	if (wanted && (err = keep(l, dir)))
		sched_warn(j->sched, j->task, "cannot keep all that it wrote beside its outputs and edits in .axmake/%.*s: %s", STR_ARG(dir), os_error(err));
	if (wanted && !err) {
		put_names(&b, arena_printf(&j->arena, "is kept in .axmake/%.*s: ", STR_ARG(dir)).p, l->told.p, l->told.n);
		put_names(&b, l->told.n ? "; dropped with its view: " : "is dropped with its view: ", l->lost.p, l->lost.n);
	} else {
		for (size_t i = 0; i < l->lost.n; i++)
			vec_push(&j->arena, &l->told, l->lost.p[i]);
		put_names(&b, "is dropped with its view: ", l->told.p, l->told.n);
	}
	if (b.n)
		sched_warn(j->sched, j->task, "what it wrote beside its outputs and edits %.*s", (int)b.n, b.p);
	sbuf_free(&b);
	map_free(&l->folders);
	map_free(&l->leading);
	map_free(&l->too_much);
}
