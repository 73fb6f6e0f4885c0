#include "graph/foresight.h"

#include "graph/content.h"
#include "graph/fields.h"

static struct str key(const struct hash128 *h)
{
	return (struct str){(const char *)h, sizeof *h};
}

static void note_files(struct foresight *f, struct arena *a, const struct cache_output *o)
{
	for (size_t i = 0; i < o->parts.of.n; i++) {
		const struct filehash_part *p = &o->parts.of.p[i];
		if (p->kind == PART_FOLDER)
			continue;
		struct hash128 *content = arena_new(a, struct hash128);
		struct str path = arena_copy(a, p->path);
		*content = p->content;
		*map_slot(&f->files, path) = content;
		vec_push(a, &f->paths.items, path);
	}
}

/* Will just what the entry has stand there? In a folder, or among a pattern's files, what somebody put beside it stays. */
static bool stands_alone(struct stale *s, const struct task *t, const struct cache_output *o, const struct pattern *p)
{
	struct arena a = {0};
	struct hash128 now = {0, 0};
	struct str problem = STR_NONE;
	const struct output_record *r = t->record ? content_output_record(t, p) : NULL;
	if (p->kind == PATTERN_FILE)
		return true;
	enum file_state st = content_of_output(&s->hashing, &a, p, &now, &problem);
	arena_free(&a);
	return st == FILE_MISSING || hash_eq(now, o->hash) || (r && hash_eq(now, r->hash));
}

static bool has_link(const struct cache_output *o)
{
	for (size_t i = 0; i < o->parts.of.n; i++)
		if (o->parts.of.p[i].kind == PART_LINK)
			return true;
	return false;
}

/* Somebody may want it to read in. false: it cannot be had, or lacks a field that is used: then the task runs. */
static bool note_result(struct stale *s, struct cache *c, struct task *t, const struct cache_entry *e)
{
	struct str *text = arena_new(s->arena, struct str);
	*text = STR("");
	if (!e->has_result || !t->users.n)
		return e->has_result || !t->fields.n;
	if (e->result.size && cache_read_bytes(c, s->arena, &e->result, text))
		return false;
	*text = arena_copy(s->arena, *text); /* it may lie in the entry */
	struct hash128 *hash = arena_new(s->arena, struct hash128);
	*hash = e->result.hash;
	*map_slot(&s->hashing.foresight.results, key(hash)) = text;
	if (!t->fields.n)
		return true;
	fields_read(s->arena, t, *hash, *text);
	return !fields_missing(t);
}

static bool foresee(struct stale *s, struct cache *c, struct task *t, const struct cache_entry *e)
{
	if (!note_result(s, c, t, e))
		return false;
	if (!t->out_hash)
		t->out_hash = arena_array(s->arena, struct hash128, t->outputs.n);
	bool alone = true, linked = false; /* where a link leads is not known */
	for (size_t i = 0; alone && t->users.n && i < e->n_outputs; i++) {
		alone = stands_alone(s, t, &e->outputs[i], &t->outputs.p[i]);
		linked = linked || has_link(&e->outputs[i]);
	}
	for (size_t i = 0; i < e->n_outputs; i++) {
		t->out_hash[i] = e->outputs[i].hash;
		if (alone && !linked && t->users.n)
			note_files(&s->hashing.foresight, s->arena, &e->outputs[i]);
	}
	t->has_result = e->has_result;
	t->result = e->result.hash;
	t->result_size = e->result.size;
	t->foreseen = alone;
	t->foreseen_files = alone && !linked;
	content_forget(t);
	return true;
}

/* What comes first may leave it up to date. */
static bool is_certain(const struct verdict *v)
{
	return v->why != WHY_DEPENDENCY && v->why != WHY_PERHAPS_HELD && v->why != WHY_WHEN_UNKNOWN;
}

bool foresight_refuses(struct stale *s, struct cache *c, struct task *t, struct verdict *v)
{
	struct arena a = {0};
	struct cached found;
	if (t->def->on_edit != ON_EDIT_FAIL || v->why == WHY_HELD_BEHIND || !is_certain(v))
		return false;
	bool restored = cached_find(s, c, &a, t, v, &found);
	if (restored)
		sbuf_free(&found.signing.fields);
	bool refuses = stale_refused(s, t, restored ? &found.entry : NULL, v);
	arena_free(&a);
	return refuses;
}

void foresight_of(struct stale *s, struct cache *c, struct task *t, struct verdict *v)
{
	struct arena a = {0};
	struct cached found;
	bool restored = cached_find(s, c, &a, t, v, &found);
	if (restored)
		sbuf_free(&found.signing.fields);
	if (!is_certain(v) || !stale_refused(s, t, restored ? &found.entry : NULL, v))
		v->cached = restored && foresee(s, c, t, &found.entry);
	arena_free(&a);
}
