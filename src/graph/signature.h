/* What a task's up-to-dateness hangs on. The fields that count are listed once, in signature.c's table; each goes in length-prefixed.
 *
 * A signature is XXH3-128 over, for each field in order: its kind (1 byte), its label (framed; empty where the label is for people only) and its value (framed). */
#ifndef AXMAKE_GRAPH_SIGNATURE_H
#define AXMAKE_GRAPH_SIGNATURE_H

#include "graph/content.h"
#include "graph/field.h"
#include "graph/graph.h"

/* What computing a signature found. */
struct signing {
	struct hash128 hash;
	struct sbuf fields; /* when asked for: the fields as recorded, see field_next. The caller frees it */
	struct str prompt;  /* agents: the expanded prompt, in the arena given */
	struct str_list inputs; /* the files that count, likewise */
	struct str problem; /* n > 0: it could not be computed: "cannot read 'x': Permission denied" */
};

/* fresh: files are looked at again. provider: the one to sign for (agents). */
void signature_compute(struct hashing *h, struct arena *a, struct task *t, const struct provider *p, bool fresh, bool want_fields, struct signing *out);

/* Variables of this name hold what is not to be seen: *_KEY, *_TOKEN, *_SECRET, *_PASSWORD. */
bool signature_secret_name(struct str name);
/* May such a name end so? All variables are asked for, and few of them do. */
static inline bool signature_secret_end(char last)
{
	return last == 'Y' || last == 'N' || last == 'T' || last == 'D';
}
/* Does what would be shown of a value, its first 80 bytes, hold the beginning of such a secret? It may have come by `${env.X}` or by a result. */
bool signature_shows_secret(struct hashing *h, struct str value);

#endif
