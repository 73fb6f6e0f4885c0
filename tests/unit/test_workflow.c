#include "load_fixture.h"

#include <sys/stat.h>

#include "load/workflow.h"

#define FILE_NAME "w.ax.yaml"

static struct workflow *load(struct fixture *f, const char *text)
{
	put(FILE_NAME, text);
	return workflow_load(&f->a, f->d, NULL, STR(FILE_NAME), NULL);
}

/* Loads what must be right. */
static struct workflow *good(struct fixture *f, const char *text)
{
	struct workflow *wf = load(f, text);

	if (diag_errors(f->d))
		fail_msg("%s", printed(f));
	return wf;
}

static void assert_list(const struct text_list *l, const char *a, const char *b)
{
	assert_int_equal(l->n, (a != NULL) + (b != NULL));
	if (a)
		assert_text(l->p[0].s, a);
	if (b)
		assert_text(l->p[1].s, b);
}

static void every_built_key_reaches_its_field(void **state)
{
	struct workflow *wf = good(
	    *state,
	    "tasks:\n"
	    "- {name: a, agent: b, task: do, model: m, provider: p, description: d, on_edit: fail, optional: yes, always: on}\n"
	    "- name: r\n  run: |\n    x\n  shell: bash -e\n  dependencies: [a]\n  after: a\n  inputs: [i, '!j']\n"
	    "  outputs: o/\n  edits: [e]\n  env: {A: 010, B: }\n  env_inputs: HOME\n  timeout: 1.5\n  jobserver: no\n"
	    "  retry: {attempts: 4, delay: 2s, backoff: exponential, max_delay: 1m, on: [auth, failed]}\n"
	    "- {name: f, agent: b, task_file: p.md, retry: 1000}\n- name: group\n");
	struct task_def *a = wf->tasks.p[0], *r = wf->tasks.p[1], *file = wf->tasks.p[2], *group = wf->tasks.p[3];

	assert_int_equal(wf->tasks.n, 4);
	assert_text(a->name.s, "a");
	assert_int_equal(a->at.line, 2);
	assert_int_equal(a->at.col, 10);
	assert_text(a->agent.s, "b");
	assert_text(a->prompt.s, "do");
	assert_text(a->model.s, "m");
	assert_text(a->provider.s, "p");
	assert_text(a->description.s, "d");
	assert_int_equal(a->on_edit, ON_EDIT_FAIL);
	assert_true(a->optional && a->always);
	assert_int_equal(a->jobserver, -1);
	assert_true(a->timeout_ns == TIMEOUT_UNSET && !a->retry.set);
	assert_text(r->run.s, "x\n");
	assert_text(r->shell.s, "bash -e");
	assert_list(&r->dependencies, "a", NULL);
	assert_list(&r->after, "a", NULL);
	assert_list(&r->inputs, "i", "!j");
	assert_list(&r->outputs, "o/", NULL);
	assert_list(&r->edits, "e", NULL);
	assert_list(&r->env_inputs, "HOME", NULL);
	assert_int_equal(r->n_env, 2);
	assert_text(r->env[0].value.s, "010");
	assert_text(r->env[1].value.s, "");
	assert_true(r->timeout_ns == INT64_C(1500000000) && r->jobserver == 0);
	assert_true(r->retry.set && r->retry.attempts == 4 && r->retry.delay_ns == INT64_C(2000000000) && r->retry.exponential);
	assert_true(r->retry.max_delay_ns == INT64_C(60000000000) && r->retry.on == (TRY_AUTH | TRY_FAILED));
	assert_text(file->prompt_file.s, "p.md");
	assert_null(file->prompt.s.p);
	assert_true(file->retry.attempts == 1000 && file->retry.delay_ns == INT64_C(5000000000) &&
	            file->retry.on == TRY_RETRIED_BY_DEFAULT);
	assert_true(!group->agent.s.p && !group->run.s.p && !group->prompt.s.p && group->dependencies.at.line == 0);
}

