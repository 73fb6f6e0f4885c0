#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "load/config.h"

struct fixture {
	struct arena a;
	struct diag *d;
	char dir[64];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->d = diag_new();
	strcpy(f->dir, "/tmp/axmake-test-XXXXXX");
	if (!mkdtemp(f->dir) || chdir(f->dir))
		return -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (chdir("/") || os_remove_tree(AT_FDCWD, f->dir))
		return -1;
	diag_free(f->d);
	arena_free(&f->a);
	free(f);
	return 0;
}

static void put(const char *path, const char *text)
{
	assert_int_equal(os_replace_file(AT_FDCWD, path, 0600, str_of(text)), 0);
}

static void assert_printed(struct fixture *f, const char *want)
{
	char *stream = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&stream, &n);

	diag_print(f->d, to, false);
	fclose(to);
	if (*want ? !strstr(stream, want) : *stream != '\0')
		fail_msg("wanted: %s\ngot: %s", want, stream);
	free(stream);
}

static void without_a_file_nothing_is_configured(void **state)
{
	struct fixture *f = *state;
	struct config c = config_load(&f->a, f->d, NULL);

	assert_int_equal(c.file.n, 0);
	assert_int_equal(c.max_concurrent_agents, 0);
	assert_int_equal(c.default_timeout_ns, -1);
	assert_printed(f, "");
}

static void both_settings_are_read(void **state)
{
	struct fixture *f = *state;
	struct config c;

	put("ax.config.json", "\xEF\xBB\xBF{\"execution\": {\"maxConcurrentAgents\": 10, \"defaultTimeout\": 1500},\n"
	                      "\"memory\": {\"n\": 123456789012345678901234567890, \"s\": \"a\\u0000b\"}, \"providers\": {}}");
	c = config_load(&f->a, f->d, NULL);
	assert_printed(f, "");
	assert_true(str_eq(c.file, STR("ax.config.json")));
	assert_int_equal(c.max_concurrent_agents, 10);
	assert_int_equal(c.default_timeout_ns, INT64_C(1500000000));
}

static void automatosx_config_json_comes_first(void **state)
{
	struct fixture *f = *state;
	struct config c;

	put("ax.config.json", "{\"execution\": {\"maxConcurrentAgents\": 1}}");
	put("automatosx.config.json", "{\"execution\": {\"maxConcurrentAgents\": 2}}");
	c = config_load(&f->a, f->d, NULL);
	assert_int_equal(c.max_concurrent_agents, 2);
	assert_true(str_eq(c.file, STR("automatosx.config.json")));
	assert_printed(f, "");
}

static void providers_are_read(void **state)
{
	struct fixture *f = *state;

	put("ax.config.json", "{\"execution\": {\"parallelDelegationEnabled\": true},\n"
	                      "\"providers\": {\"a\": {\"enabled\": true}, \"b\": {\"priority\": 1}}}");
	struct config c = config_load(&f->a, f->d, NULL);
	assert_true(c.parallel_delegation);
	assert_int_equal(c.providers.all.n, 2);
	assert_printed(f, "");
}

static struct provider *ruled(struct fixture *f, const char *json)
{
	struct rules *r = rules_load(&f->a, f->d, NULL, RULES_NO_USER | RULES_NO_BUILTIN);
	struct str ini = STR("[provider p]\ncommand = prog -x\nresult = jsonl:/r\nrate_capacity = 5\nrate_refill = 2\nmax_concurrent = 3\n");

	put("ax.config.json", json);
	rules_add(r, &f->a, f->d, diag_source(f->d, STR("x.ini"), ini), ini, false);
	struct config c = config_load(&f->a, f->d, NULL);
	provider_settings_apply(&c.providers, r, &f->a, f->d);
	struct provider *p = rules_provider(r, STR("p"));
	rules_free(r);
	return p;
}

