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

int64_t clock_boot_wall_ns(void)
{
	return now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME);
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

struct clock_date clock_date(int64_t wall_ns)
{
	/* Years begin on 1 March here, so that a leap day is the last of its year; 400 of them have 146097 days. Days are counted from 1 March of year 0. */
	int64_t s = wall_ns / NS_PER_S - (wall_ns % NS_PER_S < 0), day = s / 86400 - (s % 86400 < 0), of_day = s - day * 86400;
	int64_t n = day + 719468, cycle = n / 146097, in_cycle = n % 146097;
	int64_t year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
	int64_t in_year = in_cycle - (365 * year + year / 4 - year / 100), month = (5 * in_year + 2) / 153;
	return (struct clock_date){
		.year = (int)(cycle * 400 + year + (month >= 10)),
		.month = (int)(month < 10 ? month + 3 : month - 9),
		.day = (int)(in_year - (153 * month + 2) / 5 + 1),
		.hour = (int)(of_day / 3600),
		.minute = (int)(of_day / 60 % 60),
		.second = (int)(of_day % 60),
		.ms = (int)((wall_ns - s * NS_PER_S) / NS_PER_MS),
	};
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
	struct clock_date d = clock_date(wall_ns);
	char text[32], *p = text;

	const struct {
		int n, digits;
		char end;
	} parts[] = {{d.year, 4, '-'}, {d.month, 2, '-'}, {d.day, 2, 'T'}, {d.hour, 2, ':'}, {d.minute, 2, ':'}, {d.second, 2, '.'}};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		p = put_digits(p, parts[i].n, parts[i].digits);
		*p++ = parts[i].end;
	}
	p = with_ms ? put_digits(p, d.ms, 3) : p - 1;
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
