#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/utf8.h"
#include "run/answer.h"
#include "run/answer_line.h"

/* A folder with out, err and result, and a rule to read them by. */
struct fixture {
	struct arena a;
	char dir[64];
	int at;
	struct provider p;
	struct answer_input in;
	struct answer got;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/tmp/test_answer.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->at = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->in = (struct answer_input){
	    .provider = &f->p, .at = f->at, .out = "out", .err = "err", .result_file = "result", .exited = true};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	answer_close(&f->got);
	close(f->at);
	os_remove_tree(AT_FDCWD, f->dir);
	arena_free(&f->a);
	free(f);
	return 0;
}

static void put_bytes(struct fixture *f, const char *name, const void *p, size_t n)
{
	int fd = openat(f->at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(os_write_all(fd, p, n), 0);
	close(fd);
}

static void put(struct fixture *f, const char *name, const char *text)
{
	put_bytes(f, name, text, strlen(text));
}

static struct where at(enum where_kind kind, const char *pointer)
{
	return (struct where){kind, str_of(pointer)};
}

static void read_it(struct fixture *f, int status)
{
	f->in.status = status;
	answer_close(&f->got);
	f->got = answer_read(&f->a, &f->in);
}

#define assert_str(s, expected)                                                                                                  \
	do {                                                                                                                     \
		struct str got_ = (s);                                                                                           \
		assert_string_equal(arena_copy(&f->a, got_).p, (expected));                                                      \
		assert_int_equal(got_.n, strlen(expected));                                                                      \
	} while (0)

static void expect_text(struct fixture *f, const char *text)
{
	if (f->got.class != TRY_OK)
		fail_msg("class %d: %.*s", (int)f->got.class, STR_ARG(f->got.error));
	assert_true(f->got.has_text);
	assert_str(f->got.text, text);
	assert_int_equal(f->got.error.n, 0);
}

static void expect_error(struct fixture *f, enum try_class class, const char *error)
{
	assert_str(f->got.error, error);
	assert_int_equal(f->got.class, class);
	assert_false(f->got.has_text);
	assert_int_equal(f->got.text.n, 0);
}

static void like_claude(struct fixture *f)
{
	f->p.result = f->p.error = at(WHERE_JSON, "/result");
	f->p.failed.where = at(WHERE_JSON, "/is_error");
	f->p.input_tokens = at(WHERE_JSON, "/usage/input_tokens");
	f->p.output_tokens = at(WHERE_JSON, "/usage/output_tokens");
	f->p.cache_read_tokens = at(WHERE_JSON, "/usage/cache_read_input_tokens");
	f->p.cache_write_tokens = at(WHERE_JSON, "/usage/cache_creation_input_tokens");
	f->p.cost_usd = at(WHERE_JSON, "/total_cost_usd");
	f->p.retry_on = STR("\\(429\\)|529|Overloaded");
	f->p.fatal_on = STR("invalid api key|Not logged in");
}

static void like_qwen(struct fixture *f)
{
	f->p.result = at(WHERE_JSONL, "/result");
	f->p.error = at(WHERE_JSONL, "/error/message");
	f->p.failed.where = at(WHERE_JSONL, "/is_error");
	f->p.input_tokens = at(WHERE_JSONL, "/usage/input_tokens");
	f->p.output_tokens = at(WHERE_JSONL, "/usage/output_tokens");
	f->p.cache_read_tokens = at(WHERE_JSONL, "/usage/cache_read_input_tokens");
	f->p.retry_on = STR("API Error: (429|5[0-9][0-9])");
	f->p.fatal_on = STR("API Error: 40[134]");
}

static void one_object_gives_text_tokens_and_cost(void **state)
{
	struct fixture *f = *state;

	like_claude(f);
	put(f, "out",
	    "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"api_error_status\":null,\"num_turns\":2,"
	    "\"result\":\"Rate limits: 429 (Overloaded).\\nDone "
	    "\\u2713\",\"total_cost_usd\":0.0125,\"usage\":{\"input_tokens\":31,"
	    "\"cache_creation_input_tokens\":7,\"cache_read_input_tokens\":900,\"output_tokens\":12}}\n");
	read_it(f, 0);
	expect_text(f, "Rate limits: 429 (Overloaded).\nDone \xe2\x9c\x93");
	assert_false(f->got.text_is_stdout);
	assert_int_equal(f->got.input_tokens, 31);
	assert_int_equal(f->got.output_tokens, 12);
	assert_int_equal(f->got.cache_read_tokens, 900);
	assert_int_equal(f->got.cache_write_tokens, 7);
	assert_true(f->got.cost_usd == 0.0125);
}

static void an_error_in_the_answers_place_is_never_an_answer(void **state)
{
	struct fixture *f = *state;

	like_claude(f);
	put(f, "out",
	    "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"result\":\"Invalid API key \xc2\xb7 Fix external "
	    "API key\","
	    "\"usage\":{\"input_tokens\":0,\"output_tokens\":0},\"total_cost_usd\":0}");
	read_it(f, 1);
	expect_error(f, TRY_AUTH, "Invalid API key \xc2\xb7 Fix external API key");
	assert_int_equal(f->got.input_tokens, 0);
	assert_true(f->got.cost_usd == 0);
	put(f, "out",
	    "{\"is_error\":true,\"result\":\"API Error: Request rejected (429) - slow down\",\"usage\":{\"input_tokens\":5}}");
	read_it(f, 0);
	expect_error(f, TRY_TRANSIENT, "API Error: Request rejected (429) - slow down");
	assert_int_equal(f->got.input_tokens, 5);
	assert_int_equal(f->got.output_tokens, -1);
	assert_true(isnan(f->got.cost_usd));
	/* Status alone is enough. */
	put(f, "out", "{\"is_error\":false,\"result\":\"half an answer\"}");
	read_it(f, 3);
	expect_error(f, TRY_FAILED, "half an answer");
}

static void an_interrupted_run_that_ends_well_has_failed(void **state)
{
	struct fixture *f = *state;

	like_claude(f);
	put(f, "out",
	    "{\"type\":\"result\",\"subtype\":\"error_during_execution\",\"is_error\":true,\"usage\":{\"input_tokens\":9}}");
	read_it(f, 0);
	expect_error(f, TRY_FAILED, "the program says that it failed (json:/is_error), and not why");
	assert_int_equal(f->got.input_tokens, 9);
	put(f, "err", "warming up\ninterrupted by the user\n\n");
	read_it(f, 0);
	expect_error(f, TRY_FAILED, "interrupted by the user");
}

static void failed_may_be_true_a_number_or_a_word(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *value;
		bool failed;
	} cases[] = {{"true", true},   {"1", true},   {"0.5", true},          {"\"true\"", true},   {"-1", true},
	             {"false", false}, {"0", false},  {"0.0", false},         {"\"false\"", false}, {"null", false},
	             {"\"\"", false},  {"{}", false}, {"\"yes, but\"", false}, {"{\"a\":0}", true}, {"[]", false}, {"[\"x\"]", true}};

	f->p.result = at(WHERE_JSON, "/r");
	f->p.failed.where = at(WHERE_JSON, "/bad");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		put(f, "out", arena_printf(&f->a, "{\"r\":\"x\",\"bad\":%s}", cases[i].value).p);
		read_it(f, 0);
		assert_int_equal(f->got.class, cases[i].failed ? TRY_FAILED : TRY_OK);
	}
}

