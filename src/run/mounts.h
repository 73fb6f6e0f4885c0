/* What a sandbox shows of the file system: a list of paths with what is seen there, the deeper over the higher. */
#ifndef AXMAKE_RUN_MOUNTS_H
#define AXMAKE_RUN_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"

enum mount_kind {
	MOUNT_READ,  /* what stands there, to be read */
	MOUNT_WRITE, /* the same, to be written */
	MOUNT_EMPTY, /* a folder of its own, in memory */
	MOUNT_LINK,  /* a link to `to` */
	MOUNT_DEV,   /* the usual devices, and an empty folder `shm` */
	MOUNT_PROC,
};

struct mount {
	struct str at; /* absolute, normal */
	struct str to; /* MOUNT_LINK */
	enum mount_kind kind;
	size_t rank;   /* of several at one path the last counts */
};

struct mounts {
	struct arena *a;
	VEC(struct mount) all;
	struct str unseen; /* the last path of which cannot be told whether it is there, and so what is to be hidden or shown; n == 0: none */
	int error;         /* why */
};

/* All paths are absolute. Of what is not there nothing is shown. */
void mounts_add(struct mounts *m, enum mount_kind kind, struct str at);
/* A folder's content is not seen; where it is a link, that of the folder that it leads to. */
void mounts_hide(struct mounts *m, struct str folder);
/* What is at that path, through links, is seen under it and, where the path leads over links that are hidden, under its own name. false: there is nothing. */
bool mounts_show(struct mounts *m, enum mount_kind kind, struct str path);
/* A path through all links; STR_NONE: there is nothing. */
struct str mounts_real(struct mounts *m, struct str path);
/* Is it in a folder that is hidden? */
bool mounts_hidden(const struct mounts *m, struct str path);
/* Is such a folder in it, or it itself one? */
bool mounts_hold_hidden(const struct mounts *m, struct str folder);
/* bubblewrap's words for all of them, pushed to `words`. An empty folder holds so many bytes at most. */
struct words_list;
void mounts_words(struct mounts *m, uint64_t size, struct words_list *words);

/* A growing NULL-less argv in the arena. */
struct words_list {
	VEC(char *) of;
};

#endif
