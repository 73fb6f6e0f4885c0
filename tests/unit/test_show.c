#include "show_fixture.h"

#include <jansson.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "show/phrase.h"
#include "show/underway.h"

/* What a view prints, in the arena. */
#define PRINTED(f, call)                                                                                                         \
	({                                                                                                                       \
		char *bytes_ = NULL;                                                                                             \
		size_t n_ = 0;                                                                                                   \
		FILE *to = open_memstream(&bytes_, &n_);                                                                         \
		call;                                                                                                            \
		fclose(to);                                                                                                      \
		struct str copy_ = arena_copy(&(f)->a, (struct str){bytes_, n_});                                                \
		free(bytes_);                                                                                                    \
		copy_.p;                                                                                                         \
	})

#define PHRASE(f, call)                                                                                                          \
	({                                                                                                                       \
		struct sbuf b_ = {0}, *b = &b_;                                                                                  \
		call;                                                                                                            \
		struct str copy_ = arena_copy(&(f)->a, sbuf_view(b));                                                            \
		sbuf_free(b);                                                                                                    \
		copy_.p;                                                                                                         \
	})

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!j)
		fail_msg("no JSON: %s in %s", error.text, text);
	return j;
}

static void spans_read_as_they_are_written(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(PHRASE(f, phrase_span(b, INT64_C(600000000000))), "10m");
	assert_string_equal(PHRASE(f, phrase_span(b, INT64_C(3600000000000))), "1h");
	assert_string_equal(PHRASE(f, phrase_span(b, INT64_C(90000000000))), "90s");
	assert_string_equal(PHRASE(f, phrase_span(b, INT64_C(500000000))), "500ms");
	assert_string_equal(PHRASE(f, phrase_span(b, INT64_C(5300000000))), "5.30s");
}

static void words_are_quoted_for_a_shell_only_where_they_must_be(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(PHRASE(f, phrase_word(b, STR("api-v1.2"))), "api-v1.2");
	assert_string_equal(PHRASE(f, phrase_word(b, STR("höhe"))), "höhe");
	assert_string_equal(PHRASE(f, phrase_word(b, STR("it's $x"))), "'it'\\''s $x'");
	assert_string_equal(PHRASE(f, phrase_word(b, STR(""))), "''");
}

static void cells_are_cut_and_filled_by_columns(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(PHRASE(f, phrase_cell(b, STR("ab"), 4)), "ab  ");
	assert_string_equal(PHRASE(f, phrase_cell(b, STR("abcdef"), 4)), "abc…");
	/* Each takes two columns: one of them and the sign, and one column is left. */
	assert_string_equal(PHRASE(f, phrase_cell(b, STR("日本語"), 4)), "日… ");
	assert_string_equal(PHRASE(f, phrase_cell(b, STR("e\xcc\x81xy"), 3)), "e\xcc\x81xy");
	assert_string_equal(PHRASE(f, phrase_cell(b, STR("a\033[2J"), 10)), "a\\x1b[2J  ");
}

static void a_cost_that_nobody_reported_is_not_zero(void **state)
{
	struct fixture *f = *state;
	struct usage u = {0};

	assert_string_equal(PHRASE(f, usage_phrase(b, &u); sbuf_lit(b, "|")), "|");
	usage_add(&u, -1, -1, NAN);
	assert_string_equal(PHRASE(f, usage_phrase(b, &u)), " (cost not reported)");
	usage_add(&u, 812, 96, 0.0125);
	assert_string_equal(PHRASE(f, usage_phrase(b, &u)),
	                    " (812+96 tokens and 1 not reported, $0.01, cost of 1 agent task not reported)");
	assert_string_equal(PHRASE(f, phrase_usd(b, 0)), "$0.00");
	assert_string_equal(PHRASE(f, phrase_usd(b, 0.0004)), "$0.0004");
}

