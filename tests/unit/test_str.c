#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/real.h"
#include "base/str.h"
#include "base/vec.h"

#define assert_str(s, text) assert_true(str_eq((s), str_of(text)))

static void an_empty_string_is_equal_however_it_is_written(void **state)
{
	(void)state;
	assert_true(str_eq(STR_NONE, STR("")));
	assert_true(str_eq(str_of(NULL), STR("")));
	assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
	assert_true(str_starts(STR_NONE, STR_NONE));
	assert_true(str_ends(STR("a"), STR_NONE));
	assert_false(str_starts(STR_NONE, STR("a")));
}

static void order_is_by_unsigned_bytes_and_a_prefix_comes_first(void **state)
{
	(void)state;
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("b"), STR("ab")) > 0);
	assert_true(str_cmp(STR("z"), STR("\xc3\xa4")) < 0);
	assert_true(str_cmp(STR("a\0b"), STR("a\0c")) < 0);
}

static void find_gives_the_length_when_absent(void **state)
{
	(void)state;
	assert_int_equal(str_find(STR("abcabc"), STR("ca"), 0), 2);
	assert_int_equal(str_find(STR("abcabc"), STR("abc"), 1), 3);
	assert_int_equal(str_find(STR("abcabc"), STR("x"), 0), 6);
	assert_int_equal(str_find(STR("abc"), STR("abcd"), 0), 3);
	assert_int_equal(str_find(STR("abc"), STR(""), 2), 2);
	assert_int_equal(str_find(STR("abc"), STR("a"), 9), 3);
	assert_int_equal(str_find(STR_NONE, STR("a"), 0), 0);
}

static void sub_is_clipped(void **state)
{
	(void)state;
	assert_str(str_sub(STR("abcdef"), 2, 4), "cd");
	assert_str(str_sub(STR("abcdef"), 4, 99), "ef");
	assert_str(str_sub(STR("abcdef"), 7, 9), "");
	assert_str(str_sub(STR("abcdef"), 3, 2), "");
	assert_str(str_sub(STR_NONE, 0, 5), "");
}

static void trimming_takes_only_what_it_says(void **state)
{
	(void)state;
	assert_str(str_trim(STR(" \t\r\na b\n ")), "a b");
	assert_str(str_trim(STR(" \n")), "");
	assert_str(str_trim_end_newlines(STR(" a \n\n")), " a ");
	assert_str(str_trim_end_newlines(STR("\n")), "");
}

static void case_is_ignored_for_ascii_letters_only(void **state)
{
	(void)state;
	assert_true(str_ieq(STR("TimeOut"), STR("timeout")));
	assert_false(str_ieq(STR("a@"), STR("a`")));
	assert_false(str_ieq(STR("\xc3\x84"), STR("\xc3\xa4")));
}

static void a_buffer_grows_and_stays_terminated(void **state)
{
	struct sbuf b = {0};

	(void)state;
	sbuf_add(&b, "", 0);
	assert_string_equal(b.p, "");
	for (int i = 0; i < 1000; i++)
		sbuf_printf(&b, "%d,", i);
	assert_int_equal(b.n, 3890);
	assert_int_equal(strlen(b.p), 3890);
	assert_true(str_ends(sbuf_view(&b), STR(",998,999,")));
	sbuf_clear(&b);
	assert_string_equal(b.p, "");
	sbuf_printf(&b, "%0500d", 7);
	assert_int_equal(b.n, 500);
	assert_int_equal(b.p[499], '7');
	sbuf_free(&b);
	assert_null(b.p);
}

/* Every length around the room left over must be whole: the first try fills it to the last byte. */
static void formatting_is_whole_at_every_length(void **state)
{
	struct arena a = {0};

	(void)state;
	for (int n = 0; n < 300; n++) {
		struct sbuf b = {0};
		struct str s = arena_printf(&a, "%*s|", n, "");

		sbuf_printf(&b, "%*s|", n, "");
		assert_int_equal(b.n, n + 1);
		assert_int_equal(b.p[n], '|');
		assert_int_equal(s.n, n + 1);
		assert_int_equal(s.p[n], '|');
		assert_int_equal(s.p[n + 1], '\0');
		sbuf_free(&b);
	}
	arena_free(&a);
}

