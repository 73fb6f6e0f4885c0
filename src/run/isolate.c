/* Isolated tasks: a view of the root for each, an overlay or a copy, and its life. */
#include "run/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/path.h"
#include "run/call_left.h"
#include "state/treecopy.h"

#define FOLDERS_MAX ((size_t)1 << 30)

static struct view *view_of(const struct job *j)
{
	while (delegate_asker(j))
		j = delegate_asker(j);
	return j->view;
}

const struct place *isolate_place(const struct job *j)
{
	const struct view *v = view_of(j);
	return v ? &v->place : NULL;
}

struct str isolate_root(const struct job *j)
{
	const struct view *v = view_of(j);
	return v ? v->root : j->sched->c->root;
}

bool isolate_wanted(const struct task *t)
{
	return t->def->isolate != ISOLATE_NONE || executor_carries(t);
}

static struct view *view_new(struct job *j)
{
	struct view *v = xcalloc(1, sizeof *v);
	struct sched *s = j->sched;
	v->kind = j->task->def->isolate == ISOLATE_COPY ? VIEW_COPY : VIEW_OVERLAY;
	v->dir = views_dir(&j->arena, j->task->name);
	v->root = s->c->root;
	v->place = (struct place){-1, -1, s->c->graph->root.p};
	if (v->kind == VIEW_COPY) {
		v->root = arena_printf(&j->arena, "%.*s/%.*s/%.*s/copy", STR_ARG(s->c->graph->root), STR_ARG(s->c->store->folder), STR_ARG(v->dir));
		v->place.folder = v->root.p;
	}
	vec_push(NULL, &s->views, v);
	return j->view = v;
}

const char *isolate_fifo(struct job *j)
{
	struct str words = jobserver_child(j->sched->c->jobserver, true).makeflags;
	size_t at = str_find(words, STR("--jobserver-auth=fifo:"), 0), n = 0;
	char *path = arena_text(&j->arena, words.n + 1);
	if (at == words.n)
		return NULL;
	for (at += sizeof "--jobserver-auth=fifo:" - 1; at < words.n && words.p[at] != ' '; at++) {
		if (words.p[at] == '\\' && at + 1 < words.n)
			at++;
		path[n++] = words.p[at];
	}
	path[n] = '\0';
	return path;
}

/* One that lies in the root: through an overlay it would be another one. */
static const char *fifo_in_root(struct job *j)
{
	const char *path = isolate_fifo(j);
	struct str root = j->sched->c->graph->root;
	bool inside = path && path_under(str_of(path), root) && strlen(path) > root.n && faccessat(AT_FDCWD, path, F_OK, 0) == 0;
	return inside ? path + root.n + 1 : NULL;
}

/* Folders that outputs will lie in, with those that lead there. The program would find them without a view too. */
static char **wanted_folders(struct job *j)
{
	VEC(char *) all = {0};
	for (size_t i = 0; i < j->task->outputs.n; i++) {
		struct str dir = path_dir(j->task->outputs.p[i].path);
		if (j->task->outputs.p[i].kind == PATTERN_GLOB || str_eq(dir, STR(".")))
			continue;
		for (size_t to = 0; to < dir.n; to++) {
			to = str_find(dir, STR("/"), to);
			vec_push(&j->arena, &all, (char *)arena_copy(&j->arena, str_sub(dir, 0, to)).p);
		}
	}
	vec_push(&j->arena, &all, NULL);
	return all.p;
}

