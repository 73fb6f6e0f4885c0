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

#define ASIDE "restore" /* in .axmake: what is not in its place yet. One run at a time has it */

/* A part that is not as it was made, or is not there. */
struct missing {
	const struct filehash_part *part;
	struct str here;
	const char *aside; /* the file in ASIDE; NULL: a folder */
};

/* One output, as it stands and as it is to stand. */
struct output {
	const struct pattern *pattern;
	const struct cache_output *made;
	struct filehash_parts stands;
	bool own; /* what stands there is what the task left itself, or one that may edit it */
	VEC(struct missing) missing;
	VEC(const struct filehash_part *) extra; /* stands there, but was not made */
};

struct restoring {
	struct job *j;
	struct cached found;
	struct output *outputs;
	size_t aside; /* files made there */
	struct str problem; /* of the task's own, to be told */
};

static struct sched *sched_of(const struct restoring *r)
{
	return r->j->sched;
}

static bool problem(struct restoring *r, struct str path, int err)
{
	r->problem = arena_printf(&r->j->arena, "cannot restore '%.*s' from the cache: %s", STR_ARG(path), err == EXDEV ? "a link leads out of the root there" : os_error(err));
	return false;
}

static bool same(const struct filehash_part *a, const struct filehash_part *b)
{
	return a->kind == b->kind && hash_eq(a->content, b->content) && str_eq(a->link, b->link);
}

static bool is_folder(const struct filehash_part *p)
{
	return p->kind == PART_FOLDER;
}

/* Both lists are in the order of their paths. */
static void compare(struct arena *a, struct output *o)
{
	const struct filehash_parts *stands = &o->stands, *made = &o->made->parts;
	size_t i = 0, k = 0;
	while (i < stands->of.n || k < made->of.n) {
		const struct filehash_part *s = i < stands->of.n ? &stands->of.p[i] : NULL, *m = k < made->of.n ? &made->of.p[k] : NULL;
		int order = !s ? 1 : !m ? -1 : str_cmp(s->path, m->path);
		if (order < 0 || (!order && is_folder(s) != is_folder(m)))
			vec_push(a, &o->extra, s);
		if (order > 0 || (!order && !same(s, m)))
			vec_push(a, &o->missing, (struct missing){.part = m, .here = o->made->here[k]});
		i += order <= 0;
		k += order >= 0;
	}
}

/* What a failed or killed try of a script left is its own, as before a run. */
static bool is_own(const struct restoring *r, const struct pattern *p, struct hash128 now)
{
	const struct sched *s = sched_of(r);
	struct task *t = r->j->task;
	const struct output_record *record = content_output_record(t, p);
	if (t->kind == TASK_RUN && log_open_start(s->c->log, s->c->graph->workflow->file, t->name).open)
		return true;
	return record && (hash_eq(record->hash, now) || stale_left_by_editor(s->c->stale, t, p, now));
}

