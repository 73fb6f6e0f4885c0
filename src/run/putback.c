#include "run/putback.h"

#include <errno.h>

#include "base/os.h"
#include "graph/content.h"
#include "run/destination.h"
#include "run/foreign.h"

#define LOOKS 3 /* at outputs that somebody changes again and again */

static struct sched *sched_of(const struct putback *r)
{
	return r->j->sched;
}

bool putback_problem(struct putback *r, struct str path, int err)
{
	if (err == EINTR)
		return false;
	r->outside = err == EXDEV;
	r->problem = arena_printf(&r->j->arena, "cannot restore '%.*s' %s: %s", STR_ARG(path), r->whence,
	                          err == EXDEV ? "a link leads out of the root there" : os_error(err));
	return false;
}

/* Damaged, or gone since it was looked for. */
bool putback_lost(struct putback *r, int err)
{
	r->lost = r->lost || err == EBADMSG || err == ENOENT;
	return r->lost;
}

/* A restoring takes as long as it takes; what runs meanwhile is attended all the same. false: the run is to end. */
bool putback_go_on(void *putback)
{
	return sched_turn(sched_of(putback));
}

bool putback_make_aside(struct putback *r)
{
	int err = os_mkdirs(sched_of(r)->c->store->fd, PUTBACK_ASIDE, 0700);
	return !err || putback_problem(r, STR(".axmake/" PUTBACK_ASIDE), err);
}

/* What is kept elsewhere just as it stands here is nobody's loss. */
static bool is_kept(const struct putback *r, const struct standing *o)
{
	for (size_t i = 0; r->kept && i < r->kept->n_outputs; i++)
		if (str_eq(r->kept->outputs[i].path, o->made->path) && hash_eq(r->kept->outputs[i].hash, o->hash))
			return true;
	return false;
}

static bool look(struct putback *r)
{
	struct task *t = r->j->task;
	r->outputs = arena_array(&r->j->arena, struct standing, t->outputs.n + 1);
	for (size_t i = 0; i < t->outputs.n; i++) {
		struct str why = STR_NONE;
		r->outputs[i] = (struct standing){.pattern = &t->outputs.p[i], .made = &r->entry->outputs[i]};
		if (!standing_look(&r->outputs[i], sched_of(r)->c, &r->j->arena, t, &why)) {
			if (why.n)
				r->problem = arena_printf(&r->j->arena, "cannot restore it %s: %.*s", r->whence, STR_ARG(why));
			return false;
		}
		if (is_kept(r, &r->outputs[i]))
			r->outputs[i].owner = OWNER_TASK;
	}
	return true;
}

static bool still(struct putback *r)
{
	for (size_t i = 0; i < r->entry->n_outputs; i++)
		if (!standing_still(&r->outputs[i], sched_of(r)->c))
			return false;
	return true;
}

/* Fetching takes a while, in which somebody may have changed what stands there: that is then his, and kept. */
bool putback_fetch(struct putback *r)
{
	bool ok = true, stands = false;
	for (int i = 0; ok && !stands && i < LOOKS; i++) {
		if (i)
			putback_sweep(sched_of(r));
		ok = look(r) && putback_make_aside(r) && putback_contents(r);
		stands = ok && still(r);
	}
	if (ok && !stands)
		r->problem = arena_printf(&r->j->arena, "cannot restore %s what somebody is changing", r->whence);
	return stands;
}

void putback_sweep(struct sched *s)
{
	if (!s->c->store->apart)
		os_remove_tree(s->c->store->fd, PUTBACK_ASIDE);
}

static bool keep(struct putback *r, struct str path)
{
	int err = store_keep_edited(sched_of(r)->c->store, r->j->task->name, path);
	return !err || err == ENOENT || putback_problem(r, path, err);
}

/* output: NULL where `what` is a file of one. */
static void warn_kept(struct putback *r, struct str what, const struct pattern *output)
{
	sched_warn(sched_of(r), r->j->task,
	           "'%.*s' %s and is restored %s; what stood there is kept in .axmake/%.*s/edited",
	           STR_ARG(what), foreign_word(sched_of(r)->c, r->j->task, output), r->whence, STR_ARG(r->j->dir));
}

