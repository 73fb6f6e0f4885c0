/* A stale task that the cache knows the outcome of: what it made is put back. All contents are read and checked first, beside the outputs; then a start is logged, as before a run,
 * and only then anything of the root changes. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/os.h"
#include "base/path.h"
#include "graph/cached.h"
#include "graph/content.h"
#include "graph/fields.h"
#include "run/job.h"
#include "run/destination.h"
#include "run/foreign.h"
#include "run/standing.h"

#define ASIDE "restore" /* in .axmake: what is not in its place yet. One run at a time has it */
#define LOOKS 3 /* at outputs that somebody changes again and again */

struct restoring {
	struct job *j;
	struct cached found;
	struct standing *outputs;
	size_t aside; /* files made there */
	struct str problem; /* of the task's own, to be told */
	bool outside; /* it is that a link leads out of the root */
};

static struct sched *sched_of(const struct restoring *r)
{
	return r->j->sched;
}

/* EINTR: the run is to end, which is none of the cache's. */
static bool problem(struct restoring *r, struct str path, int err)
{
	if (err == EINTR)
		return false;
	r->outside = err == EXDEV;
	r->problem = arena_printf(&r->j->arena, "cannot restore '%.*s' from the cache: %s", STR_ARG(path), err == EXDEV ? "a link leads out of the root there" : os_error(err));
	return false;
}

/* A restoring takes as long as it takes; what runs meanwhile is attended all the same. false: the run is to end. */
static bool go_on(void *restoring)
{
	return sched_turn(sched_of(restoring));
}

static int fill(struct cache *c, int at, struct restoring *r, struct missing *m)
{
	const struct filehash_part *p = m->part;
	m->aside = arena_printf(&r->j->arena, ASIDE "/%zu", r->aside++).p;
	if (p->kind == PART_LINK)
		return symlinkat(arena_copy(&r->j->arena, p->link).p, at, m->aside) ? errno : 0;
	int fd = openat(at, m->aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, p->kind == PART_PROGRAM ? 0777 : 0666);
	if (fd < 0)
		return errno;
	int err = cache_read(c, &(struct cache_content){p->content, p->size, m->here}, fd);
	if (close(fd) && !err && errno != EINTR)
		err = errno;
	return err;
}

/* Damaged, or gone since it was looked for: then the entry is no good. */
static bool lost(struct restoring *r, int err)
{
	struct sched *s = sched_of(r);
	if (err != EBADMSG && err != ENOENT)
		return false;
	sched_warn(s, r->j->task, "the cache '%.*s' has lost or damaged a part of what it made before, so it runs", STR_ARG(cache_where(s->c->cache)));
	cache_forget(s->c->cache, r->found.signing.hash);
	return true;
}

/* Every content that is missing, checked, beside its place. */
static bool fetch(struct restoring *r)
{
	struct sched *s = sched_of(r);
	int at = s->c->store->fd, err;
	for (size_t i = 0; i < r->found.entry.n_outputs; i++)
		for (size_t k = 0; k < r->outputs[i].missing.n; k++) {
			struct missing *m = &r->outputs[i].missing.p[k];
			if (standing_is_folder(m->part))
				continue;
			err = go_on(r) ? fill(s->c->cache, at, r, m) : EINTR;
			if (err)
				return !lost(r, err) && problem(r, m->part->path, err);
		}
	return true;
}

