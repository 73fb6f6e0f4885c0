#include "base/str.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct str str_of(const char *s)
{
	return s ? (struct str){s, strlen(s)} : STR_NONE;
}

/* memcmp, which must not be handed the NULL of an empty string. */
static int bytes_cmp(const char *a, const char *b, size_t n)
{
	return n ? memcmp(a, b, n) : 0;
}

bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && bytes_cmp(a.p, b.p, a.n) == 0;
}

int str_cmp(struct str a, struct str b)
{
	int c = bytes_cmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && bytes_cmp(s.p, prefix.p, prefix.n) == 0;
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && (!suffix.n || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0);
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool str_ieq(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

size_t str_find(struct str s, struct str needle, size_t from)
{
	const char *hit;

	if (from > s.n || needle.n > s.n - from)
		return s.n;
	if (!needle.n)
		return from;
	hit = needle.n == 1 ? memchr(s.p + from, *needle.p, s.n - from) : memmem(s.p + from, s.n - from, needle.p, needle.n);
	return hit ? (size_t)(hit - s.p) : s.n;
}

struct str str_sub(struct str s, size_t from, size_t to)
{
	if (to > s.n)
		to = s.n;
	if (from > to)
		from = to;
	return from ? (struct str){s.p + from, to - from} : (struct str){s.p, to};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct str str_trim(struct str s)
{
	size_t from = 0, to = s.n;

	while (from < to && is_blank(s.p[from]))
		from++;
	while (to > from && is_blank(s.p[to - 1]))
		to--;
	return str_sub(s, from, to);
}

struct str str_trim_end_newlines(struct str s)
{
	while (s.n && s.p[s.n - 1] == '\n')
		s.n--;
	return s;
}

void sbuf_reserve(struct sbuf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 64;

	if (more >= SIZE_MAX / 4 - b->n)
		mem_exhausted();
	if (b->n + more < b->cap)
		return;
	while (cap <= b->n + more)
		cap *= 2;
	b->p = xrealloc(b->p, cap);
	b->cap = cap;
	b->p[b->n] = '\0';
}

void sbuf_add(struct sbuf *b, const void *p, size_t n)
{
	sbuf_reserve(b, n);
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void sbuf_str(struct sbuf *b, struct str s)
{
	sbuf_add(b, s.p, s.n);
}

void sbuf_lit(struct sbuf *b, const char *s)
{
	sbuf_add(b, s, strlen(s));
}

void sbuf_char(struct sbuf *b, char c)
{
	if (b->n + 1 >= b->cap)
		sbuf_reserve(b, 1);
	b->p[b->n++] = c;
	b->p[b->n] = '\0';
}

void sbuf_printf(struct sbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sbuf_vprintf(b, fmt, ap);
	va_end(ap);
}

void sbuf_vprintf(struct sbuf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	sbuf_reserve(b, 63);
	n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	assert(n >= 0);
	if ((size_t)n >= b->cap - b->n) {
		sbuf_reserve(b, (size_t)n);
		vsnprintf(b->p + b->n, b->cap - b->n, fmt, again);
	}
	va_end(again);
	b->n += (size_t)n;
}

void sbuf_clear(struct sbuf *b)
{
	b->n = 0;
	if (b->p)
		b->p[0] = '\0';
}

void sbuf_free(struct sbuf *b)
{
	free(b->p);
	*b = (struct sbuf){0};
}

struct str sbuf_view(const struct sbuf *b)
{
	return (struct str){b->p, b->n};
}

/* One row of the distance table for a[i - 1]; only the band of `limit` around the diagonal. Returns the row's least value. */
static size_t distance_row(struct str a, struct str b, size_t i, size_t limit, size_t *const rows[3])
{
	const size_t *before = rows[0], *above = rows[1], far = limit + 1;
	size_t *row = rows[2], from = i > limit ? i - limit : 1, to = limit < b.n && i < b.n - limit ? i + limit : b.n;
	size_t least;

	row[from - 1] = from == 1 && i <= limit ? i : far;
	least = row[from - 1];
	for (size_t j = from; j <= to; j++) {
		size_t best = above[j - 1] + (a.p[i - 1] != b.p[j - 1]);

		if (above[j] + 1 < best)
			best = above[j] + 1;
		if (row[j - 1] + 1 < best)
			best = row[j - 1] + 1;
		if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] && before[j - 2] + 1 < best)
			best = before[j - 2] + 1;
		row[j] = best < far ? best : far;
		if (row[j] < least)
			least = row[j];
	}
	if (to < b.n)
		row[to + 1] = far; /* the next row's band reads one further */
	return least;
}

size_t str_distance(struct str a, struct str b, size_t limit)
{
	enum { STACK = 256 };
	size_t on_stack[3 * STACK], *heap = NULL, *cells = on_stack, *rows[3], width = b.n + 1, result;
	size_t least[2] = {0, 0};
	bool lost = false;

	if ((a.n > b.n ? a.n - b.n : b.n - a.n) > limit)
		return limit + 1;
	if (limit > a.n + b.n)
		limit = a.n + b.n;
	if (width > STACK)
		cells = heap = xcalloc(width, 3 * sizeof *heap);
	for (size_t r = 0; r < 3; r++)
		rows[r] = cells + r * width;
	for (size_t j = 0; j <= b.n; j++) {
		rows[0][j] = limit + 1;
		rows[1][j] = j <= limit ? j : limit + 1;
	}
	for (size_t i = 1; i <= a.n && !lost; i++) {
		size_t *oldest = rows[0];

		/* A transposition reaches two rows back: only two rows beyond the limit leave no way. */
		least[i & 1] = distance_row(a, b, i, limit, rows);
		lost = least[0] > limit && least[1] > limit;
		rows[0] = rows[1];
		rows[1] = rows[2];
		rows[2] = oldest;
	}
	result = lost ? limit + 1 : rows[1][b.n];
	free(heap);
	return result;
}

void suggestion_offer(struct suggestion *s, struct str candidate)
{
	size_t limit = s->wanted.n / 3 ? s->wanted.n / 3 : 1, d;

	if (!candidate.n || (s->best.n && !s->distance))
		return;
	if (s->best.n)
		limit = s->distance - 1;
	d = str_distance(s->wanted, candidate, limit);
	/* Only the case differs: near, however many letters that is. */
	if (d > limit && limit >= 1 && str_ieq(s->wanted, candidate))
		d = 1;
	/* Where every letter is another one, nothing is alike. */
	if (d <= limit && (!d || d < s->wanted.n || d < candidate.n || str_ieq(s->wanted, candidate))) {
		s->best = candidate;
		s->distance = d;
	}
}
