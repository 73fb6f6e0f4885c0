/* GNU make's jobserver, client and server, pipe and fifo, as make 4.3 and 4.4 speak it.
 *
 * N slots are N-1 bytes in a pipe and one implicit slot of the process itself. Every byte read is written back unchanged, exactly
 * once, on every way out. */
#ifndef AXMAKE_RUN_JOBSERVER_H
#define AXMAKE_RUN_JOBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "run/jobserver_auth.h"

enum jobserver_role {
	JOBSERVER_NONE,   /* no -j and no parent, or -j1, or -j: limited by `limit` alone */
	JOBSERVER_CLIENT, /* the parent's tokens */
	JOBSERVER_SERVER, /* our own pipe or fifo */
};

struct jobserver_config {
	bool has_auth;             /* MAKEFLAGS names one */
	struct str auth;           /* "3,4", "fifo:PATH" */
	struct str makeflags;      /* as inherited: handed on by a client */
	int jobs;                  /* -j of the command line or AXMAKEFLAGS; 0: unset; -1: unlimited */
	bool jobs_on_command_line; /* a parent's jobserver is left for one of our own, with make's warning */
	struct str style;          /* "", "pipe", "fifo" */
	size_t parent_slots;       /* -jN in MAKEFLAGS beside auth; 0: not known */
	size_t limit;              /* slots when neither -j nor a parent says how many (>= 1; 0: no limit) */
	const char *program;       /* before warnings, as "axmake[1]"; NULL: "axmake" */
};

struct jobserver;

/* Never NULL. Warnings go to `warn` (each a whole line without newline, "axmake: warning: " in front). `warn`, the program's name and `a` outlive it. */
struct jobserver *jobserver_open(struct arena *a, const struct jobserver_config *c, const struct jobserver_inherited *in,
                                 void (*warn)(void *self, const char *line), void *self);
enum jobserver_role jobserver_role(const struct jobserver *j);

/* A slot is the implicit one, or a byte, or (without jobserver) just counted. */
struct slot {
	bool held;
	bool implicit;
	unsigned char byte;
};

/* Takes a slot without waiting: the implicit one when free, else a byte; false: none now. */
bool jobserver_take(struct jobserver *j, struct slot *s);
/* Gives it back; when the implicit slot's task ends while others hold bytes, a byte is given back in its stead and that holder is
 * re-labelled: so the caller passes all through this module and keeps `struct slot` at a stable address until given back. Writes
 * retry EINTR, wait for room by poll at most a second, and on a broken pipe warn once. */
void jobserver_give(struct jobserver *j, struct slot *s);
/* To be watched for EPOLLIN when a task is ready and take said false: -1 when there is nothing to wait for (own slots end by our
 * own tasks). Its flags are our own: it was re-opened. */
int jobserver_wait_fd(const struct jobserver *j);
/* All slots that there can be: of a parent as far as it said; 0: no limit, or not known. */
size_t jobserver_slots(const struct jobserver *j);
/* Slots that could be taken at this moment, without touching them; SIZE_MAX: no limit, or not known. */
size_t jobserver_free(const struct jobserver *j);
/* Slots held now. */
size_t jobserver_held(const struct jobserver *j);

/* Gives every held byte back at once; async-signal-safe and idempotent: for the way out by signal, by no memory, by a failed
 * assert. */
void jobserver_return_all(struct jobserver *j);

/* The environment of a child. `with`: the child gets the jobserver. */
struct jobserver_env {
	struct str makeflags; /* value of MAKEFLAGS; n == 0: unset it */
	int keep[2];          /* descriptors to keep open in the child, or -1 */
};
struct jobserver_env jobserver_child(const struct jobserver *j, bool with);

/* Server: puts back bytes that died with a killed child. Only to be called when no live task holds the pipe. Returns how many
 * were missing (negative: too many). */
int jobserver_top_up(struct jobserver *j);
/* At the end: for a server, the balance (missing or extra bytes) is said through warn; the fifo and its folder are removed. */
void jobserver_close(struct jobserver *j);

#endif