/* The result is kept where results are. */
static bool fetch_result(struct restoring *r)
{
	struct sched *s = sched_of(r);
	const struct cache_content *c = &r->found.entry.result;
	struct store *store = s->c->store;
	const char *aside = ASIDE "/result";
	if (!r->found.entry.has_result || !c->size || store_has_result(store, c->hash, c->size))
		return true;
	if (c->here.p) {
		int err = store_write_result(store, c->here, c->hash);
		return !err || problem(r, STR("its result"), err);
	}
	unlinkat(store->fd, aside, 0);
	int fd = openat(store->fd, aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err = fd < 0 ? errno : cache_read(s->c->cache, c, fd);
	if (fd >= 0 && close(fd) && !err && errno != EINTR)
		err = errno;
	if (!err)
		err = store_keep_result(store, aside, c->hash);
	unlinkat(store->fd, aside, 0);
	return !err || (!lost(r, err) && problem(r, STR("its result"), err));
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
		return problem(r, STR("its result"), EBADMSG);
	fields_read(j->sched->arena, t, c->hash, text);
	return !fields_missing(t);
}

static bool keep(struct restoring *r, struct str path)
{
	int err = store_keep_edited(sched_of(r)->c->store, r->j->task->name, path);
	return !err || err == ENOENT || problem(r, path, err);
}

static void warn_kept(struct restoring *r, struct str what)
{
	sched_warn(sched_of(r), r->j->task, "'%.*s' %s and is restored from the cache; what stood there is kept in .axmake/%.*s/edited", STR_ARG(what),
		   foreign_word(sched_of(r)->c, r->j->task), STR_ARG(r->j->dir));
}

/* Of what is to go: an agent's own file was paid for, and what a failed try left may be somebody's, too. */
static bool spares_extra(const struct restoring *r, const struct standing *o)
{
	return o->owner == OWNER_LEFT || (o->owner == OWNER_TASK && r->j->task->kind == TASK_AGENT);
}

/* What somebody else made of an output is kept before it is written over. */
static bool keep_others(struct restoring *r, struct standing *o)
{
	bool any = false;
	for (size_t i = 0; o->owner == OWNER_OTHERS && i < o->missing.n; i++) {
		const struct filehash_part *s = standing_part(o, o->missing.p[i].part->path);
		if (!s || standing_is_folder(s))
			continue;
		any = true;
		if (!keep(r, s->path))
			return false;
	}
	if (any)
		warn_kept(r, content_label(&r->j->arena, o->pattern));
	for (size_t i = 0; spares_extra(r, o) && i < o->extra.n; i++)
		if (!standing_is_folder(o->extra.p[i]) && !keep(r, o->extra.p[i]->path))
			return false;
	return true;
}

/* Nothing else than what was made stands where all that stood there was the task's own; what others put beside it stays. */
static bool remove_extra(struct restoring *r, struct standing *o, struct destination *p)
{
	for (size_t i = o->owner != OWNER_OTHERS ? o->extra.n : 0; i-- > 0;) {
		int err = destination_remove(p, o->extra.p[i]->path, standing_is_folder(o->extra.p[i]));
		if (err)
			return problem(r, o->extra.p[i]->path, err);
	}
	return true;
}

/* What stands there only since it was last looked at is somebody's. */
static bool put_part(struct restoring *r, struct destination *p, const struct missing *m)
{
	int fd, at = sched_of(r)->c->store->fd;
	int err = m->aside ? destination_move(p, at, m->aside, m->part->path, m->over ? &m->was : NULL) : destination_folder(p, m->part->path, true, &fd);
	if (err == EBUSY && m->aside) {
		if (!keep(r, m->part->path))
			return false;
		warn_kept(r, m->part->path);
		err = destination_move_over(p, at, m->aside, m->part->path);
	}
	return !err || problem(r, m->part->path, err);
}

static bool put(struct restoring *r, struct standing *o)
{
	struct destination p;
	int fd, err = destination_open(&p, &r->j->arena, sched_of(r)->c->store->root_fd, r->j->task, o->pattern);
	if (!err && o->pattern->kind == PATTERN_TREE)
		err = destination_folder(&p, o->pattern->path, true, &fd);
	bool ok = (!err || problem(r, o->pattern->path, err)) && remove_extra(r, o, &p);
	for (size_t i = 0; ok && i < o->missing.n; i++) {
		go_on(r); /* to its end in any case: what stands there half is of no use */
		ok = put_part(r, &p, &o->missing.p[i]);
	}
	destination_close(&p);
	return ok;
}

/* As before a run: what a killed restoring leaves must never be taken for somebody's edit. */
static bool log_begin(struct restoring *r)
{
	struct job *j = r->j;
	struct sched *s = j->sched;
	int err = log_start(s->c->log, s->c->graph->workflow->file, j->task->name, j->start_id, s->c->run_id);
	if (!err && j->task->outputs.n)
		err = store_mark_start(s->c->store, j->task->name, j->start_id);
	if (err)
		sched_state_lost(s, err);
	return !err;
}

/* The outputs' hashes are those of the entry, where nothing else stands there; else what stands there counts, as after a run. */
static bool take_hashes(struct restoring *r)
{
	struct job *j = r->j;
	struct task *t = j->task;
	if (!t->out_hash)
		t->out_hash = arena_array(j->sched->arena, struct hash128, t->outputs.n);
	for (size_t i = 0; i < t->outputs.n; i++) {
		struct standing *o = &r->outputs[i];
		struct str why = STR_NONE;
		t->out_hash[i] = o->made->hash;
		if (o->owner == OWNER_OTHERS && o->extra.n)
			content_of_output(&j->sched->c->stale->hashing, &j->arena, o->pattern, &t->out_hash[i], &why);
		if (why.n)
			return problem(r, o->pattern->path, EIO);
	}
	return true;
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
		return problem(r, STR("its result"), err);
	err = finish_record(j, e->duration_ns, RECORD_RESTORED);
	if (err)
		sched_state_lost(j->sched, err);
	return !err;
}

static bool put_all(struct restoring *r)
{
	for (size_t i = 0; i < r->found.entry.n_outputs; i++)
		if (!keep_others(r, &r->outputs[i]))
			return false;
	if (!log_begin(r))
		return false;
	for (size_t i = 0; i < r->found.entry.n_outputs; i++)
		if (!put(r, &r->outputs[i]))
			return false;
	return take_hashes(r) && record(r);
}

static bool look(struct restoring *r)
{
	struct task *t = r->j->task;
	r->outputs = arena_array(&r->j->arena, struct standing, t->outputs.n + 1);
	for (size_t i = 0; i < t->outputs.n; i++) {
		r->outputs[i] = (struct standing){.pattern = &t->outputs.p[i], .made = &r->found.entry.outputs[i]};
		if (!standing_look(&r->outputs[i], sched_of(r)->c, &r->j->arena, t))
			return false;
	}
	return true;
}

static bool make_aside(struct restoring *r)
{
	int err = os_mkdirs(sched_of(r)->c->store->fd, ASIDE, 0700);
	return !err || problem(r, STR(".axmake/" ASIDE), err);
}

static bool still(struct restoring *r)
{
	for (size_t i = 0; i < r->found.entry.n_outputs; i++)
		if (!standing_still(&r->outputs[i], sched_of(r)->c))
			return false;
	return true;
}

/* Fetching takes a while, in which somebody may have changed what stands there: that is then his, and kept. */
static bool restore(struct restoring *r)
{
	bool ok = make_aside(r) && fetch_result(r) && is_fit(r), stands = false;
	for (int i = 0; ok && !stands && i < LOOKS; i++) {
		if (i)
			restore_sweep(sched_of(r));
		ok = look(r) && make_aside(r) && fetch(r);
		stands = ok && still(r);
	}
	if (ok && !stands)
		r->problem = STR("cannot restore from the cache what somebody is changing");
	return stands && put_all(r);
}

void restore_sweep(struct sched *s)
{
	if (s->c->cache && !s->c->store->apart)
		os_remove_tree(s->c->store->fd, ASIDE);
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
	j->task->state = STATE_DONE;
	s->result.restored++;
	sched_send(s, &(struct event){.kind = EVENT_END, .task = j->task, .outcome = &j->outcome, .verdict = &j->verdict});
}

bool restore_task(struct sched *s, struct task *t, const struct verdict *v, struct str *refused)
{
	struct job j = {.sched = s, .task = t, .start_id = s->next_start_id, .verdict = *v};
	struct restoring r = {.j = &j};
	bool found = cached_find(s->c->stale, s->c->cache, &j.arena, t, v, &r.found), done = false;
	if (s->c->cache)
		stash_warn(s, t);
	if (found) {
		const struct cache_entry *e = &r.found.entry;
		s->next_start_id++;
		j.dir = store_task_dir(&j.arena, t->name);
		j.provider = r.found.provider;
		j.signing = r.found.signing;
		j.tries = e->tries;
		j.last_first_byte_ns = e->first_byte_ns;
		j.outcome = (struct outcome){.input_tokens = e->input_tokens, .output_tokens = e->output_tokens, .cache_read_tokens = e->cache_read_tokens,
					     .cache_write_tokens = e->cache_write_tokens, .cost_usd = e->cost_usd};
		struct cache_attend before = cache_attend(s->c->cache, (struct cache_attend){go_on, &r});
		done = stash_take(s, r.found.signing.hash, t) && restore(&r);
		cache_attend(s->c->cache, before);
		restore_sweep(s);
	}
	/* Its answer is known. An agent that is asked for another one is paid, and would meet the same obstacle. */
	if (r.problem.n && t->kind == TASK_AGENT && !r.outside)
		*refused = arena_printf(s->arena, "%.*s; it is not asked again for what it has answered (--no-cache does)", STR_ARG(r.problem));
	else if (r.problem.n)
		sched_warn(s, t, "%.*s; it runs instead", STR_ARG(r.problem));
	if (done)
		end(&r);
	sbuf_free(&j.signing.fields);
	arena_free(&j.arena);
	if (done)
		sched_completed(s, t);
	return done;
}