static void the_answer_may_be_in_a_file_and_usage_in_lines(void **state)
{
	struct fixture *f = *state;

	f->p.result = at(WHERE_FILE, NULL);
	f->p.error = at(WHERE_JSONL, "/error/message");
	f->p.input_tokens = at(WHERE_JSONL, "/usage/input_tokens");
	f->p.output_tokens = at(WHERE_JSONL, "/usage/output_tokens");
	f->p.cache_read_tokens = at(WHERE_JSONL, "/usage/cached_input_tokens");
	f->p.cached_in_input = true;
	f->p.retry_on = STR("status:? (429|5[0-9][0-9])|high demand");
	f->p.fatal_on = STR("status 40[13]");
	put(f, "out",
	    "{\"type\":\"thread.started\",\"thread_id\":\"t\"}\n{\"type\":\"turn.started\"}\n"
	    "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_0\",\"type\":\"error\",\"message\":\"a warning\"}}\n"
	    "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_1\",\"type\":\"agent_message\",\"text\":\"not from here\"}}\n"
	    "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":10,\"cached_input_tokens\":4,\"output_tokens\":12}}\n");
	put_bytes(f, "result", "the \0 answer\xff\n", 14);
	read_it(f, 0);
	assert_int_equal(f->got.class, TRY_OK);
	assert_int_equal(f->got.text.n, 14);
	assert_memory_equal(f->got.text.p, "the \0 answer\xff\n", 14);
	assert_int_equal(f->got.input_tokens, 6);
	assert_int_equal(f->got.cache_read_tokens, 4);
	/* The file is there after a failure too. */
	put(f, "out",
	    "{\"type\":\"error\",\"message\":\"x\"}\n{\"type\":\"turn.failed\",\"error\":{\"message\":\"unexpected status 401 "
	    "Unauthorized: no\"}}\n");
	read_it(f, 1);
	expect_error(f, TRY_AUTH, "unexpected status 401 Unauthorized: no");
	/* With status 0 it counts where the final line has not come. */
	read_it(f, 0);
	assert_int_equal(f->got.class, TRY_OK);
	f->in.unfinished = true;
	read_it(f, 0);
	expect_error(f, TRY_AUTH, "unexpected status 401 Unauthorized: no");
	put(f, "out", "{\"type\":\"error\",\"message\":\"x\"}\n{\"error\":{\"message\":\"\"}}\n");
	read_it(f, 0);
	assert_int_equal(f->got.class, TRY_OK);
}

static void failed_and_error_may_have_several_members(void **state)
{
	struct fixture *f = *state;

	f->p.result = at(WHERE_JSONL, "/result");
	f->p.failed.where = at(WHERE_JSONL, "/{is_error,errors}");
	f->p.error = at(WHERE_JSONL, "/{errors,result}");
	put(f, "out", "{\"is_error\":true,\"errors\":[],\"result\":\"the reason\"}\n{\"text\":\"more\"}\n");
	read_it(f, 0);
	expect_error(f, TRY_FAILED, "the reason");
	put(f, "out", "{\"is_error\":false,\"errors\":[\"too many turns\", \"b\"],\"result\":\"half\"}\n");
	read_it(f, 0);
	expect_error(f, TRY_FAILED, "too many turns");
	/* The last line that has any of them. */
	put(f, "out", "{\"errors\":[\"a plugin is missing\"]}\n{\"is_error\":false,\"errors\":[],\"result\":\"whole\"}\n");
	read_it(f, 0);
	expect_text(f, "whole");
	put(f, "out", "{\"errors\":[\"a plugin is missing\"]}\n{\"is_error\":false,\"result\":\"whole\"}\n");
	read_it(f, 0);
	expect_text(f, "whole");
}

static void a_result_file_that_is_empty_missing_or_no_file_is_no_answer(void **state)
{
	struct fixture *f = *state;

	f->p.result = at(WHERE_FILE, NULL);
	read_it(f, 0);
	expect_error(f, TRY_ANSWER, "no answer: the program left its result file unwritten (result = file)");
	put(f, "result", " \n\n");
	read_it(f, 0);
	expect_error(f, TRY_ANSWER, "no answer: the program left its result file empty (result = file)");
	assert_int_equal(unlinkat(f->at, "result", 0), 0);
	assert_int_equal(mkfifoat(f->at, "result", 0600), 0);
	read_it(f, 0);
	expect_error(f, TRY_ANSWER, "no answer: the program left its result file unreadable: Invalid argument (result = file)");
	f->in.result_file = NULL;
	read_it(f, 0);
	assert_int_equal(f->got.class, TRY_ANSWER);
}

static void an_indented_object_has_numbers_under_a_star(void **state)
{
	struct fixture *f = *state;

	f->p.result = at(WHERE_JSON, "/response");
	f->p.error = at(WHERE_STDERR_JSON, "/error/message");
	f->p.input_tokens = at(WHERE_JSON, "/stats/models/*/tokens/prompt");
	f->p.output_tokens = at(WHERE_JSON, "/stats/models/*/tokens/candidates");
	f->p.cache_read_tokens = at(WHERE_JSON, "/stats/models/*/tokens/cached");
	f->p.fatal_on = STR("API key not valid");
	put(f, "out",
	    "Loaded {3} settings.\n{\n  \"session_id\": \"s\",\n  \"response\": \"It works.\",\n  \"stats\": {\n    \"models\": "
	    "{\n"
	    "      \"small\": {\"tokens\": {\"prompt\": 10, \"candidates\": 12, \"cached\": 5}},\n"
	    "      \"none\": {\"tokens\": {}},\n"
	    "      \"large\": {\"tokens\": {\"prompt\": 100, \"candidates\": 3.0, \"cached\": 0}}\n    }\n  }\n}\nbye {you}\n");
	read_it(f, 0);
	expect_text(f, "It works.");
	assert_int_equal(f->got.input_tokens, 110);
	assert_int_equal(f->got.output_tokens, 15);
	assert_int_equal(f->got.cache_read_tokens, 5);
}

