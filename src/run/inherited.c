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
