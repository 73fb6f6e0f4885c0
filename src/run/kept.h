/* A task's output on disk: tasks/NAME/{stdout,stderr,output}. Little is held in memory and written once at the end; more goes to
 * files as it comes. */
#ifndef AXMAKE_RUN_KEPT_H
#define AXMAKE_RUN_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

/* What a program writes to; also the index of its file or pipe. */
enum stream { STREAM_OUT, STREAM_ERR };

#define KEPT_TAIL 4096

struct kept {
	int store_fd;
	char *dir;            /* in store_fd */
	bool by_child;        /* the program writes stdout and stderr itself */
	bool bare;            /* there was no folder when the task began: what is there by now is no earlier run's */
	bool fresh;           /* its folder has just been made: there are no earlier files */
	bool left;            /* of those: it may go on writing after kept_finish. What stands there then is kept as a copy */
	uint64_t size[2];     /* bytes added, by stream; after kept_finish of `by_child` the files' sizes */
	struct sbuf held[2];  /* what is not on disk yet */
	struct sbuf tail;     /* at least the last KEPT_TAIL bytes of both in the order added; all of them while they are held */
	bool on_disk;         /* the folder is there and nothing is held any more */
	int dir_fd;           /* the folder, once on_disk */
	int fd[2];            /* files, or -1 */
	int both_fd;          /* `output`, from the second stream's first byte on */
	bool both;            /* it was made */
	struct hasher hasher; /* of standard output; state NULL: not begun */
	struct hash128 out_hash; /* after kept_finish */
	bool reserved;           /* of `by_child`: standard output's first bytes have their room on the disk */
	int no_room;             /* of `by_child`, after kept_finish: ENOSPC or EDQUOT where standard output could not grow now, and may be cut. Not for what was reserved */
	int err;                 /* the first failure: nothing is written any more */
	const char *err_file;    /* its file's name in dir; "" for the folder */
};

/* dir is copied. */
void kept_init(struct kept *k, int store_fd, const char *dir);
/* Makes both files now, with room for a usual answer, and opens them for the program, for appending. 0 or errno. */
int kept_give(struct kept *k, int child_fds[2]);
void kept_add(struct kept *k, enum stream s, const char *p, size_t n);
/* Writes what is held, so that others can read it. */
void kept_flush(struct kept *k);
/* Writes the rest and closes; removes what an earlier run left in the folder. 0 or the first errno. */
int kept_finish(struct kept *k);
void kept_free(struct kept *k);

#endif
