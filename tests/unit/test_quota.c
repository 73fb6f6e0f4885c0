/* Times as programs say them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "run/quota.h"

/* 2026-11-25 12:00:00 UTC */
#define NOON INT64_C(1795608000)

static int64_t after(const char *said)
{
	return quota_until(str_of(said), NOON * NS_PER_S) / NS_PER_S - NOON;
}

static void in_utc(void)
{
	setenv("TZ", "UTC0", 1);
	tzset();
}

static void times_of_day_are_the_next_such(void **state)
{
	(void)state;
	in_utc();
	assert_int_equal(after("3pm"), 3 * 3600);
	assert_int_equal(after("at 3:30 PM"), 3 * 3600 + 1800);
	assert_int_equal(after("15:04"), 3 * 3600 + 240);
	assert_int_equal(after("15:04:05 (UTC)"), 3 * 3600 + 245);
	assert_int_equal(after("12am"), 12 * 3600);
	assert_int_equal(after("9am"), 21 * 3600);
	assert_int_equal(after("12:00"), 24 * 3600);
	assert_int_equal(after("12pm"), 24 * 3600);
	assert_int_equal(after("12:30pm."), 1800);
}

static void spans_and_numbers_count_from_now(void **state)
{
	(void)state;
	assert_int_equal(after("in 3 hours"), 3 * 3600);
	assert_int_equal(after("2 days and 4 hours"), 52 * 3600);
	assert_int_equal(after("1h30m"), 5400);
	assert_int_equal(after("2 hours 15 minutes"), 8100);
	assert_int_equal(after("1.5 hours"), 5400);
	assert_int_equal(after("3600"), 3600);
	assert_int_equal(after(" 90 s"), 90);
	assert_int_equal(after("1795608100"), 100);
	assert_int_equal(after("1795608100000"), 100);
}

static void iso_times_have_their_zone(void **state)
{
	(void)state;
	in_utc();
	assert_int_equal(after("2026-11-25T13:00:00Z"), 3600);
	assert_int_equal(after("2026-11-25T13:00:00.250Z"), 3600);
	assert_int_equal(after("2026-11-25T14:00+01:00"), 3600);
	assert_int_equal(after("2026-11-25T07:00:00-0600"), 3600);
	assert_int_equal(after("2026-11-25 13:00"), 3600);
	setenv("TZ", "AAA-2", 1);
	tzset();
	assert_int_equal(after("2026-11-25 15:00"), 3600);
	assert_int_equal(after("3pm"), 3600);
	in_utc();
}

static void what_cannot_be_read_is_an_hour_and_nothing_is_for_ever(void **state)
{
	const char *const odd[] = {"2026-13-45T99:99:99Z", "2026-11-26T02:00:00+99:99", "0x10h", "", "soon", "25:99", "13pm", "-5", "3 parsecs", "in", "99999999999999999999", "3"};

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd - 1; i++)
		assert_int_equal(after(odd[i]), 3600);
	assert_int_equal(after("3"), 3);
	assert_int_equal(after("2020-01-01T00:00:00Z"), 60);
	assert_int_equal(after("1795607000"), 60);
	assert_int_equal(after("0"), 60);
	assert_int_equal(after("400 days"), 31 * 86400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_of_day_are_the_next_such),
	    cmocka_unit_test(spans_and_numbers_count_from_now),
	    cmocka_unit_test(iso_times_have_their_zone),
	    cmocka_unit_test(what_cannot_be_read_is_an_hour_and_nothing_is_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