static void the_list_of_keys_is_what_is_accepted(void **state)
{
	struct fixture *f = *state;
	const char *const *keys = workflow_task_keys();
	size_t n = 0;

	for (; keys[n]; n++) {
		load(f, arena_printf(&f->a, "tasks: [{%s: {}}]", keys[n]).p);
		if (strstr(printed(f), "unknown key") || strstr(printed(f), "not built"))
			fail_msg("%s", keys[n]);
		forget(f);
	}
	assert_true(n >= 22);
}

static void spellings_of_other_files_are_accepted(void **state)
{
	static const char *const spellings[] = {"depends_on", "dependsOn", "deps", "needs", "depends"};
	struct fixture *f = *state;
	struct workflow *wf;

	for (size_t i = 0; i < 5; i++) {
		struct str text = arena_printf(
		    &f->a, "metadata: {name: M, tags: [x]}\nx-y: [{}]\ntasks: [{id: no, agent: b, prompt: p, %s: [x]}]",
		    spellings[i]);

		wf = good(f, text.p);
		assert_text(wf->name.s, "M");
		assert_text(wf->tasks.p[0]->name.s, "no");
		assert_text(wf->tasks.p[0]->prompt.s, "p");
		assert_list(&wf->tasks.p[0]->dependencies, "x", NULL);
	}
	wf = good(f, "name: N\nmetadata: {name: M}\ntasks: [{name: 1.0, agent: b, description: d}, {name: 010, description: e}]");
	assert_text(wf->name.s, "N");
	assert_text(wf->tasks.p[0]->prompt.s, "d");
	assert_text(wf->tasks.p[1]->name.s, "010");
	assert_null(wf->tasks.p[1]->prompt.s.p);
}

static void an_agent_without_a_task_is_told_both_names(void **state)
{
	struct task_def *t = good(*state, "tasks:\n- name: a$${b}\n  agent: product\n")->tasks.p[0];

	assert_non_null(strstr(t->prompt.s.p, "\"product\""));
	assert_non_null(strstr(t->prompt.s.p, "\"a$$${b}\"")); /* `$${` expands to the `${` of the name */
	assert_int_equal(t->prompt.at.line, 3);
	assert_int_equal(t->prompt.at.col, 10);
}

static void defaults_fill_what_a_task_of_their_file_leaves_out(void **state)
{
	struct fixture *f = *state;
	struct workflow *wf;

	put("inc.yaml", "tasks: [{name: other, run: x}]");
	wf = good(f, "tasks:\n- {name: a, task: p}\n- {name: b, run: x, timeout: 1, env: {A: own}}\n- {name: c, agent: z, model: "
	             "own}\n- name: d\n"
	             "include: inc.yaml\n"
	             "defaults: {agent: ag, model: mo, provider: pr, shell: sh, timeout: 2, retry: 3, env: {A: 1, B: 2}, "
	             "env_inputs: [Q], on_edit: keep,"
	             " optional: true, jobserver: true}\n");
	assert_text(wf->tasks.p[0]->agent.s, "ag");
	assert_text(wf->tasks.p[0]->model.s, "mo");
	assert_text(wf->tasks.p[0]->provider.s, "pr");
	assert_null(wf->tasks.p[0]->shell.s.p);
	assert_true(wf->tasks.p[0]->timeout_ns == INT64_C(2000000000) && wf->tasks.p[0]->retry.attempts == 3 &&
	            wf->tasks.p[0]->jobserver == 1);
	assert_true(wf->tasks.p[0]->optional && wf->tasks.p[0]->on_edit == ON_EDIT_KEEP);
	assert_null(wf->tasks.p[1]->agent.s.p);
	assert_text(wf->tasks.p[1]->shell.s, "sh");
	assert_true(wf->tasks.p[1]->timeout_ns == INT64_C(1000000000) && wf->tasks.p[1]->n_env == 2);
	assert_text(wf->tasks.p[1]->env[0].value.s, "own");
	assert_text(wf->tasks.p[1]->env[1].name.s, "B");
	assert_list(&wf->tasks.p[1]->env_inputs, "Q", NULL);
	assert_text(wf->tasks.p[2]->model.s, "own");
	assert_true(!wf->tasks.p[3]->agent.s.p && !wf->tasks.p[3]->prompt.s.p);
	assert_true(!wf->tasks.p[4]->shell.s.p && wf->tasks.p[4]->timeout_ns == TIMEOUT_UNSET);
}

