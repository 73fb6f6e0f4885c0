/* The file `.axmake/log` on the disk: opened, read whole, appended to, put aside, written anew. What its bytes mean is no concern
 * of it. */
#ifndef AXMAKE_STATE_LOGFILE_H
#define AXMAKE_STATE_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct logfile {
	int dir_fd; /* .axmake, not owned; -1: it does not exist */
	int fd;     /* -1: none */
	bool read_only;
	bool nowhere; /* there is no file: what is appended is let go */
	uint64_t size; /* bytes, all of whole frames */
	bool named;    /* its name is on the disk */
	int error;     /* the first failure to write: nothing is written any more */
};

enum logfile_state {
	LOGFILE_OPEN,
	LOGFILE_ABSENT,  /* read-only, and there is none */
	LOGFILE_FOREIGN, /* a folder, link, device: no file of ours */
	LOGFILE_FAILED,  /* *err says why */
};
enum logfile_state logfile_open(struct logfile *f, int dir_fd, bool read_only, int *err);
void logfile_close(struct logfile *f);

/* Of one that was opened to be read, and loaded: it is for writing from now on, where it stands in that folder as it was then. false: something else does, and f is as before. */
bool logfile_go_on(struct logfile *f, int dir_fd);

/* The whole content, in memory of its own (a mapping would die with SIGBUS when the file is cut meanwhile). Freed by
 * logfile_unload. */
int logfile_load(struct logfile *f, unsigned char **data, size_t *n);
void logfile_unload(unsigned char *data, size_t n);

/* n bytes of what is in it, from that place on. 0 or errno. */
int logfile_read(const struct logfile *f, uint64_t from, char *to, size_t n);

/* Appends in one write. When that fails, what was written of it is cut off again. 0, or the first errno of this file, now and
 * ever after. */
int logfile_append(struct logfile *f, struct str bytes);

/* What was appended is on the disk. 0, or an errno as above. */
int logfile_sync(struct logfile *f);

/* Moves whatever is called `log` to `log.bad`. 0 or errno. */
int logfile_move_aside(const struct logfile *f);
/* Keeps the present file as `log.bad` also. 0 or errno. */
int logfile_keep_bad(const struct logfile *f, struct str content);
/* Is it open, and has no name any more? */
bool logfile_is_removed(const struct logfile *f);
/* Writes a new file with that content and puts it in the place of `log`. On an error the old one stands untouched. */
int logfile_rewrite(struct logfile *f, struct str content);

#endif