static void list_as_json_has_the_shape_of_the_contract(void **state)
{
	struct fixture *f = *state;
	struct task *design = add_task(f, "design", "@product"), *check = add_task(f, "say \"hi\"", "true");
	json_t *j, *t;

	def_of(design)->description.s = STR("What it\nlooks like");
	add_dep(f, check, design, DEP_NAMED);
	j = parse(PRINTED(f, view_list(&f->view, to, true)));
	assert_int_equal(json_array_size(json_object_get(j, "tasks")), 2);
	t = json_array_get(json_object_get(j, "tasks"), 0);
	assert_int_equal(json_object_size(t), 6);
	assert_string_equal(json_string_value(json_object_get(t, "name")), "design");
	assert_string_equal(json_string_value(json_object_get(t, "file")), "workflow.ax.yaml");
	assert_int_equal(json_integer_value(json_object_get(t, "line")), 10);
	assert_string_equal(json_string_value(json_object_get(t, "agent")), "product");
	assert_string_equal(json_string_value(json_object_get(t, "description")), "What it\nlooks like");
	assert_int_equal(json_array_size(json_object_get(t, "dependencies")), 0);
	t = json_array_get(json_object_get(j, "tasks"), 1);
	assert_string_equal(json_string_value(json_object_get(t, "name")), "say \"hi\"");
	assert_true(json_is_null(json_object_get(t, "agent")));
	assert_string_equal(json_string_value(json_array_get(json_object_get(t, "dependencies"), 0)), "design");
	json_decref(j);
}

static void list_as_text_has_a_line_a_task(void **state)
{
	struct fixture *f = *state;

	def_of(add_task(f, "design", "@product"))->description.s = STR("Two\nlines\n");
	add_task(f, "t", "true");
	assert_string_equal(PRINTED(f, view_list(&f->view, to, false)), "design  agent product  Two\\nlines\n"
	                                                                "t       run\n");
}

static void bad_bytes_in_json_are_made_visible(void **state)
{
	struct fixture *f = *state;
	uint32_t odd = diag_source(f->diag, STR("caf\xe9.yaml"), STR_NONE);
	json_t *j;

	def_of(add_task(f, "a", "true"))->at.source = odd;
	j = parse(PRINTED(f, view_list(&f->view, to, true)));
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(j, "tasks"), 0), "file")),
	                    "caf\\xe9.yaml");
	json_decref(j);
}

/* a -> b, a -> c, b and c -> d; e stands alone and is not asked for. */
static void add_diamond(struct fixture *f)
{
	struct task *a = add_task(f, "a", "@product"), *b = add_task(f, "b", "make b"), *c = add_task(f, "c", "make c"),
	            *d = add_task(f, "d", NULL), *e = add_task(f, "e", "true");

	add_dep(f, b, a, DEP_NAMED);
	add_dep(f, c, a, DEP_AFTER);
	add_dep(f, d, b, DEP_NAMED);
	add_dep(f, d, c, DEP_NAMED);
	e->wanted = false;
}

static void graph_as_text_has_each_task_once(void **state)
{
	struct fixture *f = *state;

	add_diamond(f);
	assert_string_equal(PRINTED(f, view_graph(&f->view, to, GRAPH_TEXT)), "a     agent product\n"
	                                                                      "├─ b  run\n"
	                                                                      "├─ c  run            <- a (order only)\n"
	                                                                      "└─ d  group          <- b, c\n");
}

static void graph_as_text_stays_small_for_many_branches(void **state)
{
	struct fixture *f = *state;
	struct task *last = NULL;
	size_t longest = 0;
	const char *text, *end;

	for (int i = 0; i < 60; i++) {
		struct task *t = add_task(f, arena_printf(&f->a, "t%d", i).p, "true"), *u = add_task(f, arena_printf(&f->a, "u%d", i).p, "true");

		if (last) {
			add_dep(f, t, last, DEP_NAMED);
			add_dep(f, u, last, DEP_NAMED);
		}
		last = t;
	}
	text = PRINTED(f, view_graph(&f->view, to, GRAPH_TEXT));
	for (; (end = strchr(text, '\n')); text = end + 1)
		longest = utf8_width((struct str){text, (size_t)(end - text)}) > longest ? utf8_width((struct str){text, (size_t)(end - text)}) : longest;
	assert_in_range(longest, 60, 80);
}

static void graph_as_text_says_how_many_needs_are_left_out(void **state)
{
	struct fixture *f = *state;
	struct task *all = add_task(f, "all", NULL);

	f->graph.order.n = 0;
	for (int i = 0; i < 11; i++) {
		struct task *t = add_task(f, arena_printf(&f->a, "t%d", i).p, "true");

		add_dep(f, all, t, DEP_NAMED);
	}
	vec_push(&f->a, &f->graph.order, all);
	assert_non_null(strstr(PRINTED(f, view_graph(&f->view, to, GRAPH_TEXT)),
	                       "all  group  <- t0, t1, t2, t3, t4, t5, t6, t7 and 3 more\n"));
}

