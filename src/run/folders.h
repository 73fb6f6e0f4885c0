/* Folders watched by inotify: what happens to names in them. One watch a folder, however many files it holds. */
#ifndef AXMAKE_RUN_FOLDERS_H
#define AXMAKE_RUN_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct folders;

struct folder {
	struct str path;
	int wd;              /* -1: not watched, err says why */
	int err;
	bool listed;         /* whoever uses this: new names in it matter */
	bool missed;         /* and: it has been told that this is not watched */
	bool fresh;          /* not watched before the last folders_begin */
	struct folder *same; /* another path to the same folder; NULL: no more */
};

/* NULL with errno. */
struct folders *folders_new(void);
void folders_free(struct folders *f);
int folders_fd(const struct folders *f); /* readable when there is something to be read */

/* Begins a new set: folders that are not added again by folders_end are watched no more; nothing that happens to the others meanwhile is lost. */
void folders_begin(struct folders *f);
/* The folder at this path, links and all, watched from now on; the same each time for one path. Valid until the next folders_begin. */
struct folder *folders_add(struct folders *f, struct str path);
void folders_end(struct folders *f);
size_t folders_count(const struct folders *f); /* watches */

/* Reads what there is, but comes to an end however fast more is written. For each event: the folder with all its paths (NULL: events were lost), the name in it (empty: the folder itself), inotify's mask. */
void folders_read(struct folders *f, void (*fn)(void *self, struct folder *in, struct str name, uint32_t mask), void *self);

#endif
