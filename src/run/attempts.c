#include "run/attempts.h"

#include "graph/signature.h"
#include "state/bytes.h"

struct hash128 attempts_state(struct stale *s, struct task *t, bool fresh)
{
	struct hasher h = hasher_new();
	struct hash128 all = {0, 0};
	size_t n = t->n_providers ? t->n_providers : 1;
	bool known = true;
	for (size_t i = 0; i < n; i++) {
		struct arena a = {0};
		struct signing one = {.hash = {0, 0}};
		signature_compute(&s->hashing, &a, t, t->n_providers ? t->providers[i] : NULL, fresh && !i, false, &one);
		known = known && !one.problem.n;
		hasher_add(&h, &one.hash, sizeof one.hash);
		arena_free(&a);
	}
	if (known)
		all = hasher_end(&h);
	hasher_free(&h);
	return all;
}

static struct attempt *find(const struct attempts *a, const struct task *t)
{
	struct attempt *known = map_get(&a->by_name, t->name);
	return known && !known->over ? known : NULL;
}

static bool is_known(struct hash128 h)
{
	return h.lo || h.hi;
}

bool attempts_spare(struct attempts *a, struct stale *s, struct task *t, const char **why)
{
	struct attempt *last = find(a, t);
	struct hash128 now;
	/* One that is to run every time does. */
	if (!last || t->def->always)
		return false;
	now = attempts_state(s, t, false);
	if (!is_known(now) || !hash_eq(now, last->ended))
		return false;
	last->retried = last->changed && !(last->again && t->kind == TASK_AGENT);
	if (last->retried)
		return false;
	*why = last->changed ? "what it uses changed while it ran, twice; it is asked again when that changes once more"
			     : "it failed, and nothing that it uses has changed since";
	return true;
}

void attempts_note(struct attempts *a, struct stale *s, struct task *t, bool changed)
{
	void **slot = map_slot(&a->by_name, t->name);
	struct attempt *known = *slot;
	if (!known)
		*slot = known = arena_new(a->arena, struct attempt);
	*known = (struct attempt){.name = t->name, .ended = attempts_state(s, t, true), .changed = changed, .again = known->retried};
}

void attempts_forget(struct attempts *a, const struct task *t)
{
	struct attempt *known = find(a, t);
	if (known)
		known->over = true;
}

void attempts_put(struct sbuf *b, const struct attempts *a)
{
	struct map_entry *e;
	size_t n = 0;
	for (size_t i = 0; (e = map_next(&a->by_name, &i));)
		n += !((struct attempt *)e->value)->over;
	bytes_put_u32(b, (uint32_t)n);
	for (size_t i = 0; (e = map_next(&a->by_name, &i));) {
		const struct attempt *one = e->value;
		if (one->over)
			continue;
		bytes_put_str(b, one->name);
		bytes_put_hash(b, one->ended);
		bytes_put_u8(b, (uint8_t)(one->changed | one->again << 1));
	}
}

void attempts_take(struct attempts *a, struct reader *r)
{
	for (uint32_t n = reader_u32(r); n && !r->bad; n--) {
		struct attempt *one = arena_new(a->arena, struct attempt);
		one->name = arena_copy(a->arena, reader_str(r));
		one->ended = reader_hash(r);
		uint8_t bits = reader_u8(r);
		one->changed = bits & 1;
		one->again = bits & 2;
		*map_slot(&a->by_name, one->name) = one;
	}
}

void attempts_free(struct attempts *a)
{
	map_free(&a->by_name);
}