static void names_and_dependencies_are_in_nfc(void **state)
{
	struct workflow *wf = good(*state, "tasks: [{name: e\xcc\x81}, {name: b, needs: e\xcc\x81, after: [e\xcc\x81]}]");

	assert_text(wf->tasks.p[0]->name.s, "\xc3\xa9");
	assert_text(wf->tasks.p[1]->dependencies.p[0].s, "\xc3\xa9");
	assert_text(wf->tasks.p[1]->after.p[0].s, "\xc3\xa9");
}

static void policy_vars_and_targets_are_read(void **state)
{
	struct workflow *wf =
	    good(*state, "policy: {constraints: {maxLatency: 5000, privacy: private}}\nvars: {a b: 1, é: }\ndefault: [x, y]\n"
	                 "tasks: []\n");

	assert_int_equal(wf->policy.max_latency_ms, 5000);
	assert_text(wf->policy.privacy.s, "private");
	assert_int_equal(wf->vars.n, 2);
	assert_text(wf->vars.p[0].name.s, "a b");
	assert_text(wf->vars.p[1].value.s, "");
	assert_list(&wf->defaults_targets, "x", "y");
	assert_text(wf->root, ".");
	assert_int_equal(good(*state, "tasks: []")->policy.max_latency_ms, -1);
}