static bool mount_view(struct job *j, struct str *why)
{
	struct view *v = j->view;
	const char *folder = arena_copy(&j->arena, j->sched->c->store->folder).p;
	struct overlay_plan plan = {
		.root = j->sched->c->graph->root.p,
		.lower = ".",
		.upper = arena_printf(&j->arena, "%s/%.*s/upper", folder, STR_ARG(v->dir)).p,
		.work = arena_printf(&j->arena, "%s/%.*s/work", folder, STR_ARG(v->dir)).p,
		.real = {folder, fifo_in_root(j)},
		.folders = wanted_folders(j),
	};
	struct overlay_fault f = {0};
	if (overlay_make(&plan, &v->place, &f))
		return true;
	*why = arena_printf(&j->arena, "cannot make its view of the root: cannot %s%s%s: %s; 'isolate: copy' needs no mount", f.step, f.path ? " " : "", f.path ? f.path : "", os_error(f.err));
	return false;
}

/* What comes from elsewhere lies where an overlay's changes do, and nobody has to see it in its place before it is moved there. */
static bool is_ready(struct job *j, struct str *why)
{
	return j->view->kind == VIEW_COPY || executor_carries(j->task) || mount_view(j, why);
}

/* .axmake is the real one there too. */
static int link_state(struct job *j, int copy_fd)
{
	struct str state = arena_printf(&j->arena, "%.*s/%.*s", STR_ARG(j->sched->c->graph->root), STR_ARG(j->sched->c->store->folder));
	return symlinkat(state.p, copy_fd, ".axmake") ? errno : 0;
}

static bool copy_root(struct job *j, struct str *why)
{
	struct view *v = j->view;
	struct store *store = j->sched->c->store;
	struct sbuf folders = {0};
	struct str bad = STR(".");
	int fd = views_open(store, v->dir, VIEW_COPY), err = fd < 0 ? errno : views_begin_copy(store, v->dir);
	if (!err)
		err = treecopy(&j->arena, store->root_fd, fd, j->sched->c->graph->root, v->root, sched_asked_to_end, &folders, &bad);
	if (!err)
		err = link_state(j, fd);
	for (char **at = wanted_folders(j); !err && *at; at++)
		if (mkdirat(fd, *at, 0777) && errno != EEXIST)
			err = errno;
	if (!err)
		err = os_replace_file(store->fd, arena_printf(&j->arena, "%.*s/folders", STR_ARG(v->dir)).p, 0600, sbuf_view(&folders));
	sbuf_free(&folders);
	if (fd >= 0)
		close(fd);
	if (err == EINTR)
		*why = STR("interrupted while the root was copied");
	else if (err)
		*why = arena_printf(&j->arena, "cannot copy the root: %.*s: %s", STR_ARG(bad), os_error(err));
	return !err;
}

bool isolate_moving(const struct job *j)
{
	return j->view && views_moving(j->sched->c->store, j->view->dir);
}

bool isolate_begin(struct job *j, struct str *why)
{
	struct store *store = j->sched->c->store;
	if (j->view)
		j->view->read = false;
	if (j->view || j->as || !isolate_wanted(j->task))
		return true;
	struct view *v = view_new(j);
	int err = views_make(store, v->dir, v->kind);
	if (!err && v->kind == VIEW_COPY && !copy_root(j, why))
		return false;
	if (!err)
		err = views_begin(store, v->dir, v->kind, j->start_id);
	if (!err && !views_began(store, v->dir, v->kind, j->start_id, &v->copying, &v->since))
		err = errno;
	if (err) {
		*why = arena_printf(&j->arena, "cannot make its view in .axmake/%.*s: %s", STR_ARG(v->dir), os_error(err));
		return false;
	}
	return is_ready(j, why);
}

bool isolate_take_up(struct job *j)
{
	struct store *store = j->sched->c->store;
	struct str why;
	if (!isolate_wanted(j->task))
		return false;
	struct view *v = view_new(j);
	if (!views_began(store, v->dir, v->kind, j->start_id, &v->copying, &v->since))
		return false;
	return is_ready(j, &why);
}

