/* From a YAML tree to plain structs: keys looked up in tables, values of the kind that a key wants, each mistake at its place.
 * Private to workflow. */
#ifndef AXMAKE_LOAD_READER_H
#define AXMAKE_LOAD_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "load/definition.h"
#include "load/node.h"

/* The section that is being read where it is not `tasks`: see dialect.h. */
struct dialect {
	const char *section;      /* "actors" or "stages" */
	const struct map *actors; /* of `stages`: NFC name -> struct defaults *; NULL: the file has no actors, and they are agents */
};

/* One load of a workflow and all its files. */
struct reader {
	struct arena *a;
	struct diag *d;
	struct workflow *wf;
	struct map tasks;        /* NFC name -> struct task_def */
	struct map vars;         /* NFC name -> the struct var_def's index in wf->vars, plus one */
	struct map pools;        /* NFC name -> the struct pool_def's index in wf->pools, plus one */
	const struct dialect *dialect; /* NULL: none */
	bool full;               /* there are too many tasks, and that was said */
	VEC(struct str) ignored; /* sections of other programs, for one warning */
	struct pos ignored_at;   /* of the first */
	struct text classified;  /* a key of other programs that says how private the work is; the first */
};

struct key_row;
typedef void key_read_fn(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                         void *into);

/* One spelling of one key. */
struct key_row {
	const char *name;
	int slot;          /* equal for spellings of one key; keys are read in the order of their slots */
	key_read_fn *read;
	size_t offset;     /* of the field in the struct that is filled, for the general readers */
	bool in_defaults;  /* a task's key that `defaults` may have */
};

/* What a kind of map may hold. */
struct key_table {
	const char *of; /* "a task" */
	const struct key_row *rows;
	size_t n;
	/* Deals with a key that is in no row: false when it is unknown. May be NULL. */
	bool (*other)(struct reader *r, const struct node *key, const struct node *value, void *into);
	/* For an unknown key: offers to `near`, which has been offered all rows, what `other` takes. A better hint than the nearest,
	 * or NULL. May be NULL. */
	const char *(*hint)(struct diag *d, struct str key, struct suggestion *near);
};

enum { MAX_SLOTS = 48 };

/* Key and value by slot; NULL where the map has no such key. */
struct slots {
	const struct pair *pair[MAX_SLOTS];
};

/* `defaults` of one file, or an actor: a task that has only these keys, and which they are. */
struct defaults {
	struct task_def task;
	struct slots slots;
};

/* As diag_error. */
#define reader_error(r, ...) diag_error((r)->d, __VA_ARGS__)

/* Reads a map by a table into the struct at `into`, in the order of slots. Reports unknown keys, two spellings of one, keys not
 * built yet. */
void reader_map(struct reader *r, const struct key_table *t, const struct node *map, struct slots *slots, void *into);

/* A copy in the loader's memory of a scalar that is known to be one. */
struct text reader_keep(struct reader *r, const struct node *scalar);
/* One text; false after reporting a list, a map, nothing or, unless `may_be_empty`, "". */
bool reader_one_text(struct reader *r, struct str key, const struct node *value, bool may_be_empty, struct text *out);
/* A scalar's text for a key that wants a number or the like: `wants` ("a number from 1 to 3") goes into the error. */
bool reader_scalar(struct reader *r, struct str key, const struct node *value, const char *wants, struct str *out);
void reader_wants(struct reader *r, struct str key, const struct node *value, const char *wants);
/* Notes a section that belongs to another program. */
void reader_ignore(struct reader *r, struct pos at, struct str name);

/* Readers for tables; `offset` says where the result goes. */
void read_text(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
               void *into); /* struct text, not empty */
void read_any_text(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                   void *into); /* may be "" */
void read_list(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
               void *into); /* struct text_list */
void read_names(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                void *into); /* the same, in NFC */
void read_bool(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
               void *into); /* bool */
void read_duration(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                   void *into); /* int64_t ns */

/* Does the name hold a control character (C0, DEL, C1)? */
bool name_has_control(struct str name);
/* What is wrong with the name of a variable or a matrix's key, or NULL. */
const char *var_name_fault(struct str name);

#endif
