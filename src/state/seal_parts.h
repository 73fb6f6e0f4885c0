/* How a seal lies on disk (doc/seal-format.md), and how its blocks are read and written: what the files that make, check and renew it share. Private to the seal. */
#ifndef AXMAKE_STATE_SEAL_PARTS_H
#define AXMAKE_STATE_SEAL_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/filestat.h"
#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/seen.h"
#include "state/bytes.h"
#include "state/store.h"

#define SEAL_FILE "seal"

enum {
	SEAL_MAX = 1 << 28,                       /* bytes: a larger one would be no gain */
	SEAL_START = 20,                          /* magic, checksum and length of the head */
	SEAL_BLOCK = 16 << 10,                    /* bytes of every block but the last */
	SEAL_BLOCK_START = 8 + 8 + 4 + 4 + 4 + 1, /* checksum, the seal's number, the block's, bytes in use, number of the first path, is it the last */
	SEAL_SLACK = 256,                         /* bytes of each block that are left for what is put in later */
	/* Flags of a path. */
	SEAL_LINK = 1,  /* not looked at through a final link */
	SEAL_YOUNG = 2, /* its content counts beside its facts, and stands behind its name */
	SEAL_YOUNG_MOST = 64, /* of such files, */
	SEAL_YOUNG_SIZE = HASH_SMALL, /* each smaller than this */
};

/* The last byte is the format's version. */
#define SEAL_MAGIC "ax seal\x05"

/* The log is never changed but by axmake, under the lock, and grows or becomes another file by that: a young stamp does no harm.
 * 0: there is none. */
uint64_t seal_log_fact(const struct store *s);

/* What the head says behind SEAL_START. */
struct seal_head {
	struct hash128 key;
	uint64_t log;
	uint64_t number;   /* at random: blocks belong to one seal */
	uint64_t end;      /* where blocks end and slices begin */
	uint64_t slices;   /* where these end, and the extra block begins */
	uint32_t extra;    /* its length; 0: there is none */
	uint32_t n_sights; /* paths with lower numbers hold for all tasks */
	uint32_t n_inputs; /* and those with numbers from this one on are outputs */
	struct str word;
};

/* A seal that was opened. */
struct seal {
	int fd;
	char *bytes; /* heap: of the head */
	size_t head_n, size;
	struct seal_head head; /* lies there */
	struct reader texts;   /* what of the head is behind that */
};
/* Opens the file and reads the whole head. Of it nothing is believed but that it is as it was written, and that its end lies in the file. */
bool seal_load(struct seal *l, const struct store *s, bool writable);
void seal_unload(struct seal *l);
size_t seal_blocks(const struct seal *l);
/* Where block `number` begins, and its length. Behind the last one comes the extra block: paths that hold for all tasks, which came later. */
struct seal_span {
	uint64_t at;
	size_t n; /* 0: there is none */
};
struct seal_span seal_block_span(const struct seal *l, size_t number);
/* Reads block `number` into bytes, SEAL_BLOCK of them, checks it, and leaves in *r its paths; *first is the number of its first one. */
bool seal_read_block(const struct seal *l, size_t number, char *bytes, struct reader *r, uint32_t *first);

/* A variable, or where a path leads. */
struct seal_text {
	struct str name; /* NUL-terminated; lies in what is read */
	bool there;
	struct hash128 value;
};
bool seal_take_text(struct reader *r, struct seal_text *t);

struct seal_path {
	uint64_t fact;
	uint8_t flags;
	struct str path; /* NUL-terminated; lies in what is read */
	struct hash128 content; /* with SEAL_YOUNG */
};
bool seal_take_path(struct reader *r, struct seal_path *p);
void seal_put_path(struct sbuf *b, const struct seal_path *p);
/* A block begins at the end of b; and what was put into it is made whole, with `n` bytes in all. */
void seal_begin_block(struct sbuf *b, uint64_t seal, size_t number, uint32_t first, bool last);
void seal_end_block(struct sbuf *b, size_t block, size_t n);
/* The head with its checksum, of the length that it has. `texts` stands behind it. */
void seal_put_head(struct sbuf *b, const struct seal_head *h, struct str texts);

/* What a seal knows that holds for all tasks: texts, and the paths before its inputs. */
struct seal_known {
	struct map of; /* kind and name -> struct hash128 * */
	struct arena arena;
};
bool seal_know(struct seal_known *k, const struct seal *l);
void seal_known_free(struct seal_known *k);
enum sight_now { SIGHT_NEW, SIGHT_SAME, SIGHT_OTHER };
enum sight_now seal_sight_now(struct seal_known *k, const struct sight *x);

struct filehash_told;
/* How a path was found, as a seal has it. since_ns: wall clock, before anything was looked at. false: what was found cannot be relied on. */
bool seal_path_of(const struct filehash_told *t, int64_t since_ns, struct seal_path *p);
/* The same of a path of `seen`. */
bool seal_path_of_sight(int root_fd, const struct sight *x, int64_t since_ns, struct seal_path *p);

/* A seal in the making. */
struct sealing {
	struct sbuf b;
	uint64_t number;
	struct str texts;
	size_t block; /* where the block in the making begins */
	uint32_t n;   /* blocks that are complete */
	uint32_t paths, young;
	bool unfit;   /* something cannot be relied on, or be written down */
};
/* The head has its length from now on; sealing_end sets right what it says. `texts` stands behind it. */
void sealing_begin(struct sealing *m, const struct seal_head *h, struct str texts);
void sealing_path(struct sealing *m, const struct seal_path *p);
/* No more paths. */
void sealing_end_paths(struct sealing *m);
/* Behind the slices, if there are any, that were put into m->b; h is whole now, but for where blocks and slices end. Writes the file, and frees. */
void sealing_end(struct sealing *m, const struct store *s, struct seal_head *h);

#endif
