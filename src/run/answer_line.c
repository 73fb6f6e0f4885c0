#include "run/answer_line.h"

#include <ctype.h>
#include <regex.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* Longer lines are matched in pieces, which share some bytes: a pattern with .* may take the square of a line's length. */
#define LONG_LINE ((size_t)4096)
#define OVERLAP ((size_t)1024)

/* Behind a control sequence of a terminal that begins at `i` (where the ESC is): `[…letter`, `]…BEL` or `]…ESC \`, else the ESC
 * alone. */
static size_t behind_sequence(struct str s, size_t i)
{
	size_t at = i + 2;

	if (i + 1 >= s.n)
		return i + 1;
	if (s.p[i + 1] == '[') {
		while (at < s.n && (unsigned char)s.p[at] >= 0x20 && (unsigned char)s.p[at] < 0x40)
			at++;
		return at < s.n && (unsigned char)s.p[at] >= 0x40 && (unsigned char)s.p[at] < 0x7f ? at + 1 : at;
	}
	if (s.p[i + 1] != ']')
		return i + 1;
	while (at < s.n && s.p[at] != '\a' && s.p[at] != '\n' && s.p[at] != '\x1b')
		at++;
	if (at < s.n && s.p[at] == '\x1b' && at + 1 < s.n && s.p[at + 1] == '\\')
		return at + 2;
	return at < s.n && s.p[at] == '\a' ? at + 1 : at;
}

struct str line_of(struct arena *a, struct str s)
{
	char out[LINE_BYTES + 8];
	size_t n = 0, fits = 0; /* fits: where "…" can still be put */
	bool space = false;

	for (size_t i = 0; i < s.n && n <= LINE_BYTES;) {
		size_t from = i;
		int32_t c = utf8_next(s, &i);

		if (c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0x2028 || c == 0x2029) {
			space = n > 0;
			continue;
		}
		if (c == 0x1b)
			i = behind_sequence(s, from);
		if ((c >= 0 && c < 0x20) || (c >= 0x7f && c < 0xa0))
			continue;
		if (space)
			out[n++] = ' ';
		space = false;
		size_t size = c < 0 ? 3 : i - from;
		if (n + size > LINE_BYTES) {
			n = LINE_BYTES + 1;
			break;
		}
		memcpy(out + n, c < 0 ? "\xef\xbf\xbd" : s.p + from, size);
		n += size;
		if (n <= LINE_BYTES - 3)
			fits = n;
	}
	if (n <= LINE_BYTES)
		return arena_copy(a, (struct str){out, n});
	return arena_printf(a, "%.*s…", (int)fits, out);
}

struct str line_last(struct str text)
{
	size_t to = text.n;

