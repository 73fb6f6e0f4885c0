/* Files and names brought to the disk, so that they are there after the machine has lost its power. */
#ifndef AXMAKE_STATE_DURABLE_H
#define AXMAKE_STATE_DURABLE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"

/* Folders are gathered, and each is synced once, at the end: zero but for `at` and `arena` at first. */
struct durable {
	int at; /* paths are relative to this folder, which counts as their uppermost */
	struct arena *arena;
	struct map folders;
	int err; /* the first */
};

/* What is gone is no error: whoever took it away has changed it. Links are not followed, and what may not be opened cannot be synced. */
void durable_file(struct durable *d, struct str path);
void durable_folder(struct durable *d, struct str path);
/* The folders, those above them too. 0 or the first errno of all. Frees what is not the arena's. */
int durable_end(struct durable *d);

#endif
