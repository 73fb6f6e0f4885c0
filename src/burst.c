#include "burst.h"

#include <sys/epoll.h>

#include "base/clock.h"

#define QUIET_NS (50 * NS_PER_MS)  /* without an edit: then a burst of them is over */
#define SHORT_NS (5 * NS_PER_MS)   /* without an edit: then what costs nothing may be begun */
#define LONGEST_NS (2 * NS_PER_S)  /* that a burst is waited for */

/* At which a burst is taken to be over, if it has not gone on by then. */
static void set_quiet(struct burst *b, int64_t at)
{
	if (at > b->began_ns + LONGEST_NS)
		at = b->began_ns + LONGEST_NS;
	loop_timer_set(b->loop, &b->quiet, at);
}

static void be_over(struct burst *b)
{
	b->over = true;
	b->began_ns = 0;
}

static void has_paused(void *self)
{
	struct burst *b = self;
	if (b->standby->pid && !b->asked)
		b->paused = true;
	else
		be_over(b);
}

void burst_init(struct burst *b, struct loop *loop, struct watcher *watcher, struct standby *standby, const int *signal)
{
	*b = (struct burst){.loop = loop, .watcher = watcher, .standby = standby, .signal = signal, .quiet = {.fn = has_paused, .self = b}};
}

void burst_goes_on(struct burst *b)
{
	b->last_ns = clock_ns();
	if (!b->began_ns) {
		b->began_ns = b->last_ns;
		b->asked = false;
	}
	set_quiet(b, b->last_ns + (b->standby->pid && !b->asked ? SHORT_NS : QUIET_NS));
}

void burst_forget(struct burst *b)
{
	loop_timer_clear(b->loop, &b->quiet);
	b->began_ns = 0;
}

void burst_something_happened(void *self, uint32_t events)
{
	struct burst *b = self;
	(void)events;
	if (watcher_read(b->watcher))
		burst_goes_on(b);
}

void burst_answered(void *self, uint32_t events)
{
	struct burst *b = self;
	bool yes = standby_says_yes(b->standby);
	if (events & (EPOLLHUP | EPOLLERR))
		loop_unwatch(b->loop, b->standby->fd); /* it is gone, and missed when it is to go */
	if (!yes || !b->asked || !b->began_ns)
		return;
	watcher_read(b->watcher);
	if (watcher_count(b->watcher) != b->count) { /* it has gone on meanwhile */
		burst_goes_on(b);
		return;
	}
	b->early = true;
	be_over(b);
}

/* It has paused. Only where all that it reaches is soon done, at nobody's cost, need its end not be waited for. A file that is still open was perhaps not written to the end. */
static void ask(struct burst *b)
{
	struct changes c;
	b->paused = false;
	b->asked = true;
	b->count = watcher_count(b->watcher);
	if (!watcher_knows_where(b->watcher)) {
		set_quiet(b, b->last_ns + QUIET_NS);
		return;
	}
	if (watcher_look(b->watcher, &c) || !changes_any(&c)) {
		be_over(b); /* whoever waits for that looks again */
	} else {
		if (c.files && !c.writing)
			standby_ask(b->standby, &c);
		set_quiet(b, b->last_ns + QUIET_NS);
	}
	vec_free(&c.paths);
}

static bool wait_for_quiet(struct burst *b)
{
	b->over = b->paused = b->early = false;
	while (!b->over && !*b->signal) {
		if (loop_turn(b->loop, true))
			return false;
		if (b->paused)
			ask(b);
	}
	return !*b->signal;
}

bool burst_wait(struct burst *b)
{
	for (;;) {
		if (!wait_for_quiet(b))
			return false;
		watcher_read(b->watcher);
		/* What came behind an answer was no part of the question. */
		if (!b->early || watcher_count(b->watcher) == b->count)
			return true;
		burst_goes_on(b);
	}
}
