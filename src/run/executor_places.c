/* Places of executors that all runs of a user share: `max_concurrent` holds for them together. Within a run admission counts. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/mem.h"
#include "base/os.h"
#include "run/job.h"

/* One executor's. */
struct shared_places {
	const struct executor *executor;
	struct limit *limit; /* NULL: they cannot be shared */
	VEC(struct task *) waiting;
	bool told;
};

struct executor_places {
	struct sched *sched;
	struct arena arena;
	struct limits *limits; /* NULL: there are none */
	VEC(struct shared_places *) all;
	size_t waiting;
	struct loop_timer again; /* what nobody else will tell */
};

static void offer_all(struct executor_places *p)
{
	for (size_t i = 0; i < p->all.n; i++) {
		struct shared_places *at = p->all.p[i];
		p->waiting -= at->waiting.n;
		for (size_t k = 0; k < at->waiting.n; k++)
			sched_offer(p->sched, at->waiting.p[k]);
		at->waiting.n = 0;
	}
}

static void time_has_come(void *places)
{
	offer_all(places);
}

/* Another run took a place, or gave one back. */
static void others_moved(void *places, uint32_t events)
{
	struct executor_places *p = places;
	(void)events;
	limits_drain(p->limits);
	offer_all(p);
}

static struct executor_places *places_of(struct sched *s)
{
	struct executor_places *p = s->executor_places;
	struct str problem = STR_NONE;
	if (p)
		return p;
	p = s->executor_places = xcalloc(1, sizeof *p);
	p->sched = s;
	p->again = (struct loop_timer){.fn = time_has_come, .self = p};
	p->limits = limits_open(&p->arena, &problem);
	if (!p->limits)
		sched_warn(s, NULL, "other runs cannot be told which places of executors are taken: %.*s", STR_ARG(problem));
	else if (limits_fd(p->limits) >= 0)
		loop_watch(s->c->loop, limits_fd(p->limits), EPOLLIN, others_moved, p);
	return p;
}

static struct shared_places *shared_of(struct executor_places *p, const struct executor *e)
{
	for (size_t i = 0; i < p->all.n; i++)
		if (p->all.p[i]->executor == e)
			return p->all.p[i];
	struct shared_places *at = arena_new(&p->arena, struct shared_places);
	at->executor = e;
	at->limit = p->limits ? limit_of(p->limits, arena_printf(&p->arena, "executor %.*s", STR_ARG(e->name))) : NULL;
	vec_push(&p->arena, &p->all, at);
	return at;
}

static void wait_here(struct executor_places *p, struct shared_places *at, struct job *j, int64_t again_ns)
{
	if (again_ns != INT64_MAX)
		loop_timer_set(p->sched->c->loop, &p->again, again_ns);
	vec_push(NULL, &at->waiting, j->task);
	p->waiting++;
	if (at->told)
		return;
	at->told = true;
	struct str text = arena_printf(&p->arena, "other runs have taken all places of executor '%.*s'", STR_ARG(at->executor->name));
	sched_send(p->sched, &(struct event){.kind = EVENT_WAITS, .task = j->task, .text = text});
}

bool executor_take_place(struct job *j)
{
	const struct executor *e = j->task->executor;
	j->place = (struct limit_hold){.fd = -1};
	if (!e)
		return true;
	struct executor_places *p = places_of(j->sched);
	struct shared_places *at = shared_of(p, e);
	const struct limit_rule rule = {.max_concurrent = executor_places(e)};
	struct limit_answer a = at->limit ? limit_take(at->limit, &rule, &j->place) : (struct limit_answer){.kind = LIMIT_TAKEN};
	if (a.kind == LIMIT_FAILED && !at->told) {
		at->told = true;
		sched_warn(j->sched, NULL, "other runs cannot be told which places of executor '%.*s' are taken: %s", STR_ARG(e->name), os_error(a.err));
	}
	/* What this run is inside of waits for it: it has a place already. */
	if (a.kind != LIMIT_WAIT)
		return true;
	wait_here(p, at, j, a.again_ns);
	return false;
}

void executor_give_place(struct job *j)
{
	struct executor_places *p = j->sched->executor_places;
	if (!j->place.limit || !p)
		return;
	limit_give(&j->place, false);
	offer_all(p);
}

size_t executor_waiting(const struct sched *s)
{
	return s->executor_places ? s->executor_places->waiting : 0;
}

void executor_forget_waiting(struct sched *s)
{
	struct executor_places *p = s->executor_places;
	for (size_t i = 0; p && i < p->all.n; i++) {
		struct shared_places *at = p->all.p[i];
		size_t left = 0;
		p->waiting -= at->waiting.n;
		for (size_t k = 0; k < at->waiting.n; k++)
			if (sched_may_start(s, at->waiting.p[k]))
				at->waiting.p[left++] = at->waiting.p[k];
		at->waiting.n = left;
		p->waiting += left;
		if (!left && at->limit)
			limit_leave(at->limit);
	}
}

void executor_places_free(struct sched *s)
{
	struct executor_places *p = s->executor_places;
	if (!p)
		return;
	loop_timer_clear(s->c->loop, &p->again);
	if (p->limits) {
		loop_unwatch(s->c->loop, limits_fd(p->limits));
		limits_close(p->limits);
	}
	for (size_t i = 0; i < p->all.n; i++)
		vec_free(&p->all.p[i]->waiting);
	arena_free(&p->arena);
	free(p);
	s->executor_places = NULL;
}
