/* Views of a root: an overlay mounted over it in namespaces that nobody else is in, to start programs there. */
#ifndef AXMAKE_RUN_OVERLAY_H
#define AXMAKE_RUN_OVERLAY_H

#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "run/process.h"

/* Paths are C strings. */
struct overlay_plan {
	const char *root;        /* absolute, without links */
	const char *lower;       /* what is seen below, and where it is mounted; these three are relative to the root, and without ',', ':' and '\' */
	const char *upper, *work; /* existing folders of one file system: what is written, and the kernel's own */
	const char *real[2];     /* relative to the root: what is in the view the very thing that it is outside; NULL: none */
	char *const *folders;    /* relative to the root: folders that are made in the view where they are missing, parents first; NULL-terminated, or NULL */
	bool test;               /* then does in it what an upper layer may not be able to keep: `lower` has the files below */
};

/* Which step failed, for people ("mount the overlay"), with what errno. */
struct overlay_fault {
	const char *step;
	const char *path; /* of the plan's folders and real ones: which; else NULL */
	int err;
};

/* Makes namespaces with that mount in them, and nothing else anywhere: it is gone when the last process in them has ended and the descriptors of *out are closed.
 * Where the caller may mount, a mount namespace is enough; else there is a user namespace too, in which the user and group have the same numbers and no other exists.
 * out->folder is plan->root. false with *fault. To be called from the main thread. */
bool overlay_make(const struct overlay_plan *p, struct place *out, struct overlay_fault *fault);
/* What the root's other names lead to by now is seen in the view from here on; without this call, what was looked at there before may still be seen. 0 or errno. */
int overlay_refresh(const struct place *p);
void overlay_close(struct place *p);

/* Files and a folder that `test` removes; it makes the folder anew. */
#define OVERLAY_TEST_FILE "file"
#define OVERLAY_TEST_FOLDER "folder"
#define OVERLAY_TEST_INNER "folder/file"

#endif