static const struct filehash_part *standing(const struct output *o, struct str path)
{
	for (size_t lo = 0, hi = o->stands.of.n; lo < hi;) {
		size_t mid = (lo + hi) / 2;
		int order = str_cmp(o->stands.of.p[mid].path, path);
		if (!order)
			return &o->stands.of.p[mid];
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* Does a folder of somebody else stand where a file is to be, or the other way round? */
static bool blocks(const struct output *o)
{
	for (size_t i = 0; !o->own && i < o->missing.n; i++) {
		const struct filehash_part *s = standing(o, o->missing.p[i].part->path);
		if (s && is_folder(s) != is_folder(o->missing.p[i].part))
			return true;
	}
	return false;
}

static bool look_at(struct restoring *r, struct output *o)
{
	struct hash128 now = {0, 0};
	struct str why = STR_NONE;
	enum file_state st = content_parts(&sched_of(r)->c->stale->hashing, &r->j->arena, o->pattern, &o->stands, &now, &why);
	if (st == FILE_FAILED || st == FILE_SPECIAL)
		return false; /* the run says what it thinks of that */
	o->own = st == FILE_MISSING || is_own(r, o->pattern, now);
	compare(&r->j->arena, o);
	return !blocks(o);
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
	int at = s->c->store->fd, err = os_mkdirs(at, ASIDE, 0700);
	if (err)
		return problem(r, STR(".axmake/" ASIDE), err);
	for (size_t i = 0; i < r->found.entry.n_outputs; i++)
		for (size_t k = 0; k < r->outputs[i].missing.n; k++) {
			struct missing *m = &r->outputs[i].missing.p[k];
			if (is_folder(m->part))
				continue;
			err = fill(s->c->cache, at, r, m);
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

/* What somebody else made of an output is kept before it is written over; an agent's own file too that is to go, for it was paid for. */
static bool keep_others(struct restoring *r, struct output *o)
{
	bool any = false;
	for (size_t i = 0; !o->own && i < o->missing.n; i++) {
		const struct filehash_part *s = standing(o, o->missing.p[i].part->path);
		if (!s || is_folder(s))
			continue;
		any = true;
		if (!keep(r, s->path))
			return false;
	}
	if (any)
		sched_warn(sched_of(r), r->j->task, "'%.*s' was changed by someone else and is restored from the cache; what stood there is kept in .axmake/%.*s/edited",
			   STR_ARG(content_label(&r->j->arena, o->pattern)), STR_ARG(r->j->dir));
	for (size_t i = 0; o->own && r->j->task->kind == TASK_AGENT && i < o->extra.n; i++)
		if (!is_folder(o->extra.p[i]) && !keep(r, o->extra.p[i]->path))
			return false;
	return true;
}

/* Nothing else than what was made stands where all that stood there was the task's own; what others put beside it stays. */
static bool remove_extra(struct restoring *r, struct output *o, struct destination *p)
{
	for (size_t i = o->own ? o->extra.n : 0; i-- > 0;) {
		int err = destination_remove(p, o->extra.p[i]->path, is_folder(o->extra.p[i]));
		if (err)
			return problem(r, o->extra.p[i]->path, err);
	}
	return true;
}

static bool put(struct restoring *r, struct output *o)
{
	struct destination p;
	int fd, err = destination_open(&p, &r->j->arena, sched_of(r)->c->store->root_fd, r->j->task, o->pattern);
	if (!err && o->pattern->kind == PATTERN_TREE)
		err = destination_folder(&p, o->pattern->path, true, &fd);
	bool ok = (!err || problem(r, o->pattern->path, err)) && remove_extra(r, o, &p);
	for (size_t i = 0; ok && i < o->missing.n; i++) {
		const struct missing *m = &o->missing.p[i];
		err = m->aside ? destination_move(&p, sched_of(r)->c->store->fd, m->aside, m->part->path) : destination_folder(&p, m->part->path, true, &fd);
		ok = !err || problem(r, m->part->path, err);
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
		struct output *o = &r->outputs[i];
		struct str why = STR_NONE;
		t->out_hash[i] = o->made->hash;
		if (!o->own && o->extra.n && content_of_output(&j->sched->c->stale->hashing, &j->arena, o->pattern, &t->out_hash[i], &why) == FILE_FAILED)
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

static bool restore(struct restoring *r)
{
	struct task *t = r->j->task;
	r->outputs = arena_array(&r->j->arena, struct output, t->outputs.n + 1);
	for (size_t i = 0; i < t->outputs.n; i++) {
		r->outputs[i] = (struct output){.pattern = &t->outputs.p[i], .made = &r->found.entry.outputs[i]};
		if (!look_at(r, &r->outputs[i]))
			return false;
	}
	return fetch(r) && fetch_result(r) && is_fit(r) && put_all(r);
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

bool restore_task(struct sched *s, struct task *t, const struct verdict *v)
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
		done = stash_take(s, r.found.signing.hash, t) && restore(&r);
		restore_sweep(s);
	}
	if (r.problem.n)
		sched_warn(s, t, "%.*s; it runs instead", STR_ARG(r.problem));
	if (done)
		end(&r);
	sbuf_free(&j.signing.fields);
	arena_free(&j.arena);
	if (done)
		sched_completed(s, t);
	return done;
}
