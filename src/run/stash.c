/* What a task has just made goes into the cache. */
#include <string.h>

#include "base/os.h"
#include "graph/cached.h"
#include "graph/content.h"
#include "run/job.h"

void stash_warn(struct sched *s, const struct task *t)
{
	struct str note = cache_note(s->c->cache);
	if (note.n)
		sched_warn(s, t, "%.*s", STR_ARG(note));
}

/* Who has an entry in this run. By its name: the graph may be read again. */
struct cached_by {
	struct str name;
	bool shares; /* `cache: true` */
};

bool stash_take(struct sched *s, struct hash128 signature, const struct task *t)
{
	struct str key = arena_copy(s->arena, (struct str){(const char *)&signature, sizeof signature});
	void **slot = map_slot(&s->cached, key);
	struct cached_by *by = *slot;
	if (by && !str_eq(by->name, t->name) && !(by->shares && t->def->cache > 0))
		return false;
	if (!by)
		*slot = by = arena_new(s->arena, struct cached_by);
	*by = (struct cached_by){arena_copy(s->arena, t->name), t->def->cache > 0};
	return true;
}

/* Storing is done within the loop: who asks this run to end is not kept waiting. */
static bool not_asked_to_end(void *unused)
{
	(void)unused;
	return !sched_asked_to_end();
}

static bool is_file(const struct filehash_part *p)
{
	return p->kind == PART_FILE || p->kind == PART_PROGRAM;
}

/* Those from *i on that are files, up to so many as are stored together. */
static bool stash_some(struct job *j, struct cache *c, struct cache_output *o, size_t *i)
{
	struct cache_file of[CACHE_TOGETHER];
	size_t part[CACHE_TOGETHER], n = 0;
	for (; *i < o->parts.of.n && n < CACHE_TOGETHER; ++*i) {
		const struct filehash_part *p = &o->parts.of.p[*i];
		if (!is_file(p))
			continue;
		part[n] = *i;
		of[n++] = (struct cache_file){p->path.p, p->content, p->size, p->text, STR_NONE};
	}
	if (!cache_store_files(c, &j->arena, j->sched->c->store->root_fd, of, n))
		return false;
	for (size_t k = 0; k < n; k++)
		o->here[part[k]] = of[k].here;
	return true;
}

bool stash_output(struct job *j, struct cache *c, struct cache_output *o)
{
	o->here = arena_array(&j->arena, struct str, o->parts.of.n);
	for (size_t i = 0; i < o->parts.of.n; i++)
		if (o->parts.of.p[i].kind == PART_SPECIAL) {
			sched_warn(j->sched, j->task, "it is not stored in the cache: '%.*s' is neither a file, a folder nor a link", STR_ARG(o->parts.of.p[i].path));
			return false;
		}
	for (size_t i = 0, asked = 0; i < o->parts.of.n; asked = i) {
		if (asked && sched_asked_to_end())
			return false;
		if (!stash_some(j, c, o, &i))
			return false;
	}
	return true;
}

static bool store_result(struct job *j, struct cache_entry *e)
{
	struct task *t = j->task;
	e->has_result = t->has_result;
	e->result = (struct cache_content){.hash = t->result, .size = t->result_size};
	if (!t->has_result)
		return true;
	if (!t->result_size) {
		e->result.here = STR("");
		return true;
	}
	return cache_store_content(j->sched->c->cache, &j->arena, j->sched->c->store->root_fd, store_result_path(&j->arena, t->result).p, t->result, t->result_size,
				   &e->result.here);
}

static struct cache_entry entry_of(const struct job *j)
{
	const struct task_record *r = j->task->record;
	return (struct cache_entry){
		.signature = r->signature,
		.provider = r->provider,
		.made_at_ms = r->ended_at_ms,
		.duration_ns = r->duration_ns,
		.first_byte_ns = r->first_byte_ns,
		.tries = r->tries,
		.input_tokens = r->input_tokens,
		.output_tokens = r->output_tokens,
		.cache_read_tokens = r->cache_read_tokens,
		.cache_write_tokens = r->cache_write_tokens,
		.cost_usd = r->cost_usd,
	};
}

#define TEXTS_MOST (64u << 10) /* an entry of less holds them all */

/* Is every content of it known and short? Then its bytes can be made now, whatever becomes of the files. */
static bool take_texts(struct job *j, struct cache_entry *e)
{
	size_t all = 0;
	if (j->task->has_result && j->task->result_size)
		return false;
	for (size_t i = 0; i < e->n_outputs; i++) {
		struct cache_output *o = &e->outputs[i];
		if (o->kind != OUTPUT_FILE || o->parts.of.n != 1 || !is_file(o->parts.of.p) || !o->parts.of.p->text.p)
			return false;
		o->here = &o->parts.of.p->text;
		all += o->parts.of.p->text.n;
	}
	return all <= TEXTS_MOST && store_result(j, e);
}

/* Its file is written when the next task has been started. */
static void store_later(struct job *j, const struct cache_entry *e)
{
	struct stash_due due = {.signature = e->signature, .task = j->task, .replace = j->rejected};
	cache_entry_put(&due.bytes, e);
	vec_push(NULL, &j->sched->stashing, due);
}

void stash_all(struct sched *s)
{
	struct cache *c = s->c->cache;
	for (size_t i = 0; i < s->stashing.n; i++) {
		struct stash_due *due = &s->stashing.p[i];
		if (cache_store_begin(c, due->bytes.n)) {
			bool ok = cache_store_bytes(c, due->signature, sbuf_view(&due->bytes));
			cache_store_end(c);
			if (ok)
				sharing_push(s, due->signature, due->replace);
		}
		sbuf_free(&due->bytes);
		stash_warn(s, due->task);
	}
	s->stashing.n = 0;
}

void stash_task(struct job *j)
{
	struct sched *s = j->sched;
	struct task *t = j->task;
	struct cache *c = s->c->cache;
	if (!c || !j->parts || !stash_take(s, j->signing.hash, t))
		return;
	struct cache_entry e = entry_of(j);
	e.n_outputs = t->outputs.n;
	e.outputs = arena_array(&j->arena, struct cache_output, t->outputs.n);
	for (size_t i = 0; i < t->outputs.n; i++)
		e.outputs[i] = (struct cache_output){.path = t->outputs.p[i].path, .kind = (enum output_kind)t->outputs.p[i].kind, .hash = t->out_hash[i], .parts = j->parts[i]};
	if (take_texts(j, &e)) {
		store_later(j, &e);
		return;
	}
	struct cache_attend before = cache_attend(c, (struct cache_attend){not_asked_to_end, NULL});
	if (cache_store_begin(c, cache_entry_bytes(&e) + t->result_size)) {
		bool ok = store_result(j, &e);
		for (size_t i = 0; ok && i < e.n_outputs; i++)
			ok = stash_output(j, c, &e.outputs[i]);
		ok = ok && cache_store_entry(c, &e);
		cache_store_end(c);
		if (ok)
			sharing_push(s, e.signature, j->rejected);
	}
	cache_attend(c, before);
	stash_warn(s, t);
}
