#include "show_fixture.h"

#include <errno.h>
#include <signal.h>

#include "show/console.h"
#include "show/failure.h"
#include "show/plain.h"

/* A plain observer whose standard output and error go to files. */
struct stage {
	struct fixture *f;
	struct plain_config config;
	struct plain *plain;
	struct observer o;
	int saved[2], files[2];
};

static void begin(struct stage *s, struct fixture *f, bool one_place, size_t count)
{
	s->f = f;
	s->config.graph = &f->graph;
	s->config.diag = f->diag;
	s->config.root_fd = f->dir_fd;
	s->config.program = "axmake";
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		s->saved[i] = dup(i + 1);
		s->files[i] = i && one_place ? dup(s->files[0]) : openat(f->dir_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
		assert_true(s->saved[i] >= 0 && s->files[i] >= 0 && dup2(s->files[i], i + 1) >= 0);
	}
	s->plain = plain_new(&s->config);
	s->o = plain_observer(s->plain);
	s->o.event(s->o.self, &(struct event){.kind = EVENT_RUN_BEGIN, .count = count});
}

static void send(struct stage *s, struct event e)
{
	s->o.event(s->o.self, &e);
}

static struct outcome ended(enum try_class class, int status)
{
	return (struct outcome){.class = class,
	                        .status = status,
	                        .tries = 1,
	                        .duration_ns = 120000000,
	                        .input_tokens = -1,
	                        .output_tokens = -1, .cache_read_tokens = -1, .cache_write_tokens = -1,
	                        .cost_usd = NAN};
}

static void start(struct stage *s, struct task *t)
{
	send(s, (struct event){.kind = EVENT_START, .task = t});
}

static void end(struct stage *s, struct task *t, const struct outcome *o)
{
	t->state = o->class == TRY_OK ? STATE_DONE : STATE_FAILED;
	send(s, (struct event){.kind = EVENT_END, .task = t, .outcome = o});
}

/* Ends the run and gives what was printed. */
static void finish(struct stage *s, const char **out, const char **err)
{
	send(s, (struct event){.kind = EVENT_RUN_END, .at_ns = 1240000000});
	assert_int_equal(plain_end(s->plain), 0);
	plain_free(s->plain);
	for (int i = 0; i < 2; i++) {
		assert_true(dup2(s->saved[i], i + 1) >= 0);
		close(s->saved[i]);
	}
	*out = content_of(s->f, s->files[0]);
	*err = content_of(s->f, s->files[1]);
	close(s->files[0]);
	close(s->files[1]);
}

static struct outcome with_log(struct fixture *f, struct outcome o, const char *path, const char *text)
{
	put_file(f, path, text, strlen(text));
	o.log_path = str_of(path);
	o.log_size = strlen(text);
	o.tail = str_of(text);
	return o;
}

static void a_run_that_ends_well_ends_in_one_line(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "\n# why\n  echo one\necho two\n"), *b = add_task(f, "b", "@backend"),
	            *c = add_task(f, "c", "x");
	struct provider offline = {.name = STR("offline")}, *list[] = {&offline};
	struct outcome o = with_log(f, ended(TRY_OK, 0), ".axmake/tasks/a/stdout", "no newline"), answer = ended(TRY_OK, 0);
	struct stage s = {0};
	const char *out, *err;

	b->providers = list;
	b->n_providers = 1;
	answer.input_tokens = 812;
	answer.output_tokens = 96;
	answer.cost_usd = 0.01;
	answer.tries = 2;
	begin(&s, f, false, 3);
	send(&s, (struct event){.kind = EVENT_FOUND_FRESH, .task = c});
	start(&s, a);
	start(&s, b);
	end(&s, a, &o);
	end(&s, b, &answer);
	finish(&s, &out, &err);
	assert_string_equal(err, "");
	assert_string_equal(out, "[2/3] a: $ echo one …\n"
	                         "[3/3] b: agent backend via offline\n"
	                         "[2/3] a:\n"
	                         "no newline\n"
	                         "[2/3] a: done in 0.12s\n"
	                         "[3/3] b: done in 0.12s (2 tries, 812+96 tokens, $0.01)\n"
	                         "axmake: 2 tasks done, 1 up to date in 1.24s (812+96 tokens, $0.01)\n");
}

