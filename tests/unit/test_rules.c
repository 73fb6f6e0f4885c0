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
#include "load/rules.h"

struct fixture {
	struct arena a;
	struct diag *d;
	struct rules *r;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->d = diag_new();
	f->r = arena_new(&f->a, struct rules);
	*state = f;
	return 0;
}

static void free_rules(struct rules *r)
{
	rules_free(r);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free_rules(f->r);
	diag_free(f->d);
	arena_free(&f->a);
	free(f);
	return 0;
}

static void add_bytes(struct fixture *f, struct str text, bool user)
{
	rules_add(f->r, &f->a, f->d, diag_source(f->d, STR("x.ini"), text), text, user);
}

static void add(struct fixture *f, const char *text, bool user)
{
	add_bytes(f, str_of(text), user);
}

/* Everything reported so far, in the arena. */
static const char *printed(struct fixture *f)
{
	char *stream = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&stream, &n);
	struct str copy;

	diag_print(f->d, to, false);
	fclose(to);
	copy = arena_copy(&f->a, (struct str){stream, n});
	free(stream);
	return copy.p;
}

static void assert_reports(struct fixture *f, const char *part)
{
	const char *all = printed(f);

	if (!strstr(all, part))
		fail_msg("wanted: %s\ngot: %s", part, all);
}

static void assert_clean(struct fixture *f)
{
	assert_string_equal(printed(f), "");
}

static void assert_str(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("wanted '%s', got '%.*s'", want, STR_ARG(got));
}

/* Each row: text, and what must be reported. */
struct bad {
	const char *text, *want;
};

static void check_bad(const struct bad *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void *state;
		struct fixture *f;

		set_up(&state);
		f = state;
		add(f, rows[i].text, true);
		rules_check(f->r, &f->a, f->d);
		assert_true(diag_errors(f->d) > 0);
		assert_reports(f, rows[i].want);
		tear_down(&state);
	}
}

static void a_provider_has_all_its_keys(void **state)
{
	struct fixture *f = *state;
	const struct provider *p;

	add(f,
	    "[provider p]\n"
	    "command = prog 'a b' --x=${name} ${prompt} $${HOME}\n"
	    "model_args = --model ${model}\nrole_args = --role ${role}\nenv = A=1 B=\"2 3\"\nprompt = arg\nmax_prompt = 64k\n"
	    "result = json:/result\nfailed = jsonl:/is_error\nerror = stderr-json:/error/message\n"
	    "input_tokens = json:/stats/models/*/tokens\noutput_tokens = jsonl-sum:/o\ncache_read_tokens = jsonl:/r\n"
	    "cache_write_tokens = jsonl:/w\ncached_in_input = yes\ncost_usd = json:/a~1b/~0c\nprivacy = private\n"
	    "retry_on = overloaded|529 ; and a comment\nfatal_on = invalid; key\nrevision = 2\nask = true\n",
	    false);
	rules_check(f->r, &f->a, f->d);
	assert_clean(f);
	p = rules_provider(f->r, STR("p"));
	assert_non_null(p);
	assert_int_equal(p->command.n, 5);
	assert_str(p->command.p[1], "a b");
	assert_str(p->command.p[4], "$${HOME}");
	assert_int_equal(p->model_args.n, 2);
	assert_str(p->role_args.p[1], "${role}");
	assert_str(p->env.p[1], "B=2 3");
	assert_int_equal(p->prompt, PROMPT_ARG);
	assert_int_equal(p->max_prompt, 65536);
	assert_int_equal(p->result.kind, WHERE_JSON);
	assert_str(p->result.pointer, "/result");
	assert_int_equal(p->failed.where.kind, WHERE_JSONL);
	assert_int_equal(p->error.kind, WHERE_STDERR_JSON);
	assert_str(p->error.pointer, "/error/message");
	assert_str(p->input_tokens.pointer, "/stats/models/*/tokens");
	assert_int_equal(p->output_tokens.kind, WHERE_JSONL_SUM);
	assert_str(p->cache_read_tokens.pointer, "/r");
	assert_str(p->cache_write_tokens.pointer, "/w");
	assert_true(p->cached_in_input);
	assert_str(p->cost_usd.pointer, "/a~1b/~0c");
	assert_true(p->is_private && p->only_when_asked);
	assert_str(p->retry_on, "overloaded|529");
	assert_str(p->fatal_on, "invalid; key");
	assert_str(p->revision, "2");
	assert_str(p->user_shape, "");
}

