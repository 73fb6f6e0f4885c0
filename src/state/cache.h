/* The cache: what successes made, by signature, so that it can be had again without a run. May be shared by roots, machines and users: nothing in it is believed. Entries and
 * objects (contents by their hash) come to be there by rename, and are checked whenever they are read; so nothing is synced, and whatever a crash or somebody else
 * did to them costs at most a run. Locks keep one who removes apart from those who store; who restores takes none, and finds a missing object like a missing entry.
 *
 * Whatever goes wrong is told once by cache_note, and the cache goes on as far as it can. */
#ifndef AXMAKE_STATE_CACHE_H
#define AXMAKE_STATE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "state/cache_entry.h"
#include "state/store.h"

#define CACHE_LIMIT_DEFAULT (UINT64_C(5) << 30)

struct cache_config {
	const struct store *store; /* must outlive the cache */
	struct str dir;            /* absolute or relative to the root; p NULL: `.axmake/cache` */
	bool owner_only;           /* else the umask says who may read */
	uint64_t limit;            /* bytes of entries and objects */
	bool writable;             /* false: nothing on disk is changed */
};

struct cache;

/* Asked between pieces of large contents. false: gives up, with EINTR. */
struct cache_attend {
	bool (*go_on)(void *self); /* NULL: never asked */
	void *self;
};

/* Nothing is opened before it is asked for. */
struct cache *cache_open(struct arena *a, const struct cache_config *c);
/* Goes below the limit if it is above, unless somebody is storing. NULL: nothing. */
void cache_close(struct cache *c);
/* What is to be told, "cannot use the cache 'x': …", and then is forgotten; n 0: nothing. */
struct str cache_note(struct cache *c);
struct str cache_where(const struct cache *c);
/* Asks this from now on; returns what was asked before. It may use the cache itself. */
struct cache_attend cache_attend(struct cache *c, struct cache_attend a);
/* Was anything ever stored there? */
bool cache_exists(struct cache *c);
/* Is nothing in it but what this run has stored? */
bool cache_is_own(const struct cache *c);
/* Not 0: an errno, which kept the last look from finding what may be there, and need not keep the next one. */
int cache_out_of_reach(const struct cache *c);

/* The entry of a signature, whole and with all its objects there in their sizes; its strings lie in a. A damaged one is removed. */
bool cache_find(struct cache *c, struct arena *a, struct hash128 signature, struct cache_entry *out);
/* It was restored: it is the one used last. */
void cache_used(struct cache *c, struct hash128 signature);
void cache_forget(struct cache *c, struct hash128 signature);

/* Writes a content to the empty file `to`, open for reading and writing, and checks it. 0, errno, or EBADMSG: it was damaged, and has been removed. */
int cache_read(struct cache *c, const struct cache_content *content, int to);
/* May cache_read_small have it? Large ones take their time, and may be had as a clone. */
bool cache_is_small(const struct cache *c, const struct cache_content *content);
/* As cache_read, but any thread may call it: nobody is asked, and a damaged one stays where it is, for cache_drop. */
int cache_read_small(const struct cache *c, const struct cache_content *content, int to);
/* Removes one that was found to be damaged. */
void cache_drop(struct cache *c, const struct cache_content *content);
/* Reads one into the arena; the same. At most 2 GiB. */
int cache_read_bytes(struct cache *c, struct arena *a, const struct cache_content *content, struct str *out);

/* Storing: begin, then the contents, then the entry; end in any case. begin false: nothing can be stored now. `bytes`: about as much as is to come. */
bool cache_store_begin(struct cache *c, uint64_t bytes);
void cache_store_end(struct cache *c);
/* The content of `path` below folder `at`, a regular file. Small ones are given back in *here, as long as the entry is small itself. false: it cannot be stored, or is no
 * longer what it was hashed as. */
bool cache_store_content(struct cache *c, struct arena *a, int at, const char *path, struct hash128 hash, uint64_t size, struct str *here);
/* The same of up to CACHE_TOGETHER files, small ones by several threads. */
#define CACHE_TOGETHER 64
struct cache_file {
	const char *path;
	struct hash128 hash;
	uint64_t size;
	struct str text; /* the content, as long as the entry; p NULL: it is read */
	struct str here; /* set */
};
bool cache_store_files(struct cache *c, struct arena *a, int at, struct cache_file *of, size_t n);
bool cache_store_entry(struct cache *c, const struct cache_entry *e);
/* The same of an entry's bytes as they were read or came from elsewhere; they are not looked at. */
bool cache_store_bytes(struct cache *c, struct hash128 signature, struct str file);

/* A content that comes from elsewhere, between cache_store_begin and _end: written to fd, then kept as what it was found to be, or dropped. */
struct cache_arrival {
	int fd; /* for reading and writing */
	char name[64];
};
/* 0 or errno. */
int cache_arrival_begin(struct cache *c, struct cache_arrival *out);
/* Closes it. It is the object of that hash and size, for all that the caller knows. 0 or errno: it is gone. */
int cache_arrival_keep(struct cache *c, struct cache_arrival *arrival, struct hash128 hash, uint64_t size);
void cache_arrival_drop(struct cache *c, struct cache_arrival *arrival);

/* As cache_find, with the entry's own bytes in *file. */
bool cache_find_bytes(struct cache *c, struct arena *a, struct hash128 signature, struct cache_entry *out, struct str *file);
/* Is there such an object, in its size? What it holds is not looked at. */
bool cache_has_object(struct cache *c, struct hash128 hash, uint64_t size);
/* It, open for reading: what it holds is not looked at either. -1 with errno. */
int cache_object_fd(struct cache *c, struct hash128 hash, uint64_t size);

/* What a server has given to this folder and taken from it, over all runs. */
struct cache_traffic {
	uint64_t entries_got, bytes_got, entries_put, bytes_put;
};
/* Adds to what is on record of that server; where that cannot be written nothing is lost but this. */
void cache_traffic_add(struct cache *c, struct str server, const struct cache_traffic *more);
/* Zeros where nothing is on record. */
void cache_traffic_read(struct cache *c, struct str server, struct cache_traffic *out);

/* What is in it. */
struct cache_stats {
	size_t entries, objects;
	uint64_t bytes, limit;
	int64_t oldest_ns, newest_ns; /* use, wall clock; 0: of none it is known */
	int64_t duration_ns;          /* that making all entries took */
	double cost_usd;
	int64_t tokens;
};
/* 0 or errno. */
int cache_survey(struct cache *c, struct cache_stats *out);
/* Removes what is damaged, what no entry names, and the least recently used beyond the limit. wait: for those who store, else EAGAIN. *before may be NULL. */
int cache_sweep(struct cache *c, bool wait, struct cache_stats *before, struct cache_stats *after);

#endif