/* The definition, without band or rows to reuse. */
static size_t slow_distance(struct str a, struct str b)
{
	size_t t[12][12];

	for (size_t i = 0; i <= a.n; i++)
		for (size_t j = 0; j <= b.n; j++) {
			size_t best = i ? j ? t[i - 1][j - 1] + (a.p[i - 1] != b.p[j - 1]) : i : j;

			if (i && t[i - 1][j] + 1 < best)
				best = t[i - 1][j] + 1;
			if (j && t[i][j - 1] + 1 < best)
				best = t[i][j - 1] + 1;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] && t[i - 2][j - 2] + 1 < best)
				best = t[i - 2][j - 2] + 1;
			t[i][j] = best;
		}
	return t[a.n][b.n];
}

static void distance_agrees_with_its_definition(void **state)
{
	unsigned seed = 12345;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[2][10];
		struct str s[2];
		size_t limit = (size_t)round % 12, want;

		for (int k = 0; k < 2; k++) {
			s[k] = (struct str){text[k], (seed = seed * 1103515245 + 12345) >> 16 & 7};
			for (size_t i = 0; i < s[k].n; i++)
				text[k][i] = (char)('a' + ((seed = seed * 1103515245 + 12345) >> 16) % 3);
		}
		want = slow_distance(s[0], s[1]);
		assert_int_equal(str_distance(s[0], s[1], limit), want <= limit ? want : limit + 1);
	}
}

static void distance_of_long_strings_is_right(void **state)
{
	char a[2000], b[2000];

	(void)state;
	memset(a, 'a', sizeof a);
	memset(b, 'a', sizeof b);
	b[3] = b[1999] = 'b';
	assert_int_equal(str_distance((struct str){a, 2000}, (struct str){b, 2000}, 5), 2);
	assert_int_equal(str_distance((struct str){a, 2000}, (struct str){b, 2000}, 1), 2);
	assert_int_equal(str_distance((struct str){a, 2000}, (struct str){b, 2000}, SIZE_MAX - 1), 2);
	assert_int_equal(str_distance((struct str){a, 2000}, STR("a"), 7), 8);
}

static struct str suggest(const char *wanted, const char *const *candidates)
{
	struct suggestion s = {.wanted = str_of(wanted)};

	while (*candidates)
		suggestion_offer(&s, str_of(*candidates++));
	return s.best;
}

static void the_nearest_name_is_suggested_if_it_is_near(void **state)
{
	static const char *const keys[] = {"timeout", "inputs", "outputs", "run", "", NULL};

	(void)state;
	assert_str(suggest("tiemout", keys), "timeout");
	assert_str(suggest("output", keys), "outputs");
	assert_str(suggest("inptus", keys), "inputs");
	assert_str(suggest("TIMEOUT", keys), "timeout");
	assert_str(suggest("rnu", keys), "run");
	assert_str(suggest("completely", keys), "");
	assert_str(suggest("", keys), "");
	assert_str(suggest("b", (const char *const[]){"a", NULL}), "");
	assert_str(suggest("b", (const char *const[]){"a", "b1", NULL}), "b1");
}

static void arena_memory_is_zeroed_aligned_and_does_not_overlap(void **state)
{
	struct arena a = {0};
	unsigned char *p[300];

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		arena_text(&a, 1)[0] = 'x';
		p[i] = arena_alloc(&a, i * 37);
		assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < i * 37; k++) {
			assert_int_equal(p[i][k], 0);
			p[i][k] = (unsigned char)i;
		}
	}
	for (size_t i = 0; i < 300; i++)
		for (size_t k = 0; k < i * 37; k++)
			assert_int_equal(p[i][k], (unsigned char)i);
	assert_true(a.total < 4u << 20);
	arena_free(&a);
	assert_null(a.blocks);
	assert_int_equal(a.total, 0);
}

static void a_big_request_leaves_the_free_room_in_use(void **state)
{
	struct arena a = {0};
	char *before, *after;

	(void)state;
	before = arena_text(&a, 1);
	memset(arena_alloc(&a, 5 << 20), 1, 5 << 20);
	after = arena_text(&a, 1);
	assert_in_range((uintptr_t)after, (uintptr_t)before + 1, (uintptr_t)before + 128); /* AddressSanitizer has room between pieces */
	assert_true(a.total < (5 << 20) + (9 << 10));
	arena_free(&a);
}

static void a_vector_keeps_its_elements_in_an_arena_and_on_the_heap(void **state)
{
	struct arena a = {0};
	VEC(int) in_arena = {0}, on_heap = {0};

	(void)state;
	for (int i = 0; i < 10000; i++) {
		vec_push(&a, &in_arena, i);
		vec_push(NULL, &on_heap, -i);
	}
	assert_int_equal(in_arena.n, 10000);
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(in_arena.p[i], i);
		assert_int_equal(on_heap.p[i], -i);
	}
	vec_free(&on_heap);
	assert_null(on_heap.p);
	arena_free(&a);
}

