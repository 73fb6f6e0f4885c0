/* What a seal knows that holds for all tasks. */
#include "state/seal.h"
#include "state/seal_parts.h"

static struct str key_of(struct arena *a, enum sight_kind kind, struct str name)
{
	return arena_printf(a, "%c%.*s", '0' + (int)kind, STR_ARG(name));
}

static void know(struct seal_known *k, enum sight_kind kind, struct str name, struct hash128 value)
{
	struct hash128 *kept = arena_new(&k->arena, struct hash128);

	*kept = value;
	*map_slot(&k->of, key_of(&k->arena, kind, name)) = kept;
}

/* Absent is another value than any text, and a path's fact than any. */
static struct hash128 of_text(bool there, struct hash128 value)
{
	return there ? value : (struct hash128){0, 0};
}

static struct hash128 of_path(uint64_t fact)
{
	return (struct hash128){fact, 1};
}

static bool know_texts(struct seal_known *k, struct reader *r, enum sight_kind kind)
{
	struct seal_text t;

	for (uint32_t n = reader_u32(r); n && !r->bad; n--)
		if (seal_take_text(r, &t))
			know(k, kind, t.name, of_text(t.there, t.value));
	return !r->bad;
}

/* Of a block the first n paths, or as many as there are; *n less these. */
static bool know_block(struct seal_known *k, const struct seal *l, size_t number, uint32_t *n)
{
	char bytes[SEAL_BLOCK];
	struct seal_path p;
	struct reader r;
	uint32_t first;

	if (!seal_read_block(l, number, bytes, &r, &first))
		return false;
	for (; *n && reader_left(&r); --*n) {
		if (!seal_take_path(&r, &p))
			return false;
		know(k, p.flags & SEAL_LINK ? SIGHT_LINK : SIGHT_PATH, p.path, of_path(p.fact));
	}
	return true;
}

bool seal_know(struct seal_known *k, const struct seal *l)
{
	struct reader texts = l->texts;
	uint32_t left = l->head.n_sights, all = UINT32_MAX;
	bool well = know_texts(k, &texts, SIGHT_ENV) && know_texts(k, &texts, SIGHT_REAL);

	for (size_t i = 0; well && left && i < seal_blocks(l); i++)
		well = know_block(k, l, i, &left);
	return well && !left && (!l->head.extra || know_block(k, l, seal_blocks(l), &all));
}

void seal_known_free(struct seal_known *k)
{
	map_free(&k->of);
	arena_free(&k->arena);
}

enum sight_now seal_sight_now(struct seal_known *k, const struct sight *x)
{
	const struct hash128 *was = map_get(&k->of, key_of(&k->arena, x->kind, x->name));
	struct hash128 now;

	if (x->kind == SIGHT_ENV || x->kind == SIGHT_REAL)
		now = of_text(x->text.p, hash_bytes(x->text.n ? x->text.p : "", x->text.n));
	else
		now = of_path(x->there ? file_stat_hash(&x->stat) : 0);
	return !was ? SIGHT_NEW : hash_eq(*was, now) ? SIGHT_SAME : SIGHT_OTHER;
}

bool seal_knows(const struct store *s, const struct slice *slice, const struct seen *seen)
{
	struct seal l = {.fd = -1};
	struct seal_known k = {0};
	bool same = seal_load(&l, s, false) && l.head.number == slice->seal && seal_know(&k, &l);

	for (size_t i = 0; same && i < seen->all.n; i++)
		same = seal_sight_now(&k, seen->all.p[i]) == SIGHT_SAME;
	seal_unload(&l);
	seal_known_free(&k);
	return same;
}
