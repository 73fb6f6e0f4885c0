/* What was looked at on the way to a verdict, and how it was found: paths, folders that were listed, links followed, variables of the environment. As long as
 * all of it is found so again, the verdict is the same. Files that are hashed are not noted here but by state/filehash.h.
 *
 * Facts noted are never younger than what was read: a file is noted by its open descriptor before it is read, a folder before it is listed.
 * Every function takes NULL for a recorder and then only does its work. */
#ifndef AXMAKE_BASE_SEEN_H
#define AXMAKE_BASE_SEEN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/filestat.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"

enum sight_kind {
	SIGHT_PATH, /* looked at through a final link */
	SIGHT_LINK, /* not through it */
	SIGHT_REAL, /* followed through all links: text is where it leads, STR_NONE nowhere */
	SIGHT_ENV,  /* a variable: text is its value, STR_NONE unset */
};

struct sight {
	enum sight_kind kind;
	struct str name; /* a path relative to the folder of that time, or a variable; NUL-terminated */
	bool there;
	bool folder;
	bool changed; /* a folder in which names came or went after it was first listed */
	struct file_stat stat; /* of a path that is there, as it was found first */
	struct str text;
};

struct seen {
	struct arena *arena;
	struct map by_name; /* kind and name -> struct sight * */
	VEC(struct sight *) all;
	int64_t since_ns; /* wall clock, before anything was looked at */
	bool spoiled;     /* something was found that cannot be noted, or in two states: there is nothing to be built on it */
	struct seen *also; /* is told the same; NULL: nobody is */
};

struct seen *seen_new(struct arena *a);
void seen_free(struct seen *s); /* what lies outside the arena */
void seen_spoil(struct seen *s);
/* A recorder that has noted only the first n of what s has: as it was then. */
struct seen *seen_before(const struct seen *s, size_t n);
/* Was anything of the path looked at but, of a folder, how it stands? */
bool seen_more_than_folder(const struct seen *s, struct str path);
/* The names in that folder are those that were listed, whatever its stamps tell: it counts as it stands now. Does nothing where it was not looked at. */
void seen_renew_folder(struct seen *s, int at, struct str folder);
/* Is all that was looked at, paths below the folder `at`, as it was, for certain? NULL: no. */
bool seen_stands(const struct seen *s, int at);

void seen_path(struct seen *s, struct str path, const struct stat *st, bool through);
/* Looked for in vain: ENOENT or ENOTDIR. */
void seen_missing(struct seen *s, struct str path, bool through);
/* An open file or folder, about to be read. */
void seen_open(struct seen *s, struct str path, int fd);

/* These do and note. */
const char *seen_getenv(struct seen *s, const char *name);
char *seen_realpath(struct seen *s, const char *path, char buf[PATH_MAX]);
int seen_read_file(struct seen *s, struct arena *a, int at, const char *path, size_t limit, struct str *out); /* os_read_ready */
int seen_read_any(struct seen *s, struct arena *a, int at, const char *path, size_t limit, struct str *out);

#endif
