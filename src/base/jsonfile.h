/* JSON in a file of any length. */
#ifndef AXMAKE_BASE_JSONFILE_H
#define AXMAKE_BASE_JSONFILE_H

#include "base/jsonfilter.h"

struct jsonfile_said {
	bool deep; /* nothing was read of its first value, for it is nested too deep */
	int err;   /* errno of a failed read: it ended early */
};

/* As jsontext_each of the file's content, but that long strings are marks of the filter. `see` is given NULL for a value that has more than the filter lets pass. */
struct jsonfile_said jsonfile_each(int fd, struct jsonfilter *f, void (*see)(void *self, const json_t *root), void *self);

#endif
