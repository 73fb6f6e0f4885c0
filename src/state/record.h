/* Payloads of the log's frames, as bytes and back; the layout is in doc/log-format.md. */
#ifndef AXMAKE_STATE_RECORD_H
#define AXMAKE_STATE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "state/bytes.h"
#include "state/facts.h"

enum record_type {
	RECORD_START = 1, /* head, start id, run id, wall time */
	RECORD_DONE,      /* head, a success */
	RECORD_FAILED,    /* head, start id, class, tries, duration */
	RECORD_RENAMED,   /* head, the old name, seq of the success, the success */
	RECORD_EDIT,      /* head, path, hash */
	RECORD_FILES,     /* type, seq, count, entries */
	RECORD_APPROVED,  /* head, hash of what was approved */
	RECORD_REJECTED,  /* head, why */
	RECORD_ASKED,     /* head, hash of what a run wanted approved */
	RECORD_TAKEN,     /* head, what the task has taken so far */
	RECORD_BOOT,      /* type, seq, boot: what follows was written in it */
	RECORD_TYPES
};

/* What all frames but RECORD_FILES and RECORD_BOOT begin with. The key is workflow NUL name, in one piece so that it serves as a table's key
 * where it lies. */
struct record_head {
	uint8_t type; /* enum record_type */
	uint64_t seq;
	struct str key, workflow, name;
};

void record_key(struct sbuf *b, struct str workflow, struct str name);
void record_put_head(struct sbuf *b, enum record_type type, uint64_t seq, struct str workflow, struct str name);
/* r is left behind the head; false when there is none. */
bool record_head(struct reader *r, struct record_head *h);

/* A record that was put aside bears a name that no task can have: its task's, a line's end, and what tells it from others. The task's name. */
struct str record_task(const struct task_record *t);

/* The body of a success, without its head. */
void record_put_success(struct sbuf *b, const struct task_record *t);
/* From a whole payload of type RECORD_DONE or RECORD_RENAMED; strings stay in the payload. NULL when it makes no sense. */
struct task_record *record_success(struct arena *a, struct str payload);

void record_put_taken(struct sbuf *b, const struct taken *t);
/* From behind the head. false when it makes no sense. */
bool record_taken(struct reader *r, struct taken *t);

/* One file's entry: path's length u32, then ENTRY_FIXED bytes less these four, then the path. */
enum { ENTRY_FIXED = 4 + 5 * 8 + 16 };
void record_fill_entry(char *p, struct str path, const struct file_stat *st, struct hash128 h); /* ENTRY_FIXED + path.n bytes */
/* The number that a payload of any type has behind its type; 0: it is too short. */
uint64_t record_seq(struct str payload);
/* The number of entries that a payload says it has, as far as there can be so many; 0 for other types. */
size_t record_files(struct str payload);
/* The next entry of a RECORD_FILES payload: its first byte, and its path; NULL when there is none. */
const unsigned char *record_entry(struct reader *r, struct str *path);
void record_entry_read(const unsigned char *entry, struct file_stat *st, struct hash128 *h);

#endif
