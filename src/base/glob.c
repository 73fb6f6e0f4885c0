#include "base/glob.h"

#include <stdlib.h>
#include <string.h>

#include "base/glob_parts.h"
#include "base/mem.h"
#include "base/utf8.h"

bool glob_next_part(struct str *rest, struct str *part)
{
	while (rest->n) {
		const char *slash = memchr(rest->p, '/', rest->n);
		size_t n = slash ? (size_t)(slash - rest->p) : rest->n;

		*part = str_sub(*rest, 0, n);
		*rest = str_sub(*rest, slash ? n + 1 : n, rest->n);
		if (n && !(n == 1 && part->p[0] == '.'))
			return true;
	}
	return false;
}

bool glob_is_absolute(struct str s)
{
	return s.n && s.p[0] == '/';
}

bool glob_is_double(struct str part)
{
	return part.n == 2 && part.p[0] == '*' && part.p[1] == '*';
}

/* Offset of the ']' that closes the '[' at `open`, or 0: then the '[' stands for itself. */
static size_t set_end(struct str pat, size_t open)
{
	size_t i = open + 1;

	if (i < pat.n && (pat.p[i] == '!' || pat.p[i] == '^'))
		i++;
	/* A ']' that comes first is a member. */
	for (size_t first = i; i < pat.n; i++) {
		if (pat.p[i] == ']' && i > first)
			return i;
		if (pat.p[i] == '\\')
			i++;
	}
	return 0;
}

/* The character at *i, moved on; bad bytes get numbers beyond Unicode, so that they still differ. */
static int32_t next_char(struct str s, size_t *i)
{
	unsigned char byte = (unsigned char)s.p[*i];
	int32_t c = utf8_next(s, i);

	return c < 0 ? 0x110000 + byte : c;
}

static int32_t set_member(struct str pat, size_t *i)
{
	if (pat.p[*i] == '\\' && *i + 1 < pat.n)
		++*i;
	return next_char(pat, i);
}

/* Is c in the set whose brackets are at `open` and `close`? */
static bool set_has(struct str pat, size_t open, size_t close, int32_t c)
{
	size_t i = open + 1;
	bool negated = pat.p[i] == '!' || pat.p[i] == '^', found = false;
	struct str inside = str_sub(pat, 0, close);

	for (i += negated; i < close;) {
		int32_t low = set_member(inside, &i), high = low;

		if (i + 1 < close && pat.p[i] == '-') {
			i++;
			high = set_member(inside, &i);
		}
		found = found || (low <= c && c <= high);
	}
	return found != negated;
}

/* Does the one element at pat[*p], which is no star, match the character at name[*n]? Both are moved on. */
static bool match_one(struct str pat, size_t *p, struct str name, size_t *n)
{
	size_t open = *p, close = pat.p[open] == '[' ? set_end(pat, open) : 0;

	if (close) {
		*p = close + 1;
		return set_has(pat, open, close, next_char(name, n));
	}
	if (pat.p[open] == '?') {
		++*p;
		utf8_next(name, n);
		return true;
	}
	if (pat.p[open] == '\\' && open + 1 < pat.n)
		++*p;
	return pat.p[(*p)++] == name.p[(*n)++];
}

bool glob_match_part(struct str pat, struct str name, bool dots)
{
	size_t p = 0, n = 0, star = SIZE_MAX, star_n = 0;

	if (name.n && name.p[0] == '.' && !str_starts(pat, STR(".")) && !str_starts(pat, STR("\\.")) &&
	    (!dots || name.n == 1 || str_eq(name, STR(".."))))
		return false;
	for (;;) {
		if (p < pat.n && pat.p[p] == '*') {
			star = ++p;
			star_n = n;
			continue;
		}
		if (p == pat.n && n == name.n)
			return true;
		if (p < pat.n && n < name.n && match_one(pat, &p, name, &n))
			continue;
		if (star == SIZE_MAX || star_n == name.n)
			return false;
		utf8_next(name, &star_n);
		p = star;
		n = star_n;
	}
}

bool glob_double_passes(struct str name, bool dots)
{
	return name.p[0] != '.' || (dots && !str_eq(name, STR("..")));
}

bool glob_part_is_wild(struct str part)
{
	for (size_t i = 0; i < part.n; i++) {
		if (part.p[i] == '*' || part.p[i] == '?' || (part.p[i] == '[' && set_end(part, i)))
			return true;
		if (part.p[i] == '\\')
			i++;
	}
	return false;
}

struct str glob_literal(struct arena *a, struct str s)
{
	if (str_find(s, STR("\\"), 0) == s.n)
		return s;
	char *out = arena_text(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		out[n++] = s.p[i];
	}
	out[n] = '\0';
	return (struct str){out, n};
}

void glob_quote(struct sbuf *b, struct str path)
{
	for (size_t i = 0; i < path.n; i++) {
		if (memchr("*?[\\", path.p[i], 4))
			sbuf_char(b, '\\');
		sbuf_char(b, path.p[i]);
	}
}

bool glob_is_pattern(struct str s)
{
	struct str part;

	while (glob_next_part(&s, &part))
		if (glob_part_is_wild(part))
			return true;
	return false;
}