static void graph_edges_go_to_the_task_that_needs(void **state)
{
	struct fixture *f = *state;

	add_diamond(f);
	assert_string_equal(PRINTED(f, view_graph(&f->view, to, GRAPH_DOT)), "digraph workflow {\n"
	                                                                     "  rankdir=LR;\n"
	                                                                     "  node [shape=box];\n"
	                                                                     "  t0 [label=\"a\", style=rounded];\n"
	                                                                     "  t1 [label=\"b\"];\n"
	                                                                     "  t2 [label=\"c\"];\n"
	                                                                     "  t3 [label=\"d\", style=dotted];\n"
	                                                                     "  t0 -> t1;\n"
	                                                                     "  t0 -> t2 [style=dashed];\n"
	                                                                     "  t1 -> t3;\n"
	                                                                     "  t2 -> t3;\n"
	                                                                     "}\n");
	assert_string_equal(PRINTED(f, view_graph(&f->view, to, GRAPH_MERMAID)), "flowchart LR\n"
	                                                                         "    t0(\"a\")\n"
	                                                                         "    t1[\"b\"]\n"
	                                                                         "    t2[\"c\"]\n"
	                                                                         "    t3([\"d\"])\n"
	                                                                         "    t0 --> t1\n"
	                                                                         "    t0 -.-> t2\n"
	                                                                         "    t1 --> t3\n"
	                                                                         "    t2 --> t3\n");
	assert_string_equal(PRINTED(f, view_graph(&f->view, to, GRAPH_JSON)),
	                    "{\"tasks\":["
	                    "{\"name\":\"a\",\"kind\":\"agent\",\"agent\":\"product\",\"file\":\"workflow.ax.yaml\",\"line\":10,\"task_file\":null,"
	                    "\"inputs\":[],\"outputs\":[\"made\"],\"edits\":[],\"input_files\":[]},"
	                    "{\"name\":\"b\",\"kind\":\"run\",\"agent\":null,\"file\":\"workflow.ax.yaml\",\"line\":11,\"task_file\":null,"
	                    "\"inputs\":[],\"outputs\":[\"made\"],\"edits\":[],\"input_files\":[]},"
	                    "{\"name\":\"c\",\"kind\":\"run\",\"agent\":null,\"file\":\"workflow.ax.yaml\",\"line\":12,\"task_file\":null,"
	                    "\"inputs\":[],\"outputs\":[\"made\"],\"edits\":[],\"input_files\":[]},"
	                    "{\"name\":\"d\",\"kind\":\"group\",\"agent\":null,\"file\":\"workflow.ax.yaml\",\"line\":13,\"task_file\":null,"
	                    "\"inputs\":[],\"outputs\":[\"made\"],\"edits\":[],\"input_files\":[]}],"
	                    "\"edges\":[{\"from\":\"a\",\"to\":\"b\",\"counts\":true},{\"from\":\"a\",\"to\":\"c\",\"counts\":false},"
	                    "{\"from\":\"b\",\"to\":\"d\",\"counts\":true},{\"from\":\"c\",\"to\":\"d\",\"counts\":true}]}\n");
}

static void names_are_quoted_in_graph_languages(void **state)
{
	struct fixture *f = *state;

	add_task(f, "a\"];\\ <b> #1 `x`", "true");
	assert_non_null(strstr(PRINTED(f, view_graph(&f->view, to, GRAPH_DOT)), "[label=\"a\\\"];\\\\ <b> #1 `x`\"];"));
	assert_non_null(
	    strstr(PRINTED(f, view_graph(&f->view, to, GRAPH_MERMAID)), "[\"a#quot;];#92; #lt;b#gt; #35;1 #96;x#96;\"]"));
}

static void explain_names_the_cause_and_what_is_unchecked(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "true"), *b = add_task(f, "b", "true");

	f->verdicts[a->id] = (struct verdict){.why = WHY_CHANGED, .subject = STR("input x changed"), .before = STR("3f2a"), .now = STR("91bc")};
	f->verdicts[b->id].why = WHY_NOT;
	b->outputs.n = 0;
	add_task(f, "c", "true")->wanted = false;
	assert_string_equal(PRINTED(f, view_explain(&f->view, to)), "a: stale: input x changed (3f2a -> 91bc)\n"
	                                                            "b: up to date (declares no outputs: unchecked)\n");
}

