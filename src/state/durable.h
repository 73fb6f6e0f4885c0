/* Files and names brought to the disk, so that they are there after the machine has lost its power. */
#ifndef AXMAKE_STATE_DURABLE_H
#define AXMAKE_STATE_DURABLE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"

struct durable_file;

/* All is gathered, and synced once, at the end: zero but for `at`, `arena` and `err` at first. What belongs to several tasks so costs few waits for the disk. */
struct durable {
	int at; /* paths are relative to this folder, which counts as their uppermost */
	struct arena *arena;
	int *err; /* for the first errno of the files that are added now; not NULL */
	struct map folders;
	VEC(struct durable_file) files;
};

/* What is gone is no error: whoever took it away has changed it. Links are not followed, and what may not be opened cannot be synced. */
void durable_file(struct durable *d, struct str path);
void durable_folder(struct durable *d, struct str path);
/* The files, then the folders, those above them too. Files' errors are where `err` led when they were added; comes back 0 or the first errno of the folders. */
int durable_end(struct durable *d);

#endif
