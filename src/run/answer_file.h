/* Reading what a program left in files: line by line in little memory, or only both ends of something long. */
#ifndef AXMAKE_RUN_ANSWER_FILE_H
#define AXMAKE_RUN_ANSWER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/jsonfilter.h"
#include "base/str.h"

/* Regular files only: a pipe or device in a file's place is EINVAL, never waited for. */

/* Open for reading; 0 or errno, here and below. */
int answer_file_open(int at, const char *name, int *fd, uint64_t *size);

/* The whole content when it is at most 2 * `each` bytes, else the first and the last `each` bytes with a line end between. In the arena. */
int answer_file_ends(struct arena *a, int at, const char *name, size_t each, struct str *out);

/* Lines one by one, without blanks at their beginnings. Of one that has no room in a little memory its JSON comes through the filter; if it is no object it is empty. */
struct answer_lines {
	int fd;
	struct jsonfilter *filter;
	char *buf;
	size_t from, seen, n; /* in buf: where the next line begins, how far no line end was found, how much there is */
	uint64_t at;          /* of buf, in the file */
	bool end;
	bool too_big;         /* the line that was given has more than the filter lets pass, and is empty */
	int err;              /* errno of a failed read: the lines ended early */
};
/* The caller's descriptor and filter. */
void answer_lines_begin(struct answer_lines *l, int fd, struct jsonfilter *filter);
/* The next line without its end, valid until the next call; false at the end. The last line may lack its end. */
bool answer_lines_next(struct answer_lines *l, struct str *line);
void answer_lines_end(struct answer_lines *l);

#endif
