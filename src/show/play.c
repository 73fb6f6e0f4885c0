#include "show/play.h"

#include "graph/lineup.h"
#include "graph/usual.h"
#include "run/admission.h"

/* A provider with max_concurrent. */
struct played {
	const struct provider *provider;
	size_t busy;
	VEC(struct task *) waiting;
	size_t next; /* of those, to be woken */
};

static bool before(const struct play_heap *h, const struct task *a, const struct task *b)
{
	int64_t ka = h->keys[a->id], kb = h->keys[b->id];

	return ka != kb ? ka < kb : a->id < b->id;
}

static void heap_push(struct play_heap *h, struct arena *a, struct task *t)
{
	size_t at = h->tasks.n;

	vec_push(a, &h->tasks, t);
	for (; at > 0 && before(h, t, h->tasks.p[(at - 1) / 2]); at = (at - 1) / 2)
		h->tasks.p[at] = h->tasks.p[(at - 1) / 2];
	h->tasks.p[at] = t;
}

static struct task *heap_pop(struct play_heap *h)
{
	struct task *top = h->tasks.p[0], *last = h->tasks.p[--h->tasks.n];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < h->tasks.n) {
		if (child + 1 < h->tasks.n && before(h, h->tasks.p[child + 1], h->tasks.p[child]))
			child++;
		if (!before(h, h->tasks.p[child], last))
			break;
		h->tasks.p[at] = h->tasks.p[child];
		at = child;
	}
	h->tasks.p[at] = last;
	return top;
}

static bool would_run(const struct view *v, const struct task *t)
{
	const struct verdict *verdict = &v->verdicts[t->id];

	return t->wanted && t->kind != TASK_GROUP && verdict->why != WHY_NOT && !verdict_is_error(verdict) && !verdict_is_skip(verdict) && t->state != STATE_HELD;
}

bool play_restores(const struct play *p, const struct task *t)
{
	return p->view->verdicts[t->id].cached;
}

static void start(struct play *p, struct task *t)
{
	int64_t ns = play_restores(p, t) ? 0 : usual_of(t).duration_ns;

	p->ends_ns[t->id] = p->now_ns + (ns > 0 ? ns : 0);
	heap_push(&p->running, p->view->arena, t);
	vec_push(p->view->arena, &p->starts, t);
}

static void make_ready(struct play *p, struct task *t)
{
	if (!would_run(p->view, t))
		vec_push(p->view->arena, &p->settled, t);
	else if (play_restores(p, t))
		start(p, t);
	else
		admission_add(p->admission, t);
}

/* Tells the users of all that has ended. */
static void settle(struct play *p)
{
	while (p->settled.n) {
		const struct task *t = p->settled.p[--p->settled.n];

		for (size_t i = 0; i < t->users.n; i++)
			if (t->users.p[i]->wanted && !--p->waiting_for[t->users.p[i]->id])
				make_ready(p, t->users.p[i]);
	}
}

/* As the scheduler: a task waits for the first of its providers. NULL: that has no limit. */
static struct played *provider_of(struct play *p, const struct task *t)
{
	const struct provider *first = t->kind == TASK_AGENT && t->n_providers ? t->providers[0] : NULL;

	if (!first || !first->max_concurrent)
		return NULL;
	for (size_t i = 0; i < p->providers.n; i++)
		if (p->providers.p[i]->provider == first)
			return p->providers.p[i];
	struct played *s = arena_new(p->view->arena, struct played);
	s->provider = first;
	vec_push(p->view->arena, &p->providers, s);
	return s;
}

/* Places that have come free are offered to those that wait for them. */
static void offer_places(struct play *p)
{
	for (size_t i = 0; i < p->providers.n; i++) {
		struct played *s = p->providers.p[i];

		for (size_t n = s->busy; n < s->provider->max_concurrent && s->next < s->waiting.n; n++)
			admission_add(p->admission, s->waiting.p[s->next++]);
	}
}

static void start_all(struct play *p)
{
	struct task *t;

	offer_places(p);
	admission_begin(p->admission, true);
	while ((t = admission_next(p->admission))) {
		struct played *s = provider_of(p, t);

		if (s && s->busy == s->provider->max_concurrent) {
			admission_drop(p->admission);
			vec_push(p->view->arena, &s->waiting, t);
		} else if (admission_take(p->admission, &p->places[t->id], p->view->arena)) {
			if (s)
				s->busy++;
			start(p, t);
		}
	}
}

static void end_one(struct play *p)
{
	struct task *t = heap_pop(&p->running);
	struct played *s = provider_of(p, t);

	p->now_ns = p->ends_ns[t->id];
	if (p->places[t->id].task && s)
		s->busy--;
	admission_give(p->admission, &p->places[t->id]);
	vec_push(p->view->arena, &p->settled, t);
	settle(p);
}

static bool takes_time(const void *play, const struct task *t)
{
	const struct play *p = play;

	return would_run(p->view, t) && !play_restores(p, t);
}

static void say_nothing(void *self, const char *line)
{
	(void)self, (void)line;
}

static struct admission *open_admission(const struct view *v, size_t slots, size_t agents)
{
	struct jobserver_config c = {.limit = slots};

	return admission_new(&(struct admission_config){
	    .graph = v->graph, .jobserver = jobserver_open(v->arena, &c, NULL, say_nothing, NULL), .max_agents = agents});
}

void play_run(struct play *p, const struct view *v, size_t slots, size_t agents)
{
	const struct graph *g = v->graph;

	*p = (struct play){.view = v,
	                   .slots = slots,
	                   .admission = open_admission(v, slots, agents),
	                   .places = arena_array(v->arena, struct places, g->tasks.n + 1),
	                   .ends_ns = arena_array(v->arena, int64_t, g->tasks.n + 1),
	                   .waiting_for = arena_array(v->arena, uint32_t, g->tasks.n + 1)};
	p->running.keys = p->ends_ns;
	for (size_t i = 0; i < g->tasks.n; i++) {
		const struct task *t = g->tasks.p[i];

		for (size_t k = 0; t->wanted && k < t->deps.n; k++)
			p->waiting_for[t->id] += t->deps.p[k].task->wanted;
	}
	lineup(g, (struct lineup_limits){slots, agents}, takes_time, p);
	for (size_t i = 0; i < g->tasks.n; i++)
		if (g->tasks.p[i]->wanted && !p->waiting_for[g->tasks.p[i]->id])
			make_ready(p, g->tasks.p[i]);
	settle(p);
	for (start_all(p); p->running.tasks.n; start_all(p))
		end_one(p);
	admission_free(p->admission);
	p->admission = NULL;
}
