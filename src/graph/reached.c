#include "graph/reached.h"

#include <stdlib.h>

#include "base/path.h"
#include "graph/content.h"

static void note_kept(void *self, const struct task *t, struct str path)
{
	(void)t, (void)path;
	*(bool *)self = true;
}

static bool needs_only(const struct task *t, bool (*is)(const struct reached *r, const struct task *dep), const struct reached *r)
{
	bool all = true;
	for (size_t i = 0; all && i < t->deps.n; i++)
		all = is(r, t->deps.p[i].task);
	return all;
}

static bool has_ended(const struct reached *r, const struct task *dep)
{
	(void)r;
	return dep->ended;
}

static bool is_idle(const struct reached *r, const struct task *dep)
{
	return r->idle[dep->id];
}

/* Nothing would be said or written were it judged once more. */
static bool is_settled(const struct stale *s, const struct task *t)
{
	if (t->kind == TASK_GROUP)
		return true;
	return str_eq(t->record->name, t->name) && (t->kind != TASK_AGENT || !log_open_start(s->log, s->hashing.g->workflow->file, t->name).open);
}

static void judge(struct reached *r, struct task *t)
{
	bool kept = false;
	r->s->observer = (struct stale_observer){note_kept, &kept};
	struct verdict v = stale_judge(r->s, t);
	bool fresh = v.why == WHY_NOT, skipped = verdict_is_skip(&v);
	t->state = fresh ? STATE_UPTODATE : skipped ? STATE_SKIPPED : STATE_STALE;
	r->idle[t->id] = (fresh || skipped) && needs_only(t, is_idle, r);
	t->ended = fresh && !kept && needs_only(t, has_ended, r) && is_settled(r->s, t);
}

/* As if it had not been judged. */
static void put_back(struct task *t)
{
	t->state = STATE_READY;
	t->has_result = false;
	t->out_hash = NULL;
	content_forget(t);
}

/* By path: who asked for it. */
static void sort_asked(struct reached *r)
{
	size_t n;
	const struct filehash_asked *asked = filehash_asked(r->s->hashing.fh, &n, &r->n_paths);
	r->first = arena_array(r->s->arena, uint32_t, r->n_paths + 2);
	r->who = arena_array(r->s->arena, uint32_t, n + 1);
	for (size_t i = 0; i < n; i++)
		r->first[asked[i].path + 2]++;
	for (size_t i = 2; i < r->n_paths + 2; i++)
		r->first[i] += r->first[i - 1];
	for (size_t i = 0; i < n; i++)
		r->who[r->first[asked[i].path + 1]++] = asked[i].who;
}

void reached_judge(struct reached *r, struct stale *s)
{
	struct graph *g = s->hashing.g;
	*r = (struct reached){.s = s, .idle = arena_array(s->arena, bool, g->tasks.n + 1), .place = arena_array(s->arena, uint32_t, g->tasks.n + 1)};
	for (size_t i = 0; i < g->order.n; i++) {
		r->place[g->order.p[i]->id] = (uint32_t)i;
		if (g->order.p[i]->wanted)
			judge(r, g->order.p[i]);
	}
	for (size_t i = 0; i < g->order.n; i++) {
		struct task *t = g->order.p[i];
		if (!t->wanted || t->ended)
			continue;
		put_back(t);
		vec_push(s->arena, &r->open, t);
	}
	r->n_first = r->open.n;
	sort_asked(r);
	graph_recall(g, s->log);
	s->planning = false;
	stale_begin_anew(s);
}

static void reach(struct reached *r, struct task *first)
{
	VEC(struct task *) todo = {0};
	vec_push(NULL, &todo, first);
	while (todo.n) {
		struct task *t = todo.p[--todo.n];
		if (!t->wanted || (!t->ended && !r->idle[t->id]))
			continue;
		if (t->ended)
			vec_push(r->s->arena, &r->open, t);
		r->idle[t->id] = t->ended = false;
		put_back(t);
		for (size_t i = 0; i < t->users.n; i++)
			vec_push(NULL, &todo, t->users.p[i]);
	}
	vec_free(&todo);
}

bool reached_by(struct reached *r, const struct str *paths, size_t n)
{
	struct filehash *fh = r->s->hashing.fh;
	for (size_t i = 0; i < n; i++) {
		struct filehash_told t;
		if (seen_more_than_folder(r->s->hashing.seen, paths[i]) || !filehash_renew(fh, paths[i]) || !filehash_tell(fh, paths[i], &t) || t.number >= r->n_paths ||
		    filehash_file(fh, paths[i])->state != FILE_REGULAR)
			return false;
		struct str folder = path_dir(t.path);
		filehash_renew(fh, folder);
		seen_renew_folder(r->s->hashing.seen, r->s->hashing.store->root_fd, folder);
		for (uint32_t k = r->first[t.number]; k < r->first[t.number + 1]; k++)
			reach(r, r->s->hashing.g->tasks.p[r->who[k]]);
	}
	return true;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = (*(struct task *const *)a)->id, y = (*(struct task *const *)b)->id;
	return (x > y) - (x < y);
}

static int by_place(const void *a, const void *b, void *place)
{
	uint32_t x = ((uint32_t *)place)[(*(struct task *const *)a)->id], y = ((uint32_t *)place)[(*(struct task *const *)b)->id];
	return (x > y) - (x < y);
}

/* A copy of them. */
static struct task **copy_open(const struct reached *r)
{
	struct task **all = arena_array(r->s->arena, struct task *, r->open.n + 1);
	for (size_t i = 0; i < r->open.n; i++)
		all[i] = r->open.p[i];
	return all;
}

void reached_end(struct reached *r)
{
	struct task **all = copy_open(r), **in_order = copy_open(r);
	qsort(all, r->open.n, sizeof *all, by_id);
	qsort_r(in_order, r->open.n, sizeof *in_order, by_place, r->place);
	r->s->hashing.g->open = (struct task_span){all, r->open.n};
	r->s->hashing.g->open_in_order = (struct task_span){in_order, r->open.n};
}

/* May it be done a moment too early, and done again? */
static bool is_harmless(const struct task *t)
{
	return t->kind == TASK_GROUP || (t->kind == TASK_RUN && !t->executor && !t->edits.n && !t->def->approve.s.n && t->record && str_eq(t->record->name, t->name));
}

bool reached_is_quick(const struct reached *r, int64_t most_ns)
{
	int64_t all_ns = 0;
	for (size_t i = 0; i < r->open.n && all_ns <= most_ns; i++) {
		const struct task *t = r->open.p[i];
		if (r->idle[t->id])
			continue;
		if (!is_harmless(t))
			return false;
		all_ns += t->kind != TASK_GROUP && t->record->duration_ns > 0 ? t->record->duration_ns : 0;
	}
	return all_ns <= most_ns;
}

bool reached_has_results(const struct reached *r)
{
	bool all = true;
	for (size_t i = 0; all && i < r->open.n; i++) {
		const struct task *t = r->open.p[i];
		for (size_t k = 0; all && k < t->deps.n; k++) {
			const struct task *d = t->deps.p[k].task;
			all = !d->ended || !d->has_result || !d->result_size || store_has_result(r->s->hashing.store, d->result, d->result_size);
		}
	}
	return all;
}
