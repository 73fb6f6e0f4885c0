/* What an isolated task made comes to stand in the root, and what else it wrote is told. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/os.h"
#include "base/path.h"
#include "graph/content.h"
#include "run/isolate.h"
#include "state/publish.h"

/* A path of the root with the links in it followed as far as it exists; the path itself where it leads outside. */
static struct str real_path(struct job *j, struct str path)
{
	struct str at = path, root = j->sched->c->graph->root;
	char buf[PATH_MAX];
	while (!str_eq(at, STR(".")) && !realpath(arena_copy(&j->arena, at).p, buf))
		at = path_dir(at);
	struct str real = str_of(buf);
	if (str_eq(at, STR(".")) || !path_under(real, root) || real.n == root.n)
		return path;
	real = str_sub(real, root.n + (root.n > 1), real.n);
	return arena_printf(&j->arena, "%.*s%.*s", STR_ARG(real), STR_ARG(str_sub(path, at.n, path.n)));
}

/* What is declared by way of a link of the root is written where that leads. */
static void declare(struct job *j, struct declared *d, const struct pattern *p)
{
	struct pattern real = *p;
	vec_push(&j->arena, &d->of, *p);
	if (j->task->def->sandbox)
		return; /* the link may be another sandboxed task's, to let this one change what nobody declared */
	if (p->kind != PATTERN_GLOB) {
		real.path = real_path(j, p->path);
	} else {
		struct str folder = glob_prefix(p->path), to = real_path(j, folder);
		struct sbuf b = {0};
		if (str_eq(folder, STR(".")) || str_eq(folder, to))
			return;
		glob_quote(&b, to);
		sbuf_str(&b, str_sub(p->path, folder.n, p->path.n));
		real.path = arena_copy(&j->arena, sbuf_view(&b));
		sbuf_free(&b);
	}
	/* A link that somebody made since the workflow was read opens no way there. */
	if (!str_eq(real.path, p->path) && !graph_never_counts(real.path))
		vec_push(&j->arena, &d->of, real);
}

static struct declared declared_of(struct job *j)
{
	struct declared d = {0};
	for (size_t i = 0; i < j->task->outputs.n; i++)
		declare(j, &d, &j->task->outputs.p[i]);
	for (size_t i = 0; i < j->task->edits.n; i++)
		declare(j, &d, &j->task->edits.p[i]);
	return d;
}

static bool covers(const struct pattern *p, struct str path)
{
	return p->kind == PATTERN_GLOB ? glob_match(p->path, path, false) : path_under(path, p->path);
}

bool isolate_is_declared(const struct declared *d, const struct change *c)
{
	for (size_t i = 0; i < d->of.n; i++)
		if (covers(&d->of.p[i], c->path) && (d->of.p[i].kind != PATTERN_GLOB || c->kind != CHANGE_FOLDER))
			return true;
	return false;
}

/* The files of the root that a pattern finds. */
static struct glob_list matches(struct job *j, const struct pattern *p)
{
	struct glob_list found = {0};
	struct str bad;
	glob_walk(&j->arena, j->sched->c->store->root_fd, p->path, &found, &bad); /* a folder that cannot be read has nothing for it */
	return found;
}

static bool pattern_in_view(struct job *j, const struct pattern *p)
{
	const struct changes *c = &j->view->changes;
	for (size_t i = 0; i < c->all.n; i++)
		if (c->all.p[i].kind == CHANGE_FILE && covers(p, c->all.p[i].path))
			return true;
	struct glob_list found = matches(j, p);
	for (size_t i = 0; i < found.paths.n; i++)
		if (!changes_hide(c, found.paths.p[i]))
			return true;
	return false;
}

/* An output as the view shows it: its own, else what is seen of the root's. */
static enum file_state state_in_view(struct job *j, const struct pattern *p)
{
	const struct changes *c = &j->view->changes;
	const struct change *own = changes_get(c, p->path);
	struct stat st;
	if (p->kind == PATTERN_GLOB)
		return pattern_in_view(j, p) ? FILE_REGULAR : FILE_MISSING;
	if (own && own->kind != CHANGE_GONE)
		return own->kind == CHANGE_FOLDER ? FILE_FOLDER : FILE_REGULAR;
	if (own || changes_hide(c, p->path) || fstatat(j->sched->c->store->root_fd, p->path.p, &st, AT_SYMLINK_NOFOLLOW))
		return FILE_MISSING;
	return S_ISDIR(st.st_mode) ? FILE_FOLDER : FILE_REGULAR;
}

/* false with outcome.error. */
static bool all_made(struct job *j)
{
	struct outcome *o = &j->outcome;
	for (size_t i = 0; i < j->task->outputs.n; i++) {
		const struct pattern *p = &j->task->outputs.p[i];
		struct declared d = {0};
		declare(j, &d, p);
		enum file_state st = FILE_MISSING;
		for (size_t k = 0; k < d.of.n && st == FILE_MISSING; k++)
			st = state_in_view(j, &d.of.p[k]);
		struct str label = content_label(&j->arena, p);
		if (st == FILE_MISSING)
			o->error = arena_printf(&j->arena, "it ended well but did not make its output '%.*s'", STR_ARG(label));
		else if (p->kind == (st == FILE_FOLDER ? PATTERN_FILE : PATTERN_TREE))
			o->error = arena_printf(&j->arena, st == FILE_FOLDER ? "it made a folder of its output '%.*s'" : "it made a file, not a folder, of its output '%.*s'", STR_ARG(label));
		else
			continue;
		return false;
	}
	return true;
}