static void a_run_with_nothing_to_do_says_so(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "x"), *all = add_task(f, "all", NULL);
	const char *out, *err;

	for (int silent = 0; silent < 2; silent++) {
		struct stage s = {.config.silent = silent};

		begin(&s, f, false, 1);
		send(&s, (struct event){.kind = EVENT_FOUND_FRESH, .task = a});
		send(&s, (struct event){.kind = EVENT_FOUND_FRESH, .task = all});
		finish(&s, &out, &err);
		assert_string_equal(out, silent ? "" : "axmake: nothing to be done (1 task up to date)\n");
	}
}

static void a_run_that_was_refused_claims_nothing(void **state)
{
	struct fixture *f = *state;
	struct stage s = {0};
	const char *out, *err;

	add_task(f, "a", "x");
	begin(&s, f, false, 1);
	send(&s, (struct event){.kind = EVENT_WARNING, .text = STR("no provider")});
	finish(&s, &out, &err);
	assert_string_equal(out, "");
	assert_string_equal(err, "axmake: warning: no provider\n");
}

static void a_failure_ends_in_makes_form_with_a_table(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "make a"), *b = add_task(f, "b", "make b"), *c = add_task(f, "c", "make c");
	struct outcome o = with_log(f, ended(TRY_FAILED, 2), ".axmake/tasks/a/output", "one\ntwo\n"), well = ended(TRY_OK, 0);
	struct stage s = {0};
	const char *out, *err;

	add_dep(f, b, a, DEP_NAMED);
	c->outputs.n = 0;
	begin(&s, f, true, 3);
	start(&s, a);
	start(&s, c);
	end(&s, c, &well);
	end(&s, a, &o);
	send(&s, (struct event){.kind = EVENT_NOT_RUN, .task = b, .text = STR("because of a")});
	finish(&s, &out, &err);
	assert_string_equal(out, "[1/3] a: $ make a\n"
	                         "[2/3] c: $ make c\n"
	                         "[2/3] c: done in 0.12s\n"
	                         "[1/3] a:\n"
	                         "one\ntwo\n"
	                         "axmake: *** [workflow.ax.yaml:10: a] Error 2\n"
	                         "    log: .axmake/tasks/a/output (axmake --log a)\n"
	                         "\n"
	                         "  a  failed   0.12s  Error 2\n"
	                         "  b  not run         because of a\n"
	                         "  c  done     0.12s  declares no outputs: unchecked\n"
	                         "axmake: 1 failed, 1 not run, 1 done in 1.24s\n"
	                         "  axmake --log a   shows what it printed\n"
	                         "  axmake   tries again; what is done stays done\n");
}

static void the_last_lines_go_to_standard_error_where_it_leads_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "make a"), *b = add_task(f, "b", "make b");
	struct outcome o = with_log(f, ended(TRY_FAILED, 2), ".axmake/tasks/a/output", "one\ntwo\n");
	struct stage s = {0};
	const char *out, *err;

	begin(&s, f, false, 2);
	start(&s, a);
	end(&s, a, &o);
	send(&s, (struct event){.kind = EVENT_NOT_RUN, .task = b, .text = STR("stopped after a failure"), .stopped = true});
	finish(&s, &out, &err);
	assert_string_equal(err, "    one\n    two\n"
	                         "axmake: *** [workflow.ax.yaml:10: a] Error 2\n"
	                         "    log: .axmake/tasks/a/output (axmake --log a)\n");
	assert_non_null(strstr(out, "[1/2] a: $ make a\none\ntwo\n"));
	/* b needs nothing that failed: -k would have run it. */
	assert_non_null(strstr(out, "  axmake -k   goes on"));
}

static void an_ignored_failure_fails_nothing(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "make a");
	struct outcome o = ended(TRY_CRASH, SIGTERM);
	struct stage s = {0};
	const char *out, *err;

	o.signaled = true;
	o.ignored = true;
	o.ended = 2;
	begin(&s, f, false, 1);
	start(&s, a);
	end(&s, a, &o);
	finish(&s, &out, &err);
	assert_string_equal(err, "axmake: [workflow.ax.yaml:10: a] Terminated (crash) (ignored)\n"
	                         "axmake: a: 2 processes left behind and ended\n");
	assert_string_equal(out, "[1/1] a: $ make a\naxmake: 0 tasks done, 1 failed and ignored in 1.24s\n");
}

