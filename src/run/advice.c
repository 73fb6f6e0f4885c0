/* What is told before something runs, since it may not be what was meant: patterns that find nothing, and files whose tasks have left the workflow. */
#include "base/glob.h"
#include "base/path.h"
#include "graph/content.h"
#include "graph/vacant.h"
#include "run/job.h"
#include "state/record.h"

static bool matched(const struct pattern *p, struct str path)
{
	return p->kind == PATTERN_GLOB ? glob_match(p->path, path, false) : path_under(path, p->path);
}

static void tell_vacant(struct job *j, const char *what, const struct pattern *p)
{
	struct sched *s = j->sched;
	int root_fd = s->c->store->root_fd;
	struct str text = vacant_phrase(s->arena, root_fd, what, p), hint = vacant_hint(&j->arena, root_fd, p);
	void **told = map_slot(&s->advised, text);
	if (!*told) /* a matrix's tasks say the same */
		sched_warn(s, j->task, "%.*s%s%.*s", STR_ARG(text), hint.n ? "; " : "", STR_ARG(hint));
	*told = s;
}

void advise_of_patterns(struct job *j)
{
	const struct task *t = j->task;
	int root_fd = j->sched->c->store->root_fd;
	for (size_t i = 0; i < t->inputs.n; i++) {
		bool any = t->inputs.p[i].kind != PATTERN_GLOB;
		for (size_t k = 0; !any && k < j->signing.inputs.items.n; k++)
			any = matched(&t->inputs.p[i], j->signing.inputs.items.p[k]);
		if (!any && vacant_input(&j->arena, root_fd, t, &t->inputs.p[i])) /* what it found may be excluded, or not count */
			tell_vacant(j, "input", &t->inputs.p[i]);
	}
	for (size_t i = 0; i < t->edits.n; i++)
		if (vacant_edit(&j->arena, root_fd, t, &t->edits.p[i]))
			tell_vacant(j, "edit", &t->edits.p[i]);
}

/* A task that is going to be judged, and an input pattern of it. */
struct finder {
	const struct task *task;
	const struct pattern *pattern;
};

struct remains {
	struct sched *s;
	struct arena a;
	VEC(struct finder) finders;
	VEC(const struct task_record *) left; /* of tasks that the workflow has no more */
};

static void note_left(void *self, const struct task_record *r)
{
	struct remains *m = self;
	if (r->n_outputs && !graph_task(m->s->c->graph, r->name))
		vec_push(&m->a, &m->left, r);
}

/* Does it count there? As content_inputs has it, for files that nobody makes. */
static bool counts(const struct finder *f, struct str path)
{
	bool yes = matched(f->pattern, path) && !content_edits(f->task, path);
	for (size_t i = 0; yes && i < f->task->inputs.n; i++) {
		const struct pattern *p = &f->task->inputs.p[i];
		yes = !p->exclude || !(p->kind == PATTERN_GLOB ? glob_match(p->path, path, true) : path_under(path, p->path));
	}
	return yes;
}

/* The files of an output that stand there. */
static struct glob_list files_of(struct remains *m, const struct pattern *p)
{
	struct glob_list found = {0};
	int root_fd = m->s->c->store->root_fd;
	struct str bad;
	if (p->kind == PATTERN_TREE)
		glob_walk_tree(&m->a, root_fd, p->path, &found, &bad); /* what cannot be read is not told */
	else if (p->kind == PATTERN_GLOB)
		glob_walk(&m->a, root_fd, p->path, &found, &bad);
	else
		vec_push(&m->a, &found.paths, p->path);
	glob_sort(&found);
	return found;
}

static void tell_left(struct remains *m, const struct task_record *r, const struct pattern *p, struct hash128 now)
{
	const struct sched_config *c = m->s->c;
	struct glob_list files = files_of(m, p);
	for (size_t i = 0; i < files.paths.n; i++)
		for (size_t k = 0; !graph_producer(c->graph, files.paths.p[i]) && k < m->finders.n; k++) {
			const struct finder *f = &m->finders.p[k];
			if (!counts(f, files.paths.p[i]))
				continue;
			log_note_edit(c->log, c->graph->workflow->file, r->name, p->path, now);
			sched_warn(m->s, f->task, "its input '%.*s' finds '%.*s', which task '%.*s' made, and nothing in the workflow makes any more; remove it if it is not wanted",
			           STR_ARG(content_label(&m->a, f->pattern)), STR_ARG(files.paths.p[i]), STR_ARG(record_task(r)));
			return;
		}
}

/* What somebody has changed since is somebody's, and what was told once is meant so. */
static void look_at(struct remains *m, const struct task_record *r)
{
	const struct sched_config *c = m->s->c;
	for (size_t i = 0; i < r->n_outputs; i++) {
		struct pattern p = {.kind = (enum pattern_kind)r->outputs[i].kind, .path = r->outputs[i].path};
		struct hash128 now = {0, 0};
		struct str problem = STR_NONE;
		content_of_output(&c->stale->hashing, &m->a, &p, &now, &problem);
		if (hash_eq(now, r->outputs[i].hash) && !log_edit_noted(c->log, c->graph->workflow->file, r->name, p.path, now))
			tell_left(m, r, &p, now);
	}
}

static size_t on_record(const struct graph *g)
{
	size_t n = 0;
	for (size_t i = 0; i < g->tasks.n; i++)
		n += g->tasks.p[i]->record != NULL;
	return n;
}

void advise_of_remains(struct sched *s)
{
	const struct graph *g = s->c->graph;
	struct task_span open = graph_open(g);
	struct remains m = {.s = s};
	for (size_t i = 0; i < open.n; i++) {
		const struct task *t = open.p[i];
		for (size_t k = 0; t->wanted && !t->ended && k < t->inputs.n; k++)
			if (t->inputs.p[k].kind != PATTERN_FILE && !t->inputs.p[k].exclude)
				vec_push(&m.a, &m.finders, ((struct finder){t, &t->inputs.p[k]}));
	}
	/* In a partial workflow the tasks may be there, in what was left out. */
	if (m.finders.n && !g->workflow->partial && log_tasks(s->c->log) > on_record(g))
		log_each(s->c->log, g->workflow->file, note_left, &m);
	for (size_t i = 0; i < m.left.n; i++)
		look_at(&m, m.left.p[i]);
	arena_free(&m.a);
}
