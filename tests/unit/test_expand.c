#include "load_fixture.h"

#include <time.h>

#include "load/expand.h"

static struct text text_at(const char *s)
{
	return (struct text){.s = str_of(s), .at = {0, 7, 5}, .first_col = 5};
}

static struct template parse(struct fixture *f, const char *s)
{
	return template_parse(&f->a, f->d, text_at(s));
}

static void assert_piece(const struct template *t, size_t i, bool is_ref, const char *text, size_t offset)
{
	assert_true(i < t->n);
	assert_int_equal(t->pieces[i].is_ref, is_ref);
	assert_text(t->pieces[i].text, text);
	assert_int_equal(t->pieces[i].offset, offset);
}

static void a_text_without_references_is_one_piece(void **state)
{
	struct template t = parse(*state, "costs $5 {x} $");

	assert_int_equal(t.n, 1);
	assert_piece(&t, 0, false, "costs $5 {x} $", 0);
	assert_false(t.has_refs);
	assert_int_equal(parse(*state, "").n, 0);
}

static void references_and_literals_keep_their_offsets(void **state)
{
	struct template t = parse(*state, "a ${design} b${x.y?}${z}");

	assert_int_equal(t.n, 5);
	assert_piece(&t, 0, false, "a ", 0);
	assert_piece(&t, 1, true, "design", 2);
	assert_piece(&t, 2, false, " b", 11);
	assert_piece(&t, 3, true, "x.y", 13);
	assert_piece(&t, 4, true, "z", 20);
	assert_true(t.pieces[3].optional && !t.pieces[1].optional && !t.pieces[4].optional);
	assert_true(t.has_refs);
}

static void dollar_dollar_brace_is_a_literal(void **state)
{
	struct template t = parse(*state, "x $${a} $$${b}");
	struct sbuf b = {0};

	assert_false(t.has_refs);
	for (size_t i = 0; i < t.n; i++)
		sbuf_str(&b, t.pieces[i].text);
	assert_string_equal(b.p, "x ${a} $${b}");
	sbuf_free(&b);
}

static void wrong_references_are_reported_at_their_place_and_stay_text(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {"ab ${", "ab ${x", "ab ${x\n}", "ab ${x ${y}", "ab ${}", "ab ${?}"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint32_t source = diag_source(f->d, STR("f"), STR(""));
		struct text t = text_at(bad[i]);
		char want[32];

		t.at.source = source;
		template_parse(&f->a, f->d, t);
		assert_int_equal(diag_errors(f->d), 1);
		snprintf(want, sizeof want, "f:7:8: error: '${");
		assert_holds(printed(f), want);
		forget(f);
	}
	assert_true(parse(f, "${x ${y}").has_refs);
}

static void places_are_exact_in_a_line_and_in_blocks(void **state)
{
	struct text t = text_at("é ${x}");
	struct text block = {.s = STR("one\n  é ${x}"), .at = {0, 7, 9}, .first_col = 5, .is_block = true};
	struct text unknown = {.s = STR("a b"), .at = {0, 7, 9}};
	struct pos at = text_pos(t, 3);

	(void)state;
	assert_int_equal(at.line, 7);
	assert_int_equal(at.col, 7);
	at = text_pos(block, 9);
	assert_int_equal(at.line, 9);
	assert_int_equal(at.col, 9);
	at = text_pos(unknown, 2);
	assert_int_equal(at.line, 7);
	assert_int_equal(at.col, 9);
	block.is_block = false; /* a file of its own */
	assert_int_equal(text_pos(block, 9).line, 8);
}

/* A second of the processor is a hundred times what they take; by the square of their number they took a minute. */
static void many_places_of_a_text_take_time_by_its_length(void **state)
{
	enum { N = 200000 };
	struct fixture *f = *state;
	char *long_text = arena_alloc(&f->a, N * 3 + 1);
	clock_t began = clock();

	for (size_t i = 0; i < N; i++)
		memcpy(long_text + 3 * i, i % 1000 == 999 ? "${\n" : "${x", 3);
	long_text[N * 3] = '\0';
	struct text t = text_at(long_text);
	struct text_walk w = {.t = t};
	for (size_t i = 0; i < N; i++) {
		struct pos at = text_walk_to(&w, 3 * i);

		assert_int_equal(at.line, 7 + i / 1000);
		assert_int_equal(at.col, 5 + 3 * (i % 1000));
	}
	assert_int_equal(text_walk_to(&w, 4).col, text_pos(t, 4).col);
	t.at.source = diag_source(f->d, STR("f"), STR("x"));
	template_parse(&f->a, f->d, t);
	assert_int_equal(diag_errors(f->d), N);
	forget(f);
	assert_true(clock() - began < 20 * CLOCKS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_text_without_references_is_one_piece),   CASE(references_and_literals_keep_their_offsets),
	    CASE(dollar_dollar_brace_is_a_literal),         CASE(wrong_references_are_reported_at_their_place_and_stay_text),
	    CASE(places_are_exact_in_a_line_and_in_blocks), CASE(many_places_of_a_text_take_time_by_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
