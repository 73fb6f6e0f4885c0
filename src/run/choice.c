#include "run/choice.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/os.h"
#include "run/choice_parts.h"
#include "run/job.h"
#include "run/quota.h"
#include "run/served.h"
#include "state/limits.h"

/* In tries_with: the job has left that provider. */
#define NO_MORE UINT32_MAX

struct choice *choice_new(struct sched *s)
{
	struct choice *c = xcalloc(1, sizeof *c);
	c->sched = s;
	c->timer = (struct loop_timer){.fn = choice_time, .self = c};
	return c;
}

void choice_free(struct choice *c)
{
	loop_timer_clear(c->sched->c->loop, &c->timer);
	if (c->limits) {
		loop_unwatch(c->sched->c->loop, limits_fd(c->limits));
		limits_close(c->limits);
	}
	for (size_t i = 0; i < c->all.n; i++) {
		vec_free(&c->all.p[i]->waiting);
		vec_free(&c->all.p[i]->refused);
	}
	vec_free(&c->all);
	arena_free(&c->arena);
	free(c);
}

/* Opened when a provider first needs it: most runs share nothing. */
static struct limits *limits_of(struct choice *c)
{
	if (c->limits || c->problem.n)
		return c->limits;
	c->limits = limits_open(&c->arena, &c->problem);
	if (c->limits && limits_fd(c->limits) >= 0)
		loop_watch(c->sched->c->loop, limits_fd(c->limits), EPOLLIN, choice_others_moved, c);
	return c->limits;
}

static bool shares(const struct provider *p)
{
	return p->rate_capacity || p->max_concurrent || p->quota_on.n;
}

static struct str not_kept(struct choice *c, const struct provider *p, struct str why)
{
	return arena_printf(&c->arena, "the limits of '%.*s' cannot be kept: %.*s", STR_ARG(p->name), STR_ARG(why));
}

/* First use: is it there, and can its limits be kept? */
static void look_at(struct choice *c, struct served *v)
{
	const struct provider *p = v->provider;
	struct sbuf b = {0};
	v->known = true;
	if (!agent_installed(&c->arena, p, c->sched->path_env, NULL)) {
		served_missing(&b, p);
		v->missing = arena_copy(&c->arena, sbuf_view(&b));
		sbuf_free(&b);
	}
	if (shares(p)) {
		struct limits *l = limits_of(c);
		v->limit = l ? limit_of(l, p->name) : NULL;
		/* Without limits of its own it may serve: only what it says of its quota stays in this run. */
		if (!v->limit && (p->rate_capacity || p->max_concurrent))
			v->gone = not_kept(c, p, l ? str_of(os_error(errno)) : c->problem);
	}
}

static struct served *served_of(struct choice *c, const struct provider *p)
{
	for (size_t i = 0; i < c->all.n; i++)
		if (c->all.p[i]->provider == p)
			return c->all.p[i];
	struct served *v = arena_new(&c->arena, struct served);
	v->provider = p;
	v->again_ns = INT64_MAX;
	vec_push(NULL, &c->all, v);
	return v;
}

/* Said when another one serves in its place: else the task that fails says it. Once. */
static void tell_aside(struct choice *c, const struct task *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct served *v = served_of(c, t->providers[i]);
		if (v->aside.n)
			sched_warn(c->sched, NULL, "%.*s", STR_ARG(v->aside));
		v->aside = STR_NONE;
	}
}

static bool serves(const struct served *v, const struct job *j, size_t i)
{
	return !v->gone.n && !(v->no_more && j->provider != v->provider) && (!v->missing.n || j->task->executor) && !served_closed(v) && !(j->tries_with && j->tries_with[i] == NO_MORE) && !served_refuses(v, j->task->model);
}

/* The first that serves the job in this run, or NULL. One that is away, or may be installed elsewhere but is not here, serves only where all are so, and one that keeps failing only where no other does. */
static struct served *first_serving(struct choice *c, const struct job *j)
{
	const struct task *t = j->task;
	struct served *away = NULL, *failing = NULL;
	for (size_t i = 0; i < t->n_providers; i++) {
		struct served *v = served_of(c, t->providers[i]);
		if (!v->known)
			look_at(c, v);
		if (!serves(v, j, i))
			continue;
		if (v->failing.n) {
			failing = failing ? failing : v;
			continue;
		}
		if (served_away(v) || v->missing.n) {
			away = away ? away : v;
			continue;
		}
		tell_aside(c, t, i);
		return v;
	}
	return away ? away : failing;
}

