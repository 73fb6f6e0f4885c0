/* The keys of a provider's section, and how each is read. Private to provider. */
#ifndef AXMAKE_LOAD_PROVIDER_PARTS_H
#define AXMAKE_LOAD_PROVIDER_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "load/inifile.h"

struct provider;

/* One section that is being laid over a provider. */
struct apply {
	struct provider *provider;
	struct arena *arena;
	struct diag *diag;
	const struct ini_key *key; /* at hand; its value is not empty */
	bool user;                 /* who wrote it; the built-in ones are tested */
};

struct key_def {
	const char *name;
	void (*set)(struct apply *ap, const struct key_def *def);
	size_t field, size; /* of struct provider; cleared by an empty value */
	bool shapes;        /* does it shape the call: then the user's value counts in signatures */
	unsigned places;    /* set_where: bits 1 << enum where_kind that make sense */
	bool many;          /* set_where: may `*` stand in the pointer */
};

/* NULL: there is no such key. */
const struct key_def *provider_key(struct str name);
/* Where a key's value stands in the provider. */
void *provider_key_field(struct apply *ap, const struct key_def *def);
/* Reports a key that is none, with the nearest one. */
void provider_key_unknown(struct apply *ap, const struct ini_key *key);
/* The value that was just set, as it counts in signatures; in the arena. */
struct str provider_key_shape(struct apply *ap, const struct key_def *def);

#endif