static void an_error_may_be_json_behind_a_stack_trace(void **state)
{
	struct fixture *f = *state;

	f->p.result = at(WHERE_JSON, "/response");
	f->p.error = at(WHERE_STDERR_JSON, "/error/message");
	f->p.fatal_on = STR("API key not valid");
	put(f, "out", "");
	put(f, "err",
	    "ApiError: {\"broken\n    at Client.send (file:///x.js:1:2) {\n  status: 400\n}\nError when talking\n{\n  \"error\": "
	    "{\n"
	    "    \"type\": \"Error\",\n    \"message\": \"{\\\"error\\\":{\\\"code\\\":400,\\\"message\\\":\\\"API key not "
	    "valid. Please pass one.\\\"}}\",\n"
	    "    \"code\": 144\n  }\n}\n");
	read_it(f, 144);
	expect_error(f, TRY_AUTH, "API key not valid. Please pass one.");
}

static void status_0_with_nothing_printed_is_no_answer(void **state)
{
	struct fixture *f = *state;

	f->p.result = at(WHERE_JSON, "/response");
	read_it(f, 0);
	expect_error(f, TRY_ANSWER, "standard output is empty; the answer was expected at json:/response");
	put(f, "out", "hello\n");
	read_it(f, 0);
	expect_error(f, TRY_ANSWER, "standard output holds no JSON; the answer was expected at json:/response");
	put(f, "out", "{\"response\":\"\",\"warnings\":[\"loop\"]}");
	read_it(f, 0);
	expect_error(f, TRY_ANSWER, "the answer at json:/response is empty");
	put(f, "out", "{\"response\":null}");
	read_it(f, 0);
	expect_error(f, TRY_ANSWER, "no answer at json:/response of standard output");
	f->p.error = at(WHERE_JSON, "/warnings/0");
	put(f, "out", "{\"response\":\"\",\"warnings\":[\"saw a\\nloop\"]}");
	read_it(f, 0);
	expect_error(f, TRY_ANSWER, "the answer at json:/response is empty; it says: saw a loop");
}

static void steps_are_added_up_and_the_last_text_counts(void **state)
{
	struct fixture *f = *state;

	f->p.result = at(WHERE_JSONL, "/part/text");
	f->p.error = at(WHERE_JSONL, "/error/data/message");
	f->p.input_tokens = at(WHERE_JSONL_SUM, "/part/tokens/input");
	f->p.output_tokens = at(WHERE_JSONL_SUM, "/part/tokens/output");
	f->p.cache_read_tokens = at(WHERE_JSONL_SUM, "/part/tokens/cache/*");
	f->p.cost_usd = at(WHERE_JSONL_SUM, "/part/cost");
	put(f, "out",
	    "{\"type\":\"step_start\",\"part\":{}}\n{\"type\":\"text\",\"part\":{\"text\":\"I will look.\"}}\n"
	    "{\"type\":\"step_finish\",\"part\":{\"tokens\":{\"input\":5,\"output\":12,\"cache\":{\"write\":1,\"read\":5}},"
	    "\"cost\":0.25}}\n"
	    "not json {\"part\":{\"text\":\"no\"}}\n{\"type\":\"text\",\"part\":{\"text\":\"broken\n\n"
	    "{\"type\":\"text\",\"part\":{\"text\":\"Done.\"}}\r\n{\"type\":\"text\",\"part\":{\"text\":null}}\n"
	    "{\"type\":\"step_finish\",\"part\":{\"tokens\":{\"input\":7,\"output\":1,\"cache\":{\"write\":0,\"read\":2}},"
	    "\"cost\":0.5}}");
	read_it(f, 0);
	expect_text(f, "Done.");
	assert_int_equal(f->got.input_tokens, 12);
	assert_int_equal(f->got.output_tokens, 13);
	assert_int_equal(f->got.cache_read_tokens, 8);
	assert_int_equal(f->got.cache_write_tokens, -1);
	assert_true(f->got.cost_usd == 0.75);
	put(f, "out",
	    "{\"type\":\"error\",\"error\":{\"name\":\"APIError\",\"data\":{\"message\":\"Incorrect API "
	    "key\",\"statusCode\":401}}}\n");
	read_it(f, 0);
	expect_error(f, TRY_ANSWER, "no answer at jsonl:/part/text of standard output; it says: Incorrect API key");
	f->p.fatal_on = STR("incorrect api key");
	read_it(f, 1);
	expect_error(f, TRY_AUTH, "Incorrect API key");
}

static void without_an_answer_status_0_is_a_failure_like_any_other(void **state)
{
	struct fixture *f = *state;

	like_qwen(f);
	f->p.quota_on = STR("limit reached");
	f->p.quota_reset = STR("resets (.*)");
	put(f, "out", "{\"error\":{\"message\":\"API Error: 429, retry after 3\"}}\n");
	read_it(f, 0);
	expect_error(f, TRY_TRANSIENT, "API Error: 429, retry after 3");
	assert_true(f->got.wait_ns == 3000000000);
	put(f, "out", "");
	put(f, "err", "API Error: 401\n");
	read_it(f, 0);
	expect_error(f, TRY_AUTH, "API Error: 401");
	put(f, "err", "limit reached, resets 3pm\n");
	read_it(f, 0);
	expect_error(f, TRY_QUOTA, "limit reached, resets 3pm");
	assert_str(f->got.quota_reset, "3pm");
	put(f, "out", "{\"result\":\"an answer\"}\n");
	read_it(f, 0);
	expect_text(f, "an answer");
}