static void an_agent_lists_providers_with_their_places(void **state)
{
	struct fixture *f = *state;
	const struct agent *agent;

	add(f,
	    "[agent b]\nprovider = p , q\nmodel = sonnet\nrole = You are: kind = good.\n[provider p]\ncommand=p\n"
	    "[provider q]\ncommand: q\n",
	    true);
	rules_check(f->r, &f->a, f->d);
	assert_clean(f);
	agent = rules_agent(f->r, STR("b"));
	assert_non_null(agent);
	assert_int_equal(agent->providers.n, 2);
	assert_str(agent->providers.p[1], "q");
	assert_int_equal(agent->provider_places.p[1].col, 16);
	assert_int_equal(agent->provider_places.p[1].line, 2);
	assert_str(agent->model, "sonnet");
	assert_str(agent->role, "You are: kind = good.");
	assert_str(rules_provider(f->r, STR("q"))->command.p[0], "q");
	assert_int_equal(f->r->provider_list.n, 2);
}

static void later_files_win_key_by_key_and_empty_values_clear(void **state)
{
	struct fixture *f = *state;
	const struct provider *p;
	const struct agent *agent;

	add(f,
	    "[provider p]\ncommand = p -x\nrole_args = --role ${role}\nretry_on = a\nmax_prompt = 5\n"
	    "[agent a]\nprovider = p\nmodel = m\nrole = r\n",
	    false);
	add(f, "[provider p]\nretry_on = b\nrole_args =\n[agent a]\nprovider =\nmodel = n\n", true);
	rules_check(f->r, &f->a, f->d);
	assert_clean(f);
	p = rules_provider(f->r, STR("p"));
	assert_int_equal(p->command.n, 2);
	assert_str(p->retry_on, "b");
	assert_int_equal(p->role_args.n, 0);
	assert_int_equal(p->max_prompt, 5);
	assert_str(p->user_shape, "role_args=\n");
	agent = rules_agent(f->r, STR("a"));
	assert_int_equal(agent->providers.n, 0);
	assert_str(agent->model, "n");
	assert_str(agent->role, "r");
}

static void another_command_of_the_users_starts_afresh(void **state)
{
	struct fixture *f = *state;
	const struct provider *p;

	add(f,
	    "[provider p]\ncommand = p -x\nmodel_args = -m ${model}\nrole_args = -r ${role}\nresult = json:/r\nfailed = json:/f\n"
	    "error = json:/e\ninput_tokens = json:/i\nprivacy = private\nmax_prompt = 7\nask = true\n",
	    false);
	add(f, "[provider p]\nresult = text\ncommand = mine\n", true);
	rules_check(f->r, &f->a, f->d);
	assert_clean(f);
	p = rules_provider(f->r, STR("p"));
	assert_str(p->command.p[0], "mine");
	assert_int_equal(p->result.kind, WHERE_TEXT);
	assert_int_equal(p->model_args.n, 0);
	assert_int_equal(p->role_args.n, 0);
	assert_int_equal(p->failed.where.kind, WHERE_NONE);
	assert_int_equal(p->error.kind, WHERE_NONE);
	assert_int_equal(p->input_tokens.kind, WHERE_NONE);
	assert_true(p->is_private && p->only_when_asked);
	assert_int_equal(p->max_prompt, 7);
	assert_str(p->user_shape, "command=mine\nresult=text\n");
}

