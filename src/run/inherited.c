#include "run/inherited.h"

#include <dirent.h>
#include <pthread.h>

/* Nobody ignores real-time signals for others, and to ask for them would be half of the calls that a start makes. */
#define LAST_STANDARD SIGSYS

static struct inherited record(void)
{
	struct inherited in = {.n_to_default = 0};
	sigemptyset(&in.ignored);
	pthread_sigmask(SIG_SETMASK, NULL, &in.mask);
	for (int sig = 1; sig <= LAST_STANDARD; sig++) {
		struct sigaction now;
		bool ignored = sigaction(sig, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_IGN;
		if (ignored)
			sigaddset(&in.ignored, sig);
		if (sig == SIGPIPE || sig == SIGXFSZ || (ignored && sig != SIGHUP))
			in.to_default[in.n_to_default++] = sig;
	}
	return in;
}

const struct inherited *inherited_signals(void)
{
	/* Written once: the start of a program is a fact of the whole process, and spawning has no other place to learn it from.
	 */
	static struct inherited at_start;
	static bool recorded;

	if (!recorded) {
		at_start = record();
		recorded = true;
	}
	return &at_start;
}

/* As above: facts of the whole process. */
struct changed_limit {
	bool known, changed;
	bool tight; /* of descriptors: few were left once */
	struct rlimit before;
};

static struct changed_limit *core(void)
{
	static struct changed_limit at_start;

	return &at_start;
}

static struct changed_limit *descriptors(void)
{
	static struct changed_limit at_start;

	return &at_start;
}

void inherited_no_core(void)
{
	struct changed_limit *c = core();
	struct rlimit none;

	if (c->changed || getrlimit(RLIMIT_CORE, &c->before))
		return;
	/* The kernel writes no file as small as that, and gives nothing to a collecting program, as it does even at 0. */
	none = (struct rlimit){c->before.rlim_max ? 1 : 0, c->before.rlim_max};
	c->changed = !setrlimit(RLIMIT_CORE, &none);
}

const struct rlimit *inherited_core(void)
{
	const struct changed_limit *c = core();

	return c->changed ? &c->before : NULL;
}

void inherited_make_room(int fd)
{
	struct changed_limit *d = descriptors();
	struct rlimit all;

	if (!d->known && getrlimit(RLIMIT_NOFILE, &d->before))
		return;
	d->known = true;
	if (d->changed || d->before.rlim_cur == RLIM_INFINITY || (rlim_t)fd < d->before.rlim_cur / 2)
		return;
	all = (struct rlimit){d->before.rlim_max, d->before.rlim_max};
	d->changed = d->before.rlim_cur < d->before.rlim_max && !setrlimit(RLIMIT_NOFILE, &all);
}

#define SPARE 24 /* ends come one after another, and each opens a few */

/* All that are open; -1: not known. */
static long count_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	long n = -3; /* two dots, and its own */

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

bool inherited_is_short(int fd)
{
	struct changed_limit *d = descriptors();
	rlim_t most = d->changed ? d->before.rlim_max : d->before.rlim_cur;

	if (!d->known || most == RLIM_INFINITY)
		return false;
	/* The lowest free number is given: as long as none was high, there were enough. */
	d->tight = d->tight || (rlim_t)fd + SPARE >= most;
	long n = d->tight ? count_open() : 0;
	return n < 0 || (rlim_t)n + SPARE > most;
}

const struct rlimit *inherited_descriptors(void)
{
	const struct changed_limit *d = descriptors();

	return d->changed ? &d->before : NULL;
}
