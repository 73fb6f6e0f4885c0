/* Records of the root's other workflow files. They stand for no task of this one, but what one of them left of a file is nobody's edit. */
#ifndef AXMAKE_GRAPH_NEIGHBOURS_H
#define AXMAKE_GRAPH_NEIGHBOURS_H

#include "base/arena.h"
#include "graph/graph.h"
#include "graph/signature.h"
#include "state/log.h"

struct neighbours;

/* All that the log knows of. Hashing and log outlive it. */
struct neighbours *neighbours_find(struct arena *a, struct hashing *h, struct log *log);
/* What lies outside the arena. */
void neighbours_free(struct neighbours *n);

/* Of an output that is not as r, a record of this file, says: the success of another file's task, later than r and of other work, that left it, or what it is a part of, or a part of it,
 * as it stands now; NULL: none. Once it has been told of an output it is told again, whatever becomes of that. */
const struct task_record *neighbours_made_since(struct neighbours *n, const struct task_record *r, const struct pattern *p);

#endif
