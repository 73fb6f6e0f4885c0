#include "state/limits.h"
#include "state/limits_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/path.h"
#include "state/limits_folder.h"
#include "state/store.h"

#define TICKETS (INT64_C(1) << 32)
#define PROBE (INT64_C(1) << 40)
#define PLACE 16
#define OVERTAKE_NS (2 * NS_PER_S)
/* A descriptor that is closed by its holder's death tells so a moment before its locks go. */
#define GRACE_NS (50 * NS_PER_MS)
#define BLIND_NS (250 * NS_PER_MS) /* without inotify */

static int64_t boot_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* One look at a provider, under its lock. */
struct look {
	struct limit *l;
	const struct limit_rule *rule;
	struct bucket b;
	bool changed;
	int64_t now_ns; /* since the boot */
	int64_t wall_ms;
	struct limit_answer answer;
};

static void wait_for(struct look *k, int64_t ns)
{
	int64_t now = clock_ns(), again = ns > INT64_MAX - now ? INT64_MAX : now + ns;

	if (again < k->answer.again_ns)
		k->answer.again_ns = again;
}

/* Is it closed, or has it just opened and the first call is on its way? */
static bool is_closed(struct look *k)
{
	int64_t patience = k->b.why == LIMIT_NO_QUOTA ? 30 * NS_PER_S : 5 * NS_PER_S, since = k->now_ns - k->b.probe_ns;

	if (!k->b.why)
		return false;
	if (k->wall_ms < k->b.until_ms) {
		k->answer.kind = k->b.why == LIMIT_NO_QUOTA ? LIMIT_CLOSED : LIMIT_WAIT;
		k->answer.until_ms = k->b.until_ms;
		k->answer.lack = LIMIT_LACKS_REST;
		wait_for(k, k->b.until_ms - k->wall_ms > INT64_MAX / NS_PER_MS ? INT64_MAX : (k->b.until_ms - k->wall_ms) * NS_PER_MS);
		return true;
	}
	if (!k->b.probe_ns || since >= patience || !limits_locked(k->l->places_fd, PROBE, 1))
		return false;
	k->answer.lack = LIMIT_LACKS_REST;
	wait_for(k, patience - since);
	return true;
}

/* Would waiting for a place be waiting for oneself? */
static bool all_ancestors(const struct look *k)
{
	for (uint32_t i = 0; i < k->rule->max_concurrent; i++) {
		char text[PLACE + 1] = "";
		int pid;

		if (TEMP_FAILURE_RETRY(pread(k->l->places_fd, text, PLACE, (off_t)i * PLACE)) <= 0 || sscanf(text, "%d", &pid) != 1 ||
		    pid == (int)getpid() || !store_is_ancestor(pid))
			return false;
	}
	return true;
}

/* A free place; -1: none. */
static int64_t free_place(const struct look *k)
{
	for (uint32_t i = 0; i < k->rule->max_concurrent; i++)
		if (!limits_locked(k->l->places_fd, (int64_t)i * PLACE, PLACE))
			return i;
	return k->rule->max_concurrent ? -1 : 0;
}

/* Does nobody stand before this process? */
static bool is_first(const struct look *k)
{
	return !limits_locked(k->l->state_fd, TICKETS, k->l->queued ? (int64_t)k->l->ticket : INT64_MAX - TICKETS);
}

/* It could go but for its turn. True when it may all the same, since the one before it slept too long. */
static bool overtakes(struct look *k)
{
	if (!k->b.free_since_ns) {
		k->b.free_since_ns = k->now_ns ? k->now_ns : 1;
		k->changed = true;
	}
	int64_t slept = k->now_ns - k->b.free_since_ns;
	if (slept >= OVERTAKE_NS)
		return true;
	wait_for(k, OVERTAKE_NS - slept);
	return false;
}

static void queue_up(struct look *k)
{
	if (k->l->queued || limits_lock(k->l->state_fd, F_WRLCK, TICKETS + (int64_t)k->b.next_ticket, 1))
		return;
	if (is_first(k))
		k->b.free_since_ns = 0; /* left by a queue that is no more */
	k->l->ticket = k->b.next_ticket++;
	k->l->queued = true;
	k->changed = true;
}

static void drop_ticket(struct limit *l)
{
	if (l->queued)
		limits_lock(l->state_fd, F_UNLCK, TICKETS + (int64_t)l->ticket, 1);
	l->queued = false;
}

/* Opens and locks the place, and the right of the first call after a closing. 0 or errno. */
static int take_place(struct look *k, int64_t place, struct limit_hold *hold)
{
	char pid[PLACE + 1];
	int err = 0, n = snprintf(pid, sizeof pid, "%-*d\n", PLACE - 1, (int)getpid());

	hold->probe = k->b.why != LIMIT_IS_OPEN;
	if (!k->rule->max_concurrent && !hold->probe)
		return 0;
	hold->fd = limits_open_own(k->l->of, k->l->places_name, O_RDWR);
	if (hold->fd < 0)
		return errno;
	if (k->rule->max_concurrent) {
		err = limits_lock(hold->fd, F_WRLCK, place * PLACE, PLACE);
		if (!err)
			err = os_pwrite_all(hold->fd, pid, (size_t)n, place * PLACE);
	}
	if (!err && hold->probe && !limits_lock(hold->fd, F_WRLCK, PROBE, 1))
		k->b.probe_ns = k->now_ns;
	return err;
}