static void what_never_started_has_neither_time_nor_cost(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "@backend"), *b = add_task(f, "b", "x");
	struct outcome bad = {.class = TRY_FAILED, .status = 2, .error = STR("cannot read 'x'")}, touched = ended(TRY_OK, 0);
	struct stage s = {0};
	const char *out, *err;

	touched.tries = 0;
	begin(&s, f, true, 2);
	end(&s, b, &touched);
	end(&s, a, &bad);
	finish(&s, &out, &err);
	assert_string_equal(out, "[1/2] b: recorded as up to date, not run\n"
	                         "axmake: *** [workflow.ax.yaml:10: a] cannot read 'x'\n"
	                         "\n"
	                         "  a  failed  cannot read 'x'\n"
	                         "  b  done\n"
	                         "axmake: 1 failed, 1 done in 1.24s\n"
	                         "  axmake   tries again; what is done stays done\n");
}

static void silent_and_quiet_keep_what_matters(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "make a"), *b = add_task(f, "b", "make b"), *c = add_task(f, "c", "make c");
	struct outcome well = with_log(f, ended(TRY_OK, 0), ".axmake/tasks/a/stdout", "well\n"),
	               bad = with_log(f, ended(TRY_FAILED, 1), ".axmake/tasks/b/stdout", "bad\n");
	const char *out, *err;

	for (int quiet = 0; quiet < 2; quiet++) {
		struct stage s = {.config.silent = !quiet, .config.quiet = quiet};

		begin(&s, f, true, 3);
		start(&s, a);
		end(&s, a, &well);
		start(&s, b);
		end(&s, b, &bad);
		send(&s, (struct event){.kind = EVENT_NOT_RUN, .task = c, .text = STR("because of b")});
		finish(&s, &out, &err);
		assert_string_equal(strstr(out, "bad"), "bad\n"
		                                        "axmake: *** [workflow.ax.yaml:11: b] Error 1\n"
		                                        "    log: .axmake/tasks/b/stdout (axmake --log b)\n"
		                                        "axmake: 1 task not run because of errors\n");
		assert_int_equal(strstr(out, "bad") - out, quiet ? 0 : 5);
	}
}

static void retries_say_why_and_when(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "@backend");
	struct outcome o = ended(TRY_TRANSIENT, 1);
	struct stage s = {0};
	const char *out, *err;

	o.error = STR("529 over\033[2Jloaded");
	begin(&s, f, false, 1);
	start(&s, a);
	send(&s, (struct event){.kind = EVENT_RETRY, .task = a, .outcome = &o, .delay_ns = INT64_C(5000000000)});
	finish(&s, &out, &err);
	assert_string_equal(err, "axmake: a: try 1 failed (transient: 529 over\\x1b[2Jloaded); next in 5s\n");
}

static void live_lines_are_whole_and_named(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "x"), *b = add_task(f, "b", "y");
	struct outcome o = ended(TRY_OK, 0);
	struct stage s = {.config.live = true, .config.silent = true};
	const char *out, *err;

	begin(&s, f, true, 2);
	start(&s, a);
	start(&s, b);
	send(&s, (struct event){.kind = EVENT_DATA, .task = a, .text = STR("on")});
	send(&s, (struct event){.kind = EVENT_DATA, .task = b, .text = STR("x\n\ny\n")});
	send(&s, (struct event){.kind = EVENT_DATA, .task = a, .text = STR("warn\n"), .is_stderr = true});
	send(&s, (struct event){.kind = EVENT_DATA, .task = a, .text = STR("e\ntwo")});
	end(&s, a, &o);
	end(&s, b, &o);
	finish(&s, &out, &err);
	assert_string_equal(out, "b | x\nb | \nb | y\na | warn\na | one\na | two\n");
}

