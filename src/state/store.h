/* The folder `.axmake` of a root: opened read-only (nothing on disk changes, not even the folder is made) or for a run. */
#ifndef AXMAKE_STATE_STORE_H
#define AXMAKE_STATE_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/seen.h"
#include "base/str.h"

struct store {
	int root_fd;   /* the root folder, O_PATH or readable */
	int fd;        /* .axmake; -1: it does not exist (read-only) */
	bool apart;    /* for one task of one run alone, which nobody takes up: see store_apart */
	struct str folder; /* where fd leads, as the root sees it: ".axmake", or what store_apart made */
	pid_t lock_pid; /* who took the lock: a forked child that closes its copy changes nothing */
	int lock_fd;   /* -1 until locked */
	bool writable;
	bool doubts; /* what is kept may have been lost by halves: it is read before it is believed */
	struct seen *seen; /* set by the caller: where results and marks that were looked at are noted; NULL: nowhere */
};

/* What went wrong, ready to be shown; n == 0: nothing. */
struct store_error {
	struct str message; /* "cannot create .axmake: Read-only file system" */
};

/* Opens the root "." and its .axmake. writable: makes it (0700) with a .gitignore of `*`. A link to a folder of the same owner is accepted; a file, another
 * owner's folder: an error. Message in the arena. */
bool store_open(struct store *s, struct arena *a, bool writable, struct store_error *err);
/* The same for writing, of one that may be open for reading. */
bool store_open_again(struct store *s, struct arena *a, struct store_error *err);
void store_close(struct store *s);
/* Goes on in another folder, which has nothing of the root's: all of its one task lies in STORE_CALL there. Takes fd over; `folder` must outlive s. */
void store_apart(struct store *s, int fd, struct str folder);
#define STORE_CALL "call"
/* Was the folder removed while this run was at work? Then it is made again, locked as it was, and s->fd leads there; what lay in it is lost. 0 or errno;
 * EBUSY: another run has begun in its place. */
int store_regain(struct store *s, uint64_t run_id, struct arena *a, bool *regained);

/* Who holds the lock of a root. */
struct lock_holder {
	bool held;
	pid_t pid;        /* 0 when unreadable */
	uint64_t run_id;
	int64_t since_ns; /* wall clock */
	bool copied;      /* it wrote that into another file, of which this one is a copy: told by store_lock only */
};
/* Looks without taking (OFD lock query); changes nothing. */
struct lock_holder store_lock_holder(const struct store *s);
/* Is there a lock that nobody holds and that tells of no killed run? Changes nothing. */
bool store_at_rest(const struct store *s);
/* Is `pid` this process or one of its ancestors? (by /proc; a subreaper stays an ancestor of all it started) */
bool store_is_ancestor(pid_t pid);

enum lock_result { LOCK_TAKEN, LOCK_BUSY, LOCK_OWN_ANCESTOR, LOCK_FAILED };
/* Takes the lock (`.axmake/lock`, an OFD lock: it dies with the process, no stale locks) and writes pid, run id, time and which file it is into it.
 * wait false: LOCK_BUSY at once with *holder filled. wait true: blocks (a signal handler without SA_RESTART: EINTR goes on waiting).
 * LOCK_TAKEN: *holder tells of an earlier run that ended without store_close: it was killed, or is at work still where this state was copied from; else its run_id is 0.
 * LOCK_OWN_ANCESTOR: the holder is an ancestor of this process: waiting would never end. */
enum lock_result store_lock(struct store *s, uint64_t run_id, bool wait, struct lock_holder *holder, struct store_error *err, struct arena *a);

/* Results by content: `.axmake/results/HASH`, mode 0400, made by link or rename, checked against its hash when read. */
bool store_has_result(const struct store *s, struct hash128 h, uint64_t size); /* there, a regular file and of that size */
/* Damaged ones go. 0 or errno. */
int store_sift_results(const struct store *s);
/* The bytes, checked; false when missing, damaged (one is not removed), or not to be read, with errno: ENOENT, 0, or why. */
bool store_read_result(const struct store *s, struct arena *a, struct hash128 h, struct str *out);
/* The same in pieces: an open file at its start. 0 or errno; EBADMSG: it is damaged. The file of the empty result need not be there. */
int store_open_result(const struct store *s, struct hash128 h, int *fd);
/* Names that begin so, relative to .axmake, are no results: answers that a killed run left and that are yet to be judged, as their programs wrote them. */
#define STORE_LEFT "results/left-"
/* Keeps file `from` (relative to .axmake, closed for writing) as the result h: a hard link, or a copy where links fail. 0 or errno. */
int store_keep_result(const struct store *s, const char *from, struct hash128 h);
int store_write_result(const struct store *s, struct str content, struct hash128 h);
/* The same of what `write` writes, which returns 0 or errno; it is not called where the result stands. */
int store_write_result_by(const struct store *s, struct hash128 h, int (*write)(void *self, int fd), void *self);
/* The folder in which this store keeps results, relative to its fd. */
const char *store_result_folder(const struct store *s);
/* ".axmake/results/HASH": what ${task.path} and AX_RESULT_X say. The empty result has a file too, made on demand. */
struct str store_result_path(struct arena *a, struct hash128 h);

/* `tasks/ESCAPED-NAME`, relative to .axmake. */
struct str store_task_dir(struct arena *a, struct str task);
/* Where this store keeps what that task prints, relative to its fd. */
struct str store_dir_of(const struct store *s, struct arena *a, struct str task);
/* Points tasks/NAME/result to the result (hard link or copy, by rename). 0 or errno. */
int store_show_result(const struct store *s, struct str task, struct hash128 h);
/* Marks a start in tasks/NAME/started, for the cross-check of edited outputs: "ID\n" by rename. */
int store_mark_start(const struct store *s, struct str task, uint64_t start_id);
uint64_t store_marked_start(const struct store *s, struct str task); /* 0: none */
/* Is there a task's folder, or what may be one? `dir` as store_task_dir tells it. */
bool store_has_folder(const struct store *s, struct str dir);
/* Is there a mark at all? Of no account for a verdict: nothing is noted as looked at. */
bool store_has_mark(const struct store *s, struct str task);
/* Copies `path` of the root to tasks/NAME/edited/PATH (newest wins). 0 or errno. */
int store_keep_edited(const struct store *s, struct str task, struct str path);

/* Removes temporary files that a killed run left, as far as may be. */
void store_tidy(const struct store *s);
/* --clean: the log, the seal and tasks' streams and marks; results stay, and what the next run may take up of an answer (`all`: everything under .axmake but the lock). 0 or errno with the path in *bad. */
int store_clean(const struct store *s, bool all, struct arena *a, struct str *bad);

#endif
