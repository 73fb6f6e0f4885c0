/* The settings' `providers`: what a JSON file says of single providers. */
#ifndef AXMAKE_LOAD_CONFIG_PROVIDERS_H
#define AXMAKE_LOAD_CONFIG_PROVIDERS_H

#include <jansson.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "base/vec.h"
#include "load/rules.h"

enum said { NOT_SAID, SAID_FALSE, SAID_TRUE };

struct provider_setting {
	struct str name; /* in NFC */
	struct str pointer; /* "/providers/NAME" */
	enum said enabled, limited; /* limited: rateLimit.enabled, or that there is a rateLimit */
	bool has_priority;
	double priority;
	struct str command; /* empty: not said */
	int64_t timeout_ns; /* -1: not said; 0: none */
	uint32_t capacity;  /* 0: not said */
	double refill;      /* 0: not said */
};

struct provider_settings {
	struct pos at; /* the file as a whole */
	VEC(struct provider_setting) all;
};

/* Reads the value of `/providers`, which may be NULL. Mistakes go to d at `at`, with their pointers. What other programs keep beside these keys is passed over. */
void provider_settings_read(struct provider_settings *s, struct arena *a, struct diag *d, struct pos at, const json_t *providers);
/* Lays them over the rules. A name that no rule has is a warning; a bucket of which one half is missing an error. */
void provider_settings_apply(const struct provider_settings *s, struct rules *r, struct arena *a, struct diag *d);

#endif
