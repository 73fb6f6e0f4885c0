/* Hashes of files, remembered by (size, mtime, ctime, inode). A file that changed within its clock's granularity of being hashed is not believed next time. */
#ifndef AXMAKE_STATE_FILEHASH_H
#define AXMAKE_STATE_FILEHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/seen.h"
#include "base/str.h"
#include "base/vec.h"
#include "state/facts.h"
#include "state/log.h"

enum file_state {
	FILE_UNKNOWN, /* not looked at yet */
	FILE_MISSING, /* also a dangling link */
	FILE_REGULAR,
	FILE_FOLDER,
	FILE_SPECIAL, /* a device, fifo, socket: nothing to hash */
	FILE_FAILED,  /* err says why */
};

struct filehash; /* a root's */

/* One path's knowledge in this run. Handed out once per path and valid as long as the filehash. */
struct filehash_file {
	struct str path;
	enum file_state state;
	int err;
	bool hashed; /* hash is valid for `stat` */
	bool executable;
	uint32_t who; /* for filehash alone: who asked for it last */
	struct file_stat stat;
	struct hash128 hash;
};

/* log may be NULL (nothing remembered). */
struct filehash *filehash_new(struct arena *a, int root_fd, struct log *log);
/* What is found in two states is told there from now on, as are the folders that are listed for patterns. */
void filehash_see(struct filehash *fh, struct seen *seen);
/* How a path was found. */
struct filehash_told {
	struct str path;
	const struct file_stat *stat;   /* NULL: nothing */
	bool through;                   /* links were followed */
	bool young;                     /* it was read so soon after a change that another one might not show: the content alone tells */
	const struct hash128 *hash;     /* of a regular file that was read; else NULL */
	uint32_t number;                /* of the path, by the order in which they were first asked for */
};
/* Tells every path that was looked at, of outputs or else of what was never looked at as one, in the order in which they were first asked for. Valid as a whole only when nothing was spoiled
 * (base/seen.h). false: something could not be read. */
bool filehash_each(const struct filehash *fh, bool outputs, void (*fn)(void *self, const struct filehash_told *t), void *self);
/* How one path was found, without following a link at its end where it was looked at so; false: not at all, or it could not be read. */
bool filehash_tell(const struct filehash *fh, struct str path, struct filehash_told *out);

/* A file's content is known where its facts, as file_stat_hash has them, are these, and nobody else knows it. path must outlive the filehash. */
void filehash_believe(struct filehash *fh, struct str path, uint64_t fact, const struct hash128 *content);

/* From now on paths are asked for by task `who`, until another is named; FILEHASH_NOBODY: by none. */
#define FILEHASH_NOBODY UINT32_MAX
void filehash_attend(struct filehash *fh, uint32_t who);
/* Who asked for which path, by their numbers, each pair once or more, in no order; *n of them, and *n_paths paths. As long as the filehash, until more is asked for. */
struct filehash_asked {
	uint32_t path, who;
};
const struct filehash_asked *filehash_asked(const struct filehash *fh, size_t *n, size_t *n_paths);

/* A path that was looked at. */
struct filehash_sight {
	struct str path;
	const struct file_stat *stat; /* NULL: nothing stood there, or it could not be looked at (failed) */
	bool through, failed, folder; /* through: links were followed */
	bool changed;                 /* somebody changed it after it was first looked at as an input */
};
/* Tells every path and how it was found last. */
void filehash_sights(const struct filehash *fh, void (*fn)(void *self, const struct filehash_sight *s), void *self);
void filehash_free(struct filehash *fh); /* what lies outside the arena; NULL: nothing */
/* Somebody has changed that file, or names in that folder, since it was looked at: it counts as it is found now, as if it had not been looked at before. false: it is not known, it is no file or folder any more, or
 * a link. */
