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
/* Some rules find the error where an answer stands otherwise; only a place of its own tells one from the other. Not asked where `failed` tells. */
bool where_error_is_apart(const struct provider *p);
/* As a rule says it: "jsonl:/a/b". */
struct str where_text(struct arena *a, const struct where *w);

/* A key of the rule while the files are searched for it. */
struct key {
	const struct where *where;
	struct json_path *paths; /* several where the pointer names a set `{a,b}` */
	const char **literals;   /* of each path, "name" in quotes: a line without it cannot have the value; NULL: it may */
	size_t n_paths;
	bool number;         /* numbers are added up; else the first value counts, of a set the first that says something */
	json_t *value;       /* the last one that was not null; own reference */
	bool has_number, is_real;
	int64_t whole; /* saturates */
	double real;   /* all that was added */
};

/* `number`: its values are to be added up. A place that is not in JSON gives a key that finds nothing. */
struct key key_of(struct arena *a, const struct where *w, bool number);
/* False: the line has nothing for the key. Reading a line as JSON takes a hundred times as long as this. */
bool key_may_be_in(const struct key *k, struct str line);
/* Takes what one JSON text has for the key: in place of what earlier ones had, or on top where the rule wants the sum. */
void key_see(struct key *k, const json_t *root);

bool key_has_value(const struct key *k);
/* true, a number that is not 0, the word "true", or an object or array with something in it. */
bool key_is_true(const struct key *k);
/* The same, or any text that is not empty. */
bool key_says_something(const struct key *k);
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
