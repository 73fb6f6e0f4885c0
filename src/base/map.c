#include "base/map.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"

#define MAPPED_FROM ((size_t)1 << 16) /* places: 2 MiB of them */

static uint32_t key_hash(struct str key)
{
	uint32_t h = (uint32_t)XXH3_64bits(key.n ? key.p : "", key.n);

	return h ? h : 1; /* 0 marks a free place */
}

/* The entry of `key`, or the free one where it belongs. Steps of 1, 2, 3… visit every place of a power of two, and do not pile up
 * when a map is filled in another map's order, as neighbouring places would. */
static struct map_entry *find(const struct map *m, struct str key, uint32_t hash)
{
	size_t mask = m->cap - 1, at = hash & mask;

	for (size_t step = 1;; at = (at + step++) & mask) {
		struct map_entry *e = &m->entries[at];

		if (!e->hash || (e->hash == hash && str_eq(e->key, key)))
			return e;
	}
}

/* Moves one entry into a table that holds neither its key nor too many others. */
static void move_entry(struct map *m, const struct map_entry *from)
{
	size_t mask = m->cap - 1, at = from->hash & mask;

	for (size_t step = 1; m->entries[at].hash; at = (at + step++) & mask)
		;
	m->entries[at] = *from;
}

/* Large tables come from the system as zeros, and need not be cleared a second time. */
static struct map_entry *places_new(size_t cap)
{
	return cap >= MAPPED_FROM ? mem_map(cap * sizeof(struct map_entry)) : xcalloc(cap, sizeof(struct map_entry));
}

static void places_free(struct map_entry *p, size_t cap)
{
	if (cap >= MAPPED_FROM)
		mem_unmap(p, cap * sizeof *p);
	else
		free(p);
}

static void resize(struct map *m, size_t cap)
{
	struct map old = *m;

	m->entries = places_new(cap);
	m->cap = cap;
	for (size_t i = 0; i < old.cap; i++)
		if (old.entries[i].hash)
			move_entry(m, &old.entries[i]);
	places_free(old.entries, old.cap);
}

void map_reserve(struct map *m, size_t n)
{
	size_t cap = m->cap ? m->cap : 16;

	if (n > SIZE_MAX / 4)
		mem_exhausted();
	while (n > cap / 8 * 7)
		cap *= 2;
	if (cap != m->cap)
		resize(m, cap);
}

void *map_get(const struct map *m, struct str key)
{
	return m->n ? find(m, key, key_hash(key))->value : NULL;
}

void **map_slot(struct map *m, struct str key)
{
	uint32_t hash = key_hash(key);
	struct map_entry *e = m->cap ? find(m, key, hash) : NULL;
	size_t cap = m->cap;

	if (e && e->hash)
		return &e->value;
	map_reserve(m, m->n + 1);
	if (m->cap != cap)
		e = find(m, key, hash);
	*e = (struct map_entry){key, NULL, hash};
	m->n++;
	return &e->value;
}

void map_rekey(struct map *m, struct str key)
{
	struct map_entry *e = m->n ? find(m, key, key_hash(key)) : NULL;

	if (e && e->hash)
		e->key = key;
}

struct map_entry *map_next(const struct map *m, size_t *i)
{
	while (*i < m->cap) {
		struct map_entry *e = &m->entries[(*i)++];

		if (e->hash && e->value)
			return e;
	}
	return NULL;
}

void map_free(struct map *m)
{
	places_free(m->entries, m->cap);
	*m = (struct map){0};
}