static void the_same_command_with_other_blanks_keeps_the_rest(void **state)
{
	struct fixture *f = *state;
	const struct provider *p;

	add(f, "[provider p]\ncommand = p -x\nresult = json:/r\n", false);
	add(f, "[provider p]\ncommand = p   '-x'\n", true);
	p = rules_provider(f->r, STR("p"));
	assert_int_equal(p->result.kind, WHERE_JSON);
	assert_str(p->user_shape, "command=p\x1f-x\n");
}

static void what_does_not_shape_the_call_is_not_in_its_shape(void **state)
{
	struct fixture *f = *state;
	const struct provider *p;

	add(f, "[provider p]\ncommand = p\n", false);
	add(f, "[provider p]\nretry_on = x\nenv = B=1\nenv_x = 1\n", true);
	add(f, "[provider p]\nenv = B=2\nmodel_args = -m\nfatal_on = y\n", true);
	p = rules_provider(f->r, STR("p"));
	assert_str(p->user_shape, "env=B=2\nmodel_args=-m\n");
	assert_reports(f, "x.ini:4:1: error: unknown key 'env_x' in a provider's section");
}

static void long_lines_and_long_names_are_whole(void **state)
{
	struct fixture *f = *state;
	struct sbuf b = {0};
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	sbuf_printf(&b, "[agent %s]\nrole = ", name);
	for (int i = 0; i < 20000; i++)
		sbuf_lit(&b, "word = ");
	sbuf_lit(&b, "end ; c\n[agent ");
	name[254] = 'm';
	sbuf_printf(&b, "%s]\nmodel = other\n", name);
	add_bytes(f, sbuf_view(&b), true);
	assert_clean(f);
	assert_int_equal(f->r->agent_list.n, 2);
	assert_int_equal(f->r->agent_list.p[0]->role.n, 20000 * 7 + 3);
	assert_true(str_ends(f->r->agent_list.p[0]->role, STR("word = end")));
	assert_str(f->r->agent_list.p[1]->model, "other");
	sbuf_free(&b);
}

static void bom_crlf_comments_and_blank_lines_are_accepted(void **state)
{
	struct fixture *f = *state;

	add(f,
	    "\xEF\xBB\xBF[agent a] ; heading\r\n\r\n; c\r\n# c\r\n   \r\n  ; c\r\nmodel = m \r\nrole = gr\xC3\xBC\xC3\x9F "
	    "\xE2\x80\xA6\r\n",
	    true);
	assert_clean(f);
	assert_str(rules_agent(f->r, STR("a"))->model, "m");
	assert_str(rules_agent(f->r, STR("a"))->role, "gr\xC3\xBC\xC3\x9F \xE2\x80\xA6");
}

static void names_are_compared_in_nfc(void **state)
{
	struct fixture *f = *state;

	add(f, "[agent caf\x65\xCC\x81]\nmodel = m\n", true);
	assert_non_null(rules_agent(f->r, STR("caf\xC3\xA9")));
	add(f, "[agent caf\xC3\xA9]\nmodel = n\n", true);
	assert_int_equal(f->r->agent_list.n, 1);
}

