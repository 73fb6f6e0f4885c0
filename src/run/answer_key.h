/* One key of a provider's rule while a program's output is searched for it. */
#ifndef AXMAKE_RUN_ANSWER_KEY_H
#define AXMAKE_RUN_ANSWER_KEY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/jsontext.h"
#include "base/str.h"
#include "load/rules.h"

bool where_is_json(const struct where *w);
/* As a rule says it: "jsonl:/a/b". */
struct str where_text(struct arena *a, const struct where *w);

/* A key of the rule while the files are searched for it. */
struct key {
	const struct where *where;
	struct json_path *paths; /* several where a number's pointer names a set `{a,b}` */
	size_t n_paths;
	const char *literal; /* "name" in quotes: a line without it cannot have the value; NULL: it may */
	bool number;         /* numbers are added up; else the first value counts */
	json_t *value;       /* the last one that was not null; own reference */
	bool has_number, is_real;
	int64_t whole; /* saturates */
	double real;   /* all that was added */
};

/* `number`: its values are to be added up. A place that is not in JSON gives a key that finds nothing. */
struct key key_of(struct arena *a, const struct where *w, bool number);
/* Takes what one JSON text has for the key: in place of what earlier ones had, or on top where the rule wants the sum. */
void key_see(struct key *k, const json_t *root);

bool key_has_value(const struct key *k);
/* true, a number that is not 0, or the word "true". */
bool key_is_true(const struct key *k);
/* The value as text, in the arena; empty when there is none. */
struct str key_text(struct arena *a, const struct key *k);
/* The sum, or -1: not reported (or negative). */
int64_t key_tokens(const struct key *k);

/* Keys of what a call used, in this order. */
enum { COUNT_INPUT, COUNT_OUTPUT, COUNT_CACHE_READ, COUNT_CACHE_WRITE, COUNT_COST, N_COUNTS };
struct counts {
	int64_t input_tokens, output_tokens, cache_read_tokens, cache_write_tokens; /* -1: not reported */
	double cost_usd;                                                            /* NaN: not reported */
};
void counts_init(struct arena *a, const struct provider *p, struct key keys[N_COUNTS]);
/* What they have found; input tokens never hold those that came out of a cache. */
struct counts counts_get(const struct provider *p, const struct key keys[N_COUNTS]);

#endif
