/* JSON as programs print it: mended where a strict reader gives up, found inside other text, and looked into by pointers. */
#ifndef AXMAKE_BASE_JSONTEXT_H
#define AXMAKE_BASE_JSONTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

/* Without outer white space and a byte order mark. */
struct str jsontext_trim(struct str text);

/* One value that is all of `text` but for outer white space and a byte order mark; of any kind when `any`, else an object or
 * array. To be released by json_decref. What a strict reader refuses is mended in a copy: lone surrogates, bad bytes and wrong
 * escapes in strings become U+FFFD or themselves, integers beyond 64 bits become reals, numbers that no double holds become null.
 * NULL when it is no JSON even so, or more than 2048 deep. */
json_t *jsontext_load(struct str text, bool any);

/* Calls `see` with the value that `text` as a whole is, else with each object that stands in it, in order. Returns how many. Time
 * is linear in the text. */
size_t jsontext_each(struct str text, void (*see)(void *self, const json_t *root), void *self);

/* Is it for its depth that nothing is read of the first value that begins in the text? */
bool jsontext_is_deep(struct str text);

/* A pointer (RFC 6901) taken apart; `*` names every member. */
struct json_path {
	const char **parts; /* unescaped; a part that is `*` is NULL */
	size_t n;
	bool valid; /* false: begins with something else than '/'; it finds nothing */
};
struct json_path json_path_of(struct arena *a, struct str pointer);
/* The member of an array that a part names: digits without leading zeros. NULL: there is none. */
const json_t *json_path_member(const json_t *array, const char *part);
/* Calls `see` with each value that the pointer names (null too), until it returns false. */
void json_path_each(const json_t *root, const struct json_path *path, bool (*see)(void *self, const json_t *value), void *self);

/* A string's bytes as they are, anything else as compact JSON. In the arena. */
struct str jsontext_text(struct arena *a, const json_t *value);

#endif