static int remove_hidden(struct job *j, struct publish *p, const struct pattern *of)
{
	const struct changes *c = &j->view->changes;
	struct glob_list found = {0};
	int err = 0;
	if (of->kind == PATTERN_GLOB)
		found = matches(j, of);
	else
		vec_push(&j->arena, &found.paths, of->path);
	for (size_t i = 0; !err && i < found.paths.n; i++) {
		const struct change *own = changes_get(c, found.paths.p[i]);
		if ((!own || own->kind == CHANGE_GONE) && changes_hide(c, found.paths.p[i]))
			err = publish_remove(p, found.paths.p[i]);
		if (err)
			j->outcome.error = found.paths.p[i];
	}
	return err;
}

static int remove_gone(struct job *j, struct publish *p, const struct declared *d)
{
	const struct changes *c = &j->view->changes;
	int err = 0;
	for (size_t i = 0; !err && i < d->of.n; i++)
		err = remove_hidden(j, p, &d->of.p[i]);
	for (size_t i = 0; !err && i < c->all.n; i++) {
		const struct change *at = &c->all.p[i];
		if (at->kind == CHANGE_FILE || (at->kind == CHANGE_FOLDER && !at->opaque) || !isolate_is_declared(d, at))
			continue;
		err = at->kind == CHANGE_GONE ? publish_remove(p, at->path) : publish_clear(p, c, at);
		if (err)
			j->outcome.error = at->path;
	}
	return err;
}

static int move_all(struct job *j, struct publish *p, const struct declared *d)
{
	const struct changes *c = &j->view->changes;
	int err = 0;
	for (size_t i = 0; !err && i < c->all.n; i++) {
		const struct change *at = &c->all.p[i];
		if (at->kind == CHANGE_GONE || !isolate_is_declared(d, at))
			continue;
		err = at->kind == CHANGE_FOLDER ? publish_folder(p, at) : publish_file(p, at);
		if (err)
			j->outcome.error = at->path;
	}
	return err;
}

static void kept(void *self, struct str path)
{
	struct job *j = self;
	sched_warn(j->sched, j->task, "'%.*s' was changed by someone else while it ran, and is replaced; what stood there is kept in .axmake/%.*s/edited", STR_ARG(path),
		   STR_ARG(j->dir));
}

static int publish_all(struct job *j, int view_fd, const struct declared *d, size_t *moved)
{
	struct view *v = j->view;
	struct store *store = j->sched->c->store;
	struct publish p = {.arena = &j->arena, .store = store, .task = j->task->name, .from_fd = view_fd, .since = v->since, .walled = j->task->def->sandbox != NULL, .kept = kept, .self = j};
	if (v->kind == VIEW_COPY) {
		p.copy = v->root;
		p.root = j->sched->c->graph->root;
	}
	int err = 0;
	if (!views_moving(store, v->dir)) {
		err = remove_gone(j, &p, d);
		if (!err && (err = views_set_moving(store, v->dir)))
			j->outcome.error = v->dir;
	}
	if (!err)
		err = move_all(j, &p, d);
	int last = publish_end(&p);
	*moved = p.moved;
	return err ? err : last;
}

/* Who made another file than it was to make is told which, for it goes. */
static void tell_made_instead(struct job *j)
{
	struct view *v = j->view;
	int view_fd = views_open(j->sched->c->store, v->dir, v->kind);
	struct declared d = declared_of(j);
	struct dropped dropped;
	if (view_fd < 0)
		return;
	dropped_begin(&dropped, j, view_fd, &d);
	dropped_end(&dropped, true);
	close(view_fd);
}

bool isolate_outputs_made(struct job *j)
{
	if (!isolate_read(j))
		return false;
	if (all_made(j))
		return true;
	tell_made_instead(j);
	return false;
}

/* Other tasks at work see what has come. */
static void refresh_others(struct job *j)
{
	struct sched *s = j->sched;
	for (size_t i = 0; i < s->views.n; i++) {
		struct view *v = s->views.p[i];
		if (v != j->view && v->place.mount_ns >= 0)
			overlay_refresh(&v->place); /* where it fails names that were looked up there stay what they were, as they may */
	}
}

bool isolate_publish(struct job *j)
{
	struct view *v = j->view;
	struct dropped dropped;
	size_t moved = 0;
	v->read = false; /* a check and delegates have been at work since */
	if (!isolate_read(j))
		return false;
	struct declared d = declared_of(j);
	int view_fd = views_open(j->sched->c->store, v->dir, v->kind), err = view_fd < 0 ? errno : 0;
	if (!err) {
		dropped_begin(&dropped, j, view_fd, &d);
		err = publish_all(j, view_fd, &d, &moved);
		dropped_end(&dropped, !err);
		close(view_fd);
	}
	if (err)
		j->outcome.error = arena_printf(&j->arena, "cannot move '%.*s' from its view to the root: %s", STR_ARG(j->outcome.error), err == ELOOP ? "a folder on its way there is a link or a file now" : os_error(err));
	if (moved)
		refresh_others(j);
	return !err;
}
