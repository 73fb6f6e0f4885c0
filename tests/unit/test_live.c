#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "run/live.h"

#define LINES(p) {.kind = WHERE_JSONL, .pointer = {p, sizeof p - 1}}

static const struct provider claude_like = {
    .result = LINES("/result"),
    .failed = {.where = LINES("/is_error")},
    .final = {LINES("/type"), true, {"result", 6}},
    .activity = {{LINES("/message/content/0/text"), LINES("/message/other")}, 2},
    .session = LINES("/session_id"),
    .input_tokens = LINES("/usage/in"),
    .output_tokens = {.kind = WHERE_JSONL_SUM, .pointer = {"/usage/out", 10}},
    .cost_usd = LINES("/usd"),
};

static bool add(struct live *l, const char *text)
{
	return live_add(l, text, strlen(text));
}

static void activity_session_and_counts_are_seen_as_they_come(void **state)
{
	struct live *l = live_new(&claude_like);
	(void)state;

	assert_false(add(l, "plain words\n"));
	assert_false(add(l, "{\"session_id\":\"--yes\"}\n{\"session_id\":\" -x\"}\n"));
	assert_true(add(l, "{\"session_id\":\"s1\",\"message\":{\"content\":[{\"text\":\"Reading\\n  it\"}]}}\n"));
	assert_true(str_eq(live_seen(l).activity, STR("Reading it")));
	assert_true(str_eq(live_seen(l).session, STR("s1")));
	assert_int_equal(live_seen(l).counts.input_tokens, -1);
	assert_false(add(l, "{\"session_id\":\"s1\",\"message\":{\"content\":[{\"text\":\"Reading it\"}]}}\n"));
	assert_true(add(l, "{\"message\":{\"other\":\"Waiting\"}}\n"));
	assert_true(str_eq(live_seen(l).activity, STR("Waiting")));
	assert_true(add(l, "{\"message\":{\"other\":\"Waiting\",\"content\":[{\"text\":\"Reading on\"}]}}\n"));
	assert_true(str_eq(live_seen(l).activity, STR("Reading on")));
	add(l, "{\"usage\":{\"in\":5,\"out\":2}}\n{\"usage\":{\"in\":7,\"out\":3},\"usd\":0.25}\n");
	assert_int_equal(live_seen(l).counts.input_tokens, 7);
	assert_int_equal(live_seen(l).counts.output_tokens, 5);
	assert_true(live_seen(l).counts.cost_usd == 0.25);
	assert_false(live_seen(l).final);
	live_free(l);
}

static void a_line_in_pieces_is_one_line(void **state)
{
	const char *line = "{\"type\":\"result\",\"session_id\":\"x\",\"result\":\"done\"}\n";
	struct live *l = live_new(&claude_like);
	(void)state;

	for (size_t i = 0; line[i]; i++) {
		assert_false(live_seen(l).final);
		live_add(l, line + i, 1);
	}
	assert_true(live_seen(l).final);
	assert_false(live_seen(l).final_is_error);
	live_free(l);
}

static void a_last_line_without_its_end_counts_at_the_end(void **state)
{
	struct live *l = live_new(&claude_like);
	(void)state;

	assert_false(add(l, "{\"type\":\"result\",\"result\":\"done\"}"));
	assert_false(live_seen(l).final);
	assert_true(live_end(l));
	assert_true(live_seen(l).final);
	live_free(l);
}

struct final_case {
	const char *pointer, *value, *line;
	bool is;
};

static void which_line_is_final(void **state)
{
	static const struct final_case cases[] = {
	    {"/type", "result", "{\"type\":\"result\"}", true},
	    {"/type", "result", "{\"type\":\"results\"}", false},
	    {"/type", "result", "{\"type\":\"text\",\"text\":\"result\"}", false},
	    {"/type", "result", "{\"a\":{\"type\":\"result\"}}", false},
	    {"/type", "turn.completed", "{\"type\":\"turn.completed\",\"usage\":{}}", true},
	    {"/a/0/b", "1", "{\"a\":[{\"b\":1}]}", true},
	    {"/ok", "true", "{\"ok\":true}", true},
	    {"/ok", "true", "{\"ok\":false}", false},
	    {"/ok", "", "{\"ok\":\"\"}", true},
	    {"/done", NULL, "{\"done\":false}", false},
	    {"/done", NULL, "{\"done\":null}", false},
	    {"/done", NULL, "{\"done\":true}", true},
	    {"/done", NULL, "{\"done\":0}", true},
	    {"/done", NULL, "{\"gone\":true}", false},
	    {"/done", NULL, "[\"done\"]", false},
	    {"/done", NULL, "\xef\xbb\xbf{\"done\":{}}\r", true},
	    {"/t", "a\"b", "{\"t\":\"a\\\"b\"}", true},
	};
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct final_case *c = &cases[i];
		struct provider p = {.final = {.where = {WHERE_JSONL, str_of(c->pointer)}, .has_value = c->value}};
		if (c->value)
			p.final.value = str_of(c->value);
		struct live *l = live_new(&p);
		add(l, c->line);
		add(l, "\n");
		if (live_seen(l).final != c->is)
			fail_msg("%s=%s on %s", c->pointer, c->value, c->line);
		live_free(l);
	}
}

