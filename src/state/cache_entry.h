/* What a success made, as the cache keeps it by the task's signature; the bytes are in doc/cache-format.md. */
#ifndef AXMAKE_STATE_CACHE_ENTRY_H
#define AXMAKE_STATE_CACHE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "state/facts.h"
#include "state/filehash.h"

/* A content that stands in the entry itself (p != NULL, also for nothing), or is an object of the cache. */
struct cache_content {
	struct hash128 hash;
	uint64_t size;
	struct str here;
};

struct cache_output {
	struct str path; /* as declared, normal; a tree without its slash */
	enum output_kind kind;
	struct hash128 hash; /* as on record */
	struct filehash_parts parts; /* PART_SPECIAL is none of them */
	struct str *here; /* by part: see cache_content */
};

struct cache_entry {
	struct hash128 signature;
	struct str provider; /* that answered; empty for scripts */
	int64_t made_at_ms;  /* wall clock */
	int64_t duration_ns, first_byte_ns;
	uint32_t tries;
	int64_t input_tokens, output_tokens, cache_read_tokens, cache_write_tokens; /* -1: not reported */
	double cost_usd; /* NaN: not reported */
	bool has_result;
	struct cache_content result;
	struct cache_output *outputs; /* in the task's order */
	size_t n_outputs;
};

/* An entry file's longest; a longer one is not read. */
#define CACHE_ENTRY_MAX (256u << 20)

void cache_entry_put(struct sbuf *b, const struct cache_entry *e);
/* Strings stay in `file`, arrays are in a. false where anything is wrong: magic, version, checksum, a length, a hash that does not fit its parts, a path that leads out of its
 * output or through something that is no folder. */
bool cache_entry_read(struct arena *a, struct str file, struct cache_entry *out);

/* Calls fn for every content that is an object, some perhaps more than once. Stops where fn returns false, and returns it. */
bool cache_entry_objects(const struct cache_entry *e, bool (*fn)(void *self, struct hash128 hash, uint64_t size), void *self);

/* All bytes that restoring it would bring. */
uint64_t cache_entry_bytes(const struct cache_entry *e);

#endif