/* A file, and what must be said of it. */
static const struct {
	const char *text, *want;
} mistakes[] = {
    {"- a\n", ":1:1: error: a workflow file must be a map"},
    {"tasks: {a: b}\n", ":1:8: error: 'tasks' wants a list of tasks"},
    {"tasks: [x]\n", ":1:9: error: a task must be a map"},
    {"tasks: [{run: x}]\n", ":1:9: error: a task without a name"},
    {"tasks: [{name: a, tiemout: 3}]\n", ":1:19: error: unknown key 'tiemout' in a task"},
    {"tasks: [{name: a, tiemout: 3}]\n", "hint: did you mean 'timeout'?"},
    {"taks: []\n", "hint: did you mean 'tasks'?"},
    {"steps: []\n", "hint: axmake's list of tasks is called 'tasks'"},
    {"tasks: []\nrun: x\n", "hint: 'run' is a key of a task: indent it"},
    {"tasks: []\noutputs: [x]\n", ":2:1: error: unknown key 'outputs'"},
    {"tasks: [{name: a, id: b}]\n", ":1:19: error: 'id' and 'name' are two spellings of one key"},
    {"tasks: [{name: a, needs: [], deps: []}]\n", ":1:19: note: 'needs' is here"},
    {"tasks: [{name: a, agent: b, task: c, prompt: d}]\n", ":1:38: error: 'prompt' and 'task' are two spellings"},
    {"tasks: [{name: a}, {name: a}]\n", ":1:27: error: a second task is called 'a'"},
    {"tasks: [{name: a}, {name: a}]\n", ":1:16: note: the first one is here"},
    {"tasks: [{name: \xc3\xa9}, {name: e\xcc\x81}]\n", ":1:27: error: a second task is called '\xc3\xa9'"},
    {"tasks: [{name: a/b}]\n", ":1:16: error: the task's name 'a/b' holds a '/'"},
    {"tasks: [{name: a=b}]\n", "holds a '='"},
    {"tasks: [{name: \"a\\tb\"}]\n", "'a\\tb' holds a control character"},
    {"tasks: [{name: \"a\\u0085b\"}]\n", "holds a control character"},
    {"tasks: [{name: -a}]\n", "begins with '-'"},
    {"tasks: [{name: .a}]\n", "begins with '.'"},
    {"tasks: [{name: ' a'}]\n", "begins or ends with a space"},
    {"tasks: [{name: 'a '}]\n", "begins or ends with a space"},
    {"tasks: [{name: ''}]\n", ":1:16: error: 'name' is empty"},
    {"tasks: [{name: }]\n", "error: 'name' wants a text, not nothing"},
    {"tasks: [{name: [a]}]\n", ":1:16: error: 'name' wants a text, not a list"},
    {"tasks: [{name: a, run: {b: c}}]\n", ":1:24: error: 'run' wants a text, not a map"},
    {"tasks: [{name: a, run: x, agent: y}]\n", ":1:19: error: a task has an 'agent' or a script to 'run', not both"},
    {"tasks: [{name: a, run: x, agent: y}]\n", ":1:27: note: 'agent' is here"},
    {"tasks: [{name: a, task: x}]\n", ":1:19: error: 'task' needs an 'agent' to do it"},
    {"tasks: [{name: a, run: x, prompt: y}]\n", ":1:27: error: 'prompt' is a prompt, but this task runs a script"},
    {"tasks: [{name: a, task_file: x}]\n", ":1:19: error: 'task_file' needs an 'agent'"},
    {"tasks: [{name: a, agent: b, task: x, task_file: y}]\n", ":1:38: error: 'task' and 'task_file' both give the prompt"},
    {"tasks: [{name: a, shell: x}]\n", ":1:19: error: 'shell' is for a task with 'run'"},
    {"tasks: [{name: a, run: x, model: y}]\n", ":1:27: error: 'model' is for a task with an 'agent'"},
    {"tasks: [{name: a, provider: y}]\n", ":1:19: error: 'provider' is for a task with an 'agent'"},
    {"tasks: [{name: a, inputs: {b: c}}]\n", ":1:27: error: 'inputs' wants a list, not a map"},
    {"tasks: [{name: a, inputs: [x, [y]]}]\n", ":1:31: error: an item of 'inputs' must be a text, not a list"},
    {"tasks: [{name: a, outputs: [x, ]}]\ndefault: [~]\n", ":2:11: error: an item of 'default' must be a text, not nothing"},
    {"tasks: [{name: a, env: [A=1]}]\n", ":1:24: error: 'env' wants a map of NAME: value"},
    {"tasks: [{name: a, env: {A=: 1}}]\n", ":1:25: error: 'A=' is no name of an environment variable"},
    {"tasks: [{name: a, env: {A: [1]}}]\n", ":1:28: error: 'A' wants a text, not a list"},
    {"tasks: [{name: a, env_inputs: [A=1]}]\n", ":1:32: error: 'A=1' is no name of a variable"},
    {"tasks: [{name: a, timeout: 1y}]\n", ":1:28: error: 'timeout' wants a time such as 30 (seconds), 500ms"},
    {"tasks: [{name: a, timeout: [1]}]\n", "'timeout' wants a time"},
    {"tasks: [{name: a, retry: 0}]\n", ":1:26: error: 'retry' wants a number of tries in all, from 1 to 1000, not '0'"},
    {"tasks: [{name: a, retry: 1001}]\n", "not '1001'"},
    {"tasks: [{name: a, retry: [1]}]\n", "'retry' wants a number of tries"},
    {"tasks: [{name: a, retry: {delay: 1}}]\n", ":1:26: error: 'retry' does not say how many tries"},
    {"tasks: [{name: a, retry: {attempts: 2, backof: x}}]\n", "hint: did you mean 'backoff'?"},
    {"tasks: [{name: a, retry: {attempts: 2, backoff: x}}]\n", ":1:49: error: 'backoff' wants fixed or exponential, not 'x'"},
    {"tasks: [{name: a, retry: {attempts: 2, on: [qouta]}}]\n", "hint: did you mean 'quota'?"},
    {"tasks: [{name: a, optional: maybe}]\n", ":1:29: error: 'optional' wants true or false, not 'maybe'"},
    {"tasks: [{name: a, jobserver: 1}]\n", "'jobserver' wants true or false, not '1'"},
    {"tasks: [{name: a, on_edit: x}]\n", "'on_edit' wants keep, rerun or fail, not 'x'"},
    {"defaults: [a]\n", ":1:11: error: 'defaults' wants a map"},
    {"defaults: {outputs: [x]}\n", ":1:12: error: 'outputs' cannot be a default"},
    {"pools: [a]\n", ":1:8: error: 'pools' wants a map of NAME: places, not a list"},
    {"pools: {'': 1}\n", ":1:9: error: a pool's name is not empty"},
    {"pools: {a: b}\n", ":1:12: error: 'a' wants a number of places, from 1 to 1000000, not 'b'"},
    {"pools: {gpu: 1}\ndefaults: {pool: cpu}\ntasks: [{name: a}, {name: b}]\n", ":2:18: error: there is no pool 'cpu'"},
    {"tasks: [{name: a, pool: [x]}]\n", "'pool' wants a text, not a list"},
    {"tasks: [{name: a, slots: 1.5}]\n", "'slots' wants a number of slots, from 0 to 1000000, not '1.5'"},
    {"tasks: [{name: a, memory: -1G}]\n", "'memory' wants a size such as 500M or 2G, not '-1G'"},
    {"tasks: [{name: a, memory: 8E}]\n", "'memory' wants a size"},
    {"tasks: [{name: a, complexity: Low}]\n", "'complexity' wants low, medium or high, not 'Low'"},
    {"defaults: {tiemout: 1}\n", "unknown key 'tiemout' in 'defaults'"},
    {"vars: [a]\n", ":1:7: error: 'vars' wants a map"},
    {"vars: {a.b: 1}\n", ":1:8: error: the variable's name 'a.b' holds one of"},
    {"vars: {'a}': 1}\n", "holds one of"},
    {"vars: {'': 1}\n", "is empty"},
    {"vars: {inputs: 1}\n", "is what ${inputs} and ${outputs} of a task are called by"},
    {"vars: {a: [1]}\n", ":1:11: error: 'a' wants a text, not a list"},
    {"vars: {a: 1}\ntasks: [{name: a}]\n", ":1:8: error: 'a' is both a variable and a task"},
    {"vars: {a: 1}\ntasks: [{name: a}]\n", ":2:16: note: the task is here"},
    {"policy: {constraints: {privacy: secret}}\n", ":1:33: error: 'privacy' wants private or public, not 'secret'"},
    {"policy: {constraints: {maxLatency: -1}}\n", "'maxLatency' wants a number of milliseconds"},
    {"policy: {constraint: {}}\n", "hint: did you mean 'constraints'?"},
    {"policy: {budget: 3}\n", ":1:18: error: 'budget' wants a map such as {cost_usd: 5, tokens: 2M}, not '3'"},
    {"policy: {budget: {cost_usd: -1}}\n", "'cost_usd' wants an amount in US dollars above 0, such as 5 or 0.50, not '-1'"},
    {"policy: {budget: {tokens: 0.5}}\n", "'tokens' wants a number of tokens above 0"},
    {"root: nowhere\n", ":1:7: error: the root nowhere cannot be used: No such file or directory"},
    {"root: w.ax.yaml\n", "is no folder"},
    {"include: none.yaml\n", ":1:10: error: there is no file none.yaml to include"},
    {"include: w.ax.yaml\n", ":1:10: error: files include each other in a circle: w.ax.yaml -> w.ax.yaml"},
    {"include: .\n", "is a folder, not a workflow file"},
};

