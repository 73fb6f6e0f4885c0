#include "load/condition.h"

#include <string.h>

#include "base/vec.h"

#define LONGEST_HINT 60 /* bytes of a word that are worth repeating */

struct parser {
	struct arena *a;
	struct diag *d;
	struct text source;
	size_t at;      /* the next byte */
	unsigned depth;
	bool failed;    /* reported; all that follows is meaningless */
	VEC(struct operand) operands;
};

static struct term *parse_any(struct parser *p);

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What is missing at the end is missing behind the last word, not behind the line ends that may follow. */
static void fail(struct parser *p, size_t at, const char *hint, const char *what)
{
	struct str s = p->source.s;

	while (at == s.n && at && is_space(s.p[at - 1]))
		s.n = --at;
	if (!p->failed)
		diag_error(p->d, text_pos(p->source, at), hint, "%s", what);
	p->failed = true;
}

static bool is_word(char c)
{
	return !is_space(c) && !memchr("\"'()!=&|", c, 8);
}

/* The next byte that is no space; 0 at the end. */
static char peek(struct parser *p)
{
	struct str s = p->source.s;

	while (p->at < s.n && is_space(s.p[p->at]))
		p->at++;
	return p->at < s.n ? s.p[p->at] : '\0';
}

static bool take(struct parser *p, const char *sign)
{
	struct str rest;

	peek(p);
	rest = str_sub(p->source.s, p->at, p->source.s.n);
	if (!str_starts(rest, str_of(sign)))
		return false;
	p->at += strlen(sign);
	return true;
}

static struct term *new_term(struct parser *p, enum term_kind kind)
{
	struct term *t = arena_new(p->a, struct term);

	t->kind = kind;
	return t;
}

/* Adds the operand whose text is [from, to) and which, quotes included, ends where the parser is now. */
static void add_operand(struct parser *p, size_t begin, size_t from, size_t to)
{
	size_t errors = diag_errors(p->d);
	struct operand o = {template_part(p->a, p->d, p->source, from, to), begin, p->at, false};

	p->failed = p->failed || diag_errors(p->d) > errors;
	vec_push(p->a, &p->operands, o);
}

/* Moves over a `${name}`, whose name may hold anything, or a `$${`. Whether it is closed is for the template to say. */
static bool skip_ref(struct parser *p)
{
	struct str s = p->source.s;

	if (str_starts(str_sub(s, p->at, s.n), STR("$${"))) {
		p->at += 3;
		return true;
	}
	if (!str_starts(str_sub(s, p->at, s.n), STR("${")))
		return false;
	p->at = template_ref_end(s, p->at);
	return true;
}

static void parse_quoted(struct parser *p)
{
	struct str s = p->source.s;
	size_t begin = p->at++;

	while (p->at < s.n && s.p[p->at] != s.p[begin])
		if (!skip_ref(p))
			p->at++;
	if (p->at >= s.n) {
		p->at = s.n;
		add_operand(p, begin, begin + 1, s.n); /* a `${` that nothing closes is the nearer cause */
		fail(p, begin, "a text ends with the quote that it began with", "a quote without its end");
		return;
	}
	p->at++;
	add_operand(p, begin, begin + 1, p->at - 1);
}

/* A `${name}`, or of a path a whole word; false where there is none. */
static bool parse_bare(struct parser *p, bool path)
{
	struct str s = p->source.s;
	size_t begin = p->at;

	if (!path && !skip_ref(p))
		return false;
	while (path && p->at < s.n && is_word(s.p[p->at]))
		if (!skip_ref(p))
			p->at++;
	if (p->at == begin)
		return false;
	add_operand(p, begin, begin, p->at);
	return true;
}

/* The word that stands where a value should. */
static struct str word_here(struct parser *p)
{
	size_t end = p->at;

	while (end < p->source.s.n && is_word(p->source.s.p[end]))
		end++;
	return str_sub(p->source.s, p->at, end);
}

static void wants_value(struct parser *p)
{
	struct str word;

	if (p->failed)
		return;
	peek(p);
	word = word_here(p);
	if (word.n && word.n <= LONGEST_HINT)
		fail(p, p->at, diag_hint(p->d, "write \"%.*s\" for the text, ${%.*s} for what has that name", STR_ARG(word), STR_ARG(word)),
		     "a value is \"a text\" or ${a name}");
	else
		fail(p, p->at, NULL, p->at < p->source.s.n ? "here a value is missing: \"a text\" or ${a name}"
							      : "it ends where a value is missing: \"a text\" or ${a name}");
}

static void parse_value(struct parser *p)
{
	char c = peek(p);

	if (p->failed)
		return;
	if (c == '"' || c == '\'')
		parse_quoted(p);
	else if (!parse_bare(p, false))
		wants_value(p);
}

