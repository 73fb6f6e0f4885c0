/* A text that may be too long for memory: pieces of an open file, and of what stands between them. */
#ifndef AXMAKE_RUN_LONGTEXT_H
#define AXMAKE_RUN_LONGTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/jsonfilter.h"

struct longtext {
	int fd; /* its own */
	struct longtext_piece *pieces;
	size_t n;
	struct hash128 hash;
	uint64_t size;
	bool has_text; /* something else than white space */
};

/* All made in the arena, and to be closed by longtext_close. They stand as long as the file is as it is, also where it has lost its name; what has changed in it since
 * is EBADMSG. NULL with *err. */

/* The file's whole content. */
struct longtext *longtext_of_file(struct arena *a, int fd, int *err);
/* A JSON value that was parsed of what the filter let pass of the file, as jsontext_text gives it. NULL with 0: no long string is in it. */
struct longtext *longtext_of_json(struct arena *a, int fd, const struct jsonfilter *f, const json_t *value, int *err);
void longtext_close(struct longtext *t); /* NULL is nothing */

/* 0 or errno, here and below. As os_replace_by wants it: `longtext` is a struct longtext. */
int longtext_write(void *longtext, int to);
int longtext_read(const struct longtext *t, struct arena *a, struct str *out);
/* As answer_file_ends. */
int longtext_ends(const struct longtext *t, struct arena *a, size_t each, struct str *out);

#endif
