/* Private to graph/: two recorded texts as people see how they differ. */
#ifndef AXMAKE_GRAPH_EXCERPT_H
#define AXMAKE_GRAPH_EXCERPT_H

#include "base/arena.h"
#include "base/str.h"

/* The same piece of both: `"cargo test"` and `"cargo check"`, with `line 3: ` before the first where it is not in the first line. Empty: as far as they are known they do not differ. */
struct excerpt {
	struct str before, now;
};

/* Of two texts the first line that differs; what of a long line is in both is left out. `limit`: so many bytes of a text are known at most. In the arena. */
struct excerpt excerpt_of_texts(struct arena *a, struct str before, struct str now, size_t limit);
/* Of two providers as they stand in a signature: the name, the revision or the first key that differs, as rules have it. */
struct excerpt excerpt_of_providers(struct arena *a, struct str before, struct str now, size_t limit);

#endif
