#include "base/clock.h"
#include "base/utf8.h"
#include "show/phrase.h"
#include "show/status_parts.h"
#include "show/underway.h"

#define MOST_NAMED 2

/* Also one of which nothing was asked. */
static bool at_work(const struct scene *s, const struct task *t)
{
	struct open_start start;

	if (t->wanted)
		return s->tasks[t->id].state == S_RUNNING;
	if (t->kind == TASK_GROUP || !s->view->log)
		return false;
	start = log_open_start(s->view->log, s->view->graph->workflow->file, t->name);
	return start.open && !start.failed && start.run_id == s->run->holder.run_id;
}

static void add_busy(struct scene *s, const struct task *t)
{
	struct busy *b = &s->busy;

	if (underway_task(s->run, t->name)->asks.n)
		return; /* it has given its places to those whom it asks */
	b->slots += t->def->slots;
	b->agents += t->kind == TASK_AGENT;
	b->complex[t->def->complexity]++;
	b->pools[t->def->pool_number]++;
}

static const struct provider *provider_of(const struct task *t)
{
	return t->kind == TASK_AGENT && t->n_providers ? t->providers[0] : NULL;
}

static struct busy_provider *busy_provider(struct scene *s, struct str name)
{
	void **slot = map_slot(&s->busy.providers, name);

	if (!*slot)
		*slot = arena_new(s->view->arena, struct busy_provider);
	return *slot;
}

/* What was told of one of those that wait at a provider stands for all; its time does not. */
static void add_told(struct scene *s, const struct task *t)
{
	const struct underway_task *told = underway_task(s->run, t->name);
	const struct provider *p = provider_of(t);

	if (told->waits.n && p)
		busy_provider(s, p->name)->told = str_sub(told->waits, 0, str_find(told->waits, STR(";"), 0));
	if (told->provider.n && at_work(s, t))
		busy_provider(s, told->provider)->calls++;
}

void status_count_busy(struct scene *s)
{
	const struct graph *g = s->view->graph;

	s->busy = (struct busy){.pools = arena_array(s->view->arena, size_t, g->workflow->pools.n + 1)};
	for (size_t i = 0; i < g->tasks.n; i++) {
		if (at_work(s, g->tasks.p[i]))
			add_busy(s, g->tasks.p[i]);
		add_told(s, g->tasks.p[i]);
	}
}

/* Has it ended, as far as those that need it are concerned? */
static bool is_over(const struct scene *s, const struct task *t)
{
	enum state state = s->tasks[t->id].state;

	return state != S_RUNNING && state != S_WAITING && state != S_STALE;
}

/* "design and api", "design, api and 3 more": of those before it that have not ended. */
static bool add_dependencies(struct sbuf *b, const struct scene *s, const struct task *t)
{
	const struct task *named[MOST_NAMED + 1];
	size_t n = 0;

	for (size_t i = 0; i < t->deps.n; i++) {
		if (is_over(s, t->deps.p[i].task))
			continue;
		if (n <= MOST_NAMED)
			named[n] = t->deps.p[i].task;
		n++;
	}
	size_t shown = n > MOST_NAMED + 1 ? MOST_NAMED : n;
	for (size_t i = 0; i < shown; i++) {
		sbuf_lit(b, !i ? "for " : i + 1 < n ? ", " : " and ");
		sbuf_str(b, named[i]->name);
	}
	if (n > shown)
		sbuf_printf(b, " and %zu more", n - shown);
	return n > 0;
}

void status_span(struct sbuf *b, int64_t ns)
{
	if (ns < 60 * NS_PER_S)
		sbuf_printf(b, "%ds", (int)(ns > 0 ? (ns + NS_PER_S - 1) / NS_PER_S : 0));
	else
		clock_duration(b, ns);
}

/* "for try 2 in 4s, after a failure (transient)" */
static bool add_rest(struct sbuf *b, const struct scene *s, const struct task *t)
{
	const struct underway_task *told = underway_task(s->run, t->name);
	int64_t left_ms = told->due_ms - clock_wall_ns() / NS_PER_MS;

	if (left_ms <= 0)
		return false;
	sbuf_printf(b, "for try %u in ", told->tries + 1);
	status_span(b, left_ms * NS_PER_MS);
	sbuf_lit(b, ", after a failure");
	if (told->class.n && !str_eq(told->class, STR("failed")))
		sbuf_printf(b, " (%.*s)", STR_ARG(told->class));
	return true;
}

/* What it would take is taken: of -j, of the limit on agents, of its pool, of its complexity. */
static bool add_places(struct sbuf *b, const struct scene *s, const struct task *t)
{
	static const size_t at_once[] = {[COMPLEXITY_LOW] = SIZE_MAX, [COMPLEXITY_MEDIUM] = 2, [COMPLEXITY_HIGH] = 1};
	const struct busy *busy = &s->busy;
	const struct pool_def *pool = t->def->pool_number ? &s->view->graph->workflow->pools.p[t->def->pool_number - 1] : NULL;
	int64_t jobs = s->run->jobs, agents = s->run->agents, wants = t->def->slots;

	if (t->kind == TASK_AGENT && agents > 0 && busy->agents >= (size_t)agents)
		sbuf_printf(b, "for another agent to end: %zu of %lld at work", busy->agents, (long long)agents);
	else if (pool && busy->pools[t->def->pool_number] >= pool->places)
		sbuf_printf(b, "for a place in pool '%.*s': %zu of %u taken", STR_ARG(pool->name.s), busy->pools[t->def->pool_number], pool->places);
	else if (busy->complex[t->def->complexity] >= at_once[t->def->complexity])
		sbuf_printf(b, "for its turn: of complexity %s there run%s at once", t->def->complexity == COMPLEXITY_HIGH ? "high" : "medium",
			    t->def->complexity == COMPLEXITY_HIGH ? "s one" : " two");
	else if (jobs > 0 && wants && busy->slots && (int64_t)busy->slots + (wants < jobs ? wants : jobs) > jobs)
		sbuf_printf(b, "for %s: %zu of %lld taken", wants > 1 ? "free slots" : "a free slot", busy->slots, (long long)jobs);
	return b->n > 0;
}

static bool add_provider(struct sbuf *b, const struct scene *s, const struct task *t)
{
	const struct provider *p = provider_of(t);
	const struct busy_provider *known = p ? map_get(&s->busy.providers, p->name) : NULL;

	if (known && known->told.n)
		sbuf_printf(b, "for its provider: %.*s", STR_ARG(known->told));
	else if (known && p->max_concurrent && known->calls >= p->max_concurrent)
		sbuf_printf(b, "for its provider: all places of '%.*s' are taken", STR_ARG(p->name));
	return b->n > 0;
}

struct str status_waits(const struct scene *s, const struct task *t)
{
	struct sbuf b = {0};

	if (!add_dependencies(&b, s, t) && !add_rest(&b, s, t) && !add_places(&b, s, t) && !add_provider(&b, s, t))
		sbuf_lit(&b, "for its turn");
	struct str text = arena_copy(s->view->arena, sbuf_view(&b));
	sbuf_free(&b);
	return text;
}