static bool has_part(struct str rest)
{
	struct str part;

	return glob_next_part(&rest, &part);
}

bool glob_match(struct str pattern, struct str path, bool dots)
{
	/* What follows the last "**", and where that stopped. As with stars in a part, no earlier one needs another try: where
	 * some names are barred to "**", each element matches only barred names or only others, so an earlier "**" could not get
	 * further either. */
	struct str after = STR_NONE, stopped = STR_NONE;
	bool doubled = false;

	if (glob_is_absolute(pattern) != glob_is_absolute(path))
		return false;
	for (;;) {
		struct str p = pattern, q = path, part, name;
		bool in_pattern = glob_next_part(&p, &part), in_path = glob_next_part(&q, &name);

		if (in_pattern && glob_is_double(part)) {
			/* At the end it stands for what lies below a folder, so for one part at least. */
			if (!has_part(p)) {
				if (!in_path || !glob_double_passes(name, dots))
					return false;
				path = q;
			}
			pattern = after = p;
			stopped = path;
			doubled = true;
			continue;
		}
		if (!in_pattern && !in_path)
			return true;
		if (in_pattern && in_path && glob_match_part(part, name, dots)) {
			pattern = p;
			path = q;
			continue;
		}
		if (!doubled || !glob_next_part(&stopped, &name) || !glob_double_passes(name, dots))
			return false;
		pattern = after;
		path = stopped;
	}
}

/* Is the part plain text, without even a quoted character? */
static bool part_is_plain(struct str part)
{
	return !glob_part_is_wild(part) && !memchr(part.p, '\\', part.n);
}

struct str glob_prefix(struct str pattern)
{
	const char *begin = glob_is_absolute(pattern) ? pattern.p : NULL, *end = begin;
	struct str rest = pattern, part;

	while (glob_next_part(&rest, &part) && has_part(rest) && part_is_plain(part)) {
		/* What is not normal ends it: the result is a piece of the pattern. */
		if (end && part.p != end + 1)
			break;
		begin = begin ? begin : part.p;
		end = part.p + part.n;
	}
	if (begin == end)
		return begin ? STR("/") : STR(".");
	return (struct str){begin, (size_t)(end - begin)};
}

static bool is_special(char c)
{
	return c == '*' || c == '?' || c == '[' || c == ']' || c == '\\';
}

/* Could one name match both parts, neither "**"? Two wild ones are judged by the plain text at their ends only. */
static bool parts_may_meet(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	if (part_is_plain(a))
		return part_is_plain(b) ? str_eq(a, b) : glob_match_part(b, a, true);
	if (part_is_plain(b))
		return glob_match_part(a, b, true);
	for (size_t i = 0; i < n && !is_special(a.p[i]) && !is_special(b.p[i]); i++)
		if (a.p[i] != b.p[i])
			return false;
	for (size_t i = 1; i <= n && !is_special(a.p[a.n - i]) && !is_special(b.p[b.n - i]); i++)
		if (a.p[a.n - i] != b.p[b.n - i])
			return false;
	return true;
}

struct str *glob_split(struct str pattern, size_t *n)
{
	VEC(struct str) parts = {0};
	struct str part;

	while (glob_next_part(&pattern, &part))
		vec_push(NULL, &parts, part);
	*n = parts.n;
	return parts.p;
}

/* Which part of a and which of b can be reached by one path, row by row of a. */
static bool parts_meet(const struct str *a, size_t a_n, const struct str *b, size_t b_n)
{
	bool *row = xcalloc(2 * (b_n + 1), sizeof *row), *next = row + b_n + 1, *heap = row, *swap, met;

	row[0] = true;
	for (size_t i = 0; i < a_n; i++) {
		memset(next, 0, (b_n + 1) * sizeof *next);
		for (size_t j = 0; j <= b_n; j++) {
			bool a_double = glob_is_double(a[i]), b_double = j < b_n && glob_is_double(b[j]);

			if (!row[j])
				continue;
			if (a_double || b_double) {
				next[j] = true;
				if (j < b_n)
					row[j + 1] = true;
			} else if (j < b_n && parts_may_meet(a[i], b[j])) {
				next[j + 1] = true;
			}
		}
		swap = row;
		row = next;
		next = swap;
	}
	for (size_t j = 0; j < b_n; j++)
		if (row[j] && glob_is_double(b[j]))
			row[j + 1] = true;
	met = row[b_n];
	free(heap);
	return met;
}

bool glob_may_meet(struct str a, struct str b)
{
	bool a_wild = glob_is_pattern(a), b_wild = glob_is_pattern(b), met;
	size_t a_n, b_n;
	struct str *a_parts, *b_parts;

	if (glob_is_absolute(a) != glob_is_absolute(b))
		return false;
	if (!a_wild || !b_wild) {
		struct arena literal = {0};

		met = !b_wild && glob_match(a, glob_literal(&literal, b), true);
		met = met || (!a_wild && glob_match(b, glob_literal(&literal, a), true));
		arena_free(&literal);
		return met;
	}
	a_parts = glob_split(a, &a_n);
	b_parts = glob_split(b, &b_n);
	met = parts_meet(a_parts, a_n, b_parts, b_n);
	vec_release(a_parts);
	vec_release(b_parts);
	return met;
}
