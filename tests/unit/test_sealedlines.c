/* The two lines of a run that a seal answers. */
#include "show_fixture.h"

#include <unistd.h>

#include "base/clock.h"
#include "show/sealedlines.h"

#define AT "2026-11-24T06:48:46.123Z"

static const char *const no_environ[] = {NULL};
static const char *const secret_environ[] = {"A_KEY=0123456789", NULL};

static struct eventline_run run_of(const char *what, const char *const *environment)
{
	return (struct eventline_run){.version = "0.1.0", .what = str_of(what), .jobs = 4, .environ = environment, .sealed = {true, 2, 1}};
}

static void assert_filled(struct fixture *f, const struct eventline_run *run, const char *begin, const char *end)
{
	struct sealedlines l = sealedlines_make(&f->a, run);
	struct sbuf seen = {0}, want = {0};
	assert_true(sealedlines_fit(&l));
	sbuf_lit(&seen, "before\n");
	sealedlines_fill(&seen, &l, INT64_C(1795502926123) * NS_PER_MS, 0xfedc0123, STR("ID"));
	sbuf_printf(&want, begin, (int)getpid());
	sbuf_lit(&want, end);
	assert_string_equal(seen.p, want.p);
	sbuf_free(&seen);
	sbuf_free(&want);
}

#define END                                                                                                                                                        \
	"{\"v\":1,\"ev\":\"end\",\"at\":\"" AT "\",\"ms\":0,\"state\":\"done\",\"status\":0,\"duration_ms\":0,\"done\":0,\"restored\":0,\"failed\":0,\"ignored\":0,\"fresh\":2," \
	"\"skipped\":1,\"held\":0,\"not_run\":0,\"tokens\":{\"input\":null,\"output\":null},\"cost_usd\":null}\n"
#define BEGIN(what)                                                                                                                                            \
	"before\n{\"v\":1,\"ev\":\"begin\",\"at\":\"" AT "\",\"ms\":0,\"run\":\"fedc0123\",\"id\":\"ID\",\"what\":\"" what                                        \
	"\",\"version\":\"0.1.0\",\"pid\":%d,\"tasks\":3,\"sealed\":true,\"options\":{\"jobs\":4,\"agents\":null,\"keep_going\":false,\"targets\":["

static void each_run_fills_in_its_time_its_names_and_its_process(void **state)
{
	struct eventline_run run = run_of("w.yaml", no_environ);
	assert_filled(*state, &run, BEGIN("w.yaml") "]}}\n", END);
}

static void what_looks_like_a_key_in_a_text_is_text(void **state)
{
	static const struct str targets[] = {{"\",\"pid\":1,\"at\":\"", 16}};
	struct eventline_run run = run_of("\"pid\":7,\"at\":\"", no_environ);
	run.targets = targets;
	run.n_targets = 1;
	assert_filled(*state, &run, BEGIN("\\\"pid\\\":7,\\\"at\\\":\\\"") "\"\\\",\\\"pid\\\":1,\\\"at\\\":\\\"\"]}}\n", END);
}

static void secrets_are_masked_in_what_is_kept(void **state)
{
	struct eventline_run run = run_of("of-0123456789.yaml", secret_environ);
	assert_filled(*state, &run, BEGIN("of-***.yaml") "]}}\n", END);
}

static void gaps_that_are_out_of_order_or_outside_do_not_fit(void **state)
{
	struct fixture *f = *state;
	struct eventline_run run = run_of("w.yaml", no_environ);
	struct sealedlines l = sealedlines_make(&f->a, &run), none = {0};
	assert_true(sealedlines_fit(&none));
	l.gaps[4] = (uint32_t)l.text.n;
	assert_true(sealedlines_fit(&l));
	l.gaps[4]++;
	assert_false(sealedlines_fit(&l));
	l.gaps[4] = l.gaps[3] - 1;
	assert_false(sealedlines_fit(&l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(each_run_fills_in_its_time_its_names_and_its_process, show_setup, show_teardown),
	    cmocka_unit_test_setup_teardown(what_looks_like_a_key_in_a_text_is_text, show_setup, show_teardown),
	    cmocka_unit_test_setup_teardown(secrets_are_masked_in_what_is_kept, show_setup, show_teardown),
	    cmocka_unit_test_setup_teardown(gaps_that_are_out_of_order_or_outside_do_not_fit, show_setup, show_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