static void trace_gives_the_reason_once_and_the_script(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "one\ntwo\n");
	struct verdict v = {.why = WHY_FORCED};
	struct stage s = {.config.trace = true};
	const char *out, *err;

	begin(&s, f, false, 1);
	send(&s, (struct event){.kind = EVENT_WHY, .task = a, .verdict = &v});
	send(&s, (struct event){.kind = EVENT_START, .task = a, .verdict = &v});
	finish(&s, &out, &err);
	assert_memory_equal(out, "workflow.ax.yaml:10: a: -B was given\n[1/1] a: $ one …\n    one\n    two\n", 70);
}

static void a_large_output_arrives_whole(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "x");
	size_t n = 300000;
	char *text = xmalloc(n + 1);
	struct outcome o;
	struct stage s = {.config.silent = true};
	const char *out, *err;

	for (size_t i = 0; i < n; i++)
		text[i] = i % 61 == 60 ? '\n' : (char)('a' + i % 23);
	text[n] = '\0';
	o = with_log(f, ended(TRY_OK, 0), ".axmake/tasks/a/stdout", text);
	begin(&s, f, false, 1);
	start(&s, a);
	end(&s, a, &o);
	finish(&s, &out, &err);
	assert_memory_equal(out, text, n);
	assert_string_equal(out + n, "\n");
	free(text);
}

static void a_table_of_many_tasks_fits_a_screen(void **state)
{
	struct fixture *f = *state;
	struct outcome bad = ended(TRY_FAILED, 1), well = ended(TRY_OK, 0);
	struct stage s = {.config.program = "axmake"};
	const char *out, *err, *table;
	size_t lines = 0;

	for (int i = 0; i < 100; i++)
		add_task(f, arena_printf(&f->a, "t%d", i).p, "x");
	begin(&s, f, false, 100);
	for (size_t i = 0; i < 100; i++) {
		struct task *t = f->graph.tasks.p[i];

		if (i >= 20 && i < 97)
			send(&s, (struct event){.kind = EVENT_NOT_RUN, .task = t, .text = STR("because of t97")});
		else
			end(&s, t, i < 20 ? &well : &bad);
	}
	finish(&s, &out, &err);
	table = strstr(out, "\n\n");
	assert_non_null(table);
	assert_non_null(strstr(table, "\n\n  t97  failed"));
	assert_non_null(strstr(table, "  … and 65 not run, 17 done: see axmake --status or --report\naxmake: 3 failed, 77 not run, 20 done in 1.24s\n"));
	for (const char *p = table; *p; p++)
		lines += *p == '\n';
	assert_in_range(lines, 20, 24);
}

static void a_terminal_is_shown_no_control_characters(void **state)
{
	struct fixture *f = *state;
	struct console c = {.terminal = true};
	bool any;
	/* The second half of a C1 control and of a letter each fall into the next piece. */
	char *text = xmalloc((32 << 10) + 64);
	int fd;

	memset(text, 'x', 32 << 10);
	strcpy(text + (32 << 10) - 1, "\xc2\x9b\x1b[2J\ttab\rend\xc2\xa7\x7f");
	put_file(f, "d/in", text, strlen(text));
	free(text);
	fd = openat(f->dir_fd, "d/in", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(console_stream(&c, true, fd, &any), 0);
	close(fd);
	assert_true(any);
	assert_string_equal(c.out.p + (32 << 10) - 2, "x\\u009b\\x1b[2J\ttab\\x0dend\xc2\xa7\\x7f\n");
	console_close(&c);
}

static void a_write_error_of_standard_output_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct task *a = add_task(f, "a", "x");
	struct outcome o = ended(TRY_OK, 0);
	struct stage s = {0};
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), result;

	begin(&s, f, false, 1);
	assert_true(dup2(full, STDOUT_FILENO) >= 0);
	start(&s, a);
	s.o.flush(s.o.self);
	end(&s, a, &o);
	result = plain_end(s.plain);
	plain_free(s.plain);
	for (int i = 0; i < 2; i++)
		assert_true(dup2(s.saved[i], i + 1) >= 0 && !close(s.saved[i]));
	assert_int_equal(result, ENOSPC);
	assert_string_equal(content_of(f, s.files[1]), "axmake: write error: stdout: No space left on device\n");
	close(s.files[0]);
	close(s.files[1]);
	close(full);
}