static void what_a_task_may_make_is_left_out_where_it_lacks(void **state)
{
	static const char *const outputs[] = {"./d/gen.yaml", "d/", "'d/*.yaml'", "'${x}/gen.yaml'", "'d/${x}'"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
		struct inclusion final = {0}, hold = {0};
		struct workflow *wf;

		put(FILE_NAME, arena_printf(&f->a, "include: d//gen.yaml\ntasks: [{name: a, run: x, outputs: %s, pool: p}]\n", outputs[i]).p);
		wf = workflow_load(&f->a, f->d, NULL, STR(FILE_NAME), NULL);
		assert_int_equal(diag_errors(f->d), 0);
		assert_true(wf->partial && wf->includes.n == 1 && wf->includes.p[0].left_out && wf->includes.p[0].missing);
		assert_int_equal(wf->includes.p[0].output.line, 2);
		assert_true(wf->tasks.p[0]->lacks_pool);
		*map_slot(&final.final, STR("d/gen.yaml")) = f;
		wf = workflow_load(&f->a, f->d, NULL, STR(FILE_NAME), &final);
		assert_false(wf->partial);
		assert_int_equal(diag_errors(f->d), 2); /* there is no such file; there is no such pool */
		diag_rewind(f->d, 0);
		*map_slot(&hold.hold, STR("d/gen.yaml")) = f;
		assert_true(workflow_load(&f->a, f->d, NULL, STR(FILE_NAME), &hold)->partial);
		assert_int_equal(diag_errors(f->d), 0);
		map_free(&final.final);
		map_free(&hold.hold);
	}
}