bool choice_waits(struct choice *c, struct job *j)
{
	struct served *v = j->task->kind == TASK_AGENT ? first_serving(c, j) : NULL;
	int64_t until = v ? served_cooling_until(v) : 0;
	if (!v || (!v->busy && !until))
		return false;
	choice_wait(c, v, j, until ? LIMIT_LACKS_REST : v->lack, until ? until : INT64_MAX);
	return true;
}

static uint32_t *tries_with(struct job *j, const struct provider *p)
{
	const struct task *t = j->task;
	size_t i = 0;
	if (!j->tries_with)
		j->tries_with = arena_array(&j->arena, uint32_t, t->n_providers + 1); /* the last: of one that an earlier run had */
	while (i < t->n_providers && t->providers[i] != p)
		i++;
	return &j->tries_with[i];
}

static void taken(struct served *v, struct job *j)
{
	if (v->cool_ns) {
		v->probe = j;
		v->probe_ns = clock_ns();
	}
	if (j->provider && j->provider != v->provider) {
		uint32_t *from = tries_with(j, j->provider), *to = tries_with(j, v->provider);
		*from = *from == NO_MORE ? NO_MORE : j->tries - j->tries_before;
		j->tries_before = j->tries - *to;
		j->fell_back = true;
	}
	v->dry_ns = v->tell_ns = 0;
	j->provider = v->provider;
}

struct choice_none choice_why_none(const struct job *j)
{
	struct choice *c = j->sched->choice;
	struct choice_none none = {0};
	struct sbuf b = {0};
	for (size_t i = 0; i < j->task->n_providers; i++) {
		const struct served *v = served_of(c, j->task->providers[i]);
		none.closed = none.closed || (!v->gone.n && served_closed(v));
		sbuf_lit(&b, b.n ? "; " : "");
		served_why_not(v, j->task->model, &c->arena, &b);
	}
	choice_add_excluded(&b, c->sched->c->graph, j->task);
	if (none.closed) /* no failure will tell of it */
		tell_aside(c, j->task, j->task->n_providers);
	none.why = arena_copy(&c->arena, sbuf_view(&b));
	sbuf_free(&b);
	return none;
}

/* Asks the limits that all processes share. */
static struct limit_answer ask(struct served *v, struct job *j)
{
	const struct provider *p = v->provider;
	const struct limit_rule rule = {p->rate_capacity, p->rate_refill, p->max_concurrent};
	j->hold = (struct limit_hold){.fd = -1};
	return v->limit ? limit_take(v->limit, &rule, &j->hold) : (struct limit_answer){.kind = LIMIT_TAKEN};
}

enum choice_result choice_take(struct choice *c, struct job *j, struct choice_none *none)
{
	struct served *v;
	while ((v = first_serving(c, j))) {
		struct limit_answer a = ask(v, j);
		switch (a.kind) {
		case LIMIT_TAKEN:
			taken(v, j);
			return CHOICE_TAKEN;
		case LIMIT_WAIT:
			v->dry_ns = a.again_ns == INT64_MAX ? 0 : a.again_ns;
			if (served_away(v) && first_serving(c, j) != v) {
				if (!v->waiting.n)
					limit_leave(v->limit);
				break;
			}
			choice_wait(c, v, j, a.lack, a.again_ns);
			return CHOICE_WAITS;
		case LIMIT_CLOSED:
			served_close(v, &c->arena, a.until_ms, STR("as another run was told"));
			break;
		case LIMIT_OWN:
			v->gone = arena_printf(&c->arena, "every place of '%.*s' is held by a run that this one is inside of", STR_ARG(v->provider->name));
			break;
		case LIMIT_FAILED:
			v->gone = not_kept(c, v->provider, str_of(os_error(a.err)));
			break;
		}
	}
	*none = choice_why_none(j);
	return CHOICE_NONE;
}