static void broken_lines_are_reported_at_their_places(void **state)
{
	static const struct bad rows[] = {
	    {"[agent a]\nmodel = m\n  role = r\n", "x.ini:3:3: error: an indented line"},
	    {"[agent a]\n\tmodel = m\n", "x.ini:2:2: error: an indented line"},
	    {" [agent a]\nmodel = m\n", "x.ini:1:2: error: an indented line"},
	    {"model = m\n", "x.ini:1:1: error: a key outside of any section"},
	    {"[agent a]\nmodel\n", "x.ini:2:1: error: this line has no '='"},
	    {"[agent a]\nmodel ;= m\n", "x.ini:2:1: error: this line has no '='"},
	    {"[agent a]\n= m\n", "x.ini:2:1: error: a value without a key"},
	    {"[agent a\nmodel = m\n", "x.ini:1:9: error: the section's heading lacks its ']'"},
	    {"[agent a] model = m\n", "x.ini:1:11: error: unexpected text after the section's ']'"},
	    {"[]\nmodel = m\n", "x.ini:1:1: error: a section without a name"},
	    {"[agent a]\n", "x.ini:1:2: error: section [agent a] is empty"},
	    {"[agent a]\n[agent b]\nmodel = m\n", "x.ini:1:2: error: section [agent a] is empty"},
	    {"[agent a]\nmodel = m\nrole = r\nmodel = n\n", "x.ini:4:1: error: key 'model' stands twice in its section"},
	    {"[agent a]\nmodel = m\nrole = r\nmodel = n\n", "x.ini:2:1: note: it first stands here"},
	    {"[agent a]\nmodel = m\n[agent  a ]\nrole = r\n", "x.ini:3:2: error: section [agent a] stands twice in this file"},
	    {"[axmake]\njobs = 1\n[axmake]\ncolor = auto\n", "x.ini:3:2: error: section [axmake] stands twice in this file"},
	    {"[agents a]\nmodel = m\n", "x.ini:1:2: error: unknown kind of section 'agents'"},
	    {"[agents a]\nmodel = m\n", "did you mean 'agent'?"},
	    {"[executor]\nwrap = srun\n", "error: a section [executor] wants a name: [executor NAME]"},
	    {"[executor slurm]\nmax_concurrent = 2\n", "x.ini:1:2: error: executor 'slurm' has no 'wrap'"},
	    {"[executor slurm]\nwrap = srun ${prompt}\n", "x.ini:2:13: error: unknown placeholder '${prompt}'"},
	    {"[agent]\nmodel = m\n", "error: a section [agent] wants a name: [agent NAME]"},
	    {"[agent a/b]\nmodel = m\n", "x.ini:1:8: error: a name may not hold '/', ',' or a control character"},
	    {"[axmake x]\njobs = 1\n", "x.ini:1:9: error: the section [axmake] takes no name"},
	    {"[agent a]\nrole = \xC3\xA9\xFF\n", "x.ini:2:9: error: byte 0xff is not UTF-8"},
	};

	(void)state;
	check_bad(rows, sizeof rows / sizeof *rows);
}