static void a_task_knows_by_which_include_it_came(void **state)
{
	struct fixture *f = *state;
	struct workflow *wf;

	put(FILE_NAME, "include: [one.yaml, two.yaml]\ntasks: [{name: a}]\n");
	put("one.yaml", "include: [three.yaml]\n");
	put("two.yaml", "include: [three.yaml]\ntasks: [{name: b}]\n");
	put("three.yaml", "tasks: [{name: c}]\n");
	wf = workflow_load(&f->a, f->d, NULL, STR(FILE_NAME), NULL);
	assert_int_equal(diag_errors(f->d), 0);
	assert_int_equal(wf->includes.n, 4);
	assert_int_equal(wf->tasks.p[0]->include, 0);
	assert_text(wf->tasks.p[1]->name.s, "c");
	assert_int_equal(wf->tasks.p[1]->include, 2);
	assert_int_equal(wf->includes.p[1].from, 1);
	assert_int_equal(wf->tasks.p[2]->include, 3);
	assert_int_equal(wf->includes.p[2].from, 0);
	assert_null(wf->includes.p[3].text.p);
}

static void every_mistake_is_named_at_its_place(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		load(f, mistakes[i].text);
		assert_true(diag_errors(f->d) > 0);
		assert_holds(printed(f), mistakes[i].want);
		forget(f);
	}
}

static void all_mistakes_of_all_files_come_at_once_and_shared_ones_once(void **state)
{
	struct fixture *f = *state;
	const char *said;

	put("inc.yaml", "tasks:\n- name: \"x\n");
	load(f, "x-d: &d {tiemout: 1}\ninclude: inc.yaml\nbogus: 1\ntasks:\n- {<<: *d, name: a}\n- {<<: *d, name: b}\n- {name: "
	        "c, retry: x}\n");
	assert_int_equal(diag_errors(f->d), 4);
	said = printed(f);
	assert_holds(said, FILE_NAME ":1:10: error: unknown key 'tiemout'");
	assert_holds(said, "inc.yaml:2:9: error: this quote is never closed");
}

