/* A task's standard output and error: kept in files under tasks/NAME, hashed as they come, passed on as they come.
 *
 * Pipes (run tasks): both are read in the order in which they become readable; files are made at the first byte only, so a silent task leaves no folder. Files (agents):
 * the program writes into tasks/NAME/{stdout,stderr} itself; growth is noticed by inotify. Memory is flat whatever comes. */
#ifndef AXMAKE_RUN_CAPTURE_H
#define AXMAKE_RUN_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "run/capture_watch.h"
#include "run/kept.h"
#include "run/loop.h"

struct capture;

struct capture_config {
	struct loop *loop;
	struct capture_watch *watch; /* used by files */
	int store_fd;                /* .axmake */
	const char *dir;             /* "tasks/NAME" in it; copied */
	bool files;                  /* else pipes */
	bool bare;                   /* there was no dir when the task began */
	bool fresh;                  /* dir has just been made, and nothing stands in it that this one makes */
	bool left;                   /* of files: somebody may go on writing after capture_finish, and what is kept is not touched by that */
	/* Each piece as it is read (at most 64 KiB); may be NULL. */
	void (*on_data)(void *self, enum stream s, const char *p, size_t n);
	/* Both pipes have come to their ends, in a turn of the loop. May be NULL. Called from within: the capture is not to be ended below its feet. */
	void (*on_end)(void *self);
	/* Writing the log failed (ENOSPC …), told once; the program is read on, so that it never blocks. */
	void (*on_error)(void *self, int err, const char *path);
	void *self;
};

/* 0 or errno; *out is then to be freed by capture_free. Descriptors for the child in child_fds[2]; capture_started is to be called after the spawn. */
int capture_open(const struct capture_config *c, struct capture **out, int child_fds[2]);
void capture_started(struct capture *c);
/* After the program has ended (a pipe need not have an end of file before): takes what is there now, of files only so much that it takes no time to speak of.
 * true: complete (end of file on both pipes; files up to where they reached when it was called). */
bool capture_drain(struct capture *c);
/* Is there more of what it was to take? Then capture_drain_on takes the next of it; true: that was all. */
bool capture_behind(const struct capture *c);
bool capture_drain_on(struct capture *c);
/* Not to be read, after all: neither passed on nor in the tail. The files keep it. */
void capture_skip(struct capture *c);
/* Closes the reading ends even where someone still holds a pipe; finishes the files. 0 or the first errno. Then the fields below hold. */
int capture_finish(struct capture *c);
void capture_free(struct capture *c);

struct capture_sizes {
	uint64_t out, err;      /* bytes */
	struct hash128 out_hash; /* of all standard output, also of none */
	bool both;               /* both streams had bytes: tasks/NAME/output holds them in the order read; else the one that has is all */
	int64_t first_byte_ns;   /* monotonic; -1: nothing was read */
	int no_room;             /* of files: ENOSPC or EDQUOT where standard output may be cut, since the disk is full */
	struct str tail;         /* the last bytes of both, at most 4 KiB, in the order read; lives with the capture */
};
struct capture_sizes capture_result(const struct capture *c);

#endif
