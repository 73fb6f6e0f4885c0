/* What this program is at: entries on their way from the server to the cache on this machine, and back. */
#ifndef AXMAKE_HTTP_HELPER_H
#define AXMAKE_HTTP_HELPER_H

#include "base/map.h"
#include "http/key.h"
#include "http/server.h"
#include "state/cache.h"
#include "state/store.h"

/* An entry that is to go to the server. */
struct push_due {
	struct hash128 signature;
	bool replace; /* what stands there is no good */
};

struct helper {
	struct arena arena; /* of all that is remembered to the end */
	struct wire_config config;
	struct store store;
	struct cache *cache; /* NULL: there is none */
	struct key key;
	struct server server;
	struct sbuf out;     /* to axmake */
	int64_t beat_ns;     /* when it was last told that this is alive */
	size_t pulls, pushes; /* under way */
	size_t storing;       /* pulls that hold the cache's lock */
	VEC(struct push_due) waiting; /* that have not begun, from waiting_at on */
	size_t waiting_at;
	struct map known;     /* signature, or an object's SHA-256, as bytes -> enum known */
	unsigned bad;         /* entries that were damaged or forged */
	bool told_down, told_bad, told_refused, told_fault;
	bool push_ended;      /* nothing more is put */
	struct cache_traffic traffic;
};

/* What is known of something on the server. */
enum known {
	KNOWN_NOT,    /* nothing */
	KNOWN_ABSENT, /* it was not there */
	KNOWN_BAD,    /* it is there, and is not what it should be: what is put there replaces it */
	KNOWN_THERE,
	KNOWN_MOVES,  /* a content that is just fetched or put: who wants it too waits for that */
};
enum known helper_known(const struct helper *h, const void *p, size_t n);
void helper_note(struct helper *h, const void *p, size_t n, enum known what);

/* Tells axmake, made for people to read; the server's name stands before it. */
void helper_warn(struct helper *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Tells, once, what keeps the cache on this machine from giving or taking something: an errno, or what cache_note says. ENOENT is no news: what is not there was removed. */
void helper_fault(struct helper *h, int err);

/* Says what is to be said to axmake, as far as it listens now. false: it is gone. */
bool helper_say(struct helper *h);
/* Within what takes long: tells axmake that this is alive, not too often. A struct helper. */
void helper_meanwhile(void *helper);

/* The objects of an entry, each once, in the order of the first time. */
struct contents {
	VEC(struct cache_content) of;
	uint64_t bytes;
};
void helper_contents(struct arena *a, const struct cache_entry *e, struct contents *out);

/* Begins to bring the entry of that signature here, and tells axmake in the end. */
void pull_begin(struct helper *h, struct hash128 signature);
/* Is to put the entry there; a few at once do so. replace: whatever stands there. */
void push_begin(struct helper *h, struct hash128 signature, bool replace);
/* Goes on with those that wait. */
void push_turn(struct helper *h);

#endif
