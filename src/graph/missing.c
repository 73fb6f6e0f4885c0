/* Paths that are said to be there, and are not. */
#include <stdlib.h>

#include "base/mem.h"
#include "graph/build.h"
#include "graph/content.h"
#include "graph/nearest.h"

#define MOST_NEAR 10000

/* To the error just reported. */
static void hint_near(struct builder *b, struct str path)
{
	struct suggestion s = {.wanted = path};
	if (!diag_hint_counts(b->d))
		return;
	for (size_t i = 0; i < b->sorted.n && i < MOST_NEAR; i++)
		suggestion_offer(&s, b->sorted.p[i]->pattern->path);
	nearest_offer(b->a, b->c->root_fd, path, &s);
	diag_add_hint(b->d, diag_did_you_mean(b->d, &s));
}

void build_missing_input(struct builder *b, const struct pattern *p)
{
	if (diag_error(b->d, p->at, "create it, correct the path, or declare it among some task's 'outputs'", "input '%.*s' does not exist and no task makes it",
		       STR_ARG(p->path)))
		hint_near(b, p->path);
}

static bool any_meets(const struct pattern *all, size_t n, const struct pattern *p)
{
	for (size_t i = 0; i < n; i++)
		if (content_meets(&all[i], p))
			return true;
	return false;
}

/* Do tasks that come before t, near ones first, make or edit it? Or does t itself make it? */
static bool comes(const struct builder *b, struct task *t, const struct pattern *p)
{
	bool *seen = xcalloc(b->g->tasks.n, sizeof *seen), found = any_meets(t->outputs.p, t->outputs.n, p);
	VEC(const struct task *) todo = {0};
	vec_push(NULL, &todo, t);
	for (size_t i = 0; i < todo.n && !found; i++)
		for (size_t k = 0; k < todo.p[i]->deps.n && !found; k++) {
			const struct task *to = todo.p[i]->deps.p[k].task;
			if (seen[to->id])
				continue;
			seen[to->id] = true;
			found = any_meets(to->outputs.p, to->outputs.n, p) || any_meets(to->edits.p, to->edits.n, p);
			vec_push(NULL, &todo, to);
		}
	vec_free(&todo);
	free(seen);
	return found;
}

static void note_edited(void *self, const struct task_record *r)
{
	struct builder *b = self;
	for (size_t i = 0; i < r->n_edits; i++)
		*map_slot(&b->edited, arena_copy(b->a, r->edits[i].path)) = b;
}

/* Has a success edited that path? Then it was there, and may be gone by that. */
static bool edited_before(struct builder *b, struct str path)
{
	struct arena a = {0};
	struct str note = STR_NONE;
	if (!b->edited_known) {
		struct log *l = log_open(&a, b->c->store_fd, true, &note);
		if (l) {
			log_each(l, b->g->workflow->file, note_edited, b);
			log_close(l); /* nothing was written */
		}
		arena_free(&a);
		b->edited_known = true;
	}
	return map_get(&b->edited, path) != NULL;
}

static void missing_edit(struct builder *b, struct task *t, const struct pattern *p)
{
	struct task *maker = graph_producer(b->g, p->path);
	const char *hint = "correct the path, or create it; what the task makes itself belongs in 'outputs'";
	if (maker && !graph_needs(b->g, maker, t))
		return; /* which of the two comes first is said to be missing, too */
	if (maker)
		hint = diag_hint(b->d, "task '%.*s' makes it, but comes after this one", STR_ARG(maker->name));
	if (diag_error(b->d, p->at, hint, "edit '%.*s' does not exist and no task before it makes it", STR_ARG(content_label(b->a, p))) && !maker)
		hint_near(b, p->path);
}

void build_edits_there(struct builder *b, struct task *t)
{
	for (size_t i = 0; i < t->edits.n; i++) {
		const struct pattern *p = &t->edits.p[i];
		if (p->kind == PATTERN_GLOB || filehash_look(b->c->filehash, filehash_file(b->c->filehash, p->path), false) != FILE_MISSING || comes(b, t, p) ||
		    edited_before(b, p->path) || build_file_may_come(b, t))
			continue;
		missing_edit(b, t, p);
	}
}

static bool is_missing(const struct builder *b, const struct pattern *p)
{
	return p->kind == PATTERN_FILE && !p->exclude && !graph_producer(b->g, p->path) && filehash_look(b->c->filehash, filehash_file(b->c->filehash, p->path), false) == FILE_MISSING;
}

static void report_files(struct builder *b, struct task *t)
{
	for (size_t i = 0; i < t->inputs.n; i++)
		if (is_missing(b, &t->inputs.p[i]))
			build_missing_input(b, &t->inputs.p[i]);
	build_edits_there(b, t);
}

static void mark_needed(struct task *t, bool *needed)
{
	VEC(struct task *) todo = {0};
	vec_push(NULL, &todo, t);
	while (todo.n) {
		struct task *at = todo.p[--todo.n];
		if (needed[at->id])
			continue;
		needed[at->id] = true;
		for (size_t i = 0; i < at->deps.n; i++)
			vec_push(NULL, &todo, at->deps.p[i].task);
	}
	vec_free(&todo);
}

bool graph_report_lacking(struct graph *g, struct diag *d, const struct graph_config *c)
{
	struct workflow whole = *c->workflow;
	struct graph_config strict = *c;
	struct builder b = {.g = g, .a = g->arena, .d = d, .c = &strict};
	bool *needed = xcalloc(g->tasks.n + 1, sizeof *needed), files_alone = true;
	size_t errors = diag_errors(d);
	whole.partial = false;
	strict.workflow = &whole;
	for (size_t i = 0; i < c->workflow->includes.n; i++)
		if (c->workflow->includes.p[i].left_out && g->makers[i])
			mark_needed(g->makers[i], needed);
	for (size_t i = 0; i < g->tasks.n; i++)
		files_alone = files_alone && !(needed[i] && (g->tasks.p[i]->lacks_name || g->tasks.p[i]->def->lacks_pool));
	for (size_t i = 0; files_alone && i < g->tasks.n; i++)
		if (needed[i] && g->tasks.p[i]->lacks_file)
			report_files(&b, g->tasks.p[i]);
	free(needed);
	map_free(&b.edited);
	return diag_errors(d) > errors;
}
