/* Records that stand for nothing that their name's bearer does: nobody bears the name any more, or whoever bears it declares other outputs and edits. A task
 * that has another name now, or has taken another one's, finds its record here, by its signature. */
#ifndef AXMAKE_GRAPH_ORPHANS_H
#define AXMAKE_GRAPH_ORPHANS_H

#include <stdbool.h>

#include "base/arena.h"
#include "graph/graph.h"
#include "graph/signature.h"
#include "state/log.h"

struct orphans;

/* All that the log knows of now, of the workflow's file. Hashing and log outlive it. writable: what is taken over goes on record under its new name. */
struct orphans *orphans_find(struct arena *a, struct hashing *h, struct log *log, bool writable);
/* What lies outside the arena. */
void orphans_free(struct orphans *o);

bool orphans_any(const struct orphans *o);

/* Does the record stand for other work than the task's: do both declare outputs or edits, and none in common? */
bool orphans_other_work(const struct task_record *r, const struct task *t);

/* The record with this very signature, to be the task's own from now on; NULL: none. An earlier one of the task's own is no hindrance unless it is younger and may be of the same work: then what stands there is by that one. */
const struct task_record *orphans_adopt(struct orphans *o, struct task *t, struct arena *scratch);
/* The task, whose record is of other work, is going to run: it has none any more, and that one is kept for whoever does that work now. Writable only. */
void orphans_set_aside(struct orphans *o, struct task *t);

/* A success later than r, under whatever name, that made this output of it anew; NULL: none. */
const struct task_record *orphans_made_since(const struct orphans *o, const struct task_record *r, struct str path);
/* Has one of them left this output as it stands now, by an edit later than `since`? */
bool orphans_left_by_editor(const struct orphans *o, uint64_t since, const struct pattern *p, struct hash128 now);
/* The same of a single record; NULL: none. */
bool orphans_left_by(const struct task_record *r, uint64_t since, const struct pattern *p, struct hash128 now);

#endif
