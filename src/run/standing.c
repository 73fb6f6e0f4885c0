#include "run/standing.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "graph/content.h"

static bool same(const struct filehash_part *a, const struct filehash_part *b)
{
	assert(a && b);
	return a->kind == b->kind && hash_eq(a->content, b->content) && str_eq(a->link, b->link);
}

bool standing_is_folder(const struct filehash_part *p)
{
	return p->kind == PART_FOLDER;
}

/* Both lists are in the order of their paths. */
static void compare(struct arena *a, struct standing *o)
{
	const struct filehash_parts *stands = &o->stands, *made = &o->made->parts;
	size_t i = 0, k = 0;
	while (i < stands->of.n || k < made->of.n) {
		const struct filehash_part *s = i < stands->of.n ? &stands->of.p[i] : NULL, *m = k < made->of.n ? &made->of.p[k] : NULL;
		int order = !s ? 1 : !m ? -1 : str_cmp(s->path, m->path);
		if (order < 0 || (!order && standing_is_folder(s) != standing_is_folder(m)))
			vec_push(a, &o->extra, s);
		if (order > 0 || (!order && !same(s, m)))
			vec_push(a, &o->missing, ((struct missing){.part = m, .here = o->made->here[k]}));
		i += order <= 0;
		k += order >= 0;
	}
}

/* What a failed or killed try of a script left is its own, as before a run. */
static enum owner owner_of(const struct sched_config *c, struct task *t, const struct standing *o)
{
	const struct output_record *record = content_output_record(t, o->pattern);
	if (o->state == FILE_MISSING || (record && hash_eq(record->hash, o->hash)))
		return OWNER_TASK;
	if (t->kind == TASK_RUN && log_open_start(c->log, c->graph->workflow->file, t->name).open)
		return OWNER_LEFT;
	return record && stale_left_by_editor(c->stale, t, o->pattern, o->hash) ? OWNER_LEFT : OWNER_OTHERS;
}

const struct filehash_part *standing_part(const struct standing *o, struct str path)
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
static bool blocks(const struct standing *o)
{
	for (size_t i = 0; o->owner == OWNER_OTHERS && i < o->missing.n; i++) {
		const struct filehash_part *p = standing_part(o, o->missing.p[i].part->path);
		if (p && standing_is_folder(p) != standing_is_folder(o->missing.p[i].part))
			return true;
	}
	return false;
}

bool standing_look(struct standing *o, const struct sched_config *c, struct arena *a, struct task *t, struct str *why)
{
	*o = (struct standing){.pattern = o->pattern, .made = o->made};
	o->state = content_parts(&c->stale->hashing, a, o->pattern, &o->stands, &o->hash, why);
	if (why->n || o->state == FILE_SPECIAL)
		return false; /* of special ones the run says what it thinks */
	o->owner = owner_of(c, t, o);
	compare(a, o);
	return !blocks(o);
}

static void note(struct missing *m, int root_fd)
{
	struct stat st;
	m->over = !fstatat(root_fd, m->part->path.p, &st, AT_SYMLINK_NOFOLLOW);
	if (m->over)
		m->was = file_stat_of(&st);
}

bool standing_still(struct standing *o, const struct sched_config *c)
{
	for (size_t i = 0; i < o->missing.n; i++)
		note(&o->missing.p[i], c->store->root_fd);
	struct arena a = {0};
	struct hash128 now = {0, 0};
	struct str why = STR_NONE;
	enum file_state st = content_of_output(&c->stale->hashing, &a, o->pattern, &now, &why);
	arena_free(&a);
	return st == o->state && (st == FILE_MISSING || hash_eq(now, o->hash));
}