static void durations_are_rounded_into_the_form_that_fits(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
	    {-1, "0.00s"},
	    {0, "0.00s"},
	    {40 * NS_PER_MS, "0.04s"},
	    {9994 * NS_PER_MS, "9.99s"},
	    {9996 * NS_PER_MS, "10.0s"},
	    {12345 * NS_PER_MS, "12.3s"},
	    {59960 * NS_PER_MS, "1m00s"},
	    {245 * NS_PER_S, "4m05s"},
	    {3599 * NS_PER_S + 600 * NS_PER_MS, "1h00m"},
	    {7800 * NS_PER_S, "2h10m"},
	    {INT64_MAX, "2562047h47m"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sbuf b = {0};

		clock_duration(&b, cases[i].ns);
		assert_string_equal(b.p, cases[i].text);
		sbuf_free(&b);
	}
}

static void wall_time_is_iso_utc(void **state)
{
	struct sbuf b = {0};

	(void)state;
	clock_iso(&b, INT64_C(1795502926) * NS_PER_S + 999999999);
	assert_string_equal(b.p, "2026-11-24T06:48:46Z");
	sbuf_clear(&b);
	clock_iso(&b, -1);
	assert_string_equal(b.p, "1969-12-31T23:59:59Z");
	sbuf_free(&b);
}

static void a_date_is_the_c_librarys(void **state)
{
	(void)state;
	/* All that 64 bits of nanoseconds span, in steps of some 40 days and some seconds: leap years, ends of centuries, times before 1970. */
	for (int64_t s = -INT64_C(9223372000); s <= INT64_C(9223372000); s += 3456789) {
		time_t t = s;
		struct tm tm;
		struct clock_date d = clock_date(s * NS_PER_S + 7 * NS_PER_MS);
		assert_non_null(gmtime_r(&t, &tm));
		assert_true(d.year == tm.tm_year + 1900 && d.month == tm.tm_mon + 1 && d.day == tm.tm_mday);
		assert_true(d.hour == tm.tm_hour && d.minute == tm.tm_min && d.second == tm.tm_sec && d.ms == 7);
	}
}

static void reals_are_compared_and_rounded_as_by_the_c_library(void **state)
{
	static const double all[] = {0, -0.5, 0.5, 0.49999999999999994, -0.49999999999999994, 1.5, 2.5, -2.5, 4503599627370497.0, 9007199254740993.0, 9.1e18, -9.1e18, 1e-300};
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		assert_int_equal(real_whole(all[i]), llround(all[i]));
		for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
			assert_true(real_max(all[i], all[k]) == fmax(all[i], all[k]));
			assert_true(real_min(all[i], all[k]) == fmin(all[i], all[k]));
		}
		assert_true(real_max(NAN, all[i]) == all[i] && real_max(all[i], NAN) == all[i]);
		assert_true(real_min(NAN, all[i]) == all[i] && real_min(all[i], NAN) == all[i]);
	}
	assert_true(isnan(real_max(NAN, NAN)) && isnan(real_min(NAN, NAN)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_string_is_equal_however_it_is_written),
	    cmocka_unit_test(order_is_by_unsigned_bytes_and_a_prefix_comes_first),
	    cmocka_unit_test(find_gives_the_length_when_absent),
	    cmocka_unit_test(sub_is_clipped),
	    cmocka_unit_test(trimming_takes_only_what_it_says),
	    cmocka_unit_test(case_is_ignored_for_ascii_letters_only),
	    cmocka_unit_test(a_buffer_grows_and_stays_terminated),
	    cmocka_unit_test(formatting_is_whole_at_every_length),
	    cmocka_unit_test(distance_agrees_with_its_definition),
	    cmocka_unit_test(distance_of_long_strings_is_right),
	    cmocka_unit_test(the_nearest_name_is_suggested_if_it_is_near),
	    cmocka_unit_test(arena_memory_is_zeroed_aligned_and_does_not_overlap),
	    cmocka_unit_test(a_big_request_leaves_the_free_room_in_use),
	    cmocka_unit_test(a_vector_keeps_its_elements_in_an_arena_and_on_the_heap),
	    cmocka_unit_test(durations_are_rounded_into_the_form_that_fits),
	    cmocka_unit_test(wall_time_is_iso_utc),
	    cmocka_unit_test(a_date_is_the_c_librarys),
	    cmocka_unit_test(reals_are_compared_and_rounded_as_by_the_c_library),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
