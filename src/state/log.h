/* The build log `.axmake/log`: what is known of each task and of files' hashes. Append-only, checksummed; format in doc/log-format.md.
 *
 * Any cut and any flipped byte leaves it readable: frames are {magic u32, length u32, payload, XXH3-64 of all before}; a bad frame is passed over by looking
 * for the next good one, and the log says that it was damaged. */
#ifndef AXMAKE_STATE_LOG_H
#define AXMAKE_STATE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "state/facts.h"

/* A start without a later success of the task. */
struct open_start {
	bool open;
	bool failed; /* an end was logged; false: killed, or running now */
	uint64_t seq; /* of the start in the log, comparable with a success's */
	uint64_t start_id, run_id;
	int64_t started_at_ms;
	struct str class; /* of the failure */
	uint32_t tries;
	int64_t duration_ns;
};

struct log;

/* Opens `log` in folder store_fd (-1: as if empty). read_only: never writes, never makes the file. Where the file is no log (noise, a folder, another version): it
 * is moved aside to log.bad when writable, and *note says so in the arena; a cut tail likewise. NULL with *note for a failed system call. */
struct log *log_open(struct arena *a, int store_fd, bool read_only, struct str *note);
/* The same in that boot of the machine, see base/boot.h. */
struct log *log_open_in(struct arena *a, int store_fd, bool read_only, struct hash128 boot, struct str *note);
/* Of one that was opened to be read, whole and well: it is for writing from now on, if nobody has written to it since; store_fd is the folder as it was opened for writing. false: it is as before. */
bool log_go_on(struct log *l, int store_fd);
/* Where a frame of the file begins, and its length. */
struct log_place {
	uint64_t at;
	uint32_t n;
};
/* Opens for writing, of a log that nothing was written to since these places and `seq` were told, in this boot, only what stands there, in any order: nothing is known of other tasks, and of files. NULL:
 * something is not as it was told, and all of it should be read. */
struct log *log_open_sparse(struct arena *a, int store_fd, const struct log_place *places, size_t n, uint64_t seq);
/* Writes out what is held back. 0 or errno. *moves: what was told of places does not hold, since all was written anew, or log_close will do that. */
int log_settle(struct log *l, bool *moves);
/* The highest number of a record. */
uint64_t log_seq(const struct log *l);
/* The highest number of a record of a task, none of those of files: nothing was done, tried or said of a task since it was the same. */
uint64_t log_task_seq(const struct log *l);
uint64_t log_size(const struct log *l);
/* Of a task that has a success. */
struct log_places {
	struct log_place done, taken; /* n 0: none */
	bool alone;                   /* nothing else is on record of it */
};
/* Calls fn for every task of that workflow that has a success. */
void log_each_place(struct log *l, struct str workflow, void (*fn)(void *self, struct str name, const struct log_places *p), void *self);
/* Was it written to last in another boot, which may have ended by a loss of power? Then hashes of files in it are not believed. */
bool log_of_other_boot(const struct log *l);
/* What was written is on the disk. 0 or errno, as of writing. */
int log_sync(struct log *l);
/* An empty log of one run alone, which nobody reads after it: it has no file. */
struct log *log_in_memory(struct arena *a);
/* Was the file removed while this log was open? Then all that is known is written anew. 0 or errno. */
int log_regain(struct log *l);
/* Flushes, compacts by rename when more than two thirds of a log beyond 1 MiB are dead. 0 or the first errno of this log (ENOSPC …). */
int log_close(struct log *l);
bool log_damaged(const struct log *l);

/* The last success, or NULL. Decoded on demand; lives as long as the log. */
const struct task_record *log_find(struct log *l, struct str workflow, struct str name);
struct open_start log_open_start(struct log *l, struct str workflow, struct str name);
/* Of so many tasks, of all workflows, anything is known. */
size_t log_tasks(const struct log *l);
/* Calls fn for every last success of that workflow. */
void log_each(struct log *l, struct str workflow, void (*fn)(void *self, const struct task_record *r), void *self);
/* Of all others. */
void log_each_other(struct log *l, struct str workflow, void (*fn)(void *self, const struct task_record *r), void *self);

/* Calls fn for the name of every task of that workflow that has an open start. */
void log_each_open(struct log *l, struct str workflow, void (*fn)(void *self, struct str name), void *self);

/* Writers. Each but log_done_late is one write(2), at once: a start must be on record before its program runs. 0 or errno; after an error nothing more is written, so the file stays whole.
 * The caller's record is copied as far as the log needs it later. */
int log_start(struct log *l, struct str workflow, struct str name, uint64_t start_id, uint64_t run_id);
int log_done(struct log *l, const struct task_record *r);
/* The same, but it is written with the next record, or by log_write_late: which is to come before anybody is told, or waited for. An errno of writing is told by these. */
int log_done_late(struct log *l, const struct task_record *r);
int log_write_late(struct log *l);
int log_failed(struct log *l, struct str workflow, struct str name, uint64_t start_id, struct str class, uint32_t tries, int64_t duration_ns);
/* Takes over the record of old_name under new_name. */
int log_rename(struct log *l, struct str workflow, struct str old_name, struct str new_name);
/* "This edit of an output was told": so that it is told once. */
int log_note_edit(struct log *l, struct str workflow, struct str name, struct str path, struct hash128 now);
bool log_edit_noted(struct log *l, struct str workflow, struct str name, struct str path, struct hash128 now);

/* A person's yes to running a task as it is now: `what` is the signature of that, see graph/approval.h. The last one counts, also after a success. */
int log_approve(struct log *l, struct str workflow, struct str name, struct hash128 what);
/* false: none was ever given. */
bool log_approval(struct log *l, struct str workflow, struct str name, struct hash128 *what);
/* What a run held the task for, since its last success. */
int log_ask(struct log *l, struct str workflow, struct str name, struct hash128 what);
bool log_asked(struct log *l, struct str workflow, struct str name, struct hash128 *what);
/* The last success is no good, and why (may be empty). Holds until the next success. */
int log_reject(struct log *l, struct str workflow, struct str name, struct str why);
bool log_rejected(struct log *l, struct str workflow, struct str name, struct str *why);

/* What the task has taken so far: the last one counts, also after a success. false: nothing is known of that. */
int log_take(struct log *l, struct str workflow, struct str name, const struct taken *t);
bool log_taken(struct log *l, struct str workflow, struct str name, struct taken *t);
/* The same of every task on record, also of those that the workflow has no more. */
void log_each_taken(struct log *l, struct str workflow, void (*fn)(void *self, const struct taken *t), void *self);

/* File hashes. Writes are gathered and go out with the next record or at close: losing them costs a hashing, nothing else. */
bool log_file_get(struct log *l, struct str path, struct file_stat *st, struct hash128 *h);
/* The same, but what was put since the log was opened may be passed over: for who has put nothing for that path. Costs less. */
bool log_file_known(struct log *l, struct str path, struct file_stat *st, struct hash128 *h);
void log_file_put(struct log *l, struct str path, const struct file_stat *st, struct hash128 h);

#endif