static void wrong_keys_and_values_are_reported_with_what_to_do(void **state)
{
	static const struct bad rows[] = {
	    {"[agent a]\nmodle = m\n", "x.ini:2:1: error: unknown key 'modle' in an agent's section"},
	    {"[agent a]\nmodle = m\n", "did you mean 'model'?"},
	    {"[agent a]\nprovider = p\n", "x.ini:2:12: error: agent 'a' names an unknown provider 'p'"},
	    {"[agent a]\nprovider = codx\n[provider codex]\ncommand = c\n", "did you mean 'codex'?"},
	    {"[agent a]\nprovider = p,,q\n", "x.ini:2:14: error: a provider's name is missing"},
	    {"[agent a]\nprovider = p,\n", "error: a provider's name is missing"},
	    {"[agent a]\nprovider = p, p\n", "x.ini:2:15: error: provider 'p' stands twice in the list"},
	    {"[provider p]\nprompt = stdin\n", "x.ini:1:2: error: provider 'p' has no command"},
	    {"[provider p]\ncommand =\n", "error: provider 'p' has no command"},
	    {"[provider p]\ncommand = ''\n", "error: the command's first word is empty"},
	    {"[provider p]\ncommand = a 'b\n", "x.ini:2:11: error: unterminated quote in 'command'"},
	    {"[provider p]\ncommand = \xC3\xA9 'x ${modle}'\n", "x.ini:2:16: error: unknown placeholder '${modle}'"},
	    {"[provider p]\ncommand = x ${modle}\n", "did you mean 'model'?"},
	    {"[provider p]\ncommand = x\nmodel_args = ${session}\n", "x.ini:3:14: error: unknown placeholder '${session}'"},
	    {"[provider p]\ncommand = x ${model\n", "error: '${model' lacks the '}' of its '${'"},
	    {"[provider p]\ncommand = x\nenv = 1A=2\n", "x.ini:3:7: error: '1A=2' sets no variable"},
	    {"[provider p]\ncommand = x\nenv = A\n", "error: 'A' sets no variable"},
	    {"[provider p]\ncommand = x\nprompt = pipe\n", "x.ini:3:10: error: 'pipe' is no value for 'prompt'"},
	    {"[provider p]\ncommand = x\nprompt = file\n",
	     "provider 'p' has prompt = file, but its command does not name that file"},
	    {"[provider p]\ncommand = x $${result_file}\nresult = file\n", "provider 'p' has result = file, but"},
	    {"[provider p]\ncommand = x ${prompt}\n", "provider 'p' has ${prompt} in its command, but no prompt = arg"},
	    {"[provider p]\ncommand = x\nmax_prompt = -1\n", "error: '-1' is no value for 'max_prompt'"},
	    {"[provider p]\ncommand = x\nprivacy = secret\n", "error: 'secret' is no value for 'privacy'"},
	    {"[provider p]\ncommand = x\nask = maybe\n", "error: 'maybe' is no value for 'ask'"},
	    {"[provider p]\ncommand = x\nresult = json:result\n", "error: 'json:result' is no value for 'result'"},
	    {"[provider p]\ncommand = x\nresult = json:/a~2\n", "'~' is written ~0"},
	    {"[provider p]\ncommand = x\nfinal = json:/a\n", "known here: jsonl:/POINTER; =VALUE may follow"},
	    {"[provider p]\ncommand = x\nfinal = jsonl:a=b\n", "a JSON Pointer begins with '/'"},
	    {"[provider p]\ncommand = x\nfinal = jsonl:/*/a\n", "'*' names several values"},
	    {"[provider p]\ncommand = x\nactivity = json:/a\n", "known here: jsonl:/POINTER"},
	    {"[provider p]\ncommand = x\nresume_args = --r ${session}\n", "nothing says where its ${session} stands"},
	    {"[provider p]\ncommand = x\nsession = jsonl:/s\nresume_args = --last\n", "one of its words names the conversation"},
	    {"[provider p]\ncommand = x ${session}\n", "unknown placeholder '${session}'"},
	    {"[provider p]\ncommand = x\nsession = text\n", "known here: jsonl:/POINTER"},
	    {"[provider p]\ncommand = x\nresult = json:/{a,b}\n", "'*' names several values, and so does '{a,b}'"},
	    {"[provider p]\ncommand = x\nresult = jsonl-sum:/a\n", "known here: text, file, json:/POINTER, jsonl:/POINTER"},
	    {"[provider p]\ncommand = x\nresult = json:/a/*/b\n", "'*' names several values"},
	    {"[provider p]\ncommand = x\ninput_tokens = text\n", "error: 'text' is no value for 'input_tokens'"},
	    {"[provider p]\ncommand = x\nretry_on = a(b\n", "x.ini:3:12: error: 'retry_on': "},
	    {"[provider p]\ncommand = x\nfatal_on = [a\n", "x.ini:3:12: error: 'fatal_on': "},
	    {"[provider p]\ncommand = x\nquota_on = a(\n", "x.ini:3:12: error: 'quota_on': "},
	    {"[provider p]\ncommand = x\nquota_reset = resets at .*\n", "x.ini:3:15: error: 'quota_reset' has no group"},
	    {"[provider p]\ncomand = x\n", "did you mean 'command'?"},
	    {"[provider p]\ncommand = x\nneeds = ~/.x, x\n", "'x' is no path that begins with '/' or '~/'"},
	};

	(void)state;
	check_bad(rows, sizeof rows / sizeof *rows);
}

