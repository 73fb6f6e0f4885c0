/* What a log says, in memory: the frames that still count, by task and by file. It keeps pointers into the frames and knows
 * nothing of the disk. */
#ifndef AXMAKE_STATE_LOGINDEX_H
#define AXMAKE_STATE_LOGINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "state/facts.h"

/* An edit that was told. */
struct log_note {
	struct log_note *next;
	const unsigned char *frame;
	struct str path;
	struct hash128 now;
};

/* Payloads of the frames that count for a task; NULL: none. A task that was renamed away has none at all. */
struct log_task {
	const unsigned char *done;           /* the last success */
	const unsigned char *start, *failed; /* since that */
	const unsigned char *rejected, *asked; /* since that */
	const unsigned char *approved, *taken; /* the last ones */
	struct log_note *notes;              /* since that */
	struct task_record *record;          /* `done`, decoded */
	uint32_t done_at, taken_at;          /* where their frames begin in the file, and one; 0: that is not known, or too far on */
};

struct log_index {
	struct arena *arena;
	struct map tasks;           /* workflow NUL name -> struct log_task */
	struct map files;           /* path -> entry */
	VEC(struct log_task *) all; /* heap */
	uint64_t seq;               /* the highest seen or given */
	uint64_t task_seq;          /* the highest seen of what is said of a task */
	struct hash128 boot;        /* of the last record of one; zeros: none */
	const unsigned char *boot_frame; /* its payload */
	uint64_t live;              /* bytes of what counts */
};

struct log_index log_index_of(struct arena *a);
void log_index_free(struct log_index *ix);

/* Makes room for that many more, so that a large log is not moved about while it grows. */
void log_index_reserve(struct log_index *ix, size_t tasks, size_t files);
/* Takes in a payload, which must stay where it is, in its whole frame, and begins there in the file. false when it makes no sense: nothing changed. */
bool log_index_apply(struct log_index *ix, struct str payload, uint64_t at);
/* Hashes of files are not believed any more. */
void log_index_forget_files(struct log_index *ix);
/* An entry as record_fill_entry makes it, which must stay where it is. */
void log_index_put_file(struct log_index *ix, struct str path, const unsigned char *entry);

/* NULL when nothing is known of it. key: workflow NUL name. */
struct log_task *log_index_task(const struct log_index *ix, struct str key);
/* Does it belong to that workflow, and has it a success? */
bool log_index_belongs(const struct log_task *t, struct str workflow);
/* What it has taken so far. false: it belongs to another workflow, or is NULL, or nothing is known of that. */
bool log_index_taken(const struct log_task *t, struct str workflow, struct taken *taken);
/* Of each task of the workflow. */
void log_index_each_taken(const struct log_index *ix, struct str workflow, void (*fn)(void *self, const struct taken *t), void *self);
/* Its last success, decoded; NULL: none. */
const struct task_record *log_index_success(struct log_index *ix, struct log_task *t);

/* Every frame that counts but for files, by seq; the caller frees *frames with free. */
size_t log_index_live(const struct log_index *ix, const unsigned char ***frames);

#endif
