/* What a view of the root holds that the root does not: files and folders written, and names that are gone. */
#ifndef AXMAKE_STATE_CHANGES_H
#define AXMAKE_STATE_CHANGES_H

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"

enum change_kind {
	CHANGE_FILE,   /* a file, a link: whatever is no folder */
	CHANGE_FOLDER, /* also one that is the root's as well, and only holds changes */
	CHANGE_GONE,   /* the root's is not seen in the view, and nothing stands there */
};

struct change {
	struct str path; /* relative to the root, normal */
	enum change_kind kind;
	bool opaque;     /* a folder in which nothing of the root's is seen */
	mode_t mode;     /* as stat has it; 0 where it is gone */
};

struct changes {
	VEC(struct change) all; /* folders before what is in them */
	struct map by_path;     /* -> struct change *, once complete */
};

/* Reads the upper layer of an overlay that is not mounted, or in which nothing is at work. 0, or errno with *bad. */
int changes_of_layer(struct arena *a, int upper_fd, struct changes *out, struct str *bad);
/* Reads a copy that was begun at `copying` and complete at `since`, which tells what came to the root meanwhile from what is gone from the copy; `folders`: what copy_tree noted. 0, or errno with *bad. */
int changes_of_copy(struct arena *a, int copy_fd, int root_fd, struct timespec copying, struct timespec since, struct str folders, struct changes *out, struct str *bad);
void changes_free(struct changes *c); /* what lies outside the arena */

/* NULL: the view has nothing of its own there. */
const struct change *changes_get(const struct changes *c, struct str path);
/* Is what the root has at that path out of sight in the view? */
bool changes_hide(const struct changes *c, struct str path);
/* Does the view show the same bytes, link and mode at a file's path as the root? */
bool changes_same(int view_fd, int root_fd, struct str path);

/* .axmake is in no view. */
bool changes_pass_over(struct str folder, const char *name);

#endif
