/* The signals' state and the limits on core dumps and descriptors with which this program was started: what the programs it starts get again. */
#ifndef AXMAKE_RUN_INHERITED_H
#define AXMAKE_RUN_INHERITED_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

struct inherited {
	sigset_t mask;        /* blocked */
	sigset_t ignored;     /* of the standard signals, set to SIG_IGN */
	int to_default[NSIG]; /* what a child has to set back to SIG_DFL: SIGPIPE, SIGXFSZ, and the ignored ones but SIGHUP */
	size_t n_to_default;
};

/* Recorded by the first call, which has to come before any change of mask or handlers (loop_new makes it); the same ever after.
 * From the main thread. */
const struct inherited *inherited_signals(void);

/* From here on this process leaves no core dump, which would hold the environment's secrets and answers: neither a file nor one for a program that collects them. */
void inherited_no_core(void);
/* The limit before; NULL: it was not changed. */
const struct rlimit *inherited_core(void);

/* A descriptor of this number has been given: where that is half of all that may be open, as many may be as this process may allow itself. (Other programs, which may know no
 * number above 1024, are not to see that.) */
void inherited_make_room(int fd);
/* After that: are so few left that what those on their way still have to open could go short? fd: the highest that was given lately; 0: none. */
bool inherited_is_short(int fd);
/* The limit before; NULL: it was not changed. */
const struct rlimit *inherited_descriptors(void);

#endif
