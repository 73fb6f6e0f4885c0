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

#endif
