/* Moving what a view holds to the root: each file by a rename, never through a link of the root's. */
#ifndef AXMAKE_STATE_PUBLISH_H
#define AXMAKE_STATE_PUBLISH_H

#include "state/changes.h"
#include "state/store.h"

struct publish {
	/* Given. */
	struct arena *arena;
	const struct store *store;
	struct str task;          /* its name: tasks/NAME/edited gets what somebody changed meanwhile */
	int from_fd;              /* the view's upper layer, or copy */
	struct timespec since;    /* when the view began */
	bool walled;              /* it was made behind a wall: no file comes out that others may run as who made it */
	struct str copy, root;    /* absolute; of a copy: links to the first become links to the second */
	void (*kept)(void *self, struct str path); /* somebody had changed that file of the root since; its bytes are kept */
	void *self;
	/* Its own. */
	int to_dir;               /* the folder of the root last opened; -1 at first */
	struct str to_path;
	VEC(const struct change *) modes; /* folders whose modes are set at the end */
	size_t moved;             /* names of the root that were changed */
};

/* Each: 0 or errno. First come all removals, then folders and files, outer ones first; each part can be done again after it was cut short. */
int publish_remove(struct publish *p, struct str path); /* a file, or a folder with all that is in it; nothing there is fine */
/* Of an opaque folder: removes what the root has in it and the view has not. */
int publish_clear(struct publish *p, const struct changes *c, const struct change *folder);
int publish_folder(struct publish *p, const struct change *folder);
int publish_file(struct publish *p, const struct change *file); /* takes it out of the view */
int publish_end(struct publish *p);

#endif