static void settings_of_a_provider_lie_over_its_rule(void **state)
{
	struct fixture *f = *state;
	struct provider *p = ruled(f, "{\"providers\": {\"p\": {\"priority\": 2, \"timeout\": 1500, \"healthCheck\": {}, \"rateLimit\": {\"refillRate\": 0.5}}}}");

	assert_printed(f, "");
	assert_true(!p->switched_off && p->has_priority && p->priority == 2 && p->has_timeout);
	assert_int_equal(p->timeout_ns, 1500000000);
	assert_int_equal(p->rate_capacity, 5);
	assert_true(p->rate_refill == 0.5);
	p = ruled(f, "{\"providers\": {\"p\": {\"enabled\": false, \"rateLimit\": {\"enabled\": false, \"capacity\": 9}}}}");
	assert_true(p->switched_off);
	assert_true(p->rate_capacity == 0 && p->rate_refill == 0);
	assert_int_equal(p->max_concurrent, 3);
	assert_printed(f, "");
}

static void one_word_is_the_program_and_several_a_command_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct provider *p = ruled(f, "{\"providers\": {\"p\": {\"command\": \"prog\"}}}");

	assert_int_equal(p->user_shape.n, 0);
	p = ruled(f, "{\"providers\": {\"p\": {\"command\": \"/opt/prog\"}}}");
	assert_int_equal(p->command.n, 2);
	assert_true(str_eq(p->command.p[0], STR("/opt/prog")) && str_eq(p->command.p[1], STR("-x")));
	assert_int_equal(p->result.kind, WHERE_JSONL);
	assert_true(str_starts(p->user_shape, STR("command=/opt/prog")));
	p = ruled(f, "{\"providers\": {\"p\": {\"command\": \"other --json\", \"priority\": 1}}}");
	assert_int_equal(p->command.n, 2);
	assert_int_equal(p->result.kind, WHERE_NONE);
	assert_true(p->has_priority && p->max_concurrent == 3);
	assert_printed(f, "");
}

static void unknown_providers_are_a_warning_unless_switched_off(void **state)
{
	struct fixture *f = *state;

	ruled(f, "{\"providers\": {\"q\": {\"priority\": 1}, \"zzz\": {\"enabled\": false}}}");
	assert_int_equal(diag_errors(f->d), 0);
	assert_int_equal(diag_warnings(f->d), 1);
	assert_printed(f, "ax.config.json: warning: /providers/q: no provider is called so");
}

