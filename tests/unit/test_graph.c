/* Graph, signatures and staleness on small workflows in a folder of their own. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/glob.h"
#include "base/os.h"
#include "graph/content.h"
#include "project.h"

static char here[] = "/tmp/axmake-graph-XXXXXX";

static void write_file(const char *path, const char *content)
{
	assert_int_equal(os_replace_file(AT_FDCWD, path, 0644, str_of(content)), 0);
}

struct fixture {
	struct arena arena;
	struct options options;
	struct project project;
};

/* Loads `yaml` as the workflow; errors stay in the diag. */
static struct fixture *load(const char *yaml)
{
	struct fixture *f = calloc(1, sizeof *f);
	char *argv[] = {"axmake", NULL};
	write_file("workflow.ax.yaml", yaml);
	f->project.arena = &f->arena;
	f->project.diag = diag_new();
	options_parse(&f->options, &f->arena, f->project.diag, 1, argv, NULL, NULL);
	project_load(&f->project, &f->options);
	return f;
}

static void done(struct fixture *f)
{
	project_close(&f->project);
	diag_free(f->project.diag);
	arena_free(&f->arena);
	free(f);
}

static struct task *task(struct fixture *f, const char *name)
{
	struct task *t = graph_task(f->project.graph, str_of(name));
	assert_non_null(t);
	return t;
}

static bool needs(struct fixture *f, const char *a, const char *b)
{
	return graph_needs(f->project.graph, task(f, a), task(f, b));
}

static const char *printed(struct fixture *f)
{
	static char text[65536];
	FILE *to = fmemopen(text, sizeof text, "w");
	diag_print(f->project.diag, to, false);
	fclose(to);
	return text;
}

static void edges_come_from_names_files_and_prompts(void **state)
{
	(void)state;
	struct fixture *f = load("tasks:\n"
				 "  - {name: a, run: 'true', outputs: [a.txt]}\n"
				 "  - {name: b, run: 'true', inputs: [a.txt]}\n"
				 "  - {name: c, run: 'true', dependencies: [b]}\n"
				 "  - {name: d, agent: backend, task: 'see ${c}'}\n"
				 "  - {name: e, run: 'true', after: [d]}\n"
				 "  - {name: f, run: 'true'}\n");
	assert_int_equal(diag_errors(f->project.diag), 0);
	assert_true(needs(f, "b", "a"));
	assert_true(needs(f, "e", "a"));
	assert_false(needs(f, "a", "b"));
	assert_false(needs(f, "f", "a"));
	assert_int_equal(task(f, "d")->deps.p[0].how, DEP_RESULT);
	done(f);
}

static void patterns_give_way_to_names(void **state)
{
	(void)state;
	struct fixture *f = load("tasks:\n"
				 "  - {name: make, run: 'true', inputs: ['out/*'], outputs: [out/self]}\n"
				 "  - {name: later, run: 'true', dependencies: [make], outputs: [out/later]}\n"
				 "  - {name: first, run: 'true', outputs: [out/first]}\n");
	assert_int_equal(diag_errors(f->project.diag), 0);
	assert_true(needs(f, "make", "first"));
	assert_false(needs(f, "make", "later"));
	done(f);
}

static void patterns_that_meet_each_other_make_no_edge(void **state)
{
	(void)state;
	struct fixture *f = load("tasks:\n"
				 "  - {name: a, run: 'true', inputs: ['x/*'], outputs: [x/a]}\n"
				 "  - {name: b, run: 'true', inputs: ['x/*'], outputs: [x/b]}\n");
	assert_int_equal(diag_errors(f->project.diag), 0);
	assert_int_equal(diag_warnings(f->project.diag), 1);
	assert_false(needs(f, "a", "b") || needs(f, "b", "a"));
	assert_non_null(strstr(printed(f), "'a' and 'b'"));
	done(f);
}

