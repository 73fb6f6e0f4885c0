#include "load/makeflags.h"

#include <limits.h>

#include "load/value.h"

/* Words that are being read; an option may take the next one. */
struct reader {
	struct arena *arena;
	VEC(struct str) words;
	size_t i;
	struct makeflags out;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Is byte i of s one that only quotes the next: a backslash, or the first `$` of two? */
static bool quotes_next(struct str s, size_t i)
{
	return i + 1 < s.n && (s.p[i] == '\\' || (s.p[i] == '$' && s.p[i + 1] == '$'));
}

static void split(struct reader *r, struct str s)
{
	struct sbuf b = {0};

	for (size_t i = 0; i < s.n; i++) {
		size_t start = i;

		for (; i < s.n && !is_blank(s.p[i]); i++) {
			if (quotes_next(s, i))
				i++;
			sbuf_char(&b, s.p[i]);
		}
		if (i > start)
			vec_push(r->arena, &r->words, arena_copy(r->arena, sbuf_view(&b)));
		sbuf_clear(&b);
	}
	sbuf_free(&b);
}

static bool is_one_of(const char *letters, char c)
{
	for (; *letters; letters++)
		if (*letters == c)
			return true;
	return false;
}

static void take_letters(struct reader *r, struct str letters)
{
	for (size_t i = 0; i < letters.n; i++) {
		if (is_one_of("CfIoWE", letters.p[i])) {
			/* Its value is the rest, or the next word. */
			r->i += i + 1 == letters.n;
			return;
		}
		if (letters.p[i] == 'j') {
			int64_t n;
			r->out.jobs = value_int(str_sub(letters, i + 1, letters.n), 1, INT_MAX, &n) ? (int)n : -1;
		}
		if (letters.p[i] == 'l')
			r->out.load = str_sub(letters, i + 1, letters.n);
		if (is_one_of("jlO", letters.p[i]))
			return;
		vec_push(r->arena, &r->out.options, str_sub(letters, i, i + 1));
	}
}

bool makeflags_takes_word(struct str option)
{
	static const char *const with_value[] = {"directory",  "file",    "makefile", "include-dir", "old-file",
	                                         "assume-old", "what-if", "new-file", "assume-new",  "eval"};

	for (size_t i = 0; i < sizeof with_value / sizeof *with_value; i++)
		if (str_eq(option, str_of(with_value[i])))
			return true;
	return false;
}

static void take_long(struct reader *r, struct str option)
{
	if (makeflags_takes_word(option))
		r->i++;
	else
		vec_push(r->arena, &r->out.options, option);
}

static void take_variable(struct reader *r, struct str word)
{
	size_t eq = str_find(word, STR("="), 0), end = eq;

	while (end && word.p[end - 1] == ':')
		end--;
	if (eq < word.n && end)
		vec_push(r->arena, &r->out.vars,
		         (struct var_def){.name = {.s = str_sub(word, 0, end)}, .value = {.s = str_sub(word, eq + 1, word.n)}});
}

struct makeflags makeflags_parse(struct arena *a, struct str flags)
{
	struct reader r = {.arena = a};
	bool options = true, first = true;

	split(&r, flags);
	for (; r.i < r.words.n; first = false) {
		struct str word = r.words.p[r.i++];

		if (options && str_eq(word, STR("--")))
			options = false;
		else if (options && str_starts(word, STR("--")))
			take_long(&r, str_sub(word, 2, word.n));
		else if (options && str_starts(word, STR("-")))
			take_letters(&r, str_sub(word, 1, word.n));
		else if (first && str_find(word, STR("="), 0) == word.n)
			take_letters(&r, word); /* make leaves the dash of the first word out */
		else
			take_variable(&r, word);
	}
	return r.out;
}
