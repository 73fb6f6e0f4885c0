#include "graph/neighbours.h"

#include "graph/content.h"

/* An output of one of them. */
struct left {
	const struct task_record *record;
	const struct output_record *output;
};

struct neighbours {
	struct hashing *h;
	struct arena *a;
	struct map by_path; /* declared path -> struct left *, the youngest */
	VEC(const struct left *) all, wide; /* wide: trees and patterns */
	struct map told; /* declared path of an output of ours -> struct task_record * */
};

static void look_at(void *self, const struct task_record *r)
{
	struct neighbours *n = self;
	for (size_t i = 0; i < r->n_outputs; i++) {
		struct left **youngest = (struct left **)map_slot(&n->by_path, r->outputs[i].path);
		struct left *here = arena_new(n->a, struct left);
		*here = (struct left){r, &r->outputs[i]};
		if (!*youngest || (*youngest)->record->seq < r->seq)
			*youngest = here;
		vec_push(n->a, &n->all, here);
		if (r->outputs[i].kind != OUTPUT_FILE)
			vec_push(n->a, &n->wide, here);
	}
}

struct neighbours *neighbours_find(struct arena *a, struct hashing *h, struct log *log)
{
	struct neighbours *n = arena_new(a, struct neighbours);
	*n = (struct neighbours){.h = h, .a = a};
	log_each_other(log, h->g->workflow->file, look_at, n);
	return n;
}

void neighbours_free(struct neighbours *n)
{
	map_free(&n->by_path);
	map_free(&n->told);
}

static struct pattern pattern_of(const struct neighbours *n, const struct left *l)
{
	return (struct pattern){.path = arena_copy(n->a, l->output->path), .kind = (enum pattern_kind)l->output->kind};
}

/* Is it later and of other work? Who asked the same has got another answer to it, and ours is as good. */
static bool counts(const struct left *l, const struct task_record *r)
{
	return l && l->record->seq > r->seq && !hash_eq(l->record->signature, r->signature);
}

/* What somebody has changed since is that one's edit. */
static bool stands(const struct neighbours *n, const struct left *l)
{
	struct pattern p = pattern_of(n, l);
	struct hash128 now = {0, 0};
	struct str problem = STR_NONE;
	enum file_state st = content_of_output(n->h, n->a, &p, &now, &problem);
	return !problem.n && (st == FILE_REGULAR || st == FILE_FOLDER) && hash_eq(now, l->output->hash);
}

static const struct task_record *find(const struct neighbours *n, const struct task_record *r, const struct pattern *p)
{
	const struct left *same = map_get(&n->by_path, p->path);
	if (counts(same, r) && stands(n, same))
		return same->record;
	size_t n_others = p->kind == PATTERN_FILE ? n->wide.n : n->all.n;
	for (size_t i = 0; i < n_others; i++) {
		const struct left *l = p->kind == PATTERN_FILE ? n->wide.p[i] : n->all.p[i];
		struct pattern theirs = pattern_of(n, l);
		if (l != same && counts(l, r) && content_meets(&theirs, p) && stands(n, l))
			return l->record;
	}
	return NULL;
}

const struct task_record *neighbours_made_since(struct neighbours *n, const struct task_record *r, const struct pattern *p)
{
	const struct task_record *told = map_get(&n->told, p->path);
	if (!told && (told = find(n, r, p)))
		*map_slot(&n->told, p->path) = (void *)told; /* only ever read */
	return told && told->seq > r->seq ? told : NULL;
}
