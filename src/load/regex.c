#include "load/regex.h"

#include <ctype.h>
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
	MOST_DEEP = 100,
	MOST_PIECES = 10000, /* characters, once repetitions are written out */
	CHOICE = 9,          /* so many more for each place at which a match has a choice: glibc takes 85 MB and 0.2 s for a thousand of them in a row */
};

/* How much there is to be of what stands in one pair of parentheses. */
struct level {
	uint64_t all, last; /* pieces; of them those of what a repetition that follows would repeat */
};

static void add(struct level *l, uint64_t pieces)
{
	l->all += pieces;
	l->last = pieces;
}

static void repeat(struct level *l, uint64_t times)
{
	uint64_t more = l->last * (times ? times - 1 : 0);

	l->all += more;
	l->last += more;
}

/* Behind a list like [^]a[:alpha:]]. */
static size_t skip_list(struct str s, size_t at)
{
	at += at < s.n && s.p[at] == '^';
	at += at < s.n && s.p[at] == ']';
	while (at < s.n && s.p[at] != ']') {
		const char *end = NULL;

		if (s.p[at] == '[' && at + 1 < s.n && strchr(":.=", s.p[at + 1]))
			end = memchr(s.p + at + 2, s.p[at + 1], s.n - at - 2);
		at = end && (size_t)(end - s.p) + 1 < s.n && end[1] == ']' ? (size_t)(end - s.p) + 2 : at + 1;
	}
	return at < s.n ? at + 1 : at;
}

/* The larger number in "{m,n}", and where it ends; false: it is none. */
static bool take_interval(struct str s, size_t *at, uint64_t *times)
{
	size_t i = *at;
	uint64_t n = 0;

	*times = 0;
	for (; i < s.n && (isdigit((unsigned char)s.p[i]) || s.p[i] == ','); i++) {
		n = s.p[i] == ',' ? 0 : n > MOST_PIECES ? n : n * 10 + (uint64_t)(s.p[i] - '0');
		*times = n > *times ? n : *times;
	}
	if (i == *at || i == s.n || s.p[i] != '}')
		return false;
	*times += s.p[i - 1] == ','; /* and as often as there are */
	*at = i + 1;
	return true;
}

static const char *size_fault(struct str s)
{
	struct level levels[MOST_DEEP + 1] = {{0, 0}}, *l = levels;
	uint64_t times;

	for (size_t at = 0; at < s.n;) {
		char c = s.p[at++];

		if (c == '(') {
			if (l == levels + MOST_DEEP)
				return "parentheses stand more than 100 deep";
			*++l = (struct level){1, 0}; /* they are a piece themselves */
		} else if (c == ')' && l > levels) {
			l--;
			add(l, l[1].all);
		} else if (c == '+') {
			repeat(l, 2);
		} else if (c == '{' && take_interval(s, &at, &times)) {
			repeat(l, times);
		} else if (c == '[') {
			at = skip_list(s, at);
			add(l, 1);
		} else if (c == '*' || c == '?' || c == '|') {
			l->all += CHOICE;
			l->last += CHOICE;
		} else {
			at += c == '\\' && at < s.n;
			add(l, 1);
		}
		if (l->all > MOST_PIECES)
			return "it is too large, with its repetitions written out";
	}
	return NULL;
}

const char *regex_fault(struct arena *a, struct str pattern, size_t *groups)
{
	const char *fault = size_fault(pattern);
	regex_t compiled;
	char why[200];
	int err = fault ? 0 : regcomp(&compiled, pattern.p, REG_EXTENDED | REG_ICASE);

	*groups = 0;
	if (err) {
		regerror(err, &compiled, why, sizeof why);
		return arena_copy(a, str_of(why)).p;
	}
	if (!fault) {
		*groups = compiled.re_nsub;
		regfree(&compiled);
	}
	return fault;
}