static const char *words(struct fixture *f, struct task *t, const struct outcome *o)
{
	struct sbuf b = {0};
	const char *text;

	failure_words(&b, t, o);
	text = arena_copy(&f->a, sbuf_view(&b)).p;
	sbuf_free(&b);
	return text;
}

static void failures_are_put_into_words(void **state)
{
	struct fixture *f = *state;
	struct task *run = add_task(f, "r", "x"), *agent = add_task(f, "a", "@b");
	struct outcome o = ended(TRY_FAILED, 200);

	assert_string_equal(words(f, run, &o), "Error 200");
	o.error = STR("cannot run /bin/zsh");
	assert_string_equal(words(f, run, &o), "Error 200: cannot run /bin/zsh");
	assert_string_equal(words(f, agent, &o), "cannot run /bin/zsh");
	o = ended(TRY_ANSWER, 0);
	assert_string_equal(words(f, run, &o), "answer");
	o.error = STR("output 'x' is missing");
	assert_string_equal(words(f, run, &o), "answer: output 'x' is missing");
	o = ended(TRY_STALL, 0);
	o.timeout_ns = INT64_C(30000000000);
	o.activity = STR("Reading\x1b it");
	assert_string_equal(words(f, agent, &o), "Stall: no output for 30s; last: Reading\\x1b it");
	o = ended(TRY_TRANSIENT, 1);
	o.error = STR("529 overloaded");
	assert_string_equal(words(f, agent, &o), "transient: 529 overloaded");
	o = ended(TRY_TIMEOUT, SIGTERM);
	o.signaled = true;
	o.timeout_ns = INT64_C(600000000000);
	assert_string_equal(words(f, run, &o), "Timeout after 10m");
}

static void the_tail_is_ten_whole_lines_at_most(void **state)
{
	struct fixture *f = *state;
	struct str t;
	char *wide = xmalloc(6000);

	(void)f;
	t = failure_tail(STR("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n\n"));
	assert_true(str_eq(t, STR("3\n4\n5\n6\n7\n8\n9\n10\n11\n12")));
	assert_true(str_eq(failure_tail(STR("1\n")), STR("1")));
	assert_int_equal(failure_tail(STR_NONE).n, 0);
	/* Lines of 100 bytes: as many whole ones as fit 2 KiB would be 20, but ten is the bound; of 500 bytes: four. */
	memset(wide, 'x', 6000);
	for (size_t i = 499; i < 6000; i += 500)
		wide[i] = '\n';
	t = failure_tail((struct str){wide, 6000});
	assert_int_equal(t.n, 4 * 500 - 1);
	/* One line, cut between characters. */
	for (size_t i = 0; i < 6000; i += 3)
		memcpy(wide + i, "\xe2\x82\xac", 3);
	t = failure_tail((struct str){wide, 6000});
	assert_int_equal(t.n, 2046);
	assert_memory_equal(t.p, "\xe2\x82\xac", 3);
	free(wide);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, show_setup, show_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_run_that_ends_well_ends_in_one_line),
	    CASE(a_run_with_nothing_to_do_says_so),
	    CASE(a_run_that_was_refused_claims_nothing),
	    CASE(a_failure_ends_in_makes_form_with_a_table),
	    CASE(the_last_lines_go_to_standard_error_where_it_leads_elsewhere),
	    CASE(an_ignored_failure_fails_nothing),
	    CASE(what_never_started_has_neither_time_nor_cost),
	    CASE(silent_and_quiet_keep_what_matters),
	    CASE(retries_say_why_and_when),
	    CASE(live_lines_are_whole_and_named),
	    CASE(trace_gives_the_reason_once_and_the_script),
	    CASE(a_large_output_arrives_whole),
	    CASE(a_table_of_many_tasks_fits_a_screen),
	    CASE(a_terminal_is_shown_no_control_characters),
	    CASE(a_write_error_of_standard_output_is_told_once),
	    CASE(failures_are_put_into_words),
	    CASE(the_tail_is_ten_whole_lines_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
