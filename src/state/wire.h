/* What axmake and its program for HTTP (axmake-http) say to each other: frames on a stream, in the bytes of the log. */
#ifndef AXMAKE_STATE_WIRE_H
#define AXMAKE_STATE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

enum wire_kind {
	/* To axmake-http. */
	WIRE_CONFIG = 1, /* a struct wire_config; comes first, once */
	WIRE_FETCH,      /* a signature: its entry is wanted in the cache on this machine */
	WIRE_PUSH,       /* a signature: its entry is there, and is to go to the server; and 1: what the server has of it is no good and is replaced */
	WIRE_CHECK,      /* does the server answer? */
	WIRE_FINISH,     /* nothing more comes: ends when all is done */
	/* From it. */
	WIRE_FETCHED, /* a signature, and 1: its entry is there with all that it names; 0: it is not to be had */
	WIRE_PUSHED,  /* a signature, and 1: the server has it; 0: it has not */
	WIRE_WARNING, /* a text, made to be shown */
	WIRE_ALIVE,   /* it is at work: comes every WIRE_BEAT_NS at the latest, while anything is under way */
	WIRE_CHECKED, /* 1: it answers; 0: it does not; and a text */
	WIRE_DONE,    /* after WIRE_FINISH, its last word */
};

#define WIRE_BEAT_NS (INT64_C(1000000000))
#define WIRE_PROGRAM "axmake-http"

struct wire_config {
	struct str url;            /* "http://host/path", without user, password and a slash at its end */
	struct str user, password; /* as they stood in the URL; n 0: none */
	struct str ca;             /* file of certificates that sign the server's; n 0: the system's */
	struct str key;            /* file that holds the key; n 0: see AXMAKE_CACHE_KEY */
	struct str dir;            /* see struct cache_config; p NULL: the store's own */
	uint64_t limit;            /* bytes of the cache on this machine */
	int64_t timeout_ns;        /* how long nothing may come */
	bool owner_only, push;
	int root_fd, store_fd;     /* folders, inherited under these numbers; store_fd is -1 where there is no store: then nothing is kept */
};

void wire_put_config(struct sbuf *b, const struct wire_config *c);
void wire_put(struct sbuf *b, enum wire_kind kind);
void wire_put_signature(struct sbuf *b, enum wire_kind kind, struct hash128 signature, bool yes);
void wire_put_text(struct sbuf *b, enum wire_kind kind, struct str text, bool yes);

struct wire_message {
	enum wire_kind kind;
	struct hash128 signature;
	bool yes;
	struct str text;
	struct wire_config config;
};

enum wire_result { WIRE_WHOLE, WIRE_INCOMPLETE, WIRE_BAD };
/* Takes the first frame out of *rest; its strings lie there. WIRE_INCOMPLETE: it has not come whole yet; WIRE_BAD: what comes is none. */
enum wire_result wire_take(struct str *rest, struct wire_message *out);

#endif
