/* Tasks that wait to hear whether a server has what they make, and what goes there. */
#include "graph/cached.h"
#include "run/job.h"
#include "run/remote.h"

struct asker {
	struct task *task;
	size_t *pending; /* signatures that its task still waits for */
	struct asker *next;
};

/* Whether the entry is there, the next look into the cache tells. */
static void fetched(void *sched, struct hash128 signature, bool there)
{
	struct sched *s = sched;
	struct asker *a = map_get(&s->sharing.askers, (struct str){(const char *)&signature, sizeof signature});
	(void)there;
	if (!a)
		return;
	*map_slot(&s->sharing.askers, (struct str){(const char *)&signature, sizeof signature}) = NULL;
	for (; a; a = a->next) {
		if (--*a->pending)
			continue;
		s->sharing.waiting--;
		a->task->asks_server = false;
		vec_push(NULL, &s->sharing.answered, a->task);
	}
}

static void warned(void *sched, struct str text)
{
	sched_warn(sched, NULL, "%.*s", STR_ARG(text));
}

/* No task has started it: what is left of a run does not end it. */
static void started(void *sched, pid_t pid)
{
	struct sched *s = sched;
	vec_push(NULL, &s->strangers.pids, pid);
}

void sharing_begin(struct sched *s)
{
	struct remote_listener to = {.fetched = fetched, .warn = warned, .started = started, .self = s};
	if (s->c->server && s->c->cache)
		s->remote = remote_new(s->arena, s->c->server_program, s->c->server, s->c->loop, &to);
}

static void wait_for(struct sched *s, struct task *t, const struct hash128 *signature, size_t *pending)
{
	struct asker *a = arena_new(s->arena, struct asker);
	void **slot = map_slot(&s->sharing.askers, (struct str){(const char *)signature, sizeof *signature});
	*a = (struct asker){t, pending, *slot};
	*slot = a;
	++*pending;
}

bool sharing_ask(struct sched *s, struct task *t, const struct verdict *v)
{
	struct arena a = {0};
	if (!s->remote || t->asked_server)
		return false;
	t->asked_server = true;
	struct hash128 *all = arena_array(s->arena, struct hash128, t->n_providers + 1);
	size_t *pending = arena_new(s->arena, size_t), n = cached_signatures(s->c->stale, &a, t, v, all);
	arena_free(&a);
	if (!n)
		return false;
	t->asks_server = true;
	s->sharing.waiting++;
	for (size_t i = 0; i < n; i++)
		wait_for(s, t, &all[i], pending);
	for (size_t i = 0; i < n; i++)
		if (!remote_fetch(s->remote, all[i]))
			fetched(s, all[i], false);
	return true;
}

bool sharing_answered(const struct sched *s)
{
	return s->sharing.next < s->sharing.answered.n;
}

struct task *sharing_next(struct sched *s)
{
	while (sharing_answered(s) && !s->broken && !s->signal) {
		struct task *t = s->sharing.answered.p[s->sharing.next++];
		if (t->state == STATE_STALE && sched_may_start(s, t)) /* else it was left meanwhile */
			return t;
	}
	return NULL;
}

bool sharing_waiting(const struct sched *s)
{
	return s->sharing.waiting > 0;
}

bool sharing_gave(const struct sched *s, struct hash128 signature)
{
	return s->remote && remote_gave(s->remote, signature);
}

void sharing_push(struct sched *s, struct hash128 signature, bool replace)
{
	if (s->remote)
		remote_push(s->remote, signature, replace);
}

static bool asked_to_end(void *sched)
{
	const struct sched *s = sched;
	return s->signal != 0;
}

void sharing_end(struct sched *s)
{
	if (!s->remote)
		return;
	remote_finish(s->remote, asked_to_end, s);
	remote_free(s->remote);
	s->remote = NULL;
	vec_free(&s->sharing.answered);
	map_free(&s->sharing.askers);
}
