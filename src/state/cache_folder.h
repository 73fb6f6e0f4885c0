/* Private to the cache: its folder, locks and names. */
#ifndef AXMAKE_STATE_CACHE_FOLDER_H
#define AXMAKE_STATE_CACHE_FOLDER_H

#include "state/cache.h"

struct cache {
	struct cache_config config;
	struct arena *arena;
	struct str where;    /* the folder as people are told of it */
	int fd;              /* "DIR/v1"; -1: not opened yet, or not there */
	int lock_fd, size_fd; /* -1: not opened yet */
	bool made;           /* by this run, where nobody else stores: nothing was in it */
	bool dead;           /* cannot be used */
	int out_of_reach;    /* why the last look failed, where that may pass (no descriptor, no memory, I/O) */
	bool full;           /* nothing more is stored */
	bool swept;          /* what killed runs left was looked for */
	bool locked;
	bool no_clone;       /* FICLONE does not work here */
	struct cache_attend attend;
	struct str note;
	size_t in_entry;     /* bytes that the entry in the making holds itself */
	uint64_t salt;       /* of temporary names; 0 before anything is stored */
	uint64_t added, reserved; /* bytes that this run stored; that it has put into the file `size` for them */
	unsigned char *piece;
};

#define CACHE_PIECE (256u << 10)
#define CACHE_NAME_ROOM 64
/* A clone shares blocks; below a few of them it is no gain. */
#define CACHE_LEAST_CLONE (64u << 10)

/* Is the folder there? make: it is made. false: it is not, or the cache is dead. */
bool cache_folder(struct cache *c, bool make);
/* "objects/ab/cdef…" */
void cache_name(char out[CACHE_NAME_ROOM], const char *what, struct hash128 h);
/* Says it, unless something was said that nobody has heard yet. */
void cache_say(struct cache *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Nothing more can be stored. */
void cache_give_up(struct cache *c, const char *what, int err);

/* A new file in tmp/ for what has that hash or signature, for reading and writing; name has room for CACHE_NAME_ROOM. -1 with errno. */
int cache_temporary(const struct cache *c, struct hash128 what, char *name, unsigned mode);
/* From tmp/ to its name. 0 or errno; the temporary one is gone. */
int cache_place(struct cache *c, const char *temporary, const char *name);

enum cache_patience { LOCK_AT_ONCE, LOCK_PATIENTLY, LOCK_FOR_EVER };
/* Storing is shared, removing exclusive. false: not to be had in that time, which is 2 s where it is patiently waited for. */
bool cache_lock(struct cache *c, bool exclusive, enum cache_patience patience);
void cache_unlock(struct cache *c);

/* The total that is on record grows by so much. It may be too high, hardly ever too low. false: nothing is on record. */
bool cache_size_add(struct cache *c, uint64_t more, uint64_t *total);
void cache_size_set(struct cache *c, uint64_t total);

/* Is a file of that size there as the object? Any thread may ask. */
bool cache_object_there(const struct cache *c, struct hash128 hash, uint64_t size);
/* Is a content of that size stored in the entry itself? */
bool cache_in_entry(const struct cache *c, uint64_t size);
/* Copies what `in` gives to `out` and hashes it on the way. 0, errno, or EBADMSG: it is not that content. */
int cache_copy(struct cache *c, int in, int out, struct hash128 want, uint64_t size);
/* The open object, or -1 with errno; EBADMSG: it has another size or is no file. */
int cache_open_object(const struct cache *c, struct hash128 hash, uint64_t size);

#endif