/* Paths and patterns of a few characters, often alike. */
static struct pattern some_pattern(struct arena *a, uint64_t *seed)
{
	static const char *const parts[] = {"a", "b", "ab", "a*", "*b", "**", "?", "[ab]", "a\\*", "*", "a[", "b?a"};
	struct sbuf s = {0};
	struct pattern p = {.kind = PATTERN_GLOB};
	for (uint64_t n = (*seed = *seed * 6364136223846793005u + 1442695040888963407u) >> 33, k = n % 3 + 1; k; k--, n /= 12)
		sbuf_printf(&s, "%s%s", parts[n % 12], k > 1 ? "/" : "");
	if (!glob_is_pattern(sbuf_view(&s)) || *seed >> 61 == 0)
		p.kind = *seed >> 60 & 1 ? PATTERN_TREE : PATTERN_FILE;
	for (size_t i = 0; p.kind != PATTERN_GLOB && i < s.n; i++) /* a name that looks like a pattern may be taken for one that meets it */
		s.p[i] = strchr("*?[]\\", s.p[i]) ? 'c' : s.p[i];
	p.path = p.kind != PATTERN_GLOB && *seed >> 58 & 1 ? STR(".") : arena_copy(a, sbuf_view(&s));
	sbuf_free(&s);
	return p;
}

static struct str glob_of(struct arena *a, const struct pattern *p)
{
	struct sbuf s = {0};
	if (p->kind == PATTERN_GLOB)
		return p->path;
	if (!str_eq(p->path, STR(".")))
		glob_quote(&s, p->path);
	if (p->kind == PATTERN_TREE)
		sbuf_str(&s, s.n ? STR("/**") : STR("**"));
	struct str g = arena_copy(a, sbuf_view(&s));
	sbuf_free(&s);
	return g;
}

/* Those that begin otherwise are told apart before they are taken apart. */
static void patterns_meet_as_their_globs_do(void **state)
{
	struct arena a = {0};
	uint64_t seed = 1;
	size_t met = 0;
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct pattern x = some_pattern(&a, &seed), y = some_pattern(&a, &seed);
		bool meet = content_meets(&x, &y);
		if (x.kind == PATTERN_GLOB || y.kind == PATTERN_GLOB)
			assert_int_equal(meet, glob_may_meet(glob_of(&a, &x), glob_of(&a, &y)));
		assert_int_equal(meet, content_meets(&y, &x));
		met += meet;
	}
	assert_in_range(met, 2000, 18000);
	arena_free(&a);
}

static void a_cycle_is_shown_whole(void **state)
{
	(void)state;
	struct fixture *f = load("tasks:\n"
				 "  - {name: a, run: 'true', dependencies: [b]}\n"
				 "  - {name: b, run: 'true', dependencies: [c]}\n"
				 "  - {name: c, run: 'true', dependencies: [a]}\n"
				 "  - {name: self, run: 'true', dependencies: [self]}\n");
	assert_int_equal(diag_errors(f->project.diag), 2);
	const char *text = printed(f);
	assert_non_null(strstr(text, "a -> b -> c -> a"));
	assert_non_null(strstr(text, "self -> self"));
	done(f);
}

static void every_cycle_of_three_tasks_is_found(void **state)
{
	(void)state;
	for (unsigned edges = 0; edges < 512; edges++) {
		struct sbuf yaml = {0};
		bool reach[3][3] = {{false}};
		sbuf_lit(&yaml, "tasks:\n");
		for (unsigned i = 0; i < 3; i++) {
			sbuf_printf(&yaml, "  - {name: t%u, run: 'true', dependencies: [", i);
			for (unsigned k = 0, n = 0; k < 3; k++)
				if (edges >> (3 * i + k) & 1) {
					sbuf_printf(&yaml, "%st%u", n++ ? ", " : "", k);
					reach[i][k] = true;
				}
			sbuf_lit(&yaml, "]}\n");
		}
		for (int m = 0; m < 3; m++)
			for (int i = 0; i < 3; i++)
				for (int k = 0; k < 3; k++)
					reach[i][k] = reach[i][k] || (reach[i][m] && reach[m][k]);
		bool cyclic = reach[0][0] || reach[1][1] || reach[2][2];
		struct fixture *f = load(yaml.p);
		assert_int_equal(diag_errors(f->project.diag) > 0, cyclic);
		done(f);
		sbuf_free(&yaml);
	}
}

