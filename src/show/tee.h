/* Several observers of one run. */
#ifndef AXMAKE_SHOW_TEE_H
#define AXMAKE_SHOW_TEE_H

#include "run/observer.h"

#define TEE_MOST 8

/* Zero it, then add; each hears every event, in the order in which they were added. */
struct tee {
	struct observer to[TEE_MOST];
	size_t n;
};

void tee_add(struct tee *t, struct observer o);
struct observer tee_observer(struct tee *t);

#endif
