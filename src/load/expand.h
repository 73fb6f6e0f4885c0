/* `${…}` in texts: taken apart once; put together with values that are never looked at again. */
#ifndef AXMAKE_LOAD_EXPAND_H
#define AXMAKE_LOAD_EXPAND_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "load/definition.h"

struct piece {
	struct str text; /* literal text, or the body of ${body} without a final '?' */
	bool is_ref;
	bool optional; /* ${body?} */
	size_t offset; /* of the "${" or literal in the source text */
};

struct template
{
	struct piece *pieces; /* `$${` has become a literal "${" */
	size_t n;
	bool has_refs;
};

/* Takes text apart. An unterminated `${` or an empty `${}` is reported at its place. */
struct template template_parse(struct arena *a, struct diag *d, struct text t);
/* The same of its bytes [from, to) alone; offsets are still the whole text's. */
struct template template_part(struct arena *a, struct diag *d, struct text t, size_t from, size_t to);
/* The offset behind the `${…}` that begins at `at`; s.n where nothing closes it. */
size_t template_ref_end(struct str s, size_t at);

/* The place of byte `offset` of a text: exact within one line and within `|` blocks, else (escapes, folded lines, a text from
 * elsewhere) the text's own. */
struct pos text_pos(struct text t, size_t offset);
/* The same for many places of one text, in time by its length where they come in rising order. */
struct text_walk {
	struct text t;
	size_t offset; /* where `at` is; the rest is for text_walk alone */
	struct pos at;
};
struct pos text_walk_to(struct text_walk *w, size_t offset);

#endif
