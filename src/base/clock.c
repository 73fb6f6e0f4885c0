#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static int64_t now_ns(clockid_t id)
{
	struct timespec t;
	int failed = clock_gettime(id, &t);

	assert(!failed);
	(void)failed;
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
	return now_ns(CLOCK_REALTIME);
}

/* In whole units, rounded to the nearest. */
static int64_t in_units(int64_t ns, int64_t unit)
{
	return ns / unit + (ns % unit >= unit / 2);
}

void clock_duration(struct sbuf *b, int64_t ns)
{
	int64_t n;

	if (ns < 0)
		ns = 0;
	/* Each form is tried on the rounded value, so that 59.96s becomes 1m00s and never 60.0s. */
	if ((n = in_units(ns, NS_PER_S / 100)) < 10 * 100)
		sbuf_printf(b, "%" PRId64 ".%02ds", n / 100, (int)(n % 100));
	else if ((n = in_units(ns, NS_PER_S / 10)) < 60 * 10)
		sbuf_printf(b, "%" PRId64 ".%ds", n / 10, (int)(n % 10));
	else if ((n = in_units(ns, NS_PER_S)) < 60 * 60)
		sbuf_printf(b, "%" PRId64 "m%02ds", n / 60, (int)(n % 60));
	else
		sbuf_printf(b, "%" PRId64 "h%02dm", in_units(ns, 60 * NS_PER_S) / 60, (int)(in_units(ns, 60 * NS_PER_S) % 60));
}

static char *put_digits(char *p, int n, int digits)
{
	for (int i = digits; i-- > 0; n /= 10)
		p[i] = (char)('0' + n % 10);
	return p + digits;
}

/* By hand: each line of events has one, and strftime takes longer than all the rest of it. */
static void add_iso(struct sbuf *b, int64_t wall_ns, bool with_ms)
{
	int64_t s = wall_ns / NS_PER_S - (wall_ns % NS_PER_S < 0);
	time_t t = s;
	struct tm tm;
	char text[32], *p = text;

	/* 64 bits of nanoseconds span only the years 1677 to 2262. */
	gmtime_r(&t, &tm);
	const struct {
		int n, digits;
		char end;
	} parts[] = {{tm.tm_year + 1900, 4, '-'}, {tm.tm_mon + 1, 2, '-'}, {tm.tm_mday, 2, 'T'}, {tm.tm_hour, 2, ':'}, {tm.tm_min, 2, ':'}, {tm.tm_sec, 2, '.'}};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		p = put_digits(p, parts[i].n, parts[i].digits);
		*p++ = parts[i].end;
	}
	p = with_ms ? put_digits(p, (int)((wall_ns - s * NS_PER_S) / NS_PER_MS), 3) : p - 1;
	*p++ = 'Z';
	sbuf_add(b, text, (size_t)(p - text));
}

void clock_iso(struct sbuf *b, int64_t wall_ns)
{
	add_iso(b, wall_ns, false);
}

void clock_iso_ms(struct sbuf *b, int64_t wall_ns)
{
	add_iso(b, wall_ns, true);
}

void clock_when(struct sbuf *b, int64_t wall_ns)
{
	time_t t = wall_ns / NS_PER_S;
	struct tm tm;
	char text[40];
	localtime_r(&t, &tm);
	sbuf_str(b, (struct str){text, strftime(text, sizeof text, t - time(NULL) < 20 * 3600 ? "%H:%M" : "%Y-%m-%d %H:%M", &tm)});
}
