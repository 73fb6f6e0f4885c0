/* Reading what a program left in files: line by line in little memory, or only both ends of something long. */
#ifndef AXMAKE_RUN_ANSWER_FILE_H
#define AXMAKE_RUN_ANSWER_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

/* Regular files only: a pipe or device in a file's place is EINVAL, never waited for. */

/* The whole content in the arena. 0 or errno; EFBIG beyond `limit` bytes. */
int answer_file_read(struct arena *a, int at, const char *name, size_t limit, struct str *out);

/* The whole content when it is at most 2 * `each` bytes, else the first and the last `each` bytes with a line end between. 0 or
 * errno. */
int answer_file_ends(struct arena *a, int at, const char *name, size_t each, struct str *out);

/* Lines one by one. Memory is the longest line's; one longer than the limit is passed over. */
struct answer_lines {
	int fd;
	size_t limit;
	struct sbuf buf;
	size_t from, seen; /* in buf: where the next line begins, how far no line end was found */
	bool end, skip;
	int err; /* errno of a failed read: the lines ended early */
};
/* 0 or errno. */
int answer_lines_open(struct answer_lines *l, int at, const char *name, size_t limit);
/* The next line without its end, valid until the next call; false at the end. The last line may lack its end. */
bool answer_lines_next(struct answer_lines *l, struct str *line);
void answer_lines_close(struct answer_lines *l);

#endif