static void a_chain_of_a_hundred_thousand_needs_no_stack(void **state)
{
	(void)state;
	struct sbuf yaml = {0};
	sbuf_lit(&yaml, "tasks:\n- {name: t0, run: 'true'}\n");
	for (int i = 1; i < 100000; i++)
		sbuf_printf(&yaml, "- {name: t%d, run: 'true', dependencies: [t%d]}\n", i, i - 1);
	struct fixture *f = load(yaml.p);
	assert_int_equal(diag_errors(f->project.diag), 0);
	assert_int_equal(f->project.graph->order.n, 100000);
	assert_true(task(f, "t99999")->wanted && task(f, "t0")->wanted);
	done(f);
	sbuf_free(&yaml);
}

static void signature_hex(struct fixture *f, const char *name, char hex[HASH_HEX])
{
	struct signing s;
	struct task *t = task(f, name);
	const struct provider *p = t->n_providers ? t->providers[0] : NULL;
	assert_true(project_open(&f->project, false, 0));
	signature_compute(&f->project.stale.hashing, &f->arena, t, p, true, true, &s);
	assert_int_equal(s.problem.n, 0);
	hash_hex(s.hash, hex);
	sbuf_free(&s.fields);
}

/* These values are on users' disks: a change makes all their work stale. Only a change of what a signature means may change them. */
/* By the fourth power of their number it took a minute. */
static void a_chain_of_a_thousand_edits_is_ordered_soon(void **state)
{
	enum { N = 1000 };
	struct sbuf yaml = {0};
	clock_t began = clock();
	(void)state;
	sbuf_str(&yaml, STR("tasks:\n- {name: t0, run: 'true', edits: [src/]}\n"));
	for (int i = 1; i < N; i++)
		sbuf_printf(&yaml, "- {name: t%d, run: 'true', edits: [%s], dependencies: [t%d]}\n", i, i % 2 ? "src/" : "src/a, src/b", i - 1);
	struct fixture *f = load(yaml.p);
	const struct graph *g = f->project.graph;
	for (size_t i = 0; i < N; i++) {
		const struct task *t = g->tasks.p[i];
		assert_int_equal(t->deps.n, i);
		for (size_t k = 0; k < t->deps.n; k++)
			assert_true(t->deps.p[k].how & DEP_EDIT);
	}
	done(f);
	sbuf_free(&yaml);
	assert_true(clock() - began < 20 * CLOCKS_PER_SEC);
}

static void signatures_keep_their_values(void **state)
{
	(void)state;
	char hex[HASH_HEX];
	write_file("in.txt", "content\n");
	struct fixture *f = load("vars: {v: value}\n"
				 "tasks:\n"
				 "  - {name: script, run: 'cp in.txt $v', inputs: [in.txt], outputs: [out.txt], env: {A: 'x ${v}'}}\n"
				 "  - {name: ask, agent: backend, provider: offline, model: m, task: 'about ${v}', outputs: [doc/]}\n");
	assert_int_equal(diag_errors(f->project.diag), 0);
	signature_hex(f, "script", hex);
	assert_string_equal(hex, "6be0419c768713dc7549bd8f0e85edae");
	done(f);
	f = load("tasks:\n  - {name: ask, agent: plain, provider: offline, model: m, task: 'about it', outputs: [doc/]}\n");
	signature_hex(f, "ask", hex);
	assert_string_equal(hex, "4819a38055dd8b49c50f87b426d32169");
	done(f);
	f = load("tasks:\n  - {name: said, run: 'true'}\n"
		 "  - {name: ask, agent: plain, provider: offline, task: 'about it', context: paths, dependencies: [said]}\n");
	task(f, "said")->has_result = true;
	task(f, "said")->result = hash_bytes("so", 2);
	task(f, "said")->result_size = 2;
	signature_hex(f, "ask", hex);
	assert_string_equal(hex, "8538861f06e8397523522bda73314b92");
	done(f);
}

/* Two workflows whose only task must, or must not, have one signature. */
static bool same_signature(const char *one, const char *two)
{
	char a[HASH_HEX], b[HASH_HEX];
	struct fixture *f = load(one);
	signature_hex(f, "t", a);
	done(f);
	f = load(two);
	signature_hex(f, "t", b);
	done(f);
	return !strcmp(a, b);
}

