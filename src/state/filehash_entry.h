/* What filehash.h, to be included before, keeps of a path: private to its files. */
#ifndef AXMAKE_STATE_FILEHASH_ENTRY_H
#define AXMAKE_STATE_FILEHASH_ENTRY_H

#include "base/map.h"
#include "base/vec.h"

enum { LOOKED_THROUGH = 1, LOOKED_AT = 2 };

struct entry {
	struct filehash_file file; /* first: handed out as this */
	/* There is one of these for each file of a workflow. */
	uint32_t racy : 1;         /* hashed so soon after a change that another one might not show */
	uint32_t noted : 1;        /* this run has put its hash into the log */
	uint32_t changed : 1;      /* found otherwise when it was looked at afresh */
	uint32_t looked : 2;       /* LOOKED_…: how its present state was found */
	uint32_t number : 27;      /* of the path, from 0 */
	unsigned ahead;            /* number of the looking ahead that found it, for whom asks next; 0: none */
	struct entry *next;        /* the path asked for next */
	struct file_stat *link;    /* the path is a link, found so when it was looked at as an output */
};

struct belief {
	uint64_t fact;
	struct hash128 content;
};

struct filehash {
	struct arena *arena;
	int root_fd;
	struct log *log;
	struct map files; /* path -> struct entry */
	struct map believed; /* path -> struct belief */
	struct entry *first, *last;
	struct entry *at; /* the one asked for last */
	struct seen *seen; /* NULL: nobody wants to know */
	unsigned ahead;    /* number of the last looking ahead */
	uint32_t n;        /* paths */
	uint32_t who;      /* asks now, or FILEHASH_NOBODY */
	VEC(struct filehash_asked) asked; /* heap */
};

/* What system calls tell of a path, without a word of what is known of it: any thread may ask, for itself. */
struct file_found {
	struct file_stat stat;
	mode_t mode;
	bool opened, stated;
	bool changed;     /* it was written to while it was hashed */
	bool left;        /* a regular file that was not read, as it is larger than was asked for */
	int err;          /* of opening it, or else of looking at it, or else of reading it */
	int64_t began_ns; /* wall clock, before it was looked at and read */
	struct hash128 hash;
	struct str text;  /* of file_find_text: the content, p NULL where it is longer or was not read */
};
/* Looks by path; flags as fstatat's. */
void file_find(int at, const char *path, int flags, struct file_found *out);
/* Opens, with flags besides those for reading, and then looks at what was opened and, if it is a regular file of up to `most` bytes,
 * reads it: the facts are older than the content. */
void file_find_content(int at, const char *path, int flags, uint64_t most, struct file_found *out);
/* The same, whatever its size, with a short content in buf. */
void file_find_text(int at, const char *path, int flags, char buf[FILEHASH_TEXT + 1], struct file_found *out);

/* As C string; a path with a NUL in it names no file. NULL with errno. */
const char *filehash_c_path(const struct filehash_file *f);
/* A first look through links at the path, or another one. */
void filehash_take_look(struct filehash *fh, struct filehash_file *f, const struct file_found *found);
/* The file as an output, when it is no link. */
void filehash_take_part(struct filehash *fh, struct filehash_file *f, const struct file_found *found);
/* What file_find_content found, through links, of an input. */
enum file_state filehash_take_read(struct filehash *fh, struct filehash_file *f, const struct file_found *found);
/* What file_find_content found; it is asked again, with the same flags, where the file changed meanwhile. Needs a file that was
 * opened. */
enum file_state filehash_take_content(struct filehash *fh, struct filehash_file *f, const struct file_found *found, int flags);
/* Is the hash of the file, as it was looked at, known from an earlier run? */
bool filehash_recall(struct filehash *fh, struct filehash_file *f);
/* Is it to be read whatever a look at it would tell, as far as is known? Then to look before it is opened would tell nothing that its descriptor does
 * not. */
bool filehash_must_read(const struct filehash *fh, const struct filehash_file *f);
/* Was it looked at ahead for the one who asks now? */
bool filehash_was_ahead(struct filehash *fh, struct filehash_file *f);

#endif
