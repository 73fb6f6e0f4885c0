/* What a task's up-to-dateness hangs on. The fields that count are listed once, in signature.c's table; each goes in length-prefixed.
 *
 * A signature is XXH3-128 over, for each field in order: its kind (1 byte), its label (framed; empty where the label is for people only) and its value (framed). */
#ifndef AXMAKE_GRAPH_SIGNATURE_H
#define AXMAKE_GRAPH_SIGNATURE_H

#include "graph/graph.h"
#include "state/store.h"

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
};

struct hashing {
	struct graph *g;
	struct store *store;
	struct filehash *fh;
	struct hasher hasher;
	/* -o: content of these paths is taken from the record. NULL: none. */
	const struct map *old_files;
};

/* What computing a signature found. */
struct signing {
	struct hash128 hash;
	struct sbuf fields; /* when asked for: the fields as recorded, see field_next. The caller frees it */
	struct str prompt;  /* agents: the expanded prompt, in the arena given */
	struct str problem; /* n > 0: it could not be computed: "cannot read 'x': Permission denied" */
};

/* fresh: files are looked at again. provider: the one to sign for (agents). */
void signature_compute(struct hashing *h, struct arena *a, struct task *t, const struct provider *p, bool fresh, bool want_fields, struct signing *out);

/* Variables of this name hold what is not to be seen: *_KEY, *_TOKEN, *_SECRET, *_PASSWORD. */
bool signature_secret_name(struct str name);

/* Expands a template with everything known now (dependencies' results are read from the store). false with *problem. */
bool signature_expand(struct hashing *h, struct arena *a, struct task *t, const struct template *tpl, struct sbuf *out, struct str *problem);

/* The inputs as a task sees them: files found by literals, trees and patterns, sorted, each once. */
void signature_inputs(struct hashing *h, struct arena *a, struct task *t, bool fresh, struct str_list *out, struct str *problem);

/* What a dependency counts for its user: its outputs as they stand (those that the user edits: as they were made), else its result; for a group that of its dependencies. */
struct hash128 signature_contribution(struct hashing *h, struct task *dep, const struct task *user);

/* Its outputs stand otherwise now: what it counts is to be computed anew, and so for groups that hold it. */
void signature_forget(struct task *t);

/* One recorded field. */
struct field {
	uint8_t kind;
	struct str label;
	struct hash128 hash; /* of the value */
	struct str shown;    /* the value's beginning, at most 80 bytes; empty for contents */
};
/* Reads the field at *at and moves on; false at the end or on nonsense. */
bool field_next(struct str fields, size_t *at, struct field *out);
const char *field_kind_name(uint8_t kind);

#endif