static void explain_says_what_cannot_run(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "true");

	f->verdicts[a->id] = (struct verdict){.why = WHY_PROBLEM, .subject = STR("cannot read 'x': Permission denied")};
	assert_string_equal(PRINTED(f, view_explain(&f->view, to)), "a: cannot run: cannot read 'x': Permission denied\n");
	assert_string_equal(PRINTED(f, view_plan(&f->view, to, false, 1, 0)),
	                    "cannot run a: cannot read 'x': Permission denied\naxmake: 0 of 1 task would run\n");
}

static void plan_starts_the_longest_path_first(void **state)
{
	struct fixture *f = *state;
	struct task *low = add_task(f, "low", "echo low"), *high = add_task(f, "high", "@backend"),
	            *then = add_task(f, "then", "echo a\n\nif b\n\tc\n");

	low->priority_ns = 1;
	high->priority_ns = 9;
	then->priority_ns = 3;
	add_dep(f, then, high, DEP_NAMED);
	add_record(f, low, 30, NAN);
	add_record(f, high, 100, 0.4);
	add_record(f, then, 30, NAN);
	for (size_t i = 0; i < 3; i++)
		f->verdicts[i].why = WHY_FORCED;
	assert_string_equal(PRINTED(f, view_plan(&f->view, to, false, 1, 0)),
	                    "would run high: -B was given\n"
	                    "    agent backend\n"
	                    "would run then: -B was given\n"
	                    "    echo a\n\n    if b\n    \tc\n"
	                    "would run low: -B was given\n"
	                    "    echo low\n"
	                    "axmake: 3 of 3 tasks would run, about 2m40s with -j1, about $0.40 (from earlier runs)\n");
	/* Two at once: low runs beside high; no limit: the same. */
	assert_non_null(strstr(PRINTED(f, view_plan(&f->view, to, false, 2, 0)), "about 2m10s with -j2,"));
	assert_non_null(strstr(PRINTED(f, view_plan(&f->view, to, false, 0, 0)), "about 2m10s with -j,"));
	assert_string_equal(PRINTED(f, view_plan(&f->view, to, true, 1, 0)), "high\nthen\nlow\n");
}

static void plan_passes_over_what_is_up_to_date(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "true"), *all = add_task(f, "all", NULL), *b = add_task(f, "b", "true");

	add_dep(f, all, a, DEP_NAMED);
	add_dep(f, b, all, DEP_NAMED);
	f->verdicts[a->id].why = WHY_NOT;
	assert_non_null(strstr(PRINTED(f, view_plan(&f->view, to, false, 4, 0)),
	                       "axmake: 1 of 2 tasks would run; time of 1 task unknown\n"));
	f->verdicts[b->id].why = WHY_NOT;
	assert_string_equal(PRINTED(f, view_plan(&f->view, to, false, 4, 0)), "axmake: nothing to be done (2 tasks up to date)\n");
	assert_string_equal(PRINTED(f, view_plan(&f->view, to, true, 4, 0)), "");
}

static void plan_starts_every_task_of_a_wide_graph_once(void **state)
{
	struct fixture *f = *state;
	struct task *tasks[60];
	bool seen[60] = {false};
	const char *text;
	size_t starts = 0;

	for (int i = 0; i < 60; i++) {
		tasks[i] = add_task(f, arena_printf(&f->a, "%d", i).p, "true");
		tasks[i]->priority_ns = (i * 37) % 60;
		add_record(f, tasks[i], (i * 13) % 7, NAN);
		if (i >= 2) {
			add_dep(f, tasks[i], tasks[i / 2], DEP_NAMED);
			add_dep(f, tasks[i], tasks[i - 2], DEP_NAMED);
		}
	}
	text = PRINTED(f, view_plan(&f->view, to, true, 3, 0));
	for (; *text; text = strchr(text, '\n') + 1, starts++) {
		int i = atoi(text);

		assert_false(seen[i]);
		seen[i] = true;
		for (size_t k = 0; k < tasks[i]->deps.n; k++)
			assert_true(seen[tasks[i]->deps.p[k].task->id]);
	}
	assert_int_equal(starts, 60);
}

