#include "run/quota.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define HOUR_S 3600
#define DAY_S (24 * HOUR_S)
#define LONGEST_S (31 * DAY_S)
#define TEXT_MAX 80

/* All readers give seconds since 1970, or -1 when the text is not of their form. */
typedef int64_t reader(const char *s, int64_t now);

/* "2026-11-25T15:04:05Z", "2026-11-25 15:04+01:00", "2026-11-25 15:04" (here) */
static int64_t read_iso(const char *s, int64_t now)
{
	struct tm tm = {.tm_isdst = -1};
	int n = 0, more = 0, zone_h = 0, zone_m = 0;
	char sign[2] = "";

	(void)now;
	if (sscanf(s, "%4d-%2d-%2d%*1[t ]%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &n) != 5 || !n)
		return -1;
	s += n;
	if (sscanf(s, ":%2d%n", &tm.tm_sec, &more) == 1 && more)
		s += more;
	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789");
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 24 || tm.tm_min < 0 || tm.tm_min > 59)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (*s == 'z')
		return timegm(&tm);
	if (sscanf(s, "%1[+-]%2d:%2d", sign, &zone_h, &zone_m) < 2 && sscanf(s, "%1[+-]%2d%2d", sign, &zone_h, &zone_m) < 2)
		return mktime(&tm);
	if (zone_h < 0 || zone_h > 15 || zone_m < 0 || zone_m > 59)
		return -1;
	int64_t off = zone_h * HOUR_S + zone_m * 60;
	return timegm(&tm) - (*sign == '-' ? -off : off);
}

/* "3600": seconds from now; "1764082800" and "1764082800000": since 1970 */
static int64_t read_number(const char *s, int64_t now)
{
	int64_t n = 0;

	if (!*s || s[strspn(s, "0123456789")] || strlen(s) > 15)
		return -1;
	for (; *s; s++)
		n = n * 10 + (*s - '0');
	return n >= INT64_C(100000000000) ? n / 1000 : n >= 1000000000 ? n : now + n;
}

/* "3pm", "3:30 pm", "15:04", "15:04:05": the next such time */
static int64_t read_clock(const char *s, int64_t now)
{
	int hour, minute = 0, second = 0, n = 0, more = 0;
	time_t at = now;
	struct tm tm;

	if (sscanf(s, "%2d%n", &hour, &n) != 1 || !isdigit((unsigned char)*s))
		return -1;
	s += n;
	if (sscanf(s, ":%2d%n", &minute, &more) == 1 && more) {
		s += more;
		n = 0;
		if (sscanf(s, ":%2d%n", &second, &n) == 1 && n)
			s += n;
	}
	s += strspn(s, " ");
	bool pm = !strncmp(s, "pm", 2) || !strncmp(s, "p.m", 3), am = !strncmp(s, "am", 2) || !strncmp(s, "a.m", 3);
	if ((!more && !pm && !am) || hour < 0 || hour > (pm || am ? 12 : 23) || minute < 0 || minute > 59 || second < 0 || second > 60)
		return -1;
	localtime_r(&at, &tm);
	tm.tm_hour = pm || am ? hour % 12 + (pm ? 12 : 0) : hour;
	tm.tm_min = minute;
	tm.tm_sec = second;
	tm.tm_isdst = -1;
	int64_t then = mktime(&tm);
	if (then > now)
		return then;
	tm.tm_mday++;
	tm.tm_isdst = -1;
	return mktime(&tm);
}

/* "3 hours", "1h 30m", "2 days and 4 hours" */
static int64_t read_span(const char *s, int64_t now)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', HOUR_S}, {'d', DAY_S}, {'w', 7 * DAY_S}};
	int64_t sum = 0;
	bool any = false;
	double count;

	for (int n; n = 0, isdigit((unsigned char)*s) && s[1] != 'x' && sscanf(s, "%8lf%n", &count, &n) == 1 && n;) {
		int64_t unit = 0;

		s += n;
		s += strspn(s, " ");
		for (size_t i = 0; i < sizeof units / sizeof *units; i++)
			if (*s == units[i].letter)
				unit = units[i].seconds;
		if (!unit || !(count >= 0 && count <= LONGEST_S))
			return -1;
		sum += (int64_t)(count * (double)unit);
		any = true;
		s += strspn(s, "abcdefghijklmnopqrstuvwxyz");
		s += strspn(s, " ,");
		if (!strncmp(s, "and ", 4))
			s += 4;
	}
	return any ? now + sum : -1;
}

int64_t quota_until(struct str said, int64_t now_wall_ns)
{
	static reader *const readers[] = {read_iso, read_number, read_clock, read_span};
	int64_t now = now_wall_ns / NS_PER_S, then = -1;
	char text[TEXT_MAX + 1];
	struct str s = str_trim(said);
	const char *p = text;

	s = str_sub(s, 0, TEXT_MAX);
	for (size_t i = 0; i < s.n; i++)
		text[i] = (char)tolower((unsigned char)s.p[i]);
	text[s.n] = '\0';
	if (!strncmp(p, "at ", 3) || !strncmp(p, "in ", 3))
		p += 3;
	p += strspn(p, " ");
	for (size_t i = 0; then < 0 && i < sizeof readers / sizeof *readers; i++)
		then = readers[i](p, now);
	if (then < 0)
		then = now + HOUR_S;
	/* A time that has passed is one that was rounded; one far away is not believed. */
	if (then < now + 1)
		then = now + 60;
	if (then > now + LONGEST_S)
		then = now + LONGEST_S;
	return then * NS_PER_S;
}