static void a_wrong_command_is_reported_once(void **state)
{
	struct fixture *f = *state;

	add(f, "[provider p]\ncommand = x ${nope}\n", true);
	rules_check(f->r, &f->a, f->d);
	assert_int_equal(diag_errors(f->d), 1);
}

static void all_mistakes_are_reported_not_only_the_first(void **state)
{
	struct fixture *f = *state;

	add(f, "x = 1\n[agent a]\n b = 1\nmodel\n[what]\nk = v\n[provider p]\nq = 1\ncommand = ${x} ${y}\n", true);
	rules_check(f->r, &f->a, f->d);
	/* the key outside, the indented one, no '=', the empty agent, the kind, the key q, two placeholders */
	assert_int_equal(diag_errors(f->d), 8);
}

static void a_nul_byte_is_reported_and_nothing_is_read(void **state)
{
	struct fixture *f = *state;

	add_bytes(f, STR("[agent a]\nmodel = m\0n\n"), true);
	assert_reports(f, "x.ini:2:10: error: a NUL byte");
	assert_int_equal(f->r->agent_list.n, 0);
}

static void later_settings_take_the_place_of_earlier_ones(void **state)
{
	struct fixture *f = *state;

	add(f, "[axmake]\njobs = 3\ncolor = never\n", true);
	add(f, "[axmake]\njobs =\n", true);
	assert_clean(f);
	assert_int_equal(f->r->settings.n, 2);
	assert_str(f->r->settings.p[0].name.s, "jobs");
	assert_str(f->r->settings.p[0].value.s, "");
	assert_str(f->r->settings.p[1].value.s, "never");
}

static void the_built_in_rules_are_right_and_hold_the_guides_agents(void **state)
{
	static const char *const agents[] = {"product",  "architecture", "backend", "frontend", "database",
	                                     "security", "quality",      "devops",  "writer"};
	static const char *const real[] = {"claude-code", "codex", "gemini-cli", "opencode", "qwen-code"};
	struct fixture *f = *state;
	struct rules *r = rules_load(&f->a, f->d, NULL, RULES_NO_USER);
	const struct provider *offline = rules_provider(r, STR("offline"));

	assert_clean(f);
	for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
		const struct provider *p = rules_provider(r, str_of(real[i]));

		assert_true(p && !p->only_when_asked && !p->is_private);
		assert_true(p->result.kind && p->error.kind && p->input_tokens.kind && p->output_tokens.kind && p->revision.n);
	}
	for (size_t i = 0; i < sizeof agents / sizeof *agents; i++) {
		const struct agent *agent = rules_agent(r, str_of(agents[i]));

		assert_non_null(agent);
		assert_true(agent->role.n > 20);
		assert_int_equal(agent->providers.n, 0);
	}
	assert_non_null(offline);
	assert_true(offline->only_when_asked && offline->is_private);
	assert_str(offline->command.p[0], "axmake-offline");
	free_rules(r);
}

/* At each start they are not looked at. */
static void the_built_in_patterns_are_right(void **state)
{
	struct fixture *f = *state;

	for (const struct builtin_rule *b = builtin_rules; b->name; b++)
		add_bytes(f, (struct str){b->text, b->n}, true);
	assert_clean(f);
}

