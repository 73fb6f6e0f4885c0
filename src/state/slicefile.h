/* What a seal keeps of tasks, at the end of its file (doc/seal-format.md): a record for each task and each path that it is known of who looked at it, which are found by their numbers, so that
 * little of it is read where little has changed. */
#ifndef AXMAKE_STATE_SLICEFILE_H
#define AXMAKE_STATE_SLICEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "state/slice.h"

/* A path, in the making. */
struct slicefile_path {
	uint32_t block; /* of the seal, in which it stands */
	const struct hash128 *content; /* NULL: it is none that was hashed */
};
/* That a task looked at a path. */
struct slicefile_look {
	uint32_t path, task;
};
/* `seal` is its number. looks are in no order, each once or more. */
void slicefile_put(struct sbuf *b, uint64_t seal, const struct slice_whole *w, const struct slicefile_path *paths, size_t n_paths, const struct slicefile_look *looks, size_t n_looks);

/* Where it stands. */
struct slicefile {
	int fd;
	uint64_t at, n, seal;
};
/* Finds what is reached by a change of these paths; the log has log_size bytes now. Of files neither path nor fact is set. false: all should be judged: somebody who is reached cannot be judged apart, nobody has looked at
 * a path, a good part of the workflow is reached, the log has grown much, or the bytes make no sense. */
bool slicefile_find(const struct slicefile *f, struct arena *a, const uint32_t *changed, size_t n, uint64_t log_size, struct slice *out);

/* In place. false: it could not be done, and by no part of it should anything be found. */
bool slicefile_set_places(const struct slicefile *f, uint32_t task, const struct log_places *places);
bool slicefile_set_path(const struct slicefile *f, uint32_t path, const struct hash128 *content);
bool slicefile_set_head(const struct slicefile *f, uint64_t log_seq, int64_t saved_ns);

#endif
