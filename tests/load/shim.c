/* A wall clock that steps: preloaded, it adds to CLOCK_REALTIME what the next of SHIM_STEPS ("0,86400,-3600") says, in seconds, every SHIM_MS milliseconds of CLOCK_MONOTONIC. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t offset_s(void)
{
	const char *steps = getenv("SHIM_STEPS"), *every = getenv("SHIM_MS");
	long ms = every ? atol(every) : 100, n = 1;
	struct timespec now;
	if (!steps || ms <= 0 || syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now))
		return 0;
	for (const char *p = steps; (p = strchr(p, ',')); p++)
		n++;
	for (long which = (now.tv_sec * 1000 + now.tv_nsec / 1000000) / ms % n; which > 0; which--)
		steps = strchr(steps, ',') + 1;
	return atoll(steps);
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, clock, t);
	if (!r && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		t->tv_sec += offset_s();
	return r;
}

time_t time(time_t *t)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (t)
		*t = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*t = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
	return 0;
}