static void an_error_in_the_final_line_counts_where_nothing_else_tells(void **state)
{
	struct provider p = {.result = LINES("/result"), .error = LINES("/error"), .final = {.where = LINES("/end")}};
	struct live *l = live_new(&p);
	(void)state;

	add(l, "{\"error\":\"passing trouble\"}\n{\"end\":1,\"result\":\"r\",\"error\":\"\"}\n");
	assert_true(live_seen(l).final && !live_seen(l).final_is_error);
	live_free(l);
	l = live_new(&p);
	add(l, "{\"end\":1,\"error\":{\"message\":\"x\"}}\n");
	assert_true(live_seen(l).final_is_error);
	live_free(l);
	p.error = p.result;
	l = live_new(&p);
	add(l, "{\"end\":1,\"result\":\"r\"}\n");
	assert_true(live_seen(l).final && !live_seen(l).final_is_error);
	live_free(l);
}

static void a_rule_that_looks_for_nothing_in_lines_has_no_stream(void **state)
{
	struct provider p = {.result = {.kind = WHERE_TEXT}, .input_tokens = {.kind = WHERE_JSON, .pointer = STR("/n")}};
	(void)state;

	assert_null(live_new(&p));
}

/* A line of 64 MB in many small pieces, which take no more time than a few. */
static void add_endless(struct live *l, const char *before, const char *bytes, const char *behind)
{
	enum { PIECE = 1000, N = 64000 };
	char piece[PIECE];

	for (size_t i = 0; i < sizeof piece; i++)
		piece[i] = bytes[i % strlen(bytes)];
	add(l, before);
	for (int i = 0; i < N; i++)
		live_add(l, piece, sizeof piece);
	add(l, behind);
}

/* It is not held, and what follows it is seen. */
static void an_endless_line_is_passed_over(void **state)
{
	struct live *l = live_new(&claude_like);
	int64_t began = clock_ns();
	(void)state;

	add_endless(l, "{\"type\":\"result\",\"list\":[", "1,", "1]}\n");
	assert_false(live_seen(l).final);
	add_endless(l, "plain words", "\"{[ ", "{\"type\":\"result\"}\n");
	assert_false(live_seen(l).final);
	add(l, "{\"type\":\"result\"}\n");
	assert_true(live_seen(l).final);
	assert_true(clock_ns() - began < 20 * NS_PER_S);
	live_free(l);
}

/* Its end is not what its length is of. */
static void a_line_with_an_endless_string_is_seen(void **state)
{
	struct live *l = live_new(&claude_like);
	int64_t began = clock_ns();
	(void)state;

	add_endless(l, "{\"message\":{\"content\":[{\"text\":\"At work", " \\n.. ", "\"}]},\"usage\":{\"in\":7}}\n");
	assert_true(str_starts(live_seen(l).activity, STR("At work .. ..")));
	assert_int_equal(live_seen(l).counts.input_tokens, 7);
	add_endless(l, "{\"result\":\"", "x\\\"", "\",\"type\":\"result\",\"session_id\":\"s9\"}");
	assert_false(live_seen(l).final);
	live_end(l);
	assert_true(live_seen(l).final);
	assert_true(str_eq(live_seen(l).session, STR("s9")));
	assert_true(clock_ns() - began < 20 * NS_PER_S);
	live_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(activity_session_and_counts_are_seen_as_they_come),
	    cmocka_unit_test(a_line_in_pieces_is_one_line),
	    cmocka_unit_test(a_last_line_without_its_end_counts_at_the_end),
	    cmocka_unit_test(which_line_is_final),
	    cmocka_unit_test(an_error_in_the_final_line_counts_where_nothing_else_tells),
	    cmocka_unit_test(a_rule_that_looks_for_nothing_in_lines_has_no_stream),
	    cmocka_unit_test(an_endless_line_is_passed_over),
	    cmocka_unit_test(a_line_with_an_endless_string_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
