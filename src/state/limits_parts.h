/* Private to limits*.c, after limits.h: the files (limits_files.c), and who may go (limits.c).
 *
 * Two files a provider. NAME.state holds a bucket's text; a lock on its first byte is the right to change it, one on byte TICKETS + n is turn n in the queue.
 * NAME.places holds in each 16 bytes, locked as a whole, the pid of a call's process. All locks belong to open file descriptions. */
#ifndef AXMAKE_STATE_LIMITS_PARTS_H
#define AXMAKE_STATE_LIMITS_PARTS_H

#include "base/vec.h"

struct limit {
	struct limits *of;
	struct str state_name, places_name;
	int state_fd, places_fd; /* places_fd only asks */
	int state_watch, places_watch;
	bool queued; /* holds `ticket` */
	uint64_t ticket;
	bool closed_lately; /* a descriptor was closed; locks may be about to go */
};

struct limits {
	struct arena *arena;
	struct str path;
	int folder_fd, inotify_fd;
	char boot[BUCKET_BOOT_MAX];
	VEC(struct limit *) all;
};

/* A file of the folder, made where it is missing, and nothing that somebody put in its place. -1 with errno. */
int limits_open_own(const struct limits *l, struct str name, int how);
/* type: F_WRLCK or F_UNLCK; a length of 0: to the end. 0, EAGAIN when somebody else has some of it, or another errno. */
int limits_lock(int fd, short type, int64_t start, int64_t length);
bool limits_locked(int fd, int64_t start, int64_t length); /* by others */

/* Locks the state and reads it; after 0 limit_put follows. 0, EAGAIN or errno. */
int limit_enter(struct limit *l, struct bucket *b);
/* Writes it, if it was changed, and unlocks. 0 or errno. */
int limit_put(struct limit *l, const struct bucket *b, bool changed);

#endif