static void take(struct look *k, int64_t place, struct limit_hold *hold)
{
	int err = take_place(k, place, hold);

	if (err) {
		k->answer = (struct limit_answer){.kind = LIMIT_FAILED, .err = err};
		return;
	}
	k->answer.kind = LIMIT_TAKEN;
	k->b.missing += k->rule->capacity > 0;
	k->b.free_since_ns = 0;
	k->changed = true;
	hold->limit = k->l;
	drop_ticket(k->l);
}

static void decide(struct look *k, struct limit_hold *hold)
{
	int64_t wait_ns, place;

	if (is_closed(k))
		return;
	wait_ns = bucket_wait_ns(&k->b, k->rule);
	place = free_place(k);
	if (place < 0 && all_ancestors(k)) {
		k->answer.kind = LIMIT_OWN;
		drop_ticket(k->l);
		return;
	}
	if (!wait_ns && place >= 0 && (is_first(k) || overtakes(k))) {
		take(k, place, hold);
		return;
	}
	queue_up(k);
	k->answer.lack = wait_ns ? LIMIT_LACKS_TOKEN : place < 0 ? LIMIT_LACKS_PLACE : LIMIT_LACKS_TURN;
	if (wait_ns)
		wait_for(k, wait_ns);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

struct limit_answer limit_take(struct limit *l, const struct limit_rule *rule, struct limit_hold *hold)
{
	struct look k = {.l = l, .rule = rule};
	int err = limit_enter(l, &k.b);

	*hold = (struct limit_hold){.fd = -1};
	k.answer = (struct limit_answer){.kind = LIMIT_WAIT, .again_ns = INT64_MAX};
	if (err == EAGAIN) {
		wait_for(&k, GRACE_NS);
		return k.answer;
	}
	if (err)
		return (struct limit_answer){.kind = LIMIT_FAILED, .err = err};
	/* The time is asked for under the lock: else it may lie before that of the last change. */
	k.now_ns = boot_now();
	k.wall_ms = clock_wall_ns() / NS_PER_MS;
	k.changed = bucket_settle(&k.b, rule, &(struct bucket_now){l->of->boot, k.now_ns, k.wall_ms});
	decide(&k, hold);
	if (k.answer.kind == LIMIT_WAIT && (l->closed_lately || l->of->inotify_fd < 0))
		wait_for(&k, l->closed_lately ? GRACE_NS : BLIND_NS);
	l->closed_lately = false;
	err = limit_put(l, &k.b, k.changed);
	if (err && k.answer.kind == LIMIT_TAKEN)
		k.answer = (struct limit_answer){.kind = LIMIT_FAILED, .err = err};
	if (k.answer.kind != LIMIT_TAKEN) {
		close_fd(&hold->fd);
		hold->limit = NULL;
	}
	return k.answer;
}

void limit_leave(struct limit *l)
{
	struct bucket b;

	if (!l->queued || l->state_fd < 0)
		return;
	drop_ticket(l);
	/* Written, though unchanged: so those behind hear of it. */
	if (!limit_enter(l, &b))
		limit_put(l, &b, true);
}

void limit_give(struct limit_hold *hold, bool answered)
{
	struct bucket b;

	if (!hold->limit)
		return;
	if (answered && hold->probe && !limit_enter(hold->limit, &b)) {
		bool opens = b.why && clock_wall_ns() / NS_PER_MS >= b.until_ms;

		if (opens)
			b.why = LIMIT_IS_OPEN;
		limit_put(hold->limit, &b, opens);
	}
	/* Unlocked before it is closed, because closing is what wakes the others. */
	if (hold->fd >= 0)
		limits_lock(hold->fd, F_UNLCK, 0, 0);
	close_fd(&hold->fd);
	hold->limit = NULL;
}

int limit_close(struct limit *l, int64_t until_ms, enum limit_closed why)
{
	struct bucket b = {0};
	int err = limit_enter(l, &b);
	bool longer;

	if (err)
		return err;
	longer = !b.why || until_ms >= b.until_ms || (why == LIMIT_NO_QUOTA && b.why == LIMIT_COOLING);
	if (longer) {
		b.why = why;
		b.until_ms = until_ms;
		b.closed_ms = clock_wall_ns() / NS_PER_MS;
		b.probe_ns = 0;
	}
	return limit_put(l, &b, longer);
}

int64_t limits_out_of_quota(struct arena *a, struct str provider, struct str *file)
{
	char text[BUCKET_TEXT + 1];
	struct str folder;
	struct bucket b;

	if (!limits_folder_path(a, &folder))
		return 0;
	*file = arena_printf(a, "%.*s/%.*s.state", STR_ARG(folder), STR_ARG(path_escape_name(a, provider)));
	int fd = open(file->p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return 0;
	ssize_t n = pread(fd, text, sizeof text, 0);
	close(fd);
	bool closed = n > 0 && bucket_parse((struct str){text, (size_t)n}, &b) && b.why == LIMIT_NO_QUOTA && b.until_ms > clock_wall_ns() / NS_PER_MS;
	return closed ? b.until_ms : 0;
}