static void assert_same_keys(const struct ini_section *a, const struct ini_section *b)
{
	assert_memory_equal(&a->kind.at, &b->kind.at, sizeof a->kind.at);
	assert_memory_equal(&a->name.at, &b->name.at, sizeof a->name.at);
	assert_int_equal(a->keys.n, b->keys.n);
	for (size_t i = 0; i < a->keys.n; i++) {
		assert_string_equal(a->keys.p[i].name.s.p, b->keys.p[i].name.s.p);
		assert_string_equal(a->keys.p[i].value.s.p, b->keys.p[i].value.s.p);
		assert_int_equal(a->keys.p[i].value.s.n, b->keys.p[i].value.s.n);
		assert_memory_equal(&a->keys.p[i].name.at, &b->keys.p[i].name.at, sizeof a->keys.p[i].name.at);
		assert_memory_equal(&a->keys.p[i].value.at, &b->keys.p[i].value.at, sizeof a->keys.p[i].value.at);
	}
}

/* Each kind and name once in all files, as they are told apart without looking at more. */
static void the_built_in_rules_are_read_as_a_users_file_would_be(void **state)
{
	struct fixture *f = *state;
	size_t n = 0;

	for (const struct builtin_rule *b = builtin_rules; b->name; b++) {
		struct str text = {b->text, b->n};
		uint32_t source = diag_source(f->d, str_of(b->name), text), line = 1;
		const struct inifile *file = inifile_read(&f->a, f->d, source, text);
		struct builtin_section found;
		size_t from = 0;

		for (size_t i = 0; i < file->sections.n; i++, n++) {
			assert_true(builtin_next(source, text, &from, &line, &found));
			assert_true(str_eq(found.kind, file->sections.p[i].kind.s) && str_eq(found.name, file->sections.p[i].name.s));
			assert_true(str_eq(found.kind, STR("provider")) || str_eq(found.kind, STR("agent")) || str_eq(found.kind, STR("executor")));
			struct ini_section read = builtin_read(&f->a, &found);
			assert_same_keys(&read, &file->sections.p[i]);
		}
		assert_false(builtin_next(source, text, &from, &line, &found));
	}
	assert_clean(f);
	struct rules *r = rules_load(&f->a, f->d, NULL, RULES_NO_USER);
	assert_int_equal(r->provider_list.n + r->agent_list.n + r->executor_list.n, n);
	assert_int_equal(r->providers.n + r->agents.n + r->executors.n, n);
	free_rules(r);
}

/* Their mistakes are told, which are looked for nowhere else. */
static void the_built_in_rules_are_right_when_all_are_read(void **state)
{
	struct fixture *f = *state;
	struct rules *r = rules_load(&f->a, f->d, NULL, RULES_NO_USER);

	assert_non_null(r->provider_list.p[0]->unread);
	rules_complete(r);
	rules_check(r, &f->a, f->d);
	assert_clean(f);
	for (size_t i = 0; i < r->provider_list.n; i++)
		assert_true(!r->provider_list.p[i]->unread && r->provider_list.p[i]->command.n);
	for (size_t i = 0; i < r->agent_list.n; i++)
		assert_true(!r->agent_list.p[i]->unread && r->agent_list.p[i]->role.n);
	for (size_t i = 0; i < r->executor_list.n; i++)
		assert_true(!r->executor_list.p[i]->unread && r->executor_list.p[i]->wrap.n);
	free_rules(r);
}

static void own_providers_come_before_the_built_in_ones(void **state)
{
	static const char *const order[] = {"mine", "other", "codex", "kept", NULL};
	struct fixture *f = *state;

	add(f, "[provider codex]\ncommand = codex\n[provider kept]\ncommand = kept\n", false);
	add(f, "[provider mine]\ncommand = mine\n[provider codex]\nenv = A=1\n", true);
	add(f, "[provider other]\ncommand = other\n[provider mine]\nask = false\n", true);
	for (size_t i = 0; order[i]; i++)
		assert_str(f->r->provider_list.p[i]->name, order[i]);
	assert_int_equal(f->r->provider_list.n, 4);
	assert_int_equal(f->r->n_own, 2);
	assert_clean(f);
}

static void put(const char *path, const char *text)
{
	assert_int_equal(os_replace_file(AT_FDCWD, path, 0600, str_of(text)), 0);
}