static void the_last_line_that_has_it_counts(void **state)
{
	struct fixture *f = *state;

	like_qwen(f);
	f->p.cached_in_input = true;
	put(f, "out",
	    "{\"type\":\"system\"}\n{\"result\":\"first\",\"is_error\":true,\"usage\":{\"input_tokens\":1}}\n"
	    "{\"type\":\"result\",\"is_error\":false,\"result\":\"second\",\"usage\":{\"input_tokens\":3,\"output_tokens\":39,"
	    "\"cache_read_input_tokens\":40}}\n{\"type\":\"after\"}\n");
	read_it(f, 0);
	expect_text(f, "second");
	assert_int_equal(f->got.input_tokens, 0); /* never below */
	assert_int_equal(f->got.output_tokens, 39);
	put(f, "out", "{\"type\":\"result\",\"is_error\":true,\"error\":{\"message\":\"[API Error: 503 busy]\"}}\n");
	read_it(f, 0);
	expect_error(f, TRY_TRANSIENT, "[API Error: 503 busy]");
}

static void plain_text_is_the_file_itself_and_may_be_empty(void **state)
{
	struct fixture *f = *state;

	read_it(f, 0);
	assert_int_equal(f->got.class, TRY_OK);
	assert_true(f->got.text_is_stdout && f->got.has_text);
	f->p.result = at(WHERE_TEXT, NULL);
	put(f, "out", "\n");
	read_it(f, 0);
	assert_int_equal(f->got.class, TRY_OK);
	assert_true(f->got.text_is_stdout);
	assert_int_equal(f->got.input_tokens, -1);
	assert_true(isnan(f->got.cost_usd));
}

static void a_failure_is_told_by_what_there_is(void **state)
{
	struct fixture *f = *state;

	f->p.result = at(WHERE_TEXT, NULL);
	read_it(f, 7);
	expect_error(f, TRY_FAILED, "exit status 7");
	put(f, "out", "working\nno more disk\n---\n");
	read_it(f, 7);
	expect_error(f, TRY_FAILED, "no more disk");
	put(f, "err", "ERROR: no host\n  \x1b[0m\n}\n");
	read_it(f, 7);
	expect_error(f, TRY_FAILED, "ERROR: no host");
	/* JSON on standard output is no line for people. */
	f->p.result = at(WHERE_JSON, "/result");
	put(f, "out", "{\"x\":1}\n");
	put(f, "err", "");
	read_it(f, 143);
	expect_error(f, TRY_FAILED, "exit status 143");
	f->p.error = at(WHERE_TEXT, NULL);
	put(f, "out", "a\nthe last word\n");
	read_it(f, 1);
	expect_error(f, TRY_FAILED, "the last word");
}

static void patterns_never_see_the_answer(void **state)
{
	struct fixture *f = *state;

	f->p.retry_on = STR("overloaded");
	f->p.fatal_on = STR("unknown model$");
	f->p.quota_on = STR("limit reached");
	put(f, "out", "The server is overloaded; limit reached; unknown model\n");
	read_it(f, 1);
	assert_int_equal(f->got.class, TRY_FAILED);
	put(f, "err", "server OVERLOADED now\nbye\n");
	read_it(f, 1);
	expect_error(f, TRY_TRANSIENT, "bye");
	/* Fatal wins; lines are matched one by one, also behind a NUL. */
	put_bytes(f, "err", "overloaded\nx\0 Unknown Model\nbye\n", 31);
	read_it(f, 1);
	expect_error(f, TRY_AUTH, "bye");
	/* On success standard error is not looked at. */
	read_it(f, 0);
	assert_int_equal(f->got.class, TRY_OK);
	put(f, "err", "limit reached\noverloaded\nunknown model\n");
	read_it(f, 1);
	expect_error(f, TRY_QUOTA, "unknown model");
	read_it(f, 0);
	assert_int_equal(f->got.class, TRY_OK);
	put(f, "err", "overloaded\n");
	f->p.fatal_on = STR("(");
	read_it(f, 1);
	assert_int_equal(f->got.class, TRY_TRANSIENT);
}

static void a_signal_is_a_crash_and_a_big_status_is_not(void **state)
{
	struct fixture *f = *state;

	like_claude(f);
	put(f, "out", "{\"result\":\"Overloaded\",\"usage\":{\"input_tokens\":4}}");
	f->in.exited = false;
	read_it(f, SIGSEGV);
	expect_error(f, TRY_CRASH, "ended by signal 11 (Segmentation fault)");
	assert_int_equal(f->got.input_tokens, 4);
	f->in.exited = true;
	read_it(f, 139);
	expect_error(f, TRY_TRANSIENT, "Overloaded");
}

static void an_error_is_one_short_clean_line(void **state)
{
	struct fixture *f = *state;
	char text[1400] = "";

	f->p.error = at(WHERE_JSON, "/e");
	put(f, "out",
	    "{\"e\":\" \\u001b[31;1mred\\u001b[0m\\n\\n\\tone\\u0007 two\\u0000\\u0085three\\u009b "
	    "\\u001b]0;title\\u0007end\\u001b \"}");
	read_it(f, 1);
	expect_error(f, TRY_FAILED, "red one two three end");
	for (int i = 0; i < 300; i++)
		strcat(text, "\xf0\x9f\x98\x80");
	put(f, "out", arena_printf(&f->a, "{\"e\":\"x%s\"}", text).p);
	read_it(f, 1);
	assert_int_equal(f->got.error.n, 1 + 74 * 4 + 3);
	assert_int_equal(utf8_invalid(f->got.error), f->got.error.n);
	assert_true(str_ends(f->got.error, STR("\xf0\x9f\x98\x80\xe2\x80\xa6")));
	memset(text, 'a', 300);
	text[300] = 0;
	put(f, "out", arena_printf(&f->a, "{\"e\":\"%s\"}", text).p);
	read_it(f, 1);
	assert_str(f->got.error, text);
	put(f, "out", arena_printf(&f->a, "{\"e\":\"%sb\"}", text).p);
	read_it(f, 1);
	assert_int_equal(f->got.error.n, 300);
	f->p.error = (struct where){0};
	put(f, "err", "bad \xff byte\n");
	read_it(f, 1);
	expect_error(f, TRY_FAILED, "bad \xef\xbf\xbd byte");
}

