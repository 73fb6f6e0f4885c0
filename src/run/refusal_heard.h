/* One call of a sandboxed program, as the filter of refusal_calls.h tells of it. */
#ifndef AXMAKE_RUN_REFUSAL_HEARD_H
#define AXMAKE_RUN_REFUSAL_HEARD_H

#include <limits.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "run/refusal_calls.h"

enum { HEARD_PATH = 2 * PATH_MAX };

struct heard {
	pid_t pid; /* of the caller's thread, as seen from here */
	const struct refusal_call *call;
	int error;                /* why its memory could not be read; 0: it was, or was not asked for */
	uint64_t flags;           /* of what opens: O_…; of a signal: its number */
	int64_t target;           /* of a signal: the process, as the caller names it */
	char path[HEARD_PATH];    /* absolute, as seen by the caller; not normal */
	char second[HEARD_PATH];  /* of a rename */
	struct sockaddr_storage address;
	socklen_t length;         /* of the address */
};

/* Caller and listener take turns on one processor, where the kernel can (Linux 6.6): each is there the sooner. */
void heard_begin(int listener);
/* Waits for a call. notif: HEARD_NOTIF bytes, aligned as that struct. 1: it is there, and its caller waits for heard_continue; 0: not this time; -1: nobody is left who could call. */
enum { HEARD_NOTIF = 1024 };
int heard_wait(int listener, struct seccomp_notif *notif);
/* One that poll has told of. false: it is gone again. */
bool heard_take(int listener, struct seccomp_notif *notif);
/* Reads what it asks for from its caller's memory. false: it is of no interest, cannot be read, or its caller is gone. */
bool heard_read(int listener, const struct seccomp_notif *notif, struct heard *h);
/* The call takes its course. */
void heard_continue(int listener, uint64_t id);

#endif
