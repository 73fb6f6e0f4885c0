#include "graph/excerpt.h"

#include <stdbool.h>

#include "base/utf8.h"

#define WIDTH 40    /* bytes of a line that are shown */
#define COMMON 24   /* what both have before they differ is shown up to here, */
#define LEAD 12     /* else so much of it */

/* A text, of which perhaps only the beginning is known, line by line. */
struct lines {
	struct str text, line;
	size_t next;
	bool cut, ended; /* its end is not known; there was no further line */
};

static struct lines lines_of(struct str text, size_t limit)
{
	struct lines l = {.text = text, .cut = text.n >= limit};
	size_t last = text.n;
	while (l.cut && last && last + 4 > text.n && ((unsigned char)text.p[last - 1] & 0xc0) == 0x80)
		last--;
	if (l.cut && last && ((unsigned char)text.p[last - 1] & 0xc0) == 0xc0 && utf8_invalid(str_sub(text, last - 1, text.n)) == 0)
		l.text.n = last - 1; /* a character that was cut through */
	return l;
}

/* The next line; false: there is none, or nothing is known of it. */
static bool next_line(struct lines *l)
{
	l->ended = l->next > l->text.n;
	if (l->ended)
		return false;
	size_t end = str_find(l->text, STR("\n"), l->next);
	l->line = str_sub(l->text, l->next, end);
	l->next = end + 1;
	return true;
}

/* Is its line the last that is known, and perhaps only the beginning of it? */
static bool is_cut(const struct lines *l)
{
	return l->cut && l->next > l->text.n;
}

static size_t common(struct str x, struct str y)
{
	size_t n = 0;
	while (n < x.n && n < y.n && x.p[n] == y.p[n])
		n++;
	return n;
}

static size_t to_boundary(struct str s, size_t at)
{
	while (at && at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* The part of a line about where it differs. */
static struct str part(struct arena *a, struct str line, size_t same, bool cut, const char *quote)
{
	size_t from = same > COMMON && line.n > WIDTH ? to_boundary(line, same - LEAD) : 0;
	size_t to = from + WIDTH < line.n ? to_boundary(line, from + WIDTH) : line.n;
	struct sbuf b = {0};
	utf8_escape(&b, str_sub(line, from, to));
	struct str s = arena_printf(a, "%s%s%.*s%s%s", quote, from ? "…" : "", STR_ARG(sbuf_view(&b)), to < line.n || cut ? "…" : "", quote);
	sbuf_free(&b);
	return s;
}

struct excerpt excerpt_of_texts(struct arena *a, struct str before, struct str now, size_t limit)
{
	struct lines x = lines_of(before, limit), y = lines_of(now, limit);
	for (size_t number = 1;; number++) {
		bool in_x = next_line(&x), in_y = next_line(&y);
		size_t same = in_x && in_y ? common(x.line, y.line) : 0;
		if ((!in_x && (x.cut || !in_y)) || (!in_y && y.cut))
			return (struct excerpt){0};
		if (in_x && in_y && ((is_cut(&x) && same == x.line.n) || (is_cut(&y) && same == y.line.n)))
			return (struct excerpt){0};
		if (in_x && in_y && str_eq(x.line, y.line))
			continue;
		struct str where = number > 1 ? arena_printf(a, "line %zu: ", number) : STR_NONE;
		struct str was = in_x ? part(a, x.line, same, is_cut(&x), "\"") : STR("nothing");
		return (struct excerpt){arena_printf(a, "%.*s%.*s", STR_ARG(where), STR_ARG(was)), in_y ? part(a, y.line, same, is_cut(&y), "\"") : STR("nothing")};
	}
}

/* "sh -c 'a b'": words of a rule, which its signature holds apart by a byte. */
static struct str words(struct arena *a, struct str value)
{
	struct sbuf b = {0};
	for (size_t at = 0; at <= value.n;) {
		size_t end = str_find(value, STR("\x1f"), at);
		struct str word = str_sub(value, at, end);
		bool quoted = !word.n || str_find(word, STR(" "), 0) < word.n;
		sbuf_printf(&b, "%s%s%.*s%s", at ? " " : "", quoted ? "'" : "", STR_ARG(word), quoted ? "'" : "");
		at = end + 1;
	}
	struct str s = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

static struct str key_of_line(struct str line)
{
	return str_sub(line, 0, str_find(line, STR("="), 0));
}

static struct str value_of_line(struct arena *a, struct str line)
{
	size_t at = key_of_line(line).n;
	return words(a, str_sub(line, at < line.n ? at + 1 : at, line.n));
}

/* Lines are sorted by their keys: the one that comes first is lacking in the other, if not both have it. */
static struct excerpt of_keys(struct arena *a, const struct lines *x, const struct lines *y)
{
	struct str kx = key_of_line(x->line), ky = key_of_line(y->line);
	int order = x->ended || !x->line.n ? 1 : y->ended || !y->line.n ? -1 : str_cmp(kx, ky);
	struct str key = order <= 0 ? kx : ky, before = STR("not set"), now = STR("not set"), vx = value_of_line(a, x->line), vy = value_of_line(a, y->line);
	size_t same = order ? 0 : common(vx, vy);
	if (order <= 0)
		before = part(a, vx, same, is_cut(x), "");
	if (order >= 0)
		now = part(a, vy, same, is_cut(y), "");
	return (struct excerpt){arena_printf(a, "%.*s: %.*s", STR_ARG(key), STR_ARG(before)), now};
}

static struct str revision(struct arena *a, const struct lines *l)
{
	return l->ended || !l->line.n ? STR("no revision") : arena_printf(a, "revision %.*s", STR_ARG(part(a, l->line, 0, is_cut(l), "")));
}

struct excerpt excerpt_of_providers(struct arena *a, struct str before, struct str now, size_t limit)
{
	enum { NAME = 1, REVISION };
	struct lines x = lines_of(before, limit), y = lines_of(now, limit);
	for (size_t number = NAME;; number++) {
		bool in_x = next_line(&x), in_y = next_line(&y);
		if (!in_x)
			x.line = STR_NONE;
		if (!in_y)
			y.line = STR_NONE;
		if ((!in_x && !in_y) || (!in_x && x.cut) || (!in_y && y.cut))
			return (struct excerpt){0};
		size_t same = common(x.line, y.line);
		if ((is_cut(&x) && in_x && same == x.line.n) || (is_cut(&y) && in_y && same == y.line.n))
			return (struct excerpt){0};
		if (str_eq(x.line, y.line))
			continue;
		if (number == NAME)
			return (struct excerpt){part(a, x.line, same, is_cut(&x), "\""), part(a, y.line, same, is_cut(&y), "\"")};
		return number == REVISION ? (struct excerpt){revision(a, &x), revision(a, &y)} : of_keys(a, &x, &y);
	}
}
