/* The expression of `when`: how it is taken apart, and what is wrong with it where. */
#include "load_fixture.h"

#include "load/condition.h"

static struct text text_at(const char *s)
{
	return (struct text){.s = str_of(s), .at = {0, 7, 9}, .first_col = 9};
}

/* As s-expressions, operands by their source. */
static void show(struct sbuf *b, const struct condition *c, const struct term *t)
{
	static const char *const signs[] = {[TERM_EQUAL] = "==", [TERM_UNEQUAL] = "!=", [TERM_EXISTS] = "exists", [TERM_ALL] = "&&", [TERM_ANY] = "||"};

	if (t->negated)
		sbuf_char(b, '!');
	if (t->kind == TERM_CONST) {
		sbuf_lit(b, t->truth ? "true" : "false");
		return;
	}
	sbuf_printf(b, "(%s", signs[t->kind]);
	for (size_t i = 0; t->kind <= TERM_EXISTS && i < 1 + (t->kind != TERM_EXISTS); i++) {
		const struct operand *o = &c->operands[t->operand + i];

		assert_int_equal(o->is_path, t->kind == TERM_EXISTS);
		sbuf_char(b, ' ');
		sbuf_str(b, str_sub(c->source.s, o->from, o->to));
	}
	for (const struct term *part = t->first; part; part = part->next) {
		sbuf_char(b, ' ');
		show(b, c, part);
	}
	sbuf_char(b, ')');
}

static void assert_means(struct fixture *f, const char *source, const char *want)
{
	struct condition *c = condition_parse(&f->a, f->d, text_at(source));
	struct sbuf b = {0};

	if (!c)
		fail_msg("%s: %s", source, printed(f));
	show(&b, c, c->root);
	assert_string_equal(b.p, want);
	sbuf_free(&b);
}

static void and_binds_closer_than_or_and_not_closest(void **state)
{
	struct fixture *f = *state;

	assert_means(f, "${a} == \"b\"", "(== ${a} \"b\")");
	assert_means(f, "'a'!='b'&&exists(x)||true", "(|| (&& (!= 'a' 'b') (exists x)) true)");
	assert_means(f, " true && ( false || !exists( a/b.c ) ) ", "(&& true (|| false !(exists a/b.c)))");
	assert_means(f, "!true && false", "(&& !true false)");
	assert_means(f, "!(true && false) || ${a} == ${b c}", "(|| !(&& true false) (== ${a} ${b c}))");
	assert_means(f, "true &&\n\ttrue && true\r\n", "(&& true true true)");
}

static void negations_cancel_each_other(void **state)
{
	struct fixture *f = *state;

	assert_means(f, "!!exists(x)", "(exists x)");
	assert_means(f, "! ! !exists(x)", "!(exists x)");
	assert_means(f, "!(!true)", "!(&& !true)");
	assert_means(f, "!(!(!true))", "!(&& !(&& !true))");
}

static void operands_may_hold_whatever_is_in_their_quotes(void **state)
{
	struct fixture *f = *state;

	assert_means(f, "\"a && 'b' == (${c})\" == '\"'", "(== \"a && 'b' == (${c})\" '\"')");
	assert_means(f, "\"${x\"y}\" == \"\"", "(== \"${x\"y}\" \"\")");
	assert_means(f, "\"$${\" == ${a)b}", "(== \"$${\" ${a)b})");
	assert_means(f, "exists(\"a b (c).md\") && exists(${dir}/${f?}.md)", "(&& (exists \"a b (c).md\") (exists ${dir}/${f?}.md))");
	assert_means(f, "exists(true)", "(exists true)");
}

static void operands_are_templates_of_what_stands_in_the_quotes(void **state)
{
	struct fixture *f = *state;
	struct condition *c = condition_parse(&f->a, f->d, text_at("\"a${b?}$${\" == ${c}"));

	assert_int_equal(c->n_operands, 2);
	assert_int_equal(c->operands[0].value.n, 3);
	assert_text(c->operands[0].value.pieces[0].text, "a");
	assert_text(c->operands[0].value.pieces[1].text, "b");
	assert_true(c->operands[0].value.pieces[1].optional);
	assert_int_equal(c->operands[0].value.pieces[1].offset, 2);
	assert_text(c->operands[0].value.pieces[2].text, "${");
	assert_text(c->operands[1].value.pieces[0].text, "c");
	assert_int_equal(c->operands[1].value.pieces[0].offset, 15);
	assert_false(condition_parse(&f->a, f->d, text_at("'a' == 'b'"))->operands[0].value.has_refs);
}

