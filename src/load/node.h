/* A tree of scalars, lists and maps that remembers where everything stood. */
#ifndef AXMAKE_LOAD_NODE_H
#define AXMAKE_LOAD_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/str.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };
enum node_style { STYLE_PLAIN, STYLE_QUOTED, STYLE_BLOCK }; /* block: | or > */

/* Only the members of its kind may be read: a file of 100 000 tasks has more than a million of these. */
struct node {
	uint8_t kind;      /* enum node_kind */
	uint8_t style : 7; /* scalars: enum node_style */
	uint8_t is_block : 1;
	uint16_t first_col; /* both as in struct text (load/definition.h); known only for scalars that hold a '$' or a '(' */
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

/* The value of `key`, or NULL. */
struct node *node_get(const struct node *map, struct str key);
/* Is it `key:` with nothing behind, or `~` or `null` unquoted? */
bool node_is_null(const struct node *n);

#endif