/* Of what is to go: an agent's own file was paid for, and what a failed try left may be somebody's, too. */
static bool spares_extra(const struct putback *r, const struct standing *o)
{
	return o->owner == OWNER_LEFT || (o->owner == OWNER_TASK && r->j->task->kind == TASK_AGENT);
}

/* What somebody else made of an output is kept before it is written over. */
static bool keep_others(struct putback *r, struct standing *o)
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
		warn_kept(r, content_label(&r->j->arena, o->pattern), o->pattern);
	for (size_t i = 0; spares_extra(r, o) && i < o->extra.n; i++)
		if (!standing_is_folder(o->extra.p[i]) && !keep(r, o->extra.p[i]->path))
			return false;
	return true;
}

/* Nothing else than what was made stands where all that stood there was the task's own; what others put beside it stays. */
static bool remove_extra(struct putback *r, struct standing *o, struct destination *p)
{
	for (size_t i = o->owner != OWNER_OTHERS ? o->extra.n : 0; i-- > 0;) {
		int err = destination_remove(p, o->extra.p[i]->path, standing_is_folder(o->extra.p[i]));
		if (err)
			return putback_problem(r, o->extra.p[i]->path, err);
	}
	return true;
}

/* What stands there only since it was last looked at is somebody's. */
static bool put_part(struct putback *r, struct destination *p, const struct missing *m)
{
	int fd, at = sched_of(r)->c->store->fd;
	int err = m->aside ? destination_move(p, at, m->aside, m->part->path, m->over ? &m->was : NULL)
	                   : destination_folder(p, m->part->path, true, &fd);
	if (err == EBUSY && m->aside) {
		if (!keep(r, m->part->path))
			return false;
		warn_kept(r, m->part->path, NULL);
		err = destination_move_over(p, at, m->aside, m->part->path);
	}
	return !err || putback_problem(r, m->part->path, err);
}

static bool put(struct putback *r, struct standing *o)
{
	struct destination p;
	int fd, err = destination_open(&p, &r->j->arena, sched_of(r)->c->store->root_fd, r->j->task, o->pattern);
	if (!err && o->pattern->kind == PATTERN_TREE)
		err = destination_folder(&p, o->pattern->path, true, &fd);
	bool ok = (!err || putback_problem(r, o->pattern->path, err)) && remove_extra(r, o, &p);
	for (size_t i = 0; ok && i < o->missing.n; i++) {
		putback_go_on(r); /* to its end in any case: what stands there half is of no use */
		ok = put_part(r, &p, &o->missing.p[i]);
	}
	destination_close(&p);
	return ok;
}

/* As before a run: what a killed restoring leaves must never be taken for somebody's edit. */
bool putback_begin(struct job *j)
{
	struct sched *s = j->sched;
	int err = log_start(s->c->log, s->c->graph->workflow->file, j->task->name, j->start_id, s->c->run_id);
	if (!err && j->task->outputs.n)
		err = store_mark_start(s->c->store, j->task->name, j->start_id);
	if (!err)
		err = stale_begin(s->c->stale, &j->arena, j->task, j->start_id, &j->makers);
	if (!err && lasting_wanted(j))
		err = log_sync(s->c->log);
	if (err)
		sched_state_lost(s, err);
	return !err;
}

/* The outputs' hashes are those of the entry, where nothing else stands there; else what stands there counts, as after a run. */
static bool take_hashes(struct putback *r)
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
			return putback_problem(r, o->pattern->path, EIO);
	}
	return true;
}

bool putback_place(struct putback *r)
{
	for (size_t i = 0; i < r->entry->n_outputs; i++)
		if (!keep_others(r, &r->outputs[i]))
			return false;
	if (!putback_begin(r->j))
		return false;
	for (size_t i = 0; i < r->entry->n_outputs; i++)
		if (!put(r, &r->outputs[i]))
			return false;
	return take_hashes(r);
}