	while (to > 0) {
		const char *nl = memrchr(text.p, '\n', to);
		size_t from = nl ? (size_t)(nl - text.p) + 1 : 0;

		for (size_t i = from; i < to; i++) {
			unsigned char c = (unsigned char)text.p[i];

			/* A line that only sets colours says nothing. */
			if (c == 0x1b)
				i = behind_sequence(str_sub(text, 0, to), i) - 1;
			else if (c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
				return str_sub(text, from, to);
		}
		to = nl ? from - 1 : 0;
	}
	return STR_NONE;
}

#define GROUPS 10

/* The first of the match's groups that holds something. */
static struct str group_of(struct arena *a, const char *line, const regmatch_t groups[GROUPS])
{
	for (int i = 1; i < GROUPS; i++)
		if (groups[i].rm_so >= 0 && groups[i].rm_eo > groups[i].rm_so)
			return arena_copy(a, (struct str){line + groups[i].rm_so, (size_t)(groups[i].rm_eo - groups[i].rm_so)});
	return STR_NONE;
}

/* Line by line in a copy: a NUL is then a space, and the size of a log no matter to the regular expression. With `group`, a match without one is none. */
static bool matches(const regex_t *re, struct str text, struct arena *a, struct str *group)
{
	char line[LONG_LINE + 1];
	regmatch_t groups[GROUPS];

	for (size_t from = 0; from < text.n;) {
		const char *nl = memchr(text.p + from, '\n', text.n - from);
		size_t to = nl ? (size_t)(nl - text.p) : text.n;
		size_t n = to - from > LONG_LINE ? LONG_LINE : to - from;

		memcpy(line, text.p + from, n);
		line[n] = 0;
		for (char *nul = line; (nul = memchr(nul, 0, (size_t)(line + n - nul))); nul++)
			*nul = ' ';
		if (regexec(re, line, group ? GROUPS : 0, groups, 0) == 0) {
			if (!group)
				return true;
			*group = group_of(a, line, groups);
			if (group->n)
				return true;
		}
		/* What a cut goes through is whole in the next piece. */
		from = from + n == to ? to + 1 : from + n - OVERLAP;
	}
	return false;
}

bool line_matches(struct arena *a, struct str pattern, struct str text, struct str other)
{
	regex_t re;

	/* One that cannot be compiled was reported when the rules were read. */
	if (pattern.n == 0 || regcomp(&re, arena_copy(a, pattern).p, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
		return false;
	bool found = matches(&re, text, NULL, NULL) || matches(&re, other, NULL, NULL);
	regfree(&re);
	return found;
}

static bool skip_word(struct str s, size_t *at, const char *word)
{
	size_t n = strlen(word);

	if (!str_ieq(str_sub(s, *at, *at + n), (struct str){word, n}))
		return false;
	*at += n;
	return true;
}

static void skip_any(struct str s, size_t *at, const char *of)
{
	while (*at < s.n && s.p[*at] && strchr(of, s.p[*at]))
		++*at;
}

/* "1.5 minutes": in ns; a number alone is seconds. -1: no number. */
static int64_t span_at(struct str s, size_t at)
{
	static const struct {
		const char *word;
		double s;
	} units[] = {{"ms", 1e-3}, {"milli", 1e-3}, {"min", 60}, {"m", 60}, {"hour", 3600}, {"h", 3600}};
	double value = 0, scale = 1, unit = 1;
	size_t from = at;

	for (; at < s.n && s.p[at] >= '0' && s.p[at] <= '9' && at - from < 9; at++)
		value = value * 10 + (s.p[at] - '0');
	if (at == from)
		return -1;
	if (at < s.n && s.p[at] == '.')
		for (at++; at < s.n && s.p[at] >= '0' && s.p[at] <= '9' && scale > 1e-6; at++)
			value += (s.p[at] - '0') * (scale /= 10);
	skip_any(s, &at, " ");
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		size_t end = at;
		/* A letter is a unit only where no other word begins with it. */
		if (!skip_word(s, &end, units[i].word) || (!units[i].word[1] && end < s.n && isalpha((unsigned char)s.p[end])))
			continue;
		unit = units[i].s;
		break;
	}
	return value * unit < 3600 ? (int64_t)(value * unit * 1e9) : INT64_C(3600000000000);
}

int64_t line_wait_ns(struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		size_t at = i;
		bool retry = skip_word(text, &at, "retry");

		if (!retry && !skip_word(text, &at, "again"))
			continue;
		skip_any(text, &at, "-_ ");
		if (!skip_word(text, &at, "in ") && !(retry && skip_word(text, &at, "after")))
			continue;
		skip_any(text, &at, "\":= ");
		int64_t ns = span_at(text, at);
		if (ns >= 0)
			return ns;
	}
	return -1;
}

struct str line_group(struct arena *a, struct str pattern, struct str text, struct str other)
{
	struct str group = STR_NONE;
	regex_t re;

	if (pattern.n == 0 || regcomp(&re, arena_copy(a, pattern).p, REG_EXTENDED | REG_ICASE) != 0)
		return STR_NONE;
	if (!matches(&re, text, a, &group))
		matches(&re, other, a, &group);
	regfree(&re);
	return group;
}
