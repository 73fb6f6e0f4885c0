#include "graph/lineup.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "graph/usual.h"

enum {
	STARTS_MOST = 16,   /* schedules to begin with */
	STEPS_MOST = 20000, /* tasks to be played through in all of them, as far as that allows more than one */
};

/* For each task those next to it, on one side. */
struct links {
	uint32_t *at; /* where the first one stands; one more than there are tasks */
	uint32_t *to;
};

/* The tasks to come, numbered as the graph orders them. */
struct line {
	size_t n, places;
	struct task **tasks;
	int64_t *takes_ns;       /* 0: a group, which takes no place either */
	struct links before, after;
};

struct heap {
	uint32_t *p;
	size_t n;
	const int64_t *key; /* the smallest first, then the smallest number */
};

static bool comes_first(const struct heap *h, uint32_t a, uint32_t b)
{
	return h->key[a] != h->key[b] ? h->key[a] < h->key[b] : a < b;
}

static void heap_push(struct heap *h, uint32_t t)
{
	size_t i = h->n++;
	for (; i && comes_first(h, t, h->p[(i - 1) / 2]); i = (i - 1) / 2)
		h->p[i] = h->p[(i - 1) / 2];
	h->p[i] = t;
}

static uint32_t heap_pop(struct heap *h)
{
	uint32_t top = h->p[0], last = h->p[--h->n];
	size_t i = 0;
	for (size_t kid; (kid = 2 * i + 1) < h->n; i = kid) {
		if (kid + 1 < h->n && comes_first(h, h->p[kid + 1], h->p[kid]))
			kid++;
		if (!comes_first(h, h->p[kid], last))
			break;
		h->p[i] = h->p[kid];
	}
	h->p[i] = last;
	return top;
}

/* When each task ends if, of those that may start, that with the smallest key always does; returns when the last one does. `back`: dependents come first. */
static int64_t play(const struct line *l, bool back, const int64_t *key, int64_t *ends)
{
	const struct links *in = back ? &l->after : &l->before, *out = back ? &l->before : &l->after;
	struct heap ready = {xmalloc(l->n * sizeof(uint32_t)), 0, key}, running = {xmalloc(l->n * sizeof(uint32_t)), 0, ends};
	uint32_t *left = xmalloc(l->n * sizeof *left);
	size_t places = l->places;
	int64_t now = 0;
	for (uint32_t t = 0; t < l->n; t++) {
		left[t] = in->at[t + 1] - in->at[t];
		ends[t] = 0;
		if (!left[t])
			heap_push(l->takes_ns[t] ? &ready : &running, t);
	}
	while (ready.n || running.n) {
		while (ready.n && places) {
			uint32_t t = heap_pop(&ready);
			ends[t] = now + l->takes_ns[t];
			heap_push(&running, t);
			places--;
		}
		now = ends[running.p[0]];
		while (running.n && ends[running.p[0]] == now) {
			uint32_t t = heap_pop(&running);
			places += l->takes_ns[t] > 0;
			for (uint32_t i = out->at[t]; i < out->at[t + 1]; i++) {
				uint32_t u = out->to[i];
				if (--left[u])
					continue;
				ends[u] = now;
				heap_push(l->takes_ns[u] ? &ready : &running, u);
			}
		}
	}
	free(ready.p);
	free(running.p);
	free(left);
	return now;
}

/* Minus the longest path from each task to the end, which is so the smallest for the most urgent. */
static void longest_paths(const struct line *l, int64_t *key)
{
	for (size_t t = l->n; t-- > 0;) {
		int64_t behind = 0;
		for (uint32_t i = l->after.at[t]; i < l->after.at[t + 1]; i++)
			if (key[l->after.to[i]] < behind)
				behind = key[l->after.to[i]];
		key[t] = behind - l->takes_ns[t];
	}
}

/* Does it need one slot and nothing else? */
static bool plain(const struct task *t, size_t places)
{
	const struct task_def *d = t->def;
	bool provided = t->kind != TASK_AGENT || !t->n_providers || !t->providers[0]->max_concurrent || t->providers[0]->max_concurrent >= places;
	return d->slots == 1 && !t->executor && !d->pool_number && !d->memory && d->complexity <= COMPLEXITY_LOW && provided;
}

/* Of the tasks to come: are they all plain, and are the times of most of them known? l gets its places. */
static bool suits(struct line *l, struct lineup_limits limits)
{
	size_t known = 0, agents = 0, scripts = 0;
	l->places = limits.slots;
	for (size_t i = 0; i < l->n; i++) {
		agents += l->tasks[i]->kind == TASK_AGENT;
		scripts += l->tasks[i]->kind == TASK_RUN;
		known += usual_of(l->tasks[i]).duration_ns >= 0;
	}
	if (agents && limits.agents && (!limits.slots || limits.agents < limits.slots)) {
		if (scripts)
			return false;
		l->places = limits.agents;
	}
	for (size_t i = 0; i < l->n; i++)
		if (l->tasks[i]->kind != TASK_GROUP && !plain(l->tasks[i], l->places))
			return false;
	return l->places && agents + scripts > l->places && 2 * known >= agents + scripts;
}