void choice_release(struct job *j)
{
	struct choice *c = j->sched->choice;
	struct served *v = j->provider ? served_of(c, j->provider) : NULL;
	if (!v)
		return;
	limit_give(&j->hold, false);
	if (v->probe == j)
		v->probe = NULL;
	if (v->waiting.n)
		choice_offer_all(c, v);
	choice_timer(c);
}

/* Its program says that nothing is left: for all runs, until then. */
static void out_of_quota(struct choice *c, struct served *v, const struct job *j)
{
	int64_t until_ms = quota_until(j->answer.quota_reset, clock_wall_ns()) / NS_PER_MS;
	int err = v->limit ? limit_close(v->limit, until_ms, LIMIT_NO_QUOTA) : 0;
	served_close(v, &c->arena, until_ms, mask_copy(&c->sched->mask, &c->arena, j->outcome.error));
	if (err || !v->limit)
		sched_warn(c->sched, NULL, "other runs cannot be told that '%.*s' is out of quota: %.*s", STR_ARG(v->provider->name),
			   STR_ARG(err ? str_of(os_error(err)) : c->problem));
}

void choice_ended(struct job *j, enum try_class class)
{
	if (!j->provider)
		return;
	struct served *v = served_of(j->sched->choice, j->provider);
	if (class == TRY_QUOTA)
		out_of_quota(j->sched->choice, v, j);
	limit_give(&j->hold, class == TRY_OK);
	served_answered(v, class, j->try_began_ns);
}

/* Is there another one that could serve it, and does not fail as well? */
static bool another_serves(struct choice *c, const struct job *j, const struct served *v)
{
	for (size_t i = 0; i < j->task->n_providers; i++) {
		struct served *other = served_of(c, j->task->providers[i]);
		if (!other->known)
			look_at(c, other);
		if (other != v && !other->failing.n && serves(other, j, i))
			return true;
	}
	return false;
}

static struct str silence(struct choice *c, const struct job *j)
{
	struct sbuf b = {0};
	sbuf_lit(&b, "no output for ");
	clock_duration(&b, j->outcome.timeout_ns);
	struct str said = arena_copy(&c->arena, sbuf_view(&b));
	sbuf_free(&b);
	return said;
}

/* How much sets it aside. Never before a task has had the tries that were granted to it, where it could have them nowhere else; and that it is busy says nothing for others of that kind: who comes later may find it at leisure. */
static struct served_enough enough(struct choice *c, const struct job *j, const struct served *v, enum try_class class, bool again)
{
	struct served_enough never = {UINT_MAX, UINT_MAX};
	bool blamed = class & SERVED_BLAMED;
	if (another_serves(c, j, v))
		return again || blamed ? (struct served_enough){again ? 3 : 2, UINT_MAX} : never;
	return blamed && !again && class != TRY_TRANSIENT ? (struct served_enough){UINT_MAX, 3} : never;
}

enum choice_next choice_after_failure(struct job *j, enum try_class class, int64_t again_ns, struct str *name)
{
	struct choice *c = j->sched->choice;
	struct served *v = j->provider ? served_of(c, j->provider) : NULL;
	bool again = again_ns >= 0;
	if (!v)
		return CHOICE_SAME;
	served_blame(v, &c->arena, j->task->model, class, class == TRY_STALL ? silence(c, j) : j->outcome.error, enough(c, j, v, class, again));
	if (class == TRY_AUTH || (class == TRY_TRANSIENT && !again))
		*tries_with(j, j->provider) = NO_MORE;
	else if (class == TRY_TRANSIENT)
		served_cool_down(v, again_ns);
	bool out = v->gone.n || v->failing.n || served_closed(v) || class == TRY_AUTH || class == TRY_TRANSIENT;
	const struct served *next = out ? first_serving(c, j) : v;
	if (next == v)
		return CHOICE_SAME;
	if (!next)
		return CHOICE_OVER;
	*name = next->provider->name;
	return CHOICE_OTHER;
}

struct str choice_instead(struct job *j)
{
	*tries_with(j, j->provider) = NO_MORE;
	const struct served *next = first_serving(j->sched->choice, j);
	return next ? next->provider->name : STR_NONE;
}