static void what_a_strict_reader_refuses_is_mended(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *json, *text;
	} cases[] = {
	    {"\"a\\ud800b\"", "a\xef\xbf\xbd"
	                      "b"},
	    {"\"\\ud800\\ud83d\\ude00\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbd"},
	    {"\"a\xff\xc3(\"", "a\xef\xbf\xbd\xef\xbf\xbd("},
	    {"\"a\nb\tc\"", "a\nb\tc"},
	    {"\"\\x41 \\d+ \\uZZ\"", "\\x41 \\d+ \\uZZ"},
	    {"\"fine\",\"n\":123456789012345678901234567890", "fine"},
	    {"\"fine\",\"n\":[1e999,-1e999,NaN,-Infinity,Infinity]", "fine"},
	    {"\"fine\",\"a\\u0000b\":1,\"c\":\"\xfe\"", "fine"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str json = arena_printf(&f->a, "{\"usage\":{\"n\":999999999999},\"result\":%s}", cases[i].json);

		f->p.result = at(WHERE_JSON, "/result");
		f->p.input_tokens = at(WHERE_JSON, "/usage/n");
		put(f, "out", json.p);
		read_it(f, 0);
		expect_text(f, cases[i].text);
		assert_int_equal(f->got.input_tokens, INT64_C(999999999999));
		put(f, "out", arena_printf(&f->a, "note {x}\n%s\nbye \"", json.p).p);
		read_it(f, 0);
		expect_text(f, cases[i].text);
		if (strchr(cases[i].json, '\n'))
			continue;
		f->p.result = at(WHERE_JSONL, "/result");
		put(f, "out", arena_printf(&f->a, "{\"type\":\"x\"}\n%s\n", json.p).p);
		read_it(f, 0);
		expect_text(f, cases[i].text);
	}
}

static void nuls_and_a_byte_order_mark_are_no_obstacle(void **state)
{
	struct fixture *f = *state;

	f->p.result = at(WHERE_JSON, "/r");
	put(f, "out", "\xef\xbb\xbf{\"r\":\"a\\u0000b\"}\n");
	read_it(f, 0);
	assert_int_equal(f->got.class, TRY_OK);
	assert_int_equal(f->got.text.n, 3);
	assert_memory_equal(f->got.text.p, "a\0b", 3);
	f->p.result = at(WHERE_JSONL, "/r");
	put_bytes(f, "out", "\xef\xbb\xbf{\"r\":\"a\0b\"}\n", 14);
	read_it(f, 0);
	assert_int_equal(f->got.text.n, 3);
	assert_memory_equal(f->got.text.p, "a\0b", 3);
}

static void other_values_are_compact_json(void **state)
{
	struct fixture *f = *state;

	f->p.result = at(WHERE_JSON, "/r");
	put(f, "out", "{\"r\": {\"b\": [1, 2.5, \"\xc3\xa9\"], \"a\": null}}");
	read_it(f, 0);
	expect_text(f, "{\"b\":[1,2.5,\"\xc3\xa9\"],\"a\":null}");
	put(f, "out", "{\"r\":false}");
	read_it(f, 0);
	expect_text(f, "false");
	f->p.result = at(WHERE_JSONL_SUM, "/n");
	put(f, "out", "{\"n\":1}\n{\"n\":2}\n");
	read_it(f, 0);
	expect_text(f, "3");
	put(f, "out", "{\"n\":1}\n{\"n\":0.1}\n{\"n\":1}\n");
	read_it(f, 0);
	expect_text(f, "2.1");
}

static void absurd_numbers_are_not_believed(void **state)
{
	struct fixture *f = *state;

	f->p.input_tokens = at(WHERE_JSONL_SUM, "/n");
	f->p.output_tokens = at(WHERE_JSONL, "/m");
	f->p.cost_usd = at(WHERE_JSONL, "/c");
	put(f, "out", "{\"n\":9223372036854775807,\"m\":-3,\"c\":-1}\n{\"n\":9223372036854775807}\n{\"n\":1e300,\"n2\":1}\n");
	read_it(f, 0);
	assert_int_equal(f->got.input_tokens, 1000000000000);
	assert_int_equal(f->got.output_tokens, -1);
	assert_true(isnan(f->got.cost_usd));
	put(f, "out", "{\"m\":1e300,\"c\":1.7e308}\n");
	read_it(f, 0);
	assert_int_equal(f->got.output_tokens, 1000000000000);
	assert_true(f->got.cost_usd == 1e9);
	put(f, "out", "{\"n\":\"12\",\"m\":[1],\"c\":null}\n");
	read_it(f, 0);
	assert_int_equal(f->got.input_tokens, -1);
}

static void numbers_of_several_members_are_added(void **state)
{
	struct fixture *f = *state;

	f->p.output_tokens = at(WHERE_JSONL_SUM, "/part/tokens/{output,reasoning}");
	f->p.input_tokens = at(WHERE_JSONL, "/{a,b}/*/in");
	f->p.cost_usd = at(WHERE_JSONL, "/{no,none}/cost");
	f->p.result = at(WHERE_JSONL, "/part/{text,x}");
	put(f, "out",
	    "{\"part\":{\"tokens\":{\"output\":12,\"reasoning\":3}},\"a\":{\"m\":{\"in\":5}},\"b\":{\"n\":{\"in\":2}}}\n"
	    "{\"part\":{\"tokens\":{\"reasoning\":1}}}\n{\"part\":{\"text\":\"\",\"x\":\"says something\"}}\n");
	read_it(f, 0);
	assert_int_equal(f->got.output_tokens, 16);
	assert_int_equal(f->got.input_tokens, 7);
	assert_true(isnan(f->got.cost_usd));
	assert_string_equal(f->got.text.p, "says something");
}

static void text_keys_with_a_star_take_the_first(void **state)
{
	struct fixture *f = *state;

	f->p.result = at(WHERE_JSON, "/models/*/text");
	put(f, "out", "{\"models\":[{},{\"text\":null},{\"text\":\"one\"},{\"text\":\"two\"}]}");
	read_it(f, 0);
	expect_text(f, "one");
}

