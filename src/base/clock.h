/* Time. Durations are monotonic nanoseconds; only what people read is wall time. */
#ifndef AXMAKE_BASE_CLOCK_H
#define AXMAKE_BASE_CLOCK_H

#include <stdint.h>

#include "base/str.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

int64_t clock_ns(void);      /* monotonic */
int64_t clock_wall_ns(void); /* since 1970, UTC */
int64_t clock_boot_wall_ns(void); /* when this machine was started, as the wall clock goes now */
/* "0.04s", "12.3s", "4m05s", "2h10m": for people. */
void clock_duration(struct sbuf *b, int64_t ns);
/* "15:04", or "2026-11-24 15:04" when that is not within the next 20 hours: here, for people. */
void clock_when(struct sbuf *b, int64_t wall_ns);
/* In UTC, without leap seconds; month and day from 1. The C library's own would look for the local time zone. */
struct clock_date {
	int year, month, day, hour, minute, second, ms;
};
struct clock_date clock_date(int64_t wall_ns);
/* "2026-11-24T06:48:46Z" */
void clock_iso(struct sbuf *b, int64_t wall_ns);
/* "2026-11-24T06:48:46.123Z" */
void clock_iso_ms(struct sbuf *b, int64_t wall_ns);

#endif
