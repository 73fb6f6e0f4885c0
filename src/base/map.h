/* A hash table from strings to pointers; open addressing, XXH3. Keys are not copied and must outlive the map. */
#ifndef AXMAKE_BASE_MAP_H
#define AXMAKE_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct map_entry {
	struct str key;
	void *value;
	uint32_t hash; /* 0: the place is free */
};

struct map {
	struct map_entry *entries; /* heap; cap places, a power of two */
	size_t n, cap;
};

/* A zeroed struct map is an empty map. */
void map_reserve(struct map *m, size_t n);
void *map_get(const struct map *m, struct str key); /* NULL when absent */
/* The value's place, made (holding NULL) when absent. Valid until the next map_slot. */
void **map_slot(struct map *m, struct str key);
/* The key's bytes are to be read where these lie from now on. Absent: nothing. */
void map_rekey(struct map *m, struct str key);
/* Entries in no particular order: `for (size_t i = 0; (e = map_next(m, &i));)`. Entries whose value is NULL are passed over. */
struct map_entry *map_next(const struct map *m, size_t *i);
void map_free(struct map *m);

#endif
