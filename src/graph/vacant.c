#include "graph/vacant.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/path.h"
#include "graph/content.h"
#include "graph/nearest.h"

static bool any_meets(const struct pattern *all, size_t n, const struct pattern *p)
{
	for (size_t i = 0; i < n; i++)
		if (content_meets(&all[i], p))
			return true;
	return false;
}

static bool finds(struct arena *a, int root_fd, const struct pattern *p)
{
	struct glob_list found = {0};
	struct str bad;
	return glob_walk(a, root_fd, p->path, &found, &bad) || found.paths.n; /* what cannot be read may hold something */
}

bool vacant_input(struct arena *a, int root_fd, const struct task *t, const struct pattern *input)
{
	if (input->kind != PATTERN_GLOB || input->exclude)
		return false;
	for (size_t i = 0; i < t->deps.n; i++)
		if (any_meets(t->deps.p[i].task->outputs.p, t->deps.p[i].task->outputs.n, input))
			return false;
	return !finds(a, root_fd, input);
}

bool vacant_edit(struct arena *a, int root_fd, const struct task *t, const struct pattern *edit)
{
	if (edit->kind != PATTERN_GLOB || any_meets(t->outputs.p, t->outputs.n, edit))
		return false;
	for (size_t i = 0; i < t->deps.n; i++) {
		const struct task *to = t->deps.p[i].task;
		if (any_meets(to->outputs.p, to->outputs.n, edit) || any_meets(to->edits.p, to->edits.n, edit))
			return false;
	}
	return !finds(a, root_fd, edit);
}

/* The first folder on a pattern's way that is not there; empty: all are. */
static struct str lacking_folder(struct arena *a, int root_fd, const struct pattern *p)
{
	struct str folder = glob_prefix(p->path), lacks = STR_NONE;
	for (; !str_eq(folder, STR(".")) && faccessat(root_fd, arena_copy(a, folder).p, F_OK, 0); folder = path_dir(folder))
		lacks = folder;
	return lacks;
}

struct str vacant_phrase(struct arena *a, int root_fd, const char *what, const struct pattern *p)
{
	struct str lacks = lacking_folder(a, root_fd, p);
	if (lacks.n)
		return arena_printf(a, "%s pattern '%.*s' finds no file: there is no folder '%.*s'", what, STR_ARG(p->path), STR_ARG(lacks));
	return arena_printf(a, "%s pattern '%.*s' finds no file", what, STR_ARG(p->path));
}

struct str vacant_hint(struct arena *a, int root_fd, const struct pattern *p)
{
	struct suggestion s = {.wanted = lacking_folder(a, root_fd, p)};
	if (s.wanted.n)
		nearest_offer(a, root_fd, s.wanted, &s);
	return s.best.n ? arena_printf(a, "did you mean '%.*s'?", STR_ARG(s.best)) : STR_NONE;
}

static void warn(struct diag *d, struct arena *a, int root_fd, const char *what, const struct pattern *p)
{
	struct str hint = vacant_hint(a, root_fd, p), text = vacant_phrase(a, root_fd, what, p);
	diag_warn(d, p->at, hint.n ? hint.p : NULL, "%.*s", STR_ARG(text));
}

void vacant_report(const struct graph *g, struct diag *d, int root_fd)
{
	for (size_t i = 0; i < g->tasks.n; i++) {
		const struct task *t = g->tasks.p[i];
		struct arena a = {0};
		for (size_t k = 0; !t->lacks_name && !t->lacks_file && k < t->inputs.n; k++)
			if (vacant_input(&a, root_fd, t, &t->inputs.p[k]))
				warn(d, &a, root_fd, "input", &t->inputs.p[k]);
		for (size_t k = 0; !t->lacks_name && !t->lacks_file && k < t->edits.n; k++)
			if (vacant_edit(&a, root_fd, t, &t->edits.p[k]))
				warn(d, &a, root_fd, "edit", &t->edits.p[k]);
		arena_free(&a);
	}
}
