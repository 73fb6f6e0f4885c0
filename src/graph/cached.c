#include "graph/cached.h"

#include "base/path.h"
#include "graph/ended.h"

static bool declares_root(const struct task *t)
{
	for (size_t i = 0; i < t->outputs.n; i++)
		if (str_eq(t->outputs.p[i].path, STR(".")))
			return true;
	return false;
}

bool cached_kind(const struct task *t)
{
	const struct task_def *def = t->def;
	if (t->kind == TASK_GROUP || t->asker || def->always || def->leave || t->edits.n || !def->cache || declares_root(t))
		return false;
	return def->cache > 0 || t->outputs.n;
}

/* No signature tells of a failure that a task runs in spite of. */
bool cached_wanted(const struct task *t)
{
	return cached_kind(t) && !ended_without_success(t);
}

static bool may_be_restored(const struct stale *s, const struct task *t, const struct verdict *v)
{
	static const bool never[] = {
		[WHY_NOT] = true,	[WHY_ALWAYS] = true,   [WHY_FORCED] = true,	 [WHY_WHAT_IF] = true, [WHY_EDIT_REFUSED] = true, [WHY_REJECTED] = true,
		[WHY_DEPENDENCY] = true, [WHY_PERHAPS_HELD] = true, [WHY_HELD_BEHIND] = true, [WHY_BLOCKED] = true, [WHY_PROBLEM] = true,
		[WHY_WHEN_UNKNOWN] = true,
	};
	bool anew = (s->always_make && !s->spare_agents) || (s->new_files && s->new_files->n);
	return !anew && !never[v->why] && cached_wanted(t);
}

static const struct filehash_part *part_at(const struct cache_output *o, struct str path)
{
	for (size_t lo = 0, hi = o->parts.of.n; lo < hi;) {
		size_t mid = (lo + hi) / 2;
		int order = str_cmp(o->parts.of.p[mid].path, path);
		if (!order)
			return &o->parts.of.p[mid];
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* Does it lie behind a link that is part of another output? Where that leads is not the task's to fill. */
static bool behind_link(const struct cache_entry *e, const struct cache_output *o)
{
	for (struct str dir = path_dir(o->path); !str_eq(dir, STR(".")); dir = path_dir(dir))
		for (size_t i = 0; i < e->n_outputs; i++) {
			const struct filehash_part *p = part_at(&e->outputs[i], dir);
			if (p && p->kind == PART_LINK)
				return true;
		}
	return false;
}

/* Signatures hold the outputs' list, so this can only differ in a damaged or foreign entry. */
static bool fits(const struct task *t, const struct cache_entry *e)
{
	if (e->n_outputs != t->outputs.n || (t->kind == TASK_AGENT && !e->has_result))
		return false;
	for (size_t i = 0; i < e->n_outputs; i++)
		if ((int)e->outputs[i].kind != (int)t->outputs.p[i].kind || !str_eq(e->outputs[i].path, t->outputs.p[i].path) ||
		    behind_link(e, &e->outputs[i]))
			return false;
	return true;
}

static bool find_for(struct stale *s, struct cache *c, struct arena *a, struct task *t, const struct provider *p, struct cached *out)
{
	out->provider = p;
	signature_compute(&s->hashing, a, t, p, false, false, &out->signing);
	if (out->signing.problem.n)
		out->problem = out->signing.problem;
	if (out->signing.problem.n || !cache_find(c, a, out->signing.hash, &out->entry))
		return false;
	if (!fits(t, &out->entry) || !str_eq(out->entry.provider, p ? p->name : STR_NONE))
		return false;
	/* As it stands now, and with its fields. */
	signature_compute(&s->hashing, a, t, p, true, true, &out->signing);
	if (!out->signing.problem.n && hash_eq(out->signing.hash, out->entry.signature))
		return true;
	if (out->signing.problem.n)
		out->problem = out->signing.problem;
	sbuf_free(&out->signing.fields);
	return false;
}

size_t cached_signatures(struct stale *s, struct arena *a, struct task *t, const struct verdict *v, struct hash128 *out)
{
	size_t n = 0, most = t->kind == TASK_RUN ? 1 : t->n_providers;
	for (size_t i = 0; i < most && may_be_restored(s, t, v); i++) {
		struct signing signing = {0};
		signature_compute(&s->hashing, a, t, t->kind == TASK_RUN ? NULL : t->providers[i], false, false, &signing);
		if (!signing.problem.n)
			out[n++] = signing.hash;
	}
	return n;
}

bool cached_find(struct stale *s, struct cache *c, struct arena *a, struct task *t, const struct verdict *v, struct cached *out)
{
	if (!c || !may_be_restored(s, t, v))
		return false;
	if (!cache_exists(c)) {
		out->out_of_reach = cache_out_of_reach(c);
		return false;
	}
	if (t->kind == TASK_RUN)
		return find_for(s, c, a, t, NULL, out);
	for (size_t i = 0; i < t->n_providers; i++) {
		if (find_for(s, c, a, t, t->providers[i], out))
			return true;
		if (!out->out_of_reach)
			out->out_of_reach = cache_out_of_reach(c);
	}
	return false;
}
