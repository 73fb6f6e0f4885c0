/* The fields of a signature as they stand on record: what is compared to say why a task is stale. */
#ifndef AXMAKE_GRAPH_FIELD_H
#define AXMAKE_GRAPH_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

/* Numbers are part of the format on disk: never reuse one. */
enum field_kind {
	FIELD_KIND = 1,     /* "run" or "agent" */
	FIELD_SCRIPT = 2,
	FIELD_SHELL = 3,
	FIELD_PROMPT = 4,
	FIELD_ROLE = 5,
	FIELD_MODEL = 6,
	FIELD_PROVIDER = 7, /* name, revision, what the user's rules say */
	FIELD_NAME = 8,     /* only where it is used */
	FIELD_VAR = 9,      /* label: name */
	FIELD_ENV = 10,     /* label: name */
	FIELD_ENV_INPUT = 11, /* label: name; value "=…", or "" when unset */
	FIELD_INPUT = 12,   /* label: path; value: content hash */
	FIELD_OUTPUT = 13,  /* label: declared path */
	FIELD_EDIT = 14,    /* label: declared path */
	FIELD_DEPENDENCY = 15, /* label for people: name; value: contribution */
	FIELD_RESULT = 16,  /* label for people: name; value: result's hash */
	FIELD_CHECK = 18,   /* the script */
	FIELD_USED = 19,    /* a field of a result; label for people: "plan.title" */
	FIELD_CONTEXT = 17, /* "paths" or "results", where something follows the prompt */
	FIELD_FAILED = 24, /* only where a dependency did not succeed and the task ran all the same */
};

#define FIELD_SHOWN 80 /* bytes of a value that are kept to be shown */

/* One recorded field. */
struct field {
	uint8_t kind;
	struct str label;
	struct hash128 hash; /* of the value */
	struct str shown;    /* the value's beginning, at most FIELD_SHOWN bytes; empty for contents */
};
/* Adds one. A label beyond 65535 bytes is no path and no name that could be declared. */
void field_add(struct sbuf *fields, uint8_t kind, struct str label, struct hash128 hash, struct str shown);
/* Reads the field at *at and moves on; false at the end or on nonsense. */
bool field_next(struct str fields, size_t *at, struct field *out);
const char *field_kind_name(uint8_t kind);

#endif
