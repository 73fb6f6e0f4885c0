#include "run/previous.h"

#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "run/process.h"
#include "state/store.h"

#define LOOK_NS (10 * NS_PER_MS)

size_t previous_end(uint64_t run_id)
{
	struct arena a = {0};
	struct str mark = arena_printf(&a, "%llx-", (unsigned long long)run_id);
	int64_t give_up = clock_ns() + ENDING_GRACE_NS;
	size_t ended = 0;
	for (bool first = true;; first = false) {
		struct pid_list left = {0};
		bool killing = clock_ns() >= give_up;
		process_marked(mark, &left);
		size_t n = 0;
		for (size_t i = 0; i < left.pids.n; i++) {
			if (store_is_ancestor(left.pids.p[i]))
				continue; /* a shell that the killed run had started, and that this one was started from */
			n++;
			if (first || killing)
				kill(left.pids.p[i], killing ? SIGKILL : SIGTERM);
		}
		ended = n > ended ? n : ended;
		vec_free(&left.pids);
		if (!n || clock_ns() >= give_up + ENDING_GRACE_NS)
			break;
		/* Nobody's children here: there is no signal to wait for. */
		nanosleep(&(struct timespec){0, LOOK_NS}, NULL);
	}
	arena_free(&a);
	return ended;
}
