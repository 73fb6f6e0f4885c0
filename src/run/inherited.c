#include "run/inherited.h"

#include <pthread.h>

static struct inherited record(void)
{
	struct inherited in = {.n_to_default = 0};
	sigemptyset(&in.ignored);
	pthread_sigmask(SIG_SETMASK, NULL, &in.mask);
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction now;
		bool ignored = sigaction(sig, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_IGN;
		if (ignored)
			sigaddset(&in.ignored, sig);
		if (sig == SIGPIPE || (ignored && sig != SIGHUP))
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

/* As above: a fact of the whole process. */
static struct core {
	bool changed;
	struct rlimit before;
} *core(void)
{
	static struct core at_start;

	return &at_start;
}

void inherited_no_core(void)
{
	struct core *c = core();
	struct rlimit none;

	if (c->changed || getrlimit(RLIMIT_CORE, &c->before))
		return;
	/* The kernel writes no file as small as that, and gives nothing to a collecting program, as it does even at 0. */
	none = (struct rlimit){c->before.rlim_max ? 1 : 0, c->before.rlim_max};
	c->changed = !setrlimit(RLIMIT_CORE, &none);
}

const struct rlimit *inherited_core(void)
{
	const struct core *c = core();

	return c->changed ? &c->before : NULL;
}
