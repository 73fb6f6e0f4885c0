/* An entry of the cache. The first byte says how the rest is taken: 'm': its checksum is put right before; anything else: as it is. */
#include <limits.h>
#include <string.h>

#include "base/path.h"
#include "fuzz.h"
#include "state/bytes.h"
#include "state/cache_entry.h"

enum { SUM_AT = 8, BODY_AT = SUM_AT + 16 };

static void put_checksum(struct str file)
{
	struct sbuf sum = {0};

	if (file.n < BODY_AT)
		return;
	bytes_put_hash(&sum, hash_bytes(file.p + BODY_AT, file.n - BODY_AT));
	memcpy((char *)file.p + SUM_AT, sum.p, sum.n);
	sbuf_free(&sum);
}

static bool count(void *self, struct hash128 hash, uint64_t size)
{
	(void)hash;
	(void)size;
	++*(size_t *)self;
	return true;
}

/* Nothing of it leads out of the root, whoever wrote it. */
static void check_entry(struct arena *a, const struct cache_entry *e)
{
	for (size_t i = 0; i < e->n_outputs; i++) {
		const struct cache_output *o = &e->outputs[i];

		always(path_inside(o->path));
		for (size_t k = 0; k < o->parts.of.n; k++) {
			struct str path = o->parts.of.p[k].path;

			always(path.n && path.n < PATH_MAX && !memchr(path.p, '\0', path.n) && path_inside(path));
			always(str_eq(path_normal(a, path), path) && !path_under(path, STR(".axmake")) && !path_under(path, STR(".git")));
			always(o->kind != OUTPUT_TREE || path_under(path, o->path));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str file = fuzz_copy(data + (size > 0), size - (size > 0));
	struct arena a = {0};
	struct cache_entry e;
	struct sbuf again = {0};
	size_t n = 0;

	if (size && data[0] == 'm')
		put_checksum(file);
	if (cache_entry_read(&a, file, &e)) {
		check_entry(&a, &e);
		always(cache_entry_objects(&e, count, &n));
		cache_entry_bytes(&e);
		cache_entry_put(&again, &e);
		always(str_eq(sbuf_view(&again), file));
	}
	sbuf_free(&again);
	arena_free(&a);
	free((char *)file.p);
	return 0;
}