static void a_name_may_have_255_bytes(void **state)
{
	struct fixture *f = *state;
	char name[257];

	memset(name, 'n', sizeof name);
	good(f, arena_printf(&f->a, "tasks: [{name: %.255s}]", name).p);
	load(f, arena_printf(&f->a, "tasks: [{name: %.256s}]", name).p);
	assert_holds(printed(f), "is longer than 255 bytes");
}

static void foreign_sections_give_one_warning(void **state)
{
	struct fixture *f = *state;

	good(f, "version: 1\nrecovery: {}\nquality: {}\nobservability: {}\noutputs: {a: {from: b}}\npolicy: {goal: cost, "
	        "constraints: {latency: {p95: 1}}}\n"
	        "tasks: []\n");
	assert_int_equal(diag_warnings(f->d), 1);
	assert_holds(printed(f), "warning: axmake does not act on: ");
	assert_holds(f->printed, "recovery");
	assert_holds(f->printed, "policy.constraints.latency");
}

static void includes_share_one_namespace_and_come_once(void **state)
{
	struct fixture *f = *state;
	struct workflow *wf;

	assert_int_equal(mkdir("d", 0700), 0);
	put("d/a.yaml", "vars: {x: a, y: a}\ndefault: nothing\ninclude: [b.yaml]\npolicy: {constraints: {privacy: "
	                "private}}\ntasks: [{name: a}]\n");
	put("b.yaml", "vars: {y: b, z: b}\ntasks: [{name: b}]\n");
	assert_int_equal(symlink("b.yaml", "link.yaml"), 0);
	wf = good(f, "include: [./d//a.yaml, b.yaml, link.yaml]\nvars: {x: main}\ndefault: m\ntasks: [{name: m}]\n");
	assert_int_equal(wf->tasks.n, 3);
	assert_text(wf->tasks.p[0]->name.s, "m");
	assert_text(wf->tasks.p[1]->name.s, "a");
	assert_text(wf->tasks.p[2]->name.s, "b");
	assert_int_equal(wf->files.n, 3);
	assert_text(wf->files.p[0], FILE_NAME);
	assert_text(wf->files.p[1], "d/a.yaml");
	assert_int_equal(wf->vars.n, 3);
	assert_text(wf->vars.p[0].value.s, "main");
	assert_text(wf->vars.p[1].value.s, "a");
	assert_text(wf->vars.p[2].value.s, "b");
	assert_list(&wf->defaults_targets, "m", NULL);
	assert_text(wf->policy.privacy.s, "private");
	put("b.yaml", "tasks: [{name: m}]\n");
	load(f, "include: b.yaml\ntasks: [{name: m}]\n");
	assert_holds(printed(f), "b.yaml:1:16: error: a second task is called 'm'");
	put("b.yaml", "root: x\n");
	load(f, "include: b.yaml\n");
	assert_holds(printed(f), "b.yaml:1:1: error: 'root' counts in the main file only");
}

static void a_circle_of_includes_is_shown(void **state)
{
	struct fixture *f = *state;

	put("a.yaml", "include: b.yaml\n");
	put("b.yaml", "include: a.yaml\n");
	load(f, "include: a.yaml\n");
	assert_holds(printed(f), "b.yaml:1:10: error: files include each other in a circle: a.yaml -> b.yaml -> a.yaml");
}

static void includes_end_at_depth_32(void **state)
{
	struct fixture *f = *state;

	for (int i = 1; i <= 33; i++)
		put(arena_printf(&f->a, "i%d.yaml", i).p,
		    i == 32 ? "tasks: []\n" : arena_printf(&f->a, "include: i%d.yaml\n", i + 1).p);
	good(f, "include: i1.yaml\n");
	put("i32.yaml", "include: i33.yaml\n");
	load(f, "include: i1.yaml\n");
	assert_holds(printed(f), "i32.yaml:1:10: error: includes are more than 32 deep");
}