static void wrong_values_are_named_by_pointer(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {"{\"execution\": {\"maxConcurrentAgents\": 0}}", "ax.config.json: error: /execution/maxConcurrentAgents has a wrong "
	                                                      "value\n  hint: write a whole number from 1 to 10\n"},
	    {"{\"execution\": {\"maxConcurrentAgents\": 11}}", "error: /execution/maxConcurrentAgents has a wrong value"},
	    {"{\"execution\": {\"maxConcurrentAgents\": 2.5}}", "error: /execution/maxConcurrentAgents has a wrong value"},
	    {"{\"execution\": {\"maxConcurrentAgents\": \"4\"}}", "error: /execution/maxConcurrentAgents has a wrong value"},
	    {"{\"execution\": {\"maxConcurrentAgents\": null}}", "error: /execution/maxConcurrentAgents has a wrong value"},
	    {"{\"execution\": {\"defaultTimeout\": -1}}", "error: /execution/defaultTimeout has a wrong value"},
	    {"{\"execution\": {\"defaultTimeout\": 1e300}}", "error: /execution/defaultTimeout has a wrong value"},
	    {"{\"execution\": {\"defaultTimeout\": \"10m\"}}", "hint: write milliseconds"},
	    {"{\"execution\": {\"parallelDelegationEnabled\": 1}}",
	     "error: /execution/parallelDelegationEnabled has a wrong value"},
	    {"{\"execution\": []}", "ax.config.json: error: /execution is no object"},
	    {"{\"providers\": 1}", "ax.config.json: error: /providers is no object"},
	    {"{\"providers\": {\"p\": 1}}", "ax.config.json: error: /providers/p is no object"},
	    {"{\"providers\": {\"p\": {\"enabled\": \"yes\"}}}", "error: /providers/p/enabled has a wrong value"},
	    {"{\"providers\": {\"p\": {\"priority\": null}}}", "error: /providers/p/priority has a wrong value"},
	    {"{\"providers\": {\"p\": {\"timeout\": -1}}}", "error: /providers/p/timeout has a wrong value"},
	    {"{\"providers\": {\"p\": {\"command\": [\"a\"]}}}", "error: /providers/p/command has a wrong value"},
	    {"{\"providers\": {\"p\": {\"command\": \" \"}}}", "error: /providers/p/command has a wrong value"},
	    {"{\"providers\": {\"p\": {\"command\": \"a\\u0000b\"}}}", "error: /providers/p/command has a wrong value"},
	    {"{\"providers\": {\"p\": {\"rateLimit\": 3}}}", "error: /providers/p/rateLimit has a wrong value"},
	    {"{\"providers\": {\"p\": {\"rateLimit\": {\"capacity\": 1.5}}}}", "error: /providers/p/rateLimit/capacity has a wrong value"},
	    {"{\"providers\": {\"p\": {\"rateLimit\": {\"refillRate\": 0}}}}", "error: /providers/p/rateLimit/refillRate has a wrong value"},
	    {"{\"providers\": {\"p\": {\"rateLimit\": {\"enabled\": 1}}}}", "error: /providers/p/rateLimit/enabled has a wrong value"},
	    {"[]", "ax.config.json: error: the file is no JSON object"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		void *fresh;
		struct fixture *f;
		struct config c;

		assert_int_equal(set_up(&fresh), 0);
		f = fresh;
		put("ax.config.json", rows[i].text);
		c = config_load(&f->a, f->d, NULL);
		assert_int_equal(diag_errors(f->d), 1);
		assert_printed(f, rows[i].want);
		assert_int_equal(c.max_concurrent_agents, 0);
		assert_int_equal(c.default_timeout_ns, -1);
		assert_int_equal(tear_down(&fresh), 0);
	}
}

static void all_wrong_values_are_reported(void **state)
{
	struct fixture *f = *state;

	put("ax.config.json", "{\"execution\": {\"maxConcurrentAgents\": 99, \"defaultTimeout\": -4}, \"providers\": 3}");
	config_load(&f->a, f->d, NULL);
	assert_int_equal(diag_errors(f->d), 3);
}

static void syntax_errors_have_line_and_column(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {"{\"execution\": {},\n  \"a\" 1}", "ax.config.json:2:7: error: no JSON: ':' expected near '1'"},
	    {"", "ax.config.json:1:1: error: no JSON: "},
	    {"{\"a\": 1} x", "ax.config.json:1:10: error: no JSON: "},
	    {"{\"a\": \"\xFF\"}", "ax.config.json:1:7: error: no JSON: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		void *fresh;
		struct fixture *f;

		assert_int_equal(set_up(&fresh), 0);
		f = fresh;
		put("ax.config.json", rows[i].text);
		config_load(&f->a, f->d, NULL);
		assert_printed(f, rows[i].want);
		assert_int_equal(tear_down(&fresh), 0);
	}
}

static void a_folder_in_its_place_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir("automatosx.config.json", 0700), 0);
	put("ax.config.json", "{}");
	config_load(&f->a, f->d, NULL);
	assert_int_equal(diag_errors(f->d), 1);
	assert_printed(f, "automatosx.config.json: error: cannot read these settings: ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(without_a_file_nothing_is_configured),
	    TEST(both_settings_are_read),
	    TEST(automatosx_config_json_comes_first),
	    TEST(providers_are_read),
	    TEST(settings_of_a_provider_lie_over_its_rule),
	    TEST(one_word_is_the_program_and_several_a_command_of_its_own),
	    TEST(unknown_providers_are_a_warning_unless_switched_off),
	    cmocka_unit_test(wrong_values_are_named_by_pointer),
	    TEST(all_wrong_values_are_reported),
	    cmocka_unit_test(syntax_errors_have_line_and_column),
	    TEST(a_folder_in_its_place_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