static bool read_changes(struct job *j, int fd, int *err, struct str *bad)
{
	struct view *v = j->view;
	struct store *store = j->sched->c->store;
	struct str folders;
	if (v->kind == VIEW_OVERLAY) {
		*err = changes_of_layer(&j->arena, fd, &v->changes, bad);
		return !*err;
	}
	*bad = arena_printf(&j->arena, "%.*s/folders", STR_ARG(v->dir));
	*err = os_read_file(&j->arena, store->fd, bad->p, FOLDERS_MAX, &folders);
	if (!*err)
		*err = changes_of_copy(&j->arena, fd, store->root_fd, v->copying, v->since, folders, &v->changes, bad);
	return !*err;
}

/* Files have been moved out of it before: what is missing in it is not gone. */
static void only_what_stands(struct changes *c)
{
	for (size_t i = 0; i < c->all.n; i++) {
		struct change *at = &c->all.p[i];
		at->opaque = false;
		if (at->kind == CHANGE_GONE)
			*map_slot(&c->by_path, at->path) = NULL;
	}
}

bool isolate_read(struct job *j)
{
	struct view *v = j->view;
	struct store *store = j->sched->c->store;
	struct str bad = STR(".");
	if (v->read)
		return true;
	changes_free(&v->changes);
	v->changes = (struct changes){0};
	int fd = views_open(store, v->dir, v->kind), err = fd < 0 ? errno : 0;
	v->read = !err && read_changes(j, fd, &err, &bad);
	if (fd >= 0)
		close(fd);
	if (!v->read) {
		j->outcome.error = arena_printf(&j->arena, "cannot read its view: %.*s: %s", STR_ARG(bad), os_error(err));
		salvage_unkept(j);
	} else if (views_moving(store, v->dir))
		only_what_stands(&v->changes);
	return v->read;
}

/* Where an answer in it may be taken up by the next run, it stays for that. */
static bool is_kept(struct job *j)
{
	return !faccessat(j->sched->c->store->fd, arena_printf(&j->arena, "%.*s/call", STR_ARG(j->dir)).p, F_OK, AT_SYMLINK_NOFOLLOW);
}

void isolate_end(struct job *j)
{
	struct sched *s = j->sched;
	struct view *v = j->view;
	int err = 0;
	if (!v)
		return;
	overlay_close(&v->place);
	for (size_t i = 0; i < s->views.n; i++)
		if (s->views.p[i] == v)
			s->views.p[i] = s->views.p[--s->views.n];
	if (j->leaves && j->task->state == STATE_DONE)
		err = views_leave(s->c->store, v->dir, j->mark);
	else if (!is_kept(j))
		err = views_remove(s->c->store, v->dir);
	if (err)
		sched_warn(s, j->task, "cannot remove its view .axmake/%.*s: %s", STR_ARG(v->dir), os_error(err));
	changes_free(&v->changes);
	free(v);
	j->disk_before = 0;
	j->view = NULL;
}

/* A run that was killed just after it had recorded a success may have left both. */
static void tidy_task(struct sched *s, const struct task *t)
{
	struct arena a = {0};
	struct call_left left;
	struct str dir = store_task_dir(&a, t->name);
	if (call_left_read(&a, s->c->store->fd, dir, &left) && left.start_id == t->record->start_id) {
		call_left_forget(s->c->store->fd, dir);
		views_remove(s->c->store, views_dir(&a, t->name));
	}
	arena_free(&a);
}

void isolate_tidy(struct sched *s)
{
	const struct graph *g = s->c->graph;
	if (!views_any(s->c->store))
		return;
	for (size_t i = 0; i < g->tasks.n; i++) {
		const struct task *t = g->tasks.p[i];
		if (isolate_wanted(t) && t->state == STATE_UPTODATE && t->record)
			tidy_task(s, t);
	}
}

/* A conversation that goes on, and the one who is told what a check found, need the files that they speak of. */
void isolate_failed(struct job *j, enum try_class class)
{
	bool blameless = class & (TRY_TRANSIENT | TRY_QUOTA | TRY_AUTH);
	if (class != TRY_CHECK && !(blameless && j->feedback.n))
		isolate_end(j);
}
