/* A server of entries, and the requests to it: many at once on few connections, each with a bound on what may come and how long that takes. */
#ifndef AXMAKE_HTTP_SERVER_H
#define AXMAKE_HTTP_SERVER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/vec.h"
#include "http/digest.h"
#include "state/wire.h"

enum turn {
	TURN_NOW,
	TURN_NEVER, /* it is not needed any more, and ends well */
	TURN_LATER, /* a moment later */
};

enum verb { VERB_GET, VERB_HEAD, VERB_PUT };

enum ending {
	ENDED_WELL,
	ENDED_ABSENT,  /* the server has no such thing */
	ENDED_REFUSED, /* it does not take it; PUT alone */
	ENDED_BAD,     /* what came cannot be it: more than that has */
	ENDED_LOCALLY, /* for a reason of this machine */
	ENDED_DOWN,    /* nothing more is asked of the server: see `why` of it */
};

struct request {
	enum verb verb;
	char name[80]; /* below the server's URL */
	/* Called when its turn comes, so that what it needs is opened no sooner; may be NULL. */
	enum turn (*turn)(struct request *q);
	/* The last that is heard of it; it may be freed. */
	void (*ended)(struct request *q);
	void *self;
	uint64_t size;   /* GET: bytes that come, at most; HEAD: bytes that it is to have, UINT64_MAX: any; PUT: bytes that go */
	bool to_memory;  /* GET: to body; else to fd */
	int fd;          /* GET: empty, for writing; PUT: what goes, unless `bytes` does. Closed by who opened it */
	struct str bytes;
	bool overwrite;  /* PUT: also what stands there */
	enum ending ending;
	long status;     /* of the last answer; 0: none came */
	int local_err;   /* errno, where it ended locally; 0: it never began, or for another reason */
	struct sbuf body;
	struct digest digest; /* of what came */
	/* Private to the server. */
	struct server *server;
	CURL *easy;
	struct curl_slist *headers;
	uint64_t sent, junk;
	unsigned tries;
	int64_t began_ns, not_before_ns;
	bool too_long;
	char redirected[200];
};

struct server {
	const struct wire_config *config;
	CURLM *multi;
	VEC(struct request *) queue, running;
	size_t queue_at;      /* of queue: what is before it has had its turn */
	VEC(struct request *) later; /* tried again, not at once */
	bool down;
	struct sbuf why;      /* a phrase, once it is down */
	struct str user, password; /* n 0: those of ~/.netrc, if it has some */
	const char *ca;       /* NULL: the system's */
	uint64_t moved;       /* bytes in and out since window_ns */
	bool any_ended;       /* since then */
	bool ended;           /* some request has, in this turn: its owner has something to tell */
	int64_t window_ns;
	int64_t lagging_ns, lagged_ns; /* without a break by now; in all */
};

/* config must outlive it. false with *why, a phrase that may be shown. */
bool server_open(struct server *s, const struct wire_config *config, struct sbuf *why);
/* Asks, in the order of calls. Nothing is called back before server_turn, not even where the server is down. q must stay where it is until it has ended. */
void server_ask(struct server *s, struct request *q);
/* Waits for anything from the server, or on `fd` what `events` (of poll) ask for, at most so long; then goes on with what there is. */
void server_turn(struct server *s, int fd, short events, int wait_ms);
bool server_busy(const struct server *s);
/* Asks nothing more of it; why is a phrase. All that is under way ends with the next turn. */
void server_give_up(struct server *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void server_close(struct server *s);

/* Private to server.c and request.c. */
/* Makes q->easy. false: no memory. */
bool request_begin(struct server *s, struct request *q);
/* It has ended as curl says: true, with its ending, or it is to be tried again. */
bool request_over(struct server *s, struct request *q, CURLcode code);
void request_end(struct request *q);

#endif
