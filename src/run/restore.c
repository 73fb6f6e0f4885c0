/* A stale task that the cache knows the outcome of: what it made is put back, and goes on record. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "base/os.h"
#include "graph/cached.h"
#include "graph/content.h"
#include "graph/fields.h"
#include "run/putback.h"
#include "run/shelf.h"

struct restoring {
	struct job *j;
	struct cached found;
	struct putback back;
};

static struct sched *sched_of(const struct restoring *r)
{
	return r->j->sched;
}

/* The result is kept where results are. */
static bool fetch_result(struct restoring *r)
{
	struct sched *s = sched_of(r);
	const struct cache_content *c = &r->found.entry.result;
	struct store *store = s->c->store;
	const char *aside = PUTBACK_ASIDE "/result";
	if (!r->found.entry.has_result || !c->size || store_has_result(store, c->hash, c->size))
		return true;
	if (c->here.p) {
		int err = store_write_result(store, c->here, c->hash);
		return !err || putback_problem(&r->back, STR("its result"), err);
	}
	unlinkat(store->fd, aside, 0);
	int fd = openat(store->fd, aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err = fd < 0 ? errno : cache_read(s->c->cache, c, fd);
	if (fd >= 0 && close(fd) && !err && errno != EINTR)
		err = errno;
	if (!err)
		err = store_keep_result(store, aside, c->hash);
	unlinkat(store->fd, aside, 0);
	return !err || (!putback_lost(&r->back, err) && putback_problem(&r->back, STR("its result"), err));
}

/* As an answer that comes now, it must have the fields that are used now. */
static bool is_fit(struct restoring *r)
{
	struct job *j = r->j;
	struct task *t = j->task;
	const struct cache_content *c = &r->found.entry.result;
	struct str text = STR_NONE;
	if (!t->fields.n || !r->found.entry.has_result)
		return !t->fields.n;
	if (c->size && !store_read_result(j->sched->c->store, &j->arena, c->hash, &text))
		return putback_problem(&r->back, STR("its result"), EBADMSG);
	fields_read(j->sched->arena, t, c->hash, text);
	return !fields_missing(t);
}

static bool record(struct restoring *r)
{
	struct job *j = r->j;
	struct task *t = j->task;
	struct store *store = j->sched->c->store;
	const struct cache_entry *e = &r->found.entry;
	t->has_result = e->has_result;
	t->result = e->result.hash;
	t->result_size = e->result.size;
	content_forget(t);
	int err = t->has_result && (t->result_size || t->kind == TASK_AGENT) ? store_show_result(store, t->name, t->result) : 0;
	if (err)
		return putback_problem(&r->back, STR("its result"), err);
	err = finish_record(j, e->duration_ns, RECORD_RESTORED);
	if (err)
		sched_state_lost(j->sched, err);
	return !err;
}

static bool restore(struct restoring *r)
{
	struct putback *b = &r->back;
	if (!putback_make_aside(b) || !fetch_result(r) || !is_fit(r))
		return false;
	b->kept = shelf_put(r->j); /* what stands there may be another answer's, that a killed run left */
	return putback_fetch(b) && putback_place(b) && record(r);
}

/* The entry is no good. */
static void drop_lost(struct restoring *r)
{
	struct sched *s = sched_of(r);
	sched_warn(s, r->j->task, "the cache '%.*s' has lost or damaged a part of what it made before, so it runs",
	           STR_ARG(cache_where(s->c->cache)));
	cache_forget(s->c->cache, r->found.signing.hash);
}

static void end(struct restoring *r)
{
	struct job *j = r->j;
	struct sched *s = j->sched;
	salvage_forget(j);
	cache_used(s->c->cache, r->found.signing.hash);
	j->outcome.duration_ns = r->found.entry.duration_ns;
	j->outcome.provider = r->found.entry.provider;
	j->outcome.restored = true;
	if (sharing_gave(s, r->found.signing.hash))
		j->outcome.restored_from = s->c->server->url;
	j->task->state = STATE_DONE;
	s->result.restored++;
	sched_send(s, &(struct event){.kind = EVENT_END, .task = j->task, .outcome = &j->outcome, .verdict = &j->verdict});
}

/* What only this run stores in, and has made, holds but what other tasks have made in it: of that it takes what both share. To find this out costs its inputs' hashes. */
static bool may_know(const struct sched *s, const struct task *t)
{
	return !s->c->cache || s->c->server || s->gone_on || t->def->cache > 0 || !cache_is_own(s->c->cache);
}

/* What the cache has of it, if anything; and whether that, or a run, would write over what it must not: then *refused says so. */
static bool look_up(struct sched *s, struct arena *a, struct task *t, const struct verdict *v, struct cached *out, bool *found, struct str *refused)
{
	struct verdict edit;
	*found = false;
	if (may_know(s, t)) {
		stash_all(s); /* it may be just that */
		*found = cached_find(s->c->stale, s->c->cache, a, t, v, out);
	}
	if (!stale_refused(s->c->stale, t, *found ? &out->entry : NULL, &edit))
		return false;
	*refused = stale_reason(s->arena, &edit);
	return true;
}

bool restore_refuses(struct sched *s, struct task *t, const struct verdict *v, struct str *refused)
{
	struct arena a = {0};
	struct cached out = {0};
	bool found = false, refuses = t->def->on_edit == ON_EDIT_FAIL && look_up(s, &a, t, v, &out, &found, refused);
	sbuf_free(&out.signing.fields);
	arena_free(&a);
	return refuses;
}

enum restored restore_task(struct sched *s, struct task *t, const struct verdict *v, struct str *refused)
{
	struct job j = {.sched = s, .task = t, .start_id = s->next_start_id, .verdict = *v};
	struct restoring r = {.j = &j};
	struct putback *b = &r.back;
	bool found, done = false, refuses = look_up(s, &j.arena, t, v, &r.found, &found, refused);
	if (s->c->cache)
		stash_warn(s, t);
	if (refuses) {
		sbuf_free(&r.found.signing.fields);
		arena_free(&j.arena);
		return found ? RESTORED_NEVER : RESTORED_NOT;
	}
	if (found) {
		const struct cache_entry *e = &r.found.entry;
		s->next_start_id++;
		j.dir = store_task_dir(&j.arena, t->name);
		j.provider = r.found.provider;
		j.signing = r.found.signing;
		j.tries = e->tries;
		j.last_first_byte_ns = e->first_byte_ns;
		j.outcome = (struct outcome){.input_tokens = e->input_tokens,
		                             .output_tokens = e->output_tokens,
		                             .cache_read_tokens = e->cache_read_tokens,
		                             .cache_write_tokens = e->cache_write_tokens,
		                             .cost_usd = e->cost_usd};
		*b = (struct putback){.j = &j, .from = s->c->cache, .entry = e, .whence = "from the cache"};
		struct cache_attend before = cache_attend(s->c->cache, (struct cache_attend){putback_go_on, b});
		done = stash_take(s, r.found.signing.hash, t) && restore(&r);
		cache_attend(s->c->cache, before);
		putback_sweep(s);
	}
	if (b->lost)
		drop_lost(&r);
	/* Its answer is known. An agent that is asked for another one is paid, and would meet the same obstacle. */
	if (b->problem.n && t->kind == TASK_AGENT && !b->outside)
		*refused = arena_printf(s->arena, "%.*s; it is not asked again for what it has answered (--no-cache does)", STR_ARG(b->problem));
	else if (b->problem.n)
		sched_warn(s, t, "%.*s; it runs instead", STR_ARG(b->problem));
	else if (!found && r.found.problem.n && t->kind == TASK_AGENT)
		*refused = arena_copy(s->arena, r.found.problem); /* should it be over before it is asked, the cache may hold its answer */
	else if (!found && r.found.out_of_reach && t->kind == TASK_AGENT)
		*refused = arena_printf(s->arena, "cannot use the cache '%.*s': %s; it may hold its answer, so it is not asked (--no-cache does)",
		                        STR_ARG(cache_where(s->c->cache)), os_error(r.found.out_of_reach));
	if (done)
		end(&r);
	bool lacks = found ? b->lost : !r.found.out_of_reach && !r.found.problem.n;
	sbuf_free(&j.signing.fields);
	arena_free(&j.arena);
	if (done)
		sched_completed(s, t);
	return done ? RESTORED : lacks ? RESTORED_NOT : RESTORED_NEVER;
}
