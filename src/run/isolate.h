/* Private to the files of isolated tasks. */
#ifndef AXMAKE_RUN_ISOLATE_H
#define AXMAKE_RUN_ISOLATE_H

#include "run/job.h"
#include "run/overlay.h"
#include "state/changes.h"
#include "state/views.h"

/* A task's view of the root. */
struct view {
	enum view_kind kind;
	struct str dir;     /* "views/NAME" in .axmake */
	struct place place; /* of an overlay: not made where user_ns and mount_ns are -1 */
	struct str root;    /* absolute: where the task finds the root */
	struct timespec copying, since;
	bool read;          /* `changes` is what stands there now */
	struct changes changes;
};

/* The fifo of the jobserver that its children are handed, absolute; NULL: they are handed none. */
const char *isolate_fifo(struct job *j);
/* A setting of this machine's that may be behind a refusal of namespaces, in parentheses; "": none. */
const char *isolate_setting(void);

/* What is written in it, read anew. false with outcome.error. */
bool isolate_read(struct job *j);

/* What comes from it to the root. */
struct declared {
	VEC(struct pattern) of;
};
bool isolate_is_declared(const struct declared *d, const struct change *c);

/* What was written in it and does not come to the root. */
struct dropped {
	struct job *j;
	int view_fd;
	bool again; /* what was written has begun to be moved in an earlier run */
	VEC(const struct change *) files; /* that may be kept */
	VEC(struct str) told;   /* names that may be kept, folders with a slash */
	VEC(struct str) lost;   /* names that are not */
	struct map folders; /* told as a whole */
	struct map leading; /* folders in which something is declared */
	struct map too_much; /* files that were not kept for their size */
};

/* Finds it, before anything is moved: folders that outputs lie in are then no news. */
void dropped_begin(struct dropped *l, struct job *j, int view_fd, const struct declared *d);
/* Tells it in a warning; keep: and moves an agent's, which was paid for, to tasks/NAME/dropped, in the place of what an earlier try left there. */
void dropped_end(struct dropped *l, bool keep);

#endif