/* Goes to a fresh folder whose .config is the user's. */
static void enter_home(char dir[64])
{
	strcpy(dir, "/tmp/axmake-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(setenv("HOME", dir, 1), 0);
	assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
	assert_int_equal(os_mkdirs(AT_FDCWD, ".config/axmake", 0700), 0);
}

static void leave_home(const char *dir)
{
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(os_remove_tree(AT_FDCWD, dir), 0);
}

static void the_users_files_come_by_name_then_the_projects(void **state)
{
	struct fixture *f = *state;
	struct rules *r;
	char dir[64];

	enter_home(dir);
	put(".config/axmake/b.ini", "[agent x]\nmodel = b\nrole = b\n");
	put(".config/axmake/a.ini", "[agent x]\nmodel = a\nrole = a\n[provider p]\ncommand = p\n");
	put(".config/axmake/c.ini~", "rubbish");
	put(".config/axmake/.d.ini", "rubbish");
	put("axmake.ini", "\xEF\xBB\xBF[agent x]\nmodel = project\nprovider = p\n");
	r = rules_load(&f->a, f->d, NULL, 0);
	assert_clean(f);
	assert_str(rules_agent(r, STR("x"))->model, "project");
	assert_str(rules_agent(r, STR("x"))->role, "b");
	assert_non_null(rules_agent(r, STR("backend")));
	free_rules(r);
	r = rules_load(&f->a, f->d, NULL, RULES_NO_BUILTIN);
	assert_null(rules_agent(r, STR("backend")));
	assert_non_null(rules_agent(r, STR("x")));
	free_rules(r);
	setenv("XDG_CONFIG_HOME", dir, 1);
	r = rules_load(&f->a, f->d, NULL, 0);
	assert_null(rules_provider(r, STR("p")));
	assert_reports(f, "axmake.ini:3:12: error: agent 'x' names an unknown provider 'p'");
	free_rules(r);
	unsetenv("XDG_CONFIG_HOME");
	leave_home(dir);
}

static void a_folder_in_a_files_place_is_an_error(void **state)
{
	struct fixture *f = *state;
	char dir[64];

	enter_home(dir);
	assert_int_equal(mkdir("axmake.ini", 0700), 0);
	free_rules(rules_load(&f->a, f->d, NULL, 0));
	assert_int_equal(diag_errors(f->d), 1);
	assert_reports(f, "axmake.ini: error: cannot read these rules: ");
	leave_home(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_provider_has_all_its_keys),
	    TEST(an_agent_lists_providers_with_their_places),
	    TEST(later_files_win_key_by_key_and_empty_values_clear),
	    TEST(another_command_of_the_users_starts_afresh),
	    TEST(the_same_command_with_other_blanks_keeps_the_rest),
	    TEST(what_does_not_shape_the_call_is_not_in_its_shape),
	    TEST(long_lines_and_long_names_are_whole),
	    TEST(bom_crlf_comments_and_blank_lines_are_accepted),
	    TEST(names_are_compared_in_nfc),
	    TEST(broken_lines_are_reported_at_their_places),
	    TEST(wrong_keys_and_values_are_reported_with_what_to_do),
	    TEST(a_wrong_command_is_reported_once),
	    TEST(all_mistakes_are_reported_not_only_the_first),
	    TEST(a_nul_byte_is_reported_and_nothing_is_read),
	    TEST(later_settings_take_the_place_of_earlier_ones),
	    TEST(the_built_in_rules_are_read_as_a_users_file_would_be),
    TEST(the_built_in_rules_are_right_when_all_are_read),
    TEST(own_providers_come_before_the_built_in_ones),
	    TEST(the_built_in_rules_are_right_and_hold_the_guides_agents),
	    TEST(the_built_in_patterns_are_right),
	    TEST(the_users_files_come_by_name_then_the_projects),
	    TEST(a_folder_in_a_files_place_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
