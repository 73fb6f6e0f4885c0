/* Tasks that wait for a provider: each with the provider, until a time or until somebody gives something back. */
#include "base/clock.h"
#include "run/choice.h"
#include "run/choice_parts.h"
#include "run/job.h"

void choice_offer_all(struct choice *c, struct served *v)
{
	v->busy = false;
	v->dry_ns = 0;
	v->again_ns = INT64_MAX;
	c->waiting -= v->waiting.n;
	for (size_t i = 0; i < v->waiting.n; i++)
		sched_offer(c->sched, v->waiting.p[i]);
	v->waiting.n = 0;
}

/* 0 is no time. */
static int64_t earlier(int64_t a, int64_t b)
{
	return b && b < a ? b : a;
}

void choice_timer(struct choice *c)
{
	int64_t first = INT64_MAX;
	for (size_t i = 0; i < c->all.n; i++)
		if (c->all.p[i]->waiting.n)
			first = earlier(first, earlier(c->all.p[i]->again_ns, c->all.p[i]->tell_ns));
	if (first == INT64_MAX)
		loop_timer_clear(c->sched->c->loop, &c->timer);
	else
		loop_timer_set(c->sched->c->loop, &c->timer, first);
}

/* One task stands for all that wait there. */
static void tell_waiting(struct choice *c, struct served *v)
{
	struct sbuf b = {0};
	served_why_waiting(v, &b);
	sched_send(c->sched, &(struct event){.kind = EVENT_WAITS, .task = v->waiting.p[0], .text = sbuf_view(&b)});
	sbuf_free(&b);
}

void choice_time(void *choice)
{
	struct choice *c = choice;
	int64_t now = clock_ns();
	for (size_t i = 0; i < c->all.n; i++) {
		struct served *v = c->all.p[i];
		if (v->tell_ns && v->tell_ns <= now && v->waiting.n)
			tell_waiting(c, v);
		if (v->again_ns <= now)
			choice_offer_all(c, v);
	}
	choice_timer(c);
}

void choice_others_moved(void *choice, uint32_t events)
{
	struct choice *c = choice;
	(void)events;
	limits_drain(c->limits);
	for (size_t i = 0; i < c->all.n; i++)
		if (c->all.p[i]->limit)
			choice_offer_all(c, c->all.p[i]);
	choice_timer(c);
}

void choice_wait(struct choice *c, struct served *v, struct job *j, enum limit_lack lack, int64_t again_ns)
{
	v->busy = true;
	if (again_ns < v->again_ns)
		v->again_ns = again_ns;
	vec_push(NULL, &v->waiting, j->task);
	c->waiting++;
	if (served_waits(v, lack, v->again_ns))
		tell_waiting(c, v);
	choice_timer(c);
}

size_t choice_waiting(const struct choice *c)
{
	return c->waiting;
}

void choice_idle(struct choice *c)
{
	for (size_t i = 0; i < c->all.n; i++)
		if (c->all.p[i]->limit)
			limit_leave(c->all.p[i]->limit);
}

void choice_forget(struct choice *c)
{
	c->waiting = 0;
	for (size_t i = 0; i < c->all.n; i++) {
		struct served *v = c->all.p[i];
		size_t left = 0;
		for (size_t k = 0; k < v->waiting.n; k++)
			if (sched_may_start(c->sched, v->waiting.p[k]))
				v->waiting.p[left++] = v->waiting.p[k];
		v->waiting.n = left;
		c->waiting += left;
	}
	if (!c->waiting)
		choice_idle(c);
	choice_timer(c);
}