static void status_without_a_run_tells_what_is_stale(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "@backend");
	struct task_record *r = add_record(f, a, 2, 0.1);
	json_t *j, *t;

	add_task(f, "b", "true");
	f->verdicts[a->id].why = WHY_NOT;
	r->provider = STR("offline");
	r->input_tokens = 812;
	r->output_tokens = 96;
	assert_string_equal(PRINTED(f, view_status(&f->view, to, false)), "no run under way\n"
	                                                                  "up-to-date  a (812+96 tokens, $0.10)\n"
	                                                                  "stale       b: it has not succeeded yet\n");
	j = parse(PRINTED(f, view_status(&f->view, to, true)));
	assert_true(json_is_null(json_object_get(j, "run")));
	t = json_array_get(json_object_get(j, "tasks"), 0);
	assert_int_equal(json_object_size(t), 10);
	assert_string_equal(json_string_value(json_object_get(t, "state")), "up-to-date");
	assert_true(json_is_null(json_object_get(t, "reason")));
	assert_string_equal(json_string_value(json_object_get(t, "agent")), "backend");
	assert_string_equal(json_string_value(json_object_get(t, "provider")), "offline");
	assert_int_equal(json_integer_value(json_object_get(t, "tries")), 1);
	assert_int_equal(json_integer_value(json_object_get(t, "duration_ms")), 2000);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(t, "tokens"), "output")), 96);
	assert_true(json_real_value(json_object_get(t, "cost_usd")) == 0.1);
	t = json_array_get(json_object_get(j, "tasks"), 1);
	assert_string_equal(json_string_value(json_object_get(t, "reason")), "it has not succeeded yet");
	assert_true(json_is_null(json_object_get(t, "tries")) && json_is_null(json_object_get(t, "tokens")));
	json_decref(j);
}

/* A run that goes on in this folder: task a runs, b has failed. Returns the lock's holder, to be closed. */
static struct store begin_run(struct fixture *f, uint64_t run_id)
{
	struct store holder;
	struct store_error err = {0};
	struct lock_holder other;
	struct str note;
	struct log *log;

	assert_int_equal(chdir(f->dir), 0);
	assert_true(store_open(&holder, &f->a, true, &err));
	assert_int_equal(store_lock(&holder, run_id, false, &other, &err, &f->a), LOCK_TAKEN);
	log = log_open(&f->a, holder.fd, false, &note);
	assert_non_null(log);
	assert_int_equal(log_start(log, f->workflow.file, STR("a"), 1, run_id), 0);
	assert_int_equal(log_start(log, f->workflow.file, STR("b"), 2, run_id), 0);
	assert_int_equal(log_failed(log, f->workflow.file, STR("b"), 2, STR("timeout"), 3, INT64_C(4000000000)), 0);
	assert_int_equal(log_start(log, f->workflow.file, STR("old"), 3, run_id - 1), 0);
	assert_int_equal(log_close(log), 0);
	return holder;
}

static void status_during_a_run_tells_what_it_does(void **state)
{
	struct fixture *f = *state;
	struct task *b, *fresh = NULL, *done;
	struct underway underway;
	struct store holder;
	struct store_error err = {0};
	struct str note;
	const char *text;
	json_t *j, *t;

	add_task(f, "a", "true");
	b = add_task(f, "b", "true");
	add_dep(f, add_task(f, "c", "true"), b, DEP_NAMED);
	add_task(f, "old", "true");
	fresh = add_task(f, "fresh", "true");
	done = add_task(f, "done", "true");
	f->verdicts[fresh->id].why = f->verdicts[done->id].why = WHY_NOT;
	add_record(f, fresh, 1, NAN)->ended_at_ms = 1;
	add_record(f, done, 1, NAN)->ended_at_ms = INT64_MAX;
	holder = begin_run(f, 7);
	assert_true(store_open(&f->store, &f->a, false, &err));
	underway = underway_look(&f->a);
	assert_false(underway.told);
	underway.told = true; /* as by a journal */
	underway.workflow = f->workflow.file;
	f->view.underway = &underway;
	f->view.log = log_open(&f->a, f->store.fd, true, &note);
	text = PRINTED(f, view_status(&f->view, to, false));
	assert_memory_equal(text, "run 0000000000000007 since 20", 29);
	assert_non_null(strstr(text, arena_printf(&f->a, ", pid %d\n", (int)getpid()).p));
	assert_memory_equal(strchr(text, '\n'), "\nrunning     a: for ", 19);
	assert_string_equal(strchr(strchr(text, '\n') + 1, '\n'), "\n"
	                                        "failed      b: the last try failed (timeout)\n"
	                                        "not-run     c: because of b\n"
	                                        "waiting     old: for its turn\n"
	                                        "up-to-date  fresh\n"
	                                        "done        done\n");
	j = parse(PRINTED(f, view_status(&f->view, to, true)));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "run"), "pid")), getpid());
	assert_string_equal(json_string_value(json_object_get(json_object_get(j, "run"), "id")), "0000000000000007");
	t = json_array_get(json_object_get(j, "tasks"), 1);
	assert_string_equal(json_string_value(json_object_get(t, "state")), "failed");
	assert_int_equal(json_integer_value(json_object_get(t, "tries")), 3);
	assert_int_equal(json_integer_value(json_object_get(t, "duration_ms")), 4000);
	json_decref(j);
	/* The run is over: what it left is told. */
	store_close(&holder);
	underway = underway_look(&f->a);
	text = PRINTED(f, view_status(&f->view, to, false));
	assert_memory_equal(text, "no run under way\nstale       a: ", 32);
	assert_non_null(strstr(text, "failed      b: the last try failed (timeout)\nstale       c: "));
	log_close(f->view.log);
	store_close(&f->store);
	f->store.fd = -1;
	assert_int_equal(chdir("/"), 0);
}

