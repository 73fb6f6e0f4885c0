#include "load_fixture.h"

#include "base/clock.h"
#include "load/value.h"

static void durations_have_units_and_exact_fractions(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
	    {"30", 30 * NS_PER_S},
	    {"1.5", 1500 * NS_PER_MS},
	    {"500ms", 500 * NS_PER_MS},
	    {"30s", 30 * NS_PER_S},
	    {"10m", 600 * NS_PER_S},
	    {"1h", 3600 * NS_PER_S},
	    {"0", 0},
	    {"0.0s", 0},
	    {"1ms", NS_PER_MS},
	    {"0.001", NS_PER_MS},
	    {"1.5h", 5400 * NS_PER_S},
	    {"010", 10 * NS_PER_S},
	    {"0.1", 100 * NS_PER_MS},
	    {"1.0000000019", NS_PER_S + 1},
	    {"87672h", INT64_C(87672) * 3600 * NS_PER_S},
	};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(value_duration(str_of(cases[i].text), &ns));
		assert_int_equal(ns, cases[i].ns);
	}
}

static void durations_refuse_rubbish_and_what_is_out_of_range(void **state)
{
	static const char *const bad[] = {"",
	                                  "s",
	                                  "-1",
	                                  "+1",
	                                  " 1",
	                                  "1 ",
	                                  "1 s",
	                                  "1.",
	                                  ".5",
	                                  "1.s",
	                                  "1d",
	                                  "1S",
	                                  "1e3",
	                                  "0x10",
	                                  "1..2",
	                                  "0.0009",
	                                  "0.9ms",
	                                  "0.0000000000001",
	                                  "87673h",
	                                  "99999999999999999999",
	                                  "18446744073709551616ms",
	                                  "nan",
	                                  "inf",
	                                  "1sm"};
	int64_t ns = 77;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (value_duration(str_of(bad[i]), &ns))
			fail_msg("'%s' was taken for %jd ns", bad[i], (intmax_t)ns);
	}
	assert_int_equal(ns, 77);
}

static void integers_are_decimal_and_bounded(void **state)
{
	int64_t n;

	(void)state;
	assert_true(value_int(STR("010"), 0, 100, &n) && n == 10);
	assert_true(value_int(STR("-5"), -5, 5, &n) && n == -5);
	assert_true(value_int(STR("9223372036854775807"), INT64_MIN, INT64_MAX, &n) && n == INT64_MAX);
	assert_true(value_int(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &n) && n == INT64_MIN);
	assert_false(value_int(STR("9223372036854775808"), INT64_MIN, INT64_MAX, &n));
	assert_false(value_int(STR("-9223372036854775809"), INT64_MIN, INT64_MAX, &n));
	assert_false(value_int(STR("6"), -5, 5, &n));
	assert_false(value_int(STR("-6"), -5, 5, &n));
	assert_false(value_int(STR(""), 0, 5, &n) || value_int(STR("-"), -5, 5, &n) || value_int(STR("+1"), 0, 5, &n));
	assert_false(value_int(STR("1x"), 0, 5, &n) || value_int(STR("1.0"), 0, 5, &n) || value_int(STR(" 1"), 0, 5, &n));
}

static void doubles_are_plain_and_finite(void **state)
{
	double v;

	(void)state;
	assert_true(value_double(STR("1.25"), &v) && v == 1.25);
	assert_true(value_double(STR("-3e-2"), &v) && v == -0.03);
	assert_false(value_double(STR("inf"), &v) || value_double(STR("nan"), &v) || value_double(STR("0x1"), &v));
	assert_false(value_double(STR("1e999"), &v) || value_double(STR(""), &v) || value_double(STR("1."), &v) ||
	             value_double(STR("1e"), &v));
}

static void booleans_take_yaml_1_1_words(void **state)
{
	static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
	static const char *const no[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};
	static const char *const bad[] = {"tRue", "TRUe", "y", "n", "1", "0", "", "truee", "oN"};
	bool v;

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		assert_true(value_bool(str_of(yes[i]), &v) && v);
		assert_true(value_bool(str_of(no[i]), &v) && !v);
		assert_false(value_bool(str_of(bad[i]), &v));
	}
}

static void sizes_are_decimal_or_binary(void **state)
{
	uint64_t n;

	(void)state;
	assert_true(value_size(STR("2000"), true, &n) && n == 2000);
	assert_true(value_size(STR("2k"), false, &n) && n == 2000);
	assert_true(value_size(STR("2k"), true, &n) && n == 2048);
	assert_true(value_size(STR("2Ki"), false, &n) && n == 2048);
	assert_true(value_size(STR("1.5G"), true, &n) && n == UINT64_C(3) << 29);
	assert_true(value_size(STR("2M"), false, &n) && n == 2000000);
	double usd;
	assert_true(value_usd(STR("0.50"), &usd) && usd > 0.49 && usd < 0.51);
	assert_true(value_usd(STR("5"), &usd) && usd > 4.9);
	static const char *const no_amount[] = {"0", "-1", "$5", "5 USD", "nan", "inf", "1e10", ""};
	for (size_t i = 0; i < sizeof no_amount / sizeof *no_amount; i++)
		assert_false(value_usd(str_of(no_amount[i]), &usd));
	assert_false(value_size(STR("1.5"), false, &n) || value_size(STR("2X"), false, &n) || value_size(STR("2kb"), false, &n));
	assert_false(value_size(STR("18446744073709551615k"), false, &n) || value_size(STR("-1"), false, &n) ||
	             value_size(STR("k"), false, &n));
}

static void words_are_split_as_a_shell_does(void **state)
{
	static const struct {
		const char *text;
		const char *words[6];
	} cases[] = {
	    {"", {NULL}},
	    {" \t ", {NULL}},
	    {"a b  c", {"a", "b", "c", NULL}},
	    {"a'b c'd \"e f\"", {"ab cd", "e f", NULL}},
	    {"'' \"\"", {"", "", NULL}},
	    {"a\\ b \\'", {"a b", "'", NULL}},
	    {"\"a\\\"b\\n\\\\\"", {"a\"b\\n\\", NULL}},
	    {"'a\\b' $x ${x y}", {"a\\b", "$x", "${x", "y}", NULL}},
	    {"a\\\nb \\\n c", {"ab", "c", NULL}},
	};
	struct fixture *f = *state;
	size_t n;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str *words = value_words(&f->a, str_of(cases[i].text), &n);
		size_t k = 0;

		assert_non_null(words);
		for (; cases[i].words[k]; k++) {
			assert_text(words[k], cases[i].words[k]);
			assert_int_equal(words[k].p[words[k].n], '\0');
		}
		assert_int_equal(n, k);
		assert_null(words[n].p);
	}
	assert_null(value_words(&f->a, STR("a 'b"), &n));
	assert_null(value_words(&f->a, STR("\"a\\\""), &n));
	assert_null(value_words(&f->a, STR("a\\"), &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(durations_have_units_and_exact_fractions),
	    CASE(durations_refuse_rubbish_and_what_is_out_of_range),
	    CASE(integers_are_decimal_and_bounded),
	    CASE(doubles_are_plain_and_finite),
	    CASE(booleans_take_yaml_1_1_words),
	    CASE(sizes_are_decimal_or_binary),
	    CASE(words_are_split_as_a_shell_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
