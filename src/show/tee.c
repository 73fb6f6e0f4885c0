#include "show/tee.h"

#include <assert.h>

static void tell(void *self, const struct event *e)
{
	const struct tee *t = self;
	for (size_t i = 0; i < t->n; i++)
		t->to[i].event(t->to[i].self, e);
}

static void flush(void *self)
{
	const struct tee *t = self;
	for (size_t i = 0; i < t->n; i++)
		t->to[i].flush(t->to[i].self);
}

void tee_add(struct tee *t, struct observer o)
{
	assert(t->n < TEE_MOST);
	t->to[t->n++] = o;
}

struct observer tee_observer(struct tee *t)
{
	return (struct observer){tell, flush, t};
}
