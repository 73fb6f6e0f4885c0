#include "graph/apart.h"

#include "graph/build.h"
#include "graph/content.h"

static bool only_files(const struct pattern *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i].kind != PATTERN_FILE || p[i].exclude)
			return false;
	return true;
}

static bool only_data(const struct task *t)
{
	static const unsigned plain = DEP_NAMED | DEP_AFTER | DEP_FILE;
	for (size_t i = 0; i < t->deps.n; i++)
		if (t->deps.p[i].how & ~plain)
			return false;
	return true;
}

static bool is_edited(const struct task *t)
{
	for (size_t i = 0; i < t->users.n; i++)
		if (t->users.p[i]->edits.n)
			return true;
	return false;
}

/* A script here, of files that are named, that waits for files and tasks: what else a verdict may hang on is not among what is read for it. */
static bool is_apart(const struct task *t)
{
	const struct task_def *d = t->def;
	return t->kind != TASK_AGENT && !t->executor && !t->when && !t->edits.n && !t->names_results && !t->uses_fields && !d->matrix && !d->include &&
	       d->isolate == ISOLATE_NONE && !d->sandbox && d->run_if == RUN_IF_SUCCESS && !d->approve.s.n && !d->always && only_files(t->inputs.p, t->inputs.n) &&
	       only_files(t->outputs.p, t->outputs.n) && only_data(t) && !is_edited(t);
}

/* Where successes stand, by task. */
struct placing {
	const struct graph *g;
	const struct slice *slice;
	struct arena *a;
	struct slice_whole *whole;
	VEC(struct log_place) strangers;
};

static void place(void *self, struct str name, const struct log_places *at)
{
	struct placing *p = self;
	const struct task *t = graph_task(p->g, name);
	if (!t) {
		vec_push(p->a, &p->strangers, at->done);
		return;
	}
	p->whole->tasks[t->id].log = *at;
	if (!at->alone)
		p->whole->tasks[t->id].how &= ~(unsigned)SLICE_APART;
}

static struct slice_task slice_task_of(const struct task *t, struct arena *a)
{
	uint32_t *deps = arena_array(a, uint32_t, t->deps.n);
	for (size_t k = 0; k < t->deps.n; k++)
		deps[k] = t->deps.p[k].task->id;
	return (struct slice_task){
		.name = t->name,
		.how = (is_apart(t) ? SLICE_APART : 0) | (t->wanted ? SLICE_WANTED : 0) | (t->kind != TASK_GROUP ? SLICE_COUNTED : 0),
		.deps = deps,
		.n_deps = t->deps.n,
	};
}

struct slice_whole *apart_whole(const struct graph *g, struct log *log, struct arena *a)
{
	const struct workflow *w = g->workflow;
	if (w->includes.n || w->partial || g->matrices.n || w->policy.budget.cost_usd > 0 || w->policy.budget.tokens > 0)
		return NULL;
	struct slice_whole *whole = arena_new(a, struct slice_whole);
	struct placing p = {.g = g, .a = a, .whole = whole};
	whole->tasks = arena_array(a, struct slice_task, g->tasks.n);
	whole->n = g->tasks.n;
	for (size_t i = 0; i < g->tasks.n; i++)
		whole->tasks[i] = slice_task_of(g->tasks.p[i], a);
	log_each_place(log, w->file, place, &p);
	whole->strangers = p.strangers.p;
	whole->n_strangers = p.strangers.n;
	whole->log_seq = log_seq(log);
	whole->log_size = log_size(log);
	return whole;
}

static void place_kept(void *self, struct str name, const struct log_places *at)
{
	struct placing *p = self;
	const struct slice_kept *kept = map_get(&p->slice->by_name, name);
	if (kept && at->alone)
		p->whole->tasks[kept - p->slice->kept].log = *at;
}

struct slice_whole *apart_kept(const struct graph *g, const struct slice *s, struct log *log, struct arena *a)
{
	struct slice_whole *whole = arena_new(a, struct slice_whole);
	struct placing p = {.slice = s, .whole = whole};
	whole->tasks = arena_array(a, struct slice_task, s->n_kept);
	whole->n = s->n_kept;
	for (size_t i = 0; i < s->n_kept; i++)
		whole->tasks[i].name = s->kept[i].name;
	log_each_place(log, g->workflow->file, place_kept, &p);
	whole->log_seq = log_seq(log);
	for (size_t i = 0; i < s->n_kept; i++)
		if (!whole->tasks[i].log.done.n && graph_task(g, s->kept[i].name)->kind != TASK_GROUP)
			return NULL;
	return whole;
}

bool apart_is_slice(const struct graph *g, const struct slice *s)
{
	bool is = g->tasks.n == s->n_kept;
	for (size_t i = 0; is && i < g->tasks.n; i++)
		is = map_get(&s->by_name, g->tasks.p[i]->name) && !g->tasks.p[i]->def->matrix;
	return is;
}

void apart_want(struct graph *g, const struct slice *s)
{
	for (size_t i = 0; i < s->n_kept; i++) {
		struct task *t = s->kept[i].reached ? graph_task(g, s->kept[i].name) : NULL;
		if (t)
			graph_want_task(g, t);
	}
}

void apart_believe(struct filehash *fh, const struct slice *s)
{
	for (size_t i = 0; i < s->n_files; i++)
		if (s->files[i].hashed)
			filehash_believe(fh, s->files[i].path, s->files[i].fact, &s->files[i].content);
}

bool apart_begin(struct stale *s, const struct slice *slice)
{
	for (size_t i = 0; i < slice->n_kept; i++) {
		struct task *t = slice->kept[i].reached ? NULL : graph_task(s->hashing.g, slice->kept[i].name);
		if (!t)
			continue;
		if (!t->record)
			return false;
		stale_take_fresh(s, t);
	}
	return true;
}

bool apart_all_fresh(struct stale *s, const struct slice *slice)
{
	struct graph *g = s->hashing.g;
	for (size_t i = 0; i < g->tasks.n; i++) {
		g->tasks.p[i]->state = STATE_READY;
		g->tasks.p[i]->ended = false;
		content_forget(g->tasks.p[i]);
	}
	if (slice && !apart_begin(s, slice))
		return false;
	for (size_t i = 0; i < g->order.n; i++) {
		struct task *t = g->order.p[i];
		if (t->ended || !t->wanted)
			continue;
		if (stale_judge(s, t).why != WHY_NOT)
			return false;
		t->state = STATE_UPTODATE;
	}
	return true;
}
