/* YAML 1.1 (libyaml) as a tree that remembers where everything stood. */
#ifndef AXMAKE_LOAD_YAML_H
#define AXMAKE_LOAD_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };
enum node_style { STYLE_PLAIN, STYLE_QUOTED, STYLE_BLOCK }; /* block: | or > */

/* Only the members of its kind may be read: a file of 100 000 tasks has more than a million of these. */
struct node {
	uint8_t kind;      /* enum node_kind */
	uint8_t style : 7; /* scalars: enum node_style */
	uint8_t is_block : 1;
	uint16_t first_col; /* both as in struct text (load/workflow.h); known only for scalars that hold a '$' */
	struct pos at;      /* its first character; of a block scalar the line of the | */
	union {
		struct str text; /* scalars; NUL-terminated after n, may not hold NUL. An empty plain scalar (`key:`) has text.n
		                    == 0 and STYLE_PLAIN */
		struct {
			size_t n; /* members of a list or pairs of a map */
			union {
				struct node **items; /* lists */
				struct pair *pairs;  /* maps; a map's own in the file's order, then what merge keys (<<) add,
				                        earlier merges first */
			};
		};
	};
};

struct pair {
	struct node *key; /* always a scalar */
	struct node *value;
};

/* Bounds, each with its message. */
#define YAML_MAX_DEPTH 64
#define YAML_MAX_ALIAS_NODES 4000000
#define YAML_MAX_FILE (512u << 20)

/* Parses registered source `source` (text given again). NULL after reporting at least one error; an empty document is NULL and
 * reports an error too. Reports: syntax errors (with what to do for tabs, `@x`, unquoted `*`, `{`, `%`, unterminated quotes), bad
 * UTF-8 and NUL with their true place, a second document, duplicate keys in a map (both places), keys that are no scalars,
 * unknown tags (`!src/ **`: "quote it"), the bounds; and the warning for a comment that cuts a plain `task:`/`prompt:`/`run:`
 * value short. A BOM is accepted. Aliases share their node; a node that holds itself is an error. */
struct node *yaml_parse(struct arena *a, struct diag *d, uint32_t source, struct str text);

/* The value of `key`, or NULL. */
struct node *node_get(const struct node *map, struct str key);
/* Is it `key:` with nothing behind, or `~` or `null` unquoted? */
bool node_is_null(const struct node *n);

#endif