static void pointers_follow_rfc_6901(void **state)
{
	struct fixture *f = *state;
	struct str json = STR("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/"
	                      "b\":1,\"c%d\":2,\"m~n\":8,\"~1\":9,\"01\":{\"0\":\"k\"},\"s\":null,\"r\":0.1}");
	static const struct {
		const char *pointer, *value;
	} cases[] = {
	    {"/foo", "[\"bar\",\"baz\"]"},
	    {"/foo/0", "bar"},
	    {"/foo/1", "baz"},
	    {"/foo/2", NULL},
	    {"/foo/01", NULL},
	    {"/foo/-", NULL},
	    {"/foo/1x", NULL},
	    {"/foo/", NULL},
	    {"/foo/99999999999999999999", NULL},
	    {"/", "0"},
	    {"/a~1b", "1"},
	    {"/c%d", "2"},
	    {"/m~0n", "8"},
	    {"/~01", "9"},
	    {"/01/0", "k"},
	    {"/s", "null"},
	    {"/s/x", NULL},
	    {"foo", NULL},
	    {"/foo/*", "bar"},
	    {"/*/0", "bar"},
	    {"/r", "0.1"},
	    {"/nothing", NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str out;
		bool found = answer_pointer(&f->a, json, str_of(cases[i].pointer), &out);

		assert_int_equal(found, cases[i].value != NULL);
		if (found)
			assert_str(out, cases[i].value);
	}
	struct str out;
	assert_true(answer_pointer(&f->a, STR(" [1] "), STR_NONE, &out));
	assert_str(out, "[1]");
	assert_true(answer_pointer(&f->a, STR("\"x\""), STR_NONE, &out));
	assert_str(out, "x");
	assert_false(answer_pointer(&f->a, STR("{\"a\":1} and more"), STR("/a"), &out));
	assert_false(answer_pointer(&f->a, STR("{\"a\":\"\xff\"} and more"), STR("/a"), &out));
	assert_false(answer_pointer(&f->a, STR_NONE, STR_NONE, &out));
}

/* `n` times `open`, then `inner`, then as many `close`. */
static struct str nested(struct fixture *f, size_t n, const char *open_with, const char *inner, const char *close_with)
{
	struct sbuf b = {0};

	for (size_t i = 0; i < n; i++)
		sbuf_lit(&b, open_with);
	sbuf_lit(&b, inner);
	for (size_t i = 0; i < n; i++)
		sbuf_lit(&b, close_with);
	struct str out = arena_copy(&f->a, sbuf_view(&b));
	sbuf_free(&b);
	return out;
}

static void deep_nesting_is_no_crash(void **state)
{
	struct fixture *f = *state;
	struct str out;
	const enum where_kind kinds[] = {WHERE_JSON, WHERE_JSONL};

	assert_true(answer_pointer(&f->a, nested(f, 2000, "[", "7", "]"), STR("/0/0"), &out));
	assert_false(answer_pointer(&f->a, nested(f, 1000000, "[", "7", "]"), STR("/0"), &out));
	assert_false(answer_pointer(&f->a, nested(f, 1000000, "[", "", ""), STR("/0"), &out));
	assert_false(answer_pointer(&f->a, STR("{}"), nested(f, 1000000, "/*", "", ""), &out));
	for (size_t i = 0; i < 2; i++) {
		struct str deep = nested(f, 200000, "{\"r\":", "1", "}");

		f->p.result = at(kinds[i], "/r/r");
		put_bytes(f, "out", deep.p, deep.n);
		read_it(f, 0);
		assert_true(f->got.unread);
		expect_error(f, TRY_ANSWER, i ? "the JSON of its answer (jsonl:/r/r) is nested more than 2048 deep, and cannot be read"
					      : "the JSON of its answer (json:/r/r) is nested more than 2048 deep, and cannot be read");
		f->p.result = at(kinds[i], "/ok");
		deep = arena_printf(&f->a, "%s\n{\"ok\":\"yes\"}\n", nested(f, 3000, "{\"r\":", "1", "}").p);
		put_bytes(f, "out", deep.p, deep.n);
		read_it(f, 0);
		expect_text(f, "yes");
	}
}

static double seconds(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6 + (double)u.ru_stime.tv_sec;
}

static void rubbish_is_no_answer_and_ends_soon(void **state)
{
	struct fixture *f = *state;
	const size_t n = 256u << 10;
	static const char *const patterns[] = {NULL, "{\"", "{\"a\":", "{\"a\":[",        "\\",
	                                       "\"", "{",   "[",       "{\"a\":\"\n{\"b", "{\"a\":1}\n"};
	const enum where_kind kinds[] = {WHERE_JSON, WHERE_JSONL, WHERE_JSONL_SUM, WHERE_STDERR_JSON};
	char *p = arena_text(&f->a, n);
	double from = seconds();
	uint64_t seed = 88172645463325252u;

	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		for (size_t j = 0; j < n; j++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			p[j] = patterns[i] ? patterns[i][j % strlen(patterns[i])] : (char)seed;
		}
		put_bytes(f, "out", p, n);
		put_bytes(f, "err", p, n);
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			f->p.result = f->p.error = at(kinds[k], "/result");
			read_it(f, 0);
			assert_int_equal(f->got.class, TRY_ANSWER);
			assert_true(f->got.error.n > 0 && f->got.error.n <= 300);
		}
		f->p.fatal_on = STR("never[0-9]+here");
		read_it(f, 1);
		assert_int_equal(f->got.class, TRY_FAILED);
		assert_true(f->got.error.n > 0 && f->got.error.n <= 300);
	}
	assert_true(seconds() - from < 60);
}

static long peak_kib(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return u.ru_maxrss;
}