/* Of what the source itself says of a path: `*` and `?` are no names of files that anybody means. */
static void check_path(struct parser *p, struct operand *o)
{
	size_t i;

	o->is_path = true;
	if (!o->value.n)
		fail(p, o->from, "write exists(path)", "'exists' with an empty path");
	for (size_t k = 0; k < o->value.n; k++) {
		const struct piece *piece = &o->value.pieces[k];

		for (i = 0; !piece->is_ref && i < piece->text.n; i++)
			if (piece->text.p[i] == '*' || piece->text.p[i] == '?')
				fail(p, piece->offset + i, "name a file or a folder", "'exists' takes one path, not a pattern");
	}
}

static struct term *parse_exists(struct parser *p, size_t begin)
{
	struct term *t = new_term(p, TERM_EXISTS);
	char c;

	if (!take(p, "(")) {
		fail(p, begin, "write exists(path)", "'exists' without a path");
		return t;
	}
	c = peek(p);
	t->operand = p->operands.n;
	if (c == '"' || c == '\'')
		parse_quoted(p);
	else if (!parse_bare(p, true))
		fail(p, p->at, "write exists(path), with the path in quotes where it holds spaces or the like", "'exists' without a path");
	if (!p->failed)
		check_path(p, &p->operands.p[t->operand]);
	if (!p->failed && !take(p, ")"))
		fail(p, p->at, "it takes one path; put it in quotes where it holds spaces or the like", "')' is missing behind the path of 'exists'");
	return t;
}

static struct term *parse_comparison(struct parser *p)
{
	struct term *t = new_term(p, TERM_EQUAL);
	size_t begin;

	peek(p);
	begin = p->at;
	t->operand = p->operands.n;
	parse_value(p);
	if (p->failed)
		return t;
	if (take(p, "!="))
		t->kind = TERM_UNEQUAL;
	else if (!take(p, "==")) {
		if (peek(p) == '=')
			fail(p, p->at, "write '=='", "'=' compares nothing");
		else
			fail(p, begin, "compare it: == \"yes\", or != \"\" where anything will do", "a value by itself is neither true nor false");
		return t;
	}
	parse_value(p);
	if (!p->failed && (take(p, "==") || take(p, "!=")))
		fail(p, p->at - 2, "join two comparisons with && or ||", "a comparison is of two values");
	return t;
}

static struct term *parse_group(struct parser *p)
{
	size_t begin = p->at - 1;
	struct term *t;

	if (++p->depth > CONDITION_DEPTH) {
		fail(p, begin, NULL, "parentheses are nested more than 64 deep");
		return new_term(p, TERM_CONST);
	}
	t = parse_any(p);
	p->depth--;
	if (!p->failed && !take(p, ")"))
		fail(p, begin, NULL, "'(' without its ')'");
	return t;
}

static struct term *parse_term(struct parser *p)
{
	struct str word;
	struct term *t;

	if (take(p, "("))
		return parse_group(p);
	word = word_here(p);
	if (str_eq(word, STR("exists"))) {
		p->at += word.n;
		return parse_exists(p, p->at - word.n);
	}
	if (!str_eq(word, STR("true")) && !str_eq(word, STR("false")))
		return parse_comparison(p);
	p->at += word.n;
	t = new_term(p, TERM_CONST);
	t->truth = word.n == 4;
	return t;
}

static struct term *parse_not(struct parser *p)
{
	bool negated = false;
	struct term *t, *outer;

	while (take(p, "!"))
		negated = !negated;
	t = parse_term(p);
	if (!negated || !t->negated) {
		t->negated = negated || t->negated;
		return t;
	}
	outer = new_term(p, TERM_ALL); /* of what stood in parentheses and is negated itself */
	outer->first = t;
	outer->negated = true;
	return outer;
}

/* Terms of the next level joined by a sign; where there is but one, that. */
static struct term *parse_joined(struct parser *p, const char *sign, enum term_kind kind, struct term *(*part)(struct parser *p))
{
	struct term *first = part(p), *all, *last = first;

	if (p->failed || !take(p, sign))
		return first;
	all = new_term(p, kind);
	all->first = first;
	do {
		last->next = part(p);
		last = last->next;
	} while (!p->failed && take(p, sign));
	return all;
}

static struct term *parse_all(struct parser *p)
{
	return parse_joined(p, "&&", TERM_ALL, parse_not);
}

static struct term *parse_any(struct parser *p)
{
	return parse_joined(p, "||", TERM_ANY, parse_all);
}

/* Something is left where the expression should have ended. */
static void refuse_rest(struct parser *p)
{
	char c = peek(p);

	if (c == '&' || c == '|')
		fail(p, p->at, "they are written && and ||", "a single '&' or '|' means nothing here");
	else if (c == ')')
		fail(p, p->at, NULL, "')' without its '('");
	else if (c)
		fail(p, p->at, "join two conditions with && or ||", "the condition should end here");
}

struct condition *condition_parse(struct arena *a, struct diag *d, struct text source)
{
	struct parser p = {.a = a, .d = d, .source = source};
	struct condition *c = arena_new(a, struct condition);

	c->root = parse_any(&p);
	if (!p.failed)
		refuse_rest(&p);
	c->source = source;
	c->operands = p.operands.p;
	c->n_operands = p.operands.n;
	return p.failed ? NULL : c;
}
