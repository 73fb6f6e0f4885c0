/* Would a sandbox refuse what one of its programs asks for? Looked at from outside, by comparing what is there with what is here. */
#ifndef AXMAKE_RUN_REFUSAL_JUDGE_H
#define AXMAKE_RUN_REFUSAL_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "run/refusal.h"
#include "run/refusal_heard.h"

enum { JUDGE_SEEN = 4096 };

struct judge {
	struct refusals *notes;
	const char *wall;  /* the program that builds the sandbox: until another one calls, nothing is refused */
	bool network;      /* does the sandbox leave the network? */
	int root;          /* the sandbox's; -1: it does not stand yet, or `error` says why it cannot be looked into */
	int error;
	int mounts;        /* its mount namespace, without which what is mounted below that would be gone with its last process */
	int tcp[2], own_tcp[2]; /* who listens in it, and here; without a network only. -1: not known */
	uint64_t seen[JUDGE_SEEN]; /* what was not refused, by its hash */
};

/* A sandbox that is to be built. wall, notes: as long as the judge. */
void judge_init(struct judge *j, const char *wall, bool network, struct refusals *notes);
/* Is it to be asked before the call takes its course? Where that changes what there is to be seen. */
bool judge_first(const struct heard *h);
/* Notes what would be refused of it. */
void judge_call(struct judge *j, const struct heard *h);

#endif
