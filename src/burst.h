/* Edits come in bursts: when is one over, so that a round may begin? 50 ms after its last edit; sooner, where the round that stands by says that all it reaches is soon done, at nobody's cost. */
#ifndef AXMAKE_BURST_H
#define AXMAKE_BURST_H

#include "run/loop.h"
#include "standby.h"

struct burst {
	struct loop *loop;
	struct watcher *watcher;
	struct standby *standby;
	const int *signal; /* where it is not 0, nothing is waited for */
	struct loop_timer quiet;
	int64_t began_ns; /* 0: there is none */
	int64_t last_ns;  /* the last edit of it */
	bool over;
	bool paused;      /* and nobody has asked yet what it has come to */
	bool asked;       /* in this burst that was asked */
	uint64_t count;   /* of what had happened then */
	bool early;       /* it counts as over by the answer to that */
};

void burst_init(struct burst *b, struct loop *loop, struct watcher *watcher, struct standby *standby, const int *signal);
/* An edit has come, of a burst that may have begun before. */
void burst_goes_on(struct burst *b);
/* There is none any more. */
void burst_forget(struct burst *b);
/* Until one is over, and all that was told of its edits has been read. false: a signal has come. */
bool burst_wait(struct burst *b);

/* For the loop, of a struct burst: the watcher has something to tell; the standby has. */
void burst_something_happened(void *self, uint32_t events);
void burst_answered(void *self, uint32_t events);

#endif