static void link_up(struct line *l, const uint32_t *number, struct links *to, bool after)
{
	VEC(uint32_t) all = {0};
	to->at = xmalloc((l->n + 1) * sizeof *to->at);
	for (size_t i = 0; i < l->n; i++) {
		const struct task *t = l->tasks[i];
		size_t n = after ? t->users.n : t->deps.n;
		to->at[i] = (uint32_t)all.n;
		for (size_t k = 0; k < n; k++) {
			uint32_t other = number[after ? t->users.p[k]->id : t->deps.p[k].task->id];
			if (other)
				vec_push(NULL, &all, other - 1);
		}
	}
	to->at[l->n] = (uint32_t)all.n;
	to->to = all.p;
}

/* At least a moment, and so little that all of them together are a number. */
static int64_t time_of(const struct task *t)
{
	int64_t ns = usual_time(t), most = INT64_MAX / 4 / LINEUP_MOST;
	return t->kind == TASK_GROUP ? 0 : ns < 1 ? 1 : ns > most ? most : ns;
}

static void find(struct line *l, const struct graph *g, bool (*comes)(const void *self, const struct task *t), const void *self, uint32_t *number)
{
	struct task_span open = graph_open_in_order(g);
	for (size_t i = 0; i < open.n && l->n <= LINEUP_MOST; i++) {
		struct task *t = open.p[i];
		if (!t->wanted || (t->kind != TASK_GROUP && !comes(self, t)))
			continue;
		l->tasks[l->n++] = t;
		number[t->id] = (uint32_t)l->n;
	}
}

/* No schedule is shorter than the longest path, or than all work spread over the places. */
static int64_t least(const struct line *l, const int64_t *paths)
{
	int64_t path = 0, work = 0;
	for (size_t t = 0; t < l->n; t++) {
		path = paths[t] < path ? paths[t] : path;
		work += l->takes_ns[t];
	}
	work /= (int64_t)l->places;
	return work > -path ? work : -path;
}

/* Urgencies of up to the half less than by the paths. The same ones each time, so that two runs start tasks in one order. */
static void shake(const struct line *l, const int64_t *paths, int64_t *key, uint64_t *chance)
{
	for (size_t t = 0; t < l->n; t++) {
		*chance = *chance * 6364136223846793005u + 1442695040888963407u;
		key[t] = paths[t] / 1024 * (int64_t)(512 + (*chance >> 55));
	}
}

/* There and back again from a forward schedule by `key`, which becomes that of a new one: how long before the last end a task began on the way back. */
static int64_t refine(const struct line *l, int64_t *key, int64_t *ends)
{
	for (size_t t = 0; t < l->n; t++)
		key[t] = -ends[t];
	int64_t length = play(l, true, key, ends);
	for (size_t t = 0; t < l->n; t++)
		key[t] = length - ends[t];
	return play(l, false, key, ends);
}

/* From the longest paths, and from what chance makes of them. A gain of less than a two-hundredth is not worth another order than the one that people expect. */
static bool improve(struct line *l)
{
	assert(l->n);
	size_t size = l->n * sizeof(int64_t), starts = STEPS_MOST / l->n;
	int64_t *paths = xmalloc(size), *key = xmalloc(size), *ends = xmalloc(size), *best_key = xmalloc(size);
	longest_paths(l, paths);
	int64_t usual = play(l, false, paths, ends), best = usual, enough = least(l, paths);
	uint64_t chance = 0;
	for (size_t k = 0; k < 1 || (k < starts && k < STARTS_MOST); k++) {
		if (best - enough <= usual / 200)
			break;
		if (k) {
			shake(l, paths, key, &chance);
			play(l, false, key, ends);
		}
		int64_t found = refine(l, key, ends);
		if (found < best) {
			best = found;
			memcpy(best_key, key, size);
		}
	}
	bool better = usual - best > usual / 200;
	for (size_t t = 0; better && t < l->n; t++)
		l->tasks[t]->priority_ns = -best_key[t];
	free(paths);
	free(key);
	free(ends);
	free(best_key);
	return better;
}

bool lineup(const struct graph *g, struct lineup_limits limits, bool (*comes)(const void *self, const struct task *t), const void *self)
{
	size_t room = g->tasks.n < LINEUP_MOST ? g->tasks.n : LINEUP_MOST;
	struct line l = {.tasks = xmalloc((room + 1) * sizeof *l.tasks)};
	uint32_t *number = xcalloc(g->tasks.n + 1, sizeof *number); /* by id, from 1 */
	bool better = false;
	if (limits.slots || limits.agents)
		find(&l, g, comes, self, number);
	if (l.n && l.n <= LINEUP_MOST && suits(&l, limits)) {
		l.takes_ns = xmalloc(l.n * sizeof *l.takes_ns);
		for (size_t i = 0; i < l.n; i++)
			l.takes_ns[i] = time_of(l.tasks[i]);
		link_up(&l, number, &l.before, false);
		link_up(&l, number, &l.after, true);
		better = improve(&l);
	}
	free(l.before.at);
	free(l.before.to);
	free(l.after.at);
	free(l.after.to);
	free(l.takes_ns);
	free(l.tasks);
	free(number);
	return better;
}
