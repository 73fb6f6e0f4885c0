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

/* Who made outputs of a task that is at work, by the records of other names. */
struct makers {
	struct maker {
		struct str name;
		uint64_t start_id; /* of that success */
		const struct pattern *output;
		struct hash128 before; /* as it stood when the task began; zero: it was not there */
		bool seen;             /* that could be looked at */
	} *p;
	size_t n, cap;
};

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

/* A success later than r, under whatever name, that made this output of it anew, or a part of it, or what it is a part of; NULL: none. */
const struct task_record *orphans_made_since(const struct orphans *o, const struct task_record *r, const struct pattern *p);
/* The task is going to write: from now on its start, not their own, is marked as the last that wrote for those who made one of its outputs under another name, told in *out.
 * So what it leaves half made is no edit of theirs, should their tasks come back. 0 or errno. */
int orphans_begin(const struct orphans *o, struct arena *a, const struct task *t, uint64_t start_id, struct makers *out);
/* It has failed: where these outputs are as it found them, the marks are as well. */
void orphans_failed(const struct orphans *o, struct arena *a, const struct makers *m);
/* Has one of them, or one by whose name another task goes now that edits no such thing, left this output as it stands now, by an edit later than `since`? */
bool orphans_left_by_editor(const struct orphans *o, uint64_t since, const struct pattern *p, struct hash128 now);
/* The same of a single record; NULL: none. */
bool orphans_left_by(const struct task_record *r, uint64_t since, const struct pattern *p, struct hash128 now);
/* Did it edit just that? */
bool orphans_edited(const struct task_record *r, const struct pattern *p);

#endif
