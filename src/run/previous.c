#include "run/previous.h"

#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "run/left.h"
#include "run/process.h"
#include "state/store.h"

#define LOOK_NS (10 * NS_PER_MS)

/* A shell that the killed run had started, and that this run was started from; and what was to stay. */
static bool spared(pid_t pid, const struct left_list *left)
{
	return store_is_ancestor(pid) || left_has(left, pid);
}

size_t previous_end(uint64_t run_id, int store_fd)
{
	struct arena a = {0};
	struct str mark = arena_printf(&a, "%llx-", (unsigned long long)run_id);
	int64_t give_up = clock_ns() + ENDING_GRACE_NS;
	struct left_list stays = {0};
	size_t ended = 0;
	left_read(store_fd, &a, &stays);
	for (bool first = true;; first = false) {
		struct pid_list left = {0};
		bool killing = clock_ns() >= give_up;
		process_marked(mark, &left);
		size_t n = 0;
		for (size_t i = 0; i < left.pids.n; i++) {
			if (spared(left.pids.p[i], &stays))
				continue;
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