/* 50 MB of lines, some of them megabytes long. Has to run before what needs memory, since only the peak is known. */
static void a_long_stream_takes_little_memory_and_time(void **state)
{
	struct fixture *f = *state;
	FILE *to = fdopen(openat(f->at, "out", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "w");
	size_t size = 0;
	char *big = malloc((2u << 20) + 1);

	memset(big, 'z', 2u << 20);
	big[2u << 20] = 0;
	for (int i = 0; size < 50000000; i++) {
		size += (size_t)fprintf(to, "{\"type\":\"delta\",\"part\":{\"chunk\":\"words words words %d\"}}\n", i);
		if (i % 40000 == 39999)
			size += (size_t)fprintf(to, "{\"type\":\"tool\",\"output\":\"%s\"}\n", big);
		if (i % 100000 == 0)
			size +=
			    (size_t)fprintf(to, "{\"type\":\"step\",\"usage\":{\"input_tokens\":2},\"result\":\"at %d\"}\n", i);
	}
	fprintf(to, "{\"result\":\"");
	for (int i = 0; i < 16; i++)
		fputs(big, to);
	fprintf(to, "\",\"usage\":{\"input_tokens\":5}}");
	assert_int_equal(fclose(to), 0);
	like_qwen(f);
	f->p.output_tokens = at(WHERE_JSONL_SUM, "/usage/input_tokens");
	long memory = peak_kib();
	double from = seconds();
	read_it(f, 0);
	assert_int_equal(f->got.class, TRY_OK);
	assert_non_null(f->got.long_text);
	assert_int_equal(f->got.long_text->size, 32u << 20);
	assert_int_equal(f->got.input_tokens, 5);
	assert_true(f->got.output_tokens >= 7);
	assert_true(peak_kib() - memory < 16000);
	assert_true(seconds() - from < 20);
	free(big);
}

/* What takes some hundred thousand bytes in JSON. */
static struct str repeated(struct fixture *f, const char *unit)
{
	struct sbuf b = {0};

	while (b.n < 400000)
		sbuf_lit(&b, unit);
	struct str s = arena_copy(&f->a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

/* An answer that is long, whole. */
static struct str long_answer(struct fixture *f)
{
	struct str text = STR_NONE;

	if (f->got.class != TRY_OK)
		fail_msg("class %d: %.*s", (int)f->got.class, STR_ARG(f->got.error));
	assert_true(f->got.has_text);
	assert_non_null(f->got.long_text);
	assert_int_equal(longtext_read(f->got.long_text, &f->a, &text), 0);
	assert_int_equal(text.n, f->got.long_text->size);
	assert_true(hash_eq(hash_bytes(text.p, text.n), f->got.long_text->hash));
	return text;
}

static void a_long_answer_is_what_its_json_stands_for(void **state)
{
	struct fixture *f = *state;
	static const char *const units[] = {
	    "plain words ", "lines\\n\\ttabs \\\"and\\\" \\\\ ", "\\u00e4\\ud83d\\ude00 \xc3\xa4\xf0\x9f\x98\x80", "\\ud83d alone and \xff\xc3 bad \\x", "a NUL \\u0000 in it",
	};
	static const char *const forms[] = {
	    "{\"r\":\"%s\",\"n\":7}\n",
	    "{\"n\":7,\"other\":\"%s\",\"r\":\"%s\"}",
	    "{\"r\":{\"a\":[\"%s\",\"short\",1.5],\"\\u00e4\":null,\"%.70000s\":\"%s\"},\"n\":7}\n",
	    "{\"r\":\"%s\",\"n\":7,\"\\u0000\":1}\n",
	    "\xef\xbb\xbf{\"r\":\"%s\",\"n\":7} \r\n",
	};
	const enum where_kind kinds[] = {WHERE_JSON, WHERE_JSONL};

	for (size_t i = 0; i < sizeof units / sizeof *units * sizeof forms / sizeof *forms * 2; i++) {
		const char *s = repeated(f, units[i / 2 / (sizeof forms / sizeof *forms)]).p;
		struct str json = arena_printf(&f->a, forms[i / 2 % (sizeof forms / sizeof *forms)], s, s, s), whole;

		f->p.result = at(kinds[i % 2], "/r");
		f->p.input_tokens = at(kinds[i % 2], "/n");
		put_bytes(f, "out", json.p, json.n);
		assert_true(answer_pointer(&f->a, json, STR("/r"), &whole));
		read_it(f, 0);
		struct str got = long_answer(f);
		assert_int_equal(got.n, whole.n);
		assert_memory_equal(got.p, whole.p, whole.n);
		assert_int_equal(f->got.input_tokens, 7);
	}
}

static void of_long_answers_the_last_counts_and_a_blank_one_is_none(void **state)
{
	struct fixture *f = *state;
	const char *a = repeated(f, "first ").p, *b = repeated(f, "second ").p, *blank = repeated(f, " \\n").p;
	struct str json = arena_printf(&f->a, "{\"r\":\"%s\"}\n{\"r\":null,\"x\":\"%s\"}\n{\"r\":\"%s\"}\n%s\n{\"x\":\"%s\"}\n", a, a, b, a, a);

	f->p.result = at(WHERE_JSONL, "/r");
	put_bytes(f, "out", json.p, json.n);
	read_it(f, 0);
	assert_true(str_eq(long_answer(f), str_of(b)));
	json = arena_printf(&f->a, "%.*s{\"r\":\"short\"}\n", STR_ARG(json));
	put_bytes(f, "out", json.p, json.n);
	read_it(f, 0);
	expect_text(f, "short");
	json = arena_printf(&f->a, "{\"r\":\"%s\"}\n", blank);
	put_bytes(f, "out", json.p, json.n);
	read_it(f, 0);
	expect_error(f, TRY_ANSWER, "the answer at jsonl:/r is empty");
	/* Its end has not come: no answer, and none that came before is gone. */
	json = arena_printf(&f->a, "{\"r\":\"before\"}\n{\"r\":\"%s", a);
	put_bytes(f, "out", json.p, json.n);
	read_it(f, 0);
	expect_text(f, "before");
}

static void a_long_error_is_matched_at_both_ends(void **state)
{
	struct fixture *f = *state;
	struct sbuf b = {0};

	like_qwen(f);
	sbuf_lit(&b, "{\"is_error\":true,\"error\":{\"message\":\"It \\u0066ailed:\\n");
	for (int i = 0; i < 10; i++)
		sbuf_str(&b, repeated(f, "word "));
	sbuf_lit(&b, "API Error: 401\"}}\n");
	put_bytes(f, "out", b.p, b.n);
	sbuf_free(&b);
	read_it(f, 0);
	assert_int_equal(f->got.class, TRY_AUTH);
	assert_true(str_starts(f->got.error, STR("It failed: word word")));
}

static void json_of_too_many_values_is_no_answer_and_none_before_it_counts(void **state)
{
	struct fixture *f = *state;
	const char *many = nested(f, JSONFILTER_MOST_VALUES + 1, "{},", "{}", "").p;
	const enum where_kind kinds[] = {WHERE_JSON, WHERE_JSONL};

	for (size_t i = 0; i < 2; i++) {
		struct str json = arena_printf(&f->a, "{\"r\":\"early\"}\n{\"r\":\"late\",\"l\":[%s]}\n{\"n\":1}\n", many);

		f->p.result = at(kinds[i], "/r");
		put_bytes(f, "out", json.p, json.n);
		read_it(f, 0);
		assert_true(f->got.unread);
		expect_error(f, TRY_ANSWER, i ? "the JSON where its answer was expected (jsonl:/r) has more than 1000000 values or 64 MiB beside long strings, and cannot be read"
					      : "the JSON where its answer was expected (json:/r) has more than 1000000 values or 64 MiB beside long strings, and cannot be read");
		json = arena_printf(&f->a, "%.*s{\"r\":\"last\"}\n", STR_ARG(json));
		put_bytes(f, "out", json.p, json.n);
		read_it(f, 0);
		expect_text(f, "last");
	}
}

static void a_long_answer_needs_its_file_but_not_the_files_name(void **state)
{
	struct fixture *f = *state;
	struct str text = repeated(f, "line by line\n"), got;

	f->p.result = (struct where){.kind = WHERE_FILE};
	put_bytes(f, "result", text.p, text.n);
	read_it(f, 0);
	assert_int_equal(unlinkat(f->at, "result", 0), 0);
	assert_true(str_eq(long_answer(f), text));
	f->p.result = at(WHERE_JSON, "/r");
	struct str json = arena_printf(&f->a, "{\"r\":\"%s\"}", repeated(f, "words ").p);
	put_bytes(f, "out", json.p, json.n);
	read_it(f, 0);
	/* What was read is not what stands there now. */
	((char *)json.p)[1000] ^= 1;
	put_bytes(f, "out", json.p, json.n);
	assert_int_equal(longtext_read(f->got.long_text, &f->a, &got), EBADMSG);
}

static void a_big_error_log_is_read_at_both_ends(void **state)
{
	struct fixture *f = *state;
	FILE *to = fdopen(openat(f->at, "err", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "w");

	fprintf(to, "fatal: no such account\n");
	for (int i = 0; i < 400000; i++)
		fprintf(to, "debug line %d of a very long log\n", i);
	fprintf(to, "overloaded, giving up");
	assert_int_equal(fclose(to), 0);
	f->p.retry_on = STR("overloaded");
	read_it(f, 1);
	expect_error(f, TRY_TRANSIENT, "overloaded, giving up");
	f->p.fatal_on = STR("no such account");
	read_it(f, 1);
	assert_int_equal(f->got.class, TRY_AUTH);
}

static void a_match_anywhere_in_a_long_line_is_found(void **state)
{
	struct fixture *f = *state;
	const size_t n = 100000;
	char *line = arena_text(&f->a, n);

	f->p.fatal_on = STR("no such account");
	for (size_t i = 4096 - 40; i < 4096 + 40; i++) {
		memset(line, 'x', n);
		memcpy(line + i, "no such account", 15);
		put_bytes(f, "err", line, n);
		read_it(f, 1);
		assert_int_equal(f->got.class, TRY_AUTH);
	}
}

static void a_folder_in_place_of_the_output_is_said(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->at, "out", 0700), 0);
	f->p.result = at(WHERE_JSONL, "/result");
	read_it(f, 0);
	expect_error(f, TRY_ANSWER, "cannot read standard output, where the answer was expected (jsonl:/result): Is a directory");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static void an_error_may_name_the_time_to_wait(void **state)
{
	static const struct {
		const char *text;
		double s;
	} cases[] = {
	    {"429: Retry-After: 7", 7},
	    {"{\"retry_after\": 2.5}", 2.5},
	    {"Please try again in 20s.", 20},
	    {"try again in 350ms", 0.35},
	    {"Please retry in 1.5 minutes", 90},
	    {"retry after 3 more tries", 3},
	    {"retry after 2 h", 3600},
	    {"retry-after: 99999999999999", 3600},
	    {"retry after Thu, 26 Nov 2026; again in 4 seconds", 4},
	    {"we retry 5 times, again and again", -1e-9},
	    {"retry after", -1e-9},
	    {"", -1e-9},
	};
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t got = line_wait_ns(str_of(cases[i].text)), want = (int64_t)llround(cases[i].s * 1e9);
		if (got < want - 10 || got > want + 10)
			fail_msg("%s: %lld", cases[i].text, (long long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_error_may_name_the_time_to_wait),
	    CASE(a_long_stream_takes_little_memory_and_time),
	    CASE(one_object_gives_text_tokens_and_cost),
	    CASE(an_error_in_the_answers_place_is_never_an_answer),
	    CASE(an_interrupted_run_that_ends_well_has_failed),
	    CASE(failed_may_be_true_a_number_or_a_word),
	    CASE(the_answer_may_be_in_a_file_and_usage_in_lines),
	    CASE(failed_and_error_may_have_several_members),
	    CASE(a_result_file_that_is_empty_missing_or_no_file_is_no_answer),
	    CASE(an_indented_object_has_numbers_under_a_star),
	    CASE(an_error_may_be_json_behind_a_stack_trace),
	    CASE(status_0_with_nothing_printed_is_no_answer),
	    CASE(steps_are_added_up_and_the_last_text_counts),
	    CASE(without_an_answer_status_0_is_a_failure_like_any_other),
	    CASE(the_last_line_that_has_it_counts),
	    CASE(plain_text_is_the_file_itself_and_may_be_empty),
	    CASE(a_failure_is_told_by_what_there_is),
	    CASE(patterns_never_see_the_answer),
	    CASE(a_signal_is_a_crash_and_a_big_status_is_not),
	    CASE(an_error_is_one_short_clean_line),
	    CASE(what_a_strict_reader_refuses_is_mended),
	    CASE(nuls_and_a_byte_order_mark_are_no_obstacle),
	    CASE(other_values_are_compact_json),
	    CASE(absurd_numbers_are_not_believed),
	    CASE(numbers_of_several_members_are_added),
	    CASE(text_keys_with_a_star_take_the_first),
	    CASE(pointers_follow_rfc_6901),
	    CASE(deep_nesting_is_no_crash),
	    CASE(rubbish_is_no_answer_and_ends_soon),
	    CASE(a_long_answer_is_what_its_json_stands_for),
	    CASE(of_long_answers_the_last_counts_and_a_blank_one_is_none),
	    CASE(a_long_error_is_matched_at_both_ends),
	    CASE(json_of_too_many_values_is_no_answer_and_none_before_it_counts),
	    CASE(a_long_answer_needs_its_file_but_not_the_files_name),
	    CASE(a_big_error_log_is_read_at_both_ends),
	    CASE(a_match_anywhere_in_a_long_line_is_found),
	    CASE(a_folder_in_place_of_the_output_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
