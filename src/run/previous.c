#include "run/previous.h"

#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "run/process.h"

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
		for (size_t i = 0; (first || killing) && i < left.pids.n; i++)
			kill(left.pids.p[i], killing ? SIGKILL : SIGTERM);
		size_t n = left.pids.n;
		ended = n > ended ? n : ended;
		vec_free(&left.pids);
		if (!n)
			break;
		/* Nobody's children here: there is no signal to wait for. */
		nanosleep(&(struct timespec){0, LOOK_NS}, NULL);
	}
	arena_free(&a);
	return ended;
}