static void root_is_relative_to_its_file_and_includes_to_the_root(void **state)
{
	struct fixture *f = *state;
	struct workflow *wf;

	assert_int_equal(mkdir("sub", 0700), 0);
	put("sub/w.yaml", "root: ..\ninclude: inc.yaml\n");
	put("inc.yaml", "tasks: [{name: i}]\n");
	wf = workflow_load(&f->a, f->d, NULL, STR("sub/w.yaml"), NULL);
	assert_int_equal(diag_errors(f->d), 0);
	assert_text(wf->root, ".");
	assert_int_equal(wf->tasks.n, 1);
	put("r.yaml", "root: sub\n");
	assert_text(workflow_load(&f->a, f->d, NULL, STR("./r.yaml"), NULL)->root, "sub");
}

static void files_that_cannot_be_read_say_why(void **state)
{
	struct fixture *f = *state;

	workflow_load(&f->a, f->d, NULL, STR("nowhere.yaml"), NULL);
	assert_holds(printed(f), "error: cannot read nowhere.yaml: No such file or directory");
	forget(f);
	workflow_load(&f->a, f->d, NULL, STR("."), NULL);
	assert_holds(printed(f), "error: . is a folder, not a workflow file");
}

static void the_workflow_is_found_by_name_or_alone(void **state)
{
	struct fixture *f = *state;

	assert_null(workflow_find(&f->a, f->d, NULL, STR_NONE).p);
	assert_holds(printed(f), "error: there is no workflow here");
	put("z.ax.yaml", "");
	put(".hidden.ax.yaml", "");
	assert_text(workflow_find(&f->a, f->d, NULL, STR_NONE), "z.ax.yaml");
	put("b.ax.yaml", "");
	assert_null(workflow_find(&f->a, f->d, NULL, STR_NONE).p);
	assert_holds(printed(f), "error: there are several workflows here: b.ax.yaml, z.ax.yaml");
	put("axmake.yaml", "");
	assert_text(workflow_find(&f->a, f->d, NULL, STR_NONE), "axmake.yaml");
	put("workflow.ax.yaml", "");
	assert_text(workflow_find(&f->a, f->d, NULL, STR_NONE), "workflow.ax.yaml");
	assert_text(workflow_find(&f->a, f->d, NULL, STR("./x//y")), "x/y");
	assert_null(workflow_find(&f->a, f->d, NULL, STR("")).p);
}

static void classes_of_tries_have_names(void **state)
{
	(void)state;
	assert_string_equal(try_class_name(TRY_TRANSIENT), "transient");
	assert_string_equal(try_class_name(TRY_BUDGET), "budget");
	assert_string_equal(try_class_name(TRY_OK), "ok");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(every_built_key_reaches_its_field),
	    CASE(the_list_of_keys_is_what_is_accepted),
	    CASE(spellings_of_other_files_are_accepted),
	    CASE(an_agent_without_a_task_is_told_both_names),
	    CASE(defaults_fill_what_a_task_of_their_file_leaves_out),
	    CASE(names_and_dependencies_are_in_nfc),
	    CASE(policy_vars_and_targets_are_read),
	    CASE(what_a_task_may_make_is_left_out_where_it_lacks),
	    CASE(a_task_knows_by_which_include_it_came),
	    CASE(every_mistake_is_named_at_its_place),
	    CASE(all_mistakes_of_all_files_come_at_once_and_shared_ones_once),
	    CASE(a_name_may_have_255_bytes),
	    CASE(foreign_sections_give_one_warning),
	    CASE(includes_share_one_namespace_and_come_once),
	    CASE(a_circle_of_includes_is_shown),
	    CASE(includes_end_at_depth_32),
	    CASE(root_is_relative_to_its_file_and_includes_to_the_root),
	    CASE(files_that_cannot_be_read_say_why),
	    CASE(the_workflow_is_found_by_name_or_alone),
	    CASE(classes_of_tries_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