bool filehash_renew(struct filehash *fh, struct str path);
/* What was looked at may have changed meanwhile: look again. */
void filehash_forget(struct filehash *fh);
/* Another root descriptor and log from now on; what was looked at stays known. */
void filehash_use(struct filehash *fh, int root_fd, struct log *log);
struct filehash_file *filehash_file(struct filehash *fh, struct str path); /* path is copied when new */
/* So many, known or not, are going to be asked for: room is made for them at once. */
void filehash_expect(struct filehash *fh, size_t n);

/* Paths that are going to be asked for next, by filehash_hash or, as `outputs`, by filehash_part. Are they several, all are looked at and hashed now, on several processors where they are many or large, and who asks then
 * gets what was found, once, also who asks afresh; until filehash_ahead_end. Takes and notes what asking would. */
struct filehash_wish {
	struct filehash_file *file;
	bool fresh; /* as it is going to be asked */
};
void filehash_ahead(struct filehash *fh, const struct filehash_wish *wishes, size_t n, bool outputs);
void filehash_ahead_end(struct filehash *fh);

/* Looks at the path (once a run; again when `fresh`), through links. */
enum file_state filehash_look(struct filehash *fh, struct filehash_file *f, bool fresh);
/* Looks, and hashes a regular file where the remembered hash does not hold. The hash covers the content only. */
enum file_state filehash_hash(struct filehash *fh, struct filehash_file *f, bool fresh);

/* A file as an output: like filehash_hash, but not through a final link: a link hashes as its text, and the x bit counts. */
enum file_state filehash_output(struct filehash *fh, struct str path, struct hash128 *out, int *err);

/* Paths that are left out, with all below them; folders then do not count for themselves. */
struct filehash_skip {
	bool (*fn)(const void *self, struct str path);
	const void *self;
};

/* What an output is made of. */
enum part_kind { PART_FILE = 'f', PART_PROGRAM = 'x', PART_LINK = 'l', PART_FOLDER = 'd', PART_SPECIAL = 's' };

struct filehash_part {
	struct str path; /* relative to the root; as long as the filehash */
	enum part_kind kind;
	struct hash128 content; /* of a file or program */
	uint64_t size;
	struct str link; /* a link's text */
	struct str text; /* the content, where it was read just now, is at most FILEHASH_TEXT bytes and was asked for; else p NULL */
};
#define FILEHASH_TEXT 4096

struct filehash_parts {
	VEC(struct filehash_part) of;
};

/* One path as filehash_output looks at it; a link's text goes into a, and where text is wanted that. */
enum file_state filehash_part(struct filehash *fh, struct arena *a, struct str path, bool text, struct filehash_part *out, int *err);
struct hash128 filehash_part_hash(const struct filehash_part *p);

/* An output's parts in the order of their paths, all memory in a: of a file itself (a folder in its place has none), of a tree all in it but not itself, of a pattern what it
 * finds. The state is that of filehash_output, filehash_tree, filehash_glob. */
enum file_state filehash_parts(struct filehash *fh, struct arena *a, enum output_kind kind, struct str path, const struct filehash_skip *skip,
			       struct filehash_parts *out, int *err, struct str *bad_path);
/* The hash that these functions give. */
struct hash128 filehash_parts_hash(enum output_kind kind, struct str path, const struct filehash_parts *parts);

/* For filehash_parts.c. A folder that is about to be listed: FILE_FOLDER, FILE_REGULAR when it is none. */
enum file_state filehash_folder(struct filehash *fh, struct filehash_file *f, int *err);
int filehash_root(const struct filehash *fh);
struct seen *filehash_seen(const struct filehash *fh);

/* A folder as an output tree: relative names, kinds, x bits, contents, link texts, empty folders; what glob_passes_over says never. FILE_MISSING when absent, FILE_REGULAR when it is no folder. skip may be NULL. */
enum file_state filehash_tree(struct filehash *fh, struct str path, const struct filehash_skip *skip, struct hash128 *out, int *err, struct str *bad_path);

/* Files that a pattern finds, as one hash of names and contents, as outputs. *count: how many. */
enum file_state filehash_glob(struct filehash *fh, struct str pattern, const struct filehash_skip *skip, struct hash128 *out, size_t *count, int *err,
			      struct str *bad_path);

#endif
