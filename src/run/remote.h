/* Private to run/: the program axmake-http, which brings entries of a server into the cache and puts some there. It is started by the first that wants something of it. Nothing here
 * ever waits but remote_finish and remote_check; whatever goes wrong is said once, and the run goes on without the server. */
#ifndef AXMAKE_RUN_REMOTE_H
#define AXMAKE_RUN_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "run/loop.h"
#include "state/wire.h"

struct remote_listener {
	void (*fetched)(void *self, struct hash128 signature, bool there); /* of remote_fetch: once for each, whatever happens; within a turn of the loop */
	void (*warn)(void *self, struct str text);
	void (*started)(void *self, pid_t pid);
	void *self;
};

struct remote;

/* Nothing is started. program: the path of axmake-http; config must outlive it, as must all strings. */
struct remote *remote_new(struct arena *a, struct str program, const struct wire_config *config, struct loop *loop, const struct remote_listener *listener);
/* Asks for the entry of a signature. false: it is of no use to ask, and nobody is called. */
bool remote_fetch(struct remote *r, struct hash128 signature);
/* The entry is in the cache, and is to go to the server. replace: in the place of what stands there. */
void remote_push(struct remote *r, struct hash128 signature, bool replace);
/* Did the server give the entry, in this run? */
bool remote_gave(const struct remote *r, struct hash128 signature);
/* Waits, turning the loop, until what was pushed is there; not longer than a few time-outs, nor when `over` says so. Then the program is gone. */
void remote_finish(struct remote *r, bool (*over)(void *self), void *self);
void remote_free(struct remote *r);

/* Asks the server whether it answers, without a loop; waits for that. text: what is to be said of it, in the arena. */
bool remote_check(struct arena *a, struct str program, const struct wire_config *config, struct str *text);

#endif