static const struct {
	const char *source;
	int col; /* from 1 */
	const char *says;
} wrong[] = {
    {" ", 1, "it ends where a value is missing"},
    {"${a}", 1, "neither true nor false"},
    {"!${a} && true", 2, "neither true nor false"},
    {"${a} = \"b\"", 6, "'=' compares nothing"},
    {"${a} == b", 9, "a value is \"a text\" or ${a name}"},
    {"prod == ${a}", 1, "a value is"},
    {"${a} == \n ", 8, "it ends where a value is missing"},
    {"${a} == && true", 9, "here a value is missing"},
    {"${a} == 'b' == 'c'", 13, "a comparison is of two values"},
    {"(true", 1, "'(' without its ')'"},
    {"true)", 5, "')' without its '('"},
    {"true true", 6, "should end here"},
    {"true & true", 6, "a single '&' or '|'"},
    {"true | true", 6, "a single '&' or '|'"},
    {"${a} == \"b", 9, "a quote without its end"},
    {"${a == 'b'", 1, "'${' without its '}'"},
    {"'x${a' == 'b'", 3, "'${' without its '}'"},
    {"'é' == '${}'", 9, "'${}' names nothing"},
    {"exists", 1, "'exists' without a path"},
    {"exists()", 8, "'exists' without a path"},
    {"exists('')", 8, "'exists' with an empty path"},
    {"exists(a b)", 10, "')' is missing"},
    {"exists(a\n", 9, "')' is missing"},
    {"exists(src/*.c)", 12, "not a pattern"},
    {"exists(\"a?\")", 10, "not a pattern"},
    {"true && ", 8, "it ends where a value is missing"},
    {"\"é\" == 'e' &", 12, "a single '&'"},
};

static void each_mistake_is_said_once_at_its_place(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		uint32_t source = diag_source(f->d, STR("f"), STR(""));
		struct text t = text_at(wrong[i].source);
		char place[32];

		t.at.source = source;
		assert_null(condition_parse(&f->a, f->d, t));
		assert_int_equal(diag_errors(f->d), 1);
		snprintf(place, sizeof place, "f:7:%d: error: ", 8 + wrong[i].col);
		assert_holds(printed(f), place);
		assert_holds(f->printed, wrong[i].says);
		forget(f);
	}
}

static struct condition *repeated(struct fixture *f, const char *what, size_t n, const char *end, const char *close, size_t closes)
{
	struct sbuf b = {0};

	for (size_t i = 0; i < n; i++)
		sbuf_lit(&b, what);
	sbuf_lit(&b, end);
	for (size_t i = 0; i < closes; i++)
		sbuf_lit(&b, close);
	struct condition *c = condition_parse(&f->a, f->d, (struct text){.s = arena_copy(&f->a, sbuf_view(&b)), .first_col = 1});
	sbuf_free(&b);
	return c;
}

static void length_has_no_bound_and_depth_has_one(void **state)
{
	struct fixture *f = *state;

	assert_non_null(repeated(f, "(", CONDITION_DEPTH, "true", ")", CONDITION_DEPTH));
	assert_non_null(repeated(f, "true && (false || ", CONDITION_DEPTH, "true", ")", CONDITION_DEPTH));
	assert_non_null(repeated(f, "!", 100000, "true", "", 0));
	assert_non_null(repeated(f, "true || 'a' == 'b' && ", 100000, "true", "", 0));
	assert_int_equal(diag_errors(f->d), 0);
	assert_null(repeated(f, "(", CONDITION_DEPTH + 1, "true", ")", CONDITION_DEPTH + 1));
	assert_holds(printed(f), "parentheses are nested more than 64 deep");
	assert_null(repeated(f, "!(", 1000000, "", "", 0));
	assert_holds(printed(f), "parentheses are nested more than 64 deep");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(and_binds_closer_than_or_and_not_closest),      CASE(negations_cancel_each_other),
	    CASE(operands_may_hold_whatever_is_in_their_quotes), CASE(operands_are_templates_of_what_stands_in_the_quotes),
	    CASE(each_mistake_is_said_once_at_its_place),        CASE(length_has_no_bound_and_depth_has_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
