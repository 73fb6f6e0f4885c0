/* Fields of a task's result that others use: `${task.a.b}`. Each result is read once, for all of them. */
#ifndef AXMAKE_GRAPH_FIELDS_H
#define AXMAKE_GRAPH_FIELDS_H

#include "graph/graph.h"

/* Notes a use, while the graph is built. user: who cannot do without it; NULL where `?` allows its absence. */
void fields_use(struct arena *a, struct task *t, struct str path, const struct task *user);
/* After all uses were noted: sorts them, each once. */
void fields_sort(struct task *t);

/* Looks for them in a result, whose hash is `of`; what is kept of it is in the arena. */
void fields_read(struct arena *a, struct task *t, struct hash128 of, struct str result);
/* Were they looked for in what is t's result now? */
bool fields_known(const struct task *t);
/* One that was noted. */
const struct used_field *fields_find(const struct task *t, struct str path);
/* One that somebody cannot do without and that is not there; NULL: none. */
const struct used_field *fields_missing(const struct task *t);
/* What a result that has no such field is like: "has no field 'a.b'", "is empty, so it has no field 'a.b'". */
struct str fields_lack(struct arena *a, const struct task *t, const struct used_field *f);

#endif