static void what_does_not_count_changes_no_signature(void **state)
{
	(void)state;
	write_file("in.txt", "content\n");
	write_file("other.txt", "other\n");
	const char *base = "tasks: [{name: t, run: 'true', inputs: [in.txt, other.txt], outputs: [o]}]\n";
	assert_true(same_signature(base, "# comment\ntasks: [{name: t, run: 'true', inputs: [other.txt, ./in.txt], outputs: [o]}]\n"));
	assert_true(same_signature(base, "tasks: [{name: t, run: 'true', inputs: [in.txt, other.txt], outputs: [o], timeout: 5, retry: 3, "
					 "description: x, optional: true, on_edit: fail, jobserver: false}]\n"));
	assert_true(same_signature(base, "vars: {unused: 1}\n"
					 "tasks: [{name: t, run: 'true', inputs: [in.txt, other.txt], outputs: [o]}]\n"));
}

static void what_counts_changes_the_signature(void **state)
{
	(void)state;
	write_file("in.txt", "content\n");
	write_file("other.txt", "other\n");
	const char *base = "tasks: [{name: t, run: 'true', inputs: [in.txt], outputs: [o]}]\n";
	static const char *const others[] = {
		"tasks: [{name: t, run: 'true ', inputs: [in.txt], outputs: [o]}]\n",
		"tasks: [{name: t, run: 'true', inputs: [other.txt], outputs: [o]}]\n",
		"tasks: [{name: t, run: 'true', inputs: [in.txt, other.txt], outputs: [o]}]\n",
		"tasks: [{name: t, run: 'true', inputs: [in.txt], outputs: [p]}]\n",
		"tasks: [{name: t, run: 'true', inputs: [in.txt], outputs: [o/]}]\n",
		"tasks: [{name: t, run: 'true', inputs: [in.txt], outputs: [o], edits: [e]}]\n",
		"tasks: [{name: t, run: 'true', inputs: [in.txt], outputs: [o], env: {A: b}}]\n",
		"tasks: [{name: t, run: 'true', inputs: [in.txt], outputs: [o], env_inputs: [AXMAKE_UNSET]}]\n",
		"tasks: [{name: t, run: 'true', inputs: [in.txt], outputs: [o], shell: bash}]\n",
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(same_signature(base, others[i]));
	write_file("in.txt", "changed\n");
	char before[HASH_HEX], after[HASH_HEX];
	struct fixture *f = load(base);
	signature_hex(f, "t", before);
	done(f);
	write_file("in.txt", "content\n");
	f = load(base);
	signature_hex(f, "t", after);
	done(f);
	assert_string_not_equal(before, after);
}

static void an_unset_variable_differs_from_an_empty_one(void **state)
{
	(void)state;
	const char *w = "tasks: [{name: t, run: 'true', env_inputs: [AXMAKE_TEST_ENV]}]\n";
	char unset[HASH_HEX], empty[HASH_HEX];
	unsetenv("AXMAKE_TEST_ENV");
	struct fixture *f = load(w);
	signature_hex(f, "t", unset);
	done(f);
	setenv("AXMAKE_TEST_ENV", "", 1);
	f = load(w);
	signature_hex(f, "t", empty);
	done(f);
	unsetenv("AXMAKE_TEST_ENV");
	assert_string_not_equal(unset, empty);
}

static int enter(void **state)
{
	(void)state;
	setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
	if (!mkdtemp(here) || chdir(here))
		return -1;
	write_file("axmake.ini", "[agent plain]\nrole =\n");
	return 0;
}

static int leave(void **state)
{
	(void)state;
	return chdir("/") || os_remove_tree(AT_FDCWD, here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges_come_from_names_files_and_prompts),
		cmocka_unit_test(patterns_give_way_to_names),
		cmocka_unit_test(patterns_that_meet_each_other_make_no_edge),
		cmocka_unit_test(patterns_meet_as_their_globs_do),
		cmocka_unit_test(a_cycle_is_shown_whole),
		cmocka_unit_test(every_cycle_of_three_tasks_is_found),
		cmocka_unit_test(a_chain_of_a_hundred_thousand_needs_no_stack),
		cmocka_unit_test(a_chain_of_a_thousand_edits_is_ordered_soon),
		cmocka_unit_test(signatures_keep_their_values),
		cmocka_unit_test(what_does_not_count_changes_no_signature),
		cmocka_unit_test(what_counts_changes_the_signature),
		cmocka_unit_test(an_unset_variable_differs_from_an_empty_one),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