static void log_shows_what_was_printed_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	struct task *t = add_task(f, "t", "true");

	open_store(f);
	put_file(f, ".axmake/tasks/t/stdout", "", 0);
	put_file(f, ".axmake/tasks/t/stderr", "no\0 end", 7);
	assert_memory_equal(PRINTED(f, assert_true(view_log(&f->view, t, to))), "no\0 end", 8);
	put_file(f, ".axmake/tasks/t/output", "both\n", 5);
	assert_string_equal(PRINTED(f, assert_true(view_log(&f->view, t, to))), "both\n");
}

static void log_and_result_say_when_there_is_none(void **state)
{
	struct fixture *f = *state;
	struct task *t = add_task(f, "t", "true"), *all = add_task(f, "all", NULL);
	struct task_record *r;

	assert_string_equal(PRINTED(f, assert_false(view_log(&f->view, t, to))), "");
	assert_string_equal(PRINTED(f, assert_false(view_result(&f->view, t, to))), "");
	assert_string_equal(PRINTED(f, assert_false(view_log(&f->view, all, to))), "");
	r = add_record(f, t, 1, NAN);
	r->has_result = true;
	r->result = hash_bytes("yes", 3);
	r->result_size = 3;
	assert_string_equal(PRINTED(f, assert_false(view_result(&f->view, t, to))), "");
}

static void a_damaged_result_is_not_shown(void **state)
{
	struct fixture *f = *state;
	struct task *t = add_task(f, "t", "true");
	struct task_record *r = add_record(f, t, 1, NAN);
	const char *path;

	r->has_result = true;
	r->result = hash_bytes("yes", 3);
	r->result_size = 3;
	open_store(f);
	path = store_result_path(&f->a, r->result).p;
	put_file(f, path, "yes", 3);
	assert_string_equal(PRINTED(f, assert_true(view_result(&f->view, t, to))), "yes");
	put_file(f, path, "yea", 3);
	assert_string_equal(PRINTED(f, assert_false(view_result(&f->view, t, to))), "");
	/* The empty result needs no file. */
	r->result_size = 0;
	r->result = hash_bytes("", 0);
	assert_string_equal(PRINTED(f, assert_true(view_result(&f->view, t, to))), "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, show_setup, show_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(spans_read_as_they_are_written),
	    CASE(words_are_quoted_for_a_shell_only_where_they_must_be),
	    CASE(cells_are_cut_and_filled_by_columns),
	    CASE(a_cost_that_nobody_reported_is_not_zero),
	    CASE(list_as_json_has_the_shape_of_the_contract),
	    CASE(list_as_text_has_a_line_a_task),
	    CASE(bad_bytes_in_json_are_made_visible),
	    CASE(graph_as_text_has_each_task_once),
	    CASE(graph_as_text_stays_small_for_many_branches),
	    CASE(graph_as_text_says_how_many_needs_are_left_out),
	    CASE(graph_edges_go_to_the_task_that_needs),
	    CASE(names_are_quoted_in_graph_languages),
	    CASE(explain_names_the_cause_and_what_is_unchecked),
	    CASE(explain_says_what_cannot_run),
	    CASE(plan_starts_the_longest_path_first),
	    CASE(plan_passes_over_what_is_up_to_date),
	    CASE(plan_starts_every_task_of_a_wide_graph_once),
	    CASE(status_without_a_run_tells_what_is_stale),
	    CASE(status_during_a_run_tells_what_it_does),
	    CASE(log_shows_what_was_printed_byte_by_byte),
	    CASE(log_and_result_say_when_there_is_none),
	    CASE(a_damaged_result_is_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
